//! `list`: the incidents.

use super::json;
use crate::app::history::{Overdue, overdue, unknown_actions};
use crate::app::{AppError, Ctx};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json as documents;
use crate::cli::page::ago;
use crate::cli::text::columns;
use crate::cli::ui::{Tone, Ui, plain};
use crate::record::brief::Brief;
use crate::record::incident::Status;
use crate::record::time::Timestamp;
use crate::store::{Filter, StoreError};

/// List incidents, the active ones unless told otherwise; follow-ups that are overdue stand on top
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
    let filter = Filter { status, runbook: args.runbook, limit: Some(args.limit), ..Filter::default() };
    let (listed, late) = match ctx.read() {
        Ok(store) => {
            let late = overdue(&store, filter.runbook.as_deref(), ctx.now())?;
            let briefs = store.briefs(&filter).map_err(AppError::from)?;
            let (now, running) = (ctx.now(), store.is_executing());
            let with = |b: Brief| {
                let unknown = unknown_actions(&store, &b, now, running)?;
                Ok((b, unknown))
            };
            (briefs.into_iter().map(with).collect::<Result<Vec<_>, AppError>>()?, late)
        }
        // Nothing was ever recorded: an empty list is the truth.
        Err(AppError::Store(StoreError::NotFound { .. })) if !ctx.config.store_is_chosen => (Vec::new(), Vec::new()),
        Err(e) => return Err(e.into()),
    };
    if ui.json {
        ui.line(&json(documents::list(&listed, &late))?)?;
        return Ok(Exit::Ok);
    }
    ui.out(&late.iter().map(|o| warning(ui, o) + "\n").collect::<String>())?;
    if listed.is_empty() {
        ui.say(if args.all { "no incidents yet" } else { "no incident is active; `blotter list --all` shows every one" });
    }
    let wide = listed.iter().map(|(b, _)| columns(&plain(&b.runbook))).max().unwrap_or(0).clamp(7, 24);
    let out: String = listed.iter().map(|(b, unknown)| row(ui, b, unknown, ctx.now(), wide) + "\n").collect();
    ui.out(&out)?;
    Ok(Exit::Ok)
}

/// One follow-up whose day has passed.
fn warning(ui: &Ui, o: &Overdue) -> String {
    let owner = o.followup.owner.as_deref().unwrap_or("nobody");
    let due = o.followup.due.as_deref().unwrap_or_default();
    let rest = format!("{}.f{} was due {due}, {}: {}", o.incident, o.followup.n, plain(owner), plain(&o.followup.text));
    format!("{} {}", ui.paint(Tone::Warn, "OVERDUE"), Ui::fit(&rest, ui.width.saturating_sub(8)).trim_end())
}

/// Below this many columns an incident takes two lines.
const NARROW: usize = 70;

/// One incident; ids stay whole, the title takes what is left.
fn row(ui: &Ui, b: &Brief, unknown: &[u64], now: Timestamp, wide: usize) -> String {
    let tone = match b.status {
        Status::Open => Tone::Bad,
        Status::Mitigated => Tone::Warn,
        Status::Resolved | Status::Dismissed => Tone::Dim,
    };
    let status = ui.paint(tone, &Ui::fit(&b.status.to_string(), 9));
    let when = ago(ui, b.opened_at, now);
    let drill = if b.drill { "DRILL " } else { "" };
    let unreviewed: Vec<String> = b.told.iter().filter(|a| a.unreviewed).map(|a| format!("REVIEW a{} ", a.n)).collect();
    let unknown: Vec<String> = unknown.iter().map(|n| format!("UNKNOWN a{n} ")).collect();
    let title = format!("{drill}{}{}{}", unknown.concat(), unreviewed.concat(), plain(&b.title));
    let lead = format!("{:>4} {} {status} {}", b.number, plain(&b.severity), Ui::pad(&plain(&b.runbook), wide));
    if ui.width < NARROW {
        return format!("{} {when}\n     {}", lead.trim_end(), Ui::fit(&title, ui.width - 5).trim_end());
    }
    let room = ui.width.saturating_sub(columns(&lead) + 2 + columns(&when)).max(12);
    format!("{lead} {} {when}", Ui::fit(&title, room)).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;
    use crate::record::testing::{Story, one_of_each, proposed};

    fn brief() -> Brief {
        let mut b = Brief::begin(&Story::opened().events[0]).unwrap();
        b.number = 1234;
        b.runbook = "PAYMENTS-0017".to_owned();
        b.title = "Every card that is charged in Reykjavík is charged twice\u{202e}".to_owned();
        b.status = Status::Mitigated;
        b
    }

    #[test]
    fn what_went_without_approval_stands_out_until_somebody_has_looked() {
        let ui = Ui { colour: false, width: 100, ..Ui::new(&Environment::default(), false, false, false) };
        let mut s = Story::opened();
        s.add(proposed());
        let at = |s: &Story| row(&ui, &Brief::fold(&s.events).unwrap(), &[], s.events[0].header.at, 7);
        assert!(!at(&s).contains("REVIEW"), "{}", at(&s));
        let one = |kind: &str| one_of_each().into_iter().find(|f| f.kind() == kind).unwrap();
        s.add(one("approval.bypassed"));
        assert!(at(&s).contains("REVIEW a1 Dead Lambda"), "{}", at(&s));
        s.add(one("approval.reviewed"));
        assert!(!at(&s).contains("REVIEW"), "{}", at(&s));
    }

    #[test]
    fn a_row_fits_and_keeps_what_has_to_be_typed_whole() {
        let now = "2026-03-22T23:57:07Z".parse().unwrap();
        for width in [40, 80, 120] {
            for out_tty in [true, false] {
                let ui = Ui { colour: false, out_tty, width, ..Ui::new(&Environment::default(), false, false, false) };
                let row = row(&ui, &brief(), &[2], now, 13);
                // A whole instant, as it stands in a pipe, has no room in 40 columns.
                assert!(columns(&row) <= width || (width == 40 && row.lines().all(|l| columns(l) <= if out_tty { 48 } else { 60 })), "{width}: {row}");
                assert!(row.contains("1234 P0 mitigated PAYMENTS-0017"), "{row}");
                assert!(row.contains("UNKNOWN a2"), "{row}");
                assert!(!row.contains('\u{202e}'), "{row}");
            }
        }
    }
}
