//! What people say about an incident: acknowledge, note, severity, mitigate, resolve, and the rest of its life.

use super::change::{Changed, change, fold};
use super::known::Known;
use super::page::stored_runbook;
use super::select::Picked;
use super::{AppError, Ctx};
use crate::record::event::{DecisionMade, EscalationDelivered, EscalationRaised, Facts, Waived};
use crate::record::id::StreamId;
use crate::record::incident::decide::{Command, Resolve, decide};
use crate::record::incident::{EvidenceKind, Incident};
use crate::record::time::Timestamp;
use crate::record::verdict::Outcome;
use crate::runbook::decide::suggest;
use crate::runbook::model::{MustHave, Runbook, Then};
use crate::store::Store;

/// What a person says when it is over.
#[derive(Clone, Debug, Default)]
pub struct ResolveRequest {
    /// What happened and what ended it.
    pub summary: String,
    /// Who was hurt and how much.
    pub impact: String,
    /// `permanent` or `temporary`.
    pub resolution: Option<String>,
    /// What is left out of what the runbook insists on.
    pub without: Vec<Waived>,
    /// When it ended.
    pub at: Option<Timestamp>,
}

/// Resolves the incident, insisting on what its runbook insists on.
///
/// # Errors
/// Something is missing and not waived, or the transition is not allowed.
pub fn resolve(ctx: &Ctx, store: &mut Store, picked: &Picked, request: ResolveRequest) -> Result<Changed, AppError> {
    let running = store.is_executing();
    change(ctx, store, picked, |asked, incident, events| {
        let missing = stored_runbook(incident).map(|r| missing(incident, &r)).unwrap_or_default();
        let command = Resolve {
            summary: request.summary,
            impact: request.impact,
            resolution: request.resolution,
            missing,
            without: request.without,
            occurred_at: request.at,
        };
        Ok(decide(incident, events, &crate::record::incident::decide::Asked { running, ..asked }, Command::Resolve(command))?)
    })
}

/// What `resolve` insists on and the record lacks.
pub fn missing(incident: &Incident, runbook: &Runbook) -> Vec<String> {
    let observed = |f: &dyn Fn(&crate::record::observation::Observation) -> bool| {
        incident.evidence.iter().any(|e| matches!(&e.what, EvidenceKind::Observed(o) if f(o)))
    };
    let answered = |id: &str| observed(&|o| o.probe == id && o.outcome == Outcome::Answered);
    let mut out = Vec::new();
    for m in &runbook.must_have {
        match m {
            MustHave::Reading(name) if !observed(&|o| o.readings.iter().any(|r| r.name == *name)) => out.push(format!("reading:{name}")),
            MustHave::Ask(id) if !answered(id) => out.push(format!("ask:{id}")),
            _ => {}
        }
    }
    for v in &runbook.verifies {
        let ran = incident.actions.iter().any(|a| a.block == v.after && a.started_at.is_some());
        for id in v.confirm.iter().filter(|id| ran && !answered(id)) {
            let what = format!("ask:{id}");
            if !out.contains(&what) {
                out.push(what);
            }
        }
    }
    out
}

/// What became of a decision.
#[derive(Debug)]
pub struct Decided {
    /// The change.
    pub changed: Changed,
    /// Where the branch leads.
    pub then: Then,
    /// What it means.
    pub note: Option<String>,
}

/// Takes a branch of a `decide` block; without a branch, the suggested one.
///
/// # Errors
/// No such block or branch, nothing is suggested, or the transition is not allowed.
pub fn take_branch(
    ctx: &Ctx,
    store: &mut Store,
    picked: &Picked,
    block: &str,
    branch: Option<&str>,
    reason: Option<String>,
) -> Result<Decided, AppError> {
    let incident = fold(&store.load(&StreamId::incident(picked.brief.id))?)?;
    let runbook = stored_runbook(&incident)?;
    let fork = runbook.decides.iter().find(|d| d.id == block).ok_or_else(|| {
        let known: Vec<_> = runbook.decides.iter().map(|d| d.id.as_str()).collect();
        let e = AppError::usage(format!("runbook {} has no decision `{block}`", runbook.id));
        if known.is_empty() { e } else { e.hint(format!("It has: {}.", known.join(", "))) }
    })?;
    let suggestion = Known::new(store, &incident, &runbook, ctx.now()).with(|facts| suggest(fork, facts));
    let branches = || fork.branches.iter().map(|b| b.id.as_str()).collect::<Vec<_>>().join(", ");
    let id = branch.map(str::to_owned).or_else(|| suggestion.branch.clone()).ok_or_else(|| {
        AppError::refused(format!("the evidence does not say which branch of `{block}` to take"))
            .hint(format!("Name one of: {}.", branches()))
    })?;
    let taken = fork
        .branches
        .iter()
        .find(|b| b.id == id)
        .ok_or_else(|| AppError::usage(format!("decision `{block}` has no branch `{id}`")).hint(format!("It has: {}.", branches())))?;
    let evidence = runbook.probes.iter().filter_map(|p| incident.latest(&p.id)).map(|(e, _)| e.n).collect();
    let made = DecisionMade {
        decide: block.to_owned(),
        suggested: suggestion.branch,
        branch: id,
        then: taken.then.to_string(),
        reason: reason.clone(),
        evidence,
    };
    let (then, note) = (taken.then.clone(), taken.note.clone());
    let running = store.is_executing();
    let changed = change(ctx, store, picked, |asked, incident, events| {
        let asked = crate::record::incident::decide::Asked { running, ..asked };
        let mut facts: Vec<Facts> = decide(incident, events, &asked, Command::Decide(made))?;
        match &then {
            Then::Dismiss => {
                let why = reason.clone().or_else(|| note.clone()).unwrap_or_else(|| format!("decided `{block}`"));
                facts.extend(decide(incident, events, &asked, Command::Dismiss { reason: why })?);
            }
            Then::Link(other) => {
                let why = note.clone().unwrap_or_else(|| format!("decided `{block}`"));
                facts.extend(decide(
                    incident,
                    events,
                    &asked,
                    Command::Link { incident: None, runbook: Some(other.clone()), reason: why },
                )?);
            }
            Then::Anchor(_) | Then::Open(_) => {}
        }
        Ok(facts)
    })?;
    Ok(Decided { changed, then, note })
}

/// Tells somebody now, whatever the rules say.
///
/// # Errors
/// The transition is not allowed.
pub fn escalate(ctx: &Ctx, store: &mut Store, picked: &Picked, to: &str, reason: &str) -> Result<Changed, AppError> {
    if !ctx.config.people.is_empty() && !ctx.config.people.contains_key(to) {
        let known: Vec<_> = ctx.config.people.keys().map(String::as_str).collect();
        return Err(
            AppError::usage(format!("`{to}` is no person or team of the settings")).hint(format!("Known are: {}.", known.join(", ")))
        );
    }
    let raised =
        EscalationRaised { rule: "manual".to_owned(), to: to.to_owned(), purpose: None, due_at: ctx.now(), reason: reason.to_owned() };
    super::change::carry_out(ctx, store, picked, Command::Escalate { raised, severity: None })
}

/// Records that a person was told what an escalation says.
///
/// # Errors
/// No such escalation, or everybody was told already.
pub fn told(ctx: &Ctx, store: &mut Store, picked: &Picked, rule: &str, note: Option<String>) -> Result<Changed, AppError> {
    // One that fell due a moment ago is recorded first, so that there is something to answer.
    super::escalation::record_due(ctx, store, picked.brief.id)?;
    let running = store.is_executing();
    change(ctx, store, picked, |asked, incident, events| {
        let asked = crate::record::incident::decide::Asked { running, ..asked };
        let raised = incident.escalations.iter().rev().find(|e| e.rule == rule).ok_or_else(|| {
            let due: Vec<_> = incident.escalations.iter().map(|e| e.rule.as_str()).collect();
            let e = AppError::usage(format!("incident {} has no escalation `{rule}` that fell due", incident.number));
            if due.is_empty() { e } else { e.hint(format!("Due are: {}.", due.join(", "))) }
        })?;
        if raised.delivered.iter().any(|c| c == "person") {
            return Err(AppError::refused(format!("`{}` was told about `{rule}` already", raised.to)));
        }
        let detail = note.unwrap_or_else(|| format!("told {}", raised.to));
        let facts = EscalationDelivered { raised: raised.seq, channel: "person".to_owned(), ok: true, detail };
        Ok(decide(incident, events, &asked, Command::Delivered(facts))?)
    })
}
