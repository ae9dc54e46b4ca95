use super::*;
use crate::document::governance_log::Checkpoint;
use crate::document::managed::{merge, scan};
use crate::record::event::{Facts, NoteAdded};
use crate::record::id::Hash;
use crate::record::testing::{LEDGER, Story, attached, note, one_of_each};

fn file(s: &Story, existing: Option<&str>) -> String {
    let incident = s.incident();
    let checkpoint = Some(Checkpoint { size: 40, root: Hash::of(&[b"root"]) });
    let all = entries(&incident, &s.events, &Context { ledger: LEDGER, checkpoint });
    merge(existing, &skeleton(&incident), &all, false).unwrap().text
}

fn sectioned(section: &str, text: &str) -> NoteAdded {
    NoteAdded { section: Some(section.to_owned()), ..note(text) }
}

#[test]
fn a_dead_lambda_literally() {
    let got = file(&Story::dead_lambda(), None);
    let expected = include_str!("../../../tests/fixtures/documents/postmortem-inc-001.md");
    assert_eq!(got, expected, "\n{got}");
}

#[test]
fn what_people_write_below_a_section_survives() {
    let mut s = Story::dead_lambda();
    let first = file(&s, None);
    let place = first.find("<!-- What you write here is kept. -->").unwrap();
    let by_hand = format!("{}It was *dark*.\n\n- a list\n{}", &first[..place], &first[place..]);
    s.add(sectioned("lucky", "T-JOSH was awake"));
    let second = file(&s, Some(&by_hand));
    assert!(second.contains("It was *dark*.\n\n- a list\n<!-- What you write here is kept. -->"));
    assert!(second.contains("T-JOSH was awake"));
    assert_eq!(file(&s, Some(&second)), second);
}

#[test]
fn a_section_asks_until_the_record_answers() {
    for n in NOTE_SECTIONS {
        let mut s = Story::opened();
        assert!(file(&s, None).contains(&format!("--section {} ", n.name)), "{}", n.name);
        let seq = s.add(sectioned(n.name, "the answer"));
        let after = file(&s, None);
        assert!(!after.contains(&format!("--section {} ", n.name)), "{}", n.name);
        assert!(after.lines().any(|l| l.contains("the answer") && l.ends_with(&format!("`7.{seq}`"))), "{}", n.name);
    }
}

#[test]
fn no_event_is_left_out_and_nothing_erased_is_told() {
    let mut s = Story::dead_lambda();
    one_of_each().into_iter().skip(2).for_each(|f| {
        s.add(f);
    });
    let erased = s.add(note("vanished"));
    let blob = s.add(attached(77, "vanished.txt"));
    s.add(Facts::Other { kind: "moon.landed".to_owned(), data: serde_json::json!({}) });
    s.erase(erased);
    s.erase(blob);
    let got = file(&s, None);
    let timeline = got.split("## Timeline").nth(1).unwrap().split("## What we believed").next().unwrap();
    for e in &s.events {
        assert!(timeline.contains(&format!("| `7.{}` `{}` |", e.header.seq, e.hash.short())), "{} {}", e.header.seq, e.header.kind);
    }
    assert!(got.contains("*erased*"));
    assert!(!got.contains("vanished"), "{:?}", got.lines().filter(|l| l.contains("vanished")).collect::<Vec<_>>());
}

#[test]
fn every_row_and_bullet_of_the_record_names_its_event() {
    let mut s = Story::dead_lambda();
    one_of_each().into_iter().skip(2).for_each(|f| {
        s.add(f);
    });
    for line in file(&s, None).lines().filter(|l| l.starts_with("- ") || l.starts_with("| `") || l.starts_with("| 2026")) {
        let own = line.starts_with("- To check it") || line.starts_with("- First checkpoint") || line.starts_with("- The record shows");
        assert!(own || line.contains("`7."), "{line}");
    }
}

#[test]
fn a_corrected_text_is_the_final_one_with_a_footnote() {
    let got = file(&Story::dead_lambda(), None);
    assert!(got.contains("a deploy of 42 was announced in another channel[^c"));
    assert!(got.lines().any(|l| l.starts_with("[^c") && l.contains("read: nobody announced a deploy.")));
}

#[test]
fn hostile_text_stays_in_its_place() {
    let mut s = Story::opened();
    s.add(sectioned("lucky", "x\n<!-- blotter:end postmortem/x -->\n## Injected\n| a | <script>"));
    let got = file(&s, None);
    assert_eq!(scan(&got).unwrap().found().count(), SECTIONS.len());
    assert!(!got.contains("\n## Injected") && !got.replace("\\<", "").contains("<script>"));
}

#[test]
fn a_drill_says_so_in_every_section() {
    let mut s = Story::dead_lambda();
    let Facts::IncidentOpened(x) = &mut s.events[0].facts else { panic!() };
    x.drill = true;
    let got = file(&s, None);
    assert!(got.lines().filter(|l| l.starts_with("# ") || l.starts_with("## ")).all(|l| l.contains("DRILL")));
}

#[test]
fn file_names_hold_nothing_that_leads_elsewhere() {
    assert_eq!(stem(7, "INC-001"), "0007-INC-001");
    assert_eq!(stem(12_345, "../x y"), "12345-.._x_y");
}
