//! `collect`: look again.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{RECORDED, Which, finish, look, say_next};
use crate::app::engine::{PersonSays, Progress};
use crate::app::page::{self, CollectRequest, Paged};
use crate::app::{Ctx, ErrorKind};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::{Tone, Ui, plain};
use crate::cli::{interrupted, json, page as pages};
use crate::record::observation::Observation;
use crate::record::verdict::Verdict;

/// Run probes of the incident's runbook again, or answer its questions
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter collect                               every probe again\n  blotter collect --step 2                      those of step 2\n  blotter collect --probe tiles-green --answer yes")]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Only the probes of this step
    #[arg(long, value_name = "N")]
    step: Option<u32>,
    /// Only this probe; may be given several times
    #[arg(long = "probe", value_name = "ID")]
    probes: Vec<String>,
    /// The answer to the question named with --probe, or PROBE=ANSWER
    #[arg(long = "answer", value_name = "ANSWER")]
    answers: Vec<String>,
    /// What to add to the answer
    #[arg(long, value_name = "TEXT", requires = "answers")]
    note: Option<String>,
    /// Exit 10 when an expectation is unmet, 11 when something could not be looked at
    #[arg(long)]
    check: bool,
}

/// Runs the command.
///
/// # Errors
/// No such incident, step or probe.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let picked = args.which.pick(ui, &ctx.read()?)?;
    let mut given = Vec::new();
    for a in &args.answers {
        match (a.split_once('='), args.probes.as_slice()) {
            (_, [probe]) if args.answers.len() == 1 => given.push((probe.clone(), a.clone(), args.note.clone())),
            (Some((probe, answer)), _) => given.push((probe.to_owned(), answer.to_owned(), args.note.clone())),
            (None, _) => {
                return Err(CliError::usage(format!("`--answer {a}` does not say which question it answers"))
                    .hint("Name the question: `--probe ID --answer X`, or `--answer ID=X`."));
            }
        }
    }
    let request = CollectRequest { step: args.step, probes: args.probes, answers: answers(given) };
    let live = announce(ui);
    let progress = |p: Progress<'_>| live.as_ref().map_or_else(|| silent(p), |l| l.note(p));
    let paged = crate::cli::block_on(page::collect(ctx, &picked, &request, &progress, interrupted()))??;
    drop(live);
    report(ui, ctx, paged, false, args.check)
}

/// Puts answers into the form that probes take.
pub(super) fn answers(given: impl IntoIterator<Item = (String, String, Option<String>)>) -> BTreeMap<String, PersonSays> {
    given.into_iter().map(|(probe, answer, note)| (probe, PersonSays { answer, note })).collect()
}

/// Prints what a collection came to.
pub(super) fn report(ui: &Ui, ctx: &Ctx, paged: Paged, opened: bool, check: bool) -> Result<Exit, CliError> {
    match paged {
        Paged::Recorded { id, events, evidence, interrupted } => {
            let store = ctx.read().map_err(|e| CliError::from(e).hint(RECORDED))?;
            let v = look(ctx, &store, id).map_err(|e| e.hint(RECORDED))?;
            let seen: Vec<_> = evidence.iter().filter_map(|n| v.incident.evidence(*n)).collect();
            let observed: Vec<&Observation> = seen
                .iter()
                .filter_map(|e| match &e.what {
                    crate::record::incident::EvidenceKind::Observed(o) => Some(o.as_ref()),
                    _ => None,
                })
                .collect();
            let exit = if interrupted { Exit::Interrupted } else { verdicts(check, &observed) };
            if ui.json {
                return finish(ui, ctx, &store, id, &events, "", exit);
            }
            let mut out = String::new();
            let i = &v.incident;
            if opened {
                let hash = ui.paint(Tone::Dim, &format!("(runbook {}…)", &i.runbook.hash.short()));
                let drill = if i.drill { format!("{}  ", ui.paint(Tone::Warn, "DRILL")) } else { String::new() };
                out.push_str(&format!("{drill}incident {} opened  {}  {} {}  {hash}\n", i.number, i.severity, i.runbook.id, plain(&i.title)));
            }
            for e in &seen {
                out.push_str(&pages::evidence(ui, e));
                out.push('\n');
            }
            for b in v.earlier.iter().filter(|_| opened) {
                let how = pages::ending(b);
                out.push_str(&format!("seen before: incident {} on {}: {how}\n", b.number, b.opened_at.to_date()));
            }
            if interrupted {
                ui.warn("interrupted: what was captured is recorded, what was not is marked skipped");
            }
            out.push_str(&say_next(ui, &v));
            ui.out(&out)?;
            super::tell_due(ui, ctx, &events);
            Ok(exit)
        }
        Paged::Spooled { error, observations, file, interrupted } => {
            let mut e = CliError::from(error);
            e.message = format!("not recorded: {}", e.message);
            match &file {
                Ok(path) => e.hints.push(format!("What was seen is in `{}`; once the ledger works again: `blotter open --from {}`.", path.display(), path.display())),
                Err(why) => e.hints.push(format!("What was seen could not be put aside either ({why}): copy it from here.")),
            }
            if ui.json {
                let doc = serde_json::json!({
                    "v": json::V,
                    "error": {"kind": e.kind.word(), "message": e.message, "hints": e.hints},
                    "evidence": json::observations(&observations).unwrap_or_default(),
                    "spool": file.ok().map(|p| p.display().to_string()),
                });
                ui.line(&doc.to_string())?;
                return Ok(Exit::Failed);
            }
            let lines: String = observations.iter().map(|o| pages::observed(ui, o, "") + "\n").collect();
            ui.out(&lines)?;
            e.kind = ErrorKind::Store;
            let exit = e.print(ui);
            Ok(if interrupted { Exit::Interrupted } else { exit })
        }
    }
}

/// `--check` turns verdicts into exit codes; unmet wins.
fn verdicts(check: bool, seen: &[&Observation]) -> Exit {
    let any = |v: Verdict| seen.iter().any(|o| o.verdict == Some(v));
    match check {
        true if any(Verdict::Unmet) => Exit::Unmet,
        true if any(Verdict::Unknown) => Exit::Unknown,
        _ => Exit::Ok,
    }
}

/// A live line per probe, on a terminal only.
pub(super) fn announce(ui: &Ui) -> Option<Live> {
    (ui.err_tty && !ui.quiet && !ui.json).then(|| Live { all: MultiProgress::new(), bars: Mutex::default() })
}

/// What is done with progress that nobody watches.
pub(super) fn silent(_: Progress<'_>) {}

/// Shows how long each probe has been running.
pub(super) struct Live {
    all: MultiProgress,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Live {
    /// Takes note of progress.
    pub(super) fn note(&self, p: Progress<'_>) {
        let Ok(mut bars) = self.bars.lock() else { return };
        match p {
            Progress::Started { probe } => {
                let bar = self.all.add(ProgressBar::new_spinner());
                if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} {elapsed}") {
                    bar.set_style(style);
                }
                bar.set_message(plain(probe));
                bar.enable_steady_tick(Duration::from_millis(120));
                bars.insert(probe.to_owned(), bar);
            }
            Progress::Finished { probe, .. } => {
                if let Some(bar) = bars.remove(probe) {
                    bar.finish_and_clear();
                }
            }
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // Nothing of the live lines may stay on the page; failing to clear them loses nothing.
        drop(self.all.clear());
    }
}
