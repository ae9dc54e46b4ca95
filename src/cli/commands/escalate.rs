//! `escalate`: tell somebody now, or say that it was done.

use super::{Which, changed};
use crate::app::{Ctx, life};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::{Ui, plain};

/// Record that somebody must be told, or that they were
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter escalate --to T-JOSH --reason \"need a second pair of eyes\"\n  blotter escalate --told no-recovery --note \"called, is on the way\"")]
pub struct Args {
    /// Person or team of the settings
    #[arg(long, value_name = "PERSON|TEAM", required_unless_present = "told", conflicts_with = "told")]
    to: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "told")]
    reason: Option<String>,
    /// The rule that fell due and whose person was told
    #[arg(long, value_name = "RULE")]
    told: Option<String>,
    /// What they said
    #[arg(long, requires = "told")]
    note: Option<String>,
    #[command(flatten)]
    which: Which,
}

/// Runs the command.
///
/// # Errors
/// No such incident, person or rule.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let mut store = ctx.append()?;
    let picked = args.which.pick(ui, &store)?;
    if let Some(rule) = args.told {
        let done = life::told(ctx, &mut store, &picked, &rule, args.note)?;
        return changed(ui, ctx, &store, &done, &format!("recorded that `{}` was answered", plain(&rule)));
    }
    let (to, reason) = (args.to.unwrap_or_default(), args.reason.unwrap_or_default());
    let done = life::escalate(ctx, &mut store, &picked, &to, &reason)?;
    changed(ui, ctx, &store, &done, &format!("escalation to {} recorded", plain(&to)))
}
