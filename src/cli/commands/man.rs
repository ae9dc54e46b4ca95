//! `man`: manual pages.

use std::path::PathBuf;

use clap::CommandFactory as _;
use clap_mangen::Man;
use serde_json::json;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::Ui;
use crate::cli::{Cli, Start};

/// Write the manual pages
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter man | man -l -\n  blotter man ~/.local/share/man/man1")]
pub struct Args {
    /// A folder that gets one page for each command; left out, the first page goes to standard output
    dir: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// The folder cannot be written.
pub fn run(ui: &Ui, start: &Start<'_>, args: &Args) -> Result<Exit, CliError> {
    // Built anew, as it is printed: not in the width of this terminal.
    let command = Cli::command().term_width(0);
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        ui.bytes(&page)?;
        return Ok(Exit::Ok);
    };
    let dir = start.env.cwd.join(dir);
    let fault = |e: std::io::Error| CliError::usage(format!("`{}` cannot be written: {e}", dir.display()));
    std::fs::create_dir_all(&dir).map_err(fault)?;
    clap_mangen::generate_to(command, &dir).map_err(fault)?;
    if ui.json {
        ui.line(&json!({"v": V, "folder": dir.display().to_string()}).to_string())?;
    } else {
        ui.say(&format!("the manual pages are in `{}`", dir.display()));
    }
    Ok(Exit::Ok)
}
