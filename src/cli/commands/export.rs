//! `export`: the record as plain files that a stranger can check.

use std::path::PathBuf;

use serde_json::json;

use crate::app::{AppError, Ctx};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::{Ui, plain};

/// Write the whole record as plain files with a script that checks them
///
/// The script `verify.sh` needs only sh, awk and sha256sum.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter export bundle && sh bundle/verify.sh")]
pub struct Args {
    /// A folder that does not exist yet
    folder: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// The folder exists, or cannot be written.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    ctx.read()?.export(&args.folder).map_err(AppError::from)?;
    let folder = args.folder.display().to_string();
    if ui.json {
        ui.line(&json!({"v": V, "folder": folder}).to_string())?;
    } else {
        ui.line(&format!("exported to {folder}; to check it: sh {folder}/verify.sh", folder = plain(&folder)))?;
    }
    Ok(Exit::Ok)
}
