//! Each rehearsal walks its runbook to the end, and what it writes says so.

use crate::harness::House;

/// Walks one alone; returns what it printed.
fn walked(id: &str) -> String {
    let house = House::new();
    let ran = house.run(&format!("drill {id} --auto"));
    assert_eq!(ran.code, 0, "{ran}");
    assert!(!house.path("exports").exists(), "a throw-away drill leaves no documents");
    assert!(ran.stdout.contains("\nOK  "), "the record is whole\n{ran}");
    let entry = ran.stdout.find(&format!("## DRILL: Incident 1: {id}")).unwrap_or_else(|| panic!("no entry\n{ran}"));
    let mut filters = house.filters();
    // An answer is a few bytes longer when its time is.
    filters.add_filter(r"\[HOST\](/prod/beak/[a-z/]+) \| \d+ \|", "[HOST]$1 | [SIZE] |");
    filters.bind(|| insta::assert_snapshot!(format!("entry-{id}"), &ran.stdout[entry..]));
    documents(&house, id);
    ran.stdout
}

/// Walks it once more into a ledger that stays, and holds the other documents it leaves to what they were.
fn documents(house: &House, id: &str) {
    house.ok(&format!("drill {id} --auto --store ledger/drill.db"));
    let mut filters = house.filters();
    filters.add_filter(r"`[0-9a-f]{8}`", "`[HASH]`");
    filters.add_filter(r"` [0-9a-f]{8}\b", "` [HASH]");
    // How many minutes of errors a window sees moves with the clock.
    filters.add_filter(r"(lambda\.errors_5m<br>.*)", "lambda.errors_5m [WINDOW]");
    filters.add_filter(r"\| \d+ \| ([a-z-]+ \d+)? ?\| `\[HASH\]`", "| [SIZE] | $1 | `[HASH]`");
    filters.add_filter(r"\[HOST\](/prod/beak/[a-z/]+) \| \d+ \|", "[HOST]$1 | [SIZE] |");
    filters.add_filter(r"\b(\d+m )?\[SPAN\]", "[SPAN]");
    filters.add_filter(r"sha256=[0-9a-f]+|sha256=\[HASH\]", "sha256=[HASH]");
    // Not said of what is recorded in the very millisecond in which it falls due.
    filters.add_filter(r" \(due \[TIME\]\)", "");
    for (name, path) in
        [("postmortem", format!("ledger/exports/postmortems/0001-{id}.md")), ("deploy-log", "ledger/exports/DEPLOY-LOG.md".to_owned())]
    {
        let text = std::fs::read_to_string(house.path(&path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        filters.bind(|| insta::assert_snapshot!(format!("{name}-{id}"), text));
    }
}

fn says(text: &str, wanted: &[&str]) {
    for w in wanted {
        assert!(text.contains(w), "`{w}` is not there\n{text}");
    }
}

#[test]
fn a_dead_lambda_is_rolled_back() {
    let text = walked("INC-001");
    says(
        &text,
        &[
            "$ blotter propose rollback",
            "$ blotter approve a1 --as T-JOSH",
            "mission-control-api:prod is at version 41; recovery verified",
            "approved by T-JOSH, signed",
            "a1 recovery verified",
            "Status **resolved**",
        ],
    );
}

#[test]
fn stalled_certificates_go_to_a_code_review() {
    let text = walked("INC-002");
    says(&text, &["escalated to T-JOSH for code-path review", "Status **resolved**"]);
}

#[test]
fn a_dead_fleet_becomes_a_p0_and_its_team_is_asked_to_restart() {
    let text = walked("INC-003");
    says(
        &text,
        &[
            "severity P1 -> P0 by rule lost-within-24h",
            "escalated to spaceduck-bot for agent restart",
            "decided what-is-it: stopped",
            "Status **resolved**",
        ],
    );
}

#[test]
fn stuck_pecks_are_stopped_once_they_are_approved() {
    let text = walked("INC-004");
    says(
        &text,
        &[
            "escalated to T-JOSH for more than 10 callback errors in 24 hours",
            "a1 succeeded: 4 stopped, 0 skipped of peck-approval-workflow",
            "Status **resolved**",
        ],
    );
}

#[test]
fn a_used_up_quota_asks_for_production_access_and_its_entry_has_the_numbers() {
    let text = walked("INC-005");
    says(
        &text,
        &["AWS took the request for production access", "user-impact (ask) | seen |", "reset-told (ask) | seen |", "Status **resolved**"],
    );
}
