//! Reading never writes: the ledger's bytes are the same before and after.

use std::collections::BTreeSet;

use crate::harness::{House, Ran};
use crate::help::commands;

/// What reads, as it is tried below.
const READING: &[&str] = &[
    "show",
    "list",
    "search",
    "stats",
    "readings",
    "triage",
    "verify",
    "export",
    "runbook",
    "deploy list",
    "doctor",
    "completions",
    "man",
    "redact",
    "followup list",
    "postmortem",
    "render",
    "checkpoint",
    "backup",
    "sign",
];

/// What appends, makes a ledger, or works on a ledger of its own.
const APPENDING: &[&str] = &[
    "open",
    "ack",
    "collect",
    "attach",
    "note",
    "correct",
    "severity",
    "decide",
    "escalate",
    "handoff",
    "propose",
    "approve",
    "deny",
    "revoke",
    "execute",
    "review",
    "mitigate",
    "followup add",
    "followup done",
    "resolve",
    "dismiss",
    "reopen",
    "erase",
    "observe",
    "tick",
    "rebuild",
    "deploy record",
    "deploy import",
    "drill",
    "init",
];

#[test]
fn every_command_is_known_to_read_or_to_append() {
    let known: BTreeSet<_> = READING.iter().chain(APPENDING).copied().collect();
    let is_known = |words: &[String]| (1..=words.len()).any(|n| known.contains(words[..n].join(" ").as_str()));
    let new: Vec<_> =
        commands().into_iter().filter(|(words, c)| !c.has_subcommands() && !is_known(words)).map(|(w, _)| w.join(" ")).collect();
    assert!(new.is_empty(), "say in tests/it/reading.rs whether {new:?} read or append, and try those that read");
}

/// A ledger with something of everything in it.
fn lived_in() -> House {
    let house = House::beside("INC-001");
    house.ok("deploy record --version 41 --status good --function mission-control-api --alias prod");
    house.ok("open INC-001 --answer tiles-red=yes");
    house.ok("note 'looking'");
    house.feed("attach - --name proxy.log", b"GET /beak 502\n");
    house.ok("followup add 'look at the deploy' --owner T-ANA");
    house
}

/// Command lines of what reads; each works on what [`lived_in`] has.
const LINES: &[&str] = &[
    "show",
    "show 1 --timeline",
    "show e1 -i 1",
    "show 1.e9",
    "show --json",
    "list",
    "list --all --json",
    "followup list -i 1",
    "readings",
    "readings --json",
    "deploy list",
    "deploy list --json",
    "runbook list",
    "runbook show INC-001",
    "runbook check",
    "verify",
    "verify --json",
    "checkpoint",
    "checkpoint --json",
];

#[test]
fn what_reads_leaves_the_ledger_as_it_was() {
    let house = lived_in();
    let before = house.ledger_bytes();
    assert!(before.contains_key("blotter.db"), "{:?}", before.keys());
    for line in LINES {
        let ran = house.run(line);
        assert!(matches!(ran.code, 0 | 11), "blotter {line}\n{ran}");
        assert_same(&house, &before, line, &ran);
    }
    let ran = house.ok(&format!("export {}", house.path("bundle").display()));
    assert_same(&house, &before, "export", &ran);
    let ran = house.run("triage");
    assert_eq!(ran.code, 10, "{ran}");
    assert_same(&house, &before, "triage", &ran);
}

#[test]
fn a_left_over_wal_is_read_from_a_copy() {
    let house = lived_in();
    // As after a crash, or in a copy that somebody took: the log, but not what SQLite shares between processes.
    assert!(std::fs::metadata(house.path("ledger/blotter.db-wal")).is_ok_and(|m| m.len() > 0), "{:?}", house.ledger_bytes().keys());
    std::fs::remove_file(house.path("ledger/blotter.db-shm")).expect("it was there");
    let before = house.ledger_bytes();
    for line in LINES {
        let ran = house.run(line);
        assert!(matches!(ran.code, 0 | 11), "blotter {line}\n{ran}");
        assert_same(&house, &before, line, &ran);
    }
    let left: Vec<_> = std::fs::read_dir(house.tmp()).expect("a folder").collect();
    assert!(left.is_empty(), "the private copy was left behind: {left:?}");
}

#[track_caller]
fn assert_same(house: &House, before: &std::collections::BTreeMap<String, Vec<u8>>, line: &str, ran: &Ran) {
    let after = house.ledger_bytes();
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "blotter {line} changed which files there are\n{ran}");
    for (name, bytes) in before {
        // What SQLite shares between processes are marks of who reads, not content; it is rebuilt from the log.
        if !name.ends_with("-shm") {
            assert!(bytes == &after[name], "blotter {line} changed {name}\n{ran}");
        }
    }
}

#[test]
fn nothing_is_read_without_a_ledger_and_none_is_made() {
    let house = House::new();
    for line in ["show", "verify", "readings", "export bundle"] {
        let ran = house.run(line);
        assert!(matches!(ran.code, 0..=2), "blotter {line}\n{ran}");
    }
    assert!(!house.ledger().exists());
}
