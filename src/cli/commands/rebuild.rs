//! `rebuild`: make the projections anew.

use serde_json::json;

use crate::app::{AppError, Ctx};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::Ui;

/// Drop everything that is derived from the events, and derive it again
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter rebuild")]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// The ledger cannot be written.
pub fn run(ui: &Ui, ctx: &Ctx, _args: Args) -> Result<Exit, CliError> {
    ctx.append()?.rebuild().map_err(AppError::from)?;
    if ui.json {
        ui.line(&json!({"v": V, "rebuilt": true}).to_string())?;
    } else {
        ui.line("lists, readings and search index rebuilt from the events")?;
    }
    Ok(Exit::Ok)
}
