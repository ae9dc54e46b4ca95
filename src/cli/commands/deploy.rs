//! `deploy`: the deploy record.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::At;
use crate::app::deploys::{self, RecordRequest};
use crate::app::{Ctx, watch};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::{Tone, Ui, plain};
use crate::record::event::{DeployStatus, Facts};

/// Record, list or import deploys
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter deploy record --version 41 --status good --commit 3f2a91c\n  blotter deploy record --version 42 --status bad --status-only\n  blotter deploy import DEPLOY-LOG.md\n  blotter deploy list")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Record that a version was put behind an alias, and whether it works
    Record {
        /// Lambda function; left out, the only one that the runbooks name
        #[arg(long)]
        function: Option<String>,
        /// Alias; left out, the only one that the runbooks name
        #[arg(long)]
        alias: Option<String>,
        /// Version
        #[arg(long)]
        version: String,
        /// Whether it works
        #[arg(long, value_parser = ["good", "bad", "unknown"], default_value = "unknown")]
        status: String,
        /// Version before
        #[arg(long)]
        from: Option<String>,
        /// Source revision
        #[arg(long)]
        commit: Option<String>,
        /// What is worth knowing about it
        #[arg(long)]
        note: Option<String>,
        /// Who deployed; left out, whoever records it
        #[arg(long)]
        by: Option<String>,
        /// States only the status of a version that was deployed earlier; the alias did not move
        #[arg(long)]
        status_only: bool,
        #[command(flatten)]
        at: At,
    },
    /// List every deploy, the newest first
    List,
    /// Record what a hand-written log says
    Import {
        /// A Markdown file with a table or a list of deploys
        file: PathBuf,
    },
}

/// Runs the command.
///
/// # Errors
/// It is not clear which alias is meant, or the ledger or file cannot be used.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    match args.what {
        What::Record { function, alias, version, status, from, commit, note, by, status_only, at } => {
            let status = match status.as_str() {
                "good" => DeployStatus::Good,
                "bad" => DeployStatus::Bad,
                _ => DeployStatus::Unknown,
            };
            let by = Some(by.unwrap_or_else(|| ctx.actor.name.clone()));
            let at = at.read(ctx)?;
            let events = deploys::record(ctx, RecordRequest { function, alias, version, from, status, commit, note, by, at, status_only })?;
            let Some(Facts::DeployRecorded(d)) = events.first().map(|e| &e.facts) else { return Ok(Exit::Ok) };
            if ui.json {
                let row = json!({"at": d.occurred_at.or(events.first().map(|e| e.header.at)), "function": d.function, "alias": d.alias, "from": d.from, "to": d.to, "status": d.status, "by": d.by, "source": d.source});
                ui.line(&json!({"v": V, "deploys": [row]}).to_string())?;
            } else {
                ui.line(&format!("recorded {}:{} -> {} ({})", plain(&d.function), plain(&d.alias), plain(&d.to), word(d.status)))?;
            }
        }
        What::List => {
            let rows = watch::read_if_any(ctx)?.map(|s| deploys::list(&s)).transpose()?.unwrap_or_default();
            if ui.json {
                let rows: Vec<_> = rows
                    .iter()
                    .map(|r| json!({"at": r.at, "function": r.function, "alias": r.alias, "from": r.from, "to": r.to, "status": r.status, "by": r.by, "source": r.source}))
                    .collect();
                ui.line(&json!({"v": V, "deploys": rows}).to_string())?;
            } else {
                for r in &rows {
                    let tone = match r.status {
                        DeployStatus::Good => Tone::Good,
                        DeployStatus::Bad => Tone::Bad,
                        DeployStatus::Unknown => Tone::Dim,
                    };
                    let from = r.from.as_ref().map_or(String::new(), |f| format!("{} ", plain(f)));
                    let by = r.by.as_ref().map_or(String::new(), |b| format!("  by {}", plain(b)));
                    let status = ui.paint(tone, &Ui::fit(word(r.status), 7));
                    let line = format!("{}  {}:{} {from}-> {}  {status}{by}  ({})", r.at.to_seconds(), plain(&r.function), plain(&r.alias), plain(&r.to), plain(&r.source));
                    ui.line(&ui.folded(&line, 4))?;
                }
                if rows.is_empty() {
                    ui.say("no deploys yet; `blotter deploy record` or `blotter deploy import DEPLOY-LOG.md`");
                }
            }
        }
        What::Import { file } => {
            let text = std::fs::read_to_string(&file).map_err(|e| CliError::usage(format!("`{}` cannot be read: {e}", file.display())))?;
            let name = file.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
            let done = deploys::import_log(ctx, &name, &text)?;
            if ui.json {
                let rows: Vec<_> = done.unreadable.iter().map(|(line, text, why)| json!({"line": line, "text": text, "why": why})).collect();
                ui.line(&json!({"v": V, "recorded": done.recorded, "known": done.known, "unreadable": rows}).to_string())?;
            } else {
                for (line, text, why) in &done.unreadable {
                    ui.warn(&format!("{}:{line}: {}: {}", plain(&file.display().to_string()), plain(why), plain(text)));
                }
                ui.line(&format!("{} deploys recorded, {} known already, {} lines not read", done.recorded, done.known, done.unreadable.len()))?;
            }
            if !done.unreadable.is_empty() {
                return Ok(Exit::Failed);
            }
        }
    }
    Ok(Exit::Ok)
}

fn word(s: DeployStatus) -> &'static str {
    match s {
        DeployStatus::Good => "good",
        DeployStatus::Bad => "bad",
        DeployStatus::Unknown => "unknown",
    }
}
