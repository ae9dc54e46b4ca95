//! `observe`: samples for windows, from cron or a timer.

use serde_json::json;

use super::collect::{announce, silent};
use crate::app::{Ctx, watch};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::{Ui, plain};
use crate::cli::{block_on, interrupted};
use crate::record::event::Facts;

/// Run the probes that yield readings, outside any incident
///
/// Windows such as "any 24 hours" need data from before the page: run this every ten minutes from cron or a timer.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter observe INC-002\n  */10 * * * * blotter observe --all --quiet      in crontab")]
pub struct Args {
    /// One runbook
    #[arg(value_name = "RUNBOOK", required_unless_present = "all", conflicts_with = "all")]
    runbook: Option<String>,
    /// Every runbook
    #[arg(long)]
    all: bool,
}

/// Runs the command.
///
/// # Errors
/// No such runbook, or the ledger cannot be written.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let live = announce(ui);
    let progress = |p: crate::app::engine::Progress<'_>| live.as_ref().map_or_else(|| silent(p), |l| l.note(p));
    let done = block_on(watch::observe(ctx, args.runbook.as_deref(), &progress, interrupted()))??;
    drop(live);
    let seen = done.events.iter().flat_map(|(r, events)| {
        events.iter().filter_map(move |e| match &e.facts {
            Facts::ObservationRecorded(x) => Some((r, &x.observation)),
            _ => None,
        })
    });
    if ui.json {
        let rows: Vec<_> = seen
            .map(|(r, o)| {
                let readings: serde_json::Map<_, _> = o.readings.iter().map(|x| (x.name.clone(), json!(x.value))).collect();
                json!({"runbook": r, "probe": o.probe, "outcome": o.outcome, "verdict": o.verdict, "readings": readings})
            })
            .collect();
        ui.line(&json!({"v": V, "observations": rows}).to_string())?;
    } else {
        let mut out = String::new();
        for (r, o) in seen {
            let readings: Vec<_> = o.readings.iter().map(|x| format!("{} = {}", plain(&x.name), x.value)).collect();
            let what = if readings.is_empty() { plain(&o.observed) } else { readings.join(", ") };
            out.push_str(&format!("{} {}  {what}\n", plain(r), plain(&o.probe)));
        }
        ui.out(&out)?;
    }
    Ok(if done.interrupted { Exit::Interrupted } else { Exit::Ok })
}
