//! `open`: page time.

use std::path::PathBuf;

use super::collect::{announce, answers, report, silent};
use super::{At, look};
use crate::app::Ctx;
use crate::app::page::{self, OpenRequest, Paged};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;
use crate::cli::{block_on, chat, interrupted};

/// Open an incident and run its runbook's probes
///
/// Records the opening first, then asks everything at once. When the ledger cannot be used it still looks, prints what it
/// saw, and puts it aside in a file that `open --from` records later.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter open INC-001\n  blotter open INC-001 --at \"10 minutes ago\"\n  blotter open INC-001 --answer tiles-red=yes\n  blotter open INC-001 --chat | pbcopy\n  blotter open --from blotter-spool-….jsonl")]
pub struct Args {
    /// The runbook: its id, or a path to its file
    #[arg(required_unless_present = "from", value_name = "RUNBOOK")]
    runbook: Option<String>,
    /// Another severity than the runbook's
    #[arg(long, value_name = "P0..P4", value_parser = ["P0", "P1", "P2", "P3", "P4"])]
    severity: Option<String>,
    /// Another title than the runbook's
    #[arg(long)]
    title: Option<String>,
    #[command(flatten)]
    at: At,
    /// Open it although one of this runbook is open
    #[arg(long)]
    another: bool,
    /// Answer a question of the runbook
    #[arg(long = "answer", value_name = "PROBE=ANSWER", value_parser = crate::cli::pair)]
    answers: Vec<(String, String)>,
    /// Record only; run no probes
    #[arg(long)]
    no_probes: bool,
    /// Exit 10 when an expectation is unmet, 11 when something could not be looked at
    #[arg(long)]
    check: bool,
    /// Print what to paste into the chat; the page itself goes to standard error
    #[arg(long)]
    chat: bool,
    /// Record a capture that was put aside when the ledger could not be used
    #[arg(long, value_name = "FILE", conflicts_with_all = ["runbook", "severity", "title", "at", "answers", "no_probes"])]
    from: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// No such runbook, or one of it is open already.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    if args.chat && ui.json {
        return Err(chat::not_json());
    }
    if let Some(file) = &args.from {
        let paged = page::open_from(ctx, file)?;
        return report(ui, ctx, paged, true, args.check);
    }
    let runbook = args.runbook.clone().unwrap_or_default();
    let known = answers(args.answers.iter().map(|(p, a)| (p.clone(), a.clone(), None)));
    let request = OpenRequest {
        runbook,
        severity: args.severity,
        title: args.title,
        at: args.at.read(ctx)?,
        another: args.another,
        reason: None,
        answers: known,
        no_probes: args.no_probes,
    };
    let live = announce(ui);
    let progress = |p: crate::app::engine::Progress<'_>| live.as_ref().map_or_else(|| silent(p), |l| l.note(p));
    let paged = block_on(page::open(ctx, &request, &progress, interrupted()))??;
    drop(live);
    if !args.chat {
        return report(ui, ctx, paged, true, args.check);
    }
    let id = match &paged {
        Paged::Recorded { id, .. } => Some(*id),
        Paged::Spooled { .. } => None,
    };
    let exit = report(&ui.beside(), ctx, paged, true, args.check)?;
    if let Some(id) = id {
        ui.out(&chat::text(&ctx.config, &look(ctx, &ctx.read()?, id)?))?;
    }
    Ok(exit)
}
