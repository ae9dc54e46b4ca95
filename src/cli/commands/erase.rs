//! `erase`: take a note or a piece of evidence out of the record for good.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Which;
use crate::app::action::approval::read_pair;
use crate::app::erasure::{OUT_OF_REACH, Wanted, erase, request, scrub};
use crate::app::Ctx;
use crate::cli::commands::finish;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::{Ui, plain};
use crate::record::id::Ref;

/// Take a note or a piece of evidence out of the record, once another person has signed
///
/// Without a signature it prints the request and changes nothing. That there was something, who asked, who allowed it and
/// why stays in the record; the chain stays whole. Notes, evidence, attachments and corrections can be erased, by whom
/// stands in the settings: `[erase] approve = { from = ["T-JOSH"] }`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  blotter erase e3 --reason \"holds a customer's address\" > request.txt\n  blotter sign request.txt --as T-JOSH      the approver, on any machine\n  blotter erase --signature request.txt.sig\n  blotter erase 7.12 --reason \"typed into the wrong window\""
)]
pub struct Args {
    /// What is to go: a piece of evidence such as e3, or an event such as 7.12
    #[arg(value_name = "REF", required_unless_present = "signature", conflicts_with = "signature")]
    what: Option<Ref>,
    /// Why; it stays in the record
    #[arg(long, value_name = "TEXT", conflicts_with = "signature")]
    reason: Option<String>,
    /// Carry out the request that this signature is over; its text lies beside it, without the `.sig`
    #[arg(long, value_name = "FILE.sig")]
    signature: Option<PathBuf>,
    #[command(flatten)]
    which: Which,
}

/// Runs the command.
///
/// # Errors
/// Not allowed, not signed by whoever may allow it, or nothing that may go.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    match (args.what, &args.signature) {
        (_, Some(file)) => carry_out(ui, ctx, file),
        (Some(what), None) => ask(ui, ctx, &args.which, what, args.reason.as_deref()),
        (None, None) => Err(CliError::usage("nothing is named")),
    }
}

fn ask(ui: &Ui, ctx: &Ctx, which: &Which, what: Ref, reason: Option<&str>) -> Result<Exit, CliError> {
    let store = ctx.read()?;
    let picked = which.pick_or(ui, &store, what.incident)?;
    let wanted = request(ctx, &store, &picked, what, reason)?;
    drop(store);
    match wanted {
        Wanted::Gone(by) => {
            scrub(&mut ctx.append()?, &format!("{}.{}", picked.brief.number, what))?;
            ui.line(&if ui.json {
                json!({"v": V, "erased_by": by}).to_string()
            } else {
                format!("erased already by {by}; nothing of it is left in the log beside the ledger")
            })?;
        }
        Wanted::Request(request, approvers) => {
            let text = request.text();
            if ui.json {
                ui.line(&json!({"v": V, "request": text, "approvers": approvers}).to_string())?;
            } else {
                ui.out(&text)?;
            }
            let whom: Vec<String> = approvers.iter().map(|p| plain(&ctx.config.reach(p))).collect();
            ui.say(&format!("nothing is erased yet. {} signs this text, as it is, in a file:", whom.join(" or ")));
            ui.say("  blotter sign request.txt --as …");
            ui.say("  ssh-keygen -Y sign -n approval@blotter -f ~/.ssh/id_ed25519 request.txt");
            ui.say("and then anybody: blotter erase --signature request.txt.sig");
            ui.say(OUT_OF_REACH);
        }
    }
    Ok(Exit::Ok)
}

fn carry_out(ui: &Ui, ctx: &Ctx, file: &Path) -> Result<Exit, CliError> {
    let (text, signature) = read_pair(file)?;
    let mut store = ctx.append()?;
    let done = erase(ctx, &mut store, &text, &signature)?;
    ui.say(OUT_OF_REACH);
    let line = format!("{} erased, allowed by {}; nothing of it is left in the ledger", done.what, plain(&done.approver));
    finish(ui, ctx, &store, done.id, std::slice::from_ref(&done.event), &line, Exit::Ok)
}
