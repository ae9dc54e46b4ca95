//! `handoff`: somebody else takes over.

use super::{Which, changed};
use crate::app::Ctx;
use crate::app::change::carry_out;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::{Ui, plain};
use crate::record::incident::decide::Command;

/// Hand the incident to somebody else
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter handoff --to T-ANA --note \"rolled back, watching the error rate\"")]
pub struct Args {
    /// Who has it from now on: a person of the settings
    #[arg(long, value_name = "PERSON")]
    to: String,
    /// What they need to know
    #[arg(long)]
    note: Option<String>,
    #[command(flatten)]
    which: Which,
}

/// Runs the command.
///
/// # Errors
/// No such incident or person.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let to = match ctx.config.person(&args.to) {
        Some((id, _)) => id.to_owned(),
        None if ctx.config.people.is_empty() => args.to,
        None => {
            let known: Vec<_> = ctx.config.people.keys().map(String::as_str).collect();
            return Err(CliError::usage(format!("`{}` is no person of the settings", args.to)).hint(format!("Known are: {}.", known.join(", "))));
        }
    };
    let mut store = ctx.append()?;
    let picked = args.which.pick(ui, &store)?;
    let line = format!("incident {} handed to {}", picked.brief.number, plain(&ctx.config.reach(&to)));
    let done = carry_out(ctx, &mut store, &picked, Command::HandOff { to, note: args.note })?;
    changed(ui, ctx, &store, &done, &line)
}
