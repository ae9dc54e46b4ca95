//! An incident as a page shows it: state, evidence, clocks, and what is next.

use super::change::fold;
use super::known::Known;
use super::next::{Next, Situation, advise};
use super::{AppError, Ctx, escalation};
use crate::record::action::{Action, Progress};
use crate::record::brief::Brief;
use crate::record::event::Event;
use crate::record::id::StreamId;
use crate::record::incident::decide::moved;
use crate::record::incident::{Incident, Status};
use crate::record::time::Timestamp;
use crate::runbook::condition::all_hold;
use crate::runbook::decide::{Suggestion, suggest};
use crate::runbook::escalate::Due;
use crate::runbook::model::Runbook;
use crate::store::{Filter, Store};

/// Everything about one incident at one moment.
#[derive(Debug)]
pub struct View {
    /// Its state.
    pub incident: Incident,
    /// Its events.
    pub events: Vec<Event>,
    /// Its runbook; `None` when this build cannot read it.
    pub runbook: Option<Runbook>,
    /// Where its escalations stand.
    pub escalations: Vec<Due>,
    /// What its decisions suggest, by block.
    pub suggestions: Vec<(String, Suggestion)>,
    /// What to do next, the most urgent first.
    pub next: Vec<Next>,
    /// Earlier incidents of the same runbook, the newest first.
    pub earlier: Vec<Brief>,
    /// A call is being made right now.
    pub running: bool,
    /// When it was looked at.
    pub now: Timestamp,
}

/// Looks at one incident.
///
/// # Errors
/// The ledger cannot be read.
pub fn view(ctx: &Ctx, store: &Store, brief: &Brief) -> Result<View, AppError> {
    let now = ctx.now();
    let events = store.load(&StreamId::incident(brief.id))?;
    let incident = fold(&events)?;
    let runbook = escalation::runbook_of(&incident);
    let running = store.is_executing();
    let (mut escalations, mut suggestions, mut ready) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(r) = &runbook
        && incident.status.is_active()
    {
        escalations = escalation::standing(store, &incident, r, now);
        let known = Known::new(store, &incident, r, now);
        known.with(|facts| {
            suggestions.extend(r.decides.iter().map(|d| (d.id.clone(), suggest(d, facts))));
            ready.extend(r.actions.iter().map(|a| (a.id.clone(), all_hold(&a.requires, facts).verdict)));
        });
    }
    let active = Filter { status: Some(vec![Status::Open, Status::Mitigated]), limit: Some(2), ..Filter::default() };
    let others = store.briefs(&active)?;
    let next = advise(&Situation {
        config: &ctx.config,
        incident: &incident,
        runbook: runbook.as_ref(),
        escalations: &escalations,
        suggestions: &suggestions,
        ready: &ready,
        overtaken: &overtaken(&incident, &events, now),
        running,
        now,
        qualify: others.iter().any(|b| b.id != incident.id) || !incident.status.is_active(),
        drill: ctx.drill,
    });
    let before = Filter { runbook: Some(incident.runbook.id.clone()), below: Some(incident.number), limit: Some(3), ..Filter::default() };
    let earlier = store.briefs(&before)?;
    Ok(View { incident, events, runbook, escalations, suggestions, next, earlier, running, now })
}

/// The actions that are allowed only by approvals from before something of weight happened.
fn overtaken(incident: &Incident, events: &[Event], now: Timestamp) -> Vec<u64> {
    let is_overtaken = |a: &&Action| {
        let mut standing = a.standing(now).peekable();
        standing.peek().is_some() && standing.all(|p| moved(events, a.n, p.head_seq).is_some())
    };
    incident.actions.iter().filter(|a| a.progress == Progress::Waiting).filter(is_overtaken).map(|a| a.n).collect()
}
