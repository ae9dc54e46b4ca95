use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

use super::support::*;
use crate::store::{Access, Store, StoreError};

#[test]
fn a_backup_taken_while_others_write_is_whole_and_of_one_moment() {
    let (place, mut store) = Place::new();
    tell(&mut store);
    let stop = AtomicBool::new(false);
    let target = |n: usize| place.dir.path().join(format!("backup-{n}.db"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut own = Store::open_with(&place.path, Access::Append, patient()).unwrap();
            while !stop.load(Ordering::Relaxed) {
                record(&mut own, vec![noted(1, "meanwhile"), noted(1, "and its other half")]);
            }
        });
        for n in 0..5 {
            let report = store.backup(&target(n));
            if n == 4 || report.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            let report = report.unwrap();
            assert!(report.is_ok() && report.events >= 10 && report.events % 2 == 0, "{report:?}");
        }
    });
    for n in 0..5 {
        assert_eq!(fs::metadata(target(n)).unwrap().permissions().mode() & 0o777, 0o600);
        let mut copy = Store::open_with(&target(n), Access::Append, hasty()).unwrap();
        fs::copy(place.beside(".key"), crate::store::open::beside(&target(n), ".key")).unwrap();
        record(&mut copy, vec![noted(1, "it is a ledger like any other")]);
        assert!(verify(&copy).is_ok());
    }
}

#[test]
fn a_backup_never_takes_the_place_of_anything_and_leaves_nothing_when_it_fails() {
    let place = Place::told();
    let store = place.open(Access::Read);
    let target = place.dir.path().join("there");
    fs::write(&target, "mine").unwrap();
    assert!(matches!(store.backup(&target), Err(StoreError::Exists { path }) if path == target));
    assert_eq!(fs::read(&target).unwrap(), b"mine");
    let nowhere = place.dir.path().join("no/such/folder");
    assert!(matches!(store.backup(&nowhere), Err(StoreError::Io { .. })));
    let left: Vec<_> = fs::read_dir(place.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn the_report_of_a_backup_is_that_of_the_copy() {
    let place = Place::told();
    place.tamper("DELETE FROM payload WHERE pos = 3");
    let report = place.open(Access::Read).backup(&place.dir.path().join("copy")).unwrap();
    assert_eq!(places(&report), [format!("missing {} 2", incident(1))]);
}
