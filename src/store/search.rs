//! Full text: what people wrote and what probes saw, found by its words.
//!
//! Written by code in the transaction of the event, so that an erasure can take it out again; derived, so that
//! it can be dropped and made anew.

use std::io::Read as _;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::blob::BlobReader;
use super::error::StoreError;
use super::{Store, projection, read, schema};
use crate::record::actor::Actor;
use crate::record::event::{Event, Facts, Header};
use crate::record::id::{IncidentId, StreamId};
use crate::record::observation::BlobRef;
use crate::record::time::Timestamp;
use crate::record::timeline::words;

/// So many bytes of an answer or attachment are indexed.
pub const INDEXED: u64 = 64 << 10;

/// What stands before and after a word that was found, in [`Found::snippet`].
pub const MARKS: (char, char) = ('\u{e000}', '\u{e001}');

/// An event in which the words were found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its incident.
    pub incident: IncidentId,
    /// Its sequence number.
    pub seq: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// Its type.
    pub kind: String,
    /// Who acted.
    pub actor: Actor,
    /// The text around the words, which stand between [`MARKS`].
    pub snippet: String,
    /// Only the first [`INDEXED`] bytes of its answer were looked through.
    pub is_cut: bool,
}

/// The table as the migration makes it.
const TABLE: &str = "CREATE VIRTUAL TABLE search USING fts5 (body, tokenize = 'unicode61 remove_diacritics 2');
INSERT INTO search (search, rank) VALUES ('secure-delete', 1);";

/// Takes in the event at `pos`.
pub(super) fn index(conn: &Connection, pos: u64, event: &Event) -> Result<(), StoreError> {
    if let Some(body) = body(conn, &event.header.stream, &event.facts)? {
        conn.prepare_cached("INSERT INTO search (rowid, body) VALUES (?1, ?2)")?.execute(params![pos.cast_signed(), body])?;
    }
    Ok(())
}

/// Takes the event at `pos` out.
pub(super) fn remove(conn: &Connection, pos: i64) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM search WHERE rowid = ?1")?.execute([pos])?;
    Ok(())
}

/// Makes the table anew, empty.
pub(super) fn clear(conn: &Connection) -> Result<(), StoreError> {
    Ok(conn.execute_batch(&format!("DROP TABLE search;\n{TABLE}"))?)
}

/// Takes in every event of a ledger that had no index; within one transaction.
pub(super) fn fill(conn: &Connection) -> Result<(), StoreError> {
    let transaction = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    let mut query = conn.prepare("SELECT e.header, p.body, e.pos FROM event e LEFT JOIN payload p ON p.pos = e.pos ORDER BY e.pos")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        // What cannot be read has no words; the tail is checked before anything is recorded.
        if let Ok(event) = read::event(row) {
            index(conn, row.get::<_, i64>(2)?.cast_unsigned(), &event)?;
        }
    }
    drop(rows);
    drop(query);
    Ok(transaction.commit()?)
}

/// What is indexed of an event; `None` when it has no words of its own.
pub(super) fn body(conn: &Connection, stream: &StreamId, facts: &Facts) -> Result<Option<String>, StoreError> {
    if stream.as_incident().is_none() {
        return Ok(None);
    }
    let mut body = words(facts).join("\n");
    if let Some(text) = projection::blob(facts).map(|b| beginning(conn, b)).transpose()?.flatten() {
        body.push('\n');
        body.push_str(&text);
    }
    Ok((!body.trim().is_empty()).then_some(body))
}

/// The beginning of evidence that is text; `None` for anything else, and for what is damaged or gone: that is for
/// [`Store::verify`] to say.
fn beginning(conn: &Connection, blob: &BlobRef) -> Result<Option<String>, StoreError> {
    let reader = match BlobReader::open(conn, blob.digest) {
        Err(StoreError::NoBlob(_) | StoreError::Corrupt(_)) => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    if reader.take(INDEXED).read_to_end(&mut bytes).is_err() {
        return Ok(None);
    }
    let whole = match std::str::from_utf8(&bytes) {
        Ok(_) => bytes.len(),
        // The limit may have cut a character in two.
        Err(e) if e.error_len().is_none() => e.valid_up_to(),
        Err(_) => return Ok(None),
    };
    bytes.truncate(whole);
    Ok(String::from_utf8(bytes).ok().filter(|t| !t.contains('\0')))
}

/// A query that finds what holds all the words of `text`, in FTS5's syntax; `None` when it has no word.
///
/// Words between double quotes stand together; a word that ends in `*` is a beginning. Nothing else means anything.
fn query(text: &str) -> Option<String> {
    let mut terms = Vec::new();
    for (i, part) in text.split('"').enumerate() {
        let quoted = i % 2 == 1;
        let words: Vec<&str> = if quoted { vec![part] } else { part.split_whitespace().collect() };
        for word in words {
            let is_beginning = !quoted && word.ends_with('*');
            let word: String = word.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            if word.chars().any(char::is_alphanumeric) {
                terms.push(format!("\"{word}\"{}", if is_beginning { " *" } else { "" }));
            }
        }
    }
    (!terms.is_empty()).then(|| terms.join(" "))
}

impl Store {
    /// True when the ledger has an index; one from before there was any has none until something is recorded in it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn has_search(&self) -> Result<bool, StoreError> {
        Ok(schema::marks(&self.conn)?.1 >= 2)
    }

    /// The newest events of incidents that hold all the words of `text` (quoted, so that no text is a syntax error), at most `limit` of those
    /// that `wanted` lets through.
    ///
    /// # Errors
    /// What `wanted` says, and see [`StoreError`].
    pub fn search(
        &self,
        text: &str,
        limit: usize,
        wanted: &mut dyn FnMut(IncidentId, &Header, &Actor) -> Result<bool, StoreError>,
    ) -> Result<Vec<Found>, StoreError> {
        let Some(matching) = query(text) else { return Ok(Vec::new()) };
        let mut query = self.conn.prepare_cached(
            "SELECT e.header, p.body, e.pos FROM search s JOIN event e ON e.pos = s.rowid LEFT JOIN payload p ON p.pos = e.pos
             WHERE s.search MATCH ?1 ORDER BY s.rowid DESC",
        )?;
        let mut snippet =
            self.conn.prepare_cached("SELECT snippet(search, 0, ?1, ?2, '…', 14) FROM search WHERE search MATCH ?3 AND rowid = ?4")?;
        let (before, after) = (MARKS.0.to_string(), MARKS.1.to_string());
        let mut rows = query.query([&matching])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            if found.len() >= limit {
                break;
            }
            let header = row.get_ref(0)?.as_str().map_err(|e| StoreError::Corrupt(e.to_string()))?;
            let header = Header::from_bytes(header).map_err(|e| StoreError::Corrupt(format!("an event is not readable: {e}")))?;
            let Some(incident) = header.stream.as_incident() else { continue };
            let Ok(actor) = header.actor.parse::<Actor>();
            if !wanted(incident, &header, &actor)? {
                continue;
            }
            let event = read::event(row)?;
            let pos: i64 = row.get(2)?;
            let snippet: Option<String> = snippet.query_row(params![before, after, matching, pos], |r| r.get(0)).optional()?;
            found.push(Found {
                incident,
                seq: header.seq,
                at: header.at,
                kind: header.kind,
                actor,
                snippet: snippet.unwrap_or_default(),
                is_cut: projection::blob(&event.facts).is_some_and(|b| b.size > INDEXED),
            });
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
