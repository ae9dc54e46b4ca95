//! Timing without a framework: rounds that take turns, medians with their spread, one table, one JSON file.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub(crate) mod age;
pub(crate) mod bulk;
pub(crate) mod crowd;
pub(crate) mod ledger;
pub(crate) mod pasted;
pub(crate) mod replay;
pub(crate) mod whole;

pub(crate) type Done<T> = Result<T, Box<dyn Error>>;

/// Measured values; asked for their middle and their spread.
#[derive(Default)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    pub(crate) fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The value that the share `q` of all does not exceed (nearest rank); 0 of nothing.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (q * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

/// Seconds that `work` takes.
pub(crate) fn time<T>(work: impl FnOnce() -> Done<T>) -> Done<(f64, T)> {
    let started = Instant::now();
    let done = work()?;
    Ok((started.elapsed().as_secs_f64(), done))
}

/// Seconds that a whole process takes, and what it printed. It must end with one of `codes`.
pub(crate) fn process(command: &mut Command, codes: &[i32]) -> Done<(f64, Vec<u8>)> {
    let (seconds, output) = time(|| Ok(command.stdin(Stdio::null()).output()?))?;
    if output.status.code().is_some_and(|c| codes.contains(&c)) {
        return Ok((seconds, output.stdout));
    }
    Err(format!("{command:?} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Table(Vec<Line>);

struct Line {
    name: String,
    unit: &'static str,
    median: f64,
    spread: Option<(f64, f64)>,
    must: Option<(&'static str, f64)>,
}

impl Table {
    /// A line with its spread: what nine of ten values lie above and below.
    pub(crate) fn sample(&mut self, name: &str, unit: &'static str, sample: &Sample, must: Option<(&'static str, f64)>) {
        let spread = Some((sample.quantile(0.1), sample.quantile(0.9)));
        self.0.push(Line { name: name.to_owned(), unit, median: sample.median(), spread, must });
    }

    /// A line that was counted rather than timed.
    pub(crate) fn count(&mut self, name: &str, unit: &'static str, value: f64) {
        self.limit(name, unit, value, None);
    }

    /// A line of one value that must reach something.
    pub(crate) fn limit(&mut self, name: &str, unit: &'static str, value: f64, must: Option<(&'static str, f64)>) {
        self.0.push(Line { name: name.to_owned(), unit, median: value, spread: None, must });
    }

    /// The table as text.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{:<58} {:>10} {:>10} {:>10}  {:<8} {}\n", "what", "median", "p10", "p90", "unit", "must reach");
        for l in &self.0 {
            let spread = |pick: fn((f64, f64)) -> f64| l.spread.map_or(String::new(), |s| format!("{:.3}", pick(s)));
            let must = l.must.map_or(String::new(), |(sign, bound)| {
                let met = if sign == ">=" { l.median >= bound } else { l.median <= bound };
                format!("{sign} {bound:.3}  {}", if met { "yes" } else { "NO" })
            });
            text.push_str(&format!(
                "{:<58} {:>10.3} {:>10} {:>10}  {:<8} {must}\n",
                l.name,
                l.median,
                spread(|s| s.0),
                spread(|s| s.1),
                l.unit
            ));
        }
        text
    }

    /// Writes the table as JSON to `target/bench/<name>.json`.
    pub(crate) fn write(&self, name: &str) -> Done<PathBuf> {
        let lines = self.0.iter().map(|l| {
            json!({
                "what": l.name, "unit": l.unit, "median": l.median,
                "p10": l.spread.map(|s| s.0), "p90": l.spread.map(|s| s.1),
                "must": l.must.map(|(sign, bound)| json!({"sign": sign, "bound": bound})),
            })
        });
        let document = json!({"v": 1, "lines": lines.collect::<Vec<Value>>()});
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
        fs::create_dir_all(&dir)?;
        let file = dir.join(format!("{name}.json"));
        fs::write(&file, serde_json::to_string_pretty(&document)? + "\n")?;
        Ok(file)
    }
}

/// How often `run` is called, and how often it then flushes a file, by `strace`; `None` where there is none.
///
/// What the process does without any of the calls is taken off.
pub(crate) fn syncs_per(calls: u32, run: impl Fn(u32) -> Done<Command>) -> Done<Option<f64>> {
    let mut counts = Vec::new();
    for n in [0, calls] {
        let inner = run(n)?;
        let log = tempfile::NamedTempFile::new()?;
        let mut outer = Command::new("strace");
        outer.args(["-f", "-qq", "-e", "trace=fsync,fdatasync,msync,sync_file_range", "-o"]).arg(log.path());
        outer.arg(inner.get_program()).args(inner.get_args());
        match outer.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status() {
            Ok(status) if status.success() => {}
            _ => return Ok(None),
        }
        let text = fs::read_to_string(log.path())?;
        counts.push(text.lines().filter(|l| l.contains("sync") && !l.contains("resumed")).count());
    }
    Ok(Some((counts[1] as f64 - counts[0] as f64) / f64::from(calls)))
}

/// Peak memory of a process in MiB, by GNU `time`; `None` where there is none. It must end with one of `codes`.
///
/// It gets the environment that was set for it and nothing else.
pub(crate) fn peak(inner: &Command, codes: &[i32]) -> Done<Option<f64>> {
    let report = tempfile::NamedTempFile::new()?;
    let mut outer = Command::new("/usr/bin/time");
    outer.args(["-f", "%M", "-o"]).arg(report.path()).arg(inner.get_program()).args(inner.get_args());
    outer.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(dir) = inner.get_current_dir() {
        outer.current_dir(dir);
    }
    match outer.stdin(Stdio::null()).output() {
        Ok(output) if output.status.code().is_some_and(|c| codes.contains(&c)) => Ok(Some(peak_of(report.path())?)),
        Ok(output) => Err(format!("{inner:?}: {}", String::from_utf8_lossy(&output.stderr)).into()),
        Err(_) => Ok(None),
    }
}

/// What GNU `time` wrote to `report`, in MiB.
pub(crate) fn peak_of(report: &Path) -> Done<f64> {
    let text = fs::read_to_string(report)?;
    let kib = text.lines().last().and_then(|l| l.trim().parse::<f64>().ok());
    Ok(kib.ok_or("`time` says nothing of memory")? / 1024.0)
}

/// A Python with these packages, put into an environment of its own below the target folder.
pub(crate) fn python(packages: &[&str]) -> Done<String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-python");
    let python = dir.join("bin/python");
    if !python.exists() && !Command::new("python3").args(["-m", "venv"]).arg(&dir).status()?.success() {
        return Err("`python3 -m venv` fails".into());
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    if !pip.status()?.success() {
        return Err(format!("`pip install {}` fails", packages.join(" ")).into());
    }
    Ok(python.display().to_string())
}

/// A duration in milliseconds.
pub(crate) fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1000.0
}
