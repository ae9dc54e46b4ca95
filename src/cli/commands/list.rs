//! `list`: the incidents.

use super::json;
use crate::app::{AppError, Ctx};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json as documents;
use crate::cli::page::ago;
use crate::cli::ui::{Tone, Ui, plain};
use crate::record::brief::Brief;
use crate::record::incident::Status;
use crate::store::{Filter, StoreError};

/// List incidents, the active ones unless told otherwise
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter list                  what is open or mitigated\n  blotter list --all\n  blotter list --runbook INC-001 --status resolved")]
pub struct Args {
    /// All of them, whatever their status
    #[arg(long, short, conflicts_with = "status")]
    all: bool,
    /// Only those of this status; may be given several times
    #[arg(long, value_parser = ["open", "mitigated", "resolved", "dismissed"])]
    status: Vec<String>,
    /// Only those of this runbook
    #[arg(long, value_name = "ID")]
    runbook: Option<String>,
    /// At most this many, the newest first
    #[arg(long, short = 'n', default_value_t = 50, value_name = "N")]
    limit: u64,
}

/// Runs the command.
///
/// # Errors
/// The ledger cannot be read.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let wanted: Vec<Status> = args.status.iter().filter_map(|s| Status::parse(s)).collect();
    let status = match (args.all, wanted.is_empty()) {
        (true, _) => None,
        (false, true) => Some(vec![Status::Open, Status::Mitigated]),
        (false, false) => Some(wanted),
    };
    let filter = Filter { status, runbook: args.runbook, limit: Some(args.limit) };
    let briefs = match ctx.read() {
        Ok(store) => store.briefs(&filter).map_err(AppError::from)?,
        // Nothing was ever recorded: an empty list is the truth.
        Err(AppError::Store(StoreError::NotFound { .. })) if !ctx.config.store_is_chosen => Vec::new(),
        Err(e) => return Err(e.into()),
    };
    if ui.json {
        ui.line(&json(documents::list(&briefs))?)?;
        return Ok(Exit::Ok);
    }
    if briefs.is_empty() {
        ui.say(if args.all { "no incidents yet" } else { "no incident is active; `blotter list --all` shows every one" });
    }
    let out: String = briefs.iter().map(|b| row(ui, ctx, b) + "\n").collect();
    ui.out(&out)?;
    Ok(Exit::Ok)
}

fn row(ui: &Ui, ctx: &Ctx, b: &Brief) -> String {
    let tone = match b.status {
        Status::Open => Tone::Bad,
        Status::Mitigated => Tone::Warn,
        Status::Resolved | Status::Dismissed => Tone::Dim,
    };
    let status = ui.paint(tone, &Ui::fit(&b.status.to_string(), 9));
    let when = ago(ui, b.opened_at, ctx.now());
    let drill = if b.drill { "DRILL " } else { "" };
    // number, severity, status, runbook and the time take what they need; the title takes the rest.
    let room = ui.width.saturating_sub(5 + 3 + 10 + 9 + 26).max(12);
    let title = Ui::fit(&format!("{drill}{}", plain(&b.title)), room);
    format!("{:>4} {} {status} {} {title} {when}", b.number, b.severity, Ui::fit(&plain(&b.runbook), 8)).trim_end().to_owned()
}
