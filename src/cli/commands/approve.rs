//! `approve`: allow a proposed change.

use super::{Which, finish, look, say_next};
use crate::app::action::{self, Sighted};
use crate::app::{AppError, Ctx};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::plan;
use crate::cli::ui::{Ui, plain};
use crate::record::incident::decide::Refusal;

/// Approve a proposed action, exactly as it is shown
///
/// Shows the whole plan first. The approver is whoever types this (`--as`), must be one of those whom the runbook names,
/// and never the one who proposed it. The approval is not signed, and is marked so wherever it is shown.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter approve a1\n  blotter approve 7.a1 --as T-JOSH --comment \"42 was my deploy, go back\"")]
pub struct Args {
    /// The action, e.g. a1 or 7.a1
    #[arg(value_name = "ACTION")]
    action: String,
    /// What the approver says about it
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    #[command(flatten)]
    which: Which,
}

/// Runs the command.
///
/// # Errors
/// No such action, it does not wait, or this person may not approve it.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let reference = plan::reference(&args.action)?;
    let mut store = ctx.append()?;
    let picked = args.which.pick_or(ui, &store, reference.incident)?;
    let v = look(ctx, &store, picked.brief.id)?;
    let number = v.incident.number;
    let Some(seen) = v.incident.action(reference.n) else {
        return Err(AppError::from(Refusal::NoSuch { number, what: format!("action a{}", reference.n) }).into());
    };
    // What is shown here is what is approved, whatever happens in between.
    let sighted = Sighted { n: seen.n, hash: seen.hash, head: v.incident.head };
    if !ui.json {
        ui.out(&plan::plan(ui, ctx, &v, seen))?;
    }
    if ui.may_ask() && !ui.yes {
        let answer = ui.ask(&format!("Approve exactly this, as {}? [y/N]", plain(&ctx.actor.name)))?;
        if !matches!(answer.as_deref(), Some("y" | "Y" | "yes")) {
            ui.say("not approved; nothing was recorded");
            return Ok(Exit::Refused);
        }
    }
    let done = action::approve(ctx, &mut store, &picked, sighted, args.comment)?;
    let v = look(ctx, &store, picked.brief.id)?;
    let until = v.incident.action(done.n).and_then(|a| a.expires_at(v.now));
    let until = until.map_or(String::new(), |t| format!(", until {} UTC", t.to_seconds()));
    let line = format!("action {number}.a{} approved by {} (unsigned{until})\n{}", done.n, plain(&ctx.actor.name), say_next(ui, &v));
    finish(ui, ctx, &store, done.changed.id, &done.changed.events, line.trim_end(), Exit::Ok)
}
