//! A rehearsal: a stack on loopback that breaks the way a runbook describes, and a ledger that is a drill's for ever.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;

use super::change::fold;
use super::{AppError, Clock, Ctx, library, watch};
use crate::aws;
use crate::config::Person;
use crate::record::action::{Action, Progress};
use crate::record::actor::Actor;
use crate::record::id::StreamId;
use crate::runbook::model::{Condition, Runbook, Trigger};
use crate::simulator::{Clock as StackClock, Simulator, World, scenario};
use crate::store::Filter;

/// A running rehearsal. The stack stops, and a throw-away ledger goes, when this is dropped.
#[derive(Debug)]
pub struct Drill {
    /// Everything as a command needs it, pointed at the stack.
    pub ctx: Ctx,
    /// The runbook that is rehearsed.
    pub runbook: Runbook,
    /// The stack.
    pub stack: Simulator,
    clock: StackClock,
    /// How the stack was broken.
    scenario: String,
    healed: Cell<bool>,
    /// The folder of a throw-away ledger.
    folder: Option<tempfile::TempDir>,
}

impl Drill {
    /// Starts a stack and makes, or opens, a drill's ledger.
    ///
    /// # Errors
    /// There is no scenario for the runbook, the store is a real ledger, or loopback cannot be used.
    pub fn start(base: &Ctx, id: &str, how: Option<&str>, store: Option<PathBuf>) -> Result<Self, AppError> {
        let runbook = library::find(&base.config, id)?;
        let real = base.clock.as_fn();
        let clock = StackClock::reading(move || real());
        let mut world = World::seed(clock.clone());
        let how = how.unwrap_or(&runbook.id).to_owned();
        // What is broken now has its history, so the clock can be turned back and show how it came about.
        scenario::break_it(&how, &mut world).map_err(|e| {
            let known: Vec<_> = scenario::all().map(|(id, text)| format!("{id}: {text}")).collect();
            AppError::usage(e.to_string()).hint(format!("There is:\n  {}", known.join("\n  ")))
        })?;
        let stack = Simulator::start(world).map_err(|e| AppError::failed(format!("the simulator cannot be started: {e}")))?;
        let (read, turn) = (clock.clone(), clock.clone());
        let app_clock = Clock::simulated(Arc::new(move || read.now()), Arc::new(move |ms| turn.advance(ms)));
        let folder = if store.is_none() {
            Some(tempfile::tempdir().map_err(|e| AppError::failed(format!("no folder for the drill's ledger: {e}")))?)
        } else {
            None
        };
        let mut ctx = base.clone();
        ctx.drill = true;
        ctx.clock = app_clock;
        ctx.aws = aws::Settings {
            endpoint: Some(stack.url().to_owned()),
            credentials: Some(("AKIADRILL".to_owned(), "drill".to_owned())),
            ..aws::Settings::new(ctx.clock.as_fn())
        };
        ctx.config.aws = crate::config::AwsSettings::default();
        ctx.config.vars.insert("api".to_owned(), serde_json::Value::String(stack.api_url()));
        if let Some(f) = &folder {
            ctx.config.store = f.path().join("drill.db");
            ctx.config.exports = f.path().join("exports");
        } else if let Some(s) = store {
            ctx.config.exports = s.parent().map_or_else(|| PathBuf::from("exports"), |p| p.join("exports"));
            ctx.config.store = s;
        }
        ctx.config.store_is_chosen = true;
        ctx.config.tick = crate::config::TickSettings::default();
        cast(&mut ctx, &runbook);
        // Refuses a real ledger before anything happens.
        drop(ctx.append_or_create()?);
        Ok(Self { ctx, scenario: how, healed: Cell::new(false), stack, clock, folder, runbook })
    }

    /// Sets the drill's clock back, as somebody might who wants a lapsed approval to hold again.
    #[cfg(test)]
    pub(crate) fn turn_back(&self, ms: i64) {
        self.clock.advance(-ms);
    }

    /// True when the ledger goes with the drill.
    pub fn is_throw_away(&self) -> bool {
        self.folder.is_some()
    }

    /// Lets the stack feel what was done to it: an action that does not work on the stack itself (a deploy by hand,
    /// a request that AWS grants) heals it. An alias that was moved is as good as the version it points at.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn settle(&self) -> Result<(), AppError> {
        let store = self.ctx.read()?;
        for brief in store.briefs(&Filter::default())? {
            let incident = fold(&store.load(&StreamId::incident(brief.id))?)?;
            let heals = |a: &Action| a.kind != "aws.lambda.update-alias" && matches!(a.progress, Progress::Succeeded { .. });
            if incident.actions.iter().any(heals) && !self.healed.replace(true) {
                // The scenario is known: the stack was broken by it.
                self.stack.edit(|w| scenario::heal(&self.scenario, w)).map_err(|e| AppError::failed(e.to_string()))?;
            }
        }
        Ok(())
    }

    /// Lets the time before the page pass once more, with samples for the runbook's windows.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn prelude(&self) -> Result<(), AppError> {
        record_known_good(&self.ctx, &self.runbook)?;
        let longest = longest_window(&self.runbook);
        let mut left = if longest == 0 { 0 } else { longest + longest / 10 };
        self.clock.advance(-left);
        while left > 0 {
            watch::observe(&self.ctx, Some(&self.runbook.id), &|_| {}, std::future::pending()).await?;
            // The nearer to the page, the denser: the newest windows are the short ones.
            let step = (left / 12).max(SAMPLE_EVERY_MS).min(left);
            self.clock.advance(step);
            left -= step;
        }
        Ok(())
    }
}

/// How often samples are taken at most while the time before the page passes.
const SAMPLE_EVERY_MS: i64 = 3_600_000;

/// The longest window that any rule of the runbook looks back over, in milliseconds.
fn longest_window(r: &Runbook) -> i64 {
    fn of(c: &Condition) -> i64 {
        match c {
            Condition::Window(w) => w.window_ms,
            Condition::Any(cs) | Condition::All(cs) => cs.iter().map(of).max().unwrap_or(0),
            Condition::Not(c) => of(c),
            _ => 0,
        }
    }
    let signals = r.signals.iter().map(|s| of(&s.when));
    let branches = r.decides.iter().flat_map(|d| &d.branches).filter_map(|b| b.when.as_ref()).map(of);
    let escalations = r.escalates.iter().map(|e| match &e.trigger {
        Trigger::When(c) => of(c),
        Trigger::After { .. } => 0,
    });
    let actions = r.actions.iter().flat_map(|a| &a.requires).map(of);
    signals.chain(branches).chain(escalations).chain(actions).max().unwrap_or(0)
}

/// Gives every name of the runbook a person, so that approvals and escalations have somebody to go to.
fn cast(ctx: &mut Ctx, runbook: &Runbook) {
    let people = &mut ctx.config.people;
    let approvers = runbook.actions.iter().flat_map(|a| &a.approve.from);
    let told = runbook.escalates.iter().map(|e| &e.to);
    for name in approvers.chain(told).cloned().collect::<Vec<_>>() {
        people.entry(name).or_insert_with(|| Person { contact: Some("played by you".to_owned()), ..Person::default() });
    }
    if !ctx.actor.is_person {
        let name = "T-OPS".to_owned();
        people.entry(name.clone()).or_default();
        ctx.actor = Actor { name, is_person: true, via: "drill".to_owned() };
    }
}

/// The stack's deploys so far, so that there is a last known good version to go back to.
fn record_known_good(ctx: &Ctx, runbook: &Runbook) -> Result<(), AppError> {
    use super::deploys::{RecordRequest, record};
    use crate::record::event::DeployStatus;
    let text = |k: &str| runbook.vars.get(k).and_then(|v| v.as_str()).map(str::to_owned);
    let (Some(function), Some(alias)) = (text("function"), text("alias")) else { return Ok(()) };
    let request = RecordRequest {
        function: Some(function),
        alias: Some(alias),
        version: "41".to_owned(),
        from: Some("40".to_owned()),
        status: DeployStatus::Good,
        commit: None,
        note: Some("the stack of the drill before it breaks".to_owned()),
        by: None,
        at: None,
        status_only: false,
    };
    record(ctx, request)?;
    Ok(())
}
