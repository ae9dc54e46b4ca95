use serde_json::json;

use super::*;
use crate::record::verdict::Outcome;
use crate::runbook::testing::{World, runbook};

/// A signal on a probe being unmet; `rest` are its other keys.
fn sign(id: &str, probe: &str, rest: &str) -> String {
    format!(
        "```toml signal\nid = \"{id}\"\ntext = \"{id} is seen\"\nwhen = {{ probe = \"{probe}\", verdict = \"unmet\" }}\n{rest}\n```\n\n"
    )
}

/// `a` is a symptom, `b` is fine, `c` could not be looked at.
fn world() -> World {
    World::new().saw("a", Some(Verdict::Unmet), json!({"v": 0})).saw("b", Some(Verdict::Met), json!({"v": 1})).ended(
        "c",
        Outcome::Timeout,
        Verdict::Unknown,
    )
}

fn ranked(books: &[(&str, &str)]) -> Vec<Match> {
    let runbooks: Vec<Runbook> = books.iter().map(|(id, signs)| runbook(id, signs)).collect();
    world().with(|f| rank(&runbooks.iter().map(|r| (r, *f)).collect::<Vec<_>>()))
}

fn ids(matches: &[Match]) -> Vec<&str> {
    matches.iter().map(|m| m.runbook.as_str()).collect()
}

#[test]
fn a_sign_says_what_was_seen() {
    let found = ranked(&[(
        "T-1",
        &(sign("one", "a", "") + &sign("two", "b", "") + &sign("three", "c", "") + &sign("four", "a", "supports = true")),
    )]);
    let m = &found[0];
    let seen = Sign { id: "one".to_owned(), text: "one is seen".to_owned(), because: "a is unmet".to_owned() };
    assert_eq!(m.matched, [seen]);
    assert_eq!(
        m.unknown.iter().map(|s| (s.id.as_str(), s.because.as_str())).collect::<Vec<_>>(),
        [("three", "c is unknown, wanted unmet")]
    );
    assert_eq!(m.supporting.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["four"]);
    assert!(m.is_match());
}

#[test]
fn a_sign_that_supports_never_matches_alone_but_ranks() {
    let found = ranked(&[
        ("A-1", &sign("x", "a", "supports = true")),
        ("B-1", &sign("x", "a", "")),
        ("C-1", &(sign("x", "a", "") + &sign("y", "a", "supports = true"))),
    ]);
    assert_eq!(ids(&found), ["C-1", "B-1", "A-1"]);
    assert_eq!(found.iter().map(Match::is_match).collect::<Vec<_>>(), [true, true, false]);
}

#[test]
fn matches_come_first_then_what_nobody_could_look_at_then_the_rest() {
    let found = ranked(&[
        ("A-1", &sign("x", "b", "")),
        ("B-1", &sign("x", "c", "")),
        ("C-1", &(sign("x", "a", "") + &sign("y", "c", ""))),
        ("D-1", &(sign("x", "a", "") + &sign("y", "a", ""))),
        ("E-1", ""),
    ]);
    assert_eq!(ids(&found), ["D-1", "C-1", "B-1", "A-1", "E-1"]);
    assert!(found.iter().all(|m| m.explained_by.is_none()));
}

#[test]
fn what_another_match_explains_comes_after_it_however_many_signs_it_has() {
    let effect = sign("x", "a", "") + &sign("y", "a", "") + &sign("z", "a", "supports = true\nexplained-by = \"B-1\"");
    let found = ranked(&[("A-1", &effect), ("B-1", &sign("x", "a", ""))]);
    assert_eq!(ids(&found), ["B-1", "A-1"]);
    assert_eq!(found[1].explained_by.as_deref(), Some("B-1"));
    assert!(found[1].is_match(), "it is still a match, to be linked");
}

#[test]
fn nothing_is_explained_by_what_does_not_match() {
    let effect = sign("x", "a", "explained-by = \"B-1\"");
    for cause in [sign("x", "b", ""), sign("x", "c", ""), sign("x", "a", "supports = true")] {
        let found = ranked(&[("A-1", &effect), ("B-1", &cause)]);
        assert_eq!((found[0].runbook.as_str(), found[0].explained_by.as_deref()), ("A-1", None), "{cause}");
    }
    let unseen = ranked(&[("A-1", &(sign("x", "a", "") + &sign("y", "b", "explained-by = \"B-1\""))), ("B-1", &sign("x", "a", ""))]);
    assert!(unseen.iter().all(|m| m.explained_by.is_none()), "the sign that would be explained is not met");
    let absent = ranked(&[("A-1", &effect)]);
    assert_eq!(absent[0].explained_by, None, "a runbook that is not there explains nothing");
}

#[test]
fn of_two_that_explain_each_other_the_likelier_stands() {
    let a = sign("x", "a", "explained-by = \"B-1\"") + &sign("y", "a", "");
    let b = sign("x", "a", "explained-by = \"A-1\"");
    for books in [[("A-1", a.as_str()), ("B-1", b.as_str())], [("B-1", b.as_str()), ("A-1", a.as_str())]] {
        let found = ranked(&books);
        assert_eq!(ids(&found), ["A-1", "B-1"]);
        assert_eq!((found[0].explained_by.as_deref(), found[1].explained_by.as_deref()), (None, Some("A-1")));
    }
    let (b, c) = (sign("x", "a", "explained-by = \"C-1\""), sign("x", "a", "explained-by = \"A-1\""));
    let circle = ranked(&[("A-1", &a), ("B-1", &b), ("C-1", &c)]);
    assert_eq!(circle.iter().filter(|m| m.explained_by.is_none()).count(), 1, "one of a circle stands: {:?}", ids(&circle));
}
