use super::*;
use crate::record::event::{ActionDenied, EscalationDelivered, IncidentReopened};
use crate::record::testing::{Story, looked, note, one_of_each};
use crate::record::verdict::Verdict;

const ALL: [Size; 3] = [Size::Wide, Size::Narrow, Size::Alone];

fn drawn(s: &Story, size: Size) -> String {
    draw(&s.incident(), &s.events, size)
}

#[test]
fn a_dead_lambda_literally() {
    let got = drawn(&Story::dead_lambda(), Size::Narrow);
    let expected = include_str!("../../../tests/fixtures/documents/picture-inc-001.svg");
    assert_eq!(got, expected, "\n{got}");
}

#[test]
fn every_picture_is_well_formed_and_within_its_frame() {
    let mut s = Story::dead_lambda();
    one_of_each().into_iter().skip(2).for_each(|f| {
        s.add(f);
    });
    s.add(IncidentReopened { reason: "again".to_owned() });
    for story in [&Story::opened(), &Story::dead_lambda(), &s] {
        for size in ALL {
            let svg = drawn(story, size);
            let mut depth = 0;
            for event in svg::read(&svg).unwrap() {
                match event {
                    svg::parser::Event::Tag(_, svg::node::element::tag::Type::Start, _) => depth += 1,
                    svg::parser::Event::Tag(_, svg::node::element::tag::Type::End, _) => depth -= 1,
                    svg::parser::Event::Tag(_, _, a) => {
                        for key in ["cx", "x1", "x2"] {
                            let x: f64 = a.get(key).map_or(0.0, |v| v.parse().unwrap());
                            assert!((0.0..=size.width()).contains(&x), "{key} {x}");
                        }
                    }
                    svg::parser::Event::Error(e) => panic!("{e}"),
                    _ => {}
                }
            }
            assert_eq!(depth, 0);
            assert!(!svg.contains("NaN") && !svg.contains("inf"));
        }
    }
}

#[test]
fn outside_text_is_text() {
    let mut s = Story::opened();
    s.after(5);
    let observation = looked(s.now, 1, "</text><script>&\u{202e}\u{1b}", "http", Verdict::Unmet, "x");
    s.add(crate::record::event::EvidenceCaptured { n: 1, observation });
    let got = drawn(&s, Size::Wide);
    assert!(!got.contains("<script") && !got.contains('\u{202e}') && !got.contains('\u{1b}'));
    assert!(got.contains("&lt;/text&gt;"));
}

#[test]
fn what_was_recorded_after_the_end_does_not_stretch_the_line() {
    let mut s = Story::dead_lambda();
    let before = drawn(&s, Size::Wide);
    s.after(864_000).add(note("much later"));
    assert_eq!(drawn(&s, Size::Wide), before);
}

#[test]
fn each_verdict_and_fate_has_a_shape_of_its_own() {
    let shapes: Vec<String> =
        [Mark::Met, Mark::Unmet, Mark::Unknown, Mark::Seen, Mark::Proposed, Mark::Approved, Mark::Denied, Mark::Verified, Mark::Due]
            .iter()
            .map(|m| {
                m.draw(50.0, 50.0)
                    .to_string()
                    .split("class=")
                    .map(|p| p.split_once('"').map_or("", |x| x.1))
                    .map(|p| p.split_once('"').map_or(p, |x| x.1).to_owned())
                    .collect()
            })
            .collect();
    for (i, a) in shapes.iter().enumerate() {
        assert!(shapes[i + 1..].iter().all(|b| a != b), "{i}: {a}");
    }
}

#[test]
fn a_refusal_and_a_told_escalation_are_drawn() {
    let mut s = Story::opened();
    s.after(60).add(crate::record::testing::proposed());
    s.after(60).by("T-JOSH").add(ActionDenied { n: 1, by: "T-JOSH".to_owned(), reason: "wait".to_owned() });
    s.after(1);
    let raised = s.add(crate::record::event::EscalationRaised {
        rule: "no-recovery".to_owned(),
        to: "T-ANA".to_owned(),
        purpose: None,
        due_at: s.now,
        reason: "5m are over".to_owned(),
    });
    s.after(30).add(EscalationDelivered { raised, channel: "person".to_owned(), ok: true, detail: "called".to_owned() });
    let got = drawn(&s, Size::Wide);
    for part in ["T-JOSH denies a1: wait", "tell T-ANA", "T-ANA is wanted: 5m are over", "a1 rollback"] {
        assert!(got.contains(part), "{part}");
    }
}
