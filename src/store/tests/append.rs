use super::support::*;
use crate::record::event::Facts;
use crate::record::id::{Hash, StreamId};
use crate::record::incident::Head;
use crate::record::testing::{note, opened};
use crate::store::{AppendError, NewEvent, StoreError};

/// Position, stream and sequence number of every event, as the rows have them.
fn rows(place: &Place) -> Vec<(i64, String, i64)> {
    let conn = place.raw();
    let mut query = conn.prepare("SELECT pos, stream, seq FROM event ORDER BY pos").unwrap();
    query.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap().map(Result::unwrap).collect()
}

#[test]
fn streams_count_on_their_own_and_the_log_counts_over_all_of_them() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1), opening(2), noted(1, "a")]);
    record(&mut store, vec![noted(2, "b"), noted(1, "c")]);
    let (one, two) = (incident(1).to_string(), incident(2).to_string());
    let expected = [(1, "ledger", 1), (2, &one, 1), (3, &two, 1), (4, &one, 2), (5, &two, 2), (6, &one, 3)];
    assert_eq!(rows(&place), expected.map(|(pos, stream, seq)| (pos, stream.to_owned(), seq)));
}

#[test]
fn every_event_names_the_one_before_it_in_its_stream() {
    let (_place, mut store) = Place::new();
    let events = record(&mut store, vec![opening(1), opening(2), noted(1, "a"), noted(1, "b")]);
    assert_eq!(events[0].header.prev, Hash::ZERO);
    assert_eq!(events[1].header.prev, Hash::ZERO);
    assert_eq!(events[2].header.prev, events[0].hash);
    assert_eq!(events[3].header.prev, events[2].hash);
    assert_eq!(store.head(&incident(1)).unwrap(), Head { seq: 3, hash: events[3].hash });
    assert_eq!(store.head(&incident(9)).unwrap(), Head::EMPTY);
    let read: Vec<Hash> = store.load(&incident(1)).unwrap().iter().map(|e| e.hash).collect();
    assert_eq!(read, [events[0].hash, events[2].hash, events[3].hash]);
}

#[test]
fn a_stream_that_moved_is_a_conflict_that_says_both_heads() {
    let (_place, mut store) = Place::new();
    let opened = record(&mut store, vec![opening(1)]);
    let seen = store.head(&incident(1)).unwrap();
    let moved = record(&mut store, vec![noted(1, "somebody was faster")]);
    let refused = store.append_events(&[(incident(1), seen)], vec![noted(1, "late")]).unwrap_err();
    let StoreError::Conflict { stream, expected, actual } = &refused else { panic!("{refused}") };
    assert_eq!((stream, expected.seq, expected.hash), (&incident(1), 1, opened[0].hash));
    assert_eq!((actual.seq, actual.hash), (2, moved[0].hash));
    assert!(refused.to_string().ends_with("is at 2 where 1 was expected") && refused.hint().is_some());
    assert_eq!(store.load(&incident(1)).unwrap().len(), 2);
    // Another stream may have moved as it likes, and a conflict spoils nothing.
    let now = store.head(&incident(1)).unwrap();
    record(&mut store, vec![opening(2)]);
    store.append_events(&[(incident(1), now)], vec![noted(1, "again")]).unwrap();
    assert_eq!(store.load(&incident(1)).unwrap().len(), 3);
}

#[test]
fn a_head_of_the_right_length_but_another_hash_is_a_conflict() {
    let (_place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    let other = Head { seq: 1, hash: Hash::of(&[b"other"]) };
    let refused = store.append_events(&[(incident(1), other)], vec![noted(1, "x")]).unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused}");
}

#[test]
fn recording_the_same_event_twice_records_it_once_even_when_the_stream_moved() {
    let (_place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    let (head, event) = (store.head(&incident(1)).unwrap(), noted(1, "a"));
    let before = store.append_events(&[(incident(1), head)], vec![event.clone()]).unwrap();
    record(&mut store, vec![noted(1, "b")]);
    let size = store.checkpoint().unwrap().unwrap().size;
    let again = store.append_events(&[(incident(1), head)], vec![event.clone(), event]).unwrap();
    assert_eq!(again.iter().map(|e| e.hash).collect::<Vec<_>>(), [before[0].hash; 2]);
    assert_eq!(store.checkpoint().unwrap().unwrap().size, size);
    assert!(verify(&store).is_ok());
}

#[test]
fn an_id_with_other_bytes_is_refused_whatever_differs() {
    let (_place, mut store) = Place::new();
    record(&mut store, vec![opening(1), opening(2)]);
    let event = noted(1, "a");
    record(&mut store, vec![event.clone()]);
    type Other = (&'static str, fn(&mut NewEvent));
    let others: [Other; 6] = [
        ("facts", |e| e.facts = note("b").into()),
        ("salt", |e| e.salt = [8; 16]),
        ("time", |e| e.at = e.at.plus_millis(1)),
        ("actor", |e| e.actor.name.push('2')),
        ("cause", |e| e.cause = Some(e.id)),
        ("stream", |e| e.stream = incident(2)),
    ];
    for (what, change) in others {
        let mut other = event.clone();
        change(&mut other);
        let refused = store.append_events(&[], vec![noted(1, "beside it"), other]).unwrap_err();
        assert!(matches!(&refused, StoreError::IdReused(id) if *id == event.id), "{what}: {refused}");
    }
    assert_eq!(store.load(&incident(1)).unwrap().len(), 2);
    record(&mut store, vec![noted(1, "and it goes on")]);
}

#[test]
fn a_known_event_among_new_ones_stands_where_it_stood() {
    let (_place, mut store) = Place::new();
    let opened = opening(1);
    record(&mut store, vec![opened.clone()]);
    let events = record(&mut store, vec![opened, noted(1, "a")]);
    assert_eq!(events.iter().map(|e| e.header.seq).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(store.load(&incident(1)).unwrap().len(), 2);
}

#[test]
fn what_the_closure_refuses_leaves_nothing() {
    let (place, mut store) = Place::new();
    let before = (rows(&place), store.checkpoint().unwrap());
    let prepared = crate::store::Prepared::new(b"bytes").unwrap();
    let refused = store.append(|tx| {
        tx.put_blob(&prepared).unwrap();
        Err::<Vec<NewEvent>, _>("not like this")
    });
    assert!(matches!(refused, Err(AppendError::Refused("not like this"))));
    assert_eq!((rows(&place), store.checkpoint().unwrap()), before);
    assert!(matches!(store.read_blob(&prepared.blob().digest), Err(StoreError::NoBlob(_))));
    record(&mut store, vec![opening(1)]);
}

#[test]
fn one_bad_event_takes_all_of_its_transaction_with_it() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    let before = rows(&place);
    let nan = crate::record::event::ObservationRecorded { observation: read_off(1, "rate", f64::NAN) };
    let long = NewEvent { actor: crate::record::testing::person(&"x".repeat(9000)), ..noted(1, "x") };
    let bad = [
        ("erased", new(&incident(1), Facts::Erased)),
        ("not a number", new(&StreamId::observation("INC-001"), nan)),
        ("evidence that is not there", new(&incident(1), crate::record::testing::attached(1, "gone.png"))),
        ("a header beyond 8 KiB", long),
        ("an incident that does not begin with its opening", noted(2, "x")),
        ("a number that is taken", new(&incident(3), crate::record::event::IncidentOpened { number: 1, ..opened() })),
    ];
    for (what, event) in bad {
        assert!(store.append_events(&[], vec![noted(1, "good"), event]).is_err(), "{what}");
        assert_eq!(rows(&place), before, "{what}");
    }
    record(&mut store, vec![noted(1, "good")]);
    assert!(verify(&store).is_ok());
}

#[test]
fn numbers_are_allotted_under_the_lock_and_never_twice() {
    let (_place, mut store) = Place::new();
    let mut open = |ids: [u64; 2]| {
        let events = store.append(|tx| {
            let numbers = [tx.next_number()?, tx.next_number()?];
            let event = |(id, number): (u64, u64)| new(&incident(id), crate::record::event::IncidentOpened { number, ..opened() });
            Ok::<_, StoreError>(ids.into_iter().zip(numbers).map(event).collect())
        });
        let number = |e: &crate::record::event::Event| match &e.facts {
            Facts::IncidentOpened(x) => x.number,
            _ => 0,
        };
        events.unwrap().iter().map(number).collect::<Vec<_>>()
    };
    assert_eq!(open([100, 200]), [1, 2]);
    assert_eq!(open([300, 400]), [3, 4]);
    let unused = store.append(|tx| tx.next_number().map(|_| Vec::new())).unwrap();
    assert!(unused.is_empty());
    assert_eq!(store.append(|tx| Err::<Vec<NewEvent>, _>(tx.next_number().unwrap())).unwrap_err().to_string(), "5");
}

#[test]
fn the_closure_sees_the_ledger_as_the_events_will_follow_it() {
    let (_place, mut store) = Place::new();
    let opened = opening(1);
    record(&mut store, vec![opened.clone(), noted(1, "a")]);
    let seen = store.append(|tx| {
        let id = incident(1).as_incident().unwrap();
        assert_eq!(tx.known(opened.id)?.map(|e| e.header.seq), Some(1));
        assert_eq!(tx.known(crate::record::id::EventId(uuid::Uuid::from_u128(1)))?.map(|e| e.header.seq), None);
        assert_eq!((tx.load(&incident(1))?.len(), tx.head(&incident(1))?.seq), (2, 2));
        assert_eq!(tx.brief(id)?.map(|b| b.head.seq), Some(2));
        assert_eq!(tx.ledger().id, crate::record::testing::LEDGER);
        Ok::<_, StoreError>(vec![noted(1, "b")])
    });
    assert_eq!(seen.unwrap()[0].header.seq, 3);
}

#[test]
fn a_checkpoint_follows_every_append_and_stands_beside_the_ledger() {
    let (place, mut store) = Place::new();
    let beside = || std::fs::read_to_string(place.beside(".checkpoint")).unwrap();
    assert_eq!(beside(), store.signed_checkpoint().unwrap().unwrap().text());
    record(&mut store, vec![opening(1), noted(1, "a")]);
    let first = store.checkpoint().unwrap().unwrap();
    record(&mut store, vec![noted(1, "b")]);
    let second = store.checkpoint().unwrap().unwrap();
    assert_eq!((first.size, second.size, beside()), (3, 4, store.signed_checkpoint().unwrap().unwrap().text()));
    // The first one that covers an event stays the answer for ever.
    assert_eq!(store.checkpoint_for(&incident(1), 1).unwrap(), Some(first.clone()));
    assert_eq!(store.checkpoint_for(&incident(1), 2).unwrap(), Some(first));
    assert_eq!(store.checkpoint_for(&incident(1), 3).unwrap(), Some(second));
    assert_eq!(store.checkpoint_for(&incident(1), 4).unwrap(), None);
}

#[test]
fn a_checkpoint_that_cannot_be_put_beside_the_ledger_is_noted_and_the_events_stand() {
    let (place, mut store) = Place::new();
    std::fs::remove_file(place.beside(".checkpoint")).unwrap();
    std::fs::create_dir(place.beside(".checkpoint")).unwrap();
    record(&mut store, vec![opening(1)]);
    assert!(store.notices()[0].starts_with("recorded, but the checkpoint beside the ledger is out of date"));
    assert_eq!(store.load(&incident(1)).unwrap().len(), 1);
}

#[test]
fn a_clock_that_went_back_is_told_and_the_order_of_the_record_holds() {
    let (place, mut store) = Place::new();
    let at = |e: NewEvent, ms: i64| NewEvent { at: e.at.plus_millis(ms), ..e };
    record(&mut store, vec![at(opening(1), 7_200_000), at(noted(1, "first"), 7_200_000)]);
    assert!(store.notices().is_empty(), "{:?}", store.notices());
    record(&mut store, vec![at(noted(1, "second"), 3_600_000)]);
    let told = store.notices();
    assert!(told.len() == 1 && told[0].contains("clock went back") && told[0].contains("1h earlier"), "{told:?}");
    let seqs: Vec<_> = store.load(&incident(1)).unwrap().iter().map(|e| e.header.seq).collect();
    assert_eq!(seqs, [1, 2, 3]);
    assert!(place.verify().is_ok());
}

/// Steps of SQLite's machine that an append of one note takes in an incident of `length` events, in the middle of ten.
fn steps(length: usize) -> u64 {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    let (_place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    record(&mut store, (1..length).map(|n| noted(1, &format!("note {n}"))).collect());
    let count = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&count);
    let counting = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        false
    };
    store.conn.progress_handler(1, Some(counting)).unwrap();
    let mut taken: Vec<u64> = (0..10)
        .map(|n| {
            count.store(0, Ordering::Relaxed);
            record(&mut store, vec![noted(1, &format!("further {n}"))]);
            count.load(Ordering::Relaxed)
        })
        .collect();
    taken.sort_unstable();
    taken[5]
}

#[test]
fn an_append_takes_as_many_steps_in_a_long_stream_as_in_a_short_one() {
    let short = steps(10);
    assert!(short > 100, "nothing is counted: {short}");
    assert_eq!((steps(1_000), steps(5_000)), (short, short));
}
