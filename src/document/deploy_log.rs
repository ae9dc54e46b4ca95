//! DEPLOY-LOG.md: what stands behind each alias, and reading one that people kept by hand.

use std::fmt::Write as _;

use crate::record::deploy::{Deploy, Deploys};
use crate::record::id::StreamId;

use super::escape::markdown::{code, text};

mod import;

pub use import::{Defaults, DeployRow, Imported, Unreadable, import};

/// How a new DEPLOY-LOG.md begins.
pub const PREAMBLE: &str = "# Deploy log\n\n\
    One table for each function and alias, the newest deploy first, written by `blotter render` from the record. All times are UTC.\n\
    Write around the tables as you like; what stands between the markers is written anew when the record grows.\n";

/// Writes the table of one deploy stream; each row names its event in that stream and the hash's first digits.
pub fn entry(stream: &StreamId, deploys: &Deploys, drill: bool) -> String {
    let drill = if drill { "DRILL: " } else { "" };
    let mut out = format!("## {drill}{}\n\n", text(&title(stream)));
    let event = deploys.all().iter().rev().find(|d| !d.facts.status_only);
    if let (Some(current), Some(d)) = (deploys.current(), event) {
        let good = match deploys.last_known_good(Some(current)) {
            Some(v) => format!("last known good beside it: {}", code(v)),
            None => "no other version is known to be good".to_owned(),
        };
        let _ = writeln!(out, "Current: {} `{}`; {good}.\n", code(current), d.seq);
    }
    out.push_str("| UTC | From | To | Status | Commit | By | Source | Note | Event |\n");
    out.push_str("| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for d in deploys.all().iter().rev() {
        let _ = writeln!(out, "{}", row(d));
    }
    out
}

/// `orders:prod (123456789012, eu-west-1)`.
fn title(stream: &StreamId) -> String {
    let parts: Vec<&str> = stream.as_str().split('/').collect();
    match parts[..] {
        ["deploy", account, region, alias] => format!("{alias} ({account}, {region})"),
        _ => stream.to_string(),
    }
}

fn row(d: &Deploy) -> String {
    let x = &d.facts;
    let optional = |v: &Option<String>| v.as_deref().map(text).unwrap_or_default();
    let when = match x.occurred_at {
        Some(at) => at.to_seconds(),
        None => format!("{} (recorded)", d.recorded_at.to_seconds()),
    };
    let to = if x.status_only { format!("{} (status only)", text(&x.to)) } else { text(&x.to) };
    let commit = x.commit.as_deref().map(code).unwrap_or_default();
    let (from, by, source, note) = (optional(&x.from), optional(&x.by), text(&x.source), optional(&x.note));
    format!("| {when} | {from} | {to} | {} | {commit} | {by} | {source} | {note} | `{}` {} |", x.status, d.seq, d.hash.short())
}

#[cfg(test)]
mod tests;
