//! `mitigate`: the harm has stopped.

use super::{At, Which, changed};
use crate::app::Ctx;
use crate::app::change::carry_out;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;
use crate::record::incident::decide::Command;

/// Record that the harm has stopped
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter mitigate --reason \"traffic moved to the other region\"\n  blotter mitigate --reason \"error rate back to normal\" --at \"10 minutes ago\"")]
pub struct Args {
    /// What stopped it
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    at: At,
}

/// Runs the command.
///
/// # Errors
/// No such incident, or it is not open.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let mut store = ctx.append()?;
    let picked = args.which.pick(ui, &store)?;
    let done = carry_out(ctx, &mut store, &picked, Command::Mitigate { reason: args.reason, occurred_at: args.at.read(ctx)? })?;
    changed(ui, ctx, &store, &done, &format!("incident {} mitigated", done.number))
}
