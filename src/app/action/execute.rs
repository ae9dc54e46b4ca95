//! `execute`: the gate, the one call, its outcome, and the look afterwards where nobody knows the outcome.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde_json::{Value, json};

use super::glass::Broken;
use super::resolve::{self, Stop};
use super::{Watch, after, approval, block, carry, current, decided, fell_due, find, known_person, look, name, verify, would};
use crate::app::page::stored_runbook;
use crate::app::select::Picked;
use crate::app::{AppError, Ctx, ErrorKind};
use crate::aws::Aws;
use crate::perform::{self, Arguments, Ended, Prepared};
use crate::record::action::{Action, ActionStatus, Progress};
use crate::record::event::{ActionFailed, ActionStale, ActionSucceeded, ActionUnknown, Event, Facts};
use crate::record::id::{IncidentId, StreamId};
use crate::record::incident::decide::Command;
use crate::record::observation::Source;
use crate::runbook::model::{ActionBlock, Runbook};
use crate::store::Store;

/// What to execute.
#[derive(Clone, Debug)]
pub struct Request {
    /// The action's number.
    pub n: u64,
    /// For a manual action: what was done.
    pub note: Option<String>,
    /// What the changing call may take.
    pub within: Duration,
    /// Without approval: what the operator signed instead.
    pub glass: Option<Broken>,
}

impl Request {
    /// Executes action `n`.
    pub fn new(n: u64) -> Self {
        Self { n, note: None, within: perform::CALL_WITHIN, glass: None }
    }
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Done, and the runbook's verification passed.
    Verified(String),
    /// Done; the runbook has no verification for it.
    Done(String),
    /// Done, and the verification did not pass.
    NotVerified(String),
    /// Not done, or not wholly.
    Failed(String),
    /// Nobody can say.
    Unknown(String),
    /// Done; the person cut the verification short.
    Interrupted(String),
}

/// What executing came to.
#[derive(Debug)]
pub struct Executed {
    /// The incident.
    pub id: IncidentId,
    /// Its number.
    pub number: u64,
    /// The action's number.
    pub n: u64,
    /// What was appended.
    pub events: Vec<Event>,
    /// How it ended.
    pub end: End,
}

/// Executes an action that was allowed, once, and verifies it. One that was started before, and of which nobody
/// knows the outcome, is only looked at; one that succeeded and was not verified is verified again.
///
/// # Errors
/// The record refuses it, the world moved (recorded as `action.stale`) or could not be asked, somebody else executes
/// something right now, or the ledger cannot be written.
pub async fn execute(
    ctx: &Ctx,
    store: &mut Store,
    picked: &Picked,
    request: &Request,
    watch: Watch<'_>,
    cancel: impl Future<Output = ()>,
) -> Result<Executed, AppError> {
    known_person(ctx, "execute")?;
    let mut cancel = std::pin::pin!(cancel);
    let incident = current(store, picked)?;
    let runbook = stored_runbook(&incident)?;
    let action = find(&incident, request.n)?;
    let block = block(&runbook, &action.block)?;
    let gate = Gate { picked, request, runbook: &runbook, block, watch };
    let (mut events, ended) = match action.status(ctx.now(), store.is_executing()) {
        ActionStatus::Started => return Err(busy(incident.number)),
        ActionStatus::Unknown => gate.reconcile(ctx, store, action).await?,
        ActionStatus::Succeeded if verify::is_wanted(&runbook, action) => (Vec::new(), End::Done(String::new())),
        _ => gate.pass(ctx, store, cancel.as_mut()).await?,
    };
    let end = match ended {
        End::Done(text) if !verify::blocks(&runbook, &block.id).is_empty() => {
            let (more, end) = verify::verify(ctx, store, picked, &runbook, request.n, watch, cancel.as_mut()).await?;
            events.extend(more);
            match end {
                End::Verified(how) if !text.is_empty() => End::Verified(format!("{text}; {how}")),
                end => end,
            }
        }
        other => other,
    };
    Ok(Executed { id: picked.brief.id, number: picked.brief.number, n: request.n, events, end })
}

fn busy(number: u64) -> AppError {
    AppError::refused("an action is being executed right now, by another process")
        .hint(format!("See how it goes with `blotter show {number}`, and try again when it is done."))
}

/// What an approved request says.
fn arguments(action: &Action) -> Arguments {
    action.arguments.as_object().cloned().unwrap_or_default()
}

struct Gate<'a> {
    picked: &'a Picked,
    request: &'a Request,
    runbook: &'a Runbook,
    block: &'a ActionBlock,
    watch: Watch<'a>,
}

impl Gate<'_> {
    /// Everything between the command and the outcome of the call.
    async fn pass(&self, ctx: &Ctx, store: &mut Store, cancel: Pin<&mut impl Future<Output = ()>>) -> Result<(Vec<Event>, End), AppError> {
        let n = self.request.n;
        // Not allowed is not allowed, whatever the world looks like.
        would(ctx, store, self.picked, self.start(Value::Null, Source::default()))?;
        let aws = Aws::new(ctx.aws.clone());
        let incident = current(store, self.picked)?;
        if self.request.glass.is_none() {
            approval::still_hold(ctx, store, &incident, find(&incident, n)?)?;
        }
        let approved = arguments(find(&incident, n)?);
        resolve::in_place(ctx, &aws, &incident, self.runbook, self.block, &approved).await?;
        let (looked, mut events) = look::look(ctx, store, self.picked, self.runbook, self.block, self.watch.probes, cancel).await?;
        let action = find(&looked.incident, n)?.clone();
        let prepared = self.still(ctx, &aws, store, &looked, &action).await?;
        let Some(lock) = store.execution_lock()? else { return Err(busy(looked.incident.number)) };
        if action.kind == "manual" {
            let (more, end) = self.by_hand(ctx, store, prepared)?;
            drop(lock);
            return Ok((after(events, more), end));
        }
        events.extend(self.begin(ctx, store, &prepared).map_err(|e| self.not_begun(e))?);
        (self.watch.tell)(&action.text);
        let ended = perform::perform(&aws, &action.kind, &arguments(&action), &prepared.before, self.request.within).await;
        let (more, end) = self.outcome(ctx, store, &action, ended, false)?;
        drop(lock);
        events.extend(more);
        Ok((events, end))
    }

    fn start(&self, before: Value, source: Source) -> Command {
        let glass = self.request.glass.as_ref().map(|b| Box::new(b.glass.clone()));
        Command::Start { n: self.request.n, before, source, glass }
    }

    /// Writes down that it starts; with a broken glass, that too.
    fn begin(&self, ctx: &Ctx, store: &mut Store, prepared: &Prepared) -> Result<Vec<Event>, AppError> {
        let start = self.start(prepared.before.clone(), prepared.source.clone());
        match &self.request.glass {
            Some(broken) => Ok(approval::enter(ctx, store, self.picked, start, broken.list.clone())?.0),
            None => Ok(carry(ctx, store, self.picked, start, Vec::new())?.events),
        }
    }

    /// The start may be recorded or not; that no call followed is certain.
    fn not_begun(&self, e: AppError) -> AppError {
        if e.kind() == ErrorKind::Refused {
            return e;
        }
        let name = name(self.picked.brief.number, self.request.n);
        AppError::told(e.kind(), format!("no call was made: {e}"))
            .hints_of(&e)
            .hint(format!("Try again with `blotter execute {name}`. If the start is recorded all the same it says so, and looks instead."))
    }

    /// The request as it stands now, when nothing of it moved; a stale one is recorded as such.
    async fn still(&self, ctx: &Ctx, aws: &Aws, store: &mut Store, looked: &look::Looked, action: &Action) -> Result<Prepared, AppError> {
        let approved = arguments(action);
        let reason = match look::insist(looked, self.block, looked.incident.number) {
            Err(e) if e.kind() == ErrorKind::Refused => e.to_string(),
            Err(e) => return Err(e),
            Ok(()) => {
                let by_hand: Arguments =
                    approved.iter().filter(|(k, _)| action.by_hand.contains(k)).map(|(k, v)| (k.clone(), v.clone())).collect();
                let asked = resolve::Asked { runbook: self.runbook, block: self.block, by_hand: &by_hand, approved: Some(&approved) };
                match resolve::resolve(ctx, aws, store, looked, &asked).await {
                    Err(Stop::Error(e)) => return Err(e),
                    Err(Stop::World(reason, _)) => reason,
                    Ok(prepared) => {
                        let moved = resolve::moved(&approved, &prepared.arguments);
                        if moved.is_empty() {
                            return Ok(prepared);
                        }
                        moved.join("; ")
                    }
                }
            }
        };
        let (number, n) = (looked.incident.number, action.n);
        carry(ctx, store, self.picked, Command::Stale(ActionStale { n, reason: reason.clone() }), Vec::new())?;
        Err(AppError::refused(format!("{} is stale, nothing was changed: {reason}", name(number, n)))
            .hint(format!("If it is still wanted: `blotter propose {} -i {number}`, and have that approved.", action.block)))
    }

    /// A person did it: the start and the end are one.
    fn by_hand(&self, ctx: &Ctx, store: &mut Store, prepared: Prepared) -> Result<(crate::app::change::Changed, End), AppError> {
        let n = self.request.n;
        let said = self.request.note.clone().filter(|s| !s.trim().is_empty());
        let text = said.clone().unwrap_or_else(|| "done by hand".to_owned());
        let done = ActionSucceeded { n, result: json!({ "note": said }), text: text.clone(), reconciled: false };
        let stream = StreamId::incident(self.picked.brief.id);
        let mut changed = crate::app::change::Changed { id: self.picked.brief.id, number: self.picked.brief.number, events: Vec::new() };
        if self.request.glass.is_some() {
            changed.events = self.begin(ctx, store, &prepared)?;
            changed.events.extend(carry(ctx, store, self.picked, Command::Succeeded(done), Vec::new())?.events);
        } else {
            let start = self.start(prepared.before, prepared.source);
            changed = carry(ctx, store, self.picked, start, vec![(stream, Facts::from(done))])?;
        }
        Ok((changed, End::Done(text)))
    }

    /// Writes down how the call ended.
    fn outcome(
        &self,
        ctx: &Ctx,
        store: &mut Store,
        action: &Action,
        ended: Ended,
        reconciled: bool,
    ) -> Result<(Vec<Event>, End), AppError> {
        let n = action.n;
        let (command, end) = match ended {
            Ended::Done { result, text } => {
                (Command::Succeeded(ActionSucceeded { n, result, text: text.clone(), reconciled }), End::Done(text))
            }
            Ended::Failed { result, error } => {
                (Command::Failed(ActionFailed { n, error: error.clone(), result, reconciled }), End::Failed(error))
            }
            Ended::Unknown { error } => (Command::Unknown(ActionUnknown { n, error: error.clone() }), End::Unknown(error)),
        };
        let said = match &end {
            End::Done(t) => format!("done: {t}"),
            End::Failed(t) => format!("failed: {t}"),
            other => format!("unknown: {other:?}"),
        };
        (self.watch.tell)(&said);
        let beside = || match &end {
            // Where nothing verifies it, this is all that will ever be known of it.
            End::Done(_) if verify::blocks(self.runbook, &action.block).is_empty() => {
                verify::deploy(ctx, store, self.picked, action, ctx.now(), false)
            }
            _ => Ok(None),
        };
        let mut events = match beside().and_then(|beside| decided(ctx, store, self.picked, command, beside.into_iter().collect())) {
            Ok(events) => events,
            Err(e) if reconciled => return Err(e),
            Err(e) => return Err(self.untold(n, &said, &e)),
        };
        events.extend(fell_due(ctx, store, self.picked)?);
        Ok((events, end))
    }

    /// The call was made and the record does not say how it ended: from now on it is unknown to all others.
    fn untold(&self, n: u64, said: &str, e: &AppError) -> AppError {
        let name = name(self.picked.brief.number, n);
        AppError::told(ErrorKind::Unknown, format!("the call was made ({said}), and that could not be recorded: {e}")).hints_of(e).hint(
            format!("Write it down. Once the ledger works again, `blotter execute {name}` looks and records it; it calls nothing again."),
        )
    }

    /// Looks whether a change was made whose outcome nobody knows. Never makes it.
    async fn reconcile(&self, ctx: &Ctx, store: &mut Store, action: &Action) -> Result<(Vec<Event>, End), AppError> {
        let Some(lock) = store.execution_lock()? else { return Err(busy(self.picked.brief.number)) };
        // Under the lock: it may have been recorded a moment ago.
        let incident = current(store, self.picked)?;
        let action = find(&incident, action.n)?;
        if !matches!(action.progress, Progress::Started | Progress::Unknown { .. }) {
            return Err(busy(incident.number));
        }
        (self.watch.tell)("its outcome was never recorded: looking whether the change was made");
        let (aws, arguments) = (Aws::new(ctx.aws.clone()), arguments(action));
        let text = |key: &str| arguments.get(key).and_then(Value::as_str).unwrap_or_default();
        let ended = match resolve::identity(&aws, text("region"), Some(text("account"))).await {
            Ok(_) => perform::reconcile(&aws, &action.kind, &arguments, &self.before(store)?).await,
            Err(e) if e.kind() == ErrorKind::Refused => return Err(e),
            Err(e) => Ended::Unknown { error: e.to_string() },
        };
        let done = match ended {
            // It is recorded as unknown already, and nothing new is known.
            Ended::Unknown { error } if matches!(action.progress, Progress::Unknown { .. }) => (Vec::new(), End::Unknown(error)),
            Ended::Unknown { error } => {
                let error = format!("its outcome was never recorded, and {error}");
                self.outcome(ctx, store, action, Ended::Unknown { error }, true)?
            }
            ended => self.outcome(ctx, store, action, ended, true)?,
        };
        drop(lock);
        Ok(done)
    }

    /// What was read of the world just before the call.
    fn before(&self, store: &Store) -> Result<Value, AppError> {
        let events = store.load(&StreamId::incident(self.picked.brief.id))?;
        let started = events.iter().rev().find_map(|e| match &e.facts {
            Facts::ActionStarted(x) if x.n == self.request.n => Some(x.before.clone()),
            _ => None,
        });
        Ok(started.unwrap_or(Value::Null))
    }
}
