//! `dismiss`: it was not this incident.

use super::{Which, changed};
use crate::app::Ctx;
use crate::app::change::carry_out;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;
use crate::record::incident::decide::Command;

/// Dismiss an incident: it was not this one, or none at all
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter dismiss --reason \"a planned restart\"")]
pub struct Args {
    /// Why
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    which: Which,
}

/// Runs the command.
///
/// # Errors
/// No such incident, or it is over already.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let mut store = ctx.append()?;
    let picked = args.which.pick(ui, &store)?;
    let done = carry_out(ctx, &mut store, &picked, Command::Dismiss { reason: args.reason })?;
    changed(ui, ctx, &store, &done, &format!("incident {} dismissed", done.number))
}
