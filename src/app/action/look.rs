//! Looks at the world on behalf of an action: the probes that its arguments and conditions rest on.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use super::interrupted;
use crate::app::change::fold;
use crate::app::engine::{Job, Progress};
use crate::app::known::{Known, deploys};
use crate::app::next::probes_of;
use crate::app::page;
use crate::app::select::Picked;
use crate::app::{AppError, Ctx, ErrorKind, escalation};
use crate::record::event::Event;
use crate::record::id::StreamId;
use crate::record::incident::Incident;
use crate::record::verdict::Verdict;
use crate::runbook::condition::{Holds, all_hold};
use crate::runbook::model::{ActionBlock, Probe, ProbeSource, Runbook};
use crate::runbook::template::{self, PlaceholderKind, placeholders};
use crate::store::Store;

/// What is known right after looking.
#[derive(Debug)]
pub(super) struct Looked {
    /// The incident with the new evidence.
    pub(super) incident: Incident,
    /// The newest result of each probe that answered.
    pub(super) results: BTreeMap<String, serde_json::Value>,
    /// What the action's conditions came to.
    pub(super) requires: Holds,
}

/// Runs the probes that `block` rests on, keeps what they saw, and evaluates its conditions.
pub(super) async fn look(
    ctx: &Ctx,
    store: &mut Store,
    picked: &Picked,
    runbook: &Runbook,
    block: &ActionBlock,
    progress: &(dyn Fn(Progress<'_>) + Sync),
    cancel: Pin<&mut impl Future<Output = ()>>,
) -> Result<(Looked, Vec<Event>), AppError> {
    let events = run(ctx, store, picked, runbook, needed(runbook, block), progress, cancel).await?;
    let incident = fold(&store.load(&StreamId::incident(picked.brief.id))?)?;
    let known = Known::new(store, &incident, runbook, ctx.now());
    let requires = known.with(|facts| all_hold(&block.requires, facts));
    let results = known.all_results();
    Ok((Looked { incident, results, requires }, events))
}

/// Runs probes of the incident's runbook and keeps what they saw.
pub(super) async fn run(
    ctx: &Ctx,
    store: &mut Store,
    picked: &Picked,
    runbook: &Runbook,
    probes: Vec<&Probe>,
    progress: &(dyn Fn(Progress<'_>) + Sync),
    cancel: Pin<&mut impl Future<Output = ()>>,
) -> Result<Vec<Event>, AppError> {
    if probes.is_empty() {
        return Ok(Vec::new());
    }
    let incident = fold(&store.load(&StreamId::incident(picked.brief.id))?)?;
    let job = Job {
        runbook,
        vars: incident.vars.clone(),
        region: page::overriding_region(ctx, &incident, runbook),
        account: ctx.config.aws.account.clone().or_else(|| incident.account.clone()),
        probes,
        incident: Some(incident.number),
        answers: BTreeMap::new(),
        // What they need is among them.
        prior: BTreeMap::new(),
        deploys: deploys(store, incident.account.as_deref())?,
    };
    let collected = page::look(ctx, vec![job], progress, cancel).await?;
    let (_, mut events) = page::save(ctx, store, picked.brief.id, &collected)?;
    events.extend(escalation::record_due(ctx, store, picked.brief.id)?);
    if collected.interrupted { Err(interrupted()) } else { Ok(events) }
}

/// The probes that an action's arguments and conditions rest on, with those they need. A question to a person is
/// not put again: its newest answer stands.
pub(super) fn needed<'r>(runbook: &'r Runbook, block: &ActionBlock) -> Vec<&'r Probe> {
    let mut ids = probes_of(&block.requires);
    for p in block.params.values().flat_map(placeholders).flatten() {
        if let PlaceholderKind::Probe { id, .. } = p.kind {
            ids.push(id);
        }
    }
    let found = with_needs(runbook, ids);
    let is_asked = |p: &&&Probe| matches!(&p.source, ProbeSource::Ask { .. });
    // A symptom such as a time-out counts only if something else answered: let something else be asked.
    match found.iter().filter(is_asked).collect::<Vec<_>>()[..] {
        [one] if !one.unmet_on.is_empty() => runbook.probes.iter().filter(|p| p.kind() != "ask").collect(),
        _ => found,
    }
}

/// The probes of these ids with all they need, in the runbook's order, without questions to a person.
pub(super) fn with_needs(runbook: &Runbook, ids: Vec<String>) -> Vec<&Probe> {
    template::with_needs(runbook, ids).into_iter().filter(|p| p.kind() != "ask").collect()
}

/// Insists that the action's conditions are met.
pub(super) fn insist(looked: &Looked, block: &ActionBlock, number: u64) -> Result<(), AppError> {
    let why = looked.requires.line();
    match looked.requires.verdict {
        Verdict::Met => Ok(()),
        Verdict::Unmet => Err(AppError::refused(format!("the conditions of `{}` are not met: {why}", block.id))
            .hint(format!("See what is known with `blotter show {number}`; something else may be the matter."))),
        Verdict::Unknown => Err(AppError::told(ErrorKind::Unknown, format!("nobody can say whether `{}` is called for: {why}", block.id))
            .hint(format!("Look again with `blotter collect -i {number}`, or answer what only a person can see."))),
    }
}
