//! `export`: the record as plain files that a stranger can check, and as tables.

use std::path::PathBuf;

use serde_json::json;

use crate::app::Ctx;
use crate::app::publish::checkpoint::export;
use crate::app::publish::tables::tables;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::{Ui, plain};
use crate::document::table::Format;

/// Write the whole record as plain files with a script that checks them, or as tables
///
/// The script `verify.sh` needs only sh, sed, awk, sha256sum and ssh-keygen. Tables are incidents, actions, approvals and readings.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter export audit-2026      checked there with: sh audit-2026/verify.sh\n  blotter export --csv tables")]
pub struct Args {
    /// A folder that does not exist yet
    #[arg(required_unless_present_any = ["csv", "jsonl"])]
    folder: Option<PathBuf>,
    /// Write tables for a spreadsheet into this folder; text in them is never a formula
    #[arg(long, value_name = "FOLDER")]
    csv: Option<PathBuf>,
    /// Write tables as JSON Lines into this folder
    #[arg(long, value_name = "FOLDER")]
    jsonl: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// The folder exists, or cannot be written.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let store = ctx.read()?;
    let (mut doc, mut lines) = (json!({"v": V}), Vec::new());
    if let Some(folder) = &args.folder {
        export(ctx, &store, folder)?;
        let folder = folder.display().to_string();
        lines.push(format!("exported to {folder}; to check it: sh {folder}/verify.sh", folder = plain(&folder)));
        doc["folder"] = json!(folder);
    }
    let mut files = Vec::new();
    for (folder, format) in [(&args.csv, Format::Csv), (&args.jsonl, Format::JsonLines)] {
        let Some(folder) = folder else { continue };
        for t in tables(&store, folder, format)? {
            let path = t.path.display().to_string();
            lines.push(format!("{}  {} rows", plain(&path), t.rows));
            files.push(json!({"path": path, "rows": t.rows}));
        }
    }
    if !files.is_empty() {
        doc["tables"] = json!(files);
    }
    ui.line(&if ui.json { doc.to_string() } else { lines.join("\n") })?;
    Ok(Exit::Ok)
}
