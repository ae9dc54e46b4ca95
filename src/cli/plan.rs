//! The plan of an action, value by value: what a person reads before they say yes at 3 a.m.

use serde_json::Value;

use super::error::CliError;
use super::page::ago;
use super::ui::{Tone, Ui, plain};
use crate::app::Ctx;
use crate::app::view::View;
use crate::record::action::{Action, ActionStatus};
use crate::record::id::{Ref, RefKind};
use crate::record::time::human_span;
use crate::runbook::kinds;

/// Reads `a1` or `7.a1`.
///
/// # Errors
/// Another kind of ref, or none.
pub fn reference(text: &str) -> Result<Ref, CliError> {
    match text.parse::<Ref>() {
        Ok(r) if r.kind == RefKind::Action => Ok(r),
        _ => Err(CliError::usage(format!("`{text}` names no action"))
            .hint("Actions are called `a1`, or `7.a1` with their incident; `blotter show` lists them.")),
    }
}

/// The whole plan: one sentence, then every value that runs, and who has said what about it.
pub fn plan(ui: &Ui, ctx: &Ctx, v: &View, a: &Action) -> String {
    let i = &v.incident;
    let status = a.status(v.now, v.running);
    let tone = match status {
        ActionStatus::Approved | ActionStatus::Succeeded => Tone::Good,
        ActionStatus::Proposed | ActionStatus::Started | ActionStatus::Expired | ActionStatus::Stale => Tone::Warn,
        ActionStatus::Denied | ActionStatus::Failed | ActionStatus::Unknown => Tone::Bad,
    };
    let drill = if i.drill { format!("{}  ", ui.paint(Tone::Warn, "DRILL")) } else { String::new() };
    let mut out = format!(
        "{drill}action {}.a{} {}  {} of {}  {} {}\n  {}\n",
        i.number,
        a.n,
        ui.paint(tone, &status.to_string()),
        plain(&a.block),
        ui.paint(Tone::Strong, &i.severity),
        plain(&i.runbook.id),
        plain(&i.title),
        ui.paint(Tone::Strong, &format!("{}.", plain(&a.text)))
    );
    let mut rows: Vec<(String, String)> = vec![("kind".to_owned(), a.kind.clone())];
    for (key, value) in ordered(a) {
        let by_hand = if a.by_hand.contains(key) { "  (given by hand)" } else { "" };
        match value {
            Value::Array(items) => {
                rows.push((key.clone(), format!("{} in all{by_hand}", items.len())));
                rows.extend(items.iter().map(|item| (String::new(), shown(item))));
            }
            other => rows.push((key.clone(), format!("{}{by_hand}", shown(other)))),
        }
    }
    rows.push(("conditions".to_owned(), if a.requires.is_empty() { "none".to_owned() } else { a.requires.join("; ") }));
    rows.push(("proposed".to_owned(), format!("by {}, {}", a.proposer, ago(ui, a.proposed_at, v.now))));
    rows.push(("may approve".to_owned(), rule(ctx, a)));
    for p in &a.approvals {
        let how = match (p.signature.is_some(), p.self_approved) {
            (false, true) => "unsigned, self-approved",
            (false, false) => "unsigned",
            (true, true) => "signed, self-approved",
            (true, false) => "signed",
        };
        let end = match () {
            () if p.revoked => "taken back".to_owned(),
            () if v.now >= p.expires_at => format!("lapsed at {}", p.expires_at.to_seconds()),
            () => format!("until {} UTC", p.expires_at.to_seconds()),
        };
        let comment = p.comment.as_ref().map_or(String::new(), |c| format!(": {c}"));
        rows.push(("approved".to_owned(), format!("by {} ({how}, {end}){comment}", p.approver)));
    }
    if let Some(b) = &a.bypass {
        rows.push(("BREAK-GLASS".to_owned(), format!("by {}, without approval: {}", b.by, b.reason)));
        rows.push((
            "review".to_owned(),
            match &b.review {
                Some((_, by, _, said)) => format!("by {by}: {said}"),
                None => format!("OPEN, by somebody else until {} UTC", b.review_by.to_seconds()),
            },
        ));
    }
    rows.push(("runbook".to_owned(), format!("{} {}", i.runbook.id, a.runbook)));
    rows.push(("hash".to_owned(), a.hash.to_string()));
    let width = rows.iter().map(|(k, _)| k.len()).max().unwrap_or(0);
    for (key, value) in rows {
        out.push_str(&format!("    {}  {}\n", ui.paint(Tone::Dim, &Ui::fit(&plain(&key), width)), plain(&value)));
    }
    out
}

/// Where it happens first, then the kind's own keys in its own order, then the rest by name.
fn ordered(a: &Action) -> Vec<(&String, &Value)> {
    let mut all: Vec<_> = a.arguments.as_object().into_iter().flatten().collect();
    let own = kinds::action(&a.kind).map_or(&[][..], |k| k.keys);
    let names: Vec<&str> = ["account", "region", "endpoint"].into_iter().chain(own.iter().map(|k| k.name)).collect();
    all.sort_by_key(|(k, _)| (names.iter().position(|n| n == k).unwrap_or(names.len()), (*k).clone()));
    all
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn rule(ctx: &Ctx, a: &Action) -> String {
    if a.rule.none {
        return "nobody has to".to_owned();
    }
    let who: Vec<_> = a.rule.from.iter().map(|p| ctx.config.reach(p)).collect();
    let count = if a.rule.min > 1 { format!("{} of ", a.rule.min) } else { String::new() };
    let itself = if a.rule.allow_self { ", also their own" } else { "" };
    let span = human_span(i64::try_from(a.rule.expires_s).unwrap_or(i64::MAX).saturating_mul(1000));
    format!("{count}{}{itself}; good for {span}", who.join(", "))
}
