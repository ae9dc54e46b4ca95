//! An incident in the few facts that lists and small commands need: a fold of constant size.
//!
//! What a `Brief` says is what [`super::incident::Incident`] says; it only never looks back, so that a store
//! can keep it as one row and move it on with every event.

use serde::{Deserialize, Serialize};

use super::event::{Event, Facts};
use super::id::IncidentId;
use super::incident::{FoldError, Head, Status};
use super::time::Timestamp;

mod action;

pub use action::ActionBrief;

/// One incident on one line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Brief {
    /// Its id.
    pub id: IncidentId,
    /// Its number.
    pub number: u64,
    /// Id of its runbook.
    pub runbook: String,
    /// Its title.
    pub title: String,
    /// Severity now.
    pub severity: String,
    /// Status now.
    pub status: Status,
    /// A rehearsal.
    pub drill: bool,
    /// When it was recorded.
    pub opened_at: Timestamp,
    /// When it began, as a person says.
    pub occurred_at: Option<Timestamp>,
    /// First acknowledgement.
    pub acknowledged_at: Option<Timestamp>,
    /// When the harm last stopped; null again after `reopen`.
    pub mitigated_at: Option<Timestamp>,
    /// When it was resolved; null for a dismissed one, and again after `reopen`.
    pub resolved_at: Option<Timestamp>,
    /// Who has it now.
    pub owner: String,
    /// The end of its stream.
    pub head: Head,
    /// Highest evidence number given out.
    pub evidence: u64,
    /// Highest action number given out.
    pub actions: u64,
    /// Highest follow-up number given out.
    pub followups: u64,
    /// Follow-ups that are not done.
    pub open_followups: u64,
    /// Of those that are not done and have a day, which; the earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub due: Vec<Due>,
    /// Its actions, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<ActionBrief>,
    /// How it ended: the summary, or why it was dismissed.
    pub summary: Option<String>,
    /// Sequence number of the event that `summary` stands in, so that a correction of it is seen.
    pub summary_seq: Option<u64>,
}

/// A follow-up that is not done, with its day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Due {
    /// `2026-12-01`.
    pub on: String,
    /// Its number.
    pub n: u64,
}

impl Brief {
    /// Folds events of which the first opens the incident.
    ///
    /// # Errors
    /// As [`Brief::begin`].
    pub fn fold(events: &[Event]) -> Result<Self, FoldError> {
        let (first, rest) = events.split_first().ok_or(FoldError::NoBeginning)?;
        let mut brief = Self::begin(first)?;
        rest.iter().for_each(|e| brief.apply(e));
        Ok(brief)
    }

    /// Begins with the first event.
    ///
    /// # Errors
    /// [`FoldError`] when it is not `incident.opened` in an incident's stream.
    pub fn begin(event: &Event) -> Result<Self, FoldError> {
        let Facts::IncidentOpened(o) = &event.facts else { return Err(FoldError::NoBeginning) };
        let id = event.header.stream.as_incident().ok_or_else(|| FoldError::OtherStream(event.header.stream.to_string()))?;
        Ok(Self {
            id,
            number: o.number,
            runbook: o.runbook.id.clone(),
            title: o.title.clone(),
            severity: o.severity.clone(),
            status: Status::Open,
            drill: o.drill,
            opened_at: event.header.at,
            occurred_at: o.occurred_at,
            acknowledged_at: None,
            mitigated_at: None,
            resolved_at: None,
            owner: event.actor.name.clone(),
            head: Head { seq: event.header.seq, hash: event.hash },
            evidence: 0,
            actions: 0,
            followups: 0,
            open_followups: 0,
            due: Vec::new(),
            told: Vec::new(),
            summary: None,
            summary_seq: None,
        })
    }

    /// Moves on by one event; costs the same however long the stream is.
    pub fn apply(&mut self, event: &Event) {
        let (seq, at) = (event.header.seq, event.header.at);
        self.head = Head { seq, hash: event.hash };
        match &event.facts {
            Facts::IncidentAcknowledged(x) => {
                self.acknowledged_at.get_or_insert(x.occurred_at.unwrap_or(at));
            }
            Facts::EvidenceCaptured(x) => self.evidence = self.evidence.max(x.n),
            Facts::EvidenceAttached(x) => self.evidence = self.evidence.max(x.n),
            Facts::Erased if event.header.kind.starts_with("evidence.") => self.evidence += 1,
            Facts::ActionProposed(x) => self.actions = self.actions.max(x.n),
            Facts::SeverityChanged(x) => self.severity.clone_from(&x.to),
            Facts::IncidentHandedOff(x) => self.owner.clone_from(&x.to),
            Facts::FollowupAdded(x) => {
                self.followups = self.followups.max(x.n);
                self.open_followups += 1;
            }
            Facts::FollowupDone(_) => self.open_followups = self.open_followups.saturating_sub(1),
            Facts::RecoveryVerified(_) if self.status == Status::Open => {
                self.status = Status::Mitigated;
                self.mitigated_at = Some(at);
            }
            Facts::IncidentMitigated(x) => {
                self.status = Status::Mitigated;
                self.mitigated_at = Some(x.occurred_at.unwrap_or(at));
            }
            Facts::IncidentResolved(x) => {
                self.status = Status::Resolved;
                self.resolved_at = Some(x.occurred_at.unwrap_or(at));
                self.ended(seq, &x.summary);
            }
            Facts::IncidentDismissed(x) => {
                self.status = Status::Dismissed;
                self.ended(seq, &x.reason);
            }
            Facts::IncidentReopened(_) => {
                self.status = Status::Open;
                self.acknowledged_at = None;
                self.mitigated_at = None;
                self.resolved_at = None;
                self.summary = None;
                self.summary_seq = None;
            }
            Facts::EventCorrected(x) if self.summary_seq == Some(x.seq) => self.summary = Some(x.text.clone()),
            _ => {}
        }
        self.glance(event);
    }

    /// Moves on only what briefs did not say in the first two formats of a ledger: actions, and which follow-ups are due.
    pub fn glance(&mut self, event: &Event) {
        match &event.facts {
            Facts::ActionProposed(x) => self.told.push(ActionBrief::begin(x, event.header.at)),
            Facts::FollowupAdded(x) => {
                self.due.extend(x.due.iter().map(|on| Due { on: on.clone(), n: x.n }));
                self.due.sort_unstable();
            }
            Facts::FollowupDone(x) => self.due.retain(|d| d.n != x.n),
            facts => self.told.iter_mut().for_each(|a| a.apply(facts, event.header.at)),
        }
    }

    fn ended(&mut self, seq: u64, how: &str) {
        self.summary = Some(how.to_owned());
        self.summary_seq = Some(seq);
    }

    /// Says only what briefs said in the first two formats of a ledger.
    pub fn forget_what_is_new(&mut self) {
        self.due.clear();
        self.told.clear();
    }

    /// When it began: as a person says, or when it was recorded.
    pub fn began_at(&self) -> Timestamp {
        self.occurred_at.unwrap_or(self.opened_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::{FollowupDone, IncidentDismissed, IncidentHandedOff, IncidentReopened};
    use crate::record::incident::Incident;
    use crate::record::testing::{Story, attached};

    fn brief(events: &[Event]) -> Brief {
        Brief::fold(events).unwrap()
    }

    /// What the brief must say, looked up in the whole state.
    fn from_whole(i: &Incident) -> Brief {
        let resolved = i.resolution.as_ref();
        let summary_seq = resolved.map(|r| r.seq).or_else(|| brief_seq(i));
        let ended = resolved.map(|r| r.summary.clone()).or_else(|| i.dismissed.as_ref().map(|d| d.1.clone()));
        Brief {
            id: i.id,
            number: i.number,
            runbook: i.runbook.id.clone(),
            title: i.title.clone(),
            severity: i.severity.clone(),
            status: i.status,
            drill: i.drill,
            opened_at: i.opened_at,
            occurred_at: i.occurred_at,
            acknowledged_at: i.acknowledged.as_ref().map(|a| a.0),
            mitigated_at: i.mitigated.as_ref().map(|m| m.0),
            resolved_at: resolved.map(|r| r.at),
            owner: i.owner.clone(),
            head: i.head,
            evidence: i.evidence.iter().map(|e| e.n).max().unwrap_or(0),
            actions: i.actions.iter().map(|a| a.n).max().unwrap_or(0),
            followups: i.followups.iter().map(|f| f.n).max().unwrap_or(0),
            open_followups: i.followups.iter().filter(|f| f.done.is_none()).count() as u64,
            due: due(i),
            told: i.actions.iter().map(ActionBrief::from_whole).collect(),
            summary: summary_seq.and_then(|s| i.corrections.get(&s).cloned()).or(ended),
            summary_seq,
        }
    }

    fn due(i: &Incident) -> Vec<Due> {
        let open = i.followups.iter().filter(|f| f.done.is_none());
        let mut due: Vec<Due> = open.filter_map(|f| Some(Due { on: f.due.clone()?, n: f.n })).collect();
        due.sort();
        due
    }

    fn brief_seq(i: &Incident) -> Option<u64> {
        i.dismissed.as_ref().map(|_| i.head.seq)
    }

    #[test]
    fn a_brief_says_what_the_whole_state_says_after_every_event() {
        let mut s = Story::dead_lambda();
        let resolved = s.events.len() as u64 - 1;
        s.add(FollowupDone { n: 1, note: None });
        s.add(crate::record::event::EventCorrected { seq: resolved, text: "better".to_owned(), reason: "x".to_owned() });
        s.add(IncidentReopened { reason: "again".to_owned() });
        s.add(IncidentHandedOff { to: "T-JOSH".to_owned(), note: None });
        let file = s.add(attached(6, "x"));
        s.add(IncidentDismissed { reason: "the same page twice".to_owned() });
        for n in 1..=s.events.len() {
            let events = &s.events[..n];
            assert_eq!(brief(events), from_whole(&Incident::fold(events).unwrap()), "after {n} events");
        }
        s.erase(file);
        assert_eq!(brief(&s.events), from_whole(&s.incident()));
        assert_eq!(brief(&s.events[..usize::try_from(resolved).unwrap() + 3]).summary.as_deref(), Some("better"));
    }

    #[test]
    fn a_brief_keeps_as_json() {
        let b = brief(&Story::dead_lambda().events);
        let text = serde_json::to_string(&b).unwrap();
        assert_eq!(serde_json::from_str::<Brief>(&text).unwrap(), b);
        assert_eq!(b.summary.as_deref(), Some("prod pointed at version 42, which fails at start; rolled back to 41"));
    }

    #[test]
    fn only_an_opening_begins_a_brief() {
        let s = Story::dead_lambda();
        assert_eq!(Brief::begin(&s.events[1]).unwrap_err(), FoldError::NoBeginning);
    }
}
