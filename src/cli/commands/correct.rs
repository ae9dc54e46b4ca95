//! `correct`: put an earlier event's text right.

use super::{Which, changed};
use crate::app::Ctx;
use crate::app::change::carry_out;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;
use crate::record::id::{Ref, RefKind};
use crate::record::incident::decide::Command;

/// Put the text of an earlier event right, by a new event that names it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  blotter correct 7.12 --with \"17 customers\" --reason \"counted twice\"")]
pub struct Args {
    /// The event, e.g. 12 or 7.12
    event: Ref,
    /// The text that holds from now on
    #[arg(long = "with", value_name = "TEXT")]
    text: String,
    /// Why
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    which: Which,
}

/// Runs the command.
///
/// # Errors
/// No such event, or one without a text.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    if args.event.kind != RefKind::Event {
        return Err(CliError::usage(format!("`{}` is not an event", args.event)).hint("`blotter show --timeline` shows each event with its number."));
    }
    let mut store = ctx.append()?;
    let picked = args.which.pick_or(ui, &store, args.event.incident)?;
    let done = carry_out(ctx, &mut store, &picked, Command::Correct { seq: args.event.n, text: args.text, reason: args.reason })?;
    changed(ui, ctx, &store, &done, &format!("{}.{} corrected", done.number, args.event.n))
}
