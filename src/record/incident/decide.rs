//! What a person may do to an incident, and why not.
//!
//! [`decide`] takes the state, who asks, and a command; it returns the facts to append, or a [`Refusal`].
//! It reads no clock and no world: what has to be known about either comes in with the command.

use crate::record::actor::Actor;
use crate::record::event::{
    ActionFailed, ActionStale, ActionSucceeded, ActionUnknown, DecisionMade, EscalationDelivered, EscalationRaised, Event, EventCorrected,
    EvidenceAttached, EvidenceCaptured, Facts, FollowupAdded, FollowupDone, IncidentAcknowledged, IncidentDismissed, IncidentHandedOff,
    IncidentLinked, IncidentMitigated, IncidentReopened, IncidentResolved, NoteAdded, RecoveryNotVerified, RecoveryVerified,
    SeverityChanged, Waived,
};
use crate::record::observation::Source;
use crate::record::time::Timestamp;

use super::{Incident, Status};
use crate::record::brief::Brief;

mod gate;
mod glass;
mod refusal;

pub use gate::{Approve, Proposal, moved};
pub use glass::{Glass, REASON_LEAST, Review};
pub use refusal::Refusal;

/// The severities, the gravest first.
pub const SEVERITIES: [&str; 5] = ["P0", "P1", "P2", "P3", "P4"];

/// Who asks, when, and what is known beside the incident's own events.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who acts.
    pub actor: &'a Actor,
    /// The time now.
    pub now: Timestamp,
    /// The ledger's id; part of what an approval is good for.
    pub ledger: &'a str,
    /// True while another process holds the execution lock: a started action is then running, not lost.
    pub running: bool,
}

/// What a person, a rule or the gate wants to record about an incident.
#[derive(Clone, Debug)]
pub enum Command {
    /// I am on it.
    Acknowledge {
        /// When a person says it happened.
        occurred_at: Option<Timestamp>,
    },
    /// Write something down; also after the end.
    Note {
        /// What.
        text: String,
        /// The postmortem section it belongs to.
        section: Option<String>,
        /// When a person says it happened.
        occurred_at: Option<Timestamp>,
    },
    /// Record what probes saw; numbers that are taken by now are moved up together. Never refused.
    Capture(Vec<EvidenceCaptured>),
    /// Record a file; its number is allotted here.
    Attach(EvidenceAttached),
    /// Change the severity.
    Severity {
        /// `P0` … `P4`.
        to: String,
        /// Why.
        reason: String,
        /// The rule that raises it; `None` when a person changes it.
        rule: Option<String>,
    },
    /// The harm has stopped.
    Mitigate {
        /// How.
        reason: String,
        /// When a person says it happened.
        occurred_at: Option<Timestamp>,
    },
    /// It is over.
    Resolve(Resolve),
    /// It was not this incident, or none.
    Dismiss {
        /// Why.
        reason: String,
    },
    /// It was not over.
    Reopen {
        /// Why.
        reason: String,
    },
    /// Somebody else takes over.
    HandOff {
        /// Person id.
        to: String,
        /// What they need to know.
        note: Option<String>,
    },
    /// Tell somebody; raises the severity with it where the rule says so.
    Escalate {
        /// What is recorded.
        raised: EscalationRaised,
        /// The severity the rule asks for.
        severity: Option<String>,
    },
    /// A channel took an escalation, or did not.
    Delivered(EscalationDelivered),
    /// Name a related incident.
    Link {
        /// Its number.
        incident: Option<u64>,
        /// Its runbook.
        runbook: Option<String>,
        /// Why.
        reason: String,
    },
    /// Take a branch of a `decide` block.
    Decide(DecisionMade),
    /// Put the text of an earlier event right.
    Correct {
        /// The event.
        seq: u64,
        /// The text that holds from now on.
        text: String,
        /// Why.
        reason: String,
    },
    /// Something to do afterwards; its number is allotted here.
    AddFollowup {
        /// What.
        text: String,
        /// `detective`, `preventative` or `corrective`.
        class: Option<String>,
        /// Person or team.
        owner: Option<String>,
        /// `2026-12-01`.
        due: Option<String>,
    },
    /// A follow-up is done.
    FinishFollowup {
        /// Its number.
        n: u64,
        /// How.
        note: Option<String>,
    },
    /// Propose a change.
    Propose(Proposal),
    /// Allow a proposed change.
    Approve(Approve),
    /// Refuse a proposed change.
    Deny {
        /// The action.
        n: u64,
        /// Why.
        reason: String,
    },
    /// Take one's own approval back.
    Revoke {
        /// The action.
        n: u64,
        /// Why.
        reason: String,
    },
    /// The record's part of the gate: may the call be made now?
    Start {
        /// The action.
        n: u64,
        /// What was read of the world just before.
        before: serde_json::Value,
        /// Who the world says we are.
        source: Source,
        /// The operator goes without approval.
        glass: Option<Box<Glass>>,
    },
    /// Look at what somebody else did without approval.
    Review(Review),
    /// The change was made.
    Succeeded(ActionSucceeded),
    /// The change was refused or failed.
    Failed(ActionFailed),
    /// Nobody can say.
    Unknown(ActionUnknown),
    /// The world moved away from what was approved.
    Stale(ActionStale),
    /// The verification passed.
    Verified(RecoveryVerified),
    /// The verification did not pass.
    NotVerified(RecoveryNotVerified),
}

/// See [`Command::Resolve`].
#[derive(Clone, Debug)]
pub struct Resolve {
    /// What happened and what ended it.
    pub summary: String,
    /// Who was hurt and how much.
    pub impact: String,
    /// `permanent` or `temporary`.
    pub resolution: Option<String>,
    /// What the runbook insists on and the record lacks, e.g. `ask:user-impact`.
    pub missing: Vec<String>,
    /// What of it a person leaves out, and why.
    pub without: Vec<Waived>,
    /// When a person says it happened.
    pub occurred_at: Option<Timestamp>,
}

/// Says whether another incident of `runbook` may be opened beside those in `briefs`.
///
/// # Errors
/// [`Refusal::AlreadyOpen`] when one of them is not over.
pub fn may_open(briefs: &[Brief], runbook: &str) -> Result<(), Refusal> {
    match briefs.iter().find(|b| b.runbook == runbook && b.status.is_active()) {
        None => Ok(()),
        Some(b) => Err(Refusal::AlreadyOpen { number: b.number, runbook: b.runbook.clone(), status: b.status }),
    }
}

/// Decides a command: the facts to append in this order, or why not.
///
/// `events` is the incident's whole stream, of which `incident` is the fold.
///
/// # Errors
/// The first [`Refusal`] that applies.
pub fn decide(incident: &Incident, events: &[Event], asked: &Asked<'_>, command: Command) -> Result<Vec<Facts>, Refusal> {
    let case = Case { incident, events, asked };
    match command {
        Command::Acknowledge { occurred_at } => case.acknowledge(occurred_at),
        Command::Note { text, section, occurred_at } => {
            says(&text, "note")?;
            case.past(occurred_at)?;
            one(NoteAdded { text, section, occurred_at })
        }
        Command::Capture(captured) => Ok(case.capture(captured)),
        Command::Attach(mut attached) => {
            case.past(attached.occurred_at)?;
            attached.n = case.evidence() + 1;
            one(attached)
        }
        Command::Severity { to, reason, rule } => case.severity(to, reason, rule),
        Command::Mitigate { reason, occurred_at } => case.mitigate(reason, occurred_at),
        Command::Resolve(resolve) => case.resolve(resolve),
        Command::Dismiss { reason } => {
            case.active()?;
            case.nothing_undecided()?;
            case.nothing_unreviewed()?;
            says(&reason, "reason")?;
            one(IncidentDismissed { reason })
        }
        Command::Reopen { reason } => {
            if incident.status.is_active() {
                return Err(Refusal::NotOver { number: incident.number, status: incident.status });
            }
            says(&reason, "reason")?;
            one(IncidentReopened { reason })
        }
        Command::HandOff { to, note } => {
            case.active()?;
            says(&to, "name")?;
            if to == incident.owner {
                return Err(Refusal::Unchanged { what: "owner", value: to });
            }
            one(IncidentHandedOff { to, note })
        }
        Command::Escalate { raised, severity } => case.escalate(raised, severity),
        Command::Delivered(x) => {
            if incident.escalations.iter().all(|e| e.seq != x.raised) {
                return Err(case.no_such(format!("escalation {}.{}", incident.number, x.raised)));
            }
            one(x)
        }
        Command::Link { incident, runbook, reason } => case.link(incident, runbook, reason),
        Command::Decide(decision) => {
            case.active()?;
            says(&decision.branch, "branch")?;
            one(decision)
        }
        Command::Correct { seq, text, reason } => case.correct(seq, text, reason),
        Command::AddFollowup { text, class, owner, due } => case.add_followup(text, class, owner, due),
        Command::FinishFollowup { n, note } => {
            let followup = incident.followups.iter().find(|f| f.n == n).ok_or_else(|| case.no_such(format!("follow-up f{n}")))?;
            match &followup.done {
                Some((at, _)) => Err(Refusal::AlreadyDone { number: incident.number, n, at: *at }),
                None => one(FollowupDone { n, note }),
            }
        }
        Command::Propose(proposal) => case.propose(proposal),
        Command::Approve(approve) => case.approve(approve),
        Command::Deny { n, reason } => case.deny(n, reason),
        Command::Revoke { n, reason } => case.revoke(n, reason),
        Command::Start { n, before, source, glass } => case.start(n, before, source, glass),
        Command::Review(review) => case.review(review),
        Command::Succeeded(x) => case.ended(x.n, "recorded as succeeded").and_then(|()| one(x)),
        Command::Failed(x) => case.ended(x.n, "recorded as failed").and_then(|()| one(x)),
        Command::Unknown(x) => case.lost(x.n).and_then(|()| one(x)),
        Command::Stale(x) => case.waiting(x.n, "recorded as stale").and_then(|()| one(x)),
        Command::Verified(x) => case.begun(x.n).and_then(|()| one(x)),
        Command::NotVerified(x) => case.begun(x.n).and_then(|()| one(x)),
    }
}

fn one(facts: impl Into<Facts>) -> Result<Vec<Facts>, Refusal> {
    Ok(vec![facts.into()])
}

fn says(text: &str, what: &'static str) -> Result<(), Refusal> {
    if text.trim().is_empty() { Err(Refusal::Empty { what }) } else { Ok(()) }
}

fn among(value: &str, what: &'static str, allowed: &'static str) -> Result<(), Refusal> {
    if allowed.split(", ").any(|a| a == value) { Ok(()) } else { Err(Refusal::BadValue { what, value: value.to_owned(), allowed }) }
}

fn rank(severity: &str) -> Result<usize, Refusal> {
    SEVERITIES.iter().position(|s| *s == severity).ok_or_else(|| Refusal::BadValue {
        what: "severity",
        value: severity.to_owned(),
        allowed: "P0, P1, P2, P3, P4",
    })
}

/// An incident with its events and who asks.
struct Case<'a> {
    incident: &'a Incident,
    events: &'a [Event],
    asked: &'a Asked<'a>,
}

impl Case<'_> {
    fn active(&self) -> Result<(), Refusal> {
        let Incident { number, status, .. } = *self.incident;
        if status.is_active() { Ok(()) } else { Err(Refusal::NotActive { number, status }) }
    }

    fn past(&self, at: Option<Timestamp>) -> Result<(), Refusal> {
        match at {
            Some(at) if at > self.asked.now => Err(Refusal::InFuture { at, now: self.asked.now }),
            _ => Ok(()),
        }
    }

    fn no_such(&self, what: String) -> Refusal {
        Refusal::NoSuch { number: self.incident.number, what }
    }

    fn evidence(&self) -> u64 {
        self.incident.evidence.iter().map(|e| e.n).max().unwrap_or(0)
    }

    fn acknowledge(&self, occurred_at: Option<Timestamp>) -> Result<Vec<Facts>, Refusal> {
        self.active()?;
        self.past(occurred_at)?;
        match &self.incident.acknowledged {
            Some((at, by)) => Err(Refusal::AlreadyAcknowledged { number: self.incident.number, by: by.name.clone(), at: *at }),
            None => one(IncidentAcknowledged { occurred_at }),
        }
    }

    fn capture(&self, mut captured: Vec<EvidenceCaptured>) -> Vec<Facts> {
        let taken = self.evidence();
        let first = captured.iter().map(|c| c.n).min().unwrap_or(0);
        if first <= taken {
            captured.iter_mut().for_each(|c| c.n += taken + 1 - first);
        }
        captured.sort_by_key(|c| c.n);
        captured.into_iter().map(Facts::from).collect()
    }

    fn severity(&self, to: String, reason: String, rule: Option<String>) -> Result<Vec<Facts>, Refusal> {
        self.active()?;
        let wanted = rank(&to)?;
        says(&reason, "reason")?;
        let from = self.incident.severity.clone();
        if to == from {
            return Err(Refusal::Unchanged { what: "severity", value: to });
        }
        match rule {
            Some(rule) if rank(&from).is_ok_and(|now| wanted > now) => Err(Refusal::OnlyRaises { rule, from, to }),
            rule => one(SeverityChanged { from, to, reason, rule }),
        }
    }

    fn mitigate(&self, reason: String, occurred_at: Option<Timestamp>) -> Result<Vec<Facts>, Refusal> {
        self.active()?;
        self.past(occurred_at)?;
        says(&reason, "reason")?;
        if let (Status::Mitigated, Some((at, _))) = (self.incident.status, &self.incident.mitigated) {
            return Err(Refusal::AlreadyMitigated { number: self.incident.number, at: *at });
        }
        one(IncidentMitigated { reason, occurred_at })
    }

    fn resolve(&self, r: Resolve) -> Result<Vec<Facts>, Refusal> {
        self.active()?;
        self.nothing_undecided()?;
        self.nothing_unreviewed()?;
        self.past(r.occurred_at)?;
        says(&r.summary, "summary")?;
        says(&r.impact, "impact")?;
        if let Some(resolution) = &r.resolution {
            among(resolution, "resolution", "permanent, temporary")?;
        }
        for w in &r.without {
            says(&w.because, "reason to leave it out")?;
            if !r.missing.contains(&w.what) {
                return Err(Refusal::NotMissing { what: w.what.clone() });
            }
        }
        let missing: Vec<_> = r.missing.into_iter().filter(|m| r.without.iter().all(|w| w.what != *m)).collect();
        if !missing.is_empty() {
            return Err(Refusal::Missing { number: self.incident.number, missing });
        }
        one(IncidentResolved {
            summary: r.summary,
            impact: r.impact,
            resolution: r.resolution,
            without: r.without,
            occurred_at: r.occurred_at,
        })
    }

    fn escalate(&self, raised: EscalationRaised, severity: Option<String>) -> Result<Vec<Facts>, Refusal> {
        self.active()?;
        says(&raised.to, "name")?;
        says(&raised.reason, "reason")?;
        let since = self.incident.reopened_at;
        let earlier = self.incident.escalations.iter().rev().find(|e| e.rule == raised.rule && since.is_none_or(|r| e.fired_at >= r));
        if let (Some(e), true) = (earlier, raised.rule != "manual") {
            return Err(Refusal::AlreadyRaised { number: self.incident.number, rule: raised.rule, seq: e.seq });
        }
        let mut facts = Vec::new();
        if let Some(to) = severity {
            let from = self.incident.severity.clone();
            if rank(&to)? < rank(&from).unwrap_or(usize::MAX) {
                let rule = Some(raised.rule.clone()).filter(|r| r != "manual");
                facts.push(SeverityChanged { from, to, reason: raised.reason.clone(), rule }.into());
            }
        }
        facts.insert(0, raised.into());
        Ok(facts)
    }

    fn link(&self, incident: Option<u64>, runbook: Option<String>, reason: String) -> Result<Vec<Facts>, Refusal> {
        says(&reason, "reason")?;
        if incident.is_none() && runbook.is_none() {
            return Err(Refusal::Empty { what: "related incident" });
        }
        if incident == Some(self.incident.number) {
            let value = self.incident.number.to_string();
            return Err(Refusal::BadValue { what: "related incident", value, allowed: "the other incidents" });
        }
        if self.incident.links.iter().any(|(i, r, _)| *i == incident && *r == runbook) {
            let value = incident.map(|i| i.to_string()).or(runbook).unwrap_or_default();
            return Err(Refusal::Unchanged { what: "related incident", value });
        }
        one(IncidentLinked { incident, runbook, reason })
    }

    fn correct(&self, seq: u64, text: String, reason: String) -> Result<Vec<Facts>, Refusal> {
        says(&text, "text")?;
        says(&reason, "reason")?;
        let number = self.incident.number;
        let event = self.events.iter().find(|e| e.header.seq == seq).ok_or_else(|| self.no_such(format!("event {number}.{seq}")))?;
        let Some(written) = event.facts.text() else {
            return Err(Refusal::NotCorrectable { number, seq, kind: event.header.kind.clone() });
        };
        if self.incident.corrections.get(&seq).map_or(written, String::as_str) == text {
            return Err(Refusal::Unchanged { what: "text", value: text });
        }
        one(EventCorrected { seq, text, reason })
    }

    fn add_followup(&self, text: String, class: Option<String>, owner: Option<String>, due: Option<String>) -> Result<Vec<Facts>, Refusal> {
        says(&text, "text")?;
        if let Some(class) = &class {
            among(class, "class of follow-up", "detective, preventative, corrective")?;
        }
        if let Some(due) = due.as_ref().filter(|d| chrono::NaiveDate::parse_from_str(d, "%Y-%m-%d").is_err() || d.len() != 10) {
            return Err(Refusal::BadValue { what: "date", value: due.clone(), allowed: "the days of the calendar, such as 2026-12-01" });
        }
        let n = self.incident.followups.iter().map(|f| f.n).max().unwrap_or(0) + 1;
        one(FollowupAdded { n, text, class, owner, due })
    }
}

#[cfg(test)]
mod tests;
