//! `ack`: somebody is on it.

use super::{At, Which, changed};
use crate::app::Ctx;
use crate::app::change::carry_out;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;
use crate::record::incident::decide::Command;

/// Acknowledge an incident: you are on it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter ack\n  blotter ack --at 02:13        you were on it before you could write it down")]
pub struct Args {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    at: At,
}

/// Runs the command.
///
/// # Errors
/// No such incident, or it is acknowledged already.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let mut store = ctx.append()?;
    let picked = args.which.pick(ui, &store)?;
    let done = carry_out(ctx, &mut store, &picked, Command::Acknowledge { occurred_at: args.at.read(ctx)? })?;
    changed(ui, ctx, &store, &done, &format!("incident {} acknowledged by {}", done.number, ctx.actor.name))
}
