//! Risky actions: proposed, held until the right persons have allowed them, executed once, verified.
//!
//! Joins `record` (which decides), `perform` (which acts) and the engine (which looks). The only caller of `perform`.

use serde_json::Value;

use super::change::{Changed, fell_due, fold};
use super::engine::Progress;
use super::page::stored_runbook;
use super::select::Picked;
use super::{AppError, Ctx, ErrorKind};
use crate::aws::Aws;
use crate::perform::Arguments;
use crate::record::action::Action;
use crate::record::event::{Event, Facts};
use crate::record::id::{StreamId, hex};
use crate::record::incident::Incident;
use crate::record::incident::decide::{Asked, Command, Proposal, Refusal, decide};
use crate::record::verdict::Verdict;
use crate::runbook::kinds::{self, Shape};
use crate::runbook::model::{ActionBlock, Runbook};
use crate::store::Store;

pub mod approval;
mod execute;
pub mod glass;
mod look;
mod resolve;
#[cfg(test)]
mod tests;
mod verify;

pub use execute::{End, Executed, Request as ExecuteRequest, execute};

/// How the person hears of what is going on while it takes its time.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Probes that start and finish.
    pub probes: &'a (dyn Fn(Progress<'_>) + Sync),
    /// Everything else, one line each; may hold outside text.
    pub tell: &'a (dyn Fn(&str) + Sync),
}

/// What to propose.
#[derive(Clone, Debug, Default)]
pub struct ProposeRequest {
    /// Id of the runbook's `action` block.
    pub block: String,
    /// Arguments given by hand, name and value.
    pub set: Vec<(String, String)>,
}

/// What a command about one action did.
#[derive(Debug)]
pub struct Acted {
    /// The change.
    pub changed: Changed,
    /// The action's number: 1 for `a1`.
    pub n: u64,
}

/// Proposes a change: looks at the world, completes the request from it, and stores it whole.
///
/// # Errors
/// Nobody known acts, a condition is unmet or unknown, a placeholder cannot be filled in, the world could not be
/// asked or says that the change makes no sense. What was seen is kept as evidence all the same.
pub async fn propose(
    ctx: &Ctx,
    store: &mut Store,
    picked: &Picked,
    request: &ProposeRequest,
    watch: Watch<'_>,
    cancel: impl Future<Output = ()>,
) -> Result<Acted, AppError> {
    let incident = current(store, picked)?;
    let runbook = stored_runbook(&incident)?;
    let block = block(&runbook, &request.block)?;
    let by_hand = by_hand(block, &request.set)?;
    // What can be refused without looking is refused without looking.
    let draft = |arguments: Value, text: &str, nonce: String| Proposal {
        block: block.id.clone(),
        kind: block.kind.clone(),
        arguments,
        text: text.to_owned(),
        nonce,
        runbook: incident.runbook.hash,
        rule: block.approve.clone(),
        by_hand: by_hand.keys().cloned().collect(),
        requires: block.requires_text.clone(),
    };
    would(ctx, store, picked, Command::Propose(draft(Value::Null, "to be seen", String::new())))?;
    let aws = Aws::new(ctx.aws.clone());
    let mut cancel = std::pin::pin!(cancel);
    let (looked, mut events) = look::look(ctx, store, picked, &runbook, block, watch.probes, cancel.as_mut()).await?;
    look::insist(&looked, block, incident.number)?;
    let asked = resolve::Asked { runbook: &runbook, block, by_hand: &by_hand, approved: None };
    let prepared = resolve::resolve(ctx, &aws, store, &looked, &asked).await.map_err(resolve::Stop::refused)?;
    let nonce = hex(&super::ctx::random::<16>()?);
    let command = Command::Propose(draft(Value::Object(prepared.arguments), &prepared.text, nonce));
    let mut changed = carry(ctx, store, picked, command, Vec::new())?;
    let n = changed.events.iter().find_map(|e| match &e.facts {
        Facts::ActionProposed(x) => Some(x.n),
        _ => None,
    });
    events.append(&mut changed.events);
    Ok(Acted { changed: Changed { events, ..changed }, n: n.unwrap_or(0) })
}

/// Refuses a proposed change for good.
///
/// # Errors
/// The record refuses it.
pub fn deny(ctx: &Ctx, store: &mut Store, picked: &Picked, n: u64, reason: String) -> Result<Acted, AppError> {
    Ok(Acted { changed: carry(ctx, store, picked, Command::Deny { n, reason }, Vec::new())?, n })
}

/// Takes one's own approval back.
///
/// # Errors
/// The record refuses it.
pub fn revoke(ctx: &Ctx, store: &mut Store, picked: &Picked, n: u64, reason: String) -> Result<Acted, AppError> {
    Ok(Acted { changed: carry(ctx, store, picked, Command::Revoke { n, reason }, Vec::new())?, n })
}

/// The incident as it stands.
fn current(store: &Store, picked: &Picked) -> Result<Incident, AppError> {
    fold(&store.load(&StreamId::incident(picked.brief.id))?)
}

/// The action `n` of an incident.
///
/// # Errors
/// There is none of that number.
pub fn find(incident: &Incident, n: u64) -> Result<&Action, AppError> {
    let missing = || Refusal::NoSuch { number: incident.number, what: format!("action a{n}") };
    Ok(incident.action(n).ok_or_else(missing)?)
}

/// Asks the record whether it would take a command now; appends nothing.
fn would(ctx: &Ctx, store: &Store, picked: &Picked, command: Command) -> Result<(), AppError> {
    let events = store.load(&StreamId::incident(picked.brief.id))?;
    let asked = Asked { actor: &ctx.actor, now: ctx.now(), ledger: &store.ledger().id, running: store.is_executing() };
    decide(&fold(&events)?, &events, &asked, command)?;
    Ok(())
}

/// Decides a command under the ledger's lock and appends what comes of it, with `beside` in other streams; then what fell
/// due.
fn carry(ctx: &Ctx, store: &mut Store, picked: &Picked, command: Command, beside: Vec<(StreamId, Facts)>) -> Result<Changed, AppError> {
    let mut events = decided(ctx, store, picked, command, beside)?;
    events.extend(fell_due(ctx, store, picked)?);
    Ok(Changed { id: picked.brief.id, number: picked.brief.number, events })
}

/// [`carry`] without what fell due.
fn decided(
    ctx: &Ctx,
    store: &mut Store,
    picked: &Picked,
    command: Command,
    beside: Vec<(StreamId, Facts)>,
) -> Result<Vec<Event>, AppError> {
    let stream = StreamId::incident(picked.brief.id);
    let ledger = store.ledger().id.clone();
    // The one that holds the execution lock is this process.
    let running = !matches!(command, Command::Start { .. }) && store.is_executing();
    Ok(store.append(|tx| {
        let before = tx.load(&stream)?;
        let asked = Asked { actor: &ctx.actor, now: ctx.now(), ledger: &ledger, running };
        let facts = decide(&fold(&before)?, &before, &asked, command)?;
        let own = facts.into_iter().map(|f| ctx.event(stream.clone(), f, None));
        let others = beside.into_iter().map(|(s, f)| ctx.event(s, f, None));
        own.chain(others).collect::<Result<Vec<_>, AppError>>()
    })?)
}

/// Refuses whoever is no known person, before anything is done.
fn known_person(ctx: &Ctx, verb: &'static str) -> Result<(), AppError> {
    if ctx.actor.is_person { Ok(()) } else { Err(Refusal::NotAPerson { name: ctx.actor.name.clone(), verb }.into()) }
}

fn block<'r>(runbook: &'r Runbook, id: &str) -> Result<&'r ActionBlock, AppError> {
    runbook.actions.iter().find(|a| a.id == id).ok_or_else(|| {
        let known: Vec<_> = runbook.actions.iter().map(|a| a.id.as_str()).collect();
        let e = AppError::usage(format!("runbook {} has no action `{id}`", runbook.id));
        if known.is_empty() { e.hint("It has none at all.") } else { e.hint(format!("It has: {}.", known.join(", "))) }
    })
}

/// Reads `--set` values into the types that the kind wants.
fn by_hand(block: &ActionBlock, set: &[(String, String)]) -> Result<Arguments, AppError> {
    let mut out = Arguments::new();
    let kind = kinds::action(&block.kind);
    for (name, said) in set {
        if ["account", "region", "endpoint"].contains(&name.as_str()) {
            return Err(AppError::usage(format!("`{name}` is not given with `--set`"))
                .hint("`--account` and `--region` say where; the endpoint is the one that answers."));
        }
        let Some(key) = kind.and_then(|k| k.key(name)) else {
            let known: Vec<_> = kind.map(|k| k.keys.iter().map(|k| k.name).collect()).unwrap_or_default();
            return Err(
                AppError::usage(format!("action `{}` has no argument `{name}`", block.id)).hint(format!("It has: {}.", known.join(", ")))
            );
        };
        let value = match &key.shape {
            Shape::Texts | Shape::Arns(_) => said.split(',').map(|s| Value::from(s.trim())).collect(),
            _ => Value::from(said.trim()),
        };
        if !key.shape.accepts(&value) {
            return Err(AppError::usage(format!("`{said}` cannot be the `{name}` of `{}`: {}", block.id, key.doc)));
        }
        if out.insert(name.clone(), value).is_some() {
            return Err(AppError::usage(format!("`--set {name}` is given twice")));
        }
    }
    Ok(out)
}

/// A look that was cut short by the person leads to nothing.
fn interrupted() -> AppError {
    AppError::told(ErrorKind::Interrupted, "interrupted while looking; what was seen is kept, nothing else was done")
}

/// The word for an action in messages: `7.a1`.
fn name(number: u64, n: u64) -> String {
    format!("{number}.a{n}")
}

/// True when every one of several verdicts is met.
fn all_met(verdicts: impl IntoIterator<Item = Option<Verdict>>) -> Verdict {
    verdicts.into_iter().fold(Verdict::Met, |v, next| v.and(next.unwrap_or(Verdict::Unknown)))
}

/// The events of a change put behind those that went before.
fn after(mut events: Vec<Event>, changed: Changed) -> Vec<Event> {
    events.extend(changed.events);
    events
}
