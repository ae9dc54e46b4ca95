//! What `--json` prints: version 1, frozen. Types of its own, so that what is stored may change without it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::app::history::Overdue;
use crate::app::view::View;
use crate::record::action::Action;
use crate::record::brief::Brief;
use crate::record::event::Event;
use crate::record::incident::{Evidence, EvidenceKind, FollowUp, Head, Incident};
use crate::record::observation::Observation;
use crate::record::time::Timestamp;
use crate::record::timeline;
use crate::runbook::escalate::Due;

/// The version of everything in this file.
pub const V: u64 = 1;

#[derive(Serialize)]
struct HeadJson {
    seq: u64,
    hash: String,
}

impl From<Head> for HeadJson {
    fn from(h: Head) -> Self {
        Self { seq: h.seq, hash: h.hash.to_string() }
    }
}

#[derive(Serialize)]
struct IncidentJson {
    number: u64,
    id: String,
    runbook: String,
    title: String,
    severity: String,
    status: String,
    drill: bool,
    opened_at: Timestamp,
    resolved_at: Option<Timestamp>,
    head: HeadJson,
    owner: String,
    acknowledged_at: Option<Timestamp>,
    mitigated_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct ExpectationJson {
    text: String,
    verdict: String,
    actual: Value,
}

#[derive(Serialize)]
struct EvidenceJson {
    #[serde(rename = "ref")]
    reference: String,
    probe: Option<String>,
    step: Option<u32>,
    kind: String,
    outcome: Option<String>,
    verdict: Option<String>,
    observed: String,
    reason: Option<String>,
    expectations: Vec<ExpectationJson>,
    readings: BTreeMap<String, f64>,
    shown: Value,
    started_at: Timestamp,
    duration_ms: Option<u64>,
    size: Option<u64>,
    digest: Option<String>,
    truncated: bool,
    redactions: BTreeMap<String, u64>,
    source: Value,
    event: u64,
}

#[derive(Serialize)]
struct ApprovalJson {
    approver: String,
    key: Option<String>,
    signed_at: Option<Timestamp>,
    at: Timestamp,
    unsigned: bool,
    self_approved: bool,
    expires_at: Timestamp,
    revoked: bool,
}

#[derive(Serialize)]
struct ActionJson {
    #[serde(rename = "ref")]
    reference: String,
    id: String,
    action: String,
    kind: String,
    status: String,
    text: String,
    arguments: Value,
    hash: String,
    proposer: String,
    executor: Option<String>,
    approvals: Vec<ApprovalJson>,
    expires_at: Option<Timestamp>,
    verification: Option<String>,
    by_hand: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    break_glass: Option<BreakGlassJson>,
}

#[derive(Serialize)]
struct BreakGlassJson {
    by: String,
    reason: String,
    at: Timestamp,
    review_by: Timestamp,
    reviewed_by: Option<String>,
    review: Option<String>,
}

#[derive(Serialize)]
struct EscalationJson {
    rule: String,
    to: String,
    due_at: Option<Timestamp>,
    status: String,
    reason: String,
}

#[derive(Serialize)]
struct FollowupJson {
    #[serde(rename = "ref")]
    reference: String,
    text: String,
    class: Option<String>,
    owner: Option<String>,
    due: Option<String>,
    done_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct LineJson {
    seq: u64,
    at: Timestamp,
    occurred_at: Option<Timestamp>,
    #[serde(rename = "type")]
    kind: String,
    actor: String,
    summary: String,
    hash: String,
}

#[derive(Serialize)]
struct NextJson {
    command: String,
    why: String,
    needs: Option<String>,
    due_at: Option<Timestamp>,
}

/// An earlier incident of the same runbook.
#[derive(Serialize)]
struct EarlierJson {
    number: u64,
    title: String,
    status: String,
    resolved_at: Option<Timestamp>,
    /// The summary; of a dismissed one the reason.
    resolution: Option<String>,
}

#[derive(Serialize)]
struct ShowJson {
    v: u64,
    incident: IncidentJson,
    evidence: Vec<EvidenceJson>,
    actions: Vec<ActionJson>,
    escalations: Vec<EscalationJson>,
    followups: Vec<FollowupJson>,
    timeline: Vec<LineJson>,
    next: Vec<NextJson>,
    earlier: Vec<EarlierJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<String>>,
}

#[derive(Serialize)]
struct ListJson {
    v: u64,
    incidents: Vec<IncidentJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    overdue: Vec<FollowupJson>,
    /// `7.a1`: started, and nobody knows what came of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
}

/// The `show` document; `events` are those that the command appended.
///
/// # Errors
/// A number that JSON cannot hold.
pub fn show(view: &View, events: Option<&[Event]>) -> Result<String, serde_json::Error> {
    let i = &view.incident;
    let own = |e: &&Event| e.header.stream.as_incident() == Some(i.id);
    serde_json::to_string(&ShowJson {
        v: V,
        incident: incident(i),
        evidence: i.evidence.iter().map(evidence).collect(),
        actions: i.actions.iter().map(|a| action(a, view)).collect(),
        escalations: view.escalations.iter().map(escalation).chain(manual(i)).collect(),
        followups: i.followups.iter().map(followup).collect(),
        timeline: timeline::entries(&view.events).into_iter().map(line).collect(),
        next: view
            .next
            .iter()
            .map(|n| NextJson { command: n.command.clone(), why: n.why.clone(), needs: n.needs.clone(), due_at: n.due_at })
            .collect(),
        earlier: view.earlier.iter().map(earlier).collect(),
        events: events.map(|es| es.iter().filter(own).map(|e| format!("{}.{}", i.number, e.header.seq)).collect()),
    })
}

/// The `list` document, of incidents with the numbers of their actions that ended nobody knows how.
///
/// # Errors
/// A number that JSON cannot hold.
pub fn list(listed: &[(Brief, Vec<u64>)], overdue: &[Overdue]) -> Result<String, serde_json::Error> {
    let late = overdue.iter().map(|o| FollowupJson { reference: format!("{}.f{}", o.incident, o.followup.n), ..followup(&o.followup) });
    let unknown = listed.iter().flat_map(|(b, unknown)| unknown.iter().map(|n| format!("{}.a{n}", b.number)));
    let incidents = listed.iter().map(|(b, _)| brief(b)).collect();
    serde_json::to_string(&ListJson { v: V, incidents, overdue: late.collect(), unknown: unknown.collect() })
}

fn earlier(b: &Brief) -> EarlierJson {
    EarlierJson {
        number: b.number,
        title: b.title.clone(),
        status: b.status.to_string(),
        resolved_at: b.resolved_at,
        resolution: b.summary.clone(),
    }
}

fn followup(f: &FollowUp) -> FollowupJson {
    FollowupJson {
        reference: format!("f{}", f.n),
        text: f.text.clone(),
        class: f.class.clone(),
        owner: f.owner.clone(),
        due: f.due.clone(),
        done_at: f.done.as_ref().map(|(at, _)| *at),
    }
}

fn incident(i: &Incident) -> IncidentJson {
    IncidentJson {
        number: i.number,
        id: i.id.to_string(),
        runbook: i.runbook.id.clone(),
        title: i.title.clone(),
        severity: i.severity.clone(),
        status: i.status.to_string(),
        drill: i.drill,
        opened_at: i.opened_at,
        resolved_at: i.resolution.as_ref().map(|r| r.at),
        head: i.head.into(),
        owner: i.owner.clone(),
        acknowledged_at: i.acknowledged.as_ref().map(|(at, _)| *at),
        mitigated_at: i.mitigated.as_ref().map(|(at, _)| *at),
    }
}

fn brief(b: &Brief) -> IncidentJson {
    IncidentJson {
        number: b.number,
        id: b.id.to_string(),
        runbook: b.runbook.clone(),
        title: b.title.clone(),
        severity: b.severity.clone(),
        status: b.status.to_string(),
        drill: b.drill,
        opened_at: b.opened_at,
        resolved_at: b.resolved_at,
        head: b.head.into(),
        owner: b.owner.clone(),
        acknowledged_at: b.acknowledged_at,
        mitigated_at: b.mitigated_at,
    }
}

fn evidence(e: &Evidence) -> EvidenceJson {
    match &e.what {
        EvidenceKind::Observed(o) => EvidenceJson { reference: format!("e{}", e.n), event: e.seq, ..observation(o) },
        EvidenceKind::Attached { name, blob, truncated, redactions, note } => EvidenceJson {
            kind: "attachment".to_owned(),
            observed: name.clone(),
            reason: note.clone(),
            size: Some(blob.size),
            digest: Some(blob.digest.to_string()),
            truncated: *truncated,
            redactions: redactions.clone(),
            ..blank(e)
        },
        EvidenceKind::Erased => EvidenceJson { kind: "erased".to_owned(), observed: "erased".to_owned(), ..blank(e) },
    }
}

fn blank(e: &Evidence) -> EvidenceJson {
    EvidenceJson {
        reference: format!("e{}", e.n),
        probe: None,
        step: None,
        kind: String::new(),
        outcome: None,
        verdict: None,
        observed: String::new(),
        reason: None,
        expectations: Vec::new(),
        readings: BTreeMap::new(),
        shown: Value::Null,
        started_at: e.at,
        duration_ms: None,
        size: None,
        digest: None,
        truncated: false,
        redactions: BTreeMap::new(),
        source: Value::Null,
        event: e.seq,
    }
}

fn observation(o: &Observation) -> EvidenceJson {
    EvidenceJson {
        reference: String::new(),
        probe: Some(o.probe.clone()),
        step: o.step,
        kind: o.kind.clone(),
        outcome: Some(o.outcome.to_string()),
        verdict: o.verdict.map(|v| v.to_string()),
        observed: o.observed.clone(),
        reason: o.reason.clone(),
        expectations: o
            .expectations
            .iter()
            .map(|c| ExpectationJson { text: c.text.clone(), verdict: c.verdict.to_string(), actual: c.actual.clone() })
            .collect(),
        readings: o.readings.iter().map(|r| (r.name.clone(), r.value)).collect(),
        shown: o.shown.clone(),
        started_at: o.started_at,
        duration_ms: Some(o.duration_ms),
        size: o.blob.as_ref().map(|b| b.size),
        digest: o.blob.as_ref().map(|b| b.digest.to_string()),
        truncated: o.truncated,
        redactions: o.redactions.clone(),
        source: serde_json::to_value(&o.source).unwrap_or(Value::Null),
        event: 0,
    }
}

/// The evidence part alone, for a capture that could not be recorded.
///
/// # Errors
/// A number that JSON cannot hold.
pub fn observations(os: &[Observation]) -> Result<Value, serde_json::Error> {
    serde_json::to_value(os.iter().map(observation).collect::<Vec<_>>())
}

fn action(a: &Action, view: &View) -> ActionJson {
    ActionJson {
        reference: format!("a{}", a.n),
        id: a.id.to_string(),
        action: a.block.clone(),
        kind: a.kind.clone(),
        status: a.status(view.now, view.running).to_string(),
        text: a.text.clone(),
        arguments: a.arguments.clone(),
        hash: a.hash.to_string(),
        proposer: a.proposer.clone(),
        executor: a.executor.clone(),
        approvals: a
            .approvals
            .iter()
            .map(|p| ApprovalJson {
                approver: p.approver.clone(),
                key: p.signature.as_ref().and_then(|s| s.get("key")).and_then(Value::as_str).map(str::to_owned),
                signed_at: p.signature.is_some().then_some(p.at),
                at: p.at,
                unsigned: p.signature.is_none(),
                self_approved: p.self_approved,
                expires_at: p.expires_at,
                revoked: p.revoked,
            })
            .collect(),
        expires_at: a.expires_at(view.now),
        verification: a.verification.as_ref().map(|v| v.verdict.to_string()),
        by_hand: a.by_hand.clone(),
        break_glass: a.bypass.as_ref().map(|b| BreakGlassJson {
            by: b.by.clone(),
            reason: b.reason.clone(),
            at: b.at,
            review_by: b.review_by,
            reviewed_by: b.review.as_ref().map(|(_, by, _, _)| by.clone()),
            review: b.review.as_ref().map(|(_, _, _, said)| said.clone()),
        }),
    }
}

fn escalation(d: &Due) -> EscalationJson {
    EscalationJson { rule: d.rule.clone(), to: d.to.clone(), due_at: d.due_at, status: d.status.to_string(), reason: d.reason.clone() }
}

/// Escalations that a person raised, which no rule stands for.
fn manual(i: &Incident) -> impl Iterator<Item = EscalationJson> {
    i.escalations.iter().filter(|e| e.rule == "manual").map(|e| EscalationJson {
        rule: e.rule.clone(),
        to: e.to.clone(),
        due_at: Some(e.due_at),
        status: "fired".to_owned(),
        reason: e.reason.clone(),
    })
}

fn line(e: timeline::Entry) -> LineJson {
    LineJson {
        seq: e.seq,
        at: e.at,
        occurred_at: e.occurred_at,
        kind: e.kind,
        actor: e.actor,
        summary: e.summary,
        hash: e.hash.to_string(),
    }
}

#[cfg(test)]
mod tests;
