//! `triage`: which of them is it?

use serde_json::json;

use super::collect::{announce, answers, report, silent};
use crate::app::page::{self, OpenRequest};
use crate::app::watch::{self, Question, Triage};
use crate::app::Ctx;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::{Tone, Ui, plain};
use crate::cli::{block_on, interrupted};
use crate::runbook::signal::{Match, Sign};

/// Find out which runbook's incident is happening
///
/// Runs the probes behind the signals of every runbook at once and ranks the runbooks by what matched. Exit 10 when
/// something matched. Records nothing, unless the incident is opened.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter triage                          which of them is it?\n  blotter triage --answer tiles-red=yes   with what only you can see\n  blotter triage --open                   and open the likeliest, with this evidence")]
pub struct Args {
    /// What only a person can see: the answer to a runbook's question
    #[arg(long = "answer", value_name = "PROBE=ANSWER", value_parser = crate::cli::pair)]
    answers: Vec<(String, String)>,
    /// Open the likeliest one, with this evidence
    #[arg(long)]
    open: bool,
}

/// Runs the command.
///
/// # Errors
/// The runbooks cannot be read.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let live = announce(ui);
    let progress = |p: crate::app::engine::Progress<'_>| live.as_ref().map_or_else(|| silent(p), |l| l.note(p));
    let said = answers(args.answers.into_iter().map(|(probe, answer)| (probe, answer, None)));
    let found = block_on(watch::triage(ctx, &said, &progress, interrupted()))??;
    drop(live);
    for path in found.unusable.iter().map(|p| plain(p)) {
        ui.warn(&format!("runbook `{path}` has faults and was left out: `blotter runbook check {path}`"));
    }
    if let Some(trouble) = &found.unread {
        ui.warn(&plain(&format!("the ledger could not be read, so nothing over time could be judged: {trouble}")));
    }
    let first = found.matches.iter().find(|m| m.is_match() && m.explained_by.is_none());
    let first = first.map(|m| (m.runbook.clone(), why(m)));
    if ui.json && !args.open {
        ui.line(&document(&found).to_string())?;
    } else if !ui.json {
        print(ui, &found)?;
    }
    let exit = match (&first, found.interrupted) {
        (_, true) => Exit::Interrupted,
        (Some(_), _) => Exit::Unmet,
        (None, _) => Exit::Ok,
    };
    let Some((runbook, reason)) = first else { return Ok(exit) };
    let wanted = args.open || (ui.may_ask() && !ui.yes && ui.ask(&format!("open {runbook} with this evidence? [y/N]"))?.is_some_and(|a| a.eq_ignore_ascii_case("y")));
    if !wanted {
        return Ok(exit);
    }
    let captured = found.captured.get(&runbook).cloned().unwrap_or_default();
    let request = OpenRequest { runbook, reason: Some(reason), ..OpenRequest::default() };
    let paged = page::open_with(ctx, &request, captured)?;
    report(ui, ctx, paged, true, false)?;
    Ok(exit)
}

fn why(m: &Match) -> String {
    let signs: Vec<String> = m.matched.iter().map(|s| s.text.clone()).collect();
    format!("triage: {}", signs.join("; "))
}

fn document(found: &Triage) -> serde_json::Value {
    let signs = |list: &[crate::runbook::signal::Sign]| {
        list.iter().map(|s| json!({"signal": s.id, "text": s.text, "because": s.because})).collect::<Vec<_>>()
    };
    let rows: Vec<_> = found
        .matches
        .iter()
        .map(|m| {
            let asks: Vec<_> = questions(found, m).map(|q| json!({"signal": q.sign, "probe": q.probe})).collect();
            json!({
                "runbook": m.runbook, "matched": signs(&m.matched), "unknown": signs(&m.unknown),
                "supporting": signs(&m.supporting), "explained_by": m.explained_by, "asks": asks,
            })
        })
        .collect();
    json!({"v": V, "matches": rows, "ledger_unread": found.unread.as_ref().map(ToString::to_string)})
}

/// The questions behind a runbook's unknown signs.
fn questions<'f>(found: &'f Triage, m: &Match) -> impl Iterator<Item = &'f Question> {
    let runbook = m.runbook.clone();
    found.questions.iter().filter(move |q| q.runbook == runbook)
}

fn print(ui: &Ui, found: &Triage) -> std::io::Result<()> {
    let mut out = String::new();
    let mut quiet = Vec::new();
    for m in &found.matches {
        let asks = |sign: &Sign| questions(found, m).find(|q| q.sign == sign.id && q.alone);
        if m.matched.is_empty() && m.unknown.iter().all(|s| asks(s).is_some()) {
            quiet.push(m);
            continue;
        }
        let word = match (m.matched.is_empty(), &m.explained_by) {
            (false, None) => ui.paint(Tone::Bad, "MATCH"),
            (false, Some(by)) => format!("{} by {}: open that one, and link this", ui.paint(Tone::Warn, "EXPLAINED"), plain(by)),
            (true, _) => ui.paint(Tone::Warn, "could not tell"),
        };
        out.push_str(&format!("{} {word}\n", ui.paint(Tone::Strong, &plain(&m.runbook))));
        for (mark, tone, list) in [("matched", Tone::Bad, &m.matched), ("supports", Tone::Dim, &m.supporting), ("unknown", Tone::Warn, &m.unknown)] {
            for s in list {
                let asked = if mark == "unknown" { questions(found, m).find(|q| q.sign == s.id) } else { None };
                let (mark, because) = match asked {
                    Some(q) if q.alone => ("ask", format!("only you can see it: --answer {}=yes", q.probe)),
                    Some(q) => (mark, format!("{}; or say what you see: --answer {}=yes", s.because, q.probe)),
                    None => (mark, s.because.clone()),
                };
                out.push_str(&format!("  {} {}\n", ui.paint(tone, &Ui::fit(mark, 8)), plain(&s.text)));
                if !because.is_empty() {
                    out.push_str(&format!("           {}\n", ui.paint(Tone::Dim, &plain(&because))));
                }
            }
        }
    }
    for m in quiet {
        let asks: Vec<_> = questions(found, m).map(|q| plain(&q.probe)).collect();
        let open = if asks.is_empty() { String::new() } else { format!("; only you can see: {}", asks.join(", ")) };
        out.push_str(&format!("{} nothing seen{open}\n", ui.paint(Tone::Strong, &plain(&m.runbook))));
    }
    let best = found.matches.iter().find(|m| m.is_match() && m.explained_by.is_none());
    match best {
        Some(m) => out.push_str(&format!("next: blotter open {}\n", plain(&m.runbook))),
        None => out.push_str("nothing matched\n"),
    }
    ui.out(&ui.folded(&out, 2))
}
