//! Actions: proposed, approved, started once, and how they end.

use super::*;

#[test]
fn one_live_action_per_block() {
    let mut s = waiting();
    s.by("T-OPS");
    assert_eq!(
        said(s.ask(Command::Propose(plan()))),
        (
            "action 7.a1 (`rollback`) is proposed".to_owned(),
            "Approve it with `blotter approve 7.a1`, or give it up with `blotter deny 7.a1 --reason \"…\"`.".to_owned(),
        )
    );
    let other = Proposal { block: "stop".to_owned(), ..plan() };
    let Facts::ActionProposed(x) = &s.ask(Command::Propose(other)).unwrap()[0] else { panic!() };
    assert_eq!(x.n, 2);
    for (s, status, hint) in [
        (approved(), "approved", "Go on with `blotter execute 7.a1`, or give it up with `blotter deny 7.a1 --reason \"…\"`."),
        (started(), "unknown", "Find out how it ended with `blotter execute 7.a1`, which looks first."),
    ] {
        let wanted = (format!("action 7.a1 (`rollback`) is {status}"), hint.to_owned());
        assert_eq!(said(s.ask(Command::Propose(plan()))), wanted);
    }
    s.carry_out(Command::Deny { n: 1, reason: "not yet".to_owned() }).unwrap();
    assert!(s.ask(Command::Propose(plan())).is_ok());
}

#[test]
fn rules_that_nobody_can_satisfy_are_refused_at_the_proposal() {
    let s = Story::opened();
    let with = |rule: ApprovalRule| s.ask(Command::Propose(Proposal { rule, ..plan() }));
    for (bad, why) in [
        (ApprovalRule { none: true, ..rule() }, "only a `manual` action may go without approval"),
        (ApprovalRule { min: 0, ..rule() }, "it asks for no person at all"),
        (ApprovalRule { min: 2, from: vec!["T-JOSH".to_owned(), "T-JOSH".to_owned()], ..rule() }, "it asks for more persons than it names"),
        (ApprovalRule { expires_s: 0, ..rule() }, "it lapses at once"),
    ] {
        assert_eq!(refused(with(bad)), format!("the approval rule of `rollback` cannot be satisfied: {why}"));
    }
}

#[test]
fn only_known_persons_propose_approve_deny_and_execute() {
    let mut s = approved();
    s.by_nobody("root");
    let no = |verb| format!("`root` is not a person of the config, and only a known person may {verb}");
    assert_eq!(refused(s.ask(Command::Propose(plan()))), no("propose"));
    assert_eq!(refused(s.ask(Command::Approve(approval(&s, "root")))), "`root` may not approve 7.a1");
    assert_eq!(refused(s.ask(Command::Deny { n: 1, reason: "x".to_owned() })), no("deny"));
    assert_eq!(refused(s.ask(Command::Revoke { n: 1, reason: "x".to_owned() })), no("revoke"));
    assert_eq!(refused(s.ask(start())), no("execute"));
}

#[test]
fn approved_by_the_right_person_who_is_not_the_proposer() {
    let mut s = waiting();
    s.by("T-OPS");
    assert_eq!(
        said(s.ask(Command::Approve(approval(&s, "T-OPS")))),
        (
            "`T-OPS` may not approve 7.a1".to_owned(),
            "Ask T-JOSH; they type `blotter approve 7.a1`, or sign elsewhere what `blotter approve 7.a1 --print` writes.".to_owned(),
        )
    );
    s.by("T-JOSH");
    let Facts::ApprovalGranted(x) = &s.ask(Command::Approve(approval(&s, "T-JOSH"))).unwrap()[0] else { panic!() };
    assert_eq!((x.head_seq, x.expires_at, x.self_approved), (2, s.now.plus_millis(900_000), false));
    s.carry_out(Command::Approve(approval(&s, "T-JOSH"))).unwrap();
    assert_eq!(
        refused(s.ask(Command::Approve(approval(&s, "T-JOSH")))),
        "`T-JOSH` has approved 7.a1 already, until 2026-03-22T02:29:00.000Z"
    );
}

#[test]
fn a_signed_approval_may_be_entered_by_anybody() {
    let mut s = waiting();
    s.by_nobody("root");
    let signed = |expires_at| Approve { expires_at, ..approval(&s, "T-JOSH") };
    assert!(s.ask(Command::Approve(signed(s.now.plus_millis(1)))).is_ok());
    assert_eq!(
        refused(s.ask(Command::Approve(signed(s.now)))),
        "the approval's end 2026-03-22T02:14:00.000Z is not within 900 seconds from now"
    );
    assert!(s.ask(Command::Approve(signed(s.now.plus_millis(900_001)))).is_err());
}

#[test]
fn a_quorum_counts_people_not_ids_and_not_keys() {
    let two = ApprovalRule { from: ["T-JOSH", "T-JO", "T-ANN"].map(str::to_owned).to_vec(), min: 2, ..rule() };
    let mut s = Story::opened();
    s.carry_out(Command::Propose(Proposal { rule: two, ..plan() })).unwrap();
    let by = |s: &Story, who: &str, change: &dyn Fn(&mut Signed)| {
        let mut a = approval(s, who);
        change(&mut a.signed);
        Command::Approve(a)
    };
    let first = by(&s, "T-JOSH", &|_| {});
    s.carry_out(first).unwrap();
    let two_ids = by(&s, "T-JO", &|x| x.persons = vec!["T-JO".to_owned(), "T-JOSH".to_owned()]);
    assert!(refused(s.ask(two_ids)).starts_with("`T-JO` has approved 7.a1 already"));
    for same in [&(|x: &mut Signed| x.key = "SHA256:of-T-JOSH".to_owned()) as &dyn Fn(&mut Signed), &|x| x.principal = "T-JOSH".to_owned()]
    {
        let mut other = s.clone();
        other.after(1).carry_out(by(&s, "T-JO", same)).unwrap();
        other.by("T-OPS");
        assert_eq!(refused(other.ask(start())), "action 7.a1 is proposed: 1 of 2 approvals stand");
    }
    let second = by(&s, "T-ANN", &|_| {});
    s.carry_out(second).unwrap();
    s.by("T-OPS");
    assert!(s.ask(start()).is_ok());
    s.by("T-ANN");
    assert_eq!(refused(s.ask(start())), "`T-ANN` approved 7.a1 and may not execute it");
}

#[test]
fn an_unsigned_approval_of_an_older_ledger_is_worth_nothing() {
    let mut s = waiting();
    let head = s.head();
    s.add(ApprovalGranted { signature: None, ..crate::record::testing::granted(&proposed(), "T-JOSH", head, s.now) });
    s.by("T-OPS");
    assert_eq!(refused(s.ask(start())), "action 7.a1 is proposed: 0 of 1 approvals stand");
}

#[test]
fn a_team_of_one_approves_itself_where_the_rule_says_so() {
    let mut s = Story::opened();
    let own = ApprovalRule { from: vec!["T-OPS".to_owned()], ..rule() };
    s.carry_out(Command::Propose(Proposal { rule: own.clone(), ..plan() })).unwrap();
    assert_eq!(
        said(s.ask(Command::Approve(approval(&s, "T-OPS")))),
        (
            "`T-OPS` proposed 7.a1 and may not approve it".to_owned(),
            "Nobody else may: let another person propose it, after `blotter deny 7.a1 --reason \"…\"`.".to_owned(),
        )
    );
    let either = ApprovalRule { from: vec!["T-OPS".to_owned(), "T-ANN".to_owned()], ..rule() };
    let mut s = Story::opened();
    s.carry_out(Command::Propose(Proposal { rule: either, ..plan() })).unwrap();
    assert!(said(s.ask(Command::Approve(approval(&s, "T-OPS")))).1.starts_with("Ask T-ANN; they type `blotter approve 7.a1`"));
    let mut s = Story::opened();
    s.carry_out(Command::Propose(Proposal { rule: ApprovalRule { allow_self: true, ..own }, ..plan() })).unwrap();
    s.carry_out(Command::Approve(approval(&s, "T-OPS"))).unwrap();
    assert!(s.incident().actions[0].approvals[0].self_approved);
    assert!(s.ask(start()).is_ok());
}

#[test]
fn an_approval_names_the_stored_action_and_a_head_of_this_record() {
    let mut s = waiting();
    let base = approval(&s, "T-JOSH");
    let other = Approve { hash: Hash::ZERO, ..base.clone() };
    assert!(refused(s.ask(Command::Approve(other))).starts_with("the hash does not match action 7.a1: 0000"));
    let unknown = Approve { head: Head { seq: 2, hash: Hash::ZERO }, ..base.clone() };
    assert!(refused(s.ask(Command::Approve(unknown))).starts_with("the record of incident 7 has no head 2 with hash 0000"));
    let before = Approve { head: Head { seq: 1, hash: s.events[0].hash }, ..base.clone() };
    assert!(s.ask(Command::Approve(before)).is_err(), "nobody approves before the proposal");
    s.add(SeverityChanged { from: "P0".to_owned(), to: "P1".to_owned(), reason: "x".to_owned(), rule: None });
    assert_eq!(refused(s.ask(Command::Approve(base))), "action 7.a1 is stale: `severity.changed` happened since it was approved, as 7.3");
    assert!(s.ask(Command::Approve(approval(&s, "T-JOSH"))).is_ok());
}

#[test]
fn a_stored_action_that_was_tampered_with_is_neither_approved_nor_started() {
    let mut s = Story::opened();
    s.add(ActionProposed { text: "harmless".to_owned(), ..proposed() });
    s.by("T-JOSH");
    assert!(refused(s.ask(Command::Approve(approval(&s, "T-JOSH")))).starts_with("the hash does not match action 7.a1"));
    let head = s.head();
    s.add(crate::record::testing::granted(&proposed(), "T-JOSH", head, s.now));
    s.by("T-OPS");
    assert!(refused(s.ask(start())).starts_with("the hash does not match action 7.a1"));
}

#[test]
fn actions_that_wait_are_denied_with_a_reason() {
    let mut s = approved();
    assert_eq!(refused(s.ask(Command::Deny { n: 1, reason: String::new() })), "the reason is empty");
    assert_eq!(refused(s.ask(Command::Deny { n: 2, reason: "x".to_owned() })), "incident 7 has no action a2");
    s.carry_out(Command::Deny { n: 1, reason: "41 is bad too".to_owned() }).unwrap();
    assert_eq!(
        said(s.ask(start())),
        (
            "action 7.a1 is denied, so it cannot be executed".to_owned(),
            "If it is still wanted, propose it again with `blotter propose -i 7 …`.".to_owned(),
        )
    );
    assert_eq!(refused(s.ask(Command::Deny { n: 1, reason: "x".to_owned() })), "action 7.a1 is denied, so it cannot be denied");
}

#[test]
fn one_takes_back_only_ones_own_approval() {
    let mut s = approved();
    let revoke = || Command::Revoke { n: 1, reason: "wait".to_owned() };
    assert_eq!(refused(s.ask(revoke())), "`T-OPS` has no standing approval of 7.a1");
    s.by("T-JOSH").carry_out(revoke()).unwrap();
    assert_eq!(refused(s.by("T-OPS").ask(start())), "action 7.a1 is proposed: 0 of 1 approvals stand");
    s.by("T-JOSH");
    assert!(s.ask(Command::Approve(approval(&s, "T-JOSH"))).is_ok());
}

#[test]
fn started_only_when_allowed_and_only_once() {
    let s = waiting();
    assert_eq!(
        said(s.ask(start())),
        (
            "action 7.a1 is proposed: 0 of 1 approvals stand".to_owned(),
            "Ask T-JOSH; they type `blotter approve 7.a1`, or sign elsewhere what `blotter approve 7.a1 --print` writes.".to_owned(),
        )
    );
    let mut s = approved();
    let Facts::ActionStarted(x) = &s.ask(start()).unwrap()[0] else { panic!() };
    assert_eq!((x.executor.as_str(), x.hash), ("T-OPS", s.incident().actions[0].hash));
    s.by("T-JOSH");
    assert_eq!(refused(s.ask(start())), "`T-JOSH` approved 7.a1 and may not execute it");
    s.by("T-OPS").after(900);
    assert_eq!(refused(s.ask(start())), "action 7.a1 is expired: 0 of 1 approvals stand");
    let s = started();
    assert_eq!(refused(s.ask(start())), "action 7.a1 is unknown, so it cannot be executed");
}

#[test]
fn a_running_action_is_started_not_lost() {
    let s = started();
    let actor = crate::record::testing::person("T-OPS");
    let asked = Asked { actor: &actor, now: s.now, ledger: crate::record::testing::LEDGER, running: true };
    let refusal = decide(&s.incident(), &s.events, &asked, start()).unwrap_err();
    assert_eq!(refusal, Refusal::WrongStatus { number: 7, n: 1, status: ActionStatus::Started, verb: "executed" });
}

#[test]
fn a_quorum_counts_different_persons_other_than_the_executor() {
    let two = ApprovalRule { from: ["T-JOSH", "T-ANA", "T-KIM"].map(str::to_owned).to_vec(), min: 2, ..rule() };
    let mut s = Story::opened();
    s.carry_out(Command::Propose(Proposal { rule: two, ..plan() })).unwrap();
    s.by("T-JOSH");
    s.carry_out(Command::Approve(approval(&s, "T-JOSH"))).unwrap();
    s.by("T-KIM");
    assert_eq!(refused(s.ask(start())), "action 7.a1 is proposed: 1 of 2 approvals stand");
    s.by("T-ANA");
    s.carry_out(Command::Approve(approval(&s, "T-ANA"))).unwrap();
    assert_eq!(refused(s.ask(start())), "`T-ANA` approved 7.a1 and may not execute it");
    assert!(s.by("T-KIM").ask(start()).is_ok());
    s.carry_out(Command::Approve(approval(&s, "T-KIM"))).unwrap();
    assert!(s.by("T-KIM").ask(start()).is_ok(), "two others stand");
}

#[test]
fn only_harmless_events_may_come_between_approval_and_start() {
    let harmless: Vec<Facts> = vec![
        note("x").into(),
        EvidenceCaptured { n: 1, observation: status_down(at("2026-03-22T02:14:00Z")) }.into(),
        attached(2, "x").into(),
        IncidentAcknowledged { occurred_at: None }.into(),
        EscalationDelivered { raised: 1, channel: "command".to_owned(), ok: true, detail: String::new() }.into(),
        FollowupAdded { n: 1, text: "x".to_owned(), class: None, owner: None, due: None }.into(),
        FollowupDone { n: 1, note: None }.into(),
        EventCorrected { seq: 4, text: "y".to_owned(), reason: "x".to_owned() }.into(),
        IncidentHandedOff { to: "T-ANA".to_owned(), note: None }.into(),
    ];
    let mut s = approved();
    for facts in harmless {
        s.add(facts);
        assert!(s.ask(start()).is_ok());
    }
    let weighty: Vec<Facts> = vec![
        SeverityChanged { from: "P0".to_owned(), to: "P1".to_owned(), reason: "x".to_owned(), rule: None }.into(),
        IncidentMitigated { reason: "x".to_owned(), occurred_at: None }.into(),
        IncidentLinked { incident: Some(1), runbook: None, reason: "x".to_owned() }.into(),
        ActionProposed { n: 2, action: "other".to_owned(), ..proposed() }.into(),
        RecoveryNotVerified { n: 9, verify: "v".to_owned(), reason: "x".to_owned(), verdict: Verdict::Unmet, evidence: Vec::new() }.into(),
        deploy("43", DeployStatus::Unknown, "2026-03-22T02:14:00Z").into(),
        Facts::Other { kind: "moon.landed".to_owned(), data: json!({}) },
    ];
    for facts in weighty {
        let mut s = approved();
        let kind = facts.kind().to_owned();
        s.add(facts);
        assert_eq!(refused(s.ask(start())), format!("action 7.a1 is stale: `{kind}` happened since it was approved, as 7.4"));
        s.by("T-JOSH");
        s.carry_out(Command::Approve(approval(&s, "T-JOSH"))).unwrap();
        assert!(s.by("T-OPS").ask(start()).is_ok(), "approved anew after {kind}");
    }
}

#[test]
fn manual_actions_may_go_without_approval() {
    let mut s = Story::opened();
    let none = ApprovalRule { from: Vec::new(), min: 0, expires_s: 0, allow_self: false, none: true };
    s.carry_out(Command::Propose(Proposal { kind: "manual".to_owned(), rule: none, ..plan() })).unwrap();
    assert_eq!(refused(s.ask(Command::Approve(approval(&s, "T-OPS")))), "action 7.a1 needs no approval");
    assert!(s.ask(start()).is_ok());
}

#[test]
fn outcomes_follow_a_start() {
    let done = |n| Command::Succeeded(ActionSucceeded { n, result: json!({}), text: "x".to_owned(), reconciled: false });
    let lost = || Command::Unknown(ActionUnknown { n: 1, error: "x".to_owned() });
    let stale = || Command::Stale(ActionStale { n: 1, reason: "prod moved to 43".to_owned() });
    let verified = || Command::Verified(RecoveryVerified { n: 1, verify: "v".to_owned(), passes: 3, evidence: Vec::new(), after_ms: 1 });
    let mut s = approved();
    assert_eq!(refused(s.ask(done(1))), "action 7.a1 is approved, so it cannot be recorded as succeeded");
    assert_eq!(refused(s.ask(done(2))), "incident 7 has no action a2");
    assert_eq!(refused(s.ask(lost())), "action 7.a1 is approved, so it cannot be recorded as unknown");
    assert_eq!(refused(s.ask(verified())), "action 7.a1 is approved, so it cannot be verified");
    let mut moved = s.clone();
    moved.carry_out(stale()).unwrap();
    assert_eq!(refused(moved.ask(start())), "action 7.a1 is stale, so it cannot be executed");
    s.carry_out(start()).unwrap();
    assert_eq!(refused(s.ask(stale())), "action 7.a1 is unknown, so it cannot be recorded as stale");
    s.carry_out(lost()).unwrap();
    assert_eq!(refused(s.ask(lost())), "action 7.a1 is unknown, so it cannot be recorded as unknown");
    s.carry_out(done(1)).unwrap();
    assert_eq!(refused(s.ask(done(1))), "action 7.a1 is succeeded, so it cannot be recorded as succeeded");
    s.carry_out(verified()).unwrap();
    assert_eq!(s.incident().status, Status::Mitigated);
}
