//! `severity`: raise or lower it.

use super::{Which, changed};
use crate::app::Ctx;
use crate::app::change::carry_out;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;
use crate::record::incident::decide::Command;

/// Change an incident's severity
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter severity P0 --reason \"payments are down too\"")]
pub struct Args {
    /// The severity from now on
    #[arg(value_parser = ["P0", "P1", "P2", "P3", "P4"])]
    to: String,
    /// Why
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    which: Which,
}

/// Runs the command.
///
/// # Errors
/// No such incident, or it has that severity already.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let mut store = ctx.append()?;
    let picked = args.which.pick(ui, &store)?;
    let line = format!("incident {} is {} now", picked.brief.number, args.to);
    let done = carry_out(ctx, &mut store, &picked, Command::Severity { to: args.to, reason: args.reason, rule: None })?;
    changed(ui, ctx, &store, &done, &line)
}
