use super::support::*;
use crate::record::testing::attached;
use crate::store::{Access, AppendError, Store, StoreError};

/// The disk has no room beyond what the file takes now.
fn fill(store: &Store) {
    let pages: i64 = store.conn.query_row("PRAGMA page_count", [], |r| r.get(0)).unwrap();
    store.conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |r| r.get::<_, i64>(0)).unwrap();
}

/// Records notes until there is no room; how many were acknowledged, and what was said then.
fn until_full(store: &mut Store) -> (usize, StoreError) {
    fill(store);
    for n in 0..1000 {
        if let Err(e) = store.append_events(&[], vec![noted(1, &"long ".repeat(200))]) {
            return (n, e);
        }
    }
    panic!("never full");
}

#[test]
fn a_full_disk_is_said_to_be_full_and_takes_nothing_more_until_reopened() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    let (acknowledged, refused) = until_full(&mut store);
    assert!(matches!(refused, StoreError::Full), "{refused}");
    assert_eq!(refused.to_string(), "no room left on the disk of the ledger");
    assert!(refused.hint().unwrap().contains("nothing that was acknowledged is lost"));
    assert_eq!(store.load(&incident(1)).unwrap().len(), 1 + acknowledged);
    let checkpoint = store.checkpoint().unwrap();
    // Even a small one, and even though there is room again: what is on disk is not known.
    store.conn.query_row("PRAGMA max_page_count = 100000", [], |r| r.get::<_, i64>(0)).unwrap();
    let refused = store.append(|_| Ok::<_, StoreError>(vec![noted(1, "short")])).unwrap_err();
    let AppendError::Store(refused @ StoreError::Halted(_)) = refused else { panic!("{refused}") };
    assert_eq!(refused.to_string(), "nothing more is recorded since writing failed: no room left on the disk of the ledger");
    assert!(refused.hint().is_some());
    assert!(matches!(store.put_blob(b"x".as_slice(), None), Err(StoreError::Halted(_))));
    assert!(matches!(store.rebuild(), Err(StoreError::Halted(_))));
    assert_eq!(store.checkpoint().unwrap(), checkpoint);
    assert!(verify(&store).is_ok());
    drop(store);
    let mut store = place.open(Access::Append);
    assert_eq!(record(&mut store, vec![noted(1, "short")])[0].header.seq, 2 + acknowledged as u64);
    assert!(verify(&store).is_ok());
}

#[test]
fn evidence_that_does_not_fit_is_not_kept_and_harms_nothing() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    fill(&store);
    let noise: Vec<u8> = (0..40_000_u32).flat_map(|i| crate::record::id::Hash::of(&[&i.to_be_bytes()]).0).collect();
    assert!(matches!(store.put_blob(noise.as_slice(), None), Err(StoreError::Full)));
    assert!(matches!(store.append_events(&[], vec![noted(1, "x")]), Err(StoreError::Halted(_))));
    drop(store);
    let mut store = place.open(Access::Append);
    assert_eq!(store.collect_orphans().unwrap(), 0);
    record_evidence(&mut store, &incident(1), attached(1, "later"), &noise);
    assert!(verify(&store).is_ok());
}

#[test]
fn a_closure_that_hides_a_full_disk_does_not_get_its_events_in_piece_by_piece() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    fill(&store);
    let noise: Vec<u8> = (0..40_000_u32).flat_map(|i| crate::record::id::Hash::of(&[&i.to_be_bytes()]).0).collect();
    let prepared = crate::store::Prepared::new(&noise).unwrap();
    let before = store.checkpoint().unwrap();
    let done = store.append(|tx| {
        let _ = tx.put_blob(&prepared);
        Ok::<_, StoreError>(vec![noted(1, "x"), noted(1, "y")])
    });
    let notes = store.load(&incident(1)).unwrap().len() - 1;
    match done {
        Ok(_) => assert_eq!(notes, 2),
        Err(_) => assert_eq!((notes, store.checkpoint().unwrap()), (0, before)),
    }
    drop(store);
    assert!(place.verify().is_ok());
}

#[test]
fn a_refusal_or_a_conflict_halts_nothing() {
    let (_place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    assert!(store.append(|_| Err::<Vec<crate::store::NewEvent>, _>("no")).is_err());
    assert!(store.append_events(&[(incident(1), crate::record::incident::Head::EMPTY)], vec![noted(1, "x")]).is_err());
    assert!(store.append_events(&[], vec![noted(2, "of an incident that was never opened")]).is_err());
    assert!(store.append_events(&[], vec![new(&incident(1), attached(1, "no such evidence"))]).is_err());
    record(&mut store, vec![noted(1, "goes on")]);
}
