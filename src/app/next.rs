//! What to do next, for whoever looks at the page at 3 a.m.

use super::engine::choices;
use super::life::missing;
use crate::config::Config;
use crate::record::action::{Action, ActionStatus, Progress};
use crate::record::incident::{Escalation, Incident, Status};
use crate::record::time::{Timestamp, human_span};
use crate::record::verdict::{Outcome, Verdict};
use crate::runbook::decide::Suggestion;
use crate::runbook::escalate::{Due, DueStatus};
use crate::runbook::model::{ActionBlock, Condition, Runbook};

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Next {
    /// What to type.
    pub command: String,
    /// Why.
    pub why: String,
    /// Who is needed for it.
    pub needs: Option<String>,
    /// Until when.
    pub due_at: Option<Timestamp>,
}

impl Next {
    fn new(command: impl Into<String>, why: impl Into<String>) -> Self {
        Self { command: command.into(), why: why.into(), needs: None, due_at: None }
    }
}

/// Everything that the advice rests on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The settings.
    pub config: &'a Config,
    /// The incident.
    pub incident: &'a Incident,
    /// Its runbook; `None` when this build cannot read it.
    pub runbook: Option<&'a Runbook>,
    /// Where its escalations stand.
    pub escalations: &'a [Due],
    /// What its decisions suggest, by block.
    pub suggestions: &'a [(String, Suggestion)],
    /// Conditions of the actions: which are met, by block.
    pub ready: &'a [(String, Verdict)],
    /// Actions whose approvals something has overtaken, by number.
    pub overtaken: &'a [u64],
    /// A call is being made right now.
    pub running: bool,
    /// The time now.
    pub now: Timestamp,
    /// True when the command line has to say which incident is meant.
    pub qualify: bool,
    /// The ledger is a drill's.
    pub drill: bool,
}

/// What to do next, the most urgent first.
pub fn advise(s: &Situation<'_>) -> Vec<Next> {
    let i = s.incident;
    let q = format!("{}{}", if s.qualify { format!(" -i {}", i.number) } else { String::new() }, if s.drill { " --drill" } else { "" });
    let mut out = Vec::new();
    if !i.status.is_active() {
        if i.followups.iter().any(|f| f.done.is_none()) {
            out.push(Next::new(format!("blotter followup list{q}"), "follow-ups are open"));
        }
        out.push(Next::new(if s.drill { "blotter render --drill" } else { "blotter render" }, "writes the documents"));
        return out;
    }
    for d in s.escalations.iter().filter(|d| matches!(d.status, DueStatus::Due | DueStatus::Fired)) {
        let told = |e: &Escalation| e.rule == d.rule && e.delivered.iter().any(|c| c == "person");
        if !i.escalations.iter().any(told) {
            let what = d.purpose.as_ref().map_or(String::new(), |p| format!(" for {p}"));
            out.push(Next {
                command: format!("blotter escalate --told {}{q}", d.rule),
                why: format!("tell {}{what}: {}", s.config.reach(&d.to), d.reason),
                needs: Some(s.config.reach(&d.to)),
                due_at: d.due_at,
            });
        }
    }
    if i.acknowledged.is_none() {
        out.push(Next::new(format!("blotter ack{q}"), "says that you are on it"));
    }
    for a in i.actions.iter().filter(|a| a.is_unreviewed()) {
        let Some(b) = &a.bypass else { continue };
        out.push(Next {
            command: format!("blotter review a{}{q} --comment \"…\"", a.n),
            why: format!("{} went without approval: {}", b.by, b.reason),
            needs: Some(format!("somebody else than {}", b.by)),
            due_at: Some(b.review_by),
        });
    }
    for a in &i.actions {
        out.extend(for_action(s, a, &q));
    }
    if let Some(r) = s.runbook {
        for block in &r.actions {
            out.extend(for_block(s, block, &q));
        }
        for (id, suggestion) in s.suggestions {
            if i.decisions.iter().any(|d| d.decide == *id) {
                continue;
            }
            if let Some(b) = &suggestion.branch {
                out.push(Next::new(
                    format!("blotter decide {id} {b}{q}"),
                    format!("the evidence points there: {}", suggestion.because.join("; ")),
                ));
            }
        }
        out.extend(questions(i, r, &q));
    }
    for d in s.escalations.iter().filter(|d| d.status == DueStatus::Running) {
        out.push(Next {
            command: format!("blotter show{q}"),
            why: format!("{} must be told unless it is over: {}", s.config.reach(&d.to), d.reason),
            needs: Some(s.config.reach(&d.to)),
            due_at: d.due_at,
        });
    }
    if i.status == Status::Mitigated {
        let lacks = s.runbook.map(|r| missing(i, r)).unwrap_or_default();
        let why = if lacks.is_empty() { "the harm has stopped".to_owned() } else { format!("once there is: {}", lacks.join(", ")) };
        out.push(Next::new(format!("blotter resolve{q} --summary \"…\" --impact \"…\""), why));
    }
    out
}

fn for_action(s: &Situation<'_>, a: &Action, q: &str) -> Option<Next> {
    let who = || a.rule.from.iter().map(|p| s.config.reach(p)).collect::<Vec<_>>().join(" or ");
    match a.status(s.now, s.running) {
        ActionStatus::Proposed => Some(Next {
            command: format!("blotter approve a{}{q}", a.n),
            why: format!("waits for approval: {}", a.text),
            needs: Some(who()),
            due_at: None,
        }),
        ActionStatus::Approved if s.overtaken.contains(&a.n) => Some(Next {
            command: format!("blotter approve a{}{q}", a.n),
            why: format!("something happened since it was approved, so it has to be approved again: {}", a.text),
            needs: Some(who()),
            due_at: None,
        }),
        ActionStatus::Approved => Some(Next {
            command: format!("blotter execute a{}{q}", a.n),
            why: format!("approved: {}", a.text),
            needs: None,
            due_at: a.expires_at(s.now),
        }),
        ActionStatus::Expired => Some(Next {
            command: format!("blotter approve a{}{q}", a.n),
            why: "the approval has lapsed".to_owned(),
            needs: Some(who()),
            due_at: None,
        }),
        ActionStatus::Unknown => {
            Some(Next::new(format!("blotter execute a{}{q}", a.n), "looks whether the change was made; never makes it again by itself"))
        }
        ActionStatus::Succeeded => after_success(s, a, q),
        _ => None,
    }
}

/// An action that was made is worth another look until somebody knows that it helped.
fn after_success(s: &Situation<'_>, a: &Action, q: &str) -> Option<Next> {
    let Progress::Succeeded { at, .. } = &a.progress else { return None };
    if s.runbook?.verifies.iter().any(|v| v.after == a.block) {
        let passed = a.verification.as_ref().is_some_and(|v| v.verdict == Verdict::Met);
        let why = "it was done and is not verified; looks again, and never makes it again";
        return (!passed).then(|| Next::new(format!("blotter execute a{}{q}", a.n), why));
    }
    let looked = s.incident.evidence.iter().any(|e| e.at > *at);
    (!looked).then(|| Next::new(format!("blotter collect{q}"), format!("a{} was done: see what has become of it", a.n)))
}

fn for_block(s: &Situation<'_>, block: &ActionBlock, q: &str) -> Option<Next> {
    // One that is under way or has succeeded is spoken for.
    let spoken_for = |a: &Action| {
        a.block == block.id
            && !matches!(
                a.status(s.now, s.running),
                ActionStatus::Denied | ActionStatus::Stale | ActionStatus::Failed | ActionStatus::Expired
            )
    };
    // Doing it by hand is the other way to the same end, where a step has both.
    let is_other_way = |a: &Action| {
        let other = s.runbook.and_then(|r| r.actions.iter().find(|b| b.id == a.block));
        block.kind == "manual" && other.is_some_and(|b| b.step == block.step && b.kind != "manual")
    };
    let has_succeeded = |a: &Action| matches!(a.progress, Progress::Succeeded { .. });
    if s.incident.actions.iter().any(|a| spoken_for(a) || (is_other_way(a) && has_succeeded(a))) {
        return None;
    }
    match s.ready.iter().find(|(id, _)| *id == block.id).map(|(_, v)| *v)? {
        Verdict::Met => {
            let who = block.approve.from.iter().map(|p| s.config.reach(p)).collect::<Vec<_>>().join(" or ");
            let clock = s.runbook.and_then(|r| {
                r.escalates.iter().find_map(|e| match &e.trigger {
                    crate::runbook::model::Trigger::After { after, within_ms, .. } if *after == block.id => Some(human_span(*within_ms)),
                    _ => None,
                })
            });
            let then = clock.map_or(String::new(), |c| format!("; then {c} to restore service"));
            Some(Next {
                command: format!("blotter propose {}{q}", block.id),
                why: format!("its conditions are met{then}"),
                needs: (!who.is_empty()).then_some(who),
                due_at: None,
            })
        }
        Verdict::Unmet => None,
        Verdict::Unknown => {
            let probes = probes_of(&block.requires);
            (!probes.is_empty()).then(|| {
                let list = probes.iter().map(|p| format!(" --probe {p}")).collect::<String>();
                Next::new(format!("blotter collect{list}{q}"), format!("could not look; `{}` needs it", block.id))
            })
        }
    }
}

/// The probes that conditions name.
pub fn probes_of(conditions: &[Condition]) -> Vec<String> {
    fn walk(c: &Condition, out: &mut Vec<String>) {
        match c {
            Condition::If { probe, .. } | Condition::Outcome { probe, .. } | Condition::Verdict { probe, .. } => {
                if !out.contains(probe) {
                    out.push(probe.clone());
                }
            }
            Condition::Any(cs) | Condition::All(cs) => cs.iter().for_each(|c| walk(c, out)),
            Condition::Not(c) => walk(c, out),
            Condition::Window(_) | Condition::Decided { .. } => {}
        }
    }
    let mut out = Vec::new();
    conditions.iter().for_each(|c| walk(c, &mut out));
    out
}

/// Questions that only a person can answer and nobody has.
fn questions(i: &Incident, r: &Runbook, q: &str) -> Vec<Next> {
    let open = |id: &str| i.latest(id).is_none_or(|(_, o)| o.outcome != Outcome::Answered);
    // What is asked only after an action waits for it.
    let later = |id: &str| {
        r.verifies
            .iter()
            .any(|v| v.confirm.iter().any(|c| c == id) && !i.actions.iter().any(|a| a.block == v.after && a.started_at.is_some()))
    };
    let asks = r.probes.iter().filter(|p| p.kind() == "ask" && open(&p.id) && !later(&p.id));
    asks.filter_map(|p| {
        let crate::runbook::model::ProbeSource::Ask { params, .. } = &p.source else { return None };
        let question = params.get("question")?.as_str()?;
        let answers = match choices(params).join("|") {
            none if none.is_empty() => "…".to_owned(),
            some if some.contains(char::is_whitespace) => format!("\"{some}\""),
            some => some,
        };
        Some(Next::new(format!("blotter collect --probe {} --answer {answers}{q}", p.id), question.to_owned()))
    })
    .collect()
}
