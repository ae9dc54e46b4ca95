use rusqlite::Connection;

use super::support::*;

/// Runs `sql` as a program that knows nothing of us; what SQLite says to it.
fn refusal(conn: &Connection, sql: &str) -> String {
    match conn.execute_batch(sql) {
        Ok(()) => panic!("went through: {sql}"),
        Err(e) => e.to_string(),
    }
}

const RECORD: [&str; 5] = ["event", "payload", "blob", "blob_chunk", "checkpoint"];

/// The number of rows of each table of the record.
fn counts(conn: &Connection) -> [i64; 5] {
    RECORD.map(|t| conn.query_row(&format!("SELECT count(*) FROM {t}"), [], |r| r.get(0)).unwrap())
}

#[test]
fn nothing_of_the_record_is_updated() {
    let place = Place::told();
    let conn = place.raw();
    for table in RECORD {
        let columns: Vec<String> = {
            let mut query = conn.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).unwrap();
            query.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
        };
        for column in columns {
            let said = refusal(&conn, &format!("UPDATE {table} SET {column} = {column}"));
            assert!(said.contains("fence: a") && said.contains("is never changed"), "{table}.{column}: {said}");
        }
    }
}

#[test]
fn nothing_of_the_record_is_deleted() {
    let place = Place::told();
    let conn = place.raw();
    let before = counts(&conn);
    for table in RECORD {
        let said = refusal(&conn, &format!("DELETE FROM {table}"));
        assert!(said.contains("fence: a"), "{table}: {said}");
    }
    assert_eq!(counts(&conn), before);
}

#[test]
fn an_event_is_inserted_only_where_it_belongs() {
    let place = Place::told();
    let conn = place.raw();
    let row = |pos: &str, stream: &str, seq: &str, id: &str| {
        format!("INSERT INTO event SELECT {pos}, {stream}, {seq}, {id}, type, header, hash, payload_hash FROM event WHERE pos = 3")
    };
    let (next, own, fresh) =
        ("(SELECT max(pos) + 1 FROM event)", "(SELECT max(seq) + 1 FROM event WHERE stream = 'ledger')", "randomblob(16)");
    for (what, sql) in [
        ("a position already taken", row("3", "'ledger'", own, fresh)),
        ("a gap before it", row("(SELECT max(pos) + 2 FROM event)", "'ledger'", own, fresh)),
        ("before the first", row("0", "'ledger'", own, fresh)),
        ("a position left to SQLite", row("NULL", "'ledger'", own, fresh)),
        ("a sequence number already taken", row(next, "'ledger'", "1", fresh)),
        ("a gap in the stream", row(next, "'ledger'", "7", fresh)),
        ("a new stream that begins at 2", row(next, "'observation/x'", "2", fresh)),
        ("an id already taken", row(next, "'ledger'", own, "id")),
    ] {
        assert!(refusal(&conn, &sql).contains("fence: an event may only follow"), "{what}");
    }
    // The same words in the right place go through: it is the place that was refused.
    conn.execute_batch(&format!("BEGIN; {}; ROLLBACK", row(next, "'ledger'", own, fresh))).unwrap();
}

#[test]
fn nothing_is_replaced_with_or_without_recursive_triggers() {
    let place = Place::told();
    for recursive in ["ON", "OFF"] {
        let conn = place.raw();
        conn.execute_batch(&format!("PRAGMA recursive_triggers = {recursive}")).unwrap();
        let before = counts(&conn);
        for sql in [
            "INSERT OR REPLACE INTO event SELECT * FROM event WHERE pos = 2",
            "INSERT OR REPLACE INTO event SELECT (SELECT max(pos) + 1 FROM event), 'ledger', 2, id, type, header, hash, payload_hash
             FROM event WHERE pos = 2",
            "INSERT OR REPLACE INTO payload SELECT * FROM payload WHERE pos = 2",
            "INSERT OR REPLACE INTO payload SELECT pos, hash, 'other' FROM payload WHERE pos = 2",
            "INSERT OR REPLACE INTO blob SELECT * FROM blob",
            "INSERT OR REPLACE INTO blob SELECT randomblob(32), salt, size FROM blob",
            "INSERT OR REPLACE INTO blob_chunk SELECT * FROM blob_chunk",
            "INSERT OR REPLACE INTO checkpoint SELECT * FROM checkpoint",
            "REPLACE INTO checkpoint SELECT size, 'other', NULL FROM checkpoint ORDER BY size DESC LIMIT 1",
        ] {
            assert!(refusal(&conn, sql).contains("fence"), "{recursive}: {sql}");
        }
        assert_eq!(counts(&conn), before);
    }
    assert!(place.verify().is_ok());
}

#[test]
fn a_payload_and_a_chunk_are_added_only_where_something_names_them() {
    let place = Place::told();
    let conn = place.raw();
    for (sql, why) in [
        ("INSERT INTO payload VALUES (999, randomblob(32), '{}')", "a payload belongs to the event that names it"),
        ("INSERT INTO blob_chunk SELECT salt, n + 1, body, sum FROM blob_chunk", "a chunk may only follow the last one"),
        ("INSERT INTO blob_chunk VALUES (randomblob(32), 1, x'00', x'00')", "a chunk may only follow the last one"),
        ("INSERT INTO checkpoint VALUES (1000, 'ahead', NULL)", "a checkpoint covers exactly what is there"),
        ("INSERT INTO checkpoint VALUES (3, 'behind', NULL)", "a checkpoint covers exactly what is there"),
    ] {
        assert!(refusal(&conn, sql).contains(why), "{sql}");
    }
}

#[test]
fn tables_take_only_values_of_their_type() {
    let place = Place::told();
    let conn = place.raw();
    for sql in [
        "INSERT INTO event SELECT (SELECT max(pos) + 1 FROM event), 'ledger', 2, 'text', type, header, hash, payload_hash FROM event WHERE pos = 2",
        "INSERT INTO reading VALUES (1, 'yesterday', 1, 0, 1.0)",
    ] {
        assert!(refusal(&conn, sql).contains("cannot store TEXT value"), "{sql}");
    }
}
