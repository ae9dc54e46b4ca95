//! What is known of an incident, in the form that conditions ask for it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;

use super::AppError;
use crate::record::deploy::DeployFacts;
use crate::record::incident::{EvidenceKind, Incident};
use crate::record::observation::Sample;
use crate::record::time::Timestamp;
use crate::runbook::condition::{Facts, Seen, series_of};
use crate::runbook::judge::{Look, judge};
use crate::runbook::model::Runbook;
use crate::store::Store;

/// 1970 in milliseconds.
const EPOCH: i64 = 0;

/// An incident with its store, read lazily and each thing once.
#[derive(Debug)]
pub struct Known<'a> {
    store: &'a Store,
    incident: &'a Incident,
    runbook: &'a Runbook,
    now: Timestamp,
    seen: RefCell<BTreeMap<String, Option<Seen>>>,
    /// How far before the opening each series is needed, in milliseconds.
    needed: RefCell<Option<BTreeMap<String, i64>>>,
}

impl<'a> Known<'a> {
    /// Looks at `incident` as of `now`.
    pub fn new(store: &'a Store, incident: &'a Incident, runbook: &'a Runbook, now: Timestamp) -> Self {
        Self { store, incident, runbook, now, seen: RefCell::default(), needed: RefCell::default() }
    }

    /// Hands the facts to `f`.
    pub fn with<T>(&self, f: impl FnOnce(&Facts<'_>) -> T) -> T {
        let probe = |id: &str| self.seen(id);
        let samples = |series: &str| self.samples(series);
        let decided = |id: &str| self.incident.decisions.iter().rev().find(|d| d.decide == id).map(|d| d.branch.clone());
        f(&Facts { now: self.now, since: self.incident.opened_at, probe: &probe, samples: &samples, decided: &decided })
    }

    /// The newest observation of a probe.
    fn seen(&self, id: &str) -> Option<Seen> {
        if let Some(seen) = self.seen.borrow().get(id) {
            return seen.clone();
        }
        let found = self.read(id);
        self.seen.borrow_mut().insert(id.to_owned(), found.clone());
        found
    }

    /// The newest result of a probe, with its selected parts; `None` when there was no answer.
    pub fn result(&self, id: &str) -> Option<Value> {
        self.seen(id)?.result
    }

    /// Judges the kept answer again: what is selected from it is not kept.
    fn read(&self, id: &str) -> Option<Seen> {
        let (_, o) = self.incident.latest(id)?;
        let probe = self.runbook.probes.iter().find(|p| p.id == id)?;
        let bytes = o.blob.as_ref().and_then(|b| self.store.blob_bytes(&b.digest).ok());
        let raw: Option<Value> = bytes.and_then(|b| serde_json::from_slice(&b).ok());
        let look = Look {
            outcome: o.outcome,
            reason: o.reason.as_deref(),
            result: raw.as_ref(),
            truncated: o.truncated,
            at: o.started_at,
            others_answered: true,
            doubt: o.doubt.as_deref(),
        };
        let judged = judge(probe, &look);
        // The verdict of the record stands: it knew what else was answered at the time.
        Some(Seen { verdict: o.verdict, ..Seen::of(&look, &judged) })
    }

    /// The newest results of all probes that answered.
    pub fn all_results(&self) -> BTreeMap<String, Value> {
        let ids = self.runbook.probes.iter().map(|p| p.id.clone());
        ids.filter_map(|id| self.result(&id).map(|r| (id, r))).collect()
    }

    /// As far back as a condition may look, with the newest one before.
    fn samples(&self, series: &str) -> Vec<Sample> {
        let needed = self.needed.borrow_mut().get_or_insert_with(|| series_of(self.runbook)).get(series).copied();
        let from = needed.map_or(EPOCH, |ms| self.incident.opened_at.min(self.now).millis().saturating_sub(ms));
        let from = Timestamp::from_millis(from).unwrap_or(self.incident.opened_at);
        let origin = origin_of(self.incident, series);
        self.store.samples(series, origin.as_deref(), from, self.now).unwrap_or_default()
    }
}

/// Where the readings of this series come from in this incident.
fn origin_of(incident: &Incident, series: &str) -> Option<String> {
    incident.evidence.iter().rev().find_map(|e| match &e.what {
        EvidenceKind::Observed(o) => o.readings.iter().find(|r| r.name == series).map(|r| r.origin.clone()),
        _ => None,
    })
}

/// What the deploy record says, by `region/function:alias`, whatever the account unless one is given.
///
/// # Errors
/// The ledger cannot be read.
pub fn deploys(store: &Store, account: Option<&str>) -> Result<BTreeMap<String, DeployFacts>, AppError> {
    let mut out = BTreeMap::new();
    for stream in store.streams("deploy/")? {
        let Some((acct, place)) = stream.as_str().trim_start_matches("deploy/").split_once('/') else { continue };
        if account.is_some_and(|a| a != acct) {
            continue;
        }
        out.insert(place.to_owned(), store.deploy_facts(&stream)?);
    }
    Ok(out)
}
