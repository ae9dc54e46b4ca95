//! Conditions: three-valued, over probes, windows and decisions.
//!
//! Only `met` ever fires; `unknown` is an open question and is shown as one.
//!
//! - A window is taken over the series' readings, see [`super::window`].
//! - `if` and `verdict` need a look that something may be built on; `outcome` needs a look.
//! - `verdict` on a probe without expectations is unknown; an unknown verdict is only met where `unknown` is asked for.
//! - `decided` is unknown until somebody has decided.
//! - `any`, `all` and `not` are Kleene's; an empty `all` is met, an empty `any` is not.
//!
//! [`holds`] answers as of now. [`ever`] answers for "any window" rules: a condition made of windows alone is
//! evaluated as of every sample since (opening − its longest window) and as of now, and is met if it was met at
//! any of these instants. One that also looks at a probe or a decision speaks of now, and is evaluated as of now.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::expect::{self, Subject};
use super::judge::{Judged, Look};
use super::model::{Condition, Expectation, Runbook, Trigger, WindowTest};
use super::window::{self, Evaluated, Sweep};
use crate::record::observation::Sample;
use crate::record::time::Timestamp;
use crate::record::verdict::{Outcome, Verdict};

mod text;

pub use text::{parse_cover, parse_window};

/// What is known when conditions are evaluated.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The instant of evaluation.
    pub now: Timestamp,
    /// When the incident was opened (or reopened); `now` where there is no incident.
    pub since: Timestamp,
    /// The newest look of a probe; `None`: it was never run.
    pub probe: &'a dyn Fn(&str) -> Option<Seen>,
    /// The readings of a series, in any order.
    pub samples: &'a dyn Fn(&str) -> Vec<Sample>,
    /// The branch taken at a `decide` block.
    pub decided: &'a dyn Fn(&str) -> Option<String>,
}

/// The newest look of a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// How asking ended.
    pub outcome: Outcome,
    /// What the probe's own expectations came to; `None`: it has none.
    pub verdict: Option<Verdict>,
    /// The answer with its selected parts.
    pub result: Option<Value>,
    /// A limit cut the answer.
    pub truncated: bool,
    /// Something may be built on the answer.
    pub usable: bool,
    /// When it was taken.
    pub at: Timestamp,
}

impl Seen {
    /// What conditions may know of a look that was judged.
    pub fn of(look: &Look<'_>, judged: &Judged) -> Self {
        Self {
            outcome: look.outcome,
            verdict: judged.verdict,
            result: judged.result.clone(),
            truncated: look.truncated,
            usable: judged.usable,
            at: look.at,
        }
    }
}

/// What a condition came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holds {
    /// `met`, `unmet` or `unknown`.
    pub verdict: Verdict,
    /// One line for each part that decided it, with the numbers named.
    pub because: Vec<String>,
    /// The first instant at which it was met, where [`ever`] looked back.
    pub since: Option<Timestamp>,
}

impl Holds {
    fn leaf(verdict: Verdict, because: String) -> Self {
        Self { verdict, because: vec![because], since: None }
    }

    /// The reasons on one line.
    pub fn line(&self) -> String {
        self.because.join("; ")
    }
}

/// Evaluates a condition as of now.
pub fn holds(condition: &Condition, facts: &Facts<'_>) -> Holds {
    let window = |test: &WindowTest| window::evaluate(&(facts.samples)(&test.series), test, facts.now);
    tree(condition, facts, &window)
}

/// Evaluates several conditions that must all hold, as of now: a bare list means all.
pub fn all_hold<'a>(conditions: impl IntoIterator<Item = &'a Condition>, facts: &Facts<'_>) -> Holds {
    joined(conditions.into_iter().map(|c| holds(c, facts)).collect(), Verdict::Met, Verdict::and)
}

/// Evaluates a condition over the time since the opening; see the module's text.
///
/// After a reopening no instant before it counts again: `is_reopened` leaves out the look back.
pub fn ever(condition: &Condition, facts: &Facts<'_>, is_reopened: bool) -> Holds {
    let mut tests = Vec::new();
    windows(condition, &mut tests);
    if tests.is_empty() || !only_windows(condition) {
        return holds(condition, facts);
    }
    let longest = tests.iter().map(|t| t.window_ms).max().unwrap_or(0);
    let from = if is_reopened { facts.since } else { facts.since.plus_millis(-longest) };
    ever_since(condition, &tests, facts, from)
}

fn ever_since(condition: &Condition, tests: &[&WindowTest], facts: &Facts<'_>, from: Timestamp) -> Holds {
    let series: Vec<Vec<Sample>> = tests.iter().map(|t| window::ordered(&(facts.samples)(&t.series)).into_owned()).collect();
    let taken = series.iter().flatten().map(|s| s.at);
    let mut instants: BTreeSet<Timestamp> = taken.filter(|at| (from..=facts.now).contains(at)).collect();
    instants.insert(facts.now);
    let mut sweeps: Vec<Sweep<'_>> = tests.iter().zip(&series).map(|(t, s)| Sweep::new(s, t)).collect();
    let mut open = 0_usize;
    let mut latest: Vec<Evaluated> = Vec::new();
    for at in instants {
        latest = sweeps.iter_mut().map(|s| s.as_of(at)).collect();
        let verdicts: Vec<Verdict> = latest.iter().map(|e| e.verdict).collect();
        match truth(condition, &mut verdicts.iter().copied()) {
            Verdict::Met => {
                let mut met = tree(condition, facts, &|test| found(tests, &latest, test, facts));
                if at != facts.now {
                    met.because.push(format!("as of {}", at.to_seconds()));
                }
                return Holds { since: Some(at), ..met };
            }
            Verdict::Unknown => open += 1,
            Verdict::Unmet => {}
        }
    }
    let mut now = tree(condition, facts, &|test| found(tests, &latest, test, facts));
    if now.verdict == Verdict::Unmet && open > 0 {
        now.verdict = Verdict::Unknown;
        now.because.push(format!("not now, but the window was not covered as of {open} earlier readings"));
    }
    now
}

/// The series that a condition reads, and how many milliseconds before the opening [`ever`] may need them from;
/// the newest reading before that is wanted too.
pub fn series(condition: &Condition) -> BTreeMap<String, i64> {
    let mut tests = Vec::new();
    windows(condition, &mut tests);
    let longest = tests.iter().map(|t| t.window_ms).max().unwrap_or(0);
    let mut needed: BTreeMap<String, i64> = BTreeMap::new();
    for t in tests {
        let before = needed.entry(t.series.clone()).or_default();
        *before = (*before).max(longest.saturating_add(t.window_ms));
    }
    needed
}

/// [`series`] over all conditions of a runbook.
pub fn series_of(runbook: &Runbook) -> BTreeMap<String, i64> {
    let branches = runbook.decides.iter().flat_map(|d| d.branches.iter().filter_map(|b| b.when.as_ref()));
    let rules = runbook.escalates.iter().filter_map(|e| if let Trigger::When(c) = &e.trigger { Some(c) } else { None });
    let signs = runbook.signals.iter().map(|s| &s.when);
    let all = signs.chain(branches).chain(rules).chain(runbook.actions.iter().flat_map(|a| &a.requires));
    let mut needed: BTreeMap<String, i64> = BTreeMap::new();
    for (name, before) in all.flat_map(series) {
        let known = needed.entry(name).or_default();
        *known = (*known).max(before);
    }
    needed
}

/// Collects the windows of a condition, in order.
fn windows<'a>(condition: &'a Condition, tests: &mut Vec<&'a WindowTest>) {
    match condition {
        Condition::Window(test) => tests.push(test),
        Condition::Any(parts) | Condition::All(parts) => parts.iter().for_each(|p| windows(p, tests)),
        Condition::Not(part) => windows(part, tests),
        Condition::If { .. } | Condition::Outcome { .. } | Condition::Verdict { .. } | Condition::Decided { .. } => {}
    }
}

/// The evaluation of `test` among those of all tests.
fn found(tests: &[&WindowTest], all: &[Evaluated], test: &WindowTest, facts: &Facts<'_>) -> Evaluated {
    let known = tests.iter().zip(all).find(|(t, _)| std::ptr::eq(**t, test)).map(|(_, e)| *e);
    known.unwrap_or_else(|| window::evaluate(&(facts.samples)(&test.series), test, facts.now))
}

/// True when a condition is made of nothing but windows.
fn only_windows(condition: &Condition) -> bool {
    match condition {
        Condition::Window(_) => true,
        Condition::Any(parts) | Condition::All(parts) => parts.iter().all(only_windows),
        Condition::Not(part) => only_windows(part),
        Condition::If { .. } | Condition::Outcome { .. } | Condition::Verdict { .. } | Condition::Decided { .. } => false,
    }
}

/// The verdict of a condition made of windows alone, given theirs in order.
fn truth(condition: &Condition, verdicts: &mut impl Iterator<Item = Verdict>) -> Verdict {
    match condition {
        Condition::Any(parts) => parts.iter().fold(Verdict::Unmet, |v, p| v.or(truth(p, verdicts))),
        Condition::All(parts) => parts.iter().fold(Verdict::Met, |v, p| v.and(truth(p, verdicts))),
        Condition::Not(part) => !truth(part, verdicts),
        _ => verdicts.next().unwrap_or(Verdict::Unknown),
    }
}

fn tree(condition: &Condition, facts: &Facts<'_>, window: &dyn Fn(&WindowTest) -> Evaluated) -> Holds {
    match condition {
        Condition::Window(test) => {
            let e = window(test);
            Holds::leaf(e.verdict, e.because(test))
        }
        Condition::If { probe, test } => on_probe(probe, facts, |seen| expectation(probe, test, seen)),
        Condition::Outcome { probe, any } => on_probe(probe, facts, |seen| {
            let wanted: Vec<String> = any.iter().map(ToString::to_string).collect();
            let text = format!("{probe} ended in `{}`, wanted `{}`", seen.outcome, wanted.join("` or `"));
            Holds::leaf(any.contains(&seen.outcome).into(), text)
        }),
        Condition::Verdict { probe, is } => on_probe(probe, facts, |seen| verdict(probe, *is, seen)),
        Condition::Decided { id, branch } => match (facts.decided)(id) {
            None => Holds::leaf(Verdict::Unknown, format!("nobody has decided `{id}` yet")),
            Some(taken) if taken == *branch => Holds::leaf(Verdict::Met, format!("`{id}` was decided as `{taken}`")),
            Some(taken) => Holds::leaf(Verdict::Unmet, format!("`{id}` was decided as `{taken}`, not as `{branch}`")),
        },
        Condition::Any(parts) => joined(parts.iter().map(|p| tree(p, facts, window)).collect(), Verdict::Unmet, Verdict::or),
        Condition::All(parts) => joined(parts.iter().map(|p| tree(p, facts, window)).collect(), Verdict::Met, Verdict::and),
        Condition::Not(part) => {
            let inner = tree(part, facts, window);
            Holds { verdict: !inner.verdict, ..inner }
        }
    }
}

/// Joins verdicts; the reasons are those of the parts that made it so.
fn joined(parts: Vec<Holds>, none: Verdict, join: fn(Verdict, Verdict) -> Verdict) -> Holds {
    let verdict = parts.iter().fold(none, |v, p| join(v, p.verdict));
    let because = parts.into_iter().filter(|p| p.verdict == verdict).flat_map(|p| p.because).collect();
    Holds { verdict, because, since: None }
}

fn on_probe(probe: &str, facts: &Facts<'_>, f: impl FnOnce(&Seen) -> Holds) -> Holds {
    match (facts.probe)(probe) {
        None => Holds::leaf(Verdict::Unknown, format!("{probe} was not looked at yet")),
        Some(seen) => f(&seen),
    }
}

fn expectation(probe: &str, test: &Expectation, seen: &Seen) -> Holds {
    let result = match &seen.result {
        _ if seen.outcome != Outcome::Answered => return Holds::leaf(Verdict::Unknown, format!("{probe} ended in `{}`", seen.outcome)),
        Some(result) if seen.usable => result,
        _ => return Holds::leaf(Verdict::Unknown, format!("nothing may be built on the answer of {probe}")),
    };
    let checked = Subject::new(result, Some(seen.at), seen.truncated).check(test);
    let text = match (&checked.because, &test.form) {
        (Some(because), _) => format!("{probe}: `{}` is unknown: {because}", test.text),
        (None, super::model::Form::Compare { left, op, right }) => {
            let against = expect::against(checked.verdict, *op, right);
            format!("{probe}: {} is {} {against}", left.0, brief(&checked.actual))
        }
        (None, super::model::Form::Bool(_)) => format!("{probe}: `{}` is {}", test.text, brief(&checked.actual)),
    };
    Holds::leaf(checked.verdict, text)
}

fn verdict(probe: &str, is: Verdict, seen: &Seen) -> Holds {
    match seen.verdict {
        None => Holds::leaf(Verdict::Unknown, format!("{probe} was seen, and nothing is expected of it")),
        Some(v) if v == is => Holds::leaf(Verdict::Met, format!("{probe} is {v}")),
        Some(Verdict::Unknown) => Holds::leaf(Verdict::Unknown, format!("{probe} is unknown, wanted {is}")),
        Some(v) => Holds::leaf(Verdict::Unmet, format!("{probe} is {v}, wanted {is}")),
    }
}

/// A value on one short line.
fn brief(value: &Value) -> String {
    const MAX: usize = 60;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX + 1).collect();
    if clean.chars().count() > MAX { clean.chars().take(MAX - 1).chain(['…']).collect() } else { clean }
}

#[cfg(test)]
mod tests;
