use serde_json::json;

use super::*;
use crate::record::verdict::Outcome;
use crate::runbook::testing::{World, runbook};

/// Branches `one` (on `a`), `two` (on `b`), `other` (only a person can say).
fn fork() -> Decide {
    let branch = |id: &str, probe: &str| {
        format!("[[branch]]\nid = \"{id}\"\nif = {{ probe = \"{probe}\", verdict = \"unmet\" }}\nthen = \"#1-look\"\n")
    };
    let block = format!(
        "```toml decide\nid = \"fork\"\n{}{}[[branch]]\nid = \"other\"\nthen = \"dismiss\"\nnote = \"N\"\n```\n",
        branch("one", "a"),
        branch("two", "b")
    );
    runbook("T-1", &block).decides.remove(1)
}

fn world(a: Verdict, b: Verdict) -> World {
    let look = |world: World, id: &str, v: Verdict| match v {
        Verdict::Unknown => world.ended(id, Outcome::Timeout, v),
        v => world.saw(id, Some(v), json!({"v": 0})),
    };
    look(look(World::new(), "a", a), "b", b)
}

#[test]
fn the_first_that_is_met_is_suggested_and_an_unknown_above_it_stops() {
    use Verdict::{Met, Unknown, Unmet};
    for (a, b, suggested, stopped) in [
        (Unmet, Unmet, Some("one"), None),
        (Unmet, Unknown, Some("one"), None),
        (Met, Unmet, Some("two"), None),
        (Unknown, Unmet, None, Some("one")),
        (Unknown, Unknown, None, Some("one")),
        (Met, Unknown, None, Some("two")),
        (Met, Met, None, None),
    ] {
        let found = world(a, b).with(|f| suggest(&fork(), f));
        assert_eq!((found.branch.as_deref(), found.stopped_by_unknown.as_deref()), (suggested, stopped), "a is {a}, b is {b}");
        assert!(!found.because.is_empty(), "it always says why");
    }
}

#[test]
fn it_says_why_in_each_case() {
    use Verdict::{Met, Unknown, Unmet};
    let because = |a, b| world(a, b).with(|f| suggest(&fork(), f)).because;
    assert_eq!(because(Unmet, Met), ["a is unmet"]);
    assert_eq!(because(Unknown, Met), ["a is unknown, wanted unmet"]);
    assert_eq!(because(Met, Met), ["not `one`: a is met, wanted unmet", "not `two`: b is met, wanted unmet"]);
}

#[test]
fn a_branch_without_a_condition_is_never_suggested_and_stops_nothing() {
    let mut fork = fork();
    fork.branches.rotate_right(1);
    assert_eq!(fork.branches[0].id, "other");
    let found = world(Verdict::Unmet, Verdict::Met).with(|f| suggest(&fork, f));
    assert_eq!(found.branch.as_deref(), Some("one"));
    fork.branches.truncate(1);
    assert_eq!(world(Verdict::Unmet, Verdict::Met).with(|f| suggest(&fork, f)), Suggestion::default());
}
