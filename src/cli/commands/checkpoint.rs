//! `checkpoint`: what to keep elsewhere, so that nothing can be cut off unseen.

use serde_json::json;

use crate::app::Ctx;
use crate::app::publish::checkpoint::{Latest, latest, renew_key};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::Ui;

/// Print the latest signed checkpoint, to keep elsewhere
///
/// It says how many events there are and what their root is. Keep it where whoever holds the ledger cannot change it: a ticket, a commit, a colleague's mailbox.
/// `blotter verify --checkpoint FILE` compares the ledger with it later. One is made with every command that records
/// something, none by this one.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  blotter checkpoint > 2026-03-22.checkpoint\n  blotter verify --checkpoint 2026-03-22.checkpoint\n  blotter checkpoint --new-key --reason \"the old one was on the disk that died\"\n\nWithout blotter: lines 1 to 3 are the text, the rest is what `ssh-keygen -Y verify -n checkpoint@blotter` takes."
)]
pub struct Args {
    /// Make another key and sign with it from now on, e.g. when the old one is lost
    #[arg(long, requires = "reason")]
    new_key: bool,
    /// What became of the old key
    #[arg(long, value_name = "TEXT", requires = "new_key")]
    reason: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// The ledger cannot be read, or no key can be made.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let store = match args.reason {
        Some(reason) => {
            let mut store = ctx.append()?;
            let key = renew_key(ctx, &mut store, &reason)?;
            ui.say(&format!("checkpoints are signed with {key} from now on; keep a copy of the new key apart from the ledger"));
            store
        }
        None => ctx.read()?,
    };
    let Latest { signed, key } = latest(&store)?;
    if ui.json {
        let c = &signed.checkpoint;
        let doc = json!({
            "v": V, "ledger": store.ledger().id, "size": c.size, "root": c.root.to_string(),
            "text": c.text, "signature": signed.signature, "key": key,
        });
        ui.line(&doc.to_string())?;
        return Ok(Exit::Ok);
    }
    if signed.signature.is_none() {
        ui.warn("this checkpoint is not signed; `blotter verify` says why");
    }
    ui.out(&signed.text())?;
    Ok(Exit::Ok)
}
