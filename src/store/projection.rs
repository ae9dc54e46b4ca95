//! What is derived from the events and can be dropped: incidents in brief, readings, versions behind aliases, which
//! event names which blob, and the full text.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::error::StoreError;
use super::{Store, checkpoint, deploy, read, search};
use crate::record::brief::Brief;
use crate::record::chain::{self, Tree};
use crate::record::event::{Event, Facts};
use crate::record::id::{IncidentId, StreamId};
use crate::record::incident::Status;
use crate::record::observation::{BlobRef, Observation};

/// The observation that an event carries.
pub(super) fn observation(facts: &Facts) -> Option<&Observation> {
    match facts {
        Facts::EvidenceCaptured(x) => Some(&x.observation),
        Facts::ObservationRecorded(x) => Some(&x.observation),
        _ => None,
    }
}

/// The blob that an event names.
pub(super) fn blob(facts: &Facts) -> Option<&BlobRef> {
    match facts {
        Facts::EvidenceAttached(x) => Some(&x.blob),
        other => observation(other).and_then(|o| o.blob.as_ref()),
    }
}

/// Moves what is derived on by one event after another; briefs and words are written at the end.
pub(super) struct Projector<'c> {
    conn: &'c Connection,
    words: search::Waiting<'c>,
    briefs: HashMap<IncidentId, Held>,
}

struct Held {
    brief: Brief,
    /// The status that the row has; `None` when there is no row yet.
    row: Option<Status>,
}

impl<'c> Projector<'c> {
    pub(super) fn new(conn: &'c Connection) -> Self {
        Self { conn, words: search::Waiting::new(conn), briefs: HashMap::new() }
    }

    /// Takes in the event at `pos`.
    pub(super) fn apply(&mut self, pos: u64, event: &Event) -> Result<(), StoreError> {
        if let Some(id) = event.header.stream.as_incident() {
            self.move_brief(id, event)?;
        }
        if let Some(blob) = blob(&event.facts) {
            self.conn
                .prepare_cached("INSERT OR IGNORE INTO blob_use (hash, pos) VALUES (?1, ?2)")?
                .execute(params![blob.digest.0, pos.cast_signed()])?;
        }
        if let Some(observation) = observation(&event.facts) {
            self.keep_readings(pos, observation)?;
        }
        deploy::apply(self.conn, event)?;
        self.words.add(pos, event)
    }

    /// Puts all words into the index when it is done, however few.
    fn hurry(mut self) -> Self {
        self.words.hurry();
        self
    }

    /// Takes the words of the event at `pos` out.
    pub(super) fn forget(&mut self, pos: u64) -> Result<(), StoreError> {
        self.words.remove(pos)
    }

    fn move_brief(&mut self, id: IncidentId, event: &Event) -> Result<(), StoreError> {
        if event.header.seq == 1 {
            let brief = Brief::begin(event).map_err(|e| StoreError::Fence(e.to_string()))?;
            self.briefs.insert(id, Held { brief, row: None });
            return Ok(());
        }
        if let Some(held) = self.briefs.get_mut(&id) {
            held.brief.apply(event);
            return Ok(());
        }
        let mut brief = read::brief(self.conn, id)?
            .ok_or_else(|| StoreError::Corrupt(format!("`{}` is missing from the list of incidents", event.header.stream)))?;
        let row = Some(brief.status);
        brief.apply(event);
        self.briefs.insert(id, Held { brief, row });
        Ok(())
    }

    /// Puts a brief in place of the one that was moved on so far.
    pub(super) fn replace(&mut self, brief: Brief) -> Result<(), StoreError> {
        let row = match self.briefs.get(&brief.id) {
            Some(held) => held.row,
            None => read::brief(self.conn, brief.id)?.map(|b| b.status),
        };
        self.briefs.insert(brief.id, Held { brief, row });
        Ok(())
    }

    fn keep_readings(&self, pos: u64, observation: &Observation) -> Result<(), StoreError> {
        for (n, reading) in (0_i64..).zip(&observation.readings) {
            let series = self.series(&reading.name, &reading.origin)?;
            self.conn.prepare_cached("INSERT INTO reading (series, at, pos, n, value) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
                series,
                observation.started_at.millis(),
                pos.cast_signed(),
                n,
                plain(reading.value)
            ])?;
        }
        Ok(())
    }

    fn series(&self, name: &str, origin: &str) -> Result<i64, StoreError> {
        let mut find = self.conn.prepare_cached("SELECT id FROM series WHERE name = ?1 AND origin = ?2")?;
        if let Some(id) = find.query_row(params![name, origin], |r| r.get(0)).optional()? {
            return Ok(id);
        }
        self.conn.prepare_cached("INSERT INTO series (name, origin) VALUES (?1, ?2)")?.execute(params![name, origin])?;
        Ok(self.conn.last_insert_rowid())
    }

    /// Writes the briefs, and the words where there are enough of them.
    pub(super) fn flush(self) -> Result<(), StoreError> {
        self.words.flush()?;
        let mut held: Vec<Held> = self.briefs.into_values().collect();
        held.sort_by_key(|h| h.brief.number);
        for Held { brief, row } in held {
            let number = brief.number.cast_signed();
            let text = to_text(&brief)?;
            match row {
                None => self
                    .conn
                    .prepare_cached("INSERT INTO incident (number, id, runbook, status, brief) VALUES (?1, ?2, ?3, ?4, ?5)")?
                    .execute(params![number, brief.id.0.as_bytes(), brief.runbook, brief.status.to_string(), text])?,
                Some(before) if before == brief.status => {
                    self.conn.prepare_cached("UPDATE incident SET brief = ?2 WHERE number = ?1")?.execute(params![number, text])?
                }
                Some(_) => self.conn.prepare_cached("UPDATE incident SET brief = ?2, status = ?3 WHERE number = ?1")?.execute(params![
                    number,
                    text,
                    brief.status.to_string()
                ])?,
            };
        }
        Ok(())
    }
}

/// A number as SQLite keeps it: it knows no negative zero.
pub(super) fn plain(value: f64) -> f64 {
    value + 0.0
}

/// A brief as it stands in its row.
pub(super) fn to_text(brief: &Brief) -> Result<String, StoreError> {
    serde_json::to_string(brief).map_err(|e| StoreError::Unwritable(e.into()))
}

/// Brings what a ledger of the first two formats says at a glance up to date, within one transaction; what cannot be read stays
/// as it is. Somebody may be waiting with an incident to open: only the events that it takes are read.
pub(super) fn renew_glance(conn: &Connection) -> Result<(), StoreError> {
    let transaction = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    let mut query = conn.prepare(
        "SELECT e.header, p.body FROM event e JOIN payload p ON p.pos = e.pos
         WHERE e.stream = ?1 AND (e.type >= 'action.' AND e.type < 'approval/' OR e.type IN ('followup.added', 'followup.done'))
         ORDER BY e.seq",
    )?;
    for mut brief in read::briefs(conn, &read::Filter::default())?.into_iter().filter(|b| b.actions + b.followups > 0) {
        let mut rows = query.query([StreamId::incident(brief.id).as_str()])?;
        while let Some(row) = rows.next()? {
            if let Ok(event) = read::event(row) {
                brief.glance(&event);
            }
        }
        let text = to_text(&brief)?;
        conn.prepare_cached("UPDATE incident SET brief = ?2 WHERE number = ?1")?.execute(params![brief.number.cast_signed(), text])?;
    }
    drop(query);
    for stream in read::streams(conn, "deploy/")? {
        for event in read::load(conn, &stream, 0, None).unwrap_or_default() {
            deploy::apply(conn, &event)?;
        }
    }
    Ok(transaction.commit()?)
}

impl Store {
    /// Drops everything derived and makes it again from the events, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when an event itself is damaged: that cannot be mended here.
    pub fn rebuild(&mut self) -> Result<(), StoreError> {
        if !matches!(self.halted, Some(super::Halt::Damaged(_))) {
            self.may_append()?;
        }
        let started = std::time::Instant::now();
        let transaction = Transaction::new_unchecked(&self.conn, TransactionBehavior::Immediate)
            .map_err(|e| StoreError::from(e).after(started.elapsed()))?;
        self.conn.execute_batch(
            "DELETE FROM frontier; DELETE FROM incident; DELETE FROM reading; DELETE FROM series; DELETE FROM blob_use; DELETE FROM deploy",
        )?;
        search::clear(&self.conn)?;
        replay(&self.conn)?;
        self.in_place()?;
        transaction.commit()?;
        self.halted = checkpoint::tail(&self.conn, &self.ledger.id)?.map(super::Halt::Damaged);
        match &self.halted {
            Some(_) => self.may_append(),
            None => Ok(()),
        }
    }
}

fn replay(conn: &Connection) -> Result<(), StoreError> {
    let mut projector = Projector::new(conn).hurry();
    let mut tree = Tree::new();
    let mut query = conn.prepare("SELECT e.header, p.body FROM event e LEFT JOIN payload p ON p.pos = e.pos ORDER BY e.pos")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let event = read::event(row)?;
        let text = row.get_ref(0)?.as_bytes().map_err(|e| StoreError::Corrupt(e.to_string()))?;
        tree.push(chain::leaf(text));
        projector.apply(tree.size(), &event)?;
    }
    projector.flush()?;
    checkpoint::keep_frontier(conn, &tree)
}
