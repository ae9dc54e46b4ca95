use std::fs;

use super::support::*;
use crate::record::event::*;
use crate::record::id::{Hash, StreamId};
use crate::record::testing::{attached, note};
use crate::store::{Access, Store, StoreError, projection};

/// A word that stands nowhere else.
const SECRET: &str = "Hildegard-von-Bingen-1098";

fn erasing(event: &Event) -> PayloadErased {
    PayloadErased {
        stream: event.header.stream.clone(),
        seq: event.header.seq,
        payload: event.header.payload,
        blob: projection::blob(&event.facts).map(|b| b.digest),
        reason: "held a name".to_owned(),
        approved_by: vec!["T-JOSH".to_owned()],
        asked_by: None,
        signature: None,
    }
}

fn erase(store: &mut Store, event: &Event) -> Result<Vec<Event>, StoreError> {
    store.append_events(&[], vec![new(&event.header.stream, erasing(event))])
}

/// The files in the ledger's folder that have `needle` somewhere.
fn holding(place: &Place, needle: &[u8]) -> Vec<String> {
    let dir = place.path.parent().unwrap();
    let holds = |name: &String| fs::read(dir.join(name)).unwrap().windows(needle.len()).any(|w| w == needle);
    place.names().into_iter().filter(holds).collect()
}

#[test]
fn what_was_erased_is_in_no_byte_of_any_file() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    let noted = record(&mut store, vec![noted(1, SECRET)]).remove(0);
    // Bytes that do not compress, so that they would be found as they are.
    let bytes: Vec<u8> = (0..200_u32).flat_map(|i| Hash::of(&[&i.to_be_bytes()]).0).collect();
    let captured = EvidenceCaptured { n: 1, observation: read_off(5, SECRET, 98_217.625) };
    let evidence = record_evidence(&mut store, &incident(1), captured, &bytes);
    let salt = *store.read_blob(&projection::blob(&evidence.facts).unwrap().digest).unwrap().salt();
    let gone: [&[u8]; 4] = [SECRET.as_bytes(), &bytes[100..140], &salt, &98_217.625_f64.to_be_bytes()];
    for needle in gone {
        assert!(!holding(&place, needle).is_empty());
    }
    erase(&mut store, &noted).unwrap();
    erase(&mut store, &evidence).unwrap();
    store.scrub().unwrap();
    for needle in gone {
        assert_eq!(holding(&place, needle), Vec::<String>::new());
    }
    let report = verify(&store);
    assert!(report.is_ok() && report.erased == 2, "{report:?}");
    drop(store);
    let store = place.open(Access::Read);
    let facts: Vec<Facts> = store.load(&incident(1)).unwrap().into_iter().map(|e| e.facts).collect();
    assert_eq!((&facts[1], &facts[2]), (&Facts::Erased, &Facts::Erased));
    assert_eq!(store.series().unwrap(), []);
    assert_eq!(place.verify().erased, 2);
}

#[test]
fn a_scrub_that_somebody_reads_against_says_so() {
    let (place, mut store) = Place::new();
    let event = record(&mut store, vec![opening(1), noted(1, SECRET)]).remove(1);
    let reader = place.raw();
    reader.execute_batch("BEGIN; SELECT count(*) FROM event").unwrap();
    erase(&mut store, &event).unwrap();
    let refused = store.scrub().unwrap_err();
    assert!(matches!(refused, StoreError::Locked { .. }) && refused.hint().is_some(), "{refused}");
    assert!(!holding(&place, SECRET.as_bytes()).is_empty());
    reader.execute_batch("COMMIT").unwrap();
    store.scrub().unwrap();
    assert!(holding(&place, SECRET.as_bytes()).is_empty());
}

#[test]
fn only_what_the_record_can_do_without_is_erased_and_only_as_it_is_named() {
    let (_place, mut store) = Place::new();
    let opened = record(&mut store, vec![opening(1), noted(1, "a")]);
    let evidence = record_evidence(&mut store, &incident(1), attached(1, "a.png"), b"bytes");
    let right = erasing(&evidence);
    let cases = [
        ("is `incident.opened`, which the record cannot do without", erasing(&opened[0])),
        ("does not exist", PayloadErased { seq: 99, ..right.clone() }),
        ("does not exist", PayloadErased { stream: StreamId::observation("x"), ..right.clone() }),
        ("has another payload than the one named", PayloadErased { payload: Hash::ZERO, ..right.clone() }),
        ("has another blob than the one named", PayloadErased { blob: None, ..right.clone() }),
        ("has another blob than the one named", PayloadErased { blob: Some(Hash::ZERO), ..right.clone() }),
    ];
    for (why, erased) in cases {
        let refused = store.append_events(&[], vec![new(&incident(1), erased)]).unwrap_err();
        assert!(matches!(&refused, StoreError::Erasure(said) if said.ends_with(why)), "{why}: {refused}");
    }
    assert_eq!(store.load(&incident(1)).unwrap().len(), 3, "a refused erasure is not recorded");
    erase(&mut store, &evidence).unwrap();
    let twice = erase(&mut store, &evidence).unwrap_err();
    assert!(twice.to_string().ends_with("is erased already"), "{twice}");
    assert!(verify(&store).is_ok());
}

#[test]
fn what_quoted_it_is_folded_anew() {
    let (_place, mut store) = Place::new();
    let resolved = IncidentResolved {
        summary: "rolled back".to_owned(),
        impact: "none".to_owned(),
        resolution: None,
        without: Vec::new(),
        occurred_at: None,
    };
    let seq = record(&mut store, vec![opening(1), new(&incident(1), resolved)])[1].header.seq;
    let corrected = EventCorrected { seq, text: format!("{SECRET} rolled it back"), reason: "who".to_owned() };
    let corrected = record(&mut store, vec![new(&incident(1), corrected)]).remove(0);
    assert!(store.by_number(1).unwrap().unwrap().summary.unwrap().contains(SECRET));
    erase(&mut store, &corrected).unwrap();
    assert_eq!(store.by_number(1).unwrap().unwrap().summary.as_deref(), Some("rolled back"));
    assert!(verify(&store).is_ok());
}

#[test]
fn an_event_and_its_erasure_may_be_one_transaction() {
    let (_place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    let written = new(&incident(1), note("typed in the wrong window"));
    let body = Payload::to_bytes(&written.facts, written.salt).unwrap();
    let erased = PayloadErased {
        stream: incident(1),
        seq: 2,
        payload: Hash::of(&[body.as_bytes()]),
        blob: None,
        reason: "wrong window".to_owned(),
        approved_by: Vec::new(),
        asked_by: None,
        signature: None,
    };
    record(&mut store, vec![written, new(&StreamId::ledger(), erased)]);
    let report = verify(&store);
    assert!(report.is_ok() && report.erased == 1, "{report:?}");
}

#[test]
fn evidence_that_two_events_name_goes_for_both() {
    let (_place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    let first = record_evidence(&mut store, &incident(1), attached(1, "a.png"), b"bytes");
    let Facts::EvidenceAttached(facts) = &first.facts else { panic!() };
    let again = EvidenceAttached { n: 2, ..(**facts).clone() };
    let second = record(&mut store, vec![new(&incident(1), again)]).remove(0);
    erase(&mut store, &first).unwrap();
    assert!(matches!(store.read_blob(&facts.blob.digest), Err(StoreError::NoBlob(_))));
    let report = verify(&store);
    assert!(report.is_ok() && report.erased == 1, "{:#?}", report.problems);
    erase(&mut store, &second).unwrap();
    assert_eq!(verify(&store).erased, 2);
    store.rebuild().unwrap();
    assert!(verify(&store).is_ok());
}

#[test]
fn an_erased_payload_put_back_is_noticed_and_so_is_one_that_may_not_be_gone() {
    let (place, mut store) = Place::new();
    let event = record(&mut store, vec![opening(1), noted(1, "a")]).remove(1);
    let (hash, body): (Vec<u8>, String) =
        store.conn.query_row("SELECT hash, body FROM payload WHERE pos = 3", [], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
    erase(&mut store, &event).unwrap();
    drop(store);
    place.raw().execute("INSERT INTO payload VALUES (3, ?1, ?2)", rusqlite::params![hash, body]).unwrap();
    let report = place.verify();
    assert_eq!(places(&report), [format!("erasure {} 2", incident(1))]);
    place.tamper("DELETE FROM payload WHERE pos = 2");
    assert!(places(&place.verify()).contains(&format!("missing {} 1", incident(1))));
}
