//! `runbook`: list, show and check runbooks.

use clap::Subcommand;
use serde_json::json;

use crate::app::{Ctx, library};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::markdown;
use crate::cli::ui::{Ui, plain};

/// List, show or check runbooks
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter runbook list\n  blotter runbook show INC-001\n  blotter runbook check runbooks/INC-906-checkout.md")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List every runbook that can be used
    List,
    /// Show a runbook the way to read it in a terminal
    Show {
        /// Its id, or a path to its file
        runbook: String,
        /// The file's own text
        #[arg(long)]
        raw: bool,
    },
    /// Check runbooks, all faults at once
    Check {
        /// Files; left out, every runbook that can be used
        files: Vec<String>,
    },
}

/// Runs the command.
///
/// # Errors
/// No such runbook, or a file that cannot be read.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    match args.what {
        What::List => list(ui, ctx),
        What::Show { runbook, raw } => {
            let r = library::find(&ctx.config, &runbook)?;
            if ui.json {
                let steps: Vec<_> = r.steps.iter().map(|s| json!({"n": s.n, "title": s.title})).collect();
                let probes: Vec<_> = r.probes.iter().map(|p| json!({"id": p.id, "kind": p.kind(), "step": p.step})).collect();
                let actions: Vec<_> = r.actions.iter().map(|a| json!({"id": a.id, "kind": a.kind, "approve": a.approve.from})).collect();
                let doc = json!({
                    "v": V,
                    "runbook": {
                        "id": r.id, "title": r.title, "severity": r.severity, "hash": r.hash.to_string(), "review_by": r.review_by,
                        "steps": steps, "probes": probes, "actions": actions, "text": r.text,
                    },
                });
                ui.line(&doc.to_string())?;
            } else if raw {
                ui.page(&r.text)?;
            } else {
                ui.page(&markdown::render(ui, &r.text))?;
            }
            Ok(Exit::Ok)
        }
        What::Check { files } => check(ui, ctx, &files),
    }
}

fn list(ui: &Ui, ctx: &Ctx) -> Result<Exit, CliError> {
    let entries = library::all(&ctx.config)?;
    if ui.json {
        let rows: Vec<_> = entries
            .iter()
            .map(|e| match &e.runbook {
                Some(r) => json!({"id": r.id, "title": r.title, "severity": r.severity, "review_by": r.review_by, "path": e.path, "hash": r.hash.to_string(), "errors": 0}),
                None => json!({"id": null, "title": null, "severity": null, "review_by": null, "path": e.path, "hash": null, "errors": e.errors}),
            })
            .collect();
        ui.line(&json!({"v": V, "runbooks": rows}).to_string())?;
        return Ok(Exit::Ok);
    }
    let today = ctx.now().to_date();
    let mut out = String::new();
    for e in &entries {
        match &e.runbook {
            Some(r) => {
                let path = if e.path.starts_with("built-in:") { "built in".to_owned() } else { plain(&e.path) };
                let stale = r.review_by.as_ref().filter(|d| **d < today).map_or(String::new(), |d| format!("  review was due {}", plain(d)));
                out.push_str(&format!("{} {}  {}  ({}){stale}\n", Ui::pad(&plain(&r.id), 8), r.severity, plain(&r.title), path));
            }
            None => out.push_str(&format!("{} has {} faults: `blotter runbook check {}`\n", plain(&e.path), e.errors, plain(&e.path))),
        }
    }
    ui.out(&ui.folded(&out, 14))?;
    Ok(Exit::Ok)
}

fn check(ui: &Ui, ctx: &Ctx, files: &[String]) -> Result<Exit, CliError> {
    let entries = if files.is_empty() {
        library::all(&ctx.config)?
    } else {
        let mut out = Vec::new();
        for f in files {
            let bytes = std::fs::read(f).map_err(|e| CliError::usage(format!("`{f}` cannot be read: {e}")))?;
            out.push(library::entry(f.clone(), bytes));
        }
        out
    };
    let errors: usize = entries.iter().map(|e| e.errors).sum();
    if ui.json {
        let rows: Vec<_> = entries.iter().map(|e| json!({"path": e.path, "errors": e.errors, "faults": e.faults})).collect();
        ui.line(&json!({"v": V, "ok": errors == 0, "files": rows}).to_string())?;
    } else {
        for f in entries.iter().flat_map(|e| &e.faults) {
            ui.line(&crate::cli::ui::plain_lines(f))?;
        }
        let n = entries.len();
        let files = if n == 1 { "1 runbook".to_owned() } else { format!("{n} runbooks") };
        let found = match errors {
            0 => "no errors".to_owned(),
            1 => "1 error".to_owned(),
            n => format!("{n} errors"),
        };
        ui.say(&format!("{files} checked: {found}"));
    }
    Ok(if errors == 0 { Exit::Ok } else { Exit::Failed })
}
