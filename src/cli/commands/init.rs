//! `init`: begin an ops repository.

use std::path::PathBuf;

use serde_json::json;

use crate::app::init;
use crate::cli::Start;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::{Tone, Ui, plain};

/// Begin an ops repository: settings, runbooks to edit, signers, a CI check
///
/// Makes what is missing and overwrites nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter init ops       then: cd ops, edit blotter.toml, blotter doctor\n  blotter init           in the current folder")]
pub struct Args {
    /// The folder; left out, the current one
    dir: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// A folder or file cannot be made.
pub fn run(ui: &Ui, start: &Start<'_>, args: &Args) -> Result<Exit, CliError> {
    let dir = args.dir.as_ref().map_or_else(|| start.env.cwd.clone(), |d| start.env.cwd.join(d));
    let user = start.env.get("USER").or_else(|| start.env.get("LOGNAME"));
    let began = init::init(&dir, user)?;
    if ui.json {
        let of = |made: bool| began.files.iter().filter(|f| f.made == made).map(|f| f.path.display().to_string()).collect::<Vec<_>>();
        ui.line(&json!({"v": V, "folder": dir.display().to_string(), "made": of(true), "kept": of(false), "remarks": began.remarks}).to_string())?;
        return Ok(Exit::Ok);
    }
    for f in &began.files {
        let path = plain(&f.path.display().to_string());
        ui.line(&if f.made { format!("made    {path}") } else { ui.paint(Tone::Dim, &format!("exists  {path} (left as it is)")) })?;
    }
    for r in &began.remarks {
        ui.warn(&format!("hint: {r}"));
    }
    let cd = args.dir.as_ref().map_or(String::new(), |d| format!("cd {}; ", plain(&d.display().to_string())));
    ui.say(&format!("next: {cd}say in blotter.toml who your people are, then `blotter doctor`"));
    Ok(Exit::Ok)
}
