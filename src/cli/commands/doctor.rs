//! `doctor`: can this machine do the job right now?

use std::time::Duration;

use serde_json::json;

use super::collect::{announce, silent};
use crate::app::doctor::{self, Check, State};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::{Tone, Ui, fold, plain};
use crate::cli::{Start, block_on, interrupted};

/// Say whether this machine can do the job right now, changing nothing
///
/// Looks at settings, people, ledger, runbooks and keys, and asks the world what the runbooks' probes would ask, all at
/// once. Exit 1 when something fails, 11 when something could not be looked at.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter doctor\n  blotter doctor --offline       asks nothing over the network\n  blotter doctor --profile ops   as another AWS profile would see it")]
pub struct Args {
    /// Asks nothing over the network
    #[arg(long)]
    offline: bool,
}

/// The page is here after this long, whatever hangs.
const WITHIN: Duration = Duration::from_secs(20);

/// Runs the command.
///
/// # Errors
/// The runbooks' folder cannot be read.
pub fn run(ui: &Ui, start: &Start<'_>, args: &Args) -> Result<Exit, CliError> {
    let mut checks = match start.ctx() {
        Err(e) => {
            let broken = Check::new("config", "settings", State::Fail, e.to_string()).advise("Mend it first: nothing else works without it.");
            [vec![broken], doctor::bare(start.env)].concat()
        }
        Ok(ctx) => {
            let mut checks = doctor::here(&ctx, start.env)?;
            if args.offline {
                checks.push(Check::new("aws", "aws", State::Skipped, "not asked: --offline"));
                checks.push(Check::new("http", "http", State::Skipped, "not asked: --offline"));
            } else {
                let live = announce(ui);
                let progress = |p: crate::app::engine::Progress<'_>| live.as_ref().map_or_else(|| silent(p), |l| l.note(p));
                let enough = async {
                    tokio::select! {
                        () = interrupted() => {}
                        () = tokio::time::sleep(WITHIN) => {}
                    }
                };
                checks.extend(block_on(doctor::world(&ctx, &progress, enough))??);
            }
            checks
        }
    };
    // As they were made within an area; the areas in the order in which they were first seen.
    let order: Vec<&str> = checks.iter().map(|c| c.area).collect();
    checks.sort_by_key(|c| order.iter().position(|a| *a == c.area));
    if ui.json {
        let rows: Vec<_> = checks
            .iter()
            .map(|c| json!({"area": c.area, "name": c.name, "status": c.state.word(), "detail": c.detail, "advice": c.advice}))
            .collect();
        ui.line(&json!({"v": V, "ok": worst(&checks) < State::Unknown, "checks": rows}).to_string())?;
    } else {
        ui.page(&page(ui, &checks))?;
    }
    Ok(match worst(&checks) {
        State::Fail => Exit::Failed,
        State::Unknown => Exit::Unknown,
        _ => Exit::Ok,
    })
}

fn worst(checks: &[Check]) -> State {
    checks.iter().map(|c| c.state).max().unwrap_or(State::Ok)
}

fn page(ui: &Ui, checks: &[Check]) -> String {
    let mut out = String::new();
    let mut area = "";
    for c in checks {
        if c.area != area {
            area = c.area;
            out.push_str(&format!("{}\n", ui.paint(Tone::Strong, area)));
        }
        let (word, tone) = match c.state {
            State::Ok => ("ok", Tone::Good),
            State::Skipped => ("-", Tone::Dim),
            State::Warn => ("warn", Tone::Warn),
            State::Unknown => ("UNKNOWN", Tone::Warn),
            State::Fail => ("FAIL", Tone::Bad),
        };
        let line = format!("  {} {}  {}", ui.paint(tone, &Ui::fit(word, 7)), ui.paint(Tone::Strong, &plain(&c.name)), plain(&c.detail));
        out.push_str(&if ui.folds { fold(&line, ui.width, 8) } else { line });
        out.push('\n');
        if let Some(a) = c.advice.as_ref().filter(|_| c.state > State::Ok) {
            let line = format!("          do: {}", plain(a));
            out.push_str(&if ui.folds { fold(&line, ui.width, 4) } else { line });
            out.push('\n');
        }
    }
    let count = |s: State| checks.iter().filter(|c| c.state == s).count();
    let (fail, unknown, warn) = (count(State::Fail), count(State::Unknown), count(State::Warn));
    out.push_str(&match (fail, unknown, warn) {
        (0, 0, 0) => format!("{}\n", ui.paint(Tone::Good, "this machine can do the job")),
        (0, 0, w) => format!("{}; {w} to see to\n", ui.paint(Tone::Good, "this machine can do the job")),
        (0, u, w) => format!("{}; {w} to see to\n", ui.paint(Tone::Warn, &format!("{u} could not be looked at"))),
        (f, u, w) => format!("{}; {u} could not be looked at, {w} to see to\n", ui.paint(Tone::Bad, &format!("{f} FAIL"))),
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn the_page_says_what_to_do_and_fits_a_narrow_terminal() {
        let vars = [("COLUMNS".to_owned(), "40".to_owned())].into();
        let ui = Ui { colour: false, ..Ui::new(&Environment { cwd: ".".into(), vars }, false, false, false) };
        let checks = [
            Check::new("aws", "logs:FilterLogEvents", State::Fail, "access denied (AccessDeniedException) [INC-001 lambda-errors]").advise("Allow it."),
            Check::new("http", "GET https://x/", State::Unknown, "no\x1b[2J answer"),
        ];
        let page = page(&ui, &checks);
        assert!(page.starts_with("aws\n  FAIL    logs:FilterLogEvents  access\n"), "{page}");
        assert!(page.contains("          do: Allow it.\n"), "{page}");
        assert!(page.contains("  UNKNOWN GET https://x/") && page.contains("no\\u{1b}[2J"), "{page}");
        assert!(page.ends_with("1 FAIL; 1 could not be looked at, 0 to\nsee to\n") || page.ends_with("0 to see to\n"), "{page}");
        assert!(page.lines().all(|l| l.chars().count() <= 48), "{page}");
        assert_eq!(worst(&checks), State::Fail);
    }
}
