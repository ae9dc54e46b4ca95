use serde_json::json;

use super::*;
use crate::record::event::{
    ActionFailed, ActionProposed, ActionStarted, ActionSucceeded, ActionUnknown, EscalationRaised, IncidentAcknowledged, IncidentDismissed,
    IncidentMitigated, IncidentReopened, IncidentResolved, RecoveryNotVerified, RecoveryVerified, SeverityChanged,
};
use crate::record::testing::{Story, proposed, source};
use crate::runbook::testing::{World, runbook};

use DueStatus::{CalledOff, Due as DueNow, Fired, Running, Unknown, Waiting};

fn book(rest: &str) -> Runbook {
    runbook("T-1", &format!("```toml escalate\nid = \"tell\"\nto = \"ANA\"\nfor = \"help\"\n{rest}\n```\n"))
}

/// The rule's state at the story's own time.
fn rule(rest: &str, s: &Story) -> Due {
    rule_in(rest, s, World::new())
}

fn rule_in(rest: &str, s: &Story, world: World) -> Due {
    let incident = s.incident();
    let world = World { now: s.now, since: incident.opened_at, ..world };
    world.with(|f| due(&book(rest), &incident, f)).remove(0)
}

fn status(rest: &str, s: &Story) -> DueStatus {
    rule(rest, s).status
}

/// Seconds from the opening to when it falls due.
fn due_after(rest: &str, s: &Story) -> i64 {
    let opened = s.incident().opened_at;
    rule(rest, s).due_at.unwrap().since(opened) / 1000
}

/// `fix` is proposed as action `n` and started.
fn start(s: &mut Story, n: u64) {
    s.add(ActionProposed { n, action: "fix".to_owned(), ..proposed() });
    s.after(60);
    s.add(ActionStarted { n, hash: proposed().hash, executor: "T-OPS".to_owned(), before: json!({}), source: source() });
}

fn fail(s: &mut Story, n: u64) {
    s.add(ActionFailed { n, error: "refused".to_owned(), result: json!({}), reconciled: false });
}

fn succeed(s: &mut Story, n: u64) {
    s.add(ActionSucceeded { n, result: json!({}), text: "done".to_owned(), reconciled: false });
}

fn recover(s: &mut Story, n: u64, verify: &str) {
    s.add(RecoveryVerified { n, verify: verify.to_owned(), passes: 1, evidence: Vec::new(), after_ms: 1 });
}

fn resolve(s: &mut Story) {
    s.add(IncidentResolved { summary: "S".to_owned(), impact: "I".to_owned(), resolution: None, without: Vec::new(), occurred_at: None });
}

fn acknowledge(s: &mut Story) {
    s.add(IncidentAcknowledged { occurred_at: None });
}

fn mitigate(s: &mut Story) {
    s.add(IncidentMitigated { reason: "R".to_owned(), occurred_at: None });
}

fn dismiss(s: &mut Story) {
    s.add(IncidentDismissed { reason: "R".to_owned() });
}

fn reopen(s: &mut Story) {
    s.add(IncidentReopened { reason: "again".to_owned() });
}

const AFTER_FIX: &str = "after = \"fix\"\nwithin = \"5m\"\nunless = \"recovered\"";

#[test]
fn the_clock_starts_when_the_action_is_started() {
    let mut s = Story::opened();
    s.after(30);
    let waiting = rule(AFTER_FIX, &s);
    assert_eq!((waiting.status, waiting.due_at, waiting.reason.as_str()), (Waiting, None, "`fix` has not been started"));
    start(&mut s, 1);
    s.after(60);
    let running = rule(AFTER_FIX, &s);
    assert_eq!((running.status, due_after(AFTER_FIX, &s)), (Running, 30 + 60 + 300), "not from the proposal");
    assert_eq!(running.reason, "`fix` (a1) was started at 2026-03-22 02:14:30, 4m left unless `recovered`");
    succeed(&mut s, 1);
    assert_eq!(status(AFTER_FIX, &s), Running, "done is not recovered");
    s.after(239);
    assert_eq!(status(AFTER_FIX, &s), Running);
    s.after(1);
    let due = rule(AFTER_FIX, &s);
    assert_eq!((due.status, due.to.as_str(), due.purpose.as_deref()), (DueNow, "ANA", Some("help")));
    assert_eq!(due.reason, "5m since `fix` (a1) was started and it is not `recovered`");
}

#[test]
fn an_action_that_failed_or_is_unknown_falls_due_at_once() {
    let mut failed = Story::opened();
    start(&mut failed, 1);
    failed.after(20);
    fail(&mut failed, 1);
    failed.after(10);
    let found = rule(AFTER_FIX, &failed);
    assert_eq!((found.status, due_after(AFTER_FIX, &failed), found.reason.as_str()), (DueNow, 80, "`fix` (a1) failed: refused"));

    let mut unknown = Story::opened();
    start(&mut unknown, 1);
    unknown.after(20).add(ActionUnknown { n: 1, error: "cut off".to_owned() });
    let found = rule(AFTER_FIX, &unknown);
    assert_eq!((found.status, found.reason.as_str()), (DueNow, "nobody can say how `fix` (a1) ended: cut off"));

    let mut late = Story::opened();
    start(&mut late, 1);
    late.after(400);
    fail(&mut late, 1);
    assert_eq!(due_after(AFTER_FIX, &late), 360, "it was due before it failed");
}

#[test]
fn recovery_calls_the_clock_off_only_in_time() {
    let mut s = Story::opened();
    start(&mut s, 1);
    s.after(300);
    recover(&mut s, 1, "better");
    assert_eq!(status(AFTER_FIX, &s), CalledOff, "at the last moment");
    s.after(3600);
    assert_eq!(status(AFTER_FIX, &s), CalledOff, "and it stays so");

    let mut late = Story::opened();
    start(&mut late, 1);
    late.after(301);
    recover(&mut late, 1, "better");
    assert_eq!(status(AFTER_FIX, &late), DueNow, "somebody should have been told before");

    let mut not = Story::opened();
    start(&mut not, 1);
    not.after(100).add(RecoveryNotVerified {
        n: 1,
        verify: "better".to_owned(),
        reason: "502".to_owned(),
        verdict: Verdict::Unmet,
        evidence: Vec::new(),
    });
    not.after(300);
    assert_eq!(status(AFTER_FIX, &not), DueNow);
}

#[test]
fn a_second_execution_is_not_called_off_by_the_recovery_after_the_first() {
    let mut s = Story::opened();
    start(&mut s, 1);
    s.after(10);
    recover(&mut s, 1, "better");
    s.after(600);
    start(&mut s, 2);
    let found = rule(AFTER_FIX, &s);
    assert_eq!((found.status, due_after(AFTER_FIX, &s)), (Running, 60 + 10 + 600 + 60 + 300));
    fail(&mut s, 2);
    assert_eq!(rule(AFTER_FIX, &s).reason, "`fix` (a2) failed: refused");
}

#[test]
fn what_calls_a_clock_off() {
    // What happens two minutes after the opening, and which `unless` it satisfies.
    type Happens = fn(&mut Story);
    let table: [(&str, Happens, &[&str]); 6] = [
        ("nothing", |_| {}, &[]),
        ("acknowledged", acknowledge, &["acknowledged"]),
        ("mitigated", mitigate, &["mitigated"]),
        ("verified", |s| recover(s, 1, "better"), &["recovered", "better", "mitigated"]),
        ("verified otherwise", |s| recover(s, 1, "other"), &["recovered", "mitigated"]),
        ("resolved", resolve, &["acknowledged", "mitigated", "recovered", "resolved", "better"]),
    ];
    for (what, happens, called_off) in table {
        for unless in ["acknowledged", "mitigated", "recovered", "resolved", "better"] {
            let mut s = Story::opened();
            start(&mut s, 1);
            s.after(120);
            happens(&mut s);
            s.after(3600);
            let found = status(&format!("after = \"fix\"\nwithin = \"5m\"\nunless = \"{unless}\""), &s);
            assert_eq!(found == CalledOff, called_off.contains(&unless), "{what}, unless {unless}: {found}");
        }
    }
}

#[test]
fn without_unless_only_the_end_of_the_incident_calls_it_off() {
    let rest = "after = \"opened\"\nwithin = \"5m\"";
    let mut s = Story::opened();
    s.after(120).add(IncidentAcknowledged { occurred_at: None });
    s.after(200);
    assert_eq!(status(rest, &s), DueNow);
    for end in ["resolved", "dismissed"] {
        let (mut in_time, mut late) = (Story::opened(), Story::opened());
        for (s, seconds) in [(&mut in_time, 300), (&mut late, 301)] {
            s.after(seconds);
            match end {
                "resolved" => resolve(s),
                _ => dismiss(s),
            }
            s.after(3600);
        }
        assert_eq!((status(rest, &in_time), status(rest, &late)), (CalledOff, DueNow), "{end}");
    }
}

const UNLESS_ACK: &str = "after = \"opened\"\nwithin = \"5m\"\nunless = \"acknowledged\"";

#[test]
fn the_clock_of_opened_starts_anew_at_a_reopening_and_wants_a_new_acknowledgement() {
    let mut s = Story::opened();
    s.after(60).add(IncidentAcknowledged { occurred_at: None });
    assert_eq!((status(UNLESS_ACK, &s), due_after(UNLESS_ACK, &s)), (CalledOff, 300));
    s.after(600);
    resolve(&mut s);
    s.after(3600);
    reopen(&mut s);
    s.after(60);
    let again = rule(UNLESS_ACK, &s);
    assert_eq!((again.status, due_after(UNLESS_ACK, &s)), (Running, 60 + 600 + 3600 + 300));
    assert!(again.reason.starts_with("the incident was reopened at"), "{}", again.reason);
    s.add(IncidentAcknowledged { occurred_at: None });
    assert_eq!(status(UNLESS_ACK, &s), CalledOff);
    assert_eq!(s.incident().acknowledged.unwrap().0, s.now);
}

#[test]
fn a_rule_fires_once_and_again_after_a_reopening() {
    let raised = |s: &Story| EscalationRaised {
        rule: "tell".to_owned(),
        to: "ANA".to_owned(),
        purpose: None,
        due_at: s.now,
        reason: "it was due".to_owned(),
    };
    let mut s = Story::opened();
    s.after(400);
    assert_eq!(status(UNLESS_ACK, &s), DueNow);
    s.add(raised(&s));
    s.after(3600);
    let fired = rule(UNLESS_ACK, &s);
    assert_eq!((fired.status, fired.reason.as_str()), (Fired, "it was due"));
    resolve(&mut s);
    assert_eq!(status(UNLESS_ACK, &s), Fired);
    s.after(10);
    reopen(&mut s);
    assert_eq!(status(UNLESS_ACK, &s), Running);
    s.after(300);
    assert_eq!(status(UNLESS_ACK, &s), DueNow);
    s.add(raised(&s));
    assert_eq!(status(UNLESS_ACK, &s), Fired);
    let other = EscalationRaised { rule: "other".to_owned(), ..raised(&s) };
    let mut s = Story::opened();
    s.add(other);
    assert_eq!(status(UNLESS_ACK, &s), Running, "another rule's firing is another's");
}

#[test]
fn an_execution_before_the_reopening_starts_no_clock() {
    let mut s = Story::opened();
    start(&mut s, 1);
    fail(&mut s, 1);
    resolve(&mut s);
    s.after(10);
    reopen(&mut s);
    assert_eq!(status(AFTER_FIX, &s), Waiting);
    start(&mut s, 2);
    assert_eq!(status(AFTER_FIX, &s), Running);
}

#[test]
fn a_rule_only_raises_the_severity() {
    let to_p1 = "after = \"opened\"\nwithin = \"5m\"\nseverity = \"P1\"";
    let mut s = Story::opened();
    assert_eq!((s.incident().severity.as_str(), rule(to_p1, &s).severity), ("P0", None), "P1 would lower it");
    for (now, raised) in [("P2", Some("P1")), ("P1", None), ("P4", Some("P1")), ("P0", None)] {
        let from = s.incident().severity;
        s.add(SeverityChanged { from, to: now.to_owned(), reason: "R".to_owned(), rule: None });
        assert_eq!(rule(to_p1, &s).severity.as_deref(), raised, "from {now}");
    }
}

#[test]
fn a_condition_falls_due_at_the_first_instant_it_was_met() {
    let when = "when = \"increase(n, 1h) > 10\"";
    let mut s = Story::opened();
    s.after(3600);
    let noon = World { now: s.now, ..World::new() };
    let world = noon.clone().read("n", &[(120, 0.0), (60, 1.0), (40, 12.0), (20, 12.0), (0, 12.0)]);
    let found = rule_in(when, &s, world.clone());
    assert_eq!((found.status, found.due_at), (DueNow, Some(s.now.plus_millis(-40 * 60_000))));
    assert_eq!(found.reason, "increase(n, 1h) is 12 (> 10), counted from 20m before the window; as of 2026-03-22 02:33:00");
    let flat = noon.clone().read("n", &(0..=24).map(|k| (k * 10, 1.0)).collect::<Vec<_>>());
    assert_eq!(rule_in(when, &s, flat).status, Waiting);
    assert_eq!(rule_in(when, &s, noon).status, Unknown, "no reading is no answer");
    // What has fallen due before the end stays to be told until it is over.
    resolve(&mut s);
    assert_eq!(rule_in(when, &s, world.clone()).status, CalledOff);
    s.after(600);
    reopen(&mut s);
    let calm =
        World { now: s.now, ..World::new() }.read("n", &(0..=30).map(|k| (k * 10, if k > 7 { 1.0 } else { 12.0 })).collect::<Vec<_>>());
    assert_ne!(rule_in(when, &s, calm).status, CalledOff);
}

#[test]
fn every_rule_is_in_the_answer_in_the_runbooks_order() {
    let block = |id: &str, rest: &str| format!("```toml escalate\nid = \"{id}\"\nto = \"ANA\"\n{rest}\n```\n\n");
    let book =
        runbook("T-1", &(block("z1", UNLESS_ACK) + &block("a1", AFTER_FIX) + &block("m1", "when = { decided = \"way\", branch = \"x\" }")));
    let mut s = Story::opened();
    s.after(60);
    let world = World { now: s.now, since: s.incident().opened_at, ..World::new() }.decided("way", "x");
    let found = world.with(|f| due(&book, &s.incident(), f));
    let short: Vec<_> = found.iter().map(|d| (d.rule.as_str(), d.status, d.status.to_string())).collect();
    assert_eq!(short, [("z1", Running, "running".to_owned()), ("a1", Waiting, "waiting".to_owned()), ("m1", DueNow, "due".to_owned())]);
}
