//! `deny`: refuse a proposed change.

use super::{Which, changed};
use crate::app::Ctx;
use crate::app::action;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::plan;
use crate::cli::ui::Ui;

/// Deny a proposed action, for good
///
/// It can be proposed again; approvals that it had are worth nothing then.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  blotter deny a1 --reason \"41 has the same bug\"")]
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
/// No such action, or it does not wait any more.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let reference = plan::reference(&args.action)?;
    let mut store = ctx.append()?;
    let picked = args.which.pick_or(ui, &store, reference.incident)?;
    let done = action::deny(ctx, &mut store, &picked, reference.n, args.reason)?;
    changed(ui, ctx, &store, &done.changed, &format!("action {}.a{} denied", done.changed.number, done.n))
}
