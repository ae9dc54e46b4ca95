//! The `blotter` binary as a person runs it, behind the shim or not.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use blotter::record::event::{Event, Facts};
use blotter::store::{Access, Filter, Store, StoreError};

use crate::rig::{Rig, said};

/// `blotter ARGS…` in the world of `rig`, with nothing of the machine's own environment.
pub(crate) fn blotter(rig: &Rig, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blotter"));
    command.args(args).current_dir(rig.world()).env_clear();
    command.env("HOME", rig.home()).env("TMPDIR", rig.home()).env("PATH", "/usr/bin:/bin");
    command.env("BLOTTER_STORE", rig.store()).env("BLOTTER_ACTOR", "ops").env("NO_COLOR", "1");
    command
}

/// Runs it to the end, which must be a good one.
pub(crate) fn run(rig: &Rig, args: &[&str]) -> Output {
    let output = blotter(rig, args).output().unwrap();
    assert!(output.status.success(), "`blotter {}`: {}", args.join(" "), said(&output));
    output
}

/// A world with one open incident, a note and rendered documents; then one more note.
pub(crate) fn a_ledger_in_use() -> Rig {
    let rig = Rig::new();
    run(&rig, &["open", "INC-001", "--no-probes"]);
    run(&rig, &["note", "first"]);
    run(&rig, &["render"]);
    run(&rig, &["note", "second"]);
    rig.settle();
    rig
}

/// Every event of every incident, oldest first; none when there is no ledger.
pub(crate) fn events(store: &Path) -> Result<Vec<Event>, StoreError> {
    let store = match Store::open(store, Access::Read) {
        Err(StoreError::NotFound { .. }) => return Ok(Vec::new()),
        other => other?,
    };
    let mut events = Vec::new();
    for brief in store.briefs(&Filter::default())?.iter().rev() {
        events.extend(store.load(&blotter::record::id::StreamId::incident(brief.id))?);
    }
    Ok(events)
}

/// Everything that `verify` finds wrong; nothing when there is no ledger.
pub(crate) fn problems(store: &Path) -> Vec<String> {
    let store = match Store::open(store, Access::Read) {
        Err(StoreError::NotFound { .. }) => return Vec::new(),
        other => other.unwrap(),
    };
    store.verify(&mut |_| {}).unwrap().problems.iter().map(|p| format!("{}: {}", p.kind, p.detail)).collect()
}

/// The texts of all notes.
pub(crate) fn notes(events: &[Event]) -> Vec<&str> {
    events.iter().filter_map(|e| if let Facts::NoteAdded(n) = &e.facts { Some(n.text.as_str()) } else { None }).collect()
}

/// The files of a folder with their bytes; empty without the folder.
pub(crate) fn files(folder: &Path) -> std::collections::BTreeMap<String, String> {
    let mut files = std::collections::BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            files.extend(self::files(&entry.path()).into_iter().map(|(n, t)| (format!("{name}/{n}"), t)));
        } else {
            files.insert(name, fs::read_to_string(entry.path()).unwrap_or_else(|e| e.to_string()));
        }
    }
    files
}
