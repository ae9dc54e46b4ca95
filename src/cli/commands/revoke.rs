//! `revoke`: take one's own approval back.

use super::{Which, changed};
use crate::app::Ctx;
use crate::app::action;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::plan;
use crate::cli::ui::Ui;

/// Take back your own approval of an action that was not executed yet
///
/// The action waits for approval again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  blotter revoke a1 --reason \"somebody is deploying a fix\"")]
pub struct Args {
    /// The action, e.g. a1 or 7.a1
    #[arg(value_name = "ACTION")]
    action: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    which: Which,
}

/// Runs the command.
///
/// # Errors
/// No such action, or this person has no standing approval of it.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let reference = plan::reference(&args.action)?;
    let mut store = ctx.append()?;
    let picked = args.which.pick_or(ui, &store, reference.incident)?;
    let done = action::revoke(ctx, &mut store, &picked, reference.n, args.reason)?;
    changed(ui, ctx, &store, &done.changed, &format!("action {}.a{} waits again: the approval is taken back", done.changed.number, done.n))
}
