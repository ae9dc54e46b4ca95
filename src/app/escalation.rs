//! Escalations: found due by every command, recorded by those that append.

use super::change::fold;
use super::known::Known;
use super::{AppError, Ctx};
use crate::record::actor::Actor;
use crate::record::event::{EscalationRaised, Event, Facts, SeverityChanged};
use crate::record::id::{IncidentId, StreamId};
use crate::record::incident::Incident;
use crate::record::time::Timestamp;
use crate::runbook::escalate::{Due, DueStatus, due};
use crate::runbook::model::Runbook;
use crate::runbook::parse::parse;
use crate::store::Store;

/// The runbook as it was when the incident was opened; `None` when this build can no longer read it.
pub fn runbook_of(incident: &Incident) -> Option<Runbook> {
    parse(&incident.runbook.text).runbook
}

/// Every rule of the incident's runbook with where it stands.
pub fn standing(store: &Store, incident: &Incident, runbook: &Runbook, now: Timestamp) -> Vec<Due> {
    if !incident.status.is_active() {
        return Vec::new();
    }
    Known::new(store, incident, runbook, now).with(|facts| due(runbook, incident, facts))
}

/// Records what has fallen due and is not recorded yet, with the severity that a rule raises.
///
/// # Errors
/// The ledger cannot be read or written.
pub fn record_due(ctx: &Ctx, store: &mut Store, id: IncidentId) -> Result<Vec<Event>, AppError> {
    let events = store.load(&StreamId::incident(id))?;
    record_due_after(ctx, store, &events)
}

/// [`record_due`] by whoever just read all of the incident's `events`.
///
/// # Errors
/// As there.
pub fn record_due_after(ctx: &Ctx, store: &mut Store, events: &[Event]) -> Result<Vec<Event>, AppError> {
    let incident = fold(events)?;
    let stream = StreamId::incident(incident.id);
    let Some(runbook) = runbook_of(&incident) else { return Ok(Vec::new()) };
    let now = ctx.now();
    let due: Vec<Due> = standing(store, &incident, &runbook, now).into_iter().filter(|d| d.status == DueStatus::Due).collect();
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let appended = store.append(|tx| {
        // Another process may have recorded the same in the meantime.
        let incident = fold(&tx.load(&stream)?)?;
        let mut severity = incident.severity.clone();
        let mut new = Vec::new();
        for d in &due {
            let since = incident.reopened_at;
            if incident.escalations.iter().any(|e| e.rule == d.rule && since.is_none_or(|t| e.fired_at >= t)) {
                continue;
            }
            for f in facts(d, &mut severity, now) {
                new.push(ctx.event_by(Actor::tool(), stream.clone(), f, None)?);
            }
        }
        Ok::<_, AppError>(new)
    })?;
    Ok(appended)
}

fn facts(d: &Due, severity: &mut String, now: Timestamp) -> Vec<Facts> {
    let mut out: Vec<Facts> = vec![
        EscalationRaised {
            rule: d.rule.clone(),
            to: d.to.clone(),
            purpose: d.purpose.clone(),
            due_at: d.due_at.unwrap_or(now),
            reason: d.reason.clone(),
        }
        .into(),
    ];
    // `P0` is above `P1`: a smaller number is worse.
    if let Some(to) = d.severity.as_ref().filter(|to| **to < *severity) {
        out.push(SeverityChanged { from: severity.clone(), to: to.clone(), reason: d.reason.clone(), rule: Some(d.rule.clone()) }.into());
        severity.clone_from(to);
    }
    out
}
