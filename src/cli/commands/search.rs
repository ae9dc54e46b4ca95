//! `search`: find what was written or seen.

use serde_json::json;

use super::Since;
use crate::app::Ctx;
use crate::app::history::{self, Hit, Wanted};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::{Tone, Ui, plain};
use crate::record::incident::Status;
use crate::store::MARKS;

/// Find incidents by the words of their titles, notes, evidence and resolutions
///
/// Finds events that hold all the words, the newest first. "Words in quotes" stand together; a word that ends in * is
/// a beginning. Of an answer or a file the first 64 KiB are looked through, when they are text.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter search ResourceNotFound\n  blotter search '\"fails at start\"' --runbook INC-001 --since 90d\n  blotter search 'throttl*' --status resolved")]
pub struct Args {
    /// The words
    #[arg(required = true, value_name = "QUERY")]
    words: Vec<String>,
    /// Only incidents of this runbook
    #[arg(long, value_name = "ID")]
    runbook: Option<String>,
    /// Only incidents of this severity now
    #[arg(long)]
    severity: Option<String>,
    /// Only incidents of this status
    #[arg(long, value_parser = ["open", "mitigated", "resolved", "dismissed"])]
    status: Option<String>,
    /// Only what this person recorded
    #[arg(long, value_name = "PERSON")]
    person: Option<String>,
    #[command(flatten)]
    since: Since,
    /// At most this many events, the newest
    #[arg(long, short = 'n', default_value_t = 50, value_name = "N")]
    limit: usize,
}

/// Runs the command.
///
/// # Errors
/// The ledger cannot be read, or has no index yet.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let wanted = Wanted {
        runbook: args.runbook,
        severity: args.severity,
        status: args.status.as_deref().and_then(Status::parse),
        since: args.since.read(ctx)?,
    };
    let text = args.words.join(" ");
    let hits = history::search(&ctx.read()?, &text, &wanted, args.person.as_deref(), args.limit)?;
    if ui.json {
        let rows: Vec<_> = hits.iter().map(row).collect();
        ui.line(&json!({"v": V, "query": text, "limit": args.limit, "hits": rows}).to_string())?;
        return Ok(Exit::Ok);
    }
    if hits.is_empty() {
        ui.say("nothing found; every word has to be in the same event");
    }
    ui.out(&hits.iter().map(|h| told(ui, h)).collect::<String>())?;
    if hits.len() == args.limit {
        ui.say(&format!("there may be more than these {}: `-n` shows them", args.limit));
    }
    Ok(Exit::Ok)
}

fn row(h: &Hit) -> serde_json::Value {
    json!({
        "event": format!("{}.{}", h.brief.number, h.found.seq), "at": h.found.at, "type": h.found.kind, "actor": h.found.actor.name,
        "incident": h.brief.number, "runbook": h.brief.runbook, "title": h.brief.title, "severity": h.brief.severity,
        "status": h.brief.status.to_string(), "snippet": h.found.snippet.replace([MARKS.0, MARKS.1], ""), "cut": h.found.is_cut,
    })
}

fn told(ui: &Ui, h: &Hit) -> String {
    let cut = if h.found.is_cut { "  (its first 64 KiB)" } else { "" };
    let name = format!("{}.{}", h.brief.number, h.found.seq);
    let head = format!(
        "{:<8} {}  {}  {} {}  {}{cut}",
        name,
        h.found.at.to_seconds(),
        h.found.kind,
        plain(&h.brief.severity),
        plain(&h.brief.runbook),
        plain(&h.found.actor.name)
    );
    format!("{}\n         {}\n", Ui::fit(&head, ui.width).trim_end(), lit(ui, &h.found.snippet))
}

/// The snippet with the words that were found in bold.
fn lit(ui: &Ui, snippet: &str) -> String {
    let mut out = String::new();
    for (i, part) in snippet.split(MARKS.0).enumerate() {
        match part.split_once(MARKS.1) {
            Some((word, rest)) if i > 0 => {
                out.push_str(&ui.paint(Tone::Strong, &plain(word)));
                out.push_str(&plain(rest));
            }
            _ => out.push_str(&plain(part)),
        }
    }
    out
}
