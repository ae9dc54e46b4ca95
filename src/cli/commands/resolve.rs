//! `resolve`: it is over.

use super::{At, Which, changed};
use crate::app::Ctx;
use crate::app::life::{self, ResolveRequest};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;
use crate::record::event::Waived;

/// Resolve an incident: it is over
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  blotter resolve --summary \"bad deploy of version 42, rolled back\" --impact \"API down for 11 minutes\"")]
pub struct Args {
    /// What happened, and what ended it
    #[arg(long)]
    summary: String,
    /// Who was hurt, and how much
    #[arg(long)]
    impact: String,
    /// Whether it can come back
    #[arg(long, value_parser = ["permanent", "temporary"])]
    resolution: Option<String>,
    /// Leave out something that the runbook insists on, e.g. ask:tiles-green
    #[arg(long, value_name = "WHAT", requires = "because")]
    without: Vec<String>,
    /// Why it is left out
    #[arg(long, value_name = "TEXT", requires = "without")]
    because: Vec<String>,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    at: At,
}

/// Runs the command.
///
/// # Errors
/// No such incident, the runbook insists on something that is missing, or an action's outcome is unknown.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    if args.because.len() > 1 && args.because.len() != args.without.len() {
        return Err(CliError::usage("give `--because` once for all, or once for each `--without`"));
    }
    let reason = |k: usize| args.because.get(k).or(args.because.first()).cloned().unwrap_or_default();
    let without = args.without.iter().enumerate().map(|(k, what)| Waived { what: what.clone(), because: reason(k) }).collect();
    let request =
        ResolveRequest { summary: args.summary.clone(), impact: args.impact.clone(), resolution: args.resolution.clone(), without, at: args.at.read(ctx)? };
    let mut store = ctx.append()?;
    let picked = args.which.pick(ui, &store)?;
    let done = life::resolve(ctx, &mut store, &picked, request)?;
    changed(ui, ctx, &store, &done, &format!("incident {} resolved; `blotter render` writes it down", done.number))
}
