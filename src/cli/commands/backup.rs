//! `backup`: a copy that is whole, made while the ledger is in use.

use std::path::PathBuf;

use serde_json::json;

use crate::app::{AppError, Ctx, ErrorKind};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::{Ui, plain};

/// Copy the ledger while it is in use, and verify the copy
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter backup /mnt/usb/blotter-2026-03-22.db")]
pub struct Args {
    /// A file that does not exist yet
    file: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// The file exists or cannot be written, or the copy does not verify.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let report = ctx.read()?.backup(&args.file).map_err(AppError::from)?;
    let file = args.file.display().to_string();
    if let Some(first) = report.problems.first() {
        let message = format!("copied to `{file}`, but the copy does not verify: {}", first.detail);
        let error = CliError { kind: ErrorKind::Unverified, message, hints: Vec::new() };
        return Err(error.hint("The ledger itself is damaged: `blotter verify` says where. Keep older backups."));
    }
    if ui.json {
        ui.line(&json!({"v": V, "file": file}).to_string())?;
    } else {
        ui.line(&format!("copied to {}, and the copy verifies", plain(&file)))?;
        ui.say("the key that signs checkpoints is not in it: keep a copy of that apart (the ledger's name with .key)");
    }
    Ok(Exit::Ok)
}
