//! Given these events, the incident is in this state.

use serde_json::json;

use super::*;
use crate::record::action::ActionStatus;
use crate::record::event::*;
use crate::record::id::StreamId;
use crate::record::testing::{Story, at, attached, granted, note, opened, proposed, rule};

fn status(s: &Story) -> ActionStatus {
    s.incident().actions[0].status(s.now, false)
}

fn started() -> ActionStarted {
    ActionStarted { n: 1, hash: proposed().hash, executor: "T-OPS".to_owned(), before: json!({}), source: Default::default() }
}

/// Opened, proposed, approved by T-JOSH.
fn approved() -> Story {
    let mut s = Story::opened();
    s.add(proposed());
    let (head, now) = (s.head(), s.now);
    s.by("T-JOSH").add(granted(&proposed(), "T-JOSH", head, now));
    s
}

#[test]
fn a_dead_lambda_from_page_to_resolution() {
    let i = Story::dead_lambda().incident();
    assert_eq!((i.number, i.severity.as_str(), i.status, i.owner.as_str()), (7, "P2", Status::Resolved, "T-OPS"));
    assert_eq!(i.head.seq, 18);
    assert_eq!(i.acknowledged.as_ref().unwrap().0, at("2026-03-22T02:13:20Z"));
    assert_eq!(i.mitigated, Some((at("2026-03-22T02:15:56Z"), "recovery verified after a1".to_owned())));
    assert_eq!(i.evidence.iter().map(|e| e.n).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(i.latest("status").unwrap().0.n, 4);
    let a = i.action(1).unwrap();
    assert_eq!((a.proposer.as_str(), a.executor.as_deref()), ("T-OPS", Some("T-OPS")));
    assert_eq!(a.status(i.opened_at, false), ActionStatus::Succeeded);
    assert_eq!(a.verification.as_ref().unwrap().verdict, Verdict::Met);
    assert_eq!(i.escalations[0].to, "T-JOSH");
    assert_eq!(i.followups[0].done, None);
    assert_eq!(i.resolution.as_ref().unwrap().without.len(), 1);
    assert_eq!(i.text(6, "nobody announced a deploy"), "a deploy of 42 was announced in another channel");
    assert_eq!(i.text(17, "as written"), "as written");
}

#[test]
fn an_incident_begins_with_its_opening_in_its_own_stream() {
    let s = Story::dead_lambda();
    assert_eq!(Incident::fold(&s.events[1..]).unwrap_err(), FoldError::NoBeginning);
    assert_eq!(Incident::fold([]).unwrap_err(), FoldError::NoBeginning);
    let mut other = Story::on(StreamId::ledger());
    other.add(opened());
    assert_eq!(Incident::fold(&other.events).unwrap_err(), FoldError::OtherStream("ledger".to_owned()));
}

#[test]
fn an_action_walks_through_its_states() {
    let mut s = Story::opened();
    s.add(proposed());
    assert_eq!(status(&s), ActionStatus::Proposed);
    let mut s = approved();
    assert_eq!(status(&s), ActionStatus::Approved);
    assert_eq!(s.incident().actions[0].expires_at(s.now), Some(at("2026-03-22T02:28:00Z")));
    s.after(900);
    assert_eq!(status(&s), ActionStatus::Expired);
    s.add(started());
    assert_eq!(status(&s), ActionStatus::Unknown, "no process makes the call");
    assert_eq!(s.incident().actions[0].status(s.now, true), ActionStatus::Started);
    s.add(ActionUnknown { n: 1, error: "cut".to_owned() });
    assert_eq!(status(&s), ActionStatus::Unknown);
    assert!(!s.incident().actions[0].is_over());
    s.add(ActionFailed { n: 1, error: "no".to_owned(), result: json!({}), reconciled: true });
    assert_eq!(status(&s), ActionStatus::Failed);
    assert!(s.incident().actions[0].is_over());
}

#[test]
fn denied_stale_and_revoked() {
    let mut s = approved();
    s.add(ApprovalRevoked { n: 1, approver: "T-JOSH".to_owned(), reason: "x".to_owned() });
    assert_eq!(status(&s), ActionStatus::Proposed);
    s.add(ActionDenied { n: 1, by: "T-JOSH".to_owned(), reason: "x".to_owned() });
    assert_eq!(status(&s), ActionStatus::Denied);
    let mut s = approved();
    s.add(ActionStale { n: 1, reason: "x".to_owned() });
    assert_eq!(status(&s), ActionStatus::Stale);
}

#[test]
fn one_person_twice_is_not_two_persons() {
    let mut s = Story::opened();
    let two = ApprovalRule { from: vec!["T-JOSH".to_owned(), "T-ANA".to_owned()], min: 2, ..rule() };
    s.add(ActionProposed { approve: two, ..proposed() });
    let (head, now) = (s.head(), s.now);
    s.add(granted(&proposed(), "T-JOSH", head, now));
    s.add(granted(&proposed(), "T-JOSH", head, now));
    assert_eq!(status(&s), ActionStatus::Proposed);
    s.add(granted(&proposed(), "T-ANA", head, now));
    assert_eq!(status(&s), ActionStatus::Approved);
}

#[test]
fn a_failed_verification_leaves_it_open_and_a_later_one_mitigates() {
    let mut s = approved();
    s.add(started());
    s.add(ActionSucceeded { n: 1, result: json!({}), text: "x".to_owned(), reconciled: false });
    s.add(RecoveryNotVerified {
        n: 1,
        verify: "v".to_owned(),
        reason: "still 502".to_owned(),
        verdict: Verdict::Unmet,
        evidence: Vec::new(),
    });
    assert_eq!(s.incident().status, Status::Open);
    s.add(RecoveryVerified { n: 1, verify: "v".to_owned(), passes: 3, evidence: Vec::new(), after_ms: 1 });
    assert_eq!(s.incident().status, Status::Mitigated);
    s.add(IncidentReopened { reason: "502 again".to_owned() });
    let i = s.incident();
    assert_eq!((i.status, i.mitigated, i.reopened_at), (Status::Open, None, Some(s.now)));
}

#[test]
fn deliveries_are_kept_by_channel() {
    let mut s = Story::opened();
    let raised =
        s.add(EscalationRaised { rule: "r".to_owned(), to: "T-JOSH".to_owned(), purpose: None, due_at: s.now, reason: "x".to_owned() });
    let told = |ok| EscalationDelivered { raised, channel: "webhook".to_owned(), ok, detail: "503".to_owned() };
    s.add(told(false));
    assert_eq!(s.incident().escalations[0].failed, [("webhook".to_owned(), "503".to_owned())]);
    s.add(told(true));
    let e = &s.incident().escalations[0];
    assert_eq!((e.delivered.as_slice(), e.failed.len()), (["webhook".to_owned()].as_slice(), 0));
}

#[test]
fn what_a_newer_version_wrote_moves_only_the_head() {
    let mut s = Story::opened();
    let before = s.incident();
    s.add(Facts::Other { kind: "moon.landed".to_owned(), data: json!({}) });
    let after = s.incident();
    assert_eq!(after.head, s.head());
    assert_eq!(Incident { head: before.head, ..after }, before);
}

#[test]
fn erased_evidence_keeps_its_number() {
    let mut s = Story::opened();
    s.add(attached(1, "a"));
    let second = s.add(attached(2, "b"));
    s.add(attached(3, "c"));
    s.erase(second);
    let i = s.incident();
    assert_eq!(i.evidence.iter().map(|e| e.n).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(i.evidence(2).unwrap().what, EvidenceKind::Erased);
}

#[test]
fn late_notes_change_nothing_but_the_head() {
    let mut s = Story::dead_lambda();
    let before = s.incident();
    s.add(note("late"));
    let after = s.incident();
    assert_eq!(Incident { head: before.head, ..after }, before);
}
