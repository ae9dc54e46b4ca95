//! `tick`: the clock's own command.

use serde_json::json;

use crate::app::{AppError, Ctx, tick};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::block_on;
use crate::cli::ui::{Ui, plain};
use crate::store::StoreError;

/// Record escalations that fell due, and tell whom the settings say to tell
///
/// Run it every minute from cron or a timer. What a channel does not take is tried again by the next tick.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter tick\n  * * * * * blotter tick --quiet      in crontab")]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// The ledger cannot be written.
pub fn run(ui: &Ui, ctx: &Ctx, _args: Args) -> Result<Exit, CliError> {
    let done = match block_on(tick::tick(ctx))? {
        // Nothing was ever recorded, so nothing can be due.
        Err(AppError::Store(StoreError::NotFound { .. })) if !ctx.config.store_is_chosen => tick::Ticked::default(),
        other => other?,
    };
    let failed = done.told.iter().any(|t| t.result.is_err());
    if ui.json {
        let due: Vec<_> = done.due.iter().map(|(n, e)| json!({"event": format!("{n}.{}", e.header.seq), "type": e.header.kind})).collect();
        let told: Vec<_> = done
            .told
            .iter()
            .map(|t| json!({"incident": t.incident, "rule": t.rule, "to": t.to, "channel": t.channel, "ok": t.result.is_ok(), "detail": t.result.as_ref().map_or_else(Clone::clone, Clone::clone)}))
            .collect();
        ui.line(&json!({"v": V, "due": due, "told": told}).to_string())?;
    } else {
        for (n, e) in &done.due {
            ui.line(&format!("incident {n}: {}", plain(&crate::record::timeline::line(e))))?;
        }
        for t in &done.told {
            let what = match &t.result {
                Ok(s) => format!("told {} by {}: {}", t.to, t.channel, s),
                Err(s) => format!("could not tell {} by {}: {s}; the next tick tries again", t.to, t.channel),
            };
            ui.line(&format!("incident {}: {}", t.incident, plain(&what)))?;
        }
    }
    Ok(if failed { Exit::Failed } else { Exit::Ok })
}
