use super::support::*;
use crate::record::event::{Facts, FollowupAdded};
use crate::record::id::Hash;
use crate::record::testing::proposed;
use crate::store::{Access, StoreError, schema};

#[test]
fn the_format_is_written_down_in_the_file() {
    let place = Place::told();
    let conn = place.raw();
    assert_eq!(schema::marks(&conn).unwrap(), (0x626C_6F74, 4));
    let mut history =
        conn.prepare("SELECT version || ' ' || name || ' ' || applied_on FROM refinery_schema_history ORDER BY version").unwrap();
    let history: Vec<String> = history.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(
        history,
        [
            "1 ledger 1970-01-01T00:00:00Z",
            "2 search 1970-01-01T00:00:00Z",
            "3 glance 1970-01-01T00:00:00Z",
            "4 waiting 1970-01-01T00:00:00Z"
        ]
    );
    let strict: i64 =
        conn.query_row("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND strict = 1", [], |r| r.get(0)).unwrap();
    assert_eq!(strict, 12, "five tables of the record and seven derived ones");
}

#[test]
fn a_newer_format_is_read_with_a_notice_and_not_written() {
    let place = Place::told();
    place
        .raw()
        .execute_batch("PRAGMA user_version = 5; ALTER TABLE incident ADD COLUMN colour TEXT; CREATE TABLE later (x ANY) STRICT")
        .unwrap();
    let refused = place.try_open(Access::Append).unwrap_err();
    assert!(matches!(refused, StoreError::Newer { found: 5, known: 4 }), "{refused}");
    assert!(refused.hint().unwrap().contains("Upgrade blotter"));
    let store = place.open(Access::Read);
    assert_eq!(store.load(&incident(1)).unwrap().len(), 5);
    assert!(
        store.notices().len() == 1 && store.notices()[0].contains("newer blotter (format 5, this one knows 4)"),
        "{:?}",
        store.notices()
    );
    assert!(verify(&store).is_ok(), "its tables may differ, its events may not");
}

#[test]
fn a_payload_of_a_newer_version_is_kept_and_shown_and_sound() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1), noted(1, "plain")]);
    let event = record(&mut store, vec![noted(1, "later words")]).remove(0);
    drop(store);
    // As a newer blotter would have written it: other fields, `sv` 2, every hash right.
    let conn = place.raw();
    let (header, body): (String, String) = conn
        .query_row("SELECT header, body FROM event JOIN payload USING (pos) WHERE pos = 4", [], |r| Ok((r.get(0)?, r.get(1)?)))
        .unwrap();
    drop(conn);
    let newer = body.replace("\"sv\":1", "\"sv\":2").replace("later words", "later words\",\"mood\":\"calm");
    let payload = Hash::of(&[newer.as_bytes()]);
    let header = header.replace(&event.header.payload.to_string(), &payload.to_string());
    let hash = Hash::of(&[header.as_bytes()]);
    place.tamper(&format!(
        "UPDATE payload SET body = '{newer}', hash = x'{payload}' WHERE pos = 4;
         UPDATE event SET header = '{header}', hash = x'{hash}', payload_hash = x'{payload}' WHERE pos = 4"
    ));
    let store = place.open(Access::Read);
    let read = store.load(&incident(1)).unwrap().remove(2);
    let Facts::Other { kind, data } = &read.facts else { panic!("{:?}", read.facts) };
    assert_eq!((kind.as_str(), &data["mood"], &data["text"]), ("note.added", &"calm".into(), &"later words".into()));
    // Nothing is wrong with the event itself; only what was stated over the old one does not fit.
    let kinds: Vec<_> =
        verify(&store).problems.iter().map(|p| p.kind).filter(|k| !["checkpoint", "projection", "rolled-back"].contains(k)).collect();
    assert_eq!(kinds, Vec::<&str>::new());
}

#[test]
fn an_event_of_a_kind_that_nobody_knows_yet_is_recorded_and_read_back() {
    let (_place, mut store) = Place::new();
    let other = Facts::Other { kind: "incident.painted".to_owned(), data: serde_json::json!({"colour": "red"}) };
    let events = record(&mut store, vec![opening(1), new(&incident(1), other.clone())]);
    assert_eq!(store.load(&incident(1)).unwrap()[1].facts, other);
    assert_eq!(events[1].header.kind, "incident.painted");
    store.rebuild().unwrap();
    assert!(verify(&store).is_ok());
}

#[test]
fn a_ledger_whose_briefs_said_less_is_read_as_it_is_and_brought_up_to_date_when_it_is_recorded_in() {
    let (place, mut store) = Place::new();
    let due = FollowupAdded { n: 1, text: "ask the vendor".to_owned(), class: None, owner: None, due: Some("2026-03-29".to_owned()) };
    record(&mut store, vec![opening(1), new(&incident(1), proposed()), new(&incident(1), due), opening(2)]);
    let whole = store.by_number(1).unwrap().unwrap();
    assert!(whole.told.len() == 1 && whole.due.len() == 1);
    // Every word was in the index then.
    store.rebuild().unwrap();
    drop(store);
    place
        .raw()
        .execute_batch(
            "DROP INDEX incident_due; DROP TABLE deploy; DROP TABLE indexed; DELETE FROM refinery_schema_history WHERE version >= 3; PRAGMA user_version = 2;
             CREATE INDEX incident_followups ON incident (number) WHERE brief ->> '$.open_followups' > 0;
             UPDATE incident SET brief = json_remove(brief, '$.due', '$.told')",
        )
        .unwrap();
    let old = place.open(Access::Read);
    assert!(verify(&old).is_ok(), "{:?}", verify(&old).problems);
    let found: Vec<u64> = old.with_due("2026-04-01").unwrap().iter().map(|b| b.number).collect();
    assert_eq!(found, [1], "every one with a follow-up open is looked at");
    drop(old);
    let store = place.open(Access::Append);
    assert_eq!(store.by_number(1).unwrap(), Some(whole));
    assert!(verify(&store).is_ok(), "{:?}", verify(&store).problems);
}
