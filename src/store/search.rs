//! Full text: what people wrote and what probes saw, found by its words.
//!
//! Written by code, so that an erasure can take it out again; derived, so that it can be dropped and made anew. To put a few
//! words into the index costs more than to record them, so small events wait until there are some of them, and whoever
//! searches looks through those that wait as well.

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

/// So many events may wait for the index.
const WAITING: u64 = 64;

/// So many texts are held at most before they are put into the index.
const HELD: usize = 512;

/// The words of new events, until they are put into the index.
pub(super) struct Waiting<'c> {
    conn: &'c Connection,
    texts: Vec<(u64, String)>,
    /// The first and the newest event that was added.
    span: Option<(u64, u64)>,
    /// There is more to read in them than whoever searches should have to.
    at_once: bool,
}

impl<'c> Waiting<'c> {
    pub(super) fn new(conn: &'c Connection) -> Self {
        Self { conn, texts: Vec::new(), span: None, at_once: false }
    }

    /// Adds the event at `pos`, the next one.
    pub(super) fn add(&mut self, pos: u64, event: &Event) -> Result<(), StoreError> {
        self.texts.extend(body(self.conn, &event.header.stream, &event.facts)?.map(|text| (pos, text)));
        self.span = Some((self.span.map_or(pos, |(first, _)| first), pos));
        self.at_once |= projection::blob(&event.facts).is_some();
        if self.texts.len() >= HELD { self.put_in() } else { Ok(()) }
    }

    /// Lets none of them wait.
    pub(super) fn hurry(&mut self) {
        self.at_once = true;
    }

    /// Takes the event at `pos` out, wherever it is.
    pub(super) fn remove(&mut self, pos: u64) -> Result<(), StoreError> {
        self.texts.retain(|(at, _)| *at != pos);
        self.conn.prepare_cached("DELETE FROM search WHERE rowid = ?1")?.execute([pos.cast_signed()])?;
        Ok(())
    }

    /// Puts what waits into the index, if it is enough.
    pub(super) fn flush(mut self) -> Result<(), StoreError> {
        match self.span {
            Some((_, last)) if self.at_once || last.saturating_sub(up_to(self.conn)?) >= WAITING => self.put_in(),
            _ => Ok(()),
        }
    }

    fn put_in(&mut self) -> Result<(), StoreError> {
        let Some((first, last)) = self.span.take() else { return Ok(()) };
        // Where the mark was set back, some are there already: nobody's event is refused for that.
        let mut insert = self.conn.prepare_cached("INSERT OR REPLACE INTO search (rowid, body) VALUES (?1, ?2)")?;
        each_after(self.conn, up_to(self.conn)?, first, &mut |pos, text| {
            insert.execute(params![pos.cast_signed(), text])?;
            Ok(())
        })?;
        for (pos, text) in self.texts.drain(..) {
            insert.execute(params![pos.cast_signed(), text])?;
        }
        self.conn.prepare_cached("UPDATE indexed SET pos = ?1")?.execute([last.cast_signed()])?;
        Ok(())
    }
}

/// True when some events may not be in the index yet: in an older ledger all of them are.
pub(super) fn may_wait(conn: &Connection) -> Result<bool, StoreError> {
    Ok(conn.prepare_cached("SELECT 1 FROM sqlite_schema WHERE name = 'indexed'")?.exists([])?)
}

/// The position up to which the index goes, where some may wait.
pub(super) fn up_to(conn: &Connection) -> Result<u64, StoreError> {
    let pos: Option<i64> = conn.prepare_cached("SELECT pos FROM indexed")?.query_row([], |r| r.get(0)).optional()?;
    pos.map(i64::cast_unsigned).ok_or_else(|| StoreError::Corrupt("nothing says how far the index of words goes".to_owned()))
}

/// Hands over the words of the events after `from` and before `to`. What cannot be read has none: that is for
/// [`Store::verify`] to say.
fn each_after(conn: &Connection, from: u64, to: u64, take: &mut dyn FnMut(u64, &str) -> Result<(), StoreError>) -> Result<(), StoreError> {
    if from + 1 >= to {
        return Ok(());
    }
    let mut query = conn.prepare_cached(
        "SELECT e.header, p.body, e.pos FROM event e LEFT JOIN payload p ON p.pos = e.pos WHERE e.pos > ?1 AND e.pos < ?2 ORDER BY e.pos",
    )?;
    let mut rows = query.query([from.cast_signed(), to.cast_signed()])?;
    while let Some(row) = rows.next()? {
        if let Ok(event) = read::event(row)
            && let Some(text) = body(conn, &event.header.stream, &event.facts)?
        {
            take(row.get::<_, i64>(2)?.cast_unsigned(), &text)?;
        }
    }
    Ok(())
}

/// Makes the table anew, empty.
pub(super) fn clear(conn: &Connection) -> Result<(), StoreError> {
    Ok(conn.execute_batch(&format!("DROP TABLE search;\n{TABLE}\nINSERT OR REPLACE INTO indexed (one, pos) VALUES (1, 0);"))?)
}

/// What is indexed of an event; `None` when it has no words of its own.
fn body(conn: &Connection, stream: &StreamId, facts: &Facts) -> Result<Option<String>, StoreError> {
    if stream.as_incident().is_none() {
        return Ok(None);
    }
    let beginning = projection::blob(facts).map(|b| beginning(conn, b)).transpose()?.flatten();
    Ok(body_with(stream, facts, beginning.as_deref()))
}

/// What is indexed of an event whose evidence has this `beginning`, see [`as_text`].
pub(super) fn body_with(stream: &StreamId, facts: &Facts, beginning: Option<&str>) -> Option<String> {
    stream.as_incident()?;
    let mut body = words(facts).join("\n");
    if let Some(text) = beginning {
        body.push('\n');
        body.push_str(text);
    }
    (!body.trim().is_empty()).then_some(body)
}

/// The beginning of evidence that is text; `None` for anything else, and for what is damaged or gone: that is for
/// [`Store::verify`] to say.
fn beginning(conn: &Connection, blob: &BlobRef) -> Result<Option<String>, StoreError> {
    let reader = match BlobReader::open(conn, blob.digest) {
        Err(StoreError::NoBlob(_) | StoreError::Corrupt(_)) => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    let read = reader.take(INDEXED).read_to_end(&mut bytes);
    Ok(read.ok().and_then(|_| as_text(bytes)))
}

/// The first [`INDEXED`] bytes of evidence as text; `None` when it is anything else.
pub(super) fn as_text(mut bytes: Vec<u8>) -> Option<String> {
    let whole = match std::str::from_utf8(&bytes) {
        Ok(_) => bytes.len(),
        // The limit may have cut a character in two.
        Err(e) if e.error_len().is_none() => e.valid_up_to(),
        Err(_) => return None,
    };
    bytes.truncate(whole);
    String::from_utf8(bytes).ok().filter(|t| !t.contains('\0'))
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
        // All from one moment: somebody may be appending.
        let _snapshot = Transaction::new_unchecked(&self.conn, TransactionBehavior::Deferred)?;
        let mut found = Vec::new();
        if may_wait(&self.conn)? {
            let waiting = self.waiting()?;
            self.look(&waiting, &matching, limit, &mut found, wanted)?;
        }
        self.look(&self.conn, &matching, limit, &mut found, wanted)?;
        Ok(found)
    }

    /// An index over those events that wait to be put into the ledger's.
    fn waiting(&self) -> Result<Connection, StoreError> {
        let waiting = Connection::open_in_memory()?;
        waiting.execute_batch(TABLE)?;
        let mut insert = waiting.prepare("INSERT INTO search (rowid, body) VALUES (?1, ?2)")?;
        each_after(&self.conn, up_to(&self.conn)?, i64::MAX.cast_unsigned(), &mut |pos, text| {
            insert.execute(params![pos.cast_signed(), text])?;
            Ok(())
        })?;
        drop(insert);
        Ok(waiting)
    }

    /// Finds what `index` has that matches, newest first, until there are `limit` in all.
    fn look(
        &self,
        index: &Connection,
        matching: &str,
        limit: usize,
        found: &mut Vec<Found>,
        wanted: &mut dyn FnMut(IncidentId, &Header, &Actor) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut matches = index.prepare_cached("SELECT rowid FROM search WHERE search MATCH ?1 ORDER BY rowid DESC")?;
        let mut query =
            self.conn.prepare_cached("SELECT e.header, p.body FROM event e LEFT JOIN payload p ON p.pos = e.pos WHERE e.pos = ?1")?;
        let (known, mut places, mut passed) = (found.len(), Vec::new(), 0_usize);
        let mut positions = matches.query([matching])?;
        while found.len() < limit
            && let Some(position) = positions.next()?
        {
            let pos: i64 = position.get(0)?;
            passed += 1;
            let mut rows = query.query([pos])?;
            let Some(row) = rows.next()? else { continue };
            let header = row.get_ref(0)?.as_str().map_err(|e| StoreError::Corrupt(e.to_string()))?;
            let header = Header::from_bytes(header).map_err(|e| StoreError::Corrupt(format!("an event is not readable: {e}")))?;
            let Some(incident) = header.stream.as_incident() else { continue };
            let Ok(actor) = header.actor.parse::<Actor>();
            if !wanted(incident, &header, &actor)? {
                continue;
            }
            let event = read::event(row)?;
            places.push(pos);
            found.push(Found {
                incident,
                seq: header.seq,
                at: header.at,
                kind: header.kind,
                actor,
                snippet: String::new(),
                is_cut: projection::blob(&event.facts).is_some_and(|b| b.size > INDEXED),
            });
        }
        let snippets = snippets(index, matching, &places, passed == places.len())?;
        found[known..].iter_mut().zip(snippets).for_each(|(f, snippet)| f.snippet = snippet);
        Ok(())
    }
}

/// The text around the words of `matching` at each of `places`, which are the newest that match (`all`) or some of them.
///
/// To ask for one row is to go through all that match before it; but of a row that nobody wants, no text is made.
fn snippets(index: &Connection, matching: &str, places: &[i64], all: bool) -> Result<Vec<String>, StoreError> {
    let (before, after) = (MARKS.0.to_string(), MARKS.1.to_string());
    let snippet = "SELECT snippet(search, 0, ?1, ?2, '…', 14) FROM search WHERE search MATCH ?3";
    if all {
        let mut query = index.prepare_cached(&format!("{snippet} ORDER BY rowid DESC LIMIT ?4"))?;
        let rows = query.query_map(params![before, after, matching, i64::try_from(places.len()).unwrap_or(i64::MAX)], |r| r.get(0))?;
        return Ok(rows.collect::<Result<_, _>>()?);
    }
    let mut query = index.prepare_cached(&format!("{snippet} AND rowid = ?4"))?;
    let one = |pos| Ok(query.query_row(params![before, after, matching, pos], |r| r.get(0)).optional()?.unwrap_or_default());
    places.iter().map(one).collect()
}

#[cfg(test)]
mod tests;
