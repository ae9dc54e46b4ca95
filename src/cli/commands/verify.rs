//! `verify`: is the record whole?

use serde_json::json;

use crate::app::{AppError, Ctx};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::{Tone, Ui, plain};

/// Check every chain, hash and blob of the ledger
///
/// Says OK, or exactly what is wrong with which event; exit 13 then.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter verify\n  blotter verify --json")]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// The ledger cannot be read at all.
pub fn run(ui: &Ui, ctx: &Ctx, _args: Args) -> Result<Exit, CliError> {
    let store = ctx.read()?;
    let report = store.verify(&mut |_| {}).map_err(AppError::from)?;
    let ok = report.problems.is_empty();
    if ui.json {
        let problems: Vec<_> = report
            .problems
            .iter()
            .map(|p| json!({"kind": p.kind.to_string(), "stream": p.stream, "seq": p.seq, "detail": p.detail}))
            .collect();
        let doc = json!({
            "v": V, "ok": ok, "events": report.events, "streams": report.streams, "root": report.root.to_string(),
            "erased": report.erased, "problems": problems,
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
        let erased = if report.erased > 0 { format!(", {} erased", report.erased) } else { String::new() };
        let counts = format!("{} events in {} streams{erased}, root {}", report.events, report.streams, report.root);
        let word = if ok { ui.paint(Tone::Good, "OK") } else { ui.paint(Tone::Bad, &format!("{} PROBLEMS", report.problems.len())) };
        ui.line(&format!("{word}  {counts}"))?;
    }
    Ok(if ok { Exit::Ok } else { Exit::Unverified })
}
