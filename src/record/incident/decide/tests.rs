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

mod actions;
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
    s.carry_out(ack()).unwrap();
    assert_eq!(refused(s.ask(ack())), "incident 7 was acknowledged at 2026-03-22T02:13:05.000Z by `T-OPS`");
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
    let changed = |rule: Option<&str>| {
        let (from, to, reason) = ("P2".to_owned(), "P0".to_owned(), "no recovery in 5m".to_owned());
        Facts::from(SeverityChanged { from, to, reason, rule: rule.map(str::to_owned) })
    };
    assert_eq!(facts[1], changed(Some("no-recovery")));
    assert_eq!(s.ask(raise(&s, "manual")).unwrap()[1], changed(None), "a person's decision is no rule's");
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
    let both = |incident, runbook: Option<&str>| {
        let (runbook, reason) = (runbook.map(str::to_owned), "same cause".to_owned());
        Command::Link { incident, runbook, reason }
    };
    let link = |incident| both(incident, None);
    assert_eq!(refused(s.ask(link(Some(7)))), "`7` is not a related incident");
    assert_eq!(refused(s.ask(link(None))), "the related incident is empty");
    s.carry_out(link(Some(6))).unwrap();
    assert_eq!(refused(s.ask(link(Some(6)))), "the related incident is `6` already");
    s.carry_out(both(Some(6), Some("INC-002"))).unwrap();
    s.carry_out(both(None, Some("INC-002"))).unwrap();
    assert_eq!(refused(s.ask(both(None, Some("INC-002")))), "the related incident is `INC-002` already");
    assert!(s.ask(both(Some(5), Some("INC-002"))).is_ok());
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
