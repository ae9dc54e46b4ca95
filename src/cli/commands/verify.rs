//! `verify`: is the record whole?

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use crate::app::publish::audit::audit;
use crate::app::publish::checkpoint::kept;
use crate::app::{Ctx, approvals};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::{Tone, Ui, plain};
use crate::record::id::StreamId;
use crate::store::{Compared, Store};

/// Check every chain, hash, blob and signature of the ledger
///
/// Says OK, or exactly what is wrong with which event; exit 13 then. What was cut off, or is whole but older, only a
/// checkpoint that was kept elsewhere can tell.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  blotter verify\n  blotter verify --documents      every published line too, for CI\n  blotter verify --checkpoint 2026-03-22.checkpoint\n  git show v12:exports/GOVERNANCE-LOG.md > then.md; blotter verify --checkpoint then.md"
)]
pub struct Args {
    /// Compare with the checkpoints in this file: what `checkpoint` printed, or a rendered document; may be repeated
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// Check the published documents too: every line of them against the record
    #[arg(long)]
    documents: bool,
}

/// Runs the command.
///
/// # Errors
/// The ledger cannot be read at all.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let store = ctx.read()?;
    let mut outside = Vec::new();
    for file in &args.checkpoints {
        outside.extend(kept(&store, file)?);
    }
    let report = approvals::verify(&store, &outside)?;
    let unsupported = if args.documents { audit(ctx, &store)? } else { Vec::new() };
    let count = report.problems.len() + unsupported.len();
    let ok = count == 0;
    if ui.json {
        let problems: Vec<_> = report
            .problems
            .iter()
            .map(|p| json!({"kind": p.kind.to_string(), "stream": p.stream, "seq": p.seq, "detail": p.detail}))
            .chain(unsupported.iter().map(|u| json!({"kind": "document", "stream": null, "seq": null, "detail": u.why, "file": u.path.display().to_string(), "line": u.line})))
            .collect();
        let doc = json!({
            "v": V, "ok": ok, "events": report.events, "streams": report.streams, "root": report.root.to_string(),
            "erased": report.erased, "held": report.held,
            "erasures": report.erasures.iter().map(|e| json!({
                "event": name(&store, &e.stream, e.seq), "type": e.kind, "by": name(&store, &e.by.0, e.by.1),
                "approved_by": e.approved_by, "reason": e.reason,
            })).collect::<Vec<_>>(),
            "problems": problems, "notes": report.notes,
            "checkpoints": report.compared.iter().map(|c| json!({
                "place": c.place, "size": c.size, "root": c.root.to_string(), "holds": c.holds, "signed": c.signed,
            })).collect::<Vec<_>>(),
        });
        ui.line(&doc.to_string())?;
    } else {
        for p in &report.problems {
            let at = match (&p.stream, p.seq) {
                (Some(s), Some(n)) => format!("{} event {n}: ", plain(s)),
                (Some(s), None) => format!("{}: ", plain(s)),
                _ => String::new(),
            };
            ui.line(&format!("{} {at}{}", ui.paint(Tone::Bad, &p.kind.to_string().to_uppercase()), plain(&p.detail)))?;
        }
        for u in &unsupported {
            ui.line(&format!("{} {}:{}: {}", ui.paint(Tone::Bad, "DOCUMENT"), plain(&u.path.display().to_string()), u.line, plain(&u.why)))?;
        }
        for line in held(&report.compared) {
            ui.line(&format!("{} {}", ui.paint(Tone::Good, "HOLDS"), plain(&line)))?;
        }
        for e in &report.erasures {
            let allowed = if e.approved_by.is_empty() { String::new() } else { format!(", allowed by {}", e.approved_by.join(", ")) };
            let (what, by) = (name(&store, &e.stream, e.seq), name(&store, &e.by.0, e.by.1));
            let line = format!("{what} ({}) by {by}{allowed}: {}", e.kind, e.reason);
            ui.line(&format!("{} {}", ui.paint(Tone::Dim, "ERASED"), plain(&line)))?;
        }
        for note in &report.notes {
            ui.line(&format!("{} {}", ui.paint(Tone::Dim, "NOTE"), plain(note)))?;
        }
        let erased = if report.erased > 0 { format!(", {} erased", report.erased) } else { String::new() };
        let held = if report.held > 0 { format!(", {} pieces of evidence held", report.held) } else { String::new() };
        let counts = format!("{} events in {} streams{held}{erased}, root {}", report.events, report.streams, report.root);
        let word = if ok { ui.paint(Tone::Good, "OK") } else { ui.paint(Tone::Bad, &format!("{count} PROBLEMS")) };
        ui.line(&format!("{word}  {counts}"))?;
    }
    Ok(if ok { Exit::Ok } else { Exit::Unverified })
}

/// One line for each file: how many of its checkpoints hold, and how far the farthest reaches.
fn held(compared: &[Compared]) -> Vec<String> {
    let mut files: BTreeMap<&str, (u64, &Compared)> = BTreeMap::new();
    for c in compared.iter().filter(|c| c.holds) {
        let file = c.place.rsplit_once(':').map_or(c.place.as_str(), |(file, _)| file);
        let entry = files.entry(file).or_insert((0, c));
        *entry = (entry.0 + 1, c);
    }
    let line = |(file, (n, c)): (&str, (u64, &Compared))| {
        let signed = if c.signed { ", signed by the ledger" } else { "" };
        let which = if n == 1 { "its checkpoint".to_owned() } else { format!("{n} checkpoints, the farthest") };
        format!("{file}: {which} over {} events{signed}", c.size)
    };
    files.into_iter().map(line).collect()
}

/// An event as people name it: `7.12`.
fn name(store: &Store, stream: &str, seq: u64) -> String {
    let id = stream.parse::<StreamId>().ok().and_then(|s| s.as_incident());
    match id.and_then(|id| store.brief(id).ok().flatten()) {
        Some(brief) => format!("{}.{seq}", brief.number),
        None => format!("{stream} {seq}"),
    }
}
