//! The clock's own command: records what fell due, and tells whom the settings say to tell.

use serde_json::json;

use super::change::carry_out;
use super::select::Picked;
use super::{AppError, Ctx, escalation};
use crate::notify;
use crate::record::brief::Brief;
use crate::record::event::{EscalationDelivered, Event};
use crate::record::id::StreamId;
use crate::record::incident::decide::Command;
use crate::record::incident::{Escalation, Incident, Status};
use crate::store::{Filter, Store};

/// What happened to one escalation.
#[derive(Debug)]
pub struct Told {
    /// The incident's number.
    pub incident: u64,
    /// The rule.
    pub rule: String,
    /// Who was to be told.
    pub to: String,
    /// `command` or `webhook`.
    pub channel: String,
    /// What came back, or why it failed and will be tried again.
    pub result: Result<String, String>,
}

/// What a tick came to.
#[derive(Debug, Default)]
pub struct Ticked {
    /// Events of escalations that fell due, with the incident's number.
    pub due: Vec<(u64, Event)>,
    /// Deliveries tried.
    pub told: Vec<Told>,
}

/// Records what fell due in every active incident, then delivers what no channel has taken yet.
///
/// # Errors
/// The ledger cannot be read or written. A channel that fails is recorded and tried again by the next tick.
pub async fn tick(ctx: &Ctx) -> Result<Ticked, AppError> {
    let mut store = ctx.append()?;
    let mut done = Ticked::default();
    let active = Filter { status: Some(vec![Status::Open, Status::Mitigated]), ..Filter::default() };
    for brief in store.briefs(&active)? {
        for e in escalation::record_due(ctx, &mut store, brief.id)? {
            done.due.push((brief.number, e));
        }
        deliver(ctx, &mut store, &brief, &mut done).await?;
    }
    Ok(done)
}

async fn deliver(ctx: &Ctx, store: &mut Store, brief: &Brief, done: &mut Ticked) -> Result<(), AppError> {
    let incident = super::change::fold(&store.load(&StreamId::incident(brief.id))?)?;
    for e in &incident.escalations {
        for channel in channels(ctx).into_iter().filter(|c| !e.delivered.iter().any(|d| d == c)) {
            let result = tell(ctx, &incident, e, channel).await;
            let (ok, detail) = match &result {
                Ok(s) => (true, s.clone()),
                Err(s) => (false, s.clone()),
            };
            // The same failure again adds nothing to the record.
            let is_news = ok || !e.failed.iter().any(|(c, why)| c == channel && *why == detail);
            if is_news {
                let picked = Picked { brief: brief.clone(), implied: false };
                let facts = EscalationDelivered { raised: e.seq, channel: channel.to_owned(), ok, detail };
                carry_out(ctx, store, &picked, Command::Delivered(facts))?;
            }
            done.told.push(Told { incident: brief.number, rule: e.rule.clone(), to: e.to.clone(), channel: channel.to_owned(), result });
        }
    }
    Ok(())
}

fn channels(ctx: &Ctx) -> Vec<&'static str> {
    let t = &ctx.config.tick;
    let mut out = Vec::new();
    if !t.command.is_empty() {
        out.push("command");
    }
    if t.webhook.is_some() {
        out.push("webhook");
    }
    out
}

async fn tell(ctx: &Ctx, i: &Incident, e: &Escalation, channel: &str) -> Result<String, String> {
    let drill = if i.drill { "DRILL " } else { "" };
    match (channel, &ctx.config.tick.webhook) {
        ("webhook", Some(url)) => {
            let purpose = e.purpose.as_ref().map_or(String::new(), |p| format!(" for {p}"));
            let text = format!(
                "{drill}incident {} {} {} {}: {} is wanted{purpose}. {} (due {})",
                i.number,
                i.severity,
                i.runbook.id,
                i.title,
                ctx.config.reach(&e.to),
                e.reason,
                e.due_at
            );
            notify::webhook(url, &text).await
        }
        _ => {
            let event = json!({
                "v": 1,
                "incident": {"number": i.number, "id": i.id, "runbook": i.runbook.id, "title": i.title, "severity": i.severity, "drill": i.drill},
                "escalation": {"rule": e.rule, "to": e.to, "contact": ctx.config.reach(&e.to), "for": e.purpose, "due_at": e.due_at, "fired_at": e.fired_at, "reason": e.reason},
            });
            notify::command(&ctx.config.tick.command, &event).await
        }
    }
}

#[cfg(test)]
mod tests;
