//! `attach`: keep a file as evidence.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use super::{At, Which, changed};
use crate::app::{Ctx, page};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::{Ui, plain};

/// Keep a file, or what comes through a pipe, as evidence
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter attach screenshot.png --note \"all tiles red\"\n  journalctl -u proxy --since -1h | blotter attach -")]
pub struct Args {
    /// The file, or - for standard input
    file: PathBuf,
    /// What it shows
    #[arg(long)]
    note: Option<String>,
    /// The name to keep it under
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    at: At,
}

/// Runs the command.
///
/// # Errors
/// No such incident, or the file cannot be read.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let at = args.at.read(ctx)?;
    let mut store = ctx.append()?;
    let picked = args.which.pick(ui, &store)?;
    let is_pipe = args.file.as_os_str() == "-";
    let reader: Box<dyn Read> = if is_pipe { Box::new(io::stdin().lock()) } else { Box::new(open(&args.file)?) };
    let own = if is_pipe { "-".to_owned() } else { args.file.file_name().map_or_else(|| "-".to_owned(), |n| n.to_string_lossy().into_owned()) };
    let name = args.name.unwrap_or(own);
    let done = page::attach(ctx, &mut store, &picked, &name, reader, args.note, at)?;
    if done.truncated {
        ui.warn(&format!(
            "CUT: only the first {} bytes of `{}` are kept; the limit is `[attach] limit` in blotter.toml",
            done.blob.size,
            plain(&name)
        ));
    }
    let empty = if done.blob.size == 0 { " (it is empty)" } else { "" };
    let line = format!("attached {} as {}.e{}, {} bytes{empty}, digest {}", plain(&name), done.changed.number, done.n, done.blob.size, done.blob.digest);
    changed(ui, ctx, &store, &done.changed, &line)
}

fn open(path: &std::path::Path) -> Result<File, CliError> {
    let fault = |e: io::Error| CliError::usage(format!("`{}` cannot be read: {e}", path.display()));
    let file = File::open(path).map_err(fault)?;
    if file.metadata().map_err(fault)?.is_dir() {
        return Err(CliError::usage(format!("`{}` is a folder", path.display())).hint("Pack it: `tar c DIR | blotter attach - --name DIR.tar`."));
    }
    Ok(file)
}
