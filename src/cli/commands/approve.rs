//! `approve`: allow a proposed change.

use std::path::PathBuf;

use serde_json::json;

use super::{Which, finish, look, say_next};
use crate::app::action::approval::{self, Granted, Wish};
use crate::app::action::find;
use crate::app::Ctx;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::plan;
use crate::cli::ui::{Ui, plain};
use crate::record::approval::ApprovalText;
use crate::sign::APPROVAL;

/// Approve a proposed action, by signing exactly the text that is shown
///
/// The approver is whoever types this (`--as`): one of those whom the runbook names, and never the one who proposed it.
/// The text is signed with their SSH key through `ssh-keygen` (agents, passphrases and security keys work), and checked
/// against `allowed_signers` before it is recorded.
///
/// For an approver on another machine, print the text, let them sign it there with the line that is shown or with
/// `blotter sign`, and enter what comes back.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  blotter approve a1\n  blotter approve 7.a1 --as T-JOSH --comment \"42 was my deploy, go back\"\n\nOn two machines:\n  blotter approve a1 --print > request.txt      then give request.txt to the approver\n  blotter sign request.txt                      there; gives request.txt.sig\n  blotter approve a1 --signature request.txt.sig"
)]
pub struct Args {
    /// The action, e.g. a1 or 7.a1
    #[arg(value_name = "ACTION")]
    action: String,
    /// What the approver says about it
    #[arg(long, value_name = "TEXT", conflicts_with = "signature")]
    comment: Option<String>,
    /// Prints the text to sign, for an approver on another machine; records nothing
    #[arg(long)]
    print: bool,
    /// With --print: who will sign it
    #[arg(long = "for", value_name = "ID", requires = "print")]
    approver: Option<String>,
    /// Enters the signature in this file; the text has to lie beside it, without the .sig
    #[arg(long, value_name = "FILE", conflicts_with = "print")]
    signature: Option<PathBuf>,
    /// The private key, or the public half of one that an agent holds [env: BLOTTER_SIGN_KEY]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["print", "signature"])]
    key: Option<PathBuf>,
    #[command(flatten)]
    which: Which,
}

/// Runs the command.
///
/// # Errors
/// No such action, it does not wait, this person may not approve it, or the signature does not hold.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let reference = plan::reference(&args.action)?;
    let n = reference.n;
    if args.print {
        let store = ctx.read()?;
        let picked = args.which.pick_or(ui, &store, reference.incident)?;
        let wish = Wish { n, approver: args.approver, comment: args.comment, elsewhere: true };
        return print(ui, &approval::request(ctx, &store, &picked, &wish)?);
    }
    let mut store = ctx.append()?;
    let picked = args.which.pick_or(ui, &store, reference.incident)?;
    if let Some(path) = &args.signature {
        let (text, armored) = approval::read_pair(path)?;
        let done = approval::grant(ctx, &mut store, &picked, n, &text, &armored)?;
        return granted(ui, ctx, &store, &done);
    }
    let v = look(ctx, &store, picked.brief.id)?;
    let seen = find(&v.incident, n)?;
    // What is shown here is what is signed, whatever happens in between.
    let text = approval::request(ctx, &store, &picked, &Wish { n, comment: args.comment, ..Wish::default() })?;
    if !ui.json {
        ui.out(&plan::plan(ui, ctx, &v, seen))?;
        ui.out(&shown(&text))?;
    }
    if !agreed(ui, &format!("Sign exactly this, as {}?", plain(&text.approver)))? {
        ui.say("not approved; nothing was recorded");
        return Ok(Exit::Refused);
    }
    let tell = |line: &str| ui.say(&format!("  {}", plain(line)));
    let armored = crate::cli::block_on(approval::sign(ctx, &text, args.key.as_deref(), &tell))??;
    let done = approval::grant(ctx, &mut store, &picked, n, &text.render(), &armored)?;
    granted(ui, ctx, &store, &done)
}

/// The text as it is signed, set off from what else is shown.
pub(super) fn shown(text: &ApprovalText) -> String {
    let lines: String = text.render().lines().map(|l| format!("  | {}\n", plain(l))).collect();
    format!("This text is signed:\n{lines}")
}

/// Asks, where a person can be asked; elsewhere the key is the answer.
///
/// # Errors
/// Failure to read or write.
pub(super) fn agreed(ui: &Ui, question: &str) -> Result<bool, CliError> {
    if !ui.may_ask() || ui.yes {
        return Ok(true);
    }
    Ok(matches!(ui.ask(&format!("{question} [y/N]"))?.as_deref(), Some("y" | "Y" | "yes")))
}

/// Data is the text, byte for byte; what to do with it goes to standard error.
fn print(ui: &Ui, text: &ApprovalText) -> Result<Exit, CliError> {
    let line = format!("ssh-keygen -Y sign -n {APPROVAL} -f ~/.ssh/id_ed25519 request.txt");
    if ui.json {
        ui.line(&json!({"v": V, "text": text.render(), "approver": text.approver, "expires_at": text.expires_at, "command": line}).to_string())?;
        return Ok(Exit::Ok);
    }
    ui.bytes(text.render().as_bytes())?;
    let name = format!("{}.a{}", text.number, text.n);
    ui.warn(&format!(
        "for {}, until {} UTC. With the text in request.txt, they type one of\n  blotter sign request.txt\n  {line}\nand here: blotter approve {name} --signature request.txt.sig",
        plain(&text.approver),
        text.expires_at.to_seconds()
    ));
    Ok(Exit::Ok)
}

fn granted(ui: &Ui, ctx: &Ctx, store: &crate::store::Store, done: &Granted) -> Result<Exit, CliError> {
    if done.signers_changed {
        ui.say("the list of signers is another one than at the last approval; it is recorded as it is now");
    }
    let v = look(ctx, store, done.changed.id)?;
    let action = v.incident.action(done.n);
    let until = action.and_then(|a| a.approvals.last()).map_or(String::new(), |a| format!(", until {} UTC", a.expires_at.to_seconds()));
    let own = if action.and_then(|a| a.approvals.last()).is_some_and(|a| a.self_approved) { ", self-approved" } else { "" };
    let line = format!(
        "action {}.a{} approved by {} (signed with {}{own}{until})\n{}",
        done.changed.number,
        done.n,
        plain(&done.approver),
        plain(&done.key),
        say_next(ui, &v)
    );
    finish(ui, ctx, store, done.changed.id, &done.changed.events, line.trim_end(), Exit::Ok)
}
