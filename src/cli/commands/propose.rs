//! `propose`: plan a change that somebody has to allow.

use super::collect::{announce, silent};
use super::{Which, finish, look, say_next};
use crate::app::Ctx;
use crate::app::action::{self, ProposeRequest, Watch};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::{Ui, plain};
use crate::cli::{interrupted, plan};

/// Propose an action of the runbook, for somebody to approve
///
/// Looks at the world again, fills in what the runbook leaves open, and stores the whole request. Exactly this runs
/// once it is approved, or nothing. Nothing is changed yet.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "blotter propose <ACTION> [OPTIONS]",
    after_help = "Examples:\n  blotter propose rollback\n  blotter propose rollback --set to-version=41    when the deploy record does not know a good version"
)]
pub struct Args {
    /// Id of the action in the runbook
    action: String,
    /// An argument given by hand; said wherever the action is shown
    #[arg(long, value_name = "NAME=VALUE", value_parser = crate::cli::pair)]
    set: Vec<(String, String)>,
    #[command(flatten)]
    which: Which,
}

/// Runs the command.
///
/// # Errors
/// No such action, a condition is unmet or unknown, or the request cannot be completed.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let mut store = ctx.append()?;
    let picked = args.which.pick(ui, &store)?;
    let request = ProposeRequest { block: args.action, set: args.set };
    let live = announce(ui);
    let probes = |p: crate::app::engine::Progress<'_>| live.as_ref().map_or_else(|| silent(p), |l| l.note(p));
    let tell = |line: &str| ui.say(&plain(line));
    let watch = Watch { probes: &probes, tell: &tell };
    let done = crate::cli::block_on(action::propose(ctx, &mut store, &picked, &request, watch, interrupted()))??;
    drop(live);
    let v = look(ctx, &store, done.changed.id)?;
    let text = v.incident.action(done.n).map_or_else(String::new, |a| plan::plan(ui, ctx, &v, a));
    let line = format!("{text}{}", say_next(ui, &v));
    finish(ui, ctx, &store, done.changed.id, &done.changed.events, line.trim_end(), Exit::Ok)
}
