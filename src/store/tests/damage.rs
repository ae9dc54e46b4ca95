//! Damage done behind the fence's back, and what `verify` says to it.

use std::fs;

use super::support::*;
use crate::record::chain::{self, Checkpoint, Tree};
use crate::record::id::Hash;
use crate::record::testing::LEDGER;
use crate::store::{Access, AppendError, StoreError, VerifyReport, key};

/// What a check finds after `sql`.
fn after(sql: &str) -> (Place, VerifyReport) {
    let place = Place::told();
    place.tamper(sql);
    let report = place.verify();
    (place, report)
}

/// Asserts that the report has a problem of this kind, of incident `n` (0: of no stream), at `seq` (0: of no event).
#[track_caller]
fn finds(report: &VerifyReport, kind: &str, n: u64, seq: u64) {
    let stream = (n > 0).then(|| incident(n).to_string());
    let found = report.problems.iter().any(|p| p.kind == kind && p.stream == stream && p.seq.unwrap_or(0) == seq);
    assert!(found, "no `{kind}` of incident {n}, event {seq}, in {:#?}", report.problems);
}

/// Puts edge and checkpoints right again over whatever events there are, as somebody does who wants to hide a change and
/// has the ledger's key, too.
fn conceal(place: &Place) {
    let key = key::load(&place.beside(".key")).unwrap().unwrap();
    conceal_with(place, |text| format!("'{}'", key.sign(text).unwrap()));
}

/// As somebody does who makes the signatures in this way.
pub(super) fn conceal_with(place: &Place, sign: impl Fn(&str) -> String) {
    let mut tree = Tree::new();
    let conn = place.raw();
    let headers: Vec<Vec<u8>> = {
        let mut query = conn.prepare("SELECT CAST(header AS BLOB) FROM event ORDER BY pos").unwrap();
        query.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let mut checkpoints = String::from("DELETE FROM checkpoint;");
    for header in headers {
        tree.push(chain::leaf(&header));
        let (size, text) = (tree.size(), Checkpoint::new(LEDGER, &tree).text);
        checkpoints.push_str(&format!("INSERT INTO checkpoint VALUES ({size}, '{text}', {});", sign(&text)));
    }
    drop(conn);
    place.tamper(&checkpoints);
    let peaks = crate::record::id::hex(&tree.peaks());
    place.tamper(&format!("UPDATE frontier SET size = {}, peaks = x'{peaks}'", tree.size()));
}

#[test]
fn a_sound_ledger_is_found_sound_however_it_is_opened() {
    let (_place, mut store) = Place::new();
    let empty = verify(&store);
    assert!(empty.is_ok() && (empty.events, empty.streams, empty.erased) == (1, 1, 0));
    tell(&mut store);
    let mut told = 0;
    let report = store.verify(&mut |n| told = n).unwrap();
    assert!(report.is_ok(), "{:#?}", report.problems);
    assert_eq!((report.events, report.streams, report.erased, told), (10, 5, 0, 10));
    assert_eq!(report.root, store.checkpoint().unwrap().unwrap().root);
    let (place, report) = after("");
    assert!(report.is_ok() && report.events == 10, "{:#?}", report.problems);
    assert_eq!(verify(&place.open(Access::Append)), report);
}

#[test]
fn an_edited_header_is_named() {
    let (_, report) = after("UPDATE event SET header = replace(header, 'T-OPS', 'T-EVE') WHERE pos = 3");
    finds(&report, "hash", 1, 2);
    finds(&report, "chain", 1, 3);
    finds(&report, "checkpoint", 1, 2);
    finds(&report, "rolled-back", 0, 0);
    assert_eq!(report.problems.len(), 4, "{:#?}", report.problems);
}

#[test]
fn an_edited_header_with_its_hash_put_right_is_named_by_what_follows() {
    let place = Place::told();
    let header: String = place.raw().query_row("SELECT header FROM event WHERE pos = 3", [], |r| r.get(0)).unwrap();
    let edited = header.replace("T-OPS", "T-EVE");
    let hash = Hash::of(&[edited.as_bytes()]);
    place.tamper(&format!("UPDATE event SET header = '{edited}', hash = x'{hash}' WHERE pos = 3"));
    let report = place.verify();
    finds(&report, "chain", 1, 3);
    conceal(&place);
    let report = place.verify();
    finds(&report, "chain", 1, 3);
    finds(&report, "rolled-back", 0, 0);
}

#[test]
fn an_edited_payload_is_named() {
    let (_, report) = after("UPDATE payload SET body = replace(body, 'first note', 'other note') WHERE pos = 3");
    assert_eq!(places(&report), [format!("payload {} 2", incident(1))]);
    let (place, report) = after("UPDATE payload SET body = replace(body, 'last note', 'other note')");
    assert_eq!(places(&report), [format!("payload {} 5", incident(1))]);
    // Nor does anybody else get to read it as if nothing had happened.
    assert!(matches!(place.open(Access::Read).load(&incident(1)), Err(StoreError::Corrupt(_))));
}

#[test]
fn an_edited_payload_with_every_hash_put_right_is_betrayed_by_the_header() {
    let place = Place::told();
    let body: String = place.raw().query_row("SELECT body FROM payload WHERE pos = 3", [], |r| r.get(0)).unwrap();
    let edited = body.replace("first note", "other note");
    let hash = Hash::of(&[edited.as_bytes()]);
    place.tamper(&format!(
        "UPDATE payload SET body = '{edited}', hash = x'{hash}' WHERE pos = 3; UPDATE event SET payload_hash = x'{hash}' WHERE pos = 3"
    ));
    let report = place.verify();
    finds(&report, "payload", 1, 2);
    finds(&report, "column", 1, 2);
}

#[test]
fn a_removed_event_is_noticed_at_the_next_of_its_stream() {
    let (_, report) = after("DELETE FROM event WHERE pos = 3; DELETE FROM payload WHERE pos = 3");
    finds(&report, "chain", 1, 3);
    finds(&report, "position", 1, 3);
    let place = Place::told();
    place.tamper(
        "DELETE FROM event WHERE pos = 3; DELETE FROM payload WHERE pos = 3;
         UPDATE event SET pos = pos - 1 WHERE pos > 3; UPDATE payload SET pos = pos - 1 WHERE pos > 3;
         UPDATE blob_use SET pos = pos - 1; UPDATE reading SET pos = pos - 1",
    );
    conceal(&place);
    let report = place.verify();
    finds(&report, "chain", 1, 3);
    finds(&report, "rolled-back", 0, 0);
}

#[test]
fn events_in_another_order_are_noticed() {
    let swap = |table: &str| {
        format!(
            "UPDATE {table} SET pos = -1 WHERE pos = 3; UPDATE {table} SET pos = 3 WHERE pos = 4; UPDATE {table} SET pos = 4 WHERE pos = -1;"
        )
    };
    let (_, report) = after(&format!("{}{}", swap("event"), swap("payload")));
    finds(&report, "chain", 1, 3);
    finds(&report, "chain", 1, 2);
    // Events of different streams: only the log over all of them knows their order.
    let swap = |table: &str| {
        format!(
            "UPDATE {table} SET pos = -1 WHERE pos = 8; UPDATE {table} SET pos = 8 WHERE pos = 9; UPDATE {table} SET pos = 9 WHERE pos = -1;"
        )
    };
    let (_, report) = after(&["event", "payload", "blob_use", "reading"].map(swap).concat());
    assert_eq!(places(&report), ["rolled-back", "checkpoint observation/INC-001 1"]);
    assert_eq!(report.problems[1].detail, "the checkpoint over 8 events is not what they come to, nor are the 2 after it");
}

#[test]
fn an_event_moved_to_another_stream_is_noticed() {
    let two = incident(2);
    let (_, report) = after(&format!("UPDATE event SET stream = '{two}', seq = 3 WHERE pos = 10"));
    finds(&report, "column", 2, 3);
    let place = Place::told();
    let header: String = place.raw().query_row("SELECT header FROM event WHERE pos = 10", [], |r| r.get(0)).unwrap();
    let moved = header.replace(incident(1).as_str(), two.as_str()).replace("\"seq\":5", "\"seq\":3");
    let hash = Hash::of(&[moved.as_bytes()]);
    place.tamper(&format!("UPDATE event SET stream = '{two}', seq = 3, header = '{moved}', hash = x'{hash}' WHERE pos = 10"));
    let report = place.verify();
    finds(&report, "chain", 2, 3);
    finds(&report, "checkpoint", 2, 3);
}

#[test]
fn swapped_payloads_are_both_named() {
    let (_, report) = after(
        "UPDATE payload SET pos = -1 WHERE pos = 3; UPDATE payload SET pos = 3 WHERE pos = 10; UPDATE payload SET pos = 10 WHERE pos = -1",
    );
    finds(&report, "payload", 1, 2);
    finds(&report, "payload", 1, 5);
}

#[test]
fn a_payload_that_is_gone_without_an_event_is_an_alarm() {
    let (_, report) = after("DELETE FROM payload WHERE pos = 3");
    assert_eq!(places(&report), [format!("missing {} 2", incident(1))]);
    assert_eq!(report.problems[0].detail, "the payload of `note.added` is MISSING and no event says that it was erased");
    assert_eq!(report.erased, 0);
    // Nothing that would follow from a payload is blamed on the lists when the payload is not there to follow from.
    for (seq, kind) in [(1, "incident.opened"), (3, "evidence.captured")] {
        let (_, report) = after(&format!("DELETE FROM payload WHERE pos = {}", seq + 1));
        assert_eq!(places(&report), [format!("missing {} {seq}", incident(1))], "{kind}");
    }
    let (_, report) = after("UPDATE payload SET body = replace(body, 'alive', 'dead!') WHERE pos = 4");
    assert_eq!(places(&report), [format!("payload {} 3", incident(1))]);
    let (_, report) = after("UPDATE payload SET pos = 99 WHERE pos = 3");
    finds(&report, "missing", 1, 2);
    assert!(report.problems.iter().any(|p| p.kind == "payload" && p.detail.contains("at position 99, where no event is")));
}

#[test]
fn evidence_that_is_gone_or_damaged_is_named_by_the_event_that_names_it() {
    let of = |seq: u64| format!("(SELECT salt FROM blob JOIN blob_use USING (hash) WHERE pos = {})", seq + 1);
    for (what, sql, kind, says) in [
        ("a chunk is gone", format!("DELETE FROM blob_chunk WHERE salt = {}", of(3)), "blob", "has 0 bytes where 22 belong"),
        (
            "a byte of a chunk",
            format!("UPDATE blob_chunk SET body = CAST(body || x'00' AS BLOB) WHERE salt = {}", of(3)),
            "blob",
            "is damaged in chunk 0",
        ),
        (
            "a chunk too many",
            format!("INSERT INTO blob_chunk SELECT salt, 1, body, sum FROM blob_chunk WHERE salt = {}", of(3)),
            "blob",
            "has 44 bytes",
        ),
        ("another size", format!("UPDATE blob SET size = 21 WHERE salt = {}", of(3)), "blob", "it has 21 bytes, the event says 22"),
        (
            "the blob is gone",
            format!("DELETE FROM blob WHERE salt = {}", of(3)),
            "missing",
            "is MISSING and no event says that it was erased",
        ),
    ] {
        let (place, report) = after(&sql);
        finds(&report, kind, 1, 3);
        assert!(report.problems.len() == 1 && report.problems[0].detail.contains(says), "{what}: {:#?}", report.problems);
        assert!(place.open(Access::Append).may_append().is_ok(), "what is recorded next is sound: {what}");
    }
}

#[test]
fn other_bytes_in_place_of_evidence_are_named() {
    let place = Place::told();
    let other = zstd::bulk::compress(b"{\"agents\":{\"alive\":9}}", 3).unwrap();
    let (body, sum) = (crate::record::id::hex(&other), Hash::of(&[&other]));
    place.tamper(&format!(
        "UPDATE blob_chunk SET body = x'{body}', sum = x'{sum}' WHERE salt = (SELECT salt FROM blob JOIN blob_use USING (hash) WHERE pos = 4)"
    ));
    let report = place.verify();
    finds(&report, "blob", 1, 3);
    assert!(report.problems[0].detail.ends_with("does not have the bytes it is named after"), "{}", report.problems[0].detail);
}

#[test]
fn a_cut_off_tail_is_noticed_by_the_checkpoint_beside_the_ledger() {
    let place = Place::told();
    let beside = fs::read(place.beside(".checkpoint")).unwrap();
    place.tamper("DELETE FROM event WHERE pos = 10; DELETE FROM payload WHERE pos = 10");
    conceal(&place);
    place.open(Access::Append).rebuild().unwrap();
    assert_eq!(fs::read(place.beside(".checkpoint")).unwrap(), beside);
    let report = place.verify();
    assert_eq!(places(&report), ["rolled-back"]);
    assert_eq!(report.problems[0].detail, "the checkpoint beside the ledger saw 10 events, the ledger has 9");
}

#[test]
fn a_restored_older_copy_is_noticed_even_after_it_has_grown_again() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    let old = place.dir.path().join("old");
    assert!(store.backup(&old).unwrap().is_ok());
    record(&mut store, vec![noted(1, "lost"), noted(1, "lost too")]);
    drop(store);
    let beside = fs::read(place.beside(".checkpoint")).unwrap();
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(place.beside(suffix)).unwrap();
    }
    fs::rename(&old, &place.path).unwrap();
    assert_eq!(places(&place.verify()), ["rolled-back"]);
    for text in ["a", "b", "c"] {
        let mut store = place.open(Access::Append);
        record(&mut store, vec![noted(1, text)]);
        assert!(store.notices()[0].contains("was an older copy restored?"), "{:?}", store.notices());
        assert_eq!(fs::read(place.beside(".checkpoint")).unwrap(), beside, "the alarm is not silenced by appending");
        assert_eq!(places(&place.verify()), ["rolled-back"]);
    }
    fs::remove_file(place.beside(".checkpoint")).unwrap();
    record(&mut place.open(Access::Append), vec![noted(1, "we know")]);
    assert!(place.verify().is_ok(), "a person has seen it: only a copy kept elsewhere tells");
}

#[test]
fn a_whole_missing_incident_is_noticed() {
    let two = incident(2);
    let gone = format!(
        "DELETE FROM search WHERE rowid IN (SELECT pos FROM event WHERE stream = '{two}');
         DELETE FROM payload WHERE pos IN (SELECT pos FROM event WHERE stream = '{two}');
         DELETE FROM event WHERE stream = '{two}';
         DELETE FROM incident WHERE number = 2; DELETE FROM blob_use WHERE pos = 7;"
    );
    let (_, report) = after(&gone);
    assert!(report.problems.iter().any(|p| p.kind == "position"), "{:#?}", report.problems);
    let place = Place::told();
    place.tamper(&gone);
    place.tamper(
        "UPDATE event SET pos = pos - 2 WHERE pos > 7; UPDATE payload SET pos = pos - 2 WHERE pos > 7;
         UPDATE blob_use SET pos = pos - 2 WHERE pos > 7; UPDATE reading SET pos = pos - 2 WHERE pos > 7;
         UPDATE search SET rowid = rowid - 2 WHERE rowid > 7; UPDATE indexed SET pos = pos - 2;",
    );
    assert!(place.verify().problems.iter().any(|p| p.kind == "checkpoint"));
    conceal(&place);
    let report = place.verify();
    assert_eq!(places(&report), ["rolled-back"], "{:#?}", report.problems);
}

#[test]
fn an_edited_projection_is_named_and_rebuilding_mends_it() {
    for (what, sql, at) in [
        ("a status", "UPDATE incident SET status = 'resolved' WHERE number = 1", format!("projection {}", incident(1))),
        ("a brief", "UPDATE incident SET brief = replace(brief, 'P0', 'P3') WHERE number = 2", format!("projection {}", incident(2))),
        ("a number", "UPDATE incident SET number = 9 WHERE number = 2", format!("projection {}", incident(2))),
        ("an incident less", "DELETE FROM incident WHERE number = 2", format!("projection {}", incident(2))),
        ("a value", "UPDATE reading SET value = 4 WHERE pos = 4", format!("projection {} 3", incident(1))),
        ("a reading less", "DELETE FROM reading WHERE pos = 4", format!("projection {} 3", incident(1))),
        ("a reading more", "INSERT INTO reading SELECT series, at + 1, pos, n, value FROM reading", "projection".to_owned()),
        ("a series more", "INSERT INTO series VALUES (77, 'made', 'up')", "projection".to_owned()),
        ("a use less", "DELETE FROM blob_use WHERE pos = 4", "projection".to_owned()),
        ("a use more", "INSERT INTO blob_use SELECT hash, 1 FROM blob_use WHERE pos = 4", "projection".to_owned()),
        ("the edge", "UPDATE frontier SET peaks = zeroblob(64)", "projection".to_owned()),
    ] {
        let (place, report) = after(sql);
        assert!(places(&report).contains(&at), "{what}: {:#?}", report.problems);
        assert!(report.problems.iter().all(|p| p.kind == "projection"), "{what}: {:#?}", report.problems);
        place.open(Access::Append).rebuild().unwrap();
        assert!(place.verify().is_ok(), "{what}");
    }
}

#[test]
fn an_edited_checkpoint_is_named_alone() {
    let (_, report) = after("UPDATE checkpoint SET body = replace(body, '=', 'A') WHERE size = 3");
    assert_eq!(places(&report), [format!("checkpoint {} 2", incident(1)), "signature".to_owned()]);
    for sql in ["DELETE FROM checkpoint WHERE size = 10", "UPDATE checkpoint SET size = 11 WHERE size = 10"] {
        let (_, report) = after(sql);
        finds(&report, "checkpoint", 0, 0);
    }
    let place = Place::told();
    fs::write(place.beside(".checkpoint"), "blotter/other\n3\nAAAA\n").unwrap();
    assert_eq!(places(&place.verify()), ["checkpoint"]);
    // What a power cut leaves of a file that is not flushed.
    fs::write(place.beside(".checkpoint"), "").unwrap();
    assert!(place.verify().is_ok());
}

#[test]
fn a_fence_that_was_taken_down_is_named() {
    let place = Place::told();
    place.raw().execute_batch("DROP TRIGGER event_delete").unwrap();
    let report = place.verify();
    assert_eq!(places(&report), ["schema"]);
    assert_eq!(report.problems[0].detail, "missing or changed: trigger event_delete on event");
}

#[test]
fn a_change_in_a_long_ledger_is_one_finding_and_not_one_for_every_checkpoint_after_it() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    for n in 0..40 {
        record(&mut store, vec![noted(1, &n.to_string())]);
    }
    drop(store);
    place.tamper("UPDATE event SET header = replace(header, 'T-OPS', 'T-EVE') WHERE pos = 5");
    let report = place.verify();
    let of = |kind: &str, seq: u64| format!("{kind} {} {seq}", incident(1));
    assert_eq!(places(&report), [of("hash", 4), of("chain", 5), "rolled-back".to_owned(), of("checkpoint", 4)]);
    assert_eq!(report.problems[3].detail, "the checkpoint over 5 events is not what they come to, nor are the 37 after it");
}

#[test]
fn a_ledger_with_a_damaged_end_takes_nothing_more() {
    for (what, sql) in [
        ("the last header", "UPDATE event SET header = replace(header, 'T-OPS', 'T-EVE') WHERE pos = 10"),
        ("the last event", "DELETE FROM event WHERE pos = 10"),
        ("the newest checkpoint", "UPDATE checkpoint SET body = 'other' WHERE size = 10"),
        ("the edge", "UPDATE frontier SET size = 9"),
    ] {
        let (place, report) = after(sql);
        assert!(!report.is_ok(), "{what}");
        let mut store = place.open(Access::Append);
        let refused = store.append(|_| Ok::<_, StoreError>(vec![noted(1, "on top")])).unwrap_err();
        let AppendError::Store(refused @ StoreError::Corrupt(_)) = refused else { panic!("{what}: {refused}") };
        assert!(refused.hint().unwrap().contains("blotter verify"), "{what}");
        assert_eq!(store.rebuild().is_ok(), what == "the edge", "{what}");
    }
}

#[test]
fn a_damaged_beginning_is_an_error_that_names_it() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    drop(store);
    place.tamper("UPDATE payload SET body = replace(body, 'false', 'true') WHERE pos = 1");
    let refused = place.try_open(Access::Read).unwrap_err();
    assert_eq!(refused.to_string(), "the ledger is damaged: the payload of event 1 of `ledger` is not the one it names");
    place.tamper("UPDATE event SET header = 'x' WHERE pos = 1");
    let refused = place.try_open(Access::Read).unwrap_err();
    assert!(refused.to_string().starts_with("the ledger is damaged: event 1 of `ledger` is not readable"), "{refused}");
}
