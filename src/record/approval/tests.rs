//! The text that is signed: its one form, and that nothing in it can be changed or hidden.

use proptest::prelude::*;

use super::*;
use crate::record::testing::{LEDGER, Story, at, proposed};

fn text() -> ApprovalText {
    let mut s = Story::opened();
    s.add(proposed());
    let incident = s.incident();
    ApprovalText::of(LEDGER, &incident, &incident.actions[0], s.head(), "T-JOSH", at("2026-03-22T02:28:00Z"))
        .saying(Some("42 was mine, go back".to_owned()))
}

#[test]
fn the_text_is_written_like_this() {
    let t = text();
    let want = format!(
        "blotter-approval-v1\n\
         ledger: 0c9d4a2e-7f51-4b8e-9a3d-5e6f70819203\n\
         incident: 7 0195bb2c-0000-7000-8000-000000000007\n\
         action: a1 000102030405060708090a0b0c0d0e0f\n\
         action-hash: {}\n\
         action-text: lambda update-alias mission-control-api:prod 42 -> 41 in 121546003735 us-east-1\n\
         runbook: {}\n\
         head: 2 {}\n\
         proposer: T-OPS\n\
         approver: T-JOSH\n\
         quorum: 1 of T-JOSH\n\
         expires: 2026-03-22T02:28:00.000Z\n\
         comment: 42 was mine, go back\n",
        t.hash, t.runbook, t.head.hash
    );
    assert_eq!(t.render(), want);
    assert_eq!(ApprovalText::parse(&want), Ok(t));
}

#[test]
fn nothing_hides_in_it() {
    let hostile = "a\u{202e}b\nexpires: never\u{1b}[2K\\n\u{200b}\u{e0041} ";
    let t = ApprovalText { text: hostile.to_owned(), from: vec!["a, b; the proposer too".to_owned(), "c".to_owned()], ..text() };
    let written = t.render();
    assert!(written.contains("action-text: a\\u{202e}b\\u{a}expires: never\\u{1b}[2K\\\\n\\u{200b}\\u{e0041}\\u{20}\n"), "{written}");
    assert!(written.contains("quorum: 1 of a\\u{2c} b\\u{3b} the proposer too, c\n"), "{written}");
    assert_eq!(written.lines().count(), 13);
    assert_eq!(ApprovalText::parse(&written), Ok(t));
}

#[test]
fn only_the_one_form_is_read() {
    let good = text().render();
    let with = |from: &str, to: &str| good.replacen(from, to, 1);
    for (bad, message) in [
        (String::new(), "line 1: this is no `blotter-approval-v1`"),
        (with("v1", "v2"), "line 1: this is no `blotter-approval-v1`"),
        (good.replace('\n', "\r\n"), "line 1: this is no `blotter-approval-v1`"),
        (format!("{good}\n"), "line 15: not written in the one form"),
        (format!("{good}x"), "line 14: not written in the one form"),
        (good.trim_end().to_owned(), "line 14: not written in the one form"),
        (with("ledger: ", "ledger:"), "line 2: expected `ledger: …`"),
        (with("ledger: ", "ledger:  "), "line 2: not written in the one form"),
        (with("proposer: T-OPS\napprover: T-JOSH", "approver: T-JOSH\nproposer: T-OPS"), "line 9: expected `proposer: …`"),
        (with("incident: 7", "incident: 07"), "line 3: not written in the one form"),
        (with("incident: 7 ", "incident: seven "), "line 3: `incident` is not a number and an id"),
        (with("action: a1", "action: 1"), "line 4: `action` is not a number and a nonce"),
        (with("quorum: 1 of", "quorum: one of"), "line 11: `quorum` is not a number of persons"),
        (with(".000Z", "Z"), "line 12: not written in the one form"),
        (with("comment: 42", "comment: \\42"), "line 13: `comment` is not readable: a backslash that means nothing"),
        (with("comment: 42", "comment: \\u{34}2"), "line 13: not written in the one form"),
        (with("comment: 42", "comment: \u{202e}42"), "line 13: not written in the one form"),
        (with("comment: 42 was mine, go back", "comment: "), "line 13: expected `comment: …`"),
        ("x".repeat(LONGEST + 1), "line 1: the text is too long to be an approval"),
    ] {
        assert_eq!(ApprovalText::parse(&bad).unwrap_err().to_string(), message, "{bad}");
    }
    assert_eq!(ApprovalText::parse(&with("comment: 42 was mine, go back", "comment:")).unwrap().comment, None);
}

#[test]
fn a_text_of_64_kib_is_read_and_no_longer_one() {
    let of = |letters: usize| ApprovalText { text: "x".repeat(letters), ..text() };
    let room = 65_536 - (of(1).render().len() - 1);
    assert_eq!(ApprovalText::parse(&of(room).render()), Ok(of(room)));
    let why = ApprovalText::parse(&of(room + 1).render()).unwrap_err().to_string();
    assert_eq!(why, "line 1: the text is too long to be an approval");
}

#[test]
fn a_difference_is_named_with_both_values() {
    let a = text();
    assert_eq!(a.differs(&ApprovalText { comment: None, expires_at: at("2026-03-22T02:20:00Z"), ..a.clone() }), None);
    let cases = [
        (ApprovalText { kind: TextKind::Review, ..a.clone() }, "first line"),
        (ApprovalText { ledger: "x".to_owned(), ..a.clone() }, "ledger"),
        (ApprovalText { number: 8, ..a.clone() }, "incident"),
        (ApprovalText { n: 2, ..a.clone() }, "action"),
        (ApprovalText { nonce: "00".to_owned(), ..a.clone() }, "action"),
        (ApprovalText { hash: Hash::ZERO, ..a.clone() }, "action-hash"),
        (ApprovalText { text: "x".to_owned(), ..a.clone() }, "action-text"),
        (ApprovalText { runbook: Hash::ZERO, ..a.clone() }, "runbook"),
        (ApprovalText { head: Head { seq: 1, ..a.head }, ..a.clone() }, "head"),
        (ApprovalText { proposer: "x".to_owned(), ..a.clone() }, "proposer"),
        (ApprovalText { approver: "x".to_owned(), ..a.clone() }, "approver"),
        (ApprovalText { min: 2, ..a.clone() }, "quorum"),
        (ApprovalText { from: vec!["x".to_owned()], ..a.clone() }, "quorum"),
        (ApprovalText { allow_self: true, ..a.clone() }, "quorum"),
    ];
    for (other, name) in cases {
        assert_eq!(a.differs(&other).map(|(n, _, _)| n), Some(name));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_text_reads_back(
        ledger in any::<String>(), text_of in any::<String>(), people in proptest::collection::vec(any::<String>(), 1..4),
        comment in any::<Option<String>>(), numbers in any::<(u64, u64, u64, u64)>(), own in any::<bool>(),
    ) {
        let (number, n, seq, min) = numbers;
        let t = ApprovalText {
            ledger, number, n, text: text_of, head: Head { seq, hash: Hash::of(&[b"x"]) }, proposer: people[0].clone(),
            approver: people[people.len() - 1].clone(), min, from: people, allow_self: own, ..text()
        }
        .saying(comment);
        let written = t.render();
        prop_assert!(written.split('\n').all(|l| !l.chars().any(is_hidden)));
        prop_assert_eq!(written.lines().count(), 13);
        prop_assert_eq!(ApprovalText::parse(&written), Ok(t));
    }

    #[test]
    fn any_change_of_a_character_is_another_text_or_none(i in 0usize..600, c in any::<char>()) {
        let written = text().render();
        let mut chars: Vec<char> = written.chars().collect();
        let i = i % chars.len();
        prop_assume!(chars[i] != c);
        chars[i] = c;
        let changed: String = chars.into_iter().collect();
        if let Ok(read) = ApprovalText::parse(&changed) {
            prop_assert_ne!(read, text());
        }
    }
}
