//! Time as a place on the line: even, but for long stretches in which nothing happened, which are cut short.

use crate::record::time::{Timestamp, human_span};

/// No stretch without an event takes more than this share of the line.
const MOST: f64 = 0.34;

/// Maps instants to x.
pub(super) struct Scale {
    /// Instants in order with their x.
    knots: Vec<(Timestamp, f64)>,
    /// Stretches that were cut short, by the index of the knot they begin at.
    cuts: Vec<usize>,
}

/// A labelled place on the axis.
pub(super) struct Tick {
    pub(super) x: f64,
    pub(super) label: String,
}

impl Scale {
    /// A line from `left` to `right` on which all `instants` have their place; `None` without any.
    pub(super) fn new(mut instants: Vec<Timestamp>, left: f64, right: f64) -> Option<Self> {
        instants.sort_unstable();
        instants.dedup();
        let first = *instants.first()?;
        let gaps: Vec<f64> = instants.windows(2).map(|w| millis(w[1].since(w[0]))).collect();
        let cap = cap(&gaps);
        let total: f64 = gaps.iter().map(|g| g.min(cap)).sum();
        let mut knots = vec![(first, left)];
        let mut cuts = Vec::new();
        let mut sum = 0.0;
        for (i, gap) in gaps.iter().enumerate() {
            if *gap > cap {
                cuts.push(i);
            }
            sum += gap.min(cap);
            knots.push((instants[i + 1], left + (right - left) * sum / total));
        }
        Some(Self { knots, cuts })
    }

    /// Where `at` lies; what is outside lies at the end.
    pub(super) fn x(&self, at: Timestamp) -> f64 {
        let after = self.knots.partition_point(|(t, _)| *t <= at);
        match (after.checked_sub(1).map(|i| self.knots[i]), self.knots.get(after).copied()) {
            (Some((t0, x0)), Some((t1, x1))) => x0 + (x1 - x0) * millis(at.since(t0)) / millis(t1.since(t0)),
            (Some((_, x)), None) | (None, Some((_, x))) => x,
            // There is always one.
            (None, None) => 0.0,
        }
    }

    pub(super) fn start(&self) -> Timestamp {
        self.knots[0].0
    }

    pub(super) fn end(&self) -> Timestamp {
        self.knots[self.knots.len() - 1].0
    }

    /// The middle of each stretch that was cut short, with how long it really was.
    pub(super) fn breaks(&self) -> Vec<Tick> {
        self.cuts
            .iter()
            .map(|i| {
                let ((t0, x0), (t1, x1)) = (self.knots[*i], self.knots[i + 1]);
                Tick { x: f64::midpoint(x0, x1), label: human_span(t1.since(t0)) }
            })
            .collect()
    }

    /// Round times at least `apart` from each other, none inside a cut.
    pub(super) fn ticks(&self, apart: f64) -> Vec<Tick> {
        const STEPS: [i64; 19] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800];
        let span = self.end().since(self.start());
        let long = span >= 86_400_000;
        let mut best: Vec<Tick> = Vec::new();
        for step in STEPS.iter().rev().map(|s| s * 1000) {
            if span / step > 400 {
                break;
            }
            let mut ticks: Vec<Tick> = Vec::new();
            let mut at = (self.start().millis() + step - 1).div_euclid(step) * step;
            let mut fits = true;
            while at <= self.end().millis() {
                let Some(t) = Timestamp::from_millis(at) else { break };
                at += step;
                if self.is_cut(t) {
                    continue;
                }
                let x = self.x(t);
                if ticks.last().is_some_and(|p| x - p.x < apart) {
                    fits = false;
                    break;
                }
                ticks.push(Tick { x, label: label(t, step, long) });
            }
            if !fits {
                break;
            }
            best = ticks;
        }
        best
    }

    fn is_cut(&self, at: Timestamp) -> bool {
        self.cuts.iter().any(|i| self.knots[*i].0 < at && at < self.knots[i + 1].0)
    }
}

fn label(at: Timestamp, step: i64, long: bool) -> String {
    let text = at.to_seconds();
    match (long, step % 60_000) {
        (true, _) => text[5..16].to_owned(),
        (false, 0) => text[11..16].to_owned(),
        (false, _) => text[11..19].to_owned(),
    }
}

fn millis(ms: i64) -> f64 {
    // Far below 2^53: an incident does not last for 285,000 years.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of an incident are far below 2^53")]
    let f = ms as f64;
    f
}

/// The length above which a stretch is cut, so that none takes more than [`MOST`] of the line.
fn cap(gaps: &[f64]) -> f64 {
    let mut cap = gaps.iter().copied().fold(0.0, f64::max);
    // With few stretches the share cannot be kept; then the longest is cut to a few times the next.
    for _ in 0..400 {
        let total: f64 = gaps.iter().map(|g| g.min(cap)).sum();
        let over = gaps.iter().filter(|g| **g >= cap).count();
        if cap <= MOST * total || over > 2 {
            break;
        }
        cap *= 0.95;
    }
    cap.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::at;

    fn scale(times: &[&str]) -> Scale {
        Scale::new(times.iter().map(|t| at(t)).collect(), 0.0, 100.0).unwrap()
    }

    #[test]
    fn even_time_is_drawn_evenly() {
        let s = scale(&["2026-03-22T02:00:00Z", "2026-03-22T02:01:00Z", "2026-03-22T02:02:00Z", "2026-03-22T02:03:00Z"]);
        assert!((s.x(at("2026-03-22T02:01:30Z")) - 50.0).abs() < 0.01);
        assert!(s.breaks().is_empty());
        assert_eq!((s.x(at("2020-01-01T00:00:00Z")), s.x(at("2030-01-01T00:00:00Z"))), (0.0, 100.0));
    }

    #[test]
    fn a_long_silence_is_cut_and_says_how_long_it_was() {
        let s = scale(&[
            "2026-03-22T02:00:00Z",
            "2026-03-22T02:01:00Z",
            "2026-03-22T02:02:00Z",
            "2026-03-22T02:03:00Z",
            "2026-03-25T02:03:00Z",
        ]);
        let breaks = s.breaks();
        assert_eq!(breaks.iter().map(|b| b.label.as_str()).collect::<Vec<_>>(), ["3d"]);
        assert!(s.x(at("2026-03-22T02:03:00Z")) > 60.0, "{}", s.x(at("2026-03-22T02:03:00Z")));
    }

    #[test]
    fn instants_keep_their_order_and_ticks_keep_their_distance() {
        let times = ["2026-03-22T02:11:00Z", "2026-03-22T02:13:00Z", "2026-03-22T02:13:02Z", "2026-03-22T02:25:00Z"];
        let s = scale(&times);
        assert!(times.windows(2).all(|w| s.x(at(w[0])) < s.x(at(w[1]))));
        let ticks = s.ticks(20.0);
        assert!(ticks.windows(2).all(|w| w[1].x - w[0].x >= 20.0));
        assert!(ticks.len() > 1);
    }

    #[test]
    fn one_instant_is_a_line_too() {
        let s = scale(&["2026-03-22T02:11:00Z"]);
        assert_eq!(s.x(at("2026-03-22T02:11:00Z")), 0.0);
        assert!(s.ticks(20.0).len() <= 1);
    }
}
