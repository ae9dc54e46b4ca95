//! At page time: open an incident, run the runbook's probes, keep what they saw.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Read;
use std::sync::Arc;

use serde_json::Value;

use super::change::{Changed, carry_out, fold};
use super::engine::{self, Captured, Collected, Job, PersonSays, Progress};
use super::known::{Known, deploys};
use super::select::Picked;
use super::spool::{self, Spool};
use super::{AppError, Ctx, escalation, library};
use crate::record::event::{Event, EvidenceAttached, EvidenceCaptured, Facts, IncidentOpened, RunbookRef};
use crate::record::id::{IncidentId, StreamId};
use crate::record::incident::decide::{Command, may_open};
use crate::record::incident::{Incident, Status};
use crate::record::observation::{BlobRef, Observation};
use crate::record::time::Timestamp;
use crate::runbook::model::{Probe, Runbook};
use crate::store::{Filter, Prepared, Store};

/// What to open.
#[derive(Clone, Debug, Default)]
pub struct OpenRequest {
    /// Runbook id, or a path to a file.
    pub runbook: String,
    /// Another severity than the runbook's.
    pub severity: Option<String>,
    /// Another title than the runbook's.
    pub title: Option<String>,
    /// When it began.
    pub at: Option<Timestamp>,
    /// Open it although one of this runbook is open.
    pub another: bool,
    /// Why.
    pub reason: Option<String>,
    /// Answers to `ask` probes that are known already.
    pub answers: BTreeMap<String, PersonSays>,
    /// Run no probes.
    pub no_probes: bool,
}

/// What opening or collecting came to.
#[derive(Debug)]
pub enum Paged {
    /// It is in the record.
    Recorded {
        /// The incident.
        id: IncidentId,
        /// What was appended.
        events: Vec<Event>,
        /// The evidence numbers of this collection.
        evidence: Vec<u64>,
        /// It was cut short by the person.
        interrupted: bool,
    },
    /// The ledger could not be used: this is what was seen, and where it was put.
    Spooled {
        /// Why the ledger could not be used.
        error: AppError,
        /// What was seen.
        observations: Vec<Observation>,
        /// The file, or why there is none.
        file: Result<std::path::PathBuf, String>,
        /// It was cut short by the person.
        interrupted: bool,
    },
}

/// Opens an incident and runs every probe of its runbook.
///
/// # Errors
/// No such runbook; one of it is open already. A ledger that cannot be used is no error: what was seen is
/// spooled instead.
pub async fn open(
    ctx: &Ctx,
    request: &OpenRequest,
    progress: &(dyn Fn(Progress<'_>) + Sync),
    cancel: impl Future<Output = ()>,
) -> Result<Paged, AppError> {
    let runbook = library::find(&ctx.config, &request.runbook)?;
    engine::check_answers(&runbook, &request.answers, ctx.now())?;
    let id = IncidentId(ctx.uuid(ctx.now()));
    let facts = opened(ctx, &runbook, request)?;
    let store = match ctx.append_or_create() {
        Ok(mut store) => match record_opening(ctx, &mut store, id, facts.clone(), request.another) {
            Ok(events) => Ok((store, events)),
            Err(e @ AppError::Store(_)) => Err(e),
            Err(e) => return Err(e),
        },
        Err(e @ AppError::Store(_)) => Err(e),
        Err(e) => return Err(e),
    };
    let number = store.as_ref().ok().and_then(|(_, events)| number_of(events));
    let known = match &store {
        Ok((s, _)) => deploys(s, facts.account.as_deref()).unwrap_or_default(),
        Err(_) => BTreeMap::new(),
    };
    let probes: Vec<&Probe> = if request.no_probes { Vec::new() } else { runbook.probes.iter().collect() };
    let job = Job {
        runbook: &runbook,
        vars: facts.vars.clone(),
        region: ctx.config.aws.region.clone(),
        account: ctx.config.aws.account.clone(),
        probes,
        incident: number,
        answers: request.answers.clone(),
        prior: BTreeMap::new(),
        deploys: known,
    };
    let collected = look(ctx, vec![job], progress, cancel).await?;
    let interrupted = collected.interrupted;
    let saved = store.and_then(|(mut s, mut events)| {
        let (evidence, more) = save(ctx, &mut s, id, &collected)?;
        events.extend(more);
        events.extend(escalation::record_due(ctx, &mut s, id)?);
        Ok((events, evidence))
    });
    match saved {
        Ok((events, evidence)) => Ok(Paged::Recorded { id, events, evidence, interrupted }),
        Err(error) => {
            let spool = Spool { incident: id, number, opened: Some(facts), actor: ctx.actor.to_string(), at: ctx.now(), drill: ctx.drill };
            Ok(spooled(ctx, error, &spool, collected))
        }
    }
}

/// Which probes to run again.
#[derive(Clone, Debug, Default)]
pub struct CollectRequest {
    /// Only those of this step.
    pub step: Option<u32>,
    /// Only these.
    pub probes: Vec<String>,
    /// Answers to `ask` probes.
    pub answers: BTreeMap<String, PersonSays>,
}

/// Runs probes of an incident's runbook again.
///
/// # Errors
/// The incident or a probe is not known, or the ledger cannot be read.
pub async fn collect(
    ctx: &Ctx,
    picked: &Picked,
    request: &CollectRequest,
    progress: &(dyn Fn(Progress<'_>) + Sync),
    cancel: impl Future<Output = ()>,
) -> Result<Paged, AppError> {
    let id = picked.brief.id;
    let store = ctx.read()?;
    let incident = fold(&store.load(&StreamId::incident(id))?)?;
    let runbook = stored_runbook(&incident)?;
    let probes = chosen(&runbook, request)?;
    engine::check_answers(&runbook, &request.answers, ctx.now())?;
    let known = Known::new(&store, &incident, &runbook, ctx.now());
    let prior = known.all_results().into_iter().filter(|(p, _)| !probes.iter().any(|x| x.id == *p)).collect();
    let job = Job {
        runbook: &runbook,
        vars: incident.vars.clone(),
        region: overriding_region(ctx, &incident, &runbook),
        account: ctx.config.aws.account.clone().or_else(|| incident.account.clone()),
        probes,
        incident: Some(incident.number),
        answers: request.answers.clone(),
        prior,
        deploys: deploys(&store, incident.account.as_deref())?,
    };
    drop(store);
    let collected = look(ctx, vec![job], progress, cancel).await?;
    let interrupted = collected.interrupted;
    let saved = ctx.append().and_then(|mut s| {
        let (evidence, mut events) = save(ctx, &mut s, id, &collected)?;
        events.extend(escalation::record_due(ctx, &mut s, id)?);
        Ok((events, evidence))
    });
    match saved {
        Ok((events, evidence)) => Ok(Paged::Recorded { id, events, evidence, interrupted }),
        Err(error) => {
            let spool = Spool {
                incident: id,
                number: Some(incident.number),
                opened: None,
                actor: ctx.actor.to_string(),
                at: ctx.now(),
                drill: ctx.drill,
            };
            Ok(spooled(ctx, error, &spool, collected))
        }
    }
}

/// Records a spooled capture, marked late.
///
/// # Errors
/// The file is no spool, it is recorded already, or the ledger cannot be written.
pub fn open_from(ctx: &Ctx, file: &std::path::Path) -> Result<Paged, AppError> {
    let (spool, captured) = spool::read(file)?;
    if spool.drill != ctx.drill {
        return Err(AppError::usage(format!("`{}` is from {} ledger", file.display(), if spool.drill { "a drill's" } else { "a real" })));
    }
    let mut store = ctx.append_or_create()?;
    let (exists, mut events) = (store.brief(spool.incident)?, Vec::new());
    match (spool.opened, &exists) {
        (Some(mut facts), None) => {
            facts.late = Some(spool.at);
            events = record_opening(ctx, &mut store, spool.incident, facts, true)?;
        }
        (Some(_), Some(b)) if b.evidence > 0 || captured.is_empty() => {
            return Err(AppError::refused(format!("`{}` is recorded already, as incident {}", file.display(), b.number)));
        }
        (None, None) => {
            return Err(AppError::usage(format!(
                "`{}` belongs to incident {}, which this ledger does not have",
                file.display(),
                spool.incident
            )));
        }
        _ => {}
    }
    let stream = StreamId::incident(spool.incident);
    let recorded = fold(&store.load(&stream)?)?;
    let is_there = |c: &Captured| {
        recorded.evidence.iter().any(|e| match &e.what {
            crate::record::incident::EvidenceKind::Observed(o) => {
                o.probe == c.observation.probe && o.started_at == c.observation.started_at
            }
            _ => false,
        })
    };
    if !captured.is_empty() && captured.iter().all(is_there) {
        return Err(AppError::refused(format!("`{}` is recorded already, in incident {}", file.display(), recorded.number)));
    }
    let (evidence, more) = save(ctx, &mut store, spool.incident, &Collected { captured, interrupted: false })?;
    events.extend(more);
    events.extend(escalation::record_due(ctx, &mut store, spool.incident)?);
    Ok(Paged::Recorded { id: spool.incident, events, evidence, interrupted: false })
}

/// What attaching came to.
#[derive(Debug)]
pub struct Attached {
    /// The change.
    pub changed: Changed,
    /// Its number: 1 for `e1`.
    pub n: u64,
    /// The bytes.
    pub blob: BlobRef,
    /// The limit cut it.
    pub truncated: bool,
}

/// Attaches a file or a pipe, secrets taken out, cut at the limit of the settings.
///
/// # Errors
/// The incident is not known, or the bytes cannot be read or kept.
pub fn attach(
    ctx: &Ctx,
    store: &mut Store,
    picked: &Picked,
    name: &str,
    reader: impl Read,
    note: Option<String>,
    at: Option<Timestamp>,
) -> Result<Attached, AppError> {
    let mut clean = ctx.redactor()?.redact_stream(reader);
    let (blob, truncated) = store.put_blob(&mut clean, Some(ctx.config.attach_limit))?;
    let redactions = clean.counts().clone();
    let facts = EvidenceAttached { n: 0, name: name.to_owned(), blob: blob.clone(), truncated, redactions, note, occurred_at: at };
    let changed = carry_out(ctx, store, picked, Command::Attach(facts))?;
    let n = changed.events.iter().find_map(|e| match &e.facts {
        Facts::EvidenceAttached(x) => Some(x.n),
        _ => None,
    });
    Ok(Attached { changed, n: n.unwrap_or(0), blob, truncated })
}

/// The runbook the incident was opened with.
///
/// # Errors
/// This build can no longer read it.
pub fn stored_runbook(incident: &Incident) -> Result<Runbook, AppError> {
    escalation::runbook_of(incident).ok_or_else(|| {
        AppError::failed(format!(
            "the runbook {} stored with incident {} cannot be read by this version",
            incident.runbook.id, incident.number
        ))
    })
}

/// Runs jobs against the world.
///
/// # Errors
/// A redaction rule of the settings cannot be used.
pub async fn look(
    ctx: &Ctx,
    jobs: Vec<Job<'_>>,
    progress: &(dyn Fn(Progress<'_>) + Sync),
    cancel: impl Future<Output = ()>,
) -> Result<Collected, AppError> {
    let world = Arc::new(ctx.world());
    Ok(engine::run(world, &ctx.redactor()?, &ctx.clock, &jobs, progress, cancel).await)
}

/// Effective variables: the runbook's, then those of the settings that it knows.
pub fn effective_vars(ctx: &Ctx, runbook: &Runbook) -> BTreeMap<String, Value> {
    let mut vars = runbook.vars.clone();
    for (name, value) in &ctx.config.vars {
        if let Some(slot) = vars.get_mut(name) {
            slot.clone_from(value);
        }
    }
    vars
}

/// The region that beats a block's own: that of flags and settings, now or when the incident was opened.
///
/// What the incident merely took over from its runbook beats nothing: a block's own region stands above that.
pub fn overriding_region(ctx: &Ctx, incident: &Incident, runbook: &Runbook) -> Option<String> {
    let given_then = || incident.region.clone().filter(|r| runbook.region.as_ref() != Some(r));
    ctx.config.aws.region.clone().or_else(given_then)
}

/// Opens an incident with evidence that was captured just before.
///
/// # Errors
/// As [`open`], but a ledger that cannot be used is an error here: what was seen is with the caller.
pub fn open_with(ctx: &Ctx, request: &OpenRequest, captured: Vec<Captured>) -> Result<Paged, AppError> {
    let runbook = library::find(&ctx.config, &request.runbook)?;
    let id = IncidentId(ctx.uuid(ctx.now()));
    let mut store = ctx.append_or_create()?;
    let mut events = record_opening(ctx, &mut store, id, opened(ctx, &runbook, request)?, request.another)?;
    let (evidence, more) = save(ctx, &mut store, id, &Collected { captured, interrupted: false })?;
    events.extend(more);
    events.extend(escalation::record_due(ctx, &mut store, id)?);
    Ok(Paged::Recorded { id, events, evidence, interrupted: false })
}

/// Keeps what was captured, in the runbook's order: blobs and the events that name them in one transaction.
///
/// # Errors
/// The ledger cannot be written.
pub fn save(ctx: &Ctx, store: &mut Store, id: IncidentId, collected: &Collected) -> Result<(Vec<u64>, Vec<Event>), AppError> {
    let stream = StreamId::incident(id);
    let prepared = Prepare::new(&collected.captured)?;
    let mut numbers = Vec::new();
    let events = store.append(|tx| {
        prepared.put(tx)?;
        // The brief knows the highest number given out, however long the incident is.
        let first = tx.brief(id)?.map_or(0, |b| b.evidence) + 1;
        let mut new = Vec::new();
        for (n, observation) in (first..).zip(prepared.observations) {
            numbers.push(n);
            new.push(ctx.event(stream.clone(), EvidenceCaptured { n, observation }, None)?);
        }
        Ok::<_, AppError>(new)
    })?;
    Ok((numbers, events))
}

/// Observations whose answers are ready to be kept; probes that shared a request share a blob.
#[derive(Debug)]
pub struct Prepare {
    /// In the order of what was captured.
    pub observations: Vec<Observation>,
    blobs: Vec<Prepared>,
}

impl Prepare {
    /// Salts, hashes and compresses outside any transaction.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn new(captured: &[Captured]) -> Result<Self, AppError> {
        let mut kept: Vec<&Arc<Vec<u8>>> = Vec::new();
        let mut this = Self { observations: Vec::new(), blobs: Vec::new() };
        for c in captured {
            let mut o = c.observation.clone();
            if let Some(bytes) = &c.bytes {
                let k = match kept.iter().position(|b| Arc::ptr_eq(b, bytes)) {
                    Some(k) => k,
                    None => {
                        this.blobs.push(Prepared::new(bytes)?);
                        kept.push(bytes);
                        kept.len() - 1
                    }
                };
                o.blob = Some(this.blobs[k].blob().clone());
            }
            this.observations.push(o);
        }
        Ok(this)
    }

    /// Puts the blobs into the transaction that will name them.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn put(&self, tx: &crate::store::Tx<'_>) -> Result<(), AppError> {
        for b in &self.blobs {
            tx.put_blob(b)?;
        }
        Ok(())
    }
}

fn opened(ctx: &Ctx, runbook: &Runbook, request: &OpenRequest) -> Result<IncidentOpened, AppError> {
    if let Some(name) = ctx.flag_vars.iter().find(|n| !runbook.vars.contains_key(*n)) {
        let known: Vec<_> = runbook.vars.keys().map(String::as_str).collect();
        return Err(
            AppError::usage(format!("runbook {} has no variable `{name}`", runbook.id)).hint(format!("It has: {}.", known.join(", ")))
        );
    }
    Ok(IncidentOpened {
        number: 0,
        runbook: RunbookRef { id: runbook.id.clone(), title: runbook.title.clone(), hash: runbook.hash, text: runbook.text.clone() },
        severity: request.severity.clone().unwrap_or_else(|| runbook.severity.clone()),
        title: request.title.clone().unwrap_or_else(|| runbook.title.clone()),
        vars: effective_vars(ctx, runbook),
        account: ctx.config.aws.account.clone().or_else(|| runbook.account.clone()),
        region: ctx.config.aws.region.clone().or_else(|| runbook.region.clone()),
        drill: ctx.drill,
        occurred_at: request.at,
        late: None,
        reason: request.reason.clone(),
    })
}

fn record_opening(ctx: &Ctx, store: &mut Store, id: IncidentId, mut facts: IncidentOpened, another: bool) -> Result<Vec<Event>, AppError> {
    Ok(store.append(|tx| {
        if !another {
            let filter = Filter {
                runbook: Some(facts.runbook.id.clone()),
                status: Some(vec![Status::Open, Status::Mitigated]),
                ..Filter::default()
            };
            may_open(&tx.briefs(&filter)?, &facts.runbook.id)?;
        }
        facts.number = tx.next_number()?;
        Ok(vec![ctx.event(StreamId::incident(id), facts, None)?])
    })?)
}

fn number_of(events: &[Event]) -> Option<u64> {
    events.iter().find_map(|e| match &e.facts {
        Facts::IncidentOpened(o) => Some(o.number),
        _ => None,
    })
}

fn chosen<'r>(runbook: &'r Runbook, request: &CollectRequest) -> Result<Vec<&'r Probe>, AppError> {
    if let Some(unknown) = request.probes.iter().chain(request.answers.keys()).find(|id| !runbook.probes.iter().any(|p| p.id == **id)) {
        let known: Vec<_> = runbook.probes.iter().map(|p| p.id.as_str()).collect();
        return Err(
            AppError::usage(format!("runbook {} has no probe `{unknown}`", runbook.id)).hint(format!("It has: {}.", known.join(", ")))
        );
    }
    if let Some(step) = request.step
        && !runbook.steps.iter().any(|s| s.n == step)
    {
        let steps: Vec<_> = runbook.steps.iter().map(|s| format!("{} {}", s.n, s.title)).collect();
        return Err(AppError::usage(format!("runbook {} has no step {step}", runbook.id)).hint(format!("It has: {}.", steps.join("; "))));
    }
    let all = request.step.is_none() && request.probes.is_empty() && request.answers.is_empty();
    let is_chosen = |p: &&Probe| {
        request.probes.contains(&p.id) || request.answers.contains_key(&p.id) || (request.step.is_some() && p.step == request.step)
            // Questions that nobody answered now are not asked again by a general look.
            || (all && p.kind() != "ask")
    };
    Ok(runbook.probes.iter().filter(is_chosen).collect())
}

fn spooled(ctx: &Ctx, error: AppError, spool: &Spool, collected: Collected) -> Paged {
    let file = spool::write(ctx, spool, &collected.captured).map_err(|e| e.to_string());
    Paged::Spooled {
        error,
        observations: collected.captured.into_iter().map(|c| c.observation).collect(),
        file,
        interrupted: collected.interrupted,
    }
}
