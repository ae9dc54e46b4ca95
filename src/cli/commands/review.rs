//! `review`: look at what somebody did without approval.

use std::path::PathBuf;

use super::approve::{agreed, shown};
use super::{Which, finish, look, say_next};
use crate::app::action::{approval, find, glass};
use crate::app::Ctx;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::plan;
use crate::cli::ui::{Ui, plain};

/// Review an action that somebody executed without approval
///
/// Says, signed with your key, that you have looked at it: never the one who proposed or executed it. Until then the
/// incident can be mitigated, and not resolved.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  blotter review 7.a1 --comment \"it was right; the approver was on a plane\"")]
pub struct Args {
    /// The action, e.g. a1 or 7.a1
    #[arg(value_name = "ACTION")]
    action: String,
    /// What you found
    #[arg(long, value_name = "TEXT")]
    comment: String,
    /// The private key, or the public half of one that an agent holds [env: BLOTTER_SIGN_KEY]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    which: Which,
}

/// Runs the command.
///
/// # Errors
/// There is nothing to review, this person may not, or the signature does not hold.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let reference = plan::reference(&args.action)?;
    let n = reference.n;
    let mut store = ctx.append()?;
    let picked = args.which.pick_or(ui, &store, reference.incident)?;
    let v = look(ctx, &store, picked.brief.id)?;
    let seen = find(&v.incident, n)?;
    let text = glass::request_review(ctx, &store, &picked, n, &args.comment)?;
    if !ui.json {
        ui.out(&plan::plan(ui, ctx, &v, seen))?;
        ui.out(&shown(&text))?;
    }
    if !agreed(ui, &format!("Sign this review, as {}?", plain(&text.approver)))? {
        ui.say("not reviewed; nothing was recorded");
        return Ok(Exit::Refused);
    }
    let tell = |line: &str| ui.say(&format!("  {}", plain(line)));
    let armored = crate::cli::block_on(approval::sign(ctx, &text, args.key.as_deref(), &tell))??;
    let done = glass::review(ctx, &mut store, &picked, n, &text.render(), &armored)?;
    let v = look(ctx, &store, done.changed.id)?;
    let (who, key) = (plain(&done.approver), plain(&done.key));
    let line = format!("action {}.a{n} reviewed by {who} (signed with {key})\n{}", done.changed.number, say_next(ui, &v));
    finish(ui, ctx, &store, done.changed.id, &done.changed.events, line.trim_end(), Exit::Ok)
}
