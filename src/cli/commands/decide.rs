//! `decide`: take a branch.

use super::{Which, changed};
use crate::app::{Ctx, life};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::{Ui, plain};
use crate::runbook::model::Then;

/// Take a branch of the runbook
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter decide cause                  the branch that the evidence suggests\n  blotter decide cause quota --reason \"the quota is used up\"")]
pub struct Args {
    /// The decision's id
    decision: String,
    /// The branch's id; left out, the one that the evidence suggests
    branch: Option<String>,
    /// Why
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    which: Which,
}

/// Runs the command.
///
/// # Errors
/// No such decision or branch, or none is suggested.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let mut store = ctx.append()?;
    let picked = args.which.pick(ui, &store)?;
    let done = life::take_branch(ctx, &mut store, &picked, &args.decision, args.branch.as_deref(), args.reason)?;
    let n = done.changed.number;
    let mut line = match &done.then {
        Then::Anchor(a) => format!("decided; go on at #{a}: `blotter runbook show {}`", picked.brief.runbook),
        Then::Dismiss => format!("decided; incident {n} dismissed"),
        Then::Open(r) => format!("decided; open the other one: `blotter open {r}`"),
        Then::Link(r) => format!("decided; {r} is linked"),
    };
    if let Some(note) = &done.note {
        line.push_str(&format!("\n  {}", plain(note)));
    }
    changed(ui, ctx, &store, &done.changed, &line)
}
