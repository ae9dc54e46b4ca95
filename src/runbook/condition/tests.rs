use serde_json::json;

use super::*;
use crate::runbook::testing::{World, condition};
use Verdict::{Met, Unknown, Unmet};

/// `a` is met, `b` is unmet, `c` could not be looked at.
fn three() -> World {
    World::new().saw("a", Some(Met), json!({"v": 1})).saw("b", Some(Unmet), json!({"v": 0})).ended("c", Outcome::Timeout, Unknown)
}

fn evaluated(world: &World, toml: &str) -> Holds {
    world.with(|facts| holds(&condition(toml), facts))
}

fn verdict(world: &World, toml: &str) -> Verdict {
    evaluated(world, toml).verdict
}

#[test]
fn any_all_and_not_are_kleenes() {
    let part = |v: Verdict| match v {
        Met => "{ probe = \"a\", if = \"v == 1\" }",
        Unmet => "{ probe = \"b\", if = \"v == 1\" }",
        Unknown => "{ probe = \"c\", if = \"v == 1\" }",
    };
    let table = [
        // left, right, all, any
        (Met, Met, Met, Met),
        (Met, Unmet, Unmet, Met),
        (Met, Unknown, Unknown, Met),
        (Unmet, Met, Unmet, Met),
        (Unmet, Unmet, Unmet, Unmet),
        (Unmet, Unknown, Unmet, Unknown),
        (Unknown, Met, Unknown, Met),
        (Unknown, Unmet, Unmet, Unknown),
        (Unknown, Unknown, Unknown, Unknown),
    ];
    let world = three();
    for (left, right, all, any) in table {
        let (l, r) = (part(left), part(right));
        assert_eq!(verdict(&world, &format!("{{ all = [{l}, {r}] }}")), all, "{left} and {right}");
        assert_eq!(verdict(&world, &format!("[{l}, {r}]")), all, "a bare list means all: {left}, {right}");
        assert_eq!(verdict(&world, &format!("{{ any = [{l}, {r}] }}")), any, "{left} or {right}");
    }
    for (v, not) in [(Met, Unmet), (Unmet, Met), (Unknown, Unknown)] {
        assert_eq!(verdict(&world, &format!("{{ not = {} }}", part(v))), not, "not {v}");
    }
}

#[test]
fn the_reasons_are_those_of_the_parts_that_decided() {
    let (yes, no, open) =
        ("{ probe = \"a\", if = \"v == 1\" }", "{ probe = \"b\", if = \"v == 1\" }", "{ probe = \"c\", if = \"v == 1\" }");
    let world = three();
    for (toml, line) in [
        (format!("[{yes}, {no}, {open}]"), "b: v is 0 (not == 1)"),
        (format!("{{ any = [{yes}, {no}, {open}] }}"), "a: v is 1 (== 1)"),
        (format!("[{yes}, {open}]"), "c ended in `timeout`"),
        (format!("{{ any = [{no}, {no}] }}"), "b: v is 0 (not == 1); b: v is 0 (not == 1)"),
        ("{ probe = \"a\", if = \"none == 1\" }".to_owned(), "a: `none == 1` is unknown: missing"),
        ("{ probe = \"a\", if = \"!contains(`[1]`, v)\" }".to_owned(), "a: `!contains(`[1]`, v)` is false"),
    ] {
        assert_eq!(evaluated(&world, &toml).line(), line, "{toml}");
    }
}

#[test]
fn what_a_probe_has_to_have_been_for_a_condition_on_it() {
    let answered = || World::new().saw("a", Some(Met), json!({"v": 1}));
    let unusable = answered().but("a", |s| s.usable = false);
    let silent = World::new().saw("a", None, json!({"v": 1}));
    let symptom = World::new().ended("a", Outcome::Timeout, Unmet);
    let cut = World::new().saw("a", Some(Met), json!({"v": [1]})).but("a", |s| s.truncated = true);
    let table = [
        // the look, the rest of the condition, what it comes to
        ("never run", World::new(), "if = \"v == 1\"", Unknown),
        ("never run", World::new(), "outcome = [\"timeout\"]", Unknown),
        ("never run", World::new(), "verdict = \"unmet\"", Unknown),
        ("never run", World::new(), "verdict = \"unknown\"", Unknown),
        ("answered", answered(), "if = \"v == 1\"", Met),
        ("answered", answered(), "if = \"v == 2\"", Unmet),
        ("answered", answered(), "if = \"w == 2\"", Unknown),
        ("answered", answered(), "outcome = [\"answered\"]", Met),
        ("answered", answered(), "outcome = [\"timeout\", \"unreachable\"]", Unmet),
        ("answered", answered(), "verdict = \"met\"", Met),
        ("answered", answered(), "verdict = \"unmet\"", Unmet),
        ("answered", answered(), "verdict = \"unknown\"", Unmet),
        ("not to be built on", unusable.clone(), "if = \"v == 1\"", Unknown),
        ("not to be built on", unusable, "outcome = [\"answered\"]", Met),
        ("without a verdict", silent.clone(), "verdict = \"met\"", Unknown),
        ("without a verdict", silent, "if = \"v == 1\"", Met),
        ("timed out, a symptom", symptom.clone(), "verdict = \"unmet\"", Met),
        ("timed out, a symptom", symptom.clone(), "outcome = [\"timeout\"]", Met),
        ("timed out, a symptom", symptom.clone(), "if = \"v == 1\"", Unknown),
        ("timed out, a symptom", symptom, "verdict = \"met\"", Unmet),
        ("could not look", three_c(), "verdict = \"unmet\"", Unknown),
        ("could not look", three_c(), "verdict = \"unknown\"", Met),
        ("cut", cut.clone(), "if = \"length(v) >= 1\"", Met),
        ("cut", cut, "if = \"length(v) == 1\"", Unknown),
    ];
    for (look, world, rest, wanted) in table {
        assert_eq!(verdict(&world, &format!("{{ probe = \"a\", {rest} }}")), wanted, "{look}: {rest}");
    }
}

fn three_c() -> World {
    World::new().ended("a", Outcome::NoCredentials, Unknown)
}

#[test]
fn a_decision_is_unknown_until_somebody_takes_it() {
    let asks = "{ decided = \"way\", branch = \"x\" }";
    for (world, wanted, line) in [
        (World::new(), Unknown, "nobody has decided `way` yet"),
        (World::new().decided("way", "x"), Met, "`way` was decided as `x`"),
        (World::new().decided("way", "y"), Unmet, "`way` was decided as `y`, not as `x`"),
    ] {
        let found = evaluated(&world, asks);
        assert_eq!((found.verdict, found.line().as_str()), (wanted, line));
    }
}

#[test]
fn a_window_looks_at_its_own_series() {
    let world = World::new().read("n", &[(60, 1.0), (0, 4.0)]).read("m", &[(5, 9.0)]);
    for (window, wanted) in [
        ("\"increase(n, 1h) == 3\"", Met),
        ("\"increase(n, 1h) > 3\"", Unmet),
        ("\"increase(n, 6h) > 9\"", Unknown),
        ("\"max(m, 6h) > 8\"", Met),
        ("\"last(m, 6h) == 9\"", Unknown),
        ("{ window = \"last(m, 6h) == 9\", cover = \"100%\" }", Met),
        ("\"count(unheard, 1h) == 0\"", Unknown),
    ] {
        assert_eq!(verdict(&world, window), wanted, "{window}");
    }
}

/// Readings every ten minutes over ten hours: flat, but for a jump by 12 five hours ago.
fn jumped() -> World {
    let points: Vec<(i64, f64)> = (0..=60).rev().map(|k| (k * 10, if k * 10 > 300 { 1.0 } else { 13.0 })).collect();
    World::new().read("n", &points)
}

#[test]
fn any_window_since_the_opening_counts_from_the_first_instant_it_was_met() {
    let world = jumped();
    let rule = condition("\"increase(n, 2h) > 10\"");
    // Opened at 11:00, the rule looks back two hours further: the jump at 07:00 had left every window by 09:10.
    assert_eq!(world.with(|f| ever(&rule, f, false)).verdict, Unmet);
    let early = World { since: world.now.plus_millis(-5 * 3_600_000), ..world.clone() };
    let found = early.with(|f| ever(&rule, f, false));
    assert_eq!((found.verdict, found.since), (Met, Some(world.now.plus_millis(-300 * 60_000))));
    assert_eq!(found.line(), "increase(n, 2h) is 12 (> 10); as of 2026-11-24 07:00:00");
    // After a reopening, no instant before it counts.
    let reopened = early.with(|f| ever(&rule, &Facts { since: world.since, ..*f }, true));
    assert_eq!(reopened.verdict, Unmet);
}

#[test]
fn windows_joined_in_one_rule_are_met_at_one_instant_or_not_at_all() {
    // `n` rises first, `m` later: within one hour they never rise together.
    let world = World::new()
        .read("n", &[(240, 1.0), (180, 5.0), (120, 5.0), (60, 5.0), (0, 5.0)])
        .read("m", &[(240, 1.0), (180, 1.0), (120, 1.0), (60, 1.0), (0, 7.0)]);
    let world = World { since: world.now.plus_millis(-4 * 3_600_000), ..world };
    let both = condition("[\"increase(n, 1h) > 0\", \"increase(m, 1h) > 0\"]");
    assert_eq!(world.with(|f| ever(&both, f, false)).verdict, Unknown, "at 08:00 no window was covered");
    let either = condition("{ any = [\"increase(n, 1h) > 0\", \"increase(m, 1h) > 0\"] }");
    assert_eq!(world.with(|f| ever(&either, f, false)).since, Some(world.now.plus_millis(-180 * 60_000)));
    let longer = condition("[\"increase(n, 4h) > 0\", \"increase(m, 4h) > 0\"]");
    assert_eq!(world.with(|f| ever(&longer, f, false)).since, Some(world.now));
}

#[test]
fn a_rule_that_also_looks_at_a_probe_speaks_of_now() {
    let world = World { since: jumped().now.plus_millis(-5 * 3_600_000), ..jumped() }.saw("a", Some(Unmet), json!({"v": 0}));
    let rule = condition("[\"increase(n, 2h) > 10\", { probe = \"a\", verdict = \"unmet\" }]");
    assert_eq!(world.with(|f| ever(&rule, f, false)).verdict, Unmet, "the window was met at 07:00, not now");
    let rule = condition("[\"increase(n, 6h) > 10\", { probe = \"a\", verdict = \"unmet\" }]");
    let found = world.with(|f| ever(&rule, f, false));
    assert_eq!((found.verdict, found.since), (Met, None));
}

#[test]
fn what_a_rule_needs_to_read_is_known_beforehand() {
    let rule = condition(
        "{ any = [\"max(n, 24h) > 1\", { not = [\"min(m, 1h) > 1\", \"last(n, 2h) > 1\"] }, { probe = \"a\", verdict = \"unmet\" }] }",
    );
    let hour = 3_600_000;
    assert_eq!(series(&rule), BTreeMap::from([("m".to_owned(), 25 * hour), ("n".to_owned(), 48 * hour)]));
    assert!(series(&condition("{ probe = \"a\", verdict = \"unmet\" }")).is_empty());
}
