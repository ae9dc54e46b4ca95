//! `readings`: a series, printed and drawn.

use serde_json::json;

use crate::app::{AppError, Ctx, watch};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::json::V;
use crate::cli::ui::{Ui, plain};
use crate::record::observation::Sample;
use crate::record::time::Timestamp;

/// Show a series of readings, or list the series there are
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter readings                          every series there is\n  blotter readings agents.alive --since 24h")]
pub struct Args {
    /// The series, e.g. agents.alive; left out, all are listed
    series: Option<String>,
    /// Where the numbers come from, when there is more than one origin
    #[arg(long)]
    origin: Option<String>,
    /// How far back, e.g. 24h
    #[arg(long, default_value = "48h", value_parser = span)]
    since: i64,
}

/// Reads `90s`, `15m`, `24h`, `7d` as milliseconds.
fn span(s: &str) -> Result<i64, String> {
    crate::record::time::parse_span(s).ok_or_else(|| "expected a span such as 15m, 24h or 7d".to_owned())
}

/// Runs the command.
///
/// # Errors
/// No such series, or the ledger cannot be read.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    let store = watch::read_if_any(ctx)?;
    let all = store.as_ref().map(|s| s.series()).transpose().map_err(AppError::from)?.unwrap_or_default();
    let Some(name) = args.series else {
        if ui.json {
            let rows: Vec<_> = all.iter().map(|s| json!({"series": s.name, "origin": s.origin, "count": s.count, "newest": s.newest})).collect();
            ui.line(&json!({"v": V, "series": rows}).to_string())?;
        } else {
            for s in &all {
                let when = crate::cli::page::ago(ui, s.newest, ctx.now());
                ui.line(&ui.folded(&format!("{} {:>6} samples, newest {when}  {}", Ui::pad(&plain(&s.name), 28), s.count, plain(&s.origin)), 4))?;
            }
            if all.is_empty() {
                ui.say("no readings yet; `blotter observe --all` takes some");
            }
        }
        return Ok(Exit::Ok);
    };
    let mut origins: Vec<&str> = all.iter().filter(|s| s.name == name).map(|s| s.origin.as_str()).collect();
    if let Some(o) = &args.origin {
        origins.retain(|x| x == o);
    }
    let (Some(store), false) = (&store, origins.is_empty()) else {
        let e = CliError::usage(format!("no readings of `{}`", plain(&name)));
        return Err(if all.is_empty() { e.hint("`blotter observe --all` takes some.") } else { e.hint("`blotter readings` lists the series.") });
    };
    let now = ctx.now();
    let from = now.plus_millis(-args.since);
    let mut docs = Vec::new();
    for origin in origins {
        let samples: Vec<Sample> =
            store.samples(&name, Some(origin), from, now).map_err(AppError::from)?.into_iter().filter(|s| s.at >= from).collect();
        if ui.json {
            let rows: Vec<_> = samples.iter().map(|s| json!({"at": s.at, "value": s.value})).collect();
            docs.push(json!({"series": name, "origin": origin, "samples": rows}));
        } else {
            ui.out(&drawn(ui, &name, origin, &samples, from, now))?;
        }
    }
    if ui.json {
        ui.line(&json!({"v": V, "readings": docs}).to_string())?;
    }
    Ok(Exit::Ok)
}

/// A picture of the series, then its samples.
fn drawn(ui: &Ui, name: &str, origin: &str, samples: &[Sample], from: Timestamp, now: Timestamp) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let mut out = format!("{}  {}\n", plain(name), plain(origin));
    let low = samples.iter().map(|s| s.value).fold(f64::INFINITY, f64::min);
    let high = samples.iter().map(|s| s.value).fold(f64::NEG_INFINITY, f64::max);
    if samples.is_empty() {
        out.push_str("  no samples in this time\n");
        return out;
    }
    let columns = (ui.width - 4).min(96);
    let mut newest: Vec<Option<f64>> = vec![None; columns];
    let span = now.since(from).max(1);
    for s in samples {
        let column = usize::try_from(s.at.since(from) * i64::try_from(columns).unwrap_or(1) / (span + 1)).unwrap_or(0);
        if let Some(c) = newest.get_mut(column) {
            *c = Some(s.value);
        }
    }
    let bar = |v: f64| {
        let share = if high > low { (v - low) / (high - low) } else { 0.5 };
        // Rounded into 0..=7, so the cast is exact.
        BARS[((share * 7.0).round().clamp(0.0, 7.0)) as usize]
    };
    // A column without a sample stays empty: a gap is not a zero.
    let line: String = newest.iter().map(|c| c.map_or(' ', bar)).collect();
    out.push_str(&format!("  {line}\n  from {low} to {high}, {} samples, {} to {}\n", samples.len(), from.to_seconds(), now.to_seconds()));
    let skip = samples.len().saturating_sub(20);
    if skip > 0 {
        out.push_str(&format!("  … {skip} earlier ones: `--json` prints them all\n"));
    }
    for s in &samples[skip..] {
        out.push_str(&format!("  {}  {}\n", s.at.to_seconds(), s.value));
    }
    out
}
