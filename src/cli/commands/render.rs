//! `render`: write the documents.

use serde_json::json;

use crate::app::publish::{self, RenderRequest, Rendered};
use crate::app::{AppError, Ctx};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::{Tone, Ui, plain};
use crate::store::StoreError;

/// Write GOVERNANCE-LOG.md, DEPLOY-LOG.md and the postmortems of resolved incidents from the record
///
/// Owns only what stands between its markers, and writes nothing when nothing changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter render\n  blotter render --check        in a pipeline: exit 13 when a document is stale")]
pub struct Args {
    /// Replace entries that somebody edited by hand
    #[arg(long)]
    force: bool,
    /// Write nothing; exit 13 when a document is stale
    #[arg(long, conflicts_with = "force")]
    check: bool,
}

/// Runs the command.
///
/// # Errors
/// The ledger cannot be read, or a document cannot be written.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let store = match ctx.read() {
        Err(AppError::Store(e @ StoreError::NotFound { .. })) => {
            return Err(CliError::from(AppError::Store(e)).hint("Nothing was recorded yet, so there is nothing to render."));
        }
        other => other?,
    };
    let done = publish::render(ctx, &store, RenderRequest { force: args.force, check: args.check })?;
    report(ui, &done, args.check)
}

/// Says what became of each document; 13 when one is stale under `--check`, 1 when one was left as it is.
///
/// # Errors
/// Standard output fails.
pub fn report(ui: &Ui, done: &[Rendered], check: bool) -> Result<Exit, CliError> {
    let stale = done.iter().any(Rendered::is_stale);
    let faulty = done.iter().any(|d| !d.faults.is_empty());
    if ui.json {
        let rows: Vec<_> = done
            .iter()
            .map(|d| {
                let faults: Vec<_> = d.faults.iter().map(ToString::to_string).collect();
                json!({"path": d.path.display().to_string(), "added": d.added, "changed": d.changed, "unknown": d.unknown, "faults": faults, "stale": d.is_stale()})
            })
            .collect();
        ui.line(&json!({"v": V, "check": check, "documents": rows}).to_string())?;
    } else {
        for d in done {
            let path = plain(&d.path.display().to_string());
            for f in &d.faults {
                ui.warn(&format!("{} {path}: {}\nhint: {}", ui.paint(Tone::Bad, "left as it is:"), plain(&f.to_string()), f.hint()));
            }
            for u in &d.unknown {
                ui.warn(&format!("{path}: entry `{}` is not of this ledger; it was left alone", plain(u)));
            }
            if d.faults.is_empty() {
                let word = match (d.is_stale(), check) {
                    (false, _) => "up to date".to_owned(),
                    (true, true) => format!("STALE: {} new, {} changed", d.added.len(), d.changed.len()),
                    (true, false) => format!("written: {} new, {} changed", d.added.len(), d.changed.len()),
                };
                ui.line(&format!("{path}  {word}"))?;
            }
        }
    }
    Ok(match (check, faulty, stale) {
        (true, true, _) | (true, _, true) => Exit::Unverified,
        (false, true, _) => Exit::Failed,
        _ => Exit::Ok,
    })
}
