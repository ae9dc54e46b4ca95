//! What stands between an approval and the start, in its finer points.

use super::*;

/// `a1` may be allowed by any `min` of three persons.
fn one_of_three(min: u64) -> Story {
    let rule = ApprovalRule { from: ["T-JOSH", "T-ANA", "T-KIM"].map(str::to_owned).to_vec(), min, ..rule() };
    let mut s = Story::opened();
    s.carry_out(Command::Propose(Proposal { rule, ..plan() })).unwrap();
    s
}

fn approve(s: &mut Story, who: &str) {
    s.by(who);
    s.carry_out(Command::Approve(approval(s, who))).unwrap();
}

#[test]
fn one_approval_taken_back_leaves_the_others_of_the_same_action_as_they_were() {
    let mut s = one_of_three(1);
    approve(&mut s, "T-JOSH");
    approve(&mut s, "T-ANA");
    s.by("T-JOSH").carry_out(Command::Revoke { n: 1, reason: "wait".to_owned() }).unwrap();
    assert!(s.by("T-OPS").ask(start()).is_ok());

    // Somebody has second thoughts about another action: that is news to whoever approved this one.
    let mut s = one_of_three(1);
    s.add(ActionProposed { n: 2, action: "other".to_owned(), ..proposed() });
    approve(&mut s, "T-JOSH");
    let seq = s.add(ApprovalRevoked { n: 2, approver: "T-ANA".to_owned(), reason: "wait".to_owned() });
    let refusal = Refusal::Stale { number: 7, n: 1, seq, kind: "approval.revoked".to_owned() };
    assert_eq!(s.by("T-OPS").ask(start()), Err(refusal));
}

#[test]
fn too_few_approvals_are_too_few_whatever_happened_since() {
    let mut s = one_of_three(2);
    approve(&mut s, "T-JOSH");
    s.add(SeverityChanged { from: "P0".to_owned(), to: "P1".to_owned(), reason: "x".to_owned(), rule: None });
    assert_eq!(refused(s.by("T-OPS").ask(start())), "action 7.a1 is proposed: 0 of 2 approvals stand");
    approve(&mut s, "T-ANA");
    let stale = s.by("T-OPS").ask(start());
    assert!(matches!(stale, Err(Refusal::Stale { seq: 4, .. })), "enough, but the first is of before: {stale:?}");
}

#[test]
fn what_needs_no_approval_counts_none() {
    let mut s = Story::opened();
    let none = ApprovalRule { min: 1, none: true, ..rule() };
    s.carry_out(Command::Propose(Proposal { kind: "manual".to_owned(), rule: none, ..plan() })).unwrap();
    assert!(s.ask(start()).is_ok());
}

#[test]
fn whoever_signed_may_not_execute_under_a_second_id() {
    let mut s = waiting();
    let mut two_ids = approval(&s, "T-JOSH");
    two_ids.signed.persons.push("T-JOSH2".to_owned());
    s.carry_out(Command::Approve(two_ids)).unwrap();
    assert_eq!(refused(s.by("T-JOSH2").ask(start())), "`T-JOSH2` approved 7.a1 and may not execute it");
    assert!(s.by("T-OPS").ask(start()).is_ok());
}
