//! `verify`: is the record whole?

use serde_json::json;

use crate::app::publish::audit::audit;
use crate::app::{AppError, Ctx};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::{Tone, Ui, plain};

/// Check every chain, hash and blob of the ledger
///
/// Says OK, or exactly what is wrong with which event; exit 13 then.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter verify\n  blotter verify --documents      every published line too, for CI")]
pub struct Args {
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
    let report = store.verify(&mut |_| {}).map_err(AppError::from)?;
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
            "erased": report.erased, "problems": problems, "notes": report.notes,
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
        for note in &report.notes {
            ui.line(&format!("{} {}", ui.paint(Tone::Dim, "NOTE"), plain(note)))?;
        }
        let erased = if report.erased > 0 { format!(", {} erased", report.erased) } else { String::new() };
        let counts = format!("{} events in {} streams{erased}, root {}", report.events, report.streams, report.root);
        let word = if ok { ui.paint(Tone::Good, "OK") } else { ui.paint(Tone::Bad, &format!("{count} PROBLEMS")) };
        ui.line(&format!("{word}  {counts}"))?;
    }
    Ok(if ok { Exit::Ok } else { Exit::Unverified })
}
