use proptest::prelude::*;

use super::support::*;
use crate::record::event::{Event, Facts, IncidentOpened, PayloadErased};
use crate::record::id::{Hash, StreamId};
use crate::record::testing::{one_of_each, opened};
use crate::store::erase::ERASABLE;
use crate::store::{NewEvent, Prepared, Store, StoreError, projection};

/// Everything derived, row by row, in words; the numbers that SQLite gave to series are its own affair.
fn derived(store: &Store) -> Vec<String> {
    let sql = "SELECT 'frontier ' || size || ' ' || hex(peaks) FROM frontier
         UNION ALL SELECT 'incident ' || number || ' ' || hex(id) || ' ' || runbook || ' ' || status || ' ' || brief FROM incident
         UNION ALL SELECT 'series ' || name || ' ' || origin FROM series
         UNION ALL SELECT 'reading ' || name || ' ' || origin || ' ' || at || ' ' || pos || ' ' || n || ' ' || value
                   FROM reading JOIN series ON series.id = series
         UNION ALL SELECT 'deploy ' || stream || ' ' || version || ' ' || moved || ' ' || at || ' ' || seq || ' ' || good
                          || ' ' || ifnull(said_at, '') || ' ' || ifnull(said_seq, '') FROM deploy
         UNION ALL SELECT 'use ' || hex(hash) || ' ' || pos FROM blob_use
         ORDER BY 1";
    let mut query = store.conn.prepare(sql).unwrap();
    query.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
}

/// What a random ledger does next.
#[derive(Clone, Debug)]
enum Step {
    /// The kind with this number of [`one_of_each`], in one of three incidents.
    Tell { incident: u64, kind: usize },
    /// A payload that may be erased.
    Erase { which: prop::sample::Index },
}

fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let tell = (1_u64..=3, 0..one_of_each().len()).prop_map(|(incident, kind)| Step::Tell { incident, kind });
    let erase = any::<prop::sample::Index>().prop_map(|which| Step::Erase { which });
    prop::collection::vec(prop::collection::vec(prop_oneof![9 => tell, 1 => erase], 1..5), 1..12)
}

/// An erasure of one of `events` that may be erased and is not erased yet.
fn erasure(events: &mut Vec<Event>, which: &prop::sample::Index) -> Option<NewEvent> {
    let erasable: Vec<usize> = (0..events.len()).filter(|i| ERASABLE.contains(&events[*i].header.kind.as_str())).collect();
    if erasable.is_empty() {
        return None;
    }
    let event = events.remove(*which.get(&erasable));
    Some(new(
        &StreamId::ledger(),
        PayloadErased {
            stream: event.header.stream.clone(),
            seq: event.header.seq,
            payload: event.header.payload,
            blob: projection::blob(&event.facts).map(|b| b.digest),
            reason: "held an address".to_owned(),
            approved_by: vec!["T-JOSH".to_owned()],
            asked_by: None,
            signature: None,
        },
    ))
}

/// The facts with this number, where they may stand.
fn told(incident_number: u64, kind: usize) -> Option<(StreamId, Facts)> {
    match one_of_each().swap_remove(kind) {
        Facts::LedgerCreated(_) | Facts::LedgerKeyAdded(_) | Facts::PayloadErased(_) | Facts::IncidentOpened(_) => None,
        facts @ Facts::DeployRecorded(_) => Some((StreamId::deploy("121", "us-east-1", "api", "prod"), facts)),
        facts @ Facts::ObservationRecorded(_) => Some((StreamId::observation("INC-001"), facts)),
        facts => Some((incident(incident_number), facts)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rebuilding_gives_the_rows_that_were_moved_on_event_by_event(batches in steps()) {
        let (_place, mut store) = Place::new();
        let begin = |n| new(&incident(n), IncidentOpened { number: n, ..opened() });
        let mut events = record(&mut store, vec![begin(1), begin(2), begin(3)]);
        for batch in &batches {
            let mut evidence = Vec::new();
            let mut wanted = Vec::new();
            for step in batch {
                match step {
                    Step::Tell { incident, kind } => {
                        if let Some((stream, facts)) = told(*incident, *kind) {
                            evidence.push(Prepared::new(b"bytes").unwrap());
                            wanted.push(new(&stream, naming(facts, evidence.last().unwrap())));
                        }
                    }
                    Step::Erase { which } => wanted.extend(erasure(&mut events, which)),
                }
            }
            let done = store.append(|tx| {
                for prepared in &evidence {
                    tx.put_blob(prepared)?;
                }
                Ok::<_, StoreError>(wanted)
            });
            events.extend(done.unwrap());
        }
        store.collect_orphans().unwrap();
        let before = derived(&store);
        prop_assert!(verify(&store).is_ok(), "{:#?}", verify(&store).problems);
        store.rebuild().unwrap();
        prop_assert_eq!(derived(&store), before);
        prop_assert!(verify(&store).is_ok());
    }
}

#[test]
fn one_of_each_kind_of_event_is_recorded_and_read_back() {
    let (_place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    for kind in 0..one_of_each().len() {
        let Some((stream, facts)) = told(1, kind) else { continue };
        let stored = record_evidence(&mut store, &stream, facts, b"bytes");
        let read = store.event(stored.header.id).unwrap().unwrap();
        assert_eq!((read.hash, &read.facts), (stored.hash, &stored.facts));
        assert_ne!(read.hash, Hash::ZERO);
    }
    assert!(verify(&store).is_ok());
}

#[test]
fn a_rebuild_that_meets_damage_changes_nothing() {
    let place = Place::told();
    place.tamper("UPDATE payload SET body = replace(body, 'first note', 'other note') WHERE pos = 3");
    let mut store = place.open(crate::store::Access::Append);
    let before = derived(&store);
    assert!(matches!(store.rebuild(), Err(StoreError::Corrupt(_))));
    assert_eq!(derived(&store), before);
    record(&mut store, vec![noted(1, "the end is sound, and an incident must be recorded all the same")]);
}

#[test]
fn nothing_derived_is_needed_to_begin_with() {
    let place = Place::told();
    place.tamper("DELETE FROM reading; DELETE FROM series; DELETE FROM incident; DELETE FROM blob_use; DELETE FROM frontier");
    let mut store = place.open(crate::store::Access::Append);
    assert!(matches!(store.append_events(&[], vec![noted(1, "x")]), Err(StoreError::Corrupt(_))));
    store.rebuild().unwrap();
    record(&mut store, vec![noted(1, "and on")]);
    assert!(verify(&store).is_ok());
}
