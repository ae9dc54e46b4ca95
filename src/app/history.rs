//! Looking back over many incidents: figures, full text, and what is overdue.

use std::collections::HashMap;

use super::AppError;
use super::change::fold;
use crate::record::action::ActionStatus;
use crate::record::brief::Brief;
use crate::record::id::{IncidentId, StreamId};
use crate::record::incident::{FollowUp, Status};
use crate::record::stats::{Stats, Tally};
use crate::record::time::Timestamp;
use crate::store::{Filter, Found, Store};

/// Which incidents are looked at; what is `None` lets all through.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Of this runbook.
    pub runbook: Option<String>,
    /// Of this severity now.
    pub severity: Option<String>,
    /// Of this status.
    pub status: Option<Status>,
    /// Opened at or after.
    pub since: Option<Timestamp>,
}

impl Wanted {
    fn filter(&self) -> Filter {
        Filter { status: self.status.map(|s| vec![s]), runbook: self.runbook.clone(), ..Filter::default() }
    }

    fn lets(&self, b: &Brief) -> bool {
        let is = |wanted: &Option<String>, has: &str| wanted.as_deref().is_none_or(|w| w == has);
        is(&self.runbook, &b.runbook)
            && is(&self.severity, &b.severity)
            && self.status.is_none_or(|s| s == b.status)
            && self.since.is_none_or(|s| b.opened_at >= s)
    }
}

/// Counts and measures the incidents wanted, from their briefs.
///
/// # Errors
/// The ledger cannot be read.
pub fn stats(store: &Store, wanted: &Wanted) -> Result<Stats, AppError> {
    let mut tally = Tally::default();
    store.each_brief(&wanted.filter(), |mut b| {
        if !wanted.lets(&b) {
            return Ok(());
        }
        // A ledger from before briefs told of actions, which nothing was recorded in since.
        if b.actions > 0 && b.told.is_empty() {
            b.told = Brief::fold(&store.load_actions(&StreamId::incident(b.id))?).map(|b| b.told).unwrap_or_default();
        }
        tally.brief(&b);
        Ok::<_, AppError>(())
    })?;
    Ok(tally.finish())
}

/// The numbers of an incident's actions of which nobody knows what came: the outcome is unknown, or was never recorded and
/// no process is at it (`running`).
///
/// # Errors
/// The ledger cannot be read.
pub fn unknown_actions(store: &Store, brief: &Brief, now: Timestamp, running: bool) -> Result<Vec<u64>, AppError> {
    if brief.actions == 0 {
        return Ok(Vec::new());
    }
    let incident = fold(&store.load_actions(&StreamId::incident(brief.id))?)?;
    Ok(incident.actions.iter().filter(|a| a.status(now, running) == ActionStatus::Unknown).map(|a| a.n).collect())
}

/// An event in which words were found, with its incident.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The event.
    pub found: Found,
    /// Its incident.
    pub brief: Brief,
}

/// Finds the newest `limit` events whose words are all in `text`; with `person`, only what that person recorded.
///
/// # Errors
/// No index yet, or the ledger cannot be read.
pub fn search(store: &Store, text: &str, wanted: &Wanted, person: Option<&str>, limit: usize) -> Result<Vec<Hit>, AppError> {
    if !store.has_search()? {
        return Err(AppError::failed("this ledger was made before there was a search, and has no index")
            .hint("`blotter rebuild` makes it; so does anything that is recorded."));
    }
    let mut briefs: HashMap<IncidentId, Option<Brief>> = HashMap::new();
    let found = store.search(text, limit, &mut |id, _, actor| {
        if person.is_some_and(|p| p != actor.name) {
            return Ok(false);
        }
        let brief = match briefs.get(&id) {
            Some(b) => b,
            None => &*briefs.entry(id).or_insert(store.brief(id)?),
        };
        Ok(brief.as_ref().is_some_and(|b| wanted.lets(b)))
    })?;
    Ok(found.into_iter().filter_map(|f| briefs.get(&f.incident).cloned().flatten().map(|brief| Hit { found: f, brief })).collect())
}

/// A follow-up that is not done though its day has passed.
#[derive(Clone, Debug, PartialEq)]
pub struct Overdue {
    /// Number of its incident.
    pub incident: u64,
    /// The follow-up.
    pub followup: FollowUp,
}

/// Every follow-up whose day is over at `now` and that is not done, the longest overdue first.
///
/// # Errors
/// The ledger cannot be read.
pub fn overdue(store: &Store, runbook: Option<&str>, now: Timestamp) -> Result<Vec<Overdue>, AppError> {
    let today = now.to_date();
    let mut all = Vec::new();
    for b in store.with_due(&today)?.iter().filter(|b| runbook.is_none_or(|r| r == b.runbook)) {
        let incident = fold(&store.load_followups(&StreamId::incident(b.id))?)?;
        for mut f in incident.followups.iter().filter(|f| f.done.is_none() && f.due.as_ref().is_some_and(|d| *d < today)).cloned() {
            f.text = incident.text(f.seq, &f.text).to_owned();
            all.push(Overdue { incident: b.number, followup: f });
        }
    }
    all.sort_by(|a, b| a.followup.due.cmp(&b.followup.due).then(a.incident.cmp(&b.incident)));
    Ok(all)
}
