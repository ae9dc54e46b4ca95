//! `followup`: what is to be done afterwards.

use clap::Subcommand;

use super::{Which, changed, look};
use crate::app::Ctx;
use crate::app::change::carry_out;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json as documents;
use crate::cli::ui::{Ui, plain};
use crate::record::id::{Ref, RefKind};
use crate::record::incident::decide::Command;

/// Add, finish or list follow-ups
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter followup add \"alarm on 5xx before customers see them\" --class detective --owner T-ANA --due 2026-04-01\n  blotter followup list\n  blotter followup done f1 --note \"alarm is in place\"")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Add something to do afterwards
    Add {
        /// What
        text: String,
        /// What kind of remedy it is
        #[arg(long, value_parser = ["detective", "preventative", "corrective"])]
        class: Option<String>,
        /// Person or team
        #[arg(long)]
        owner: Option<String>,
        /// Until when, YYYY-MM-DD
        #[arg(long, value_name = "DATE")]
        due: Option<String>,
        #[command(flatten)]
        which: Which,
    },
    /// Record that a follow-up is done
    Done {
        /// The follow-up, e.g. f1 or 7.f1
        followup: Ref,
        /// How
        #[arg(long)]
        note: Option<String>,
        #[command(flatten)]
        which: Which,
    },
    /// List the follow-ups of an incident
    List {
        #[command(flatten)]
        which: Which,
    },
}

/// Runs the command.
///
/// # Errors
/// No such incident or follow-up.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    match args.what {
        What::Add { text, class, owner, due, which } => {
            let mut store = ctx.append()?;
            let picked = which.pick(ui, &store)?;
            let done = carry_out(ctx, &mut store, &picked, Command::AddFollowup { text, class, owner, due })?;
            let n = done.events.iter().find_map(|e| match &e.facts {
                crate::record::event::Facts::FollowupAdded(f) => Some(f.n),
                _ => None,
            });
            changed(ui, ctx, &store, &done, &format!("follow-up {}.f{} added", done.number, n.unwrap_or(0)))
        }
        What::Done { followup, note, which } => {
            if followup.kind != RefKind::FollowUp {
                return Err(CliError::usage(format!("`{followup}` is not a follow-up")).hint("`blotter followup list` shows them."));
            }
            let mut store = ctx.append()?;
            let picked = which.pick_or(ui, &store, followup.incident)?;
            let done = carry_out(ctx, &mut store, &picked, Command::FinishFollowup { n: followup.n, note })?;
            changed(ui, ctx, &store, &done, &format!("follow-up {}.f{} done", done.number, followup.n))
        }
        What::List { which } => {
            let store = ctx.read()?;
            let picked = which.pick(ui, &store)?;
            let v = look(ctx, &store, picked.brief.id)?;
            if ui.json {
                ui.line(&super::json(documents::show(&v, None))?)?;
                return Ok(Exit::Ok);
            }
            let mut out = String::new();
            for f in &v.incident.followups {
                let state = if f.done.is_some() { "done" } else { "open" };
                let owner = f.owner.as_deref().map_or(String::new(), |o| format!("  {}", plain(o)));
                let due = f.due.as_deref().map_or(String::new(), |d| format!("  due {}", plain(d)));
                out.push_str(&format!("f{} {state}  {}{owner}{due}\n", f.n, plain(&f.text)));
            }
            if v.incident.followups.is_empty() {
                ui.say("no follow-ups; `blotter followup add` makes one");
            }
            ui.out(&ui.folded(&out, 8))?;
            Ok(Exit::Ok)
        }
    }
}
