//! Given a story, when somebody asks, then these facts or this refusal.

use serde_json::json;

use crate::record::action::ActionStatus;
use crate::record::approval::Signed;
use crate::record::event::*;
use crate::record::id::Hash;
use crate::record::incident::{Head, Status};
use crate::record::observation::Source;
use crate::record::testing::{NONCE, Story, at, attached, deploy, note, proposed, rule, runbook, signed, status_down};
use crate::record::verdict::Verdict;

use super::*;

mod gate;

fn said(r: Result<Vec<Facts>, Refusal>) -> (String, String) {
    let refusal = r.unwrap_err();
    let (message, hint) = (refusal.to_string(), refusal.hint());
    assert!(hint.ends_with('.') && hint.len() > 10, "{hint}");
    assert!(!message.ends_with('.'), "{message}");
    (message, hint)
}

fn refused(r: Result<Vec<Facts>, Refusal>) -> String {
    said(r).0
}

fn ack() -> Command {
    Command::Acknowledge { occurred_at: None }
}

fn severity(to: &str) -> Command {
    Command::Severity { to: to.to_owned(), reason: "because".to_owned(), rule: None }
}

fn dismiss() -> Command {
    Command::Dismiss { reason: "a test page".to_owned() }
}

fn reopen() -> Command {
    Command::Reopen { reason: "502 again".to_owned() }
}

fn resolve() -> Resolve {
    Resolve {
        summary: "rolled back".to_owned(),
        impact: "none".to_owned(),
        resolution: None,
        missing: Vec::new(),
        without: Vec::new(),
        occurred_at: None,
    }
}

fn plan() -> Proposal {
    let p = proposed();
    Proposal {
        block: p.action,
        kind: p.kind,
        arguments: p.arguments,
        text: p.text,
        nonce: NONCE.to_owned(),
        runbook: runbook().hash,
        rule: rule(),
        by_hand: p.by_hand,
        requires: p.requires,
    }
}

fn approval(s: &Story, approver: &str) -> Approve {
    Approve {
        n: 1,
        approver: approver.to_owned(),
        hash: s.incident().actions[0].hash,
        head: s.head(),
        expires_at: s.now.plus_millis(900_000),
        comment: None,
        signed: signed(approver, &format!("{approver} {} {}", s.head().seq, s.now)),
    }
}

fn start() -> Command {
    Command::Start { n: 1, before: json!({}), source: Source::default(), glass: None }
}

/// Opened and `a1` proposed by T-OPS; T-JOSH acts next.
fn waiting() -> Story {
    let mut s = Story::opened();
    s.carry_out(Command::Propose(plan())).unwrap();
    s.by("T-JOSH").after(60);
    s
}

/// `a1` approved by T-JOSH; T-OPS acts next.
fn approved() -> Story {
    let mut s = waiting();
    s.carry_out(Command::Approve(approval(&s, "T-JOSH"))).unwrap();
    s.by("T-OPS").after(10);
    s
}

/// `a1` started by T-OPS.
fn started() -> Story {
    let mut s = approved();
    s.carry_out(start()).unwrap();
    s
}

#[test]
fn acknowledged_once() {
    let mut s = Story::opened();
    assert_eq!(s.ask(ack()).unwrap(), [IncidentAcknowledged { occurred_at: None }.into()]);
    s.carry_out(ack()).unwrap();
    assert_eq!(refused(s.ask(ack())), "incident 7 was acknowledged at 2026-03-22T02:13:00.000Z by `T-OPS`");
    s.carry_out(dismiss()).unwrap();
    assert_eq!(
        said(s.ask(ack())),
        ("incident 7 is dismissed".to_owned(), "Open it again with `blotter reopen -i 7 --reason \"…\"` if it is not over.".to_owned(),)
    );
    s.after(5).carry_out(reopen()).unwrap();
    assert!(s.ask(ack()).is_ok());
}

#[test]
fn nothing_happens_in_the_future() {
    let s = Story::opened();
    let later = Some(at("2026-03-22T02:13:00.001Z"));
    let (message, hint) = said(s.ask(Command::Acknowledge { occurred_at: later }));
    assert_eq!(message, "2026-03-22T02:13:00.001Z is in the future");
    assert!(hint.starts_with("It is 2026-03-22T02:13:00.000Z now"), "{hint}");
    assert!(s.ask(Command::Acknowledge { occurred_at: Some(s.now) }).is_ok());
    assert!(s.ask(Command::Note { text: "x".to_owned(), section: None, occurred_at: later }).is_err());
    assert!(s.ask(Command::Mitigate { reason: "x".to_owned(), occurred_at: later }).is_err());
    assert!(s.ask(Command::Resolve(Resolve { occurred_at: later, ..resolve() })).is_err());
    assert!(s.ask(Command::Attach(EvidenceAttached { occurred_at: later, ..attached(0, "x") })).is_err());
}

#[test]
fn notes_evidence_followups_and_corrections_are_welcome_after_the_end() {
    let mut s = Story::opened();
    let first = s.add(note("frist"));
    s.carry_out(Command::Resolve(resolve())).unwrap();
    assert!(s.ask(Command::Note { text: "late".to_owned(), section: Some("lucky".to_owned()), occurred_at: None }).is_ok());
    assert!(s.ask(Command::Attach(attached(0, "late.txt"))).is_ok());
    assert!(s.ask(Command::Capture(vec![EvidenceCaptured { n: 1, observation: status_down(s.now) }])).is_ok());
    let correct = Command::Correct { seq: first, text: "first".to_owned(), reason: "typo".to_owned() };
    assert!(s.ask(correct).is_ok());
    assert!(s.ask(Command::AddFollowup { text: "x".to_owned(), class: None, owner: None, due: None }).is_ok());
    assert_eq!(refused(s.ask(severity("P1"))), "incident 7 is resolved");
    assert_eq!(refused(s.ask(Command::Propose(plan()))), "incident 7 is resolved");
    assert_eq!(refused(s.ask(Command::Mitigate { reason: "x".to_owned(), occurred_at: None })), "incident 7 is resolved");
    assert_eq!(refused(s.ask(Command::HandOff { to: "T-JOSH".to_owned(), note: None })), "incident 7 is resolved");
    assert_eq!(refused(s.ask(Command::Resolve(resolve()))), "incident 7 is resolved");
}

#[test]
fn empty_texts_are_refused() {
    let s = Story::opened();
    let blank = || " \n".to_owned();
    assert_eq!(refused(s.ask(Command::Note { text: blank(), section: None, occurred_at: None })), "the note is empty");
    assert_eq!(refused(s.ask(Command::Dismiss { reason: blank() })), "the reason is empty");
    assert_eq!(refused(s.ask(Command::Resolve(Resolve { impact: blank(), ..resolve() }))), "the impact is empty");
    assert_eq!(refused(s.ask(Command::Resolve(Resolve { summary: blank(), ..resolve() }))), "the summary is empty");
}

#[test]
fn evidence_numbers_never_collide() {
    let mut s = Story::opened();
    let seen = |s: &Story, n| EvidenceCaptured { n, observation: status_down(s.now) };
    s.carry_out(Command::Capture(vec![seen(&s, 2), seen(&s, 1)])).unwrap();
    let ns: Vec<_> = s.incident().evidence.iter().map(|e| e.n).collect();
    assert_eq!(ns, [1, 2]);
    let facts = s.ask(Command::Capture(vec![seen(&s, 2), seen(&s, 4)])).unwrap();
    let ns: Vec<_> = facts.iter().map(|f| if let Facts::EvidenceCaptured(x) = f { x.n } else { 0 }).collect();
    assert_eq!(ns, [3, 5]);
    let Facts::EvidenceAttached(x) = &s.ask(Command::Attach(attached(0, "x"))).unwrap()[0] else { panic!() };
    assert_eq!(x.n, 3);
}

#[test]
fn a_person_raises_and_lowers_the_severity_and_a_rule_only_raises() {
    let mut s = Story::opened();
    assert_eq!(refused(s.ask(severity("P0"))), "the severity is `P0` already");
    assert_eq!(said(s.ask(severity("p1"))), ("`p1` is not a severity".to_owned(), "It is one of P0, P1, P2, P3, P4.".to_owned()));
    s.carry_out(severity("P3")).unwrap();
    s.carry_out(severity("P1")).unwrap();
    let by_rule = |to: &str| Command::Severity { to: to.to_owned(), reason: "x".to_owned(), rule: Some("r".to_owned()) };
    assert_eq!(refused(s.ask(by_rule("P2"))), "rule `r` may not lower the severity from P1 to P2");
    s.carry_out(by_rule("P0")).unwrap();
    assert_eq!(s.incident().severity, "P0");
}

#[test]
fn mitigated_once_and_again_after_reopening() {
    let mut s = Story::opened();
    let mitigate = || Command::Mitigate { reason: "traffic moved".to_owned(), occurred_at: None };
    s.carry_out(mitigate()).unwrap();
    assert_eq!(s.incident().status, Status::Mitigated);
    assert_eq!(refused(s.ask(mitigate())), "incident 7 was mitigated at 2026-03-22T02:13:00.000Z");
    s.carry_out(Command::Resolve(resolve())).unwrap();
    s.carry_out(reopen()).unwrap();
    assert!(s.ask(mitigate()).is_ok());
}

#[test]
fn resolving_asks_for_what_the_runbook_insists_on() {
    let s = Story::opened();
    let missing = vec!["ask:user-impact".to_owned(), "reading:ses.sent_24h".to_owned()];
    let waive = |what: &str| Waived { what: what.to_owned(), because: "asked support".to_owned() };
    let (message, hint) = said(s.ask(Command::Resolve(Resolve { missing: missing.clone(), ..resolve() })));
    assert_eq!(message, "incident 7 still lacks `ask:user-impact`, `reading:ses.sent_24h`");
    assert_eq!(
        hint,
        "Answer with `blotter collect -i 7 --probe user-impact --answer …`, or add `--without ask:user-impact --because \"…\"`."
    );
    let one = Resolve { missing: missing.clone(), without: vec![waive("ask:user-impact")], ..resolve() };
    assert_eq!(refused(s.ask(Command::Resolve(one))), "incident 7 still lacks `reading:ses.sent_24h`");
    let without = vec![waive("ask:user-impact"), waive("reading:ses.sent_24h")];
    let Facts::IncidentResolved(x) = &s.ask(Command::Resolve(Resolve { missing, without, ..resolve() })).unwrap()[0] else { panic!() };
    assert_eq!(x.without.len(), 2);
    let idle = Resolve { without: vec![waive("ask:x")], ..resolve() };
    assert_eq!(refused(s.ask(Command::Resolve(idle))), "`ask:x` is not missing");
    let odd = Resolve { resolution: Some("maybe".to_owned()), ..resolve() };
    assert_eq!(refused(s.ask(Command::Resolve(odd))), "`maybe` is not a resolution");
}

#[test]
fn nothing_ends_while_an_action_is_undecided() {
    let mut s = started();
    assert_eq!(
        said(s.ask(Command::Resolve(resolve()))),
        ("action 7.a1 is unknown".to_owned(), "Find out how it ended with `blotter execute 7.a1`, which looks first.".to_owned(),)
    );
    s.carry_out(Command::Unknown(ActionUnknown { n: 1, error: "cut off".to_owned() })).unwrap();
    assert_eq!(refused(s.ask(dismiss())), "action 7.a1 is unknown");
    s.carry_out(Command::Failed(ActionFailed { n: 1, error: "refused".to_owned(), result: json!({}), reconciled: true })).unwrap();
    assert!(s.ask(dismiss()).is_ok());
    assert!(s.ask(Command::Resolve(resolve())).is_ok());
}

#[test]
fn only_what_is_over_is_reopened() {
    let mut s = Story::opened();
    assert_eq!(refused(s.ask(reopen())), "incident 7 is open, so there is nothing to reopen");
    s.carry_out(dismiss()).unwrap();
    s.carry_out(reopen()).unwrap();
    assert_eq!(s.incident().status, Status::Open);
}

#[test]
fn handing_off_changes_the_owner() {
    let mut s = Story::opened();
    let to = |who: &str| Command::HandOff { to: who.to_owned(), note: None };
    assert_eq!(refused(s.ask(to("T-OPS"))), "the owner is `T-OPS` already");
    s.carry_out(to("T-JOSH")).unwrap();
    assert_eq!(s.incident().owner, "T-JOSH");
}

#[test]
fn a_rule_is_raised_once_and_again_after_reopening_but_a_person_as_often_as_needed() {
    let mut s = Story::opened();
    s.carry_out(severity("P2")).unwrap();
    let raise = |s: &Story, rule: &str| Command::Escalate {
        raised: EscalationRaised {
            rule: rule.to_owned(),
            to: "T-JOSH".to_owned(),
            purpose: None,
            due_at: s.now,
            reason: "no recovery in 5m".to_owned(),
        },
        severity: Some("P0".to_owned()),
    };
    let facts = s.ask(raise(&s, "no-recovery")).unwrap();
    assert_eq!(facts.iter().map(Facts::kind).collect::<Vec<_>>(), ["escalation.raised", "severity.changed"]);
    s.carry_out(raise(&s, "no-recovery")).unwrap();
    assert_eq!(refused(s.ask(raise(&s, "no-recovery"))), "escalation `no-recovery` was raised already, as 7.3");
    assert_eq!(s.ask(raise(&s, "manual")).unwrap().len(), 1, "the severity is P0 already");
    s.carry_out(raise(&s, "manual")).unwrap();
    assert!(s.ask(raise(&s, "manual")).is_ok());
    s.after(1).carry_out(dismiss()).unwrap();
    s.after(1).carry_out(reopen()).unwrap();
    assert!(s.ask(raise(&s, "no-recovery")).is_ok());
    let delivered =
        |raised| Command::Delivered(EscalationDelivered { raised, channel: "command".to_owned(), ok: true, detail: String::new() });
    assert!(s.ask(delivered(3)).is_ok());
    assert_eq!(refused(s.ask(delivered(1))), "incident 7 has no escalation 7.1");
}

#[test]
fn links_name_another_incident_once() {
    let mut s = Story::opened();
    let link = |incident| Command::Link { incident, runbook: None, reason: "same cause".to_owned() };
    assert_eq!(refused(s.ask(link(Some(7)))), "`7` is not a related incident");
    assert_eq!(refused(s.ask(link(None))), "the related incident is empty");
    s.carry_out(link(Some(6))).unwrap();
    assert_eq!(refused(s.ask(link(Some(6)))), "the related incident is `6` already");
}

#[test]
fn decisions_are_made_while_it_is_going_on() {
    let mut s = Story::opened();
    let decision = || {
        Command::Decide(DecisionMade {
            decide: "cause".to_owned(),
            suggested: None,
            branch: "never-pulsed".to_owned(),
            then: "dismiss".to_owned(),
            reason: None,
            evidence: Vec::new(),
        })
    };
    assert!(s.ask(decision()).is_ok());
    s.carry_out(dismiss()).unwrap();
    assert_eq!(refused(s.ask(decision())), "incident 7 is dismissed");
}

#[test]
fn only_texts_of_people_are_corrected() {
    let mut s = Story::opened();
    let seq = s.add(note("frist"));
    let correct = |seq, text: &str| Command::Correct { seq, text: text.to_owned(), reason: "typo".to_owned() };
    assert_eq!(refused(s.ask(correct(9, "x"))), "incident 7 has no event 7.9");
    assert_eq!(refused(s.ask(correct(1, "x"))), "event 7.1 is `incident.opened`, which has no text to correct");
    assert_eq!(refused(s.ask(correct(seq, "frist"))), "the text is `frist` already");
    let first = s.carry_out(correct(seq, "first")).unwrap();
    assert_eq!(refused(s.ask(correct(seq, "first"))), "the text is `first` already");
    assert!(s.ask(correct(seq, "frist")).is_ok(), "back again is a change");
    assert_eq!(refused(s.ask(correct(first, "x"))), "event 7.3 is `event.corrected`, which has no text to correct");
    s.erase(seq);
    assert_eq!(refused(s.ask(correct(seq, "x"))), "event 7.2 is `note.added`, which has no text to correct");
    let file = s.carry_out(Command::Attach(EvidenceAttached { note: None, ..attached(0, "x") })).unwrap();
    assert!(s.ask(correct(file, "the tiles at 02:13")).is_ok());
}

#[test]
fn followups_are_added_and_done_once() {
    let mut s = Story::opened();
    let add = |class: Option<&str>, due: Option<&str>| Command::AddFollowup {
        text: "alarm on drift".to_owned(),
        class: class.map(str::to_owned),
        owner: None,
        due: due.map(str::to_owned),
    };
    assert_eq!(refused(s.ask(add(Some("x"), None))), "`x` is not a class of follow-up");
    for due in ["2026-02-30", "tomorrow", "2026-2-3"] {
        assert_eq!(refused(s.ask(add(None, Some(due)))), format!("`{due}` is not a date"));
    }
    s.carry_out(add(Some("detective"), Some("2026-12-01"))).unwrap();
    s.carry_out(add(None, None)).unwrap();
    let done = |n| Command::FinishFollowup { n, note: None };
    assert_eq!(refused(s.ask(done(3))), "incident 7 has no follow-up f3");
    s.carry_out(done(2)).unwrap();
    assert_eq!(refused(s.ask(done(2))), "follow-up 7.f2 was done at 2026-03-22T02:13:00.000Z");
}

#[test]
fn the_same_runbook_is_not_opened_twice_unawares() {
    let mut s = Story::opened();
    let mut brief = Brief::begin(&s.events[0]).unwrap();
    let (message, hint) = said(may_open(std::slice::from_ref(&brief), "INC-001").map(|()| Vec::new()));
    assert_eq!(message, "incident 7 of `INC-001` is open already");
    assert_eq!(hint, "Look again with `blotter collect -i 7`, or open a second one with `blotter open INC-001 --another`.");
    assert!(may_open(std::slice::from_ref(&brief), "INC-002").is_ok());
    s.carry_out(dismiss()).unwrap();
    brief.apply(&s.events[1]);
    assert!(may_open(&[brief], "INC-001").is_ok());
}

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
    assert_eq!(refused(started().ask(Command::Propose(plan()))), "action 7.a1 (`rollback`) is unknown");
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
