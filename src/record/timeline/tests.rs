use super::*;
use crate::record::event::{EvidenceCaptured, NoteAdded};
use crate::record::testing::{Story, at, note, one_of_each, status_down};
use crate::record::verdict::Outcome;

#[test]
fn a_dead_lambda_line_by_line() {
    let s = Story::dead_lambda();
    let lines: Vec<_> = s.events.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "2026-03-22 02:13:00  T-OPS  incident 7 opened, P0: INC-001 Dead Lambda",
            "2026-03-22 02:13:02  T-OPS  e1 status unmet: 502, expected 200",
            "2026-03-22 02:13:02  T-OPS  e2 errors unmet: 17 events in 15m, expected none (truncated)",
            "2026-03-22 02:13:02  T-OPS  e3 alias unmet: prod -> 42, last known good is 41",
            "2026-03-22 02:13:20  T-OPS  acknowledged",
            "2026-03-22 02:14:00  T-OPS  note: nobody announced a deploy",
            "2026-03-22 02:14:05  T-OPS  escalated to T-JOSH for the rollback by manual, due 2026-03-22 02:14:05: the rollback needs T-JOSH",
            "2026-03-22 02:14:15  T-OPS  a1 proposed: lambda update-alias mission-control-api:prod 42 -> 41 in 121546003735 us-east-1",
            "2026-03-22 02:15:30  T-JOSH  a1 approved by T-JOSH (signed), until 2026-03-22 02:30:30: go",
            "2026-03-22 02:15:40  T-OPS  a1 started by T-OPS",
            "2026-03-22 02:15:41  T-OPS  a1 succeeded: mission-control-api:prod is at 41",
            "2026-03-22 02:15:56  T-OPS  e4 status met: 200",
            "2026-03-22 02:15:56  T-OPS  a1 recovery verified (recovered), 3 rounds in a row, 16 s after the start",
            "2026-03-22 02:17:56  T-OPS  severity P0 -> P2: service is back",
            "2026-03-22 02:18:26  T-OPS  f1 to do, T-JOSH, due 2026-03-29: find out who moved prod to 42",
            "2026-03-22 02:18:56  T-OPS  e5 attached: tiles.png (9 bytes): every tile red",
            "2026-03-22 02:22:56  T-OPS  resolved (temporary): prod pointed at version 42, which fails at start; rolled back to 41",
            "2026-03-22 03:22:56  T-OPS  event 6 corrected to: a deploy of 42 was announced in another channel (found the message)",
        ]
    );
}

#[test]
fn corrections_stand_in_the_timeline() {
    let s = Story::dead_lambda();
    let entries = entries(&s.events);
    assert_eq!(entries[5].summary, "note: a deploy of 42 was announced in another channel");
    assert_eq!(entries[5].corrected_by, Some(18));
    assert!(entries.iter().enumerate().all(|(i, e)| i == 5 || e.corrected_by.is_none()));
    assert_eq!(entries[0].when(), at("2026-03-22T02:11:00Z"));
    let json = serde_json::to_value(&entries[4]).unwrap();
    assert_eq!(json["type"], "incident.acknowledged");
    assert_eq!(json.get("corrected_by"), None);
}

#[test]
fn the_rarer_kinds() {
    let mut s = Story::opened();
    let lines: Vec<_> = one_of_each()
        .into_iter()
        .map(|f| {
            let kind = f.kind().to_owned();
            s.add(f);
            (kind, summary(s.events.last().unwrap()))
        })
        .collect();
    let of = |kind: &str| lines.iter().find(|(k, _)| k == kind).unwrap().1.as_str();
    assert_eq!(of("ledger.created"), "ledger 0c9d4a2e-7f51-4b8e-9a3d-5e6f70819203 created");
    assert_eq!(
        of("decision.made"),
        "decided cause: pulsed-and-stopped (#agents-stopped), where the evidence suggested never-pulsed: the feed is three hours long"
    );
    assert_eq!(of("escalation.delivered"), "escalation 7 not delivered by webhook: 503");
    assert_eq!(of("incident.handed_off"), "handed off to T-ANA: prod is at 41");
    assert_eq!(of("incident.linked"), "linked to incident 6 (INC-003): agents died at the same time");
    assert_eq!(of("approval.revoked"), "a1 approval of T-JOSH taken back: 41 is not tested");
    assert_eq!(of("action.denied"), "a1 denied by T-JOSH: wait for the logs");
    assert_eq!(of("action.stale"), "a1 stale: prod moved to 43");
    assert_eq!(of("action.failed"), "a1 failed: version 41 does not exist");
    assert_eq!(of("action.unknown"), "a1 outcome unknown: the connection was cut after the request");
    assert_eq!(of("recovery.not_verified"), "a1 recovery not verified (recovered, unmet): status still 502 after 5m");
    assert_eq!(of("incident.mitigated"), "mitigated: traffic moved away");
    assert_eq!(of("followup.done"), "f1 done: it was the nightly job");
    assert_eq!(of("incident.dismissed"), "dismissed: the page was a test");
    assert_eq!(of("incident.reopened"), "reopened: 502 again");
    assert_eq!(of("payload.erased"), "event 3 of observation/INC-001 erased, allowed by T-JOSH: held an address");
    assert_eq!(of("deploy.recorded"), "mission-control-api:prod 41 -> 42 (bad)");
    assert_eq!(of("observation.recorded"), "status unmet: 502, expected 200");
    assert!(lines.iter().all(|(_, l)| !l.is_empty()));
}

#[test]
fn hostile_text_stays_on_one_line() {
    let mut s = Story::opened();
    s.add(NoteAdded { section: Some("lucky".to_owned()), ..note("a\r\n| b\u{2028}c\u{7}\u{1b}[31m\td ") });
    assert_eq!(summary(&s.events[1]), "note (lucky): a | b c [31m d");
}

#[test]
fn not_having_looked_is_said() {
    let mut s = Story::opened();
    let observation = Observation {
        outcome: Outcome::NoCredentials,
        reason: Some("no credentials within 2 s".to_owned()),
        verdict: Some(Verdict::Unknown),
        ..status_down(s.now)
    };
    let seq = s.add(EvidenceCaptured { n: 1, observation });
    assert_eq!(summary(&s.events[1]), "e1 status unknown: no-credentials: no credentials within 2 s");
    s.erase(seq);
    assert_eq!(summary(&s.events[1]), "evidence.captured (erased)");
    s.add(Facts::Other { kind: "moon.landed".to_owned(), data: serde_json::Value::Null });
    assert_eq!(summary(&s.events[2]), "moon.landed (written by a newer version)");
}
