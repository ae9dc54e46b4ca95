//! `execute`: make the change that was approved, and see whether it helped.

use super::approve::shown;
use super::collect::{announce, silent};
use super::{Which, finish, look, say_next};
use crate::app::Ctx;
use crate::app::action::{self, End, ExecuteRequest, Watch, approval, glass};
use crate::app::select::Picked;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::{Tone, Ui, plain};
use crate::cli::{interrupted, plan};
use crate::store::Store;

/// Execute an approved action, once, and verify it
///
/// Checks everything again first: approvals, conditions, and that the world is still as it was approved for. If anything
/// moved, nothing is changed. An action whose outcome is unknown is looked at, never made again. A `manual` action is
/// recorded as done by you.
///
/// With --break-glass it goes without approval, where the runbook allows that at the incident's severity: every other check
/// is kept, you sign for it with your own key, and it stays red until somebody else has reviewed it (`blotter review`).
///
/// Exit codes: 0 done and verified, 1 failed, 10 done but not verified, 11 nobody can say, 12 refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter execute a1\n  blotter execute 7.a2 --note \"case 17643210, opened in the console\"    for a manual action\n\nWhen no approver can be reached, and the runbook allows it:\n  blotter execute a1 --break-glass --reason \"T-JOSH does not answer; every route is down\"")]
pub struct Args {
    /// The action, e.g. a1 or 7.a1
    #[arg(value_name = "ACTION")]
    action: String,
    /// For a manual action: what you did, and what came of it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Goes without approval, signed by you, and to be reviewed by somebody else
    #[arg(long, requires = "reason")]
    break_glass: bool,
    /// With --break-glass: why there is no time, in 20 characters or more
    #[arg(long, value_name = "TEXT", requires = "break_glass")]
    reason: Option<String>,
    /// With --break-glass, where nobody can be asked: the incident's number, typed once more
    #[arg(long, value_name = "NUMBER", requires = "break_glass")]
    typed_incident: Option<u64>,
    /// With --break-glass: your private key, or the public half of one that an agent holds [env: BLOTTER_SIGN_KEY]
    #[arg(long, value_name = "FILE", requires = "break_glass")]
    key: Option<std::path::PathBuf>,
    #[command(flatten)]
    which: Which,
}

/// Runs the command.
///
/// # Errors
/// It is not allowed, the world moved, or it could not be looked at.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let reference = plan::reference(&args.action)?;
    let mut store = ctx.append()?;
    let picked = args.which.pick_or(ui, &store, reference.incident)?;
    let mut request = ExecuteRequest { note: args.note.clone(), ..ExecuteRequest::new(reference.n) };
    let v = look(ctx, &store, picked.brief.id)?;
    let manual = v.incident.action(reference.n).filter(|a| a.kind == "manual");
    if let Some(a) = manual {
        if !ui.json {
            ui.out(&plan::plan(ui, ctx, &v, a))?;
        }
        if !ask_person(ui, a, &mut request)? {
            ui.say("nothing was recorded");
            return Ok(Exit::Refused);
        }
    }
    if args.break_glass {
        let Some(broken) = break_glass(ui, ctx, &store, &picked, reference.n, &args)? else {
            ui.say("the glass is whole; nothing was recorded");
            return Ok(Exit::Refused);
        };
        request.glass = Some(broken);
    }
    let live = announce(ui);
    let probes = |p: crate::app::engine::Progress<'_>| live.as_ref().map_or_else(|| silent(p), |l| l.note(p));
    let tell = |line: &str| ui.say(&format!("  {}", plain(line)));
    let watch = Watch { probes: &probes, tell: &tell };
    let done = crate::cli::block_on(action::execute(ctx, &mut store, &picked, &request, watch, interrupted()))??;
    drop(live);
    let (word, tone, text, exit) = match &done.end {
        End::Verified(t) => ("verified", Tone::Good, t, Exit::Ok),
        End::Done(t) => ("done", Tone::Good, t, Exit::Ok),
        End::NotVerified(t) => ("DONE, NOT VERIFIED", Tone::Bad, t, Exit::Unmet),
        End::Failed(t) => ("FAILED", Tone::Bad, t, Exit::Failed),
        End::Unknown(t) => ("UNKNOWN", Tone::Bad, t, Exit::Unknown),
        End::Interrupted(t) => ("done, not verified", Tone::Warn, t, Exit::Interrupted),
    };
    let v = look(ctx, &store, done.id)?;
    let line = format!("action {}.a{} {}: {}\n{}", done.number, done.n, ui.paint(tone, word), plain(text), say_next(ui, &v));
    finish(ui, ctx, &store, done.id, &done.events, line.trim_end(), exit)
}

/// Has the incident typed back and the text signed; `None` when the person thinks better of it.
fn break_glass(ui: &Ui, ctx: &Ctx, store: &Store, picked: &Picked, n: u64, args: &Args) -> Result<Option<glass::Broken>, CliError> {
    let text = glass::request_break(ctx, store, picked, n, args.reason.as_deref().unwrap_or_default())?;
    let number = picked.brief.number;
    if !ui.json {
        let word = ui.paint(Tone::Bad, "BREAK-GLASS");
        ui.out(&format!("{word}  {} goes without approval:\n  {}\n{}", plain(&text.approver), plain(&text.text), shown(&text)))?;
    }
    // Not a convenience: `--yes` does not answer it.
    let typed = match args.typed_incident {
        Some(typed) => Some(typed.to_string()),
        None if ui.may_ask() => ui.ask("Type the incident's number to break the glass:")?,
        None => {
            return Err(CliError::usage("nobody can be asked to type the incident's number back")
                .hint("Say it with `--typed-incident NUMBER`."));
        }
    };
    if typed.as_deref() != Some(number.to_string().as_str()) {
        return Ok(None);
    }
    let tell = |line: &str| ui.say(&format!("  {}", plain(line)));
    let armored = crate::cli::block_on(approval::sign(ctx, &text, args.key.as_deref(), &tell))??;
    Ok(Some(glass::broken(ctx, store, picked, n, &text.render(), &armored)?))
}

/// Asks whether it was done, and how; a convenience of the terminal, not an approval.
fn ask_person(ui: &Ui, a: &crate::record::action::Action, request: &mut ExecuteRequest) -> Result<bool, CliError> {
    if !ui.may_ask() || ui.yes {
        return Ok(true);
    }
    if !matches!(ui.ask("Did you do it? [y/N]")?.as_deref(), Some("y" | "Y" | "yes")) {
        return Ok(false);
    }
    if let (None, Some(question)) = (&request.note, a.arguments.get("confirm").and_then(|c| c.as_str())) {
        request.note = ui.ask(&plain(question))?.filter(|s| !s.is_empty());
    }
    Ok(true)
}
