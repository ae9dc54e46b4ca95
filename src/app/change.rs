//! One change to one incident: read, decide and append under the lock, then see what fell due.

use std::borrow::Cow;

use super::select::Picked;
use super::{AppError, Ctx, escalation};
use crate::record::event::{Event, Facts};
use crate::record::id::{IncidentId, StreamId};
use crate::record::incident::Incident;
use crate::record::incident::decide::{Asked, Command, decide};
use crate::redact::Counts;
use crate::store::Store;

/// What a change did.
#[derive(Debug)]
pub struct Changed {
    /// The incident.
    pub id: IncidentId,
    /// Its number.
    pub number: u64,
    /// The events that were appended, escalations that fell due last.
    pub events: Vec<Event>,
}

/// Carries out a command, secrets taken out of what people wrote.
///
/// # Errors
/// A refusal, or a failure to read or write; nothing is acknowledged then.
pub fn carry_out(ctx: &Ctx, store: &mut Store, picked: &Picked, mut command: Command) -> Result<Changed, AppError> {
    let redactor = ctx.redactor()?;
    for text in written(&mut command) {
        if let Cow::Owned(clean) = redactor.redact_text(text, &mut Counts::new()) {
            *text = clean;
        }
    }
    let running = store.is_executing();
    change(ctx, store, picked, |asked, incident, events| Ok(decide(incident, events, &Asked { running, ..asked }, command)?))
}

/// The texts that a person wrote freely; names, ids and what is signed are not among them.
fn written(command: &mut Command) -> Vec<&mut String> {
    match command {
        Command::Note { text, .. } | Command::AddFollowup { text, .. } => vec![text],
        Command::Correct { text, reason, .. } => vec![text, reason],
        Command::Attach(a) => std::iter::once(&mut a.name).chain(&mut a.note).collect(),
        Command::Severity { reason, .. }
        | Command::Mitigate { reason, .. }
        | Command::Dismiss { reason }
        | Command::Reopen { reason }
        | Command::Link { reason, .. } => vec![reason],
        Command::Resolve(r) => vec![&mut r.summary, &mut r.impact],
        Command::HandOff { note, .. } | Command::FinishFollowup { note, .. } => note.iter_mut().collect(),
        _ => Vec::new(),
    }
}

/// Appends what `decide` makes of the incident's state, under the ledger's lock.
///
/// # Errors
/// A refusal by `decide`, or a failure to read or write: nothing is recorded then, unless the message says so.
pub fn change(
    ctx: &Ctx,
    store: &mut Store,
    picked: &Picked,
    decide: impl FnOnce(Asked<'_>, &Incident, &[Event]) -> Result<Vec<Facts>, AppError>,
) -> Result<Changed, AppError> {
    let stream = StreamId::incident(picked.brief.id);
    let ledger = store.ledger().id.clone();
    let mut all = Vec::new();
    let mut events = store.append(|tx| {
        all = tx.load(&stream)?;
        let incident = fold(&all)?;
        let asked = Asked { actor: &ctx.actor, now: ctx.now(), ledger: &ledger, running: false };
        let facts = decide(asked, &incident, &all)?;
        facts.into_iter().map(|f| ctx.event(stream.clone(), f, None)).collect::<Result<Vec<_>, AppError>>()
    })?;
    all.extend(events.iter().cloned());
    events.extend(escalation::record_due_after(ctx, store, &all).map_err(|e| not_due(&e))?);
    Ok(Changed { id: picked.brief.id, number: picked.brief.number, events })
}

/// Records what fell due, right after a change that is recorded.
///
/// # Errors
/// The ledger cannot be read or written; the message says that the change is recorded.
pub fn fell_due(ctx: &Ctx, store: &mut Store, picked: &Picked) -> Result<Vec<Event>, AppError> {
    escalation::record_due(ctx, store, picked.brief.id).map_err(|e| not_due(&e))
}

fn not_due(e: &AppError) -> AppError {
    AppError::told(e.kind(), format!("recorded, but what fell due could not be: {e}"))
        .hints_of(e)
        .hint("Do not repeat it. `blotter tick` records what fell due.")
}

/// Folds a stream, saying what is wrong when it is no incident's.
///
/// # Errors
/// The stream does not begin as an incident's does.
pub fn fold(events: &[Event]) -> Result<Incident, AppError> {
    Incident::fold(events).map_err(|e| {
        AppError::failed(format!("the incident cannot be read: {e}")).hint("`blotter verify` says what is wrong with the ledger.")
    })
}
