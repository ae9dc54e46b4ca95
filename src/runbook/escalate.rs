//! Who must be told, and when.
//!
//! - `when` falls due at the first instant at which its condition was met, see [`super::condition::ever`].
//! - `after` an action: the clock starts when it was started (`action.started`), for each execution of it. A
//!   failed or unknown end makes it fall due at once. `after = "opened"`: the clock starts at the opening.
//! - `unless` calls the clock off if it came to pass no later than the due time: `recovered` (a verification after
//!   that start was met), `acknowledged`, `mitigated`, `resolved`, or the id of a verify block that was met.
//!   What came later does not undo that somebody should have been told; whenever one looks, the answer is the same.
//! - A rule fires once per incident, and again after it was reopened: nothing from before then counts, and the
//!   clock of `opened` starts at the reopening.
//! - Of several executions the one whose clock ends first speaks: due before running before called off.
//! - When the incident is over, what had not fallen due is called off.
//!
//! Every rule is in the answer, so that running clocks can be shown.

use std::fmt;

use super::condition::{Facts, ever};
use super::model::{Escalate, Runbook, Trigger};
use crate::record::action::{Action, Progress};
use crate::record::incident::Incident;
use crate::record::time::{Timestamp, human_span};
use crate::record::verdict::Verdict;

/// Where a rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueStatus {
    /// Nothing has started it.
    Waiting,
    /// Its clock is running.
    Running,
    /// Somebody has to be told, and was not yet.
    Due,
    /// It is recorded that somebody has to be told.
    Fired,
    /// What would have called for it did not come to pass in time, or the incident is over.
    CalledOff,
    /// Nobody can say.
    Unknown,
}

impl fmt::Display for DueStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Due => "due",
            Self::Fired => "fired",
            Self::CalledOff => "called-off",
            Self::Unknown => "unknown",
        })
    }
}

/// One rule's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The rule's id.
    pub rule: String,
    /// Person or team to tell.
    pub to: String,
    /// What they are wanted for.
    pub purpose: Option<String>,
    /// The severity it raises to; `None` when that would not raise it.
    pub severity: Option<String>,
    /// When it falls, or fell, due.
    pub due_at: Option<Timestamp>,
    /// Where it stands.
    pub status: DueStatus,
    /// Why, on one line.
    pub reason: String,
}

/// The state of every escalation rule, in the runbook's order.
pub fn due(runbook: &Runbook, incident: &Incident, facts: &Facts<'_>) -> Vec<Due> {
    runbook.escalates.iter().map(|rule| state(rule, incident, facts)).collect()
}

/// A rule's status, due time and reason.
type State = (DueStatus, Option<Timestamp>, String);

fn state(rule: &Escalate, incident: &Incident, facts: &Facts<'_>) -> Due {
    let fired = incident.escalations.iter().rev().find(|e| e.rule == rule.id && counts(incident, e.fired_at));
    let (status, due_at, reason) = match (fired, &rule.trigger) {
        (Some(e), _) => (DueStatus::Fired, Some(e.due_at), e.reason.clone()),
        (None, Trigger::When(condition)) => on_condition(condition, incident, facts),
        (None, Trigger::After { after, within_ms, unless }) => {
            let clock = Clock { after, within_ms: *within_ms, unless: unless.as_deref(), incident, now: facts.now };
            clock.state()
        }
    };
    // `P0` is the highest, so a smaller text is a higher severity.
    let severity = rule.severity.clone().filter(|s| *s < incident.severity);
    Due { rule: rule.id.clone(), to: rule.to.clone(), purpose: rule.purpose.clone(), severity, due_at, status, reason }
}

/// False for what happened before the incident was last reopened.
fn counts(incident: &Incident, at: Timestamp) -> bool {
    incident.reopened_at.is_none_or(|reopened| at >= reopened)
}

/// When the incident ended, and how.
fn end(incident: &Incident) -> Option<(Timestamp, &'static str)> {
    let resolved = incident.resolution.as_ref().map(|r| (r.at, "the incident is resolved"));
    resolved.or_else(|| incident.dismissed.as_ref().map(|(at, _)| (*at, "the incident was dismissed")))
}

fn on_condition(condition: &super::model::Condition, incident: &Incident, facts: &Facts<'_>) -> State {
    if let Some((_, over)) = end(incident) {
        return (DueStatus::CalledOff, None, over.to_owned());
    }
    let since = incident.reopened_at.unwrap_or(facts.since);
    let found = ever(condition, &Facts { since, ..*facts }, incident.reopened_at.is_some());
    let reason = found.line();
    match found.verdict {
        Verdict::Met => (DueStatus::Due, Some(found.since.unwrap_or(facts.now)), reason),
        Verdict::Unmet => (DueStatus::Waiting, None, reason),
        Verdict::Unknown => (DueStatus::Unknown, None, reason),
    }
}

/// An `after` rule at work.
struct Clock<'a> {
    after: &'a str,
    within_ms: i64,
    unless: Option<&'a str>,
    incident: &'a Incident,
    now: Timestamp,
}

impl Clock<'_> {
    fn state(&self) -> State {
        if self.after == "opened" {
            let opened = self.incident.late.map_or(self.incident.opened_at, |late| late.min(self.incident.opened_at));
            let start = self.incident.reopened_at.unwrap_or(opened);
            let what = if self.incident.reopened_at.is_some() { "reopened" } else { "opened" };
            return self.run(start, start.plus_millis(self.within_ms), &format!("the incident was {what}"));
        }
        let started = self.incident.actions.iter().filter(|a| a.block == self.after);
        let states = started.filter_map(|a| self.of_action(a));
        let none = || match end(self.incident) {
            Some((_, over)) => (DueStatus::CalledOff, None, over.to_owned()),
            None => (DueStatus::Waiting, None, format!("`{}` has not been started", self.after)),
        };
        states.min_by_key(|(status, due_at, _)| (urgency(*status), *due_at)).unwrap_or_else(none)
    }

    fn of_action(&self, action: &Action) -> Option<State> {
        let start = action.started_at.filter(|at| counts(self.incident, *at))?;
        let due_at = start.plus_millis(self.within_ms);
        let ended = match &action.progress {
            Progress::Failed { error, at, .. } => Some((*at, format!("`{}` (a{}) failed: {error}", self.after, action.n))),
            Progress::Unknown { error, at } => Some((*at, format!("nobody can say how `{}` (a{}) ended: {error}", self.after, action.n))),
            _ => None,
        };
        let started = format!("`{}` (a{}) was started", self.after, action.n);
        Some(match ended {
            Some((at, reason)) if at < due_at => self.at_once(start, at, reason),
            _ => self.run(start, due_at, &started),
        })
    }

    /// Falls due at the very end of an action, unless it was called off before.
    fn at_once(&self, start: Timestamp, due_at: Timestamp, reason: String) -> State {
        match self.called_off(start, due_at) {
            Some(why) => (DueStatus::CalledOff, Some(due_at), why),
            None => (DueStatus::Due, Some(due_at), reason),
        }
    }

    fn run(&self, start: Timestamp, due_at: Timestamp, what: &str) -> State {
        if let Some(why) = self.called_off(start, due_at) {
            return (DueStatus::CalledOff, Some(due_at), why);
        }
        let unless = self.unless.map_or_else(String::new, |u| format!(" and it is not `{u}`"));
        if due_at > self.now {
            let left = human_span(due_at.since(self.now));
            let unless = self.unless.map_or_else(String::new, |u| format!(" unless `{u}`"));
            return (DueStatus::Running, Some(due_at), format!("{what} at {}, {left} left{unless}", start.to_seconds()));
        }
        (DueStatus::Due, Some(due_at), format!("{} since {what}{unless}", human_span(self.within_ms)))
    }

    /// Why the clock no longer counts, if that came to pass no later than `due_at`.
    fn called_off(&self, start: Timestamp, due_at: Timestamp) -> Option<String> {
        let in_time = |at: Timestamp| at <= due_at && counts(self.incident, at);
        let incident = self.incident;
        let verified = |id: Option<&str>| {
            let met = incident.actions.iter().filter_map(|a| Some((a.n, a.verification.as_ref().filter(|v| v.verdict == Verdict::Met)?)));
            let fits = |v: &&(u64, &crate::record::action::Verification)| {
                v.1.at >= start && in_time(v.1.at) && id.is_none_or(|id| v.1.verify == id)
            };
            met.into_iter().find(|v| fits(&v)).map(|(n, v)| format!("recovery after a{n} was verified at {}", v.at.to_seconds()))
        };
        let by_unless = match self.unless {
            None => None,
            Some("recovered") => verified(None),
            Some("acknowledged") => {
                let acknowledged = incident.acknowledged.as_ref().filter(|(at, _)| in_time(*at));
                acknowledged.map(|(at, who)| format!("acknowledged by {} at {}", who.name, at.to_seconds()))
            }
            Some("mitigated") => {
                let mitigated = incident.mitigated.as_ref().filter(|(at, _)| in_time(*at));
                mitigated.map(|(at, _)| format!("mitigated at {}", at.to_seconds()))
            }
            Some("resolved") => None,
            Some(verify) => verified(Some(verify)),
        };
        by_unless.or_else(|| end(incident).filter(|(at, _)| *at <= due_at).map(|(_, over)| over.to_owned()))
    }
}

/// Which of several executions speaks for the rule.
fn urgency(status: DueStatus) -> u8 {
    match status {
        DueStatus::Due => 0,
        DueStatus::Running => 1,
        DueStatus::Unknown | DueStatus::Fired => 2,
        DueStatus::Waiting | DueStatus::CalledOff => 3,
    }
}

#[cfg(test)]
mod tests;
