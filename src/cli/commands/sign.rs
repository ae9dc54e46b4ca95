//! `sign`: sign an approval that somebody printed on another machine.

use std::path::PathBuf;

use serde_json::json;

use super::approve::{agreed, shown};
use crate::app::action::approval;
use crate::app::{AppError, Ctx};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::{Tone, Ui, plain};
use crate::record::approval::{ApprovalText, TextKind};
use crate::record::time::human_span;

/// Sign an approval that `approve --print` wrote on another machine, or a request to erase
///
/// Says in plain words what you are about to allow, signs the text with your SSH key, and writes the signature beside
/// it, with .sig added to its name. Needs no ledger.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter sign request.txt\n  blotter sign request.txt --key ~/.ssh/id_ed25519")]
pub struct Args {
    /// The text
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The private key, or the public half of one that an agent holds [env: BLOTTER_SIGN_KEY]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// The file is no such text, it has lapsed, or nothing was signed.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    if let Some(text) = approval::read_erasure(&args.file)? {
        return erasure(ui, ctx, &args, &text);
    }
    let text = approval::read_text(&args.file)?;
    if text.kind != TextKind::Approval {
        let what = text.kind.first();
        return Err(AppError::refused(format!("this is no approval but a `{what}`, which nobody signs for another machine")).into());
    }
    let left = text.expires_at.since(ctx.now());
    if left <= 0 {
        return Err(AppError::refused(format!("this request lapsed at {} UTC", text.expires_at.to_seconds()))
            .hint("Let them print a new one.")
            .into());
    }
    if !ui.json {
        ui.out(&explained(ui, &text, left))?;
        ui.out(&shown(&text))?;
    }
    if !agreed(ui, &format!("Sign exactly this, as {}?", plain(&text.approver)))? {
        ui.say("not signed");
        return Ok(Exit::Refused);
    }
    let tell = |line: &str| ui.say(&format!("  {}", plain(line)));
    let armored = crate::cli::block_on(approval::sign(ctx, &text, args.key.as_deref(), &tell))??;
    let path = approval::write_signature(&args.file, &armored)?;
    let name = format!("{}.a{}", text.number, text.n);
    if ui.json {
        ui.line(&json!({"v": V, "signature": path.display().to_string(), "action": name, "approver": text.approver}).to_string())?;
        return Ok(Exit::Ok);
    }
    let shown = plain(&path.display().to_string());
    ui.line(&format!("signed: {shown}"))?;
    ui.say(&format!("send it back together with the text; there: blotter approve {name} --signature {shown}"));
    Ok(Exit::Ok)
}

/// Signs a request to erase, in the name of who acts.
fn erasure(ui: &Ui, ctx: &Ctx, args: &Args, text: &str) -> Result<Exit, CliError> {
    let person = &ctx.actor.name;
    if !ui.json {
        let lines: String = text.lines().map(|l| format!("  | {}\n", plain(l))).collect();
        ui.out(&format!("As {} you are about to allow that this goes from the record, for good:\n\n{lines}\n", plain(person)))?;
    }
    if !agreed(ui, &format!("Sign exactly this, as {}?", plain(person)))? {
        ui.say("not signed");
        return Ok(Exit::Refused);
    }
    let tell = |line: &str| ui.say(&format!("  {}", plain(line)));
    let armored = crate::cli::block_on(approval::sign_as(ctx, person, text, args.key.as_deref(), &tell))??;
    let path = approval::write_signature(&args.file, &armored)?.display().to_string();
    if ui.json {
        ui.line(&json!({"v": V, "signature": path, "approver": person}).to_string())?;
        return Ok(Exit::Ok);
    }
    ui.line(&format!("signed: {}", plain(&path)))?;
    ui.say(&format!("send it back together with the text; there: blotter erase --signature {}", plain(&path)));
    Ok(Exit::Ok)
}

/// What is about to be allowed, in words.
fn explained(ui: &Ui, t: &ApprovalText, left: i64) -> String {
    let own = if t.allow_self { ", the proposer included" } else { "" };
    let mut rows = vec![
        ("proposed", format!("by {}, as a{} of incident {}", t.proposer, t.n, t.number)),
        ("enough are", format!("{} of {}{own}", t.min, t.from.join(", "))),
        ("good for", format!("{} more, once, and only in ledger {}", human_span(left), t.ledger)),
        ("worthless if", format!("a request or anything of weight in the incident changes after its event {}", t.head.seq)),
    ];
    rows.extend(t.comment.as_ref().map(|c| ("you say", c.clone())));
    let mut out = format!("As {} you are about to allow:\n\n  {}\n\n", plain(&t.approver), ui.paint(Tone::Strong, &plain(&t.text)));
    for (name, value) in rows {
        out.push_str(&format!("  {}  {}\n", ui.paint(Tone::Dim, &Ui::fit(name, 12)), plain(&value)));
    }
    out + "\n"
}
