//! Taking bytes out of the record, by name, in the transaction of the event that says so.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::StoreError;
use super::projection::{Projector, blob, observation};
use super::{Store, read};
use crate::record::brief::Brief;
pub(super) use crate::record::erasure::ERASABLE;
use crate::record::event::{Event, Facts, PayloadErased};

/// Deletes payload, blob, readings and words of the event that `erased` names; the event that names it is recorded already.
pub(super) fn apply(conn: &Connection, projector: &mut Projector<'_>, erased: &PayloadErased) -> Result<(), StoreError> {
    let refuse = |why: String| StoreError::Erasure(format!("event {} of `{}` {why}", erased.seq, erased.stream));
    let (pos, event) = find(conn, erased)?.ok_or_else(|| refuse("does not exist".to_owned()))?;
    if !ERASABLE.contains(&event.header.kind.as_str()) {
        return Err(refuse(format!("is `{}`, which the record cannot do without", event.header.kind)));
    }
    if event.facts == Facts::Erased {
        return Err(refuse("is erased already".to_owned()));
    }
    if event.header.payload != erased.payload {
        return Err(refuse("has another payload than the one named".to_owned()));
    }
    if blob(&event.facts).map(|b| b.digest) != erased.blob {
        return Err(refuse("has another blob than the one named".to_owned()));
    }
    if let Some(observation) = observation(&event.facts) {
        for reading in &observation.readings {
            conn.prepare_cached(
                "DELETE FROM reading WHERE series = (SELECT id FROM series WHERE name = ?1 AND origin = ?2) AND at = ?3 AND pos = ?4",
            )?
            .execute(params![reading.name, reading.origin, observation.started_at.millis(), pos])?;
            conn.prepare_cached(
                "DELETE FROM series WHERE name = ?1 AND origin = ?2 AND NOT EXISTS (SELECT 1 FROM reading WHERE series = series.id)",
            )?
            .execute(params![reading.name, reading.origin])?;
        }
    }
    if let Some(digest) = erased.blob {
        let salt: Option<Vec<u8>> = conn.query_row("SELECT salt FROM blob WHERE hash = ?1", [digest.0], |r| r.get(0)).optional()?;
        conn.execute("DELETE FROM blob WHERE hash = ?1", [digest.0])?;
        conn.execute("DELETE FROM blob_chunk WHERE salt = ?1", [salt])?;
        conn.execute("DELETE FROM blob_use WHERE hash = ?1 AND pos = ?2", params![digest.0, pos])?;
    }
    projector.forget(pos.cast_unsigned())?;
    conn.execute("DELETE FROM payload WHERE pos = ?1", [pos])?;
    refold(conn, projector, erased)
}

fn find(conn: &Connection, erased: &PayloadErased) -> Result<Option<(i64, Event)>, StoreError> {
    let mut query = conn.prepare_cached(
        "SELECT e.header, p.body, e.pos FROM event e LEFT JOIN payload p ON p.pos = e.pos WHERE e.stream = ?1 AND e.seq = ?2",
    )?;
    let mut rows = query.query(params![erased.stream.as_str(), erased.seq.cast_signed()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some((row.get(2)?, read::event(row)?)))
}

/// A brief may quote what is gone (a corrected summary): it is folded anew.
fn refold(conn: &Connection, projector: &mut Projector<'_>, erased: &PayloadErased) -> Result<(), StoreError> {
    if erased.stream.as_incident().is_none() {
        return Ok(());
    }
    let mut events = read::load(conn, &erased.stream, 0, None)?.into_iter();
    let Some(first) = events.next() else { return Ok(()) };
    let mut brief = Brief::begin(&first).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    for event in events {
        brief.apply(&event);
    }
    projector.replace(brief)
}

impl Store {
    /// Moves everything into the main file and empties the log beside it, in which erased bytes would live on.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when somebody still reads the log: then it is not empty.
    pub fn scrub(&mut self) -> Result<(), StoreError> {
        self.may_append()?;
        let started = std::time::Instant::now();
        let busy: i64 = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get(0))?;
        if busy == 0 { Ok(()) } else { Err(StoreError::Locked { waited: started.elapsed() }) }
    }
}
