//! `redact`: what would be taken out?

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use crate::app::Ctx;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::{Tone, Ui, plain};

/// Try the redaction rules
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter redact preview app.log\n  kubectl logs web | blotter redact preview -\n\nRules of your own stand in blotter.toml under [redact.patterns].")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what redaction would take out of a file, by line and rule; nothing is stored
    Preview {
        /// The file, or - for standard input
        file: PathBuf,
    },
}

/// Runs the command.
///
/// # Errors
/// The file cannot be read, or a rule of the settings cannot be used.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let What::Preview { file } = args.what;
    let is_pipe = file.as_os_str() == "-";
    let name = if is_pipe { "-".to_owned() } else { plain(&file.display().to_string()) };
    let fault = |e: io::Error| CliError::usage(format!("`{name}` cannot be read: {e}"));
    let reader: Box<dyn Read> = if is_pipe { Box::new(io::stdin().lock()) } else { Box::new(File::open(&file).map_err(fault)?) };
    let mut stream = ctx.redactor()?.redact_stream(reader).noting();
    let mut sink = vec![0; 64 << 10];
    let mut rows = Vec::new();
    loop {
        let n = stream.read(&mut sink).map_err(fault)?;
        for f in stream.findings() {
            if ui.json {
                rows.push(json!({"line": f.line, "column": f.column, "rule": f.rule, "bytes": f.bytes, "shown": f.shown}));
                continue;
            }
            let at = ui.paint(Tone::Strong, &format!("{name}:{}:{}", f.line, f.column));
            ui.line(&format!("{at}  {}, {} bytes", ui.paint(Tone::Warn, &f.rule), f.bytes))?;
            ui.line(&ui.folded(&format!("    {}", plain(&f.shown)), 0))?;
        }
        if n == 0 {
            break;
        }
    }
    let counts = stream.counts();
    if ui.json {
        ui.line(&json!({"v": V, "findings": rows, "redactions": counts}).to_string())?;
    } else {
        let each: Vec<String> = counts.iter().map(|(rule, n)| format!("{rule} {n}")).collect();
        let total: u64 = counts.values().sum();
        ui.say(&match total {
            0 => format!("nothing would be taken out of {name}"),
            1 => format!("1 place would be taken out: {}", each.join(", ")),
            n => format!("{n} places would be taken out: {}", each.join(", ")),
        });
    }
    Ok(Exit::Ok)
}
