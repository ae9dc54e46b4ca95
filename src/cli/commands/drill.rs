//! `drill`: rehearse a runbook against a simulated stack.

use std::path::PathBuf;

use crate::app::drill::Drill;
use crate::app::next::Next;
use crate::app::view::view;
use crate::app::{AppError, Ctx};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::{Tone, Ui, plain};
use crate::cli::line;
use crate::record::action::Action;
use crate::record::id::Ref;
use crate::record::time::Timestamp;
use crate::runbook::model::ProbeSource;
use crate::store::Filter;

/// Rehearse a runbook against a simulated stack that breaks the way it describes
///
/// Everything is marked DRILL and goes into a ledger of its own. You type the commands you would type; with --auto the
/// drill walks the runbook alone, following what `next:` says.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter drill INC-001 --auto\n  blotter drill INC-003\n\nIn the drill, type commands without `blotter`: show, propose rollback, approve a1 --as T-JOSH, execute a1, quit.")]
pub struct Args {
    /// The runbook to rehearse
    runbook: String,
    /// Walk the runbook alone
    #[arg(long)]
    auto: bool,
    /// Break the stack in another way, e.g. one that only looks like the runbook's incident
    #[arg(long, value_name = "SCENARIO")]
    scenario: Option<String>,
}

/// A walk that needs more commands than this goes in circles.
const STEPS: usize = 40;

/// Runs the command.
///
/// # Errors
/// There is no drill for the runbook, the store is a real ledger, or the drill does not come to an end.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let store: Option<PathBuf> = ctx.config.store_is_chosen.then(|| ctx.config.store.clone());
    let drill = Drill::start(ctx, &args.runbook, args.scenario.as_deref(), store)?;
    ui.line(&format!("{}  {} {}: a simulated stack at {}", ui.paint(Tone::Warn, "DRILL"), drill.runbook.id, plain(&drill.runbook.title), drill.stack.url()))?;
    crate::cli::block_on(drill.prelude())??;
    let exit = if args.auto { alone(ui, &drill)? } else { with_a_person(ui, &drill)? };
    if drill.is_throw_away() {
        ui.say("the drill's ledger is thrown away; `--store FILE` keeps it");
    } else {
        ui.say(&format!("the drill's ledger is `{}`; use it with `--drill --store`", drill.ctx.config.store.display()));
    }
    Ok(exit)
}

/// Reads commands until the input ends.
fn with_a_person(ui: &Ui, drill: &Drill) -> Result<Exit, CliError> {
    ui.say(&format!("the page says: {}. Type `open {}`, `help`, or `quit`.", plain(&drill.runbook.title), drill.runbook.id));
    let mut last = Exit::Ok;
    loop {
        if ui.in_tty {
            ui.prompt("drill> ")?;
        }
        let mut text = String::new();
        // Not locked for longer: a command may have a question of its own.
        if std::io::stdin().read_line(&mut text)? == 0 {
            break;
        }
        match line::split(text.trim()) {
            Ok(words) if words.is_empty() => {}
            Ok(words) if matches!(words[0].as_str(), "quit" | "exit" | "q") => break,
            Ok(words) => last = line::run(ui, &drill.ctx, &words),
            Err(e) => last = e.print(ui),
        }
        drill.settle()?;
    }
    finish(ui, drill)?;
    Ok(last)
}

/// Follows what `next:` says until the incident is over.
fn alone(ui: &Ui, drill: &Drill) -> Result<Exit, CliError> {
    // Nobody is there to answer what is asked for convenience.
    let ui = &Ui { yes: true, ..ui.clone() };
    let mut words = vec!["open".to_owned(), drill.runbook.id.clone()];
    for _ in 0..STEPS {
        ui.line(&format!("\n{} blotter {}", ui.paint(Tone::Strong, "$"), line::join(&words)))?;
        let exit = line::run(ui, &drill.ctx, &words);
        if !matches!(exit, Exit::Ok | Exit::Unmet | Exit::Unknown) {
            return Ok(exit);
        }
        drill.settle()?;
        match next_words(drill)? {
            Some(w) => words = w,
            None => return finish(ui, drill),
        }
    }
    Err(AppError::failed(format!("the drill of {} did not come to an end after {STEPS} commands", drill.runbook.id)).into())
}

/// The first thing that `next:` says, in words a person would type; `None` when the incident is over.
fn next_words(drill: &Drill) -> Result<Option<Vec<String>>, CliError> {
    let store = drill.ctx.read()?;
    let newest = Filter { limit: Some(1), ..Filter::default() };
    let Some(brief) = store.briefs(&newest).map_err(AppError::from)?.into_iter().next() else { return Ok(None) };
    if !brief.status.is_active() {
        return Ok(None);
    }
    let v = view(&drill.ctx, &store, &brief)?;
    let usable = |n: &&Next| !n.command.starts_with("blotter show");
    let Some(next) = v.next.iter().find(usable) else {
        // Nothing is left to do but to say so.
        let mitigate = ["mitigate", "--reason", "rehearsed: nothing more to do"];
        return Ok(Some(mitigate.map(str::to_owned).to_vec()));
    };
    let mut words = line::split(next.command.trim_start_matches("blotter "))?;
    words.retain(|w| w != "--drill");
    for k in 0..words.len() {
        let is_answer = k.checked_sub(1).is_some_and(|p| words[p] == "--answer");
        if words[k] == "…" {
            words[k] = if is_answer { answer(drill, &words) } else { "rehearsed in a drill".to_owned() };
        } else if is_answer && let Some((first, _)) = words[k].split_once('|') {
            words[k] = first.to_owned();
        }
    }
    if words.first().is_some_and(|w| w == "approve")
        && let Some(r) = words.get(1).and_then(|w| w.parse::<Ref>().ok())
        && let Some(approver) = v.incident.action(r.n).and_then(|a| approver(a, v.now))
    {
        words.extend(["--as".to_owned(), approver]);
    }
    Ok(Some(words))
}

/// Somebody who may approve, has not yet, and did not propose.
fn approver(a: &Action, now: Timestamp) -> Option<String> {
    let has_approved = |p: &String| a.standing(now).any(|x| x.approver == *p);
    let may = |p: &&String| (a.rule.allow_self || **p != a.proposer) && !has_approved(p);
    a.rule.from.iter().find(may).or(a.rule.from.first()).cloned()
}

/// An answer of the type that the question wants.
fn answer(drill: &Drill, words: &[String]) -> String {
    let asked = words.iter().position(|w| w == "--probe").and_then(|k| words.get(k + 1));
    let probe = drill.runbook.probes.iter().find(|p| Some(&p.id) == asked);
    let wanted = probe.and_then(|p| match &p.source {
        ProbeSource::Ask { params, .. } => params.get("type").and_then(|t| t.as_str()),
        ProbeSource::From(_) => None,
    });
    match wanted {
        Some("time") => drill.ctx.now().to_string(),
        Some("number") => "0".to_owned(),
        _ => "rehearsed in a drill".to_owned(),
    }
}

/// Ends a drill: documents, and a check of the record.
fn finish(ui: &Ui, drill: &Drill) -> Result<Exit, CliError> {
    let mut last = Exit::Ok;
    for words in [["render"].as_slice(), &["verify"]] {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        ui.line(&format!("\n{} blotter {}", ui.paint(Tone::Strong, "$"), line::join(&words)))?;
        last = line::run(ui, &drill.ctx, &words);
        if last != Exit::Ok {
            return Ok(last);
        }
    }
    let log = drill.ctx.export_path("GOVERNANCE-LOG.md");
    let text = std::fs::read_to_string(&log).map_err(|e| AppError::failed(format!("`{}` cannot be read: {e}", log.display())))?;
    ui.line(&format!("\n{}\n", ui.paint(Tone::Strong, "GOVERNANCE-LOG.md")))?;
    ui.out(&crate::cli::ui::plain_lines(&text))?;
    ui.line("")?;
    Ok(last)
}
