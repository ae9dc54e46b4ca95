//! Each system call of a command fails once, the process dies at each, and the disk is full from some byte on: an error that
//! says so, nothing acknowledged is lost, no document is half written, the next run works.

use std::collections::BTreeMap;

use blotter::record::event::{Event, Facts};

use crate::harm::{Harmed, harm_each_call};
use crate::person::{self, files, notes, run};
use crate::rig::Rig;

fn opened(events: &[Event]) -> usize {
    events.iter().filter(|e| matches!(e.facts, Facts::IncidentOpened(_))).count()
}

/// The incident is in the record, or in a file from which it can be put there.
fn nothing_seen_is_lost(harmed: &Harmed<'_>, before: usize) {
    let recorded = opened(&harmed.events()) - before;
    assert!(recorded <= 1 && (recorded == 1 || !harmed.succeeded()), "{}", harmed.which);
    if harmed.output.status.code() == Some(1) && recorded == 0 {
        let error = harmed.error();
        let spool = error.split("`blotter open --from ").nth(1).and_then(|s| s.split('`').next());
        let spool = spool.unwrap_or_else(|| panic!("nothing was put aside: {}", harmed.which));
        harmed.then(&["open", "--from", spool]);
        assert_eq!(opened(&harmed.events()), before + 1, "{}", harmed.which);
    }
    harmed.then(&["open", "INC-002", "--no-probes"]);
    harmed.is_tidy();
}

#[test]
fn each_call_of_the_first_open_may_fail() {
    harm_each_call(&Rig::new(), &["open", "INC-001", "--no-probes"], |h| nothing_seen_is_lost(h, 0));
}

#[test]
fn each_call_of_a_later_open_may_fail() {
    let world = person::a_ledger_in_use();
    harm_each_call(&world, &["open", "INC-003", "--no-probes"], |h| nothing_seen_is_lost(h, 1));
}

#[test]
fn each_call_of_note_may_fail() {
    let world = person::a_ledger_in_use();
    harm_each_call(&world, &["note", "third"], |h| {
        let after = h.events();
        let third = notes(&after).iter().filter(|n| **n == "third").count();
        assert!(third <= 1 && (third == 1 || !h.succeeded()), "{}", h.which);
        h.then(&["note", "fourth"]);
        assert_eq!(notes(&h.events()).last(), Some(&"fourth"), "{}", h.which);
        h.is_tidy();
    });
}

/// A ledger whose log has grown so far that the next note is to be the last in it.
fn a_ledger_with_a_long_log() -> Rig {
    let world = person::a_ledger_in_use();
    let heap = world.home().join("heap.bin");
    let mut bytes = vec![0; 800_000];
    getrandom::fill(&mut bytes).unwrap();
    std::fs::write(&heap, bytes).unwrap();
    run(&world, &["attach", heap.to_str().unwrap()]);
    loop {
        let ahead = Rig::like(&world.world());
        run(&ahead, &["note", "third"]);
        match log_of(&ahead) {
            0 => return world,
            more => assert!(more > log_of(&world), "the log never ends"),
        }
        run(&world, &["note", "one more"]);
    }
}

fn log_of(rig: &Rig) -> u64 {
    std::fs::metadata(rig.store().with_extension("db-wal")).unwrap().len()
}

#[test]
fn each_call_of_a_note_that_ends_the_log_may_fail() {
    let world = a_ledger_with_a_long_log();
    assert!(log_of(&world) > 800_000);
    harm_each_call(&world, &["note", "third"], |h| {
        let third = notes(&h.events()).iter().filter(|n| **n == "third").count();
        assert!(third <= 1 && (third == 1 || !h.succeeded()), "{}", h.which);
        h.then(&["note", "fourth"]);
        assert_eq!(notes(&h.events()).last(), Some(&"fourth"), "{}", h.which);
        h.is_tidy();
    });
}

#[test]
fn each_call_of_attach_may_fail() {
    let world = person::a_ledger_in_use();
    let file = world.home().join("heap.txt");
    std::fs::write(&file, "line\n".repeat(2000)).unwrap();
    harm_each_call(&world, &["attach", file.to_str().unwrap()], |h| {
        let attached = h.events().iter().filter(|e| matches!(e.facts, Facts::EvidenceAttached(_))).count();
        assert!(attached <= 1 && (attached == 1 || !h.succeeded()), "{}", h.which);
        h.then(&["attach", file.to_str().unwrap()]);
        h.is_tidy();
    });
}

/// Every document is as it was or as it should be.
fn render_in(world: &Rig) {
    let exports = |rig: &Rig| files(&rig.world().join("exports"));
    let old = exports(world);
    let new = {
        let rig = Rig::like(&world.world());
        run(&rig, &["render"]);
        exports(&rig)
    };
    assert_ne!(old, new, "there is something to render");
    harm_each_call(world, &["render"], |h| {
        let now = exports(&h.rig);
        let known = |name: &str, text: &String| old.get(name) == Some(text) || new.get(name) == Some(text);
        let half: Vec<&String> = now.iter().filter(|(n, t)| !n.contains(".blotter-") && !known(n, t)).map(|(n, _)| n).collect();
        assert!(half.is_empty(), "half written: {half:?}: {}", h.which);
        assert!(!h.succeeded() || now == new, "{}", h.which);
        h.then(&["render"]);
        let whole: BTreeMap<_, _> = exports(&h.rig).into_iter().filter(|(n, _)| !n.contains(".blotter-")).collect();
        assert_eq!(whole, new, "{}", h.which);
        h.is_tidy();
    });
}

#[test]
fn each_call_of_the_first_render_may_fail() {
    let world = person::a_ledger_in_use();
    std::fs::remove_dir_all(world.world().join("exports")).unwrap();
    render_in(&world);
}

#[test]
fn each_call_of_a_later_render_may_fail() {
    render_in(&person::a_ledger_in_use());
}
