//! `stats`: figures over many incidents, each with its definition.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use super::Since;
use crate::app::history::{self, Wanted};
use crate::app::{Ctx, publish};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::text::fold;
use crate::cli::ui::{Tone, Ui, plain};
use crate::document::figures;
use crate::record::stats::Stats;
use crate::record::time::human_span;

/// Count and measure incidents: times to acknowledge, mitigate and resolve, and what they were
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter stats --since 90d\n  blotter stats --runbook INC-001 --html figures.html")]
pub struct Args {
    /// Only incidents of this runbook
    #[arg(long, value_name = "ID")]
    runbook: Option<String>,
    #[command(flatten)]
    since: Since,
    /// Write the figures as one HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// The ledger cannot be read, or the page cannot be written.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let since = args.since.read(ctx)?;
    let wanted = Wanted { runbook: args.runbook.clone(), since, ..Wanted::default() };
    let stats = history::stats(&ctx.read()?, &wanted)?;
    let of = args.runbook.as_ref().map_or_else(|| "of all runbooks".to_owned(), |r| format!("of {r}"));
    let about = since.map_or_else(|| format!("{of}, of all time"), |t| format!("{of}, opened since {} UTC", t.to_seconds()));
    if let Some(file) = &args.html {
        publish::write(file, &figures::page(&stats, &about))?;
    }
    if ui.json {
        ui.line(&json!({"v": V, "runbook": args.runbook, "since": since, "stats": stats}).to_string())?;
        return Ok(Exit::Ok);
    }
    match &args.html {
        Some(file) => ui.line(&format!("figures written to {}", plain(&file.display().to_string())))?,
        None => ui.out(&table(ui, &stats, &about))?,
    }
    Ok(Exit::Ok)
}

fn table(ui: &Ui, stats: &Stats, about: &str) -> String {
    let head = |t: &str| format!("\n{}\n", ui.paint(Tone::Strong, t));
    let many = if stats.incidents == 1 { "incident" } else { "incidents" };
    let mut out = format!("{} {many} {}\n", stats.incidents, plain(about));
    out.push_str(&head(&format!("{:<20} {:>9} {:>9} {:>5} {:>8}", "", "median", "90%", "n", "left out")));
    let span = |ms: Option<i64>| ms.map_or_else(|| "-".to_owned(), human_span);
    for s in &stats.spans {
        out.push_str(&format!("{:<20} {:>9} {:>9} {:>5} {:>8}\n", s.name, span(s.median_ms), span(s.p90_ms), s.n, s.without));
    }
    for (title, counts) in [("by runbook", &stats.by_runbook), ("by severity", &stats.by_severity), ("by status", &stats.by_status)] {
        out.push_str(&head(title));
        out.push_str(&bars(ui, counts));
    }
    out.push_str(&head("counts"));
    for c in &stats.counts {
        out.push_str(&format!("{:<20} {:>5}\n", c.name, c.n));
    }
    out.push_str(&head("definitions"));
    for (name, definition) in stats.spans.iter().map(|s| (s.name, s.definition)).chain(stats.counts.iter().map(|c| (c.name, c.definition))) {
        out.push_str(&ui.paint(Tone::Dim, &fold(&format!("{name}: {definition}"), ui.width, 2)));
        out.push('\n');
    }
    out
}

fn bars(ui: &Ui, counts: &BTreeMap<String, u64>) -> String {
    let most = counts.values().copied().max().unwrap_or(0).max(1);
    let room = ui.width.saturating_sub(12 + 8).clamp(10, 50) as u64;
    let bar = |n: u64| "█".repeat(usize::try_from((n * room).div_ceil(most)).unwrap_or(0));
    counts.iter().map(|(name, n)| format!("{} {n:>5} {}\n", Ui::fit(&plain(name), 12), bar(*n))).collect()
}
