//! Checkpoints are signed with the ledger's own key, and what is not is told apart: not yet, not there, not genuine.

use std::fs;

use super::damage::conceal_with;
use super::support::*;
use crate::record::event::{Facts, LedgerKeyAdded};
use crate::record::id::{Hash, StreamId};
use crate::store::{Access, Store, StoreError, VerifyReport, key};

fn kinds(report: &VerifyReport) -> Vec<&str> {
    report.problems.iter().map(|p| p.kind).collect()
}

/// The sizes of all checkpoints, and whether they are signed.
fn signatures(place: &Place) -> Vec<(i64, bool)> {
    let conn = place.raw();
    let mut query = conn.prepare("SELECT size, sig IS NOT NULL FROM checkpoint ORDER BY size").unwrap();
    query.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect()
}

/// Lets the ledger go on with another key.
fn renew(store: &mut Store, reason: &str) -> LedgerKeyAdded {
    let public = store.renew_key().unwrap();
    let events = store
        .append(|tx| {
            let added = tx.key_change(public, reason.to_owned())?;
            Ok::<_, StoreError>(vec![new(&StreamId::ledger(), added)])
        })
        .unwrap();
    match &events[0].facts {
        Facts::LedgerKeyAdded(x) => (**x).clone(),
        other => panic!("{other:?}"),
    }
}

/// A ledger that was begun where no key could be made.
fn keyless() -> (Place, Store) {
    let place = Place::empty();
    fs::create_dir_all(place.beside(".key")).unwrap();
    let store = Store::create_with(&place.path, first(), hasty()).unwrap();
    assert!(store.notices()[0].starts_with("the ledger has no key to sign with yet"), "{:?}", store.notices());
    fs::remove_dir(place.beside(".key")).unwrap();
    (place, store)
}

#[test]
fn every_checkpoint_is_signed_with_the_key_that_the_first_event_names() {
    let place = Place::told();
    assert!(signatures(&place).iter().all(|(_, signed)| *signed));
    let store = place.open(Access::Read);
    let named = match &store.load(&StreamId::ledger()).unwrap()[0].facts {
        Facts::LedgerCreated(x) => x.key.clone().unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(store.checkpoint_key().unwrap().as_deref(), Some(named.as_str()));
    let signed = store.signed_checkpoint().unwrap().unwrap();
    assert_eq!(key::check(&named, &signed.checkpoint.text, signed.signature.as_deref().unwrap()), Ok(()));
    assert_eq!(fs::read_to_string(place.beside(".checkpoint")).unwrap(), signed.text());
    let report = place.verify();
    assert!(report.is_ok() && report.notes.is_empty(), "{report:?}");
}

#[test]
fn a_ledger_from_before_there_were_keys_gets_one_with_the_next_append_and_what_was_unsigned_is_no_forgery() {
    let (place, mut store) = keyless();
    let events = record(&mut store, vec![opening(1), noted(1, "a")]);
    assert_eq!(events.len(), 2, "who appended did not ask for more");
    record(&mut store, vec![noted(1, "b")]);
    assert_eq!(signatures(&place), [(1, false), (4, true), (5, true)]);
    let ledger = store.load(&StreamId::ledger()).unwrap();
    assert!(matches!(&ledger[1].facts, Facts::LedgerKeyAdded(x) if x.replaces.is_none()), "{:?}", ledger[1].facts);
    let report = verify(&store);
    assert!(report.is_ok(), "{:#?}", report.problems);
    assert_eq!(report.notes, ["the checkpoint over 1 events is not signed: the ledger had no key yet"]);
}

#[test]
fn an_append_that_records_nothing_new_names_no_key() {
    let (place, mut store) = keyless();
    assert!(store.append(|_| Ok::<_, StoreError>(Vec::new())).unwrap().is_empty());
    assert_eq!(signatures(&place), [(1, false)]);
}

#[test]
fn without_its_key_a_ledger_takes_events_says_so_and_is_not_found_sound_until_a_person_has_dealt_with_it() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    drop(store);
    let away = place.dir.path().join("away");
    fs::rename(place.beside(".key"), &away).unwrap();
    let mut store = place.open(Access::Append);
    record(&mut store, vec![noted(1, "3 a.m.")]);
    record(&mut store, vec![noted(1, "still 3 a.m.")]);
    assert_eq!(store.notices().len(), 1, "said once: {:?}", store.notices());
    assert!(store.notices()[0].starts_with("recorded, but unsigned: the ledger's key is not at"), "{:?}", store.notices());
    let report = verify(&store);
    assert_eq!(kinds(&report), ["unsigned"]);
    assert!(report.problems[0].detail.starts_with("2 checkpoints over 3 to 4 events are not signed, though"), "{report:?}");
    // Put back, it signs again, and that covers what was not signed.
    fs::copy(&away, place.beside(".key")).unwrap();
    record(&mut store, vec![noted(1, "found it")]);
    assert_eq!(signatures(&place).iter().map(|s| s.1).collect::<Vec<_>>(), [true, true, false, false, true]);
    let report = verify(&store);
    assert!(report.is_ok() && report.notes[0].ends_with("a later one is, and covers what they cover"), "{report:#?}");
}

#[test]
fn a_lost_key_is_dealt_with_by_another_and_a_reason() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    drop(store);
    fs::remove_file(place.beside(".key")).unwrap();
    let mut store = place.open(Access::Append);
    record(&mut store, vec![noted(1, "unsigned")]);
    assert_eq!(kinds(&verify(&store)), ["unsigned"]);
    let added = renew(&mut store, "the disk died");
    assert_eq!(added.unsigned_from, Some(3));
    let report = verify(&store);
    assert!(report.is_ok(), "{:#?}", report.problems);
    assert!(report.notes.len() == 2 && report.notes.iter().all(|n| n.ends_with(": the disk died")), "{:#?}", report.notes);
    record(&mut store, vec![noted(1, "with the other key")]);
    assert!(signatures(&place).iter().rev().take(2).all(|s| s.1) && verify(&store).is_ok());
}

#[test]
fn another_key_in_its_place_signs_nothing() {
    let (place, mut store) = Place::new();
    fs::remove_file(place.beside(".key")).unwrap();
    key::load_or_make(&place.beside(".key")).unwrap();
    drop(store);
    store = place.open(Access::Append);
    record(&mut store, vec![opening(1)]);
    assert!(store.notices()[0].contains("is not the key that this ledger names"), "{:?}", store.notices());
    assert_eq!(signatures(&place), [(1, true), (2, false)]);
}

#[test]
fn signatures_that_were_taken_away_are_missed_also_after_a_new_key() {
    let place = Place::told();
    place.tamper("UPDATE checkpoint SET sig = NULL WHERE size IN (3, 4)");
    let report = place.verify();
    assert!(report.is_ok() && report.notes.len() == 1, "the later ones cover them: {report:?}");
    place.tamper("UPDATE checkpoint SET sig = NULL");
    let report = place.verify();
    assert_eq!(kinds(&report), ["unsigned"]);
    renew(&mut place.open(Access::Append), "as a pretext");
    assert!(place.verify().is_ok(), "the event says it, for everybody to read");
    let place = Place::told();
    renew(&mut place.open(Access::Append), "as a pretext");
    place.tamper("UPDATE checkpoint SET sig = NULL WHERE size <= 10");
    assert_eq!(kinds(&place.verify()), ["unsigned"], "the new key's event explains none of these");
}

#[test]
fn a_forged_signature_is_found_and_a_genuine_one_under_another_checkpoint() {
    let other = tempfile::tempdir().unwrap();
    let other = key::load_or_make(&other.path().join("k")).unwrap();
    let place = Place::told();
    let body: String = place.raw().query_row("SELECT body FROM checkpoint WHERE size = 4", [], |r| r.get(0)).unwrap();
    place.tamper(&format!("UPDATE checkpoint SET sig = '{}' WHERE size = 4", other.sign(&body).unwrap()));
    let report = place.verify();
    assert_eq!(kinds(&report), ["signature"]);
    assert!(report.problems[0].detail.ends_with("it is by another key than the ledger's"), "{report:?}");
    let place = Place::told();
    place.tamper("UPDATE checkpoint SET sig = (SELECT sig FROM checkpoint WHERE size = 3) WHERE size = 4");
    let report = place.verify();
    assert!(report.problems[0].detail.ends_with("it does not belong to this text"), "{report:?}");
}

#[test]
fn a_history_that_was_rewritten_without_the_key_is_found_by_the_signatures_alone() {
    for sign in [None, Some(key::load_or_make(&tempfile::tempdir().unwrap().path().join("k")).unwrap())] {
        let place = Place::told();
        let header: String = place.raw().query_row("SELECT header FROM event WHERE pos = 10", [], |r| r.get(0)).unwrap();
        let edited = header.replace("T-OPS", "T-EVE");
        let hash = Hash::of(&[edited.as_bytes()]);
        // Everything put right again, and nothing kept beside or elsewhere.
        place.tamper(&format!("UPDATE event SET header = '{edited}', hash = x'{hash}' WHERE pos = 10"));
        conceal_with(&place, |text| sign.as_ref().map_or("NULL".to_owned(), |k| format!("'{}'", k.sign(text).unwrap())));
        fs::remove_file(place.beside(".checkpoint")).unwrap();
        place.open(Access::Append).rebuild().unwrap();
        let report = place.verify();
        assert_eq!(kinds(&report), [if sign.is_some() { "signature" } else { "unsigned" }], "{:#?}", report.problems);
    }
}
