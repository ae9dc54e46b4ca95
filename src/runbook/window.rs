//! Functions over a series' recent past.
//!
//! A window of length w as of t holds the samples of (t − w, t]; its *baseline* is the newest sample at or
//! before its start, unless that is more than another w older: a reading of last week says nothing about the
//! rises of one day. It is *covered* when it has a baseline (or its first sample lies within 10 % of w after the
//! start) and the newest sample is no older than 10 % of w or 15 minutes, whichever is longer. `cover` replaces
//! the 10 %.
//!
//! - `last`, `max`, `min`, `sum` of the samples in the window; without a sample there is no value. `count` may be 0.
//! - `delta` is the newest sample in the window minus the baseline; `increase` adds up rises from the baseline
//!   on, where a drop to v is a reset and adds v. Covered without a baseline, the first sample stands in for it.
//! - A window that is not covered is `unknown`, except what later samples cannot undo: `max > x`, `min < x`,
//!   `count > x`, `increase > x` (and with `=`) may be `met`. `unmet` always needs coverage.
//!
//! Samples may come in any order; of several with one timestamp the last given is the newest. A number that is
//! not finite is no sample. One [`Sweep`] answers for any number of ascending instants in one pass over the samples.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::expect::{against, compare_numbers};
use super::model::{Op, WindowFn, WindowTest};
use crate::record::observation::Sample;
use crate::record::time::{Timestamp, human_span};
use crate::record::verdict::Verdict;

#[cfg(test)]
mod tests;

/// Share of a window that may lie uncovered at its start and its end.
const GAP: f64 = 0.1;
/// The newest sample may always be this old, in milliseconds.
const NEWEST_MS: i64 = 15 * 60_000;

/// What a window test came to as of one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluated {
    /// As of when.
    pub at: Timestamp,
    /// What the test came to.
    pub verdict: Verdict,
    /// The function's value; of an uncovered window it is what is known of it.
    pub value: Option<f64>,
    /// How well the samples cover the window.
    pub coverage: Coverage,
    /// How long before the window's start the baseline was read, in milliseconds; `None` without a baseline.
    pub baseline_ms: Option<i64>,
    /// Drops that `increase` took for resets.
    pub resets: usize,
}

/// How well the samples cover a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Well enough for a verdict.
    Covered,
    /// There is no sample at all up to that instant.
    Nothing,
    /// Nothing says what was at the window's start.
    NoStart {
        /// How long after the start the first sample is, in milliseconds; `None`: none is in the window.
        late_ms: Option<i64>,
    },
    /// The newest sample is too old.
    Stale {
        /// Its age, in milliseconds.
        age_ms: i64,
    },
}

impl Evaluated {
    /// One line for people, with the numbers named.
    pub fn because(&self, test: &WindowTest) -> String {
        let call = call(test);
        let against = against(self.verdict, test.op, &test.value);
        let resets = match self.resets {
            0 => String::new(),
            1 => ", counting from zero after a reset".to_owned(),
            n => format!(", counting from zero after {n} resets"),
        };
        let rises = matches!(test.func, WindowFn::Delta | WindowFn::Increase);
        let early = match self.baseline_ms {
            Some(ms) if rises && ms > allowed_ms(test, NEWEST_MS) => format!(", counted from {} before the window", human_span(ms)),
            _ => String::new(),
        };
        let resets = early + &resets;
        let gap = match self.coverage {
            Coverage::Covered => None,
            Coverage::Nothing => Some("there is no reading yet".to_owned()),
            Coverage::NoStart { late_ms: Some(ms) } => Some(format!("the readings begin {} after the window does", human_span(ms))),
            Coverage::NoStart { late_ms: None } => Some("no reading lies in the window".to_owned()),
            Coverage::Stale { age_ms } => Some(format!("the newest reading is {} old", human_span(age_ms))),
        };
        match (self.value, self.verdict, gap) {
            (Some(v), Verdict::Met, Some(gap)) => format!("{call} is at least as far as {v} {against}{resets} (not covered: {gap})"),
            (Some(v), Verdict::Unknown, Some(gap)) => format!("{call} is not covered: {gap}; so far {v} {against}{resets}"),
            (Some(v), _, _) => format!("{call} is {v} {against}{resets}"),
            (None, _, Some(gap)) => format!("{call} is not covered: {gap}"),
            (None, _, None) => format!("{call} has no value: no reading lies in the window"),
        }
    }
}

/// `increase(errors, 24h)`: the test without its comparison.
fn call(test: &WindowTest) -> String {
    let end = test.text.find(')').map_or(test.text.len(), |n| n + 1);
    test.text[..end].to_owned()
}

/// Evaluates a test as of one instant.
pub fn evaluate(samples: &[Sample], test: &WindowTest, at: Timestamp) -> Evaluated {
    Sweep::new(&ordered(samples), test).as_of(at)
}

/// The first sample in [from, to] as of which the test is met.
///
/// One pass over the samples, however many there are.
pub fn first_met(samples: &[Sample], test: &WindowTest, from: Timestamp, to: Timestamp) -> Option<Timestamp> {
    let samples = ordered(samples);
    let mut sweep = Sweep::new(&samples, test);
    let instants = samples.iter().map(|s| s.at).filter(|at| (from..=to).contains(at));
    instants.map(|at| sweep.as_of(at)).find(|e| e.verdict == Verdict::Met).map(|e| e.at)
}

/// Samples in the order of time, without what is no number.
pub fn ordered(samples: &[Sample]) -> Cow<'_, [Sample]> {
    if samples.is_sorted_by_key(|s| s.at) && samples.iter().all(|s| s.value.is_finite()) {
        return Cow::Borrowed(samples);
    }
    let mut own: Vec<Sample> = samples.iter().copied().filter(|s| s.value.is_finite()).collect();
    own.sort_by_key(|s| s.at);
    Cow::Owned(own)
}

/// Evaluates one test as of ascending instants, moving a window over the samples.
pub struct Sweep<'a> {
    test: &'a WindowTest,
    samples: &'a [Sample],
    /// The window is `samples[lo..hi]`; the baseline is `samples[lo - 1]`.
    lo: usize,
    hi: usize,
    /// `sums[i]`: of the first i values; of rises where the function is `increase`.
    sums: Vec<f64>,
    /// `resets[i]`: among the first i steps, for `increase`.
    resets: Vec<usize>,
    /// Indices whose values may become the extreme, the best first.
    extremes: VecDeque<usize>,
}

impl<'a> Sweep<'a> {
    /// Prepares a pass over samples that are [`ordered`].
    pub fn new(samples: &'a [Sample], test: &'a WindowTest) -> Self {
        let mut sums = Vec::new();
        let mut resets = Vec::new();
        if matches!(test.func, WindowFn::Sum | WindowFn::Increase) {
            let rises = test.func == WindowFn::Increase;
            sums.reserve(samples.len() + 1);
            resets.reserve(samples.len() + 1);
            let (mut sum, mut drops, mut previous) = (0.0, 0, None);
            sums.push(sum);
            resets.push(drops);
            for s in samples {
                if rises {
                    let (rise, is_reset) = previous.map_or((0.0, false), |p| rise(p, s.value));
                    sum += rise;
                    drops += usize::from(is_reset);
                } else {
                    sum += s.value;
                }
                previous = Some(s.value);
                sums.push(sum);
                resets.push(drops);
            }
        }
        Self { test, samples, lo: 0, hi: 0, sums, resets, extremes: VecDeque::new() }
    }

    /// Evaluates as of `at`, which must not be earlier than the instant asked before.
    pub fn as_of(&mut self, at: Timestamp) -> Evaluated {
        let start = at.plus_millis(-self.test.window_ms);
        while self.hi < self.samples.len() && self.samples[self.hi].at <= at {
            self.admit(self.hi);
            self.hi += 1;
        }
        while self.lo < self.hi && self.samples[self.lo].at <= start {
            self.lo += 1;
        }
        while self.extremes.front().is_some_and(|i| *i < self.lo) {
            self.extremes.pop_front();
        }
        let baseline_ms = self.lo.checked_sub(1).map(|i| start.since(self.samples[i].at)).filter(|ms| *ms <= self.test.window_ms);
        let coverage = self.coverage(start, at, baseline_ms.is_some());
        let (value, resets) = self.value(coverage == Coverage::Covered, baseline_ms.is_some());
        let holds = value.map(|v| compare_numbers(v, self.test.op, self.test.value));
        let verdict = match (coverage, holds) {
            (Coverage::Covered, Some(holds)) => holds.into(),
            (_, Some(true)) if is_for_good(self.test) => Verdict::Met,
            _ => Verdict::Unknown,
        };
        Evaluated { at, verdict, value, coverage, baseline_ms, resets }
    }

    fn admit(&mut self, i: usize) {
        let value = self.samples[i].value;
        let beats = |old: f64| match self.test.func {
            WindowFn::Max => value >= old,
            _ => value <= old,
        };
        if matches!(self.test.func, WindowFn::Max | WindowFn::Min) {
            while self.extremes.back().is_some_and(|b| beats(self.samples[*b].value)) {
                self.extremes.pop_back();
            }
            self.extremes.push_back(i);
        }
    }

    fn coverage(&self, start: Timestamp, at: Timestamp, has_baseline: bool) -> Coverage {
        let Some(newest) = self.hi.checked_sub(1).map(|i| self.samples[i]) else { return Coverage::Nothing };
        if !has_baseline {
            let late_ms = (self.lo < self.hi).then(|| self.samples[self.lo].at.since(start));
            if late_ms.is_none_or(|ms| ms > allowed_ms(self.test, 0)) {
                return Coverage::NoStart { late_ms };
            }
        }
        let age_ms = at.since(newest.at);
        if age_ms > allowed_ms(self.test, NEWEST_MS) { Coverage::Stale { age_ms } } else { Coverage::Covered }
    }

    /// The function's value over the current window, and the resets in it.
    fn value(&self, covered: bool, has_baseline: bool) -> (Option<f64>, usize) {
        let (lo, hi) = (self.lo, self.hi);
        #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 samples")]
        let count = (hi - lo) as f64;
        if lo == hi {
            return (if self.test.func == WindowFn::Count { Some(count) } else { None }, 0);
        }
        // Steps are counted from the baseline, or from the first sample where there is none.
        let base = if has_baseline { lo - 1 } else { lo };
        match self.test.func {
            WindowFn::Last => (Some(self.samples[hi - 1].value), 0),
            WindowFn::Max | WindowFn::Min => (self.extremes.front().map(|i| self.samples[*i].value), 0),
            WindowFn::Sum => (Some(self.sums[hi] - self.sums[lo]), 0),
            WindowFn::Count => (Some(count), 0),
            WindowFn::Delta if !has_baseline && !covered => (None, 0),
            WindowFn::Delta => (Some(self.samples[hi - 1].value - self.samples[base].value), 0),
            WindowFn::Increase => (Some(self.sums[hi] - self.sums[base + 1]), self.resets[hi] - self.resets[base + 1]),
        }
    }
}

/// The gap that is allowed, in milliseconds, but at least `floor_ms`.
fn allowed_ms(test: &WindowTest, floor_ms: i64) -> i64 {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a window of 2^53 ms is 285,000 years")]
    let gap_ms = (test.window_ms as f64 * test.cover.unwrap_or(GAP)) as i64;
    gap_ms.max(floor_ms)
}

/// What a step adds to `increase`, and whether it was a reset. Below zero nothing is counted.
fn rise(from: f64, to: f64) -> (f64, bool) {
    if to >= from { (to - from, false) } else { (to.max(0.0), true) }
}

/// True for what later samples cannot undo once it is met.
fn is_for_good(test: &WindowTest) -> bool {
    match test.func {
        WindowFn::Max | WindowFn::Count | WindowFn::Increase => matches!(test.op, Op::Gt | Op::Ge),
        WindowFn::Min => matches!(test.op, Op::Lt | Op::Le),
        WindowFn::Last | WindowFn::Sum | WindowFn::Delta => false,
    }
}
