use proptest::prelude::*;

use super::*;
use crate::runbook::condition::parse_window;

const M: i64 = 60_000;
const H: i64 = 60 * M;

fn t(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000 + ms).unwrap()
}

fn series(points: &[(i64, f64)]) -> Vec<Sample> {
    points.iter().map(|(ms, value)| Sample { at: t(*ms), value: *value }).collect()
}

fn eval(points: &[(i64, f64)], test: &str, at: i64) -> Evaluated {
    evaluate(&series(points), &parse_window(test).unwrap(), t(at))
}

/// What the module's text says, written down as plainly as possible.
fn oracle(samples: &[Sample], test: &WindowTest, at: Timestamp) -> (Verdict, Option<f64>) {
    let mut known: Vec<Sample> = samples.iter().copied().filter(|s| s.value.is_finite() && s.at <= at).collect();
    known.sort_by_key(|s| s.at);
    let start = at.plus_millis(-test.window_ms);
    let inside: Vec<Sample> = known.iter().copied().filter(|s| s.at > start).collect();
    let baseline = known.iter().rev().find(|s| s.at <= start).filter(|s| start.since(s.at) <= test.window_ms);
    let gap = test.window_ms as f64 * test.cover.unwrap_or(0.1);
    let has_start = baseline.is_some() || inside.first().is_some_and(|s| s.at.since(start) as f64 <= gap);
    let is_fresh = known.last().is_some_and(|s| at.since(s.at) as f64 <= gap.max(15.0 * 60_000.0));
    let covered = has_start && is_fresh;
    let values: Vec<f64> = inside.iter().map(|s| s.value).collect();
    let value = match test.func {
        WindowFn::Count => Some(values.len() as f64),
        _ if values.is_empty() => None,
        WindowFn::Last => values.last().copied(),
        WindowFn::Max => values.iter().copied().reduce(f64::max),
        WindowFn::Min => values.iter().copied().reduce(f64::min),
        WindowFn::Sum => Some(values.iter().sum()),
        WindowFn::Delta => match baseline {
            Some(b) => Some(values[values.len() - 1] - b.value),
            None if covered => Some(values[values.len() - 1] - values[0]),
            None => None,
        },
        WindowFn::Increase => {
            let steps: Vec<f64> = baseline.map(|b| b.value).into_iter().chain(values.iter().copied()).collect();
            Some(steps.windows(2).map(|w| if w[1] < w[0] { w[1].max(0.0) } else { w[1] - w[0] }).sum())
        }
    };
    let holds = |v: f64| match test.op {
        Op::Eq => v == test.value,
        Op::Ne => v != test.value,
        Op::Lt => v < test.value,
        Op::Le => v <= test.value,
        Op::Gt => v > test.value,
        _ => v >= test.value,
    };
    let upward = matches!(test.op, Op::Gt | Op::Ge) && matches!(test.func, WindowFn::Max | WindowFn::Count | WindowFn::Increase);
    let downward = matches!(test.op, Op::Lt | Op::Le) && test.func == WindowFn::Min;
    let verdict = match value {
        Some(v) if covered => Verdict::from(holds(v)),
        Some(v) if (upward || downward) && holds(v) => Verdict::Met,
        _ => Verdict::Unknown,
    };
    (verdict, value)
}

fn any_test() -> impl Strategy<Value = WindowTest> {
    let func = prop_oneof![
        Just(WindowFn::Last),
        Just(WindowFn::Max),
        Just(WindowFn::Min),
        Just(WindowFn::Sum),
        Just(WindowFn::Count),
        Just(WindowFn::Delta),
        Just(WindowFn::Increase),
    ];
    let op = prop_oneof![Just(Op::Eq), Just(Op::Ne), Just(Op::Lt), Just(Op::Le), Just(Op::Gt), Just(Op::Ge)];
    let window = prop_oneof![Just(30 * M), Just(H), Just(5 * H), Just(24 * H), 1..(30 * H)];
    let cover = prop_oneof![3 => Just(None), 1 => Just(Some(0.5)), 1 => Just(Some(0.0))];
    (func, op, window, -3_i32..12, cover).prop_map(|(func, op, window_ms, value, cover)| WindowTest {
        text: "f(s, 1h) > 1".to_owned(),
        func,
        series: "s".to_owned(),
        window_ms,
        op,
        value: f64::from(value),
        cover,
    })
}

/// Steps on a coarse grid, so that edges and equal timestamps are hit all the time.
fn any_samples() -> impl Strategy<Value = Vec<Sample>> {
    let at = prop_oneof![4 => (0_i64..120).prop_map(|n| n * 30 * M), 1 => 0_i64..60 * H];
    let value = prop_oneof![8 => (-2_i32..10).prop_map(f64::from), 1 => (0_i32..40).prop_map(|n| f64::from(n) / 4.0), 1 => Just(f64::NAN)];
    proptest::collection::vec((at, value).prop_map(|(ms, value)| Sample { at: t(ms), value }), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn every_function_agrees_with_the_oracle(samples in any_samples(), test in any_test(), at in (0_i64..140).prop_map(|n| n * 30 * M)) {
        let e = evaluate(&samples, &test, t(at));
        prop_assert_eq!((e.verdict, e.value), oracle(&samples, &test, t(at)));
        prop_assert!(!e.because(&test).is_empty());
    }

    #[test]
    fn the_first_instant_agrees_with_the_oracle(samples in any_samples(), test in any_test(), from in 0_i64..60, len in 0_i64..100) {
        let (from, to) = (t(from * H / 2), t((from + len) * H / 2));
        let mut instants: Vec<_> = samples.iter().filter(|s| s.value.is_finite()).map(|s| s.at).filter(|x| *x >= from && *x <= to).collect();
        instants.sort();
        let wanted = instants.into_iter().find(|x| oracle(&samples, &test, *x).0 == Verdict::Met);
        prop_assert_eq!(first_met(&samples, &test, from, to), wanted);
    }

    #[test]
    fn what_is_met_uncovered_stays_met_whatever_comes_in_later(
        samples in any_samples(),
        more in any_samples(),
        test in any_test(),
        at in (0_i64..140).prop_map(|n| n * 30 * M),
    ) {
        let counter = |v: &[Sample]| v.iter().all(|s| s.value >= 0.0 || s.value.is_nan());
        let e = evaluate(&samples, &test, t(at));
        // A reading that comes in late lands in a gap, never on a timestamp that was taken.
        let apart = more.iter().all(|m| samples.iter().all(|s| s.at != m.at));
        if e.verdict == Verdict::Met && e.coverage != Coverage::Covered && counter(&samples) && counter(&more) && apart {
            let all: Vec<_> = samples.iter().chain(&more).copied().collect();
            prop_assert_eq!(evaluate(&all, &test, t(at)).verdict, Verdict::Met);
        }
    }
}

#[test]
fn the_window_is_open_at_its_start_and_closed_at_its_end() {
    let points = [(0, 5.0), (H, 7.0), (2 * H, 9.0)];
    assert_eq!(eval(&points, "count(s, 1h) == 1", 2 * H).verdict, Verdict::Met);
    assert_eq!(eval(&points, "count(s, 2h) == 2", 2 * H).verdict, Verdict::Met);
    assert_eq!(eval(&points, "delta(s, 2h) == 4", 2 * H).verdict, Verdict::Met);
    assert_eq!(eval(&points, "min(s, 2h) == 7", 2 * H).verdict, Verdict::Met);
}

#[test]
fn coverage_at_its_very_edges() {
    let first = |late: i64| [(late, 1.0), (10 * H, 1.0)];
    assert_eq!(eval(&first(H), "sum(s, 10h) == 2", 10 * H).verdict, Verdict::Met);
    assert_eq!(eval(&first(H + 1), "sum(s, 10h) == 2", 10 * H).coverage, Coverage::NoStart { late_ms: Some(H + 1) });
    let newest = [(0, 1.0), (H, 1.0)];
    assert_eq!(eval(&newest, "sum(s, 10h) == 1", 11 * H).verdict, Verdict::Unknown);
    assert_eq!(eval(&newest, "count(s, 1h) == 1", H + 15 * M).verdict, Verdict::Met);
    assert_eq!(eval(&newest, "count(s, 1h) == 1", H + 15 * M + 1).coverage, Coverage::Stale { age_ms: 15 * M + 1 });
    assert_eq!(eval(&newest, "count(s, 10h) < 3", 2 * H).verdict, Verdict::Unknown);
    let mut test = parse_window("sum(s, 10h) == 2").unwrap();
    test.cover = Some(crate::runbook::condition::parse_cover("50%").unwrap());
    assert_eq!(evaluate(&series(&[(5 * H, 1.0), (10 * H, 1.0)]), &test, t(10 * H)).verdict, Verdict::Met);
}

#[test]
fn a_baseline_older_than_another_window_is_none() {
    let weekly = [(0, 5.0), (7 * 24 * H, 20.0)];
    let e = eval(&weekly, "increase(s, 24h) > 10", 7 * 24 * H);
    assert_eq!((e.verdict, e.value), (Verdict::Unknown, Some(0.0)));
    let e = eval(&[(0, 5.0), (30 * H, 20.0)], "increase(s, 24h) > 10", 30 * H);
    assert_eq!((e.verdict, e.baseline_ms), (Verdict::Met, Some(6 * H)));
    let text = e.because(&parse_window("increase(s, 24h) > 10").unwrap());
    assert_eq!(text, "increase(s, 24h) is 15 (> 10), counted from 6h before the window");
    // A tenth of the window is no news.
    for (ms, said) in [(144 * M, ""), (144 * M + 1, ", counted from 2h 24m before the window")] {
        let e = eval(&[(0, 5.0), (24 * H + ms, 20.0)], "increase(s, 24h) > 10", 24 * H + ms);
        assert_eq!(e.because(&parse_window("increase(s, 24h) > 10").unwrap()), format!("increase(s, 24h) is 15 (> 10){said}"));
    }
    assert_eq!(eval(&[(0, 5.0), (48 * H, 20.0)], "increase(s, 24h) > 10", 48 * H).verdict, Verdict::Met);
    assert_eq!(eval(&[(0, 5.0), (48 * H + 1, 20.0)], "increase(s, 24h) > 10", 48 * H + 1).verdict, Verdict::Unknown);
}

#[test]
fn nothing_is_never_zero() {
    for test in ["sum(s, 1h) == 0", "max(s, 1h) < 1", "last(s, 1h) == 0", "increase(s, 1h) == 0", "delta(s, 1h) == 0", "count(s, 1h) == 0"]
    {
        let e = eval(&[], test, H);
        assert_eq!((e.verdict, e.coverage), (Verdict::Unknown, Coverage::Nothing), "{test}");
        assert!(e.because(&parse_window(test).unwrap()).contains("no reading yet"), "{test}");
    }
    // Covered by a baseline that is fresh enough, and yet without a sample inside.
    let e = eval(&[(0, 4.0)], "sum(s, 5m) == 0", 10 * M);
    assert_eq!((e.verdict, e.coverage), (Verdict::Unknown, Coverage::Covered));
    assert_eq!(eval(&[(0, 4.0)], "count(s, 5m) == 0", 10 * M).verdict, Verdict::Met);
}

#[test]
fn a_reset_counts_from_zero_and_is_said() {
    let points = [(0, 100.0), (H, 104.0), (2 * H, 3.0), (3 * H, 8.0)];
    let e = eval(&points, "increase(s, 3h) > 10", 3 * H);
    assert_eq!((e.value, e.resets, e.verdict), (Some(12.0), 1, Verdict::Met));
    let text = e.because(&parse_window("increase(s, 3h) > 10").unwrap());
    assert_eq!(text, "increase(s, 3h) is 12 (> 10), counting from zero after a reset");
    // The drop to the baseline was before the window.
    let e = eval(&[(0, 100.0), (H, 3.0), (2 * H, 5.0), (3 * H, 9.0)], "increase(s, 2h) > 1", 3 * H);
    assert_eq!((e.value, e.resets), (Some(6.0), 0));
}

#[test]
fn what_later_samples_cannot_undo_is_met_without_coverage() {
    let points = [(9 * H, 1.0), (9 * H + 30 * M, 20.0)];
    for (test, verdict) in [
        ("max(s, 10h) > 10", Verdict::Met),
        ("min(s, 10h) < 2", Verdict::Met),
        ("count(s, 10h) > 1", Verdict::Met),
        ("increase(s, 10h) > 10", Verdict::Met),
        ("max(s, 10h) > 30", Verdict::Unknown),
        ("max(s, 10h) < 30", Verdict::Unknown),
        ("sum(s, 10h) > 10", Verdict::Unknown),
        ("delta(s, 10h) > 10", Verdict::Unknown),
        ("last(s, 10h) == 20", Verdict::Unknown),
        ("increase(s, 10h) < 100", Verdict::Unknown),
    ] {
        assert_eq!(eval(&points, test, 10 * H).verdict, verdict, "{test}");
    }
}

#[test]
fn a_year_of_readings_takes_one_pass() {
    let n = 52_560_i64;
    let samples: Vec<Sample> = (0..n).map(|i| Sample { at: t(i * 10 * M), value: (i % 144) as f64 }).collect();
    for test in ["max(s, 24h) > 1000", "increase(s, 48h) > 100000", "sum(s, 30d) < 0", "count(s, 365d) > 100000", "min(s, 1h) < 0"] {
        let test = parse_window(test).unwrap();
        assert_eq!(first_met(&samples, &test, t(0), t(n * 10 * M)), None);
    }
    let test = parse_window("increase(s, 24h) > 142").unwrap();
    assert_eq!(first_met(&samples, &test, t(0), t(n * 10 * M)), Some(t(143 * 10 * M)));
}

#[test]
fn windows_are_read_and_faults_point() {
    let w = parse_window(" increase(peck.callback_error, 24h) > 10 ").unwrap();
    assert_eq!((w.func, w.series.as_str(), w.window_ms, w.op, w.value), (WindowFn::Increase, "peck.callback_error", 24 * H, Op::Gt, 10.0));
    assert_eq!(w.text, "increase(peck.callback_error, 24h) > 10");
    assert_eq!(parse_window("last(x,15m)<=2h").unwrap().value, 7200.0);
    for (text, offset, message, hint) in [
        ("increse(x, 24h) > 1", 0, "unknown window function `increse`", "`increase`"),
        ("increase(x) > 1", 9, "wants a series and a window", "increase(series, 24h)"),
        ("increase(, 24h) > 1", 9, "no name of a series", ""),
        ("increase(x, 24) > 1", 12, "`24` is no length of time", "24h"),
        ("increase(x, 0h) > 1", 12, "no length of time", ""),
        ("increase(x, 24h)", 16, "not a window", "increase(errors, 24h) > 10"),
        ("increase(x, 24h) = 1", 17, "`=` is not a comparison", "=="),
        ("increase(x, 24h) > 'a'", 19, "compared with a number", ""),
        ("increase(x, 24h) > y", 19, "not a literal", ""),
        ("x > 1", 0, "not a window", ""),
    ] {
        let f = parse_window(text).expect_err(text);
        assert!(f.offset == offset && f.message.contains(message), "{text}: {f:?}");
        assert!(f.hint.clone().unwrap_or_default().contains(hint), "{text}: {f:?}");
    }
    for bad in ["50", "0%", "101%", "x%"] {
        assert!(crate::runbook::condition::parse_cover(bad).is_err(), "{bad}");
    }
}
