//! Several handles at once. To SQLite's locks, two handles of one process are two processes.

use std::collections::HashSet;
use std::time::{Duration, Instant};
use std::{fs, thread};

use rusqlite::{Transaction, TransactionBehavior};

use super::support::*;
use crate::record::event::{Facts, IncidentOpened};
use crate::record::testing::opened;
use crate::store::{Access, AppendError, LOG_MOST, Store, StoreError};

#[test]
fn many_handles_appending_at_once_lose_nothing() {
    const HANDLES: u64 = 4;
    const EACH: u64 = 8;
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    thread::scope(|scope| {
        for h in 0..HANDLES {
            let path = &place.path;
            scope.spawn(move || {
                let mut own = Store::open_with(path, Access::Append, patient()).unwrap();
                for n in 0..EACH {
                    record(&mut own, vec![noted(1, &format!("{h} {n}")), noted(1, &format!("{h} {n} again"))]);
                }
            });
        }
    });
    let events = store.load(&incident(1)).unwrap();
    let texts: Vec<&str> =
        events.iter().filter_map(|e| if let Facts::NoteAdded(x) = &e.facts { Some(x.text.as_str()) } else { None }).collect();
    assert_eq!(texts.len() as u64, HANDLES * EACH * 2);
    for h in 0..HANDLES {
        let own: Vec<&&str> = texts.iter().filter(|t| t.starts_with(&format!("{h} "))).collect();
        let expected: Vec<String> = (0..EACH).flat_map(|n| [format!("{h} {n}"), format!("{h} {n} again")]).collect();
        assert!(own.iter().map(|t| **t).eq(expected.iter()), "in the order in which its handle recorded them");
    }
    for pair in texts.chunks(2) {
        assert_eq!(pair[1], format!("{} again", pair[0]), "nobody comes between the events of one transaction");
    }
    assert!(verify(&store).is_ok());
}

#[test]
fn the_log_of_a_ledger_opened_for_one_event_at_a_time_stays_short() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    drop(store);
    let wal = place.beside("-wal");
    let length = || fs::metadata(&wal).unwrap().len();
    let once = |text: &str| {
        record(&mut place.open(Access::Append), vec![noted(1, text)]);
        length()
    };
    let lengths: Vec<u64> = (0..100).map(|n| once(&format!("note {n}"))).collect();
    assert!(lengths.iter().all(|l| *l < LOG_MOST), "{lengths:?}");
    let begun = lengths.iter().filter(|l| **l == 0).count();
    assert!((1..10).contains(&begun), "it is put into the ledger now and then, not each time: {lengths:?}");
    // Who is reading keeps it as it is, and nobody waits.
    let reader = place.open(Access::Append);
    let snapshot = Transaction::new_unchecked(&reader.conn, TransactionBehavior::Deferred).unwrap();
    assert_eq!(reader.load(&incident(1)).unwrap().len(), 101);
    let started = Instant::now();
    let lengths: Vec<u64> = (0..60).map(|n| once(&format!("meanwhile {n}"))).collect();
    assert!(lengths.is_sorted() && lengths[59] > LOG_MOST, "{lengths:?}");
    assert!(started.elapsed() < Duration::from_secs(8), "somebody waited for a reader");
    assert_eq!(reader.load(&incident(1)).unwrap().len(), 101, "a reader sees what it saw");
    drop(snapshot);
    drop(reader);
    assert!(once("at last") < LOG_MOST);
    let store = place.open(Access::Read);
    assert!(store.load(&incident(1)).unwrap().len() == 162 && verify(&store).is_ok());
}

#[test]
fn of_two_that_follow_the_same_head_exactly_one_gets_in() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    for round in 0..6 {
        let head = store.head(&incident(1)).unwrap();
        let attempt = |who: &str| {
            let mut own = Store::open_with(&place.path, Access::Append, patient()).unwrap();
            own.append_events(&[(incident(1), head)], vec![noted(1, who)])
        };
        let outcomes = thread::scope(|scope| {
            let (a, b) = (scope.spawn(|| attempt("a")), scope.spawn(|| attempt("b")));
            [a.join().unwrap(), b.join().unwrap()]
        });
        assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 1, "{round}");
        assert!(outcomes.iter().any(|o| matches!(o, Err(StoreError::Conflict { .. }))), "{round}");
    }
    assert_eq!(store.load(&incident(1)).unwrap().len(), 7);
}

#[test]
fn incidents_opened_at_once_have_numbers_of_their_own() {
    let (place, store) = Place::new();
    let open = |id: u64| {
        let mut own = Store::open_with(&place.path, Access::Append, patient()).unwrap();
        let done = own.append(|tx| {
            let number = tx.next_number()?;
            Ok::<_, StoreError>(vec![new(&incident(id), IncidentOpened { number, ..opened() })])
        });
        done.map(|_| ()).map_err(|e: AppendError<StoreError>| e.to_string())
    };
    thread::scope(|scope| {
        for id in 10..22 {
            scope.spawn(move || open(id).unwrap());
        }
    });
    let numbers: HashSet<u64> = store.briefs(&Default::default()).unwrap().iter().map(|b| b.number).collect();
    assert_eq!(numbers, (1..=12).collect());
}

#[test]
fn opening_while_others_append_never_takes_a_moving_ledger_for_a_damaged_one() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut own = Store::open_with(&place.path, Access::Append, patient()).unwrap();
            for n in 0..60 {
                record(&mut own, vec![noted(1, &n.to_string())]);
            }
        });
        let mut opened = 0;
        while !writer.is_finished() {
            let store = Store::open_with(&place.path, Access::Append, patient()).unwrap();
            store.may_append().unwrap();
            opened += 1;
        }
        writer.join().unwrap();
        assert!(opened > 3, "{opened}");
    });
}

#[test]
fn reading_while_others_append_sees_whole_transactions() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    let done = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut own = Store::open_with(&place.path, Access::Append, patient()).unwrap();
            for n in 0..25 {
                record(&mut own, vec![noted(1, &n.to_string()), noted(1, "and its other half")]);
            }
        });
        let mut checks = 0;
        while !writer.is_finished() {
            let reader = Store::open_with(&place.path, Access::Read, patient()).unwrap();
            assert_eq!(reader.load(&incident(1)).unwrap().len() % 2, 1);
            let report = verify(&reader);
            assert!(report.is_ok(), "{:?}", report.problems);
            checks += 1;
        }
        writer.join().unwrap();
        checks
    });
    assert!(done > 0);
}
