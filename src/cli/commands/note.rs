//! `note`: write something down.

use std::io::Read;

use super::{At, Which, changed};
use crate::app::Ctx;
use crate::app::change::carry_out;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;
use crate::document::postmortem::NOTE_SECTIONS;
use crate::record::incident::decide::Command;

/// Write down what you saw or did
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter note \"restarted the proxy\" --at 02:13\n  blotter note --section lucky \"the on-call was awake\"\n  dmesg | tail | blotter note -")]
pub struct Args {
    /// The text, or - to read it from standard input
    text: String,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    at: At,
    /// The section of the postmortem it belongs to
    #[arg(long, value_parser = sections())]
    section: Option<String>,
}

/// The postmortem's sections that only people can fill.
fn sections() -> clap::builder::PossibleValuesParser {
    NOTE_SECTIONS.map(|s| clap::builder::PossibleValue::new(s.name).help(s.asks)).into()
}

/// Runs the command.
///
/// # Errors
/// No such incident, or an empty text.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let text = if args.text == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|e| CliError::usage(format!("standard input cannot be read as text: {e}")).hint("Keep other bytes with `blotter attach -`."))?;
        text.trim_end().to_owned()
    } else {
        args.text
    };
    let mut store = ctx.append()?;
    let picked = args.which.pick(ui, &store)?;
    let done = carry_out(ctx, &mut store, &picked, Command::Note { text, section: args.section, occurred_at: args.at.read(ctx)? })?;
    let seq = done.events.first().map_or(0, |e| e.header.seq);
    changed(ui, ctx, &store, &done, &format!("noted as {}.{seq}", done.number))
}
