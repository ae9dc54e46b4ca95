//! Looking without an incident: which runbook is it (triage), and samples for windows (observe).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;

use super::engine::{Captured, Job, PersonSays, Progress};
use super::known::deploys;
use super::next::probes_of;
use super::page::{Prepare, effective_vars, look};
use super::{AppError, Ctx, library};
use crate::record::event::{Event, ObservationRecorded};
use crate::record::id::StreamId;
use crate::record::observation::Sample;
use crate::record::time::Timestamp;
use crate::record::verdict::Outcome;
use crate::runbook::condition::{Facts, Seen, series_of};
use crate::runbook::model::{Condition, Probe, Runbook};
use crate::runbook::signal::{Match, rank};
use crate::runbook::template;
use crate::store::{Store, StoreError};

/// What triage came to.
#[derive(Debug)]
pub struct Triage {
    /// Runbooks with what matched, the likeliest first.
    pub matches: Vec<Match>,
    /// What every probe brought back, by runbook id.
    pub captured: BTreeMap<String, Vec<Captured>>,
    /// Questions that only a person can answer, behind signs that are unknown.
    pub questions: Vec<Question>,
    /// Runbook files that could not be used.
    pub unusable: Vec<String>,
    /// Why the ledger could not be read, so that windows over readings and the deploy record had no data. `None`
    /// also when there is none yet.
    pub unread: Option<AppError>,
    /// Cut short by the person.
    pub interrupted: bool,
}

/// A sign that waits for a person's answer.
#[derive(Debug)]
pub struct Question {
    /// The runbook.
    pub runbook: String,
    /// The sign.
    pub sign: String,
    /// The `ask` probe.
    pub probe: String,
    /// True when nothing but answers is missing: whatever could be looked at was looked at.
    pub alone: bool,
}

/// Runs the probes that the signals of all runbooks rest on, each distinct one once, and ranks the runbooks.
/// `answers` holds what a person said already, by `ask` probe.
///
/// # Errors
/// The runbooks folder or the HTTP client cannot be used. A ledger that cannot be read stops nothing: [`Triage::unread`].
pub async fn triage(
    ctx: &Ctx,
    answers: &BTreeMap<String, PersonSays>,
    progress: &(dyn Fn(Progress<'_>) + Sync),
    cancel: impl Future<Output = ()>,
) -> Result<Triage, AppError> {
    let (runbooks, unusable) = usable(ctx)?;
    let is_asked = |id: &String| runbooks.iter().flat_map(|r| &r.probes).any(|p| p.id == *id && p.kind() == "ask");
    if let Some(id) = answers.keys().find(|id| !is_asked(id)) {
        return Err(AppError::usage(format!("no runbook asks a question `{id}`")));
    }
    let read = read_if_any(ctx).and_then(|store| {
        let known = store.as_ref().map(|s| deploys(s, ctx.config.aws.account.as_deref())).transpose()?;
        Ok((store, known.unwrap_or_default()))
    });
    let ((store, known), unread) = match read {
        Ok(read) => (read, None),
        Err(e) => ((None, BTreeMap::new()), Some(e)),
    };
    let jobs = runbooks.iter().map(|r| Job { answers: answers.clone(), ..job(ctx, r, r.probes.iter().collect(), &known) }).collect();
    let collected = look(ctx, jobs, progress, cancel).await?;
    let now = ctx.now();
    let trouble = RefCell::new(unread);
    let views: Vec<Probed<'_>> = runbooks
        .iter()
        .enumerate()
        .map(|(j, r)| Probed {
            runbook: r,
            captured: collected.captured.iter().filter(|c| c.job == j).collect(),
            store: store.as_ref(),
            trouble: &trouble,
            now,
        })
        .collect();
    let matches = ranked(&views);
    let questions = matches.iter().flat_map(|m| views.iter().filter(|v| v.runbook.id == m.runbook).flat_map(|v| v.questions(m))).collect();
    let mut captured: BTreeMap<String, Vec<Captured>> = BTreeMap::new();
    for c in &collected.captured {
        captured.entry(runbooks[c.job].id.clone()).or_default().push(c.clone());
    }
    drop(views);
    let unread = trouble.into_inner();
    Ok(Triage { matches, captured, questions, unusable, unread, interrupted: collected.interrupted })
}

/// What `observe` came to.
#[derive(Debug)]
pub struct Observed {
    /// The events appended, by runbook id.
    pub events: Vec<(String, Vec<Event>)>,
    /// Cut short by the person.
    pub interrupted: bool,
}

/// Runs the probes that yield readings, of one runbook or of all, and keeps what they saw.
///
/// # Errors
/// No such runbook, or the ledger cannot be written.
pub async fn observe(
    ctx: &Ctx,
    runbook: Option<&str>,
    progress: &(dyn Fn(Progress<'_>) + Sync),
    cancel: impl Future<Output = ()>,
) -> Result<Observed, AppError> {
    let runbooks = match runbook {
        Some(id) => vec![library::find(&ctx.config, id)?],
        None => usable(ctx)?.0,
    };
    let mut store = ctx.append_or_create()?;
    let known = deploys(&store, ctx.config.aws.account.as_deref())?;
    let jobs: Vec<Job<'_>> = runbooks.iter().map(|r| job(ctx, r, yielding(r), &known)).collect();
    let collected = look(ctx, jobs, progress, cancel).await?;
    let prepared = Prepare::new(&collected.captured)?;
    let appended = store.append(|tx| {
        prepared.put(tx)?;
        let seen = collected.captured.iter().zip(prepared.observations);
        seen.map(|(c, observation)| ctx.event(StreamId::observation(&runbooks[c.job].id), ObservationRecorded { observation }, None))
            .collect()
    })?;
    let mut events: Vec<(String, Vec<Event>)> = runbooks.iter().map(|r| (r.id.clone(), Vec::new())).collect();
    for (c, e) in collected.captured.iter().zip(appended) {
        events[c.job].1.push(e);
    }
    Ok(Observed { events, interrupted: collected.interrupted })
}

/// The runbooks without faults, and the files that have some.
fn usable(ctx: &Ctx) -> Result<(Vec<Runbook>, Vec<String>), AppError> {
    let (mut runbooks, mut unusable) = (Vec::new(), Vec::new());
    for e in library::all(&ctx.config)? {
        match e.runbook {
            Some(r) => runbooks.push(r),
            None => unusable.push(e.path),
        }
    }
    Ok((runbooks, unusable))
}

pub(super) fn job<'a>(
    ctx: &Ctx,
    r: &'a Runbook,
    probes: Vec<&'a Probe>,
    known: &BTreeMap<String, crate::record::deploy::DeployFacts>,
) -> Job<'a> {
    Job {
        runbook: r,
        vars: effective_vars(ctx, r),
        region: ctx.config.aws.region.clone(),
        account: ctx.config.aws.account.clone(),
        probes,
        incident: None,
        answers: BTreeMap::new(),
        prior: BTreeMap::new(),
        deploys: known.clone(),
    }
}

/// The probes that yield readings, with those they need.
fn yielding(r: &Runbook) -> Vec<&Probe> {
    let yields = |p: &&Probe| !p.readings.is_empty() && p.kind() != "ask";
    template::with_needs(r, r.probes.iter().filter(yields).map(|p| p.id.clone()).collect())
}

/// One runbook with what its probes just saw, in the form that conditions ask for it.
struct Probed<'a> {
    runbook: &'a Runbook,
    captured: Vec<&'a Captured>,
    store: Option<&'a Store>,
    /// The first thing that went wrong while the ledger was read.
    trouble: &'a RefCell<Option<AppError>>,
    now: Timestamp,
}

impl Probed<'_> {
    fn seen(&self, id: &str) -> Option<Seen> {
        let c = self.captured.iter().find(|c| c.observation.probe == id)?;
        let o = &c.observation;
        Some(Seen {
            outcome: o.outcome,
            verdict: o.verdict,
            result: c.result.clone(),
            truncated: o.truncated,
            usable: c.usable,
            at: o.started_at,
        })
    }

    /// The questions behind the unknown signs of this runbook.
    fn questions(&self, m: &Match) -> Vec<Question> {
        let mut out = Vec::new();
        for sign in &m.unknown {
            let Some(signal) = self.runbook.signals.iter().find(|s| s.id == sign.id) else { continue };
            let open = |id: &String| self.seen(id).is_some_and(|s| s.outcome != Outcome::Answered);
            let waiting: Vec<String> = probes_of(std::slice::from_ref(&signal.when)).into_iter().filter(open).collect();
            let is_ask = |id: &String| self.runbook.probes.iter().any(|p| p.id == *id && p.kind() == "ask");
            let alone = waiting.iter().all(is_ask) && !has_window(&signal.when);
            for probe in waiting.into_iter().filter(is_ask) {
                out.push(Question { runbook: m.runbook.clone(), sign: sign.id.clone(), probe, alone });
            }
        }
        out
    }

    /// What the ledger has of a series, with what was read just now.
    fn samples(&self, series: &str) -> Vec<Sample> {
        let fresh = self.captured.iter().flat_map(|c| c.observation.readings.iter().map(move |r| (c.observation.started_at, r)));
        let fresh: Vec<_> = fresh.filter(|(_, r)| r.name == series).collect();
        let origin = fresh.first().map(|(_, r)| r.origin.clone());
        // As far back as a condition may look.
        let needed = series_of(self.runbook).get(series).copied().unwrap_or(self.now.millis());
        let from = Timestamp::from_millis(self.now.millis().saturating_sub(needed)).unwrap_or(self.now);
        let kept = self.store.map(|s| s.samples(series, origin.as_deref(), from, self.now)).transpose();
        let mut out = kept
            .unwrap_or_else(|e| {
                self.trouble.borrow_mut().get_or_insert_with(|| e.into());
                None
            })
            .unwrap_or_default();
        out.extend(fresh.iter().map(|(at, r)| Sample { at: *at, value: r.value }));
        out
    }
}

/// True when readings over time count too, which nobody can answer for.
fn has_window(c: &Condition) -> bool {
    match c {
        Condition::Window(_) => true,
        Condition::Any(cs) | Condition::All(cs) => cs.iter().any(has_window),
        Condition::Not(c) => has_window(c),
        _ => false,
    }
}

fn ranked(views: &[Probed<'_>]) -> Vec<Match> {
    type Ask<'f, T> = Box<dyn Fn(&str) -> T + 'f>;
    let probes: Vec<Ask<'_, Option<Seen>>> = views.iter().map(|v| Box::new(|id: &str| v.seen(id)) as Ask<'_, _>).collect();
    let samples: Vec<Ask<'_, Vec<Sample>>> = views.iter().map(|v| Box::new(|s: &str| v.samples(s)) as Ask<'_, _>).collect();
    let decided = |_: &str| None;
    let asked: Vec<(&Runbook, Facts<'_>)> = views
        .iter()
        .enumerate()
        .map(|(k, v)| (v.runbook, Facts { now: v.now, since: v.now, probe: &*probes[k], samples: &*samples[k], decided: &decided }))
        .collect();
    rank(&asked)
}

/// Opens the ledger for reading; `None` when nothing was ever recorded.
///
/// # Errors
/// There is one, and it cannot be read.
pub fn read_if_any(ctx: &Ctx) -> Result<Option<Store>, AppError> {
    match ctx.read() {
        Ok(s) => Ok(Some(s)),
        Err(AppError::Store(StoreError::NotFound { .. })) => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests;
