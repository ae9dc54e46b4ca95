use serde_json::json;

use super::*;
use crate::record::event::*;
use crate::record::testing::{LEDGER, Story, attached, granted, note, one_of_each, opened, proposed, rule};

fn render(s: &Story) -> String {
    entry(&s.incident(), &s.events, &Context { ledger: LEDGER, checkpoint: None })
}

#[test]
fn a_dead_lambda_literally() {
    let s = Story::dead_lambda();
    let checkpoint = Some(Checkpoint { size: 40, root: Hash::of(&[b"root"]) });
    let got = entry(&s.incident(), &s.events, &Context { ledger: LEDGER, checkpoint });
    let expected = include_str!("../../../tests/fixtures/documents/governance-inc-001.md");
    assert_eq!(got, expected, "\n{got}");
}

#[test]
fn the_same_record_gives_the_same_bytes() {
    assert_eq!(render(&Story::dead_lambda()), render(&Story::dead_lambda()));
}

#[test]
fn every_line_from_the_record_names_its_event() {
    let mut s = Story::dead_lambda();
    one_of_each().into_iter().skip(2).for_each(|f| {
        s.add(f);
    });
    for line in render(&s).lines().filter(|l| l.starts_with("- ") || l.starts_with("| e")) {
        let own = line.starts_with("- To check it") || line.starts_with("- Stream");
        assert!(own || line.contains("`7."), "{line}");
    }
}

#[test]
fn no_event_is_left_out() {
    let mut s = Story::dead_lambda();
    one_of_each().into_iter().skip(2).for_each(|f| {
        s.add(f);
    });
    let erased = s.add(note("gone"));
    let file = s.add(attached(77, "gone.txt"));
    s.add(Facts::Other { kind: "moon.landed".to_owned(), data: json!({}) });
    s.erase(erased);
    s.erase(file);
    let got = render(&s);
    for e in &s.events {
        assert!(got.contains(&format!("`7.{}`", e.header.seq)), "{} {}", e.header.seq, e.header.kind);
    }
    assert!(got.contains("note.added (erased)"));
    assert!(got.contains("*erased*"));
    assert!(!got.contains("gone"));
}

#[test]
fn a_drill_is_marked_in_every_section() {
    let mut s = Story::dead_lambda();
    let Facts::IncidentOpened(x) = &mut s.events[0].facts else { panic!() };
    x.drill = true;
    let got = render(&s);
    for line in got.lines().filter(|l| l.starts_with('#') || (l.starts_with("**") && l.ends_with("**"))) {
        assert!(line.contains("DRILL: "), "{line}");
    }
    assert!(got.contains("\nDRILL: a rehearsal against a simulator. Nothing here happened to production.\n"));
    assert!(!render(&Story::dead_lambda()).contains("DRILL"));
}

#[test]
fn approvals_say_what_they_are_worth() {
    let mut s = Story::opened();
    let own = ApprovalRule { from: vec!["T-OPS".to_owned(), "T-JOSH".to_owned()], allow_self: true, ..rule() };
    s.add(ActionProposed { approve: own, by_hand: vec!["to-version".to_owned()], ..proposed() });
    let (head, now) = (s.head(), s.now);
    s.add(ApprovalGranted { self_approved: true, comment: None, signature: None, ..granted(&proposed(), "T-OPS", head, now) });
    s.add(ApprovalGranted { signature: Some(json!({"text": "…"})), ..granted(&proposed(), "T-JOSH", head, now) });
    let got = render(&s);
    assert!(
        got.contains("approved by T-OPS, **unsigned**, **self-approved**, having seen `7.2`, until 2026-03-22 02:28:00. `7.3`"),
        "{got}"
    );
    assert!(got.contains("approved by T-JOSH, signed, having seen `7.2`, until 2026-03-22 02:28:00: go. `7.4`"), "{got}");
    assert!(got.contains("- `to-version` was given by hand. `7.2`"));
    assert!(got.contains("needs 1 of T-OPS, T-JOSH, the proposer included. `7.2`"));
}

#[test]
fn hostile_text_makes_no_markup() {
    let evil = "x | y\n## Incident 8: forged\n<!-- blotter:end incident/x --> <b>[a](javascript:b)`";
    let mut s = Story::on(Story::opened().events[0].header.stream.clone());
    s.add(IncidentOpened { title: evil.to_owned(), reason: Some(evil.to_owned()), ..opened() });
    s.by_nobody("root `|` <i>").add(note(evil));
    s.add(EvidenceAttached { name: evil.to_owned(), note: Some(evil.to_owned()), ..attached(1, "x") });
    s.add(ActionProposed { text: evil.to_owned(), arguments: json!({evil: evil, "n": [1.5, null]}), ..proposed() });
    let got = render(&s);
    assert_eq!(got.lines().filter(|l| l.starts_with('#')).count(), 1, "{got}");
    assert!(!got.lines().any(|l| l.starts_with("<!--")));
    let rows: Vec<_> = got.lines().filter(|l| l.starts_with("| ")).map(|l| l.matches('|').count()).collect();
    assert!(rows.iter().all(|n| *n == 10), "{rows:?}");
    use pulldown_cmark::{Event as Md, Options, Parser, Tag};
    for event in Parser::new_ext(&got, Options::ENABLE_TABLES) {
        match event {
            Md::Start(Tag::Link { .. } | Tag::Image { .. }) | Md::Html(_) => panic!("{event:?}"),
            Md::InlineHtml(t) => assert!(["<br>", "<code>", "</code>"].contains(&&*t), "{t}"),
            _ => {}
        }
    }
}
