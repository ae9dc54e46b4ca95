//! What happened, one plain line for each event.
//!
//! Text from outside comes through as it is, only brought onto one line; whoever prints it escapes it.

use serde::Serialize;

use super::event::{Event, Facts};
use super::id::Hash;
use super::observation::Observation;
use super::time::{Timestamp, human_span};
use super::verdict::Verdict;

/// How often in a row every probe was as expected: `3 rounds in a row`.
pub fn rounds(passes: u64) -> String {
    if passes == 1 { "one round".to_owned() } else { format!("{passes} rounds in a row") }
}

/// One line of a timeline, as others build on it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Position in the stream.
    pub seq: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// When a person says it happened.
    pub occurred_at: Option<Timestamp>,
    /// The event's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who acted.
    pub actor: String,
    /// What happened, on one line; as corrected since.
    pub summary: String,
    /// Sequence number of the correction that `summary` rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrected_by: Option<u64>,
    /// The event's hash.
    pub hash: Hash,
}

impl Entry {
    /// When it happened: as a person says, or when it was recorded.
    pub fn when(&self) -> Timestamp {
        self.occurred_at.unwrap_or(self.at)
    }
}

/// The timeline of a stream, in the order of recording, with corrections in place.
pub fn entries(events: &[Event]) -> Vec<Entry> {
    let mut all: Vec<_> = events.iter().map(|e| entry(e, None)).collect();
    for (i, e) in events.iter().enumerate() {
        let Facts::EventCorrected(x) = &e.facts else { continue };
        let target = events[..i].iter().position(|t| t.header.seq == x.seq);
        if let Some(t) = target.filter(|t| events[*t].facts.text().is_some()) {
            all[t] = Entry { corrected_by: Some(e.header.seq), ..entry(&events[t], Some(&x.text)) };
        }
    }
    all
}

fn entry(event: &Event, text: Option<&str>) -> Entry {
    Entry {
        seq: event.header.seq,
        at: event.header.at,
        occurred_at: occurred_at(&event.facts),
        kind: event.header.kind.clone(),
        actor: event.actor.name.clone(),
        summary: summary_with(event, text),
        corrected_by: None,
        hash: event.hash,
    }
}

/// The event on one line: when it was recorded (UTC), who, what.
pub fn line(event: &Event) -> String {
    format!("{}  {}  {}", event.header.at.to_seconds(), one_line(&event.actor.name), summary(event))
}

/// What happened, on one line.
pub fn summary(event: &Event) -> String {
    summary_with(event, None)
}

/// When a person says it happened, where the event has that.
pub fn occurred_at(facts: &Facts) -> Option<Timestamp> {
    match facts {
        Facts::IncidentOpened(x) => x.occurred_at.or(x.late),
        Facts::IncidentAcknowledged(x) => x.occurred_at,
        Facts::EvidenceAttached(x) => x.occurred_at,
        Facts::NoteAdded(x) => x.occurred_at,
        Facts::IncidentMitigated(x) => x.occurred_at,
        Facts::IncidentResolved(x) => x.occurred_at,
        Facts::DeployRecorded(x) => x.occurred_at,
        _ => None,
    }
}

/// Puts text on one line: every run of white space and control characters becomes one space.
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// The word for a verdict that may be absent.
pub fn verdict_word(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Met) => "met",
        Some(Verdict::Unmet) => "unmet",
        Some(Verdict::Unknown) => "unknown",
        None => "seen",
    }
}

fn observed(o: &Observation) -> String {
    let cut = if o.truncated { " (truncated)" } else { "" };
    let what = match &o.reason {
        Some(reason) => format!("{}: {reason}", o.outcome),
        None => o.observed.clone(),
    };
    format!("{} {}: {what}{cut}", o.probe, verdict_word(o.verdict))
}

fn with(head: String, sep: &str, tail: Option<&str>) -> String {
    match tail {
        Some(t) if !t.is_empty() => format!("{head}{sep}{t}"),
        _ => head,
    }
}

/// The words by which an event may be found again: what people wrote, what was seen and what was done, as stored.
///
/// What is found must not change with how a line is put; no wording of ours is in it.
pub fn words(facts: &Facts) -> Vec<&str> {
    match facts {
        Facts::IncidentOpened(x) => {
            let mut all = vec![x.runbook.id.as_str(), &x.runbook.title, &x.title];
            all.extend(x.reason.as_deref());
            all
        }
        Facts::EvidenceCaptured(x) => {
            let mut all = vec![x.observation.probe.as_str(), &x.observation.observed];
            all.extend(x.observation.reason.as_deref());
            all
        }
        Facts::EvidenceAttached(x) => std::iter::once(x.name.as_str()).chain(x.note.as_deref()).collect(),
        Facts::EventCorrected(x) => vec![&x.text, &x.reason],
        Facts::SeverityChanged(x) => vec![&x.reason],
        Facts::DecisionMade(x) => [x.decide.as_str(), &x.branch].into_iter().chain(x.reason.as_deref()).collect(),
        Facts::EscalationRaised(x) => std::iter::once(x.reason.as_str()).chain(x.purpose.as_deref()).collect(),
        Facts::ActionProposed(x) => vec![&x.action, &x.text],
        Facts::ApprovalGranted(x) => x.comment.as_deref().into_iter().collect(),
        Facts::ApprovalRevoked(x) => vec![&x.reason],
        Facts::ApprovalBypassed(x) => vec![&x.reason],
        Facts::ApprovalReviewed(x) => vec![&x.comment],
        Facts::ActionDenied(x) => vec![&x.reason],
        Facts::ActionStale(x) => vec![&x.reason],
        Facts::ActionSucceeded(x) => vec![&x.text],
        Facts::ActionFailed(x) => vec![&x.error],
        Facts::ActionUnknown(x) => vec![&x.error],
        Facts::RecoveryNotVerified(x) => vec![&x.reason],
        Facts::FollowupDone(x) => x.note.as_deref().into_iter().collect(),
        Facts::IncidentResolved(x) => {
            let waived = x.without.iter().flat_map(|w| [w.what.as_str(), &w.because]);
            [x.summary.as_str(), &x.impact].into_iter().chain(waived).collect()
        }
        Facts::Erased | Facts::Other { .. } => Vec::new(),
        other => other.text().into_iter().filter(|t| !t.is_empty()).collect(),
    }
}

/// What happened, on one line; `text`, where given, stands for the event's own text, which was put right since.
pub fn summary_with(event: &Event, text: Option<&str>) -> String {
    let own = text.or_else(|| event.facts.text()).unwrap_or_default();
    let said = Some(own);
    let line = match &event.facts {
        Facts::LedgerCreated(x) if x.drill => format!("DRILL ledger {} created", x.ledger),
        Facts::LedgerCreated(x) => format!("ledger {} created", x.ledger),
        Facts::SignersChanged(x) => format!("the list of signers changed, to {}", x.hash.short()),
        Facts::LedgerKeyAdded(x) => {
            let what = if x.replaces.is_some() { "the ledger has another key" } else { "the ledger has a key" };
            with(format!("{what}: {}", x.key), "; ", x.reason.as_deref())
        }
        Facts::IncidentOpened(x) => {
            let drill = if x.drill { "DRILL " } else { "" };
            let head = format!("{drill}incident {} opened, {}: {} {}", x.number, x.severity, x.runbook.id, x.title);
            with(head, "; ", x.reason.as_deref())
        }
        Facts::IncidentAcknowledged(_) => "acknowledged".to_owned(),
        Facts::EvidenceCaptured(x) => format!("e{} {}", x.n, observed(&x.observation)),
        Facts::EvidenceAttached(x) => {
            let cut = if x.truncated { ", truncated" } else { "" };
            with(format!("e{} attached: {} ({} bytes{cut})", x.n, x.name, x.blob.size), ": ", said)
        }
        Facts::NoteAdded(x) => match &x.section {
            Some(section) => format!("note ({section}): {own}"),
            None => format!("note: {own}"),
        },
        Facts::EventCorrected(x) => format!("event {} corrected to: {} ({})", x.seq, x.text, x.reason),
        Facts::SeverityChanged(x) => match &x.rule {
            Some(rule) => format!("severity {} -> {} by rule {rule}: {}", x.from, x.to, x.reason),
            None => format!("severity {} -> {}: {own}", x.from, x.to),
        },
        Facts::DecisionMade(x) => {
            let beside = match &x.suggested {
                Some(s) if *s == x.branch => String::new(),
                Some(s) => format!(", where the evidence suggested {s}"),
                None => ", where the evidence suggested none".to_owned(),
            };
            with(format!("decided {}: {} ({}){beside}", x.decide, x.branch, x.then), ": ", said)
        }
        Facts::EscalationRaised(x) => {
            let purpose = x.purpose.as_ref().map(|p| format!(" for {p}")).unwrap_or_default();
            format!("escalated to {}{purpose} by {}, due {}: {}", x.to, x.rule, x.due_at.to_seconds(), x.reason)
        }
        Facts::EscalationDelivered(x) if x.ok => with(format!("escalation {} delivered by {}", x.raised, x.channel), ": ", Some(&x.detail)),
        Facts::EscalationDelivered(x) => format!("escalation {} not delivered by {}: {}", x.raised, x.channel, x.detail),
        Facts::IncidentHandedOff(x) => with(format!("handed off to {}", x.to), ": ", said),
        Facts::IncidentLinked(x) => {
            let other = match (x.incident, &x.runbook) {
                (Some(i), Some(r)) => format!("incident {i} ({r})"),
                (Some(i), None) => format!("incident {i}"),
                (None, r) => r.clone().unwrap_or_default(),
            };
            with(format!("linked to {other}"), ": ", said)
        }
        Facts::IncidentMitigated(_) => with("mitigated".to_owned(), ": ", said),
        Facts::FollowupAdded(x) => {
            let owner = x.owner.as_ref().map(|o| format!(", {o}")).unwrap_or_default();
            let due = x.due.as_ref().map(|d| format!(", due {d}")).unwrap_or_default();
            format!("f{} to do{owner}{due}: {own}", x.n)
        }
        Facts::FollowupDone(x) => with(format!("f{} done", x.n), ": ", x.note.as_deref()),
        Facts::IncidentResolved(x) => {
            let kind = x.resolution.as_ref().map(|r| format!(" ({r})")).unwrap_or_default();
            format!("resolved{kind}: {own}")
        }
        Facts::IncidentDismissed(_) => format!("dismissed: {own}"),
        Facts::IncidentReopened(_) => format!("reopened: {own}"),
        Facts::PayloadErased(x) => {
            let what =
                if x.stream == event.header.stream { format!("event {}", x.seq) } else { format!("event {} of {}", x.seq, x.stream) };
            format!("{what} erased, allowed by {}: {}", x.approved_by.join(", "), x.reason)
        }
        Facts::DeployRecorded(x) if x.status_only => format!("{}:{} version {} is {}", x.function, x.alias, x.to, x.status),
        Facts::DeployRecorded(x) => {
            let from = x.from.as_ref().map(|f| format!("{f} ")).unwrap_or_default();
            format!("{}:{} {from}-> {} ({})", x.function, x.alias, x.to, x.status)
        }
        Facts::ObservationRecorded(x) => observed(&x.observation),
        Facts::Other { kind, .. } => format!("{kind} (written by a newer version)"),
        Facts::Erased => format!("{} (erased)", event.header.kind),
        of_action => action_summary(of_action),
    };
    one_line(&line)
}

fn action_summary(facts: &Facts) -> String {
    let looked = |reconciled: bool| if reconciled { " (found by looking afterwards)" } else { "" };
    match facts {
        Facts::ActionProposed(x) => {
            let by_hand = if x.by_hand.is_empty() { String::new() } else { format!(" ({} given by hand)", x.by_hand.join(", ")) };
            format!("a{} proposed: {}{by_hand}", x.n, x.text)
        }
        Facts::ApprovalGranted(x) => {
            let signed = if x.signature.is_some() { "signed" } else { "unsigned" };
            let own = if x.self_approved { ", self-approved" } else { "" };
            let head = format!("a{} approved by {} ({signed}{own}), until {}", x.n, x.approver, x.expires_at.to_seconds());
            with(head, ": ", x.comment.as_deref())
        }
        Facts::ApprovalRevoked(x) => format!("a{} approval of {} taken back: {}", x.n, x.approver, x.reason),
        Facts::ApprovalBypassed(x) => {
            format!("a{} BREAK-GLASS: {} goes without approval, to be reviewed by {}: {}", x.n, x.by, x.review_by.to_seconds(), x.reason)
        }
        Facts::ApprovalReviewed(x) => format!("a{} break-glass reviewed by {}: {}", x.n, x.by, x.comment),
        Facts::ActionDenied(x) => format!("a{} denied by {}: {}", x.n, x.by, x.reason),
        Facts::ActionStale(x) => format!("a{} stale: {}", x.n, x.reason),
        Facts::ActionStarted(x) => format!("a{} started by {}", x.n, x.executor),
        Facts::ActionSucceeded(x) => format!("a{} succeeded: {}{}", x.n, x.text, looked(x.reconciled)),
        Facts::ActionFailed(x) => format!("a{} failed: {}{}", x.n, x.error, looked(x.reconciled)),
        Facts::ActionUnknown(x) => format!("a{} outcome unknown: {}", x.n, x.error),
        Facts::RecoveryVerified(x) => {
            format!("a{} recovery verified ({}), {}, {} after the start", x.n, x.verify, rounds(x.passes), human_span(x.after_ms))
        }
        Facts::RecoveryNotVerified(x) => format!("a{} recovery not verified ({}, {}): {}", x.n, x.verify, x.verdict, x.reason),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
