//! A power cut at any moment takes nothing that was acknowledged.
//!
//! `kill -9` alone proves nothing, since what the kernel has in memory survives it: what is opened here is the shadow that
//! the shim keeps of what was flushed.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use blotter::record::id::{EventId, StreamId};
use blotter::store::{Access, Settings, Store, StoreError};

use crate::child;
use crate::rig::{Dice, Rig, said};

/// Calls that one child makes at most, more or less: a number to draw the moment of the cut from.
const CALLS: u64 = 2500;
/// Appends of one child; enough for SQLite to move its log into the file and begin it anew a few times.
const APPENDS: u32 = 250;

/// Runs a child to a random moment; `None` when it was done before.
fn run_until_cut(rig: &Rig, dice: &mut Dice, careless: bool) -> Option<u64> {
    // Early moments, when the ledger is only being made and there is nothing to lose, are as likely as all others.
    let at = if careless || dice.coin() { 150 + dice.below(CALLS - 150) } else { 1 + dice.below(150) };
    let how = ["before", "half", "after"][dice.below(3) as usize];
    let mut command = child::command(&rig.store(), &rig.acks(), APPENDS);
    if careless {
        command.env("SURVIVAL_CARELESS", "1");
    }
    let output = rig.shadowed(command, &[("KILL_AT", at.to_string()), ("KILL", how.to_owned())]).output().unwrap();
    match output.status.signal() {
        Some(9) => Some(at),
        _ => {
            assert!(output.status.success(), "the child failed by itself: {}", said(&output));
            None
        }
    }
}

/// How many acknowledged events are missing, and what else is wrong.
fn losses(store: &Path, acked: &[EventId]) -> Result<(usize, Vec<String>), StoreError> {
    let store = match Store::open(store, Access::Read) {
        Err(StoreError::NotFound { .. }) => return Ok((acked.len(), Vec::new())),
        other => other?,
    };
    let mut missing = 0;
    for id in acked {
        missing += usize::from(store.event(*id)?.is_none());
    }
    let report = store.verify(&mut |_| {})?;
    Ok((missing, report.problems.iter().map(|p| format!("{}: {}", p.kind, p.detail)).collect()))
}

/// The ledger in `folder` has everything, verifies, and goes on.
fn assert_whole(folder: &Path, acked: &[EventId], which: &str) {
    let path = folder.join("store/blotter.db");
    let (missing, problems) = losses(&path, acked).unwrap_or_else(|e| panic!("{which}: {e}"));
    assert_eq!((missing, problems), (0, Vec::new()), "{which}: acknowledged events missing of {}, problems", acked.len());
    let mut store = child::open(&path, Settings::default()).unwrap_or_else(|e| panic!("{which}, opened for appending: {e}"));
    store.append_events(&[], vec![child::note(&StreamId::ledger(), "after the power cut")]).unwrap_or_else(|e| panic!("{which}: {e}"));
    drop(store);
    assert_eq!(losses(&path, acked).unwrap(), (0, Vec::new()), "{which}: after going on");
}

#[test]
fn a_power_cut_takes_nothing_that_was_acknowledged() {
    let mut dice = Dice::new();
    let seed = dice.0;
    for round in 0..6 {
        let mut rig = Rig::new();
        let mut acked = Vec::new();
        // The second child goes on with what the first cut left.
        for cut in 0..2 {
            let moment = run_until_cut(&rig, &mut dice, false);
            acked.extend(child::acknowledged(&rig.acks()));
            let which = format!("SURVIVAL_SEED={seed} round {round} cut {cut} at call {moment:?} ({})", rig.done().trim());
            let bare = rig.power_cut(None);
            assert_whole(bare.path(), &acked, &format!("{which}, only what was flushed"));
            for n in 0..3 {
                let mixed = rig.power_cut(Some(&mut dice));
                assert_whole(mixed.path(), &acked, &format!("{which}, mixture {n}"));
            }
            rig = Rig::like(rig.power_cut(None).path());
        }
    }
}

#[test]
fn a_log_that_a_crash_left_half_begun_is_read_at_once() {
    let rig = Rig::new();
    let mut command = child::command(&rig.store(), &rig.acks(), 3);
    assert!(command.output().unwrap().status.success());
    let acked = child::acknowledged(&rig.acks());
    // What SQLite writes when it begins its log anew: first a header, flushed, then the rest.
    let store = rig.store();
    let wal = store.with_extension("db-wal");
    fold_log_into_file(&store);
    let header: Vec<u8> = {
        child::open(&store, Settings::default()).unwrap().append_events(&[], vec![child::note(&StreamId::ledger(), "one more")]).unwrap();
        std::fs::read(&wal).unwrap()[..32].to_vec()
    };
    fold_log_into_file(&store);
    let mut torn = header.clone();
    torn[20] ^= 1;
    torn.resize(5000, 0);
    for (log, what) in
        [(header, "a header and nothing else"), (vec![0; 5000], "no header"), (torn, "a torn header"), (vec![0; 7], "7 bytes")]
    {
        std::fs::write(&wal, &log).unwrap();
        std::fs::write(store.with_extension("db-shm"), []).unwrap();
        assert_eq!(losses(&store, &acked).unwrap_or_else(|e| panic!("{what}: {e}")), (0, Vec::new()), "{what}");
        assert_eq!(std::fs::read(&wal).unwrap(), log, "{what}: reading wrote");
    }
}

/// Lets SQLite move its log into the file and delete it.
fn fold_log_into_file(store: &Path) {
    let conn = rusqlite::Connection::open(store).unwrap();
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    conn.close().unwrap();
}

#[cfg(feature = "testing")]
#[test]
fn the_same_power_cut_finds_what_a_careless_ledger_loses() {
    let mut dice = Dice::new();
    let seed = dice.0;
    let mut lost = 0;
    for _ in 0..6 {
        let rig = Rig::new();
        if run_until_cut(&rig, &mut dice, true).is_some() {
            let acked = child::acknowledged(&rig.acks());
            let left = rig.power_cut(None);
            let found = losses(&left.path().join("store/blotter.db"), &acked);
            lost += found.unwrap_or_else(|e| panic!("SURVIVAL_SEED={seed} {}: {e}", rig.done())).0;
        }
    }
    assert!(lost > 0, "SURVIVAL_SEED={seed}: `synchronous = NORMAL` lost nothing, so this test would notice nothing");
}
