//! Says whether this machine can do the job right now. Asks only what runbooks ask, and changes nothing.
//!
//! A check that could not be made is `unknown`, never `ok` and never `fail`.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use super::engine::{self, Job, Progress};
use super::known::deploys;
use super::{AppError, Ctx, library, watch};
use crate::config::Environment;
use crate::runbook::model::{ProbeSource, Runbook};

mod disk;
mod people;
mod signing;
mod world;

/// How a check came out; the graver, the greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// As it has to be.
    Ok,
    /// Not looked at, and said why.
    Skipped,
    /// It works, and somebody should see to it.
    Warn,
    /// Could not look.
    Unknown,
    /// The job cannot be done like this.
    Fail,
}

impl State {
    /// The word under `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warn => "warn",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        }
    }
}

/// One line of the page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// `config`, `people`, `store`, `runbooks`, `signing`, `clock`, `aws` or `http`.
    pub area: &'static str,
    /// What was looked at.
    pub name: String,
    /// How it came out.
    pub state: State,
    /// What was seen.
    pub detail: String,
    /// What to do, as a whole sentence.
    pub advice: Option<String>,
}

impl Check {
    /// A check without advice.
    pub fn new(area: &'static str, name: impl Into<String>, state: State, detail: impl Into<String>) -> Self {
        Self { area, name: name.into(), state, detail: detail.into(), advice: None }
    }

    /// Says what to do.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// What needs neither settings nor network, for when the settings cannot be read.
pub fn bare(env: &Environment) -> Vec<Check> {
    vec![signing::program(env, Path::new("ssh-keygen"))]
}

/// Everything that can be seen without asking the world.
///
/// # Errors
/// The runbooks' folder cannot be read.
pub fn here(ctx: &Ctx, env: &Environment) -> Result<Vec<Check>, AppError> {
    let mut out = settings(ctx, env);
    let entries = library::all(&ctx.config)?;
    let runbooks: Vec<&Runbook> = entries.iter().filter_map(|e| e.runbook.as_ref()).collect();
    out.extend(people::checks(ctx, &runbooks));
    out.extend(disk::ledger(ctx));
    out.push(disk::exports(ctx));
    let today = ctx.now().to_date();
    for e in &entries {
        out.push(match &e.runbook {
            None => Check::new("runbooks", &e.path, State::Fail, format!("{} errors", e.errors))
                .advise(format!("`blotter runbook check {}` names each one.", e.path)),
            Some(r) => match r.review_by.as_ref().filter(|d| **d < today) {
                Some(due) => Check::new("runbooks", &r.id, State::Warn, format!("its review was due on {due} ({})", e.path))
                    .advise("Read it with those who use it, then move `review-by`."),
                None => Check::new("runbooks", &r.id, State::Ok, e.path.clone()),
            },
        });
    }
    out.push(signing::program(env, &super::signing::program(&ctx.config)));
    out.extend(signing::signers(ctx, &runbooks));
    Ok(out)
}

/// Asks the world what the runbooks' probes ask, all at once, and looks at the clock and at who we are.
///
/// # Errors
/// The runbooks' folder cannot be read, or a redaction rule cannot be used.
pub async fn world(ctx: &Ctx, progress: &(dyn Fn(Progress<'_>) + Sync), cancel: impl Future<Output = ()>) -> Result<Vec<Check>, AppError> {
    let runbooks: Vec<Runbook> = library::all(&ctx.config)?.into_iter().filter_map(|e| e.runbook).collect();
    // The ledger only helps to word questions; it has checks of its own.
    let known = ctx.read().ok().and_then(|s| deploys(&s, ctx.config.aws.account.as_deref()).ok()).unwrap_or_default();
    let jobs: Vec<Job<'_>> = runbooks
        .iter()
        .map(|r| {
            let asks = |p: &&crate::runbook::model::Probe| matches!(&p.source, ProbeSource::Ask { kind, .. } if kind != "ask");
            watch::job(ctx, r, r.probes.iter().filter(asks).collect(), &known)
        })
        .collect();
    let asked = Arc::new(ctx.world());
    let collected = engine::run(Arc::clone(&asked), &ctx.redactor()?, &ctx.clock, &jobs, progress, cancel).await;
    let identity = match world::region(ctx, &runbooks) {
        Some(region) => Some((asked.aws().identity(&region).await, region)),
        None => None,
    };
    let seen: Vec<world::Seen<'_>> = collected
        .captured
        .iter()
        .map(|c| world::Seen {
            runbook: &runbooks[c.job].id,
            observation: &c.observation,
            status: c.result.as_ref().and_then(|r| r.get("status")).and_then(serde_json::Value::as_u64),
        })
        .collect();
    let mut out = vec![world::clock(seen.iter().filter_map(|s| s.observation.source.skew_ms).collect())];
    out.extend(identity.map(|(who, region)| world::identity(ctx, &region, who)));
    out.extend(world::answers(&seen, collected.interrupted));
    out.extend(world::untried(&runbooks));
    Ok(out)
}

/// The settings that are in force.
fn settings(ctx: &Ctx, env: &Environment) -> Vec<Check> {
    let files: Vec<String> = ctx.config.files.iter().map(|f| f.display().to_string()).collect();
    let mut out = vec![match files.is_empty() {
        true => Check::new("config", "settings", State::Warn, "no blotter.toml here or above, nor one of your own")
            .advise("`blotter init` writes one that works."),
        false => Check::new("config", "settings", State::Ok, files.join(", ")),
    }];
    if let Err(e) = ctx.redactor() {
        out.push(
            Check::new("config", "[redact]", State::Fail, e.to_string()).advise("Nothing can be recorded before this rule is mended."),
        );
    }
    if let Some(program) = ctx.config.tick.command.first()
        && signing::find(env, program).is_none()
    {
        out.push(
            Check::new("config", "[tick] command", State::Fail, format!("`{program}` is no program on the PATH"))
                .advise("Nobody would be told: put the whole path into blotter.toml."),
        );
    }
    out
}

/// Whom runbooks name, and for what.
fn named(runbooks: &[&Runbook]) -> BTreeMap<String, Named> {
    let mut out: BTreeMap<String, Named> = BTreeMap::new();
    for r in runbooks {
        for a in &r.actions {
            for name in &a.approve.from {
                out.entry(name.clone()).or_default().approves.push(format!("{} {}", r.id, a.id));
            }
        }
        for e in &r.escalates {
            let told = &mut out.entry(e.to.clone()).or_default().told;
            if !told.contains(&r.id) {
                told.push(r.id.clone());
            }
        }
    }
    out
}

/// What a name of the runbooks stands for.
#[derive(Default)]
struct Named {
    /// Actions, as `INC-001 rollback`.
    approves: Vec<String>,
    /// Runbooks that escalate to them.
    told: Vec<String>,
}

#[cfg(test)]
mod tests;
