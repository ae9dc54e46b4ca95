//! Any single bit of the record, flipped: `verify` finds it, or the ledger does not even open.

use std::sync::LazyLock;

use proptest::prelude::*;
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::support::*;
use crate::store::Access;

/// Every column of the record that holds what must not change.
const COLUMNS: [(&str, &str); 21] = [
    ("event", "pos"),
    ("event", "stream"),
    ("event", "seq"),
    ("event", "id"),
    ("event", "type"),
    ("event", "header"),
    ("event", "hash"),
    ("event", "payload_hash"),
    ("payload", "pos"),
    ("payload", "hash"),
    ("payload", "body"),
    ("blob", "hash"),
    ("blob", "salt"),
    ("blob", "size"),
    ("blob_chunk", "salt"),
    ("blob_chunk", "n"),
    ("blob_chunk", "body"),
    ("blob_chunk", "sum"),
    ("checkpoint", "size"),
    ("checkpoint", "body"),
    ("checkpoint", "sig"),
];

/// One ledger for all cases: each puts its bit back.
static SMALL: LazyLock<Place> = LazyLock::new(|| {
    let place = Place::told();
    assert!(place.verify().is_ok());
    place
});

fn flipped(value: &Value, bit: usize) -> Value {
    match value {
        // Of a position the low bits, so that it stays one that SQLite takes.
        Value::Integer(i) => Value::Integer(i ^ (1 << (bit % 8))),
        Value::Text(t) => {
            let mut bytes = t.clone().into_bytes();
            flip(&mut bytes, bit);
            // Kept as bytes where it is no text any more; the statement below makes it text again.
            Value::Blob(bytes)
        }
        Value::Blob(b) => {
            let mut bytes = b.clone();
            flip(&mut bytes, bit);
            Value::Blob(bytes)
        }
        other => panic!("{other:?}"),
    }
}

fn flip(bytes: &mut [u8], bit: usize) {
    let bit = bit % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
}

/// Writes `value` there with the fence down; `false` when a unique index does not let it stand.
fn put(conn: &Connection, table: &str, column: &str, rowid: i64, value: &Value, is_text: bool) -> bool {
    let cast = if is_text { "CAST(?1 AS TEXT)" } else { "?1" };
    let sql = format!("UPDATE {table} SET {column} = {cast} WHERE rowid = ?2");
    unfenced(conn, |conn| conn.execute(&sql, params![value, rowid])).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_single_flipped_bit_is_found(which in 0..COLUMNS.len(), row in any::<prop::sample::Index>(), bit in any::<u16>()) {
        let (table, column) = COLUMNS[which];
        let conn = SMALL.raw();
        let rowids: Vec<i64> = {
            let mut query = conn.prepare(&format!("SELECT rowid FROM {table} ORDER BY rowid")).unwrap();
            query.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let rowid = *row.get(&rowids);
        let before: Value = conn.query_row(&format!("SELECT {column} FROM {table} WHERE rowid = ?1"), [rowid], |r| r.get(0)).unwrap();
        let is_text = matches!(before, Value::Text(_));
        let after = flipped(&before, usize::from(bit));
        // Where the column is the row's own number, the row is found under its new one afterwards.
        let moved = match (&before, &after) {
            (Value::Integer(b), Value::Integer(a)) if *b == rowid && column != "seq" && column != "n" => *a,
            _ => rowid,
        };
        if put(&conn, table, column, rowid, &after, is_text) {
            let found = match SMALL.try_open(Access::Read) {
                Ok(store) => store.verify(&mut |_| {}).map_or(true, |report| !report.is_ok()),
                Err(_) => true,
            };
            prop_assert!(put(&conn, table, column, moved, &before, is_text));
            prop_assert!(found, "{} of {}, row {}: {:?} -> {:?}", column, table, rowid, before, after);
        }
    }
}

#[test]
fn the_table_above_names_every_column_of_the_record() {
    let place = Place::told();
    let conn = place.raw();
    let named: Vec<(String, String)> = COLUMNS.iter().map(|(t, c)| ((*t).to_owned(), (*c).to_owned())).collect();
    for table in ["event", "payload", "blob", "blob_chunk", "checkpoint"] {
        let mut query = conn.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).unwrap();
        for column in query.query_map([], |r| r.get::<_, String>(0)).unwrap().map(Result::unwrap) {
            assert!(named.contains(&(table.to_owned(), column.clone())), "{table}.{column}");
        }
    }
}
