//! `postmortem`: what happened, why, and what will be different.

use super::{Which, render};
use crate::app::Ctx;
use crate::app::publish::{RenderRequest, postmortem};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;

/// Write the postmortem of an incident: Markdown, one HTML page and a picture
///
/// Fills in what the record knows and asks for what only people know. Write below each section, or record it with
/// `blotter note --section`: both survive the next run.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter postmortem 7\n  blotter note -i 7 --section lucky \"the on-call was awake\"\n  blotter postmortem 7           takes it in")]
pub struct Args {
    /// An incident; left out, the only active one
    #[arg(value_name = "INCIDENT")]
    what: Option<String>,
    #[command(flatten)]
    which: Which,
    /// Replace sections, page and picture that somebody edited by hand
    #[arg(long)]
    force: bool,
    /// Write nothing; exit 13 when a file is stale
    #[arg(long, conflicts_with = "force")]
    check: bool,
}

/// Runs the command.
///
/// # Errors
/// No such incident, or a file cannot be written.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let store = ctx.read()?;
    let which = args.what.map_or(args.which, |w| Which { incident: Some(w) });
    let picked = which.pick(ui, &store)?;
    let done = postmortem::one(ctx, &store, &picked.brief, RenderRequest { force: args.force, check: args.check })?;
    render::report(ui, &done, args.check)
}
