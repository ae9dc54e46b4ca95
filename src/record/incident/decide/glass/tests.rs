//! Going without approval: only where it is allowed, and red until somebody else has looked.

use serde_json::json;

use super::*;
use crate::record::incident::decide::{Command, Proposal, Resolve};
use crate::record::observation::Source;
use crate::record::testing::{NONCE, Story, proposed, rule, signed};

/// `a1` proposed by T-OPS, who acts next.
fn waiting() -> Story {
    let mut s = Story::opened();
    let p = proposed();
    let proposal = Proposal {
        block: p.action,
        kind: p.kind,
        arguments: p.arguments,
        text: p.text,
        nonce: NONCE.to_owned(),
        runbook: p.runbook,
        rule: rule(),
        by_hand: p.by_hand,
        requires: p.requires,
    };
    s.carry_out(Command::Propose(proposal)).unwrap();
    s
}

fn glass(s: &Story) -> Glass {
    Glass {
        head: s.head(),
        expires_at: s.now.plus_millis(900_000),
        reason: "T-JOSH does not answer, and every route is down".to_owned(),
        signed: signed("T-OPS", "glass"),
        severities: vec!["P0".to_owned()],
        review_within_s: 86_400,
    }
}

fn start(g: Glass) -> Command {
    Command::Start { n: 1, before: json!({}), source: Source::default(), glass: Some(Box::new(g)) }
}

fn review(s: &Story, who: &str) -> Review {
    Review {
        n: 1,
        reviewer: who.to_owned(),
        hash: s.incident().actions[0].hash,
        head: s.head(),
        expires_at: s.now.plus_millis(900_000),
        comment: "it was right".to_owned(),
        signed: signed(who, "review"),
    }
}

fn resolve() -> Command {
    let (summary, impact) = ("s".to_owned(), "i".to_owned());
    Command::Resolve(Resolve { summary, impact, resolution: None, missing: Vec::new(), without: Vec::new(), occurred_at: None })
}

#[test]
fn the_glass_is_broken_only_where_the_runbook_allows_it_with_a_reason_and_a_signature() {
    let s = waiting();
    let base = glass(&s);
    for (g, why) in [
        (Glass { severities: Vec::new(), ..base.clone() }, "the runbook does not allow it"),
        (Glass { severities: vec!["P1".to_owned()], ..base.clone() }, "the incident is P0, and the runbook allows it at P1"),
        (Glass { reason: "   no time, sorry    ".to_owned(), ..base.clone() }, "the reason has 14 characters, and 20 are the least"),
        (Glass { signed: signed("T-JOSH", "glass"), ..base.clone() }, "it is not signed by `T-OPS`, who executes"),
        (Glass { expires_at: s.now, ..base.clone() }, "the signed text lapsed at"),
    ] {
        let e = s.ask(start(g)).unwrap_err().to_string();
        assert!(e.starts_with(&format!("7.a1 cannot go without approval: {why}")), "{e}");
    }
    let least = Glass { reason: "é".repeat(REASON_LEAST), expires_at: s.now.plus_millis(1), ..base.clone() };
    assert!(s.ask(start(least)).is_ok(), "just enough, and just in time");
    let facts = s.ask(start(base)).unwrap();
    assert_eq!(facts.iter().map(Facts::kind).collect::<Vec<_>>(), ["approval.bypassed", "action.started"]);
}

#[test]
fn a_deny_wins_over_the_glass() {
    let mut s = waiting();
    s.by("T-JOSH").carry_out(Command::Deny { n: 1, reason: "41 is worse".to_owned() }).unwrap();
    s.by("T-OPS");
    assert!(s.ask(start(glass(&s))).unwrap_err().to_string().starts_with("action 7.a1 is denied"));
}

#[test]
fn an_incident_with_an_open_review_can_only_be_mitigated() {
    let mut s = waiting();
    s.carry_out(start(glass(&s))).unwrap();
    s.add(crate::record::event::ActionSucceeded { n: 1, result: json!({}), text: "done".to_owned(), reconciled: false });
    assert!(s.incident().actions[0].is_unreviewed());
    let open = "`T-OPS` executed 7.a1 without approval, and nobody else has reviewed that";
    assert_eq!(s.ask(resolve()).unwrap_err().to_string(), open);
    assert_eq!(s.ask(Command::Dismiss { reason: "x".to_owned() }).unwrap_err().to_string(), open);
    assert!(s.ask(Command::Mitigate { reason: "x".to_owned(), occurred_at: None }).is_ok());
    let own = s.ask(Command::Review(review(&s, "T-OPS"))).unwrap_err().to_string();
    assert_eq!(own, "`T-OPS` proposed or executed 7.a1 and may not review it");
    let mut two_ids = review(&s, "T-OPS2");
    two_ids.signed.persons.push("T-OPS".to_owned());
    assert!(s.ask(Command::Review(two_ids)).unwrap_err().to_string().ends_with("may not review it"));
    assert!(s.ask(Command::Review(Review { comment: " ".to_owned(), ..review(&s, "T-JOSH") })).is_err());
    s.carry_out(Command::Review(review(&s, "T-JOSH"))).unwrap();
    assert!(!s.incident().actions[0].is_unreviewed());
    assert_eq!(s.ask(Command::Review(review(&s, "T-JOSH"))).unwrap_err().to_string(), "action 7.a1 has nothing to review");
    assert!(s.ask(resolve()).is_ok());
}

#[test]
fn a_review_is_by_somebody_else_who_saw_what_was_done() {
    let mut s = waiting();
    let before = s.head();
    let mut broken = Glass { signed: signed("T-ANA", "glass"), ..glass(&s) };
    broken.signed.persons.push("T-ANA2".to_owned());
    s.by("T-ANA").carry_out(start(broken)).unwrap();
    for who in ["T-ANA", "T-ANA2", "T-OPS"] {
        let e = s.ask(Command::Review(review(&s, who))).unwrap_err().to_string();
        assert_eq!(e, format!("`{who}` proposed or executed 7.a1 and may not review it"));
    }
    let now = s.head();
    for head in [before, Head { hash: before.hash, ..now }, Head { seq: now.seq + 1, ..now }] {
        let e = s.ask(Command::Review(Review { head, ..review(&s, "T-JOSH") })).unwrap_err();
        assert!(matches!(e, Refusal::UnknownHead { seq, .. } if seq == head.seq), "{e}");
    }
    assert!(s.ask(Command::Review(review(&s, "T-JOSH"))).is_ok());
    // The reviewer may have looked between the broken glass and the call.
    let broken = s.events.iter().find(|e| e.header.kind == "approval.bypassed").unwrap();
    let head = Head { seq: broken.header.seq, hash: broken.hash };
    assert!(s.ask(Command::Review(Review { head, ..review(&s, "T-JOSH") })).is_ok());
}
