//! What is derived, against what it is derived from.

use std::collections::{HashMap, HashSet};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use crate::record::brief::Brief;
use crate::record::chain::Tree;
use crate::record::event::{Event, Facts};
use crate::record::id::{IncidentId, StreamId};
use crate::record::observation::{BlobRef, Observation};
use crate::store::error::StoreError;
use crate::store::{checkpoint, deploy, projection, schema, search};

/// A difference: the stream it is about, and what it is.
type Difference = (Option<String>, String);

/// Counts what was found where it belongs, so that at the end anything else stands out.
pub(super) struct Derived<'c> {
    conn: &'c Connection,
    blobs: i64,
    lost_blobs: i64,
    readings: i64,
    /// `None` in a ledger that has no index.
    words: Option<i64>,
    /// How far the index goes; `None` when nothing may wait for it.
    indexed: Option<i64>,
    deploys: deploy::Expected,
    /// The format of the file.
    format: i64,
}

impl<'c> Derived<'c> {
    pub(super) fn new(conn: &'c Connection) -> Self {
        let format = schema::marks(conn).map_or(schema::FORMAT, |(_, format)| format);
        // Where that is not said, nothing is indexed, which is told at the end.
        let indexed = search::may_wait(conn).unwrap_or(false).then(|| search::up_to(conn).map_or(0, u64::cast_signed));
        let words = (format >= 2).then_some(0);
        Self { conn, blobs: 0, lost_blobs: 0, readings: 0, words, indexed, deploys: HashMap::new(), format }
    }

    /// The event at `pos` has words; says whether they stand in the index. Those of an answer that is not `sound`
    /// cannot be known.
    pub(super) fn words(&mut self, pos: i64, stream: &StreamId, facts: &Facts, sound: bool) -> Result<Option<String>, StoreError> {
        let Some(count) = &mut self.words else { return Ok(None) };
        if self.indexed.is_some_and(|indexed| pos > indexed) {
            return Ok(None);
        }
        let mut query = self.conn.prepare_cached("SELECT body FROM search WHERE rowid = ?1")?;
        let mut rows = query.query([pos])?;
        let row = rows.next()?;
        if !sound {
            *count += i64::from(row.is_some());
            return Ok(None);
        }
        let Some(body) = search::body(self.conn, stream, facts)? else { return Ok(None) };
        *count += i64::from(row.is_some());
        let same = match row {
            Some(r) => matches!(r.get_ref(0)?, ValueRef::Text(b) if b == body.as_bytes()),
            None => false,
        };
        Ok((!same).then(|| "its words do not stand in the index as they are".to_owned()))
    }

    /// An event that may be a deploy.
    pub(super) fn deploy(&mut self, event: &Event) {
        deploy::expect(&mut self.deploys, event);
    }

    /// The event at `pos` names `blob`.
    pub(super) fn blob(&mut self, pos: i64, blob: &BlobRef) -> Result<(), StoreError> {
        let there = self.conn.prepare_cached("SELECT 1 FROM blob_use WHERE hash = ?1 AND pos = ?2")?.exists(params![blob.digest.0, pos])?;
        self.blobs += i64::from(there);
        self.lost_blobs += i64::from(!there);
        Ok(())
    }

    /// The event at `pos` carries `observation`; says which of its readings is not listed.
    pub(super) fn readings(&mut self, pos: i64, observation: &Observation) -> Result<Option<String>, StoreError> {
        let mut wrong = None;
        for (n, reading) in (0_i64..).zip(&observation.readings) {
            let value: Option<f64> = self
                .conn
                .prepare_cached(
                    "SELECT r.value FROM series s JOIN reading r ON r.series = s.id
                     WHERE s.name = ?1 AND s.origin = ?2 AND r.at = ?3 AND r.pos = ?4 AND r.n = ?5",
                )?
                .query_row(params![reading.name, reading.origin, observation.started_at.millis(), pos, n], |r| r.get(0))
                .optional()?;
            self.readings += i64::from(value.is_some());
            if value.map(f64::to_bits) != Some(projection::plain(reading.value).to_bits()) {
                wrong = Some(format!("its reading `{}` is not listed as it stands", reading.name));
            }
        }
        Ok(wrong)
    }

    /// Compares the rest at the end, as far as it does not follow from `doubtful` streams.
    pub(super) fn differences(
        &self,
        briefs: Vec<Brief>,
        doubtful: &HashSet<StreamId>,
        tree: Option<&Tree>,
    ) -> Result<Vec<Difference>, StoreError> {
        let mut found = self.incidents(briefs, doubtful)?;
        if doubtful.is_empty() {
            self.lists(&mut found)?;
            if self.format >= 3 {
                let wrong = deploy::differences(self.conn, &self.deploys)?;
                found.extend(wrong.into_iter().map(|stream| (stream, "the list of versions differs".to_owned())));
            }
        }
        let count = |sql: &str| self.conn.query_row(sql, [], |r| r.get::<_, i64>(0));
        let edge = checkpoint::stored_frontier(self.conn)?;
        if tree.is_some_and(|t| edge.as_ref() != Some(t)) || count("SELECT count(*) FROM frontier")? != 1 {
            found.push((None, "the edge of the tree differs".to_owned()));
        }
        Ok(found)
    }

    /// What is listed without an event that it comes from.
    fn lists(&self, found: &mut Vec<Difference>) -> Result<(), StoreError> {
        let count = |sql: &str| self.conn.query_row(sql, [], |r| r.get::<_, i64>(0));
        if self.lost_blobs > 0 || count("SELECT count(*) FROM blob_use")? != self.blobs {
            found.push((None, "the list of which event names which evidence differs".to_owned()));
        }
        let unused = "SELECT count(*) FROM series WHERE NOT EXISTS (SELECT 1 FROM reading WHERE series = series.id)";
        if count("SELECT count(*) FROM reading")? != self.readings || count(unused)? > 0 {
            found.push((None, "the list of readings differs".to_owned()));
        }
        let within = "SELECT count(*) FROM indexed WHERE pos <= (SELECT max(pos) FROM event)";
        if let Some(words) = self.words
            && (count("SELECT count(*) FROM search")? != words || self.indexed.is_some() && count(within)? != 1)
        {
            found.push((None, "the index of words differs".to_owned()));
        }
        Ok(())
    }

    fn incidents(&self, briefs: Vec<Brief>, doubtful: &HashSet<StreamId>) -> Result<Vec<Difference>, StoreError> {
        let mut expected: HashMap<i64, Brief> = briefs.into_iter().map(|b| (b.number.cast_signed(), b)).collect();
        let mut found = Vec::new();
        let mut query = self.conn.prepare("SELECT number, id, runbook, status, brief FROM incident ORDER BY number")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(0)?;
            let id = row.get_ref(1)?.as_blob().ok().and_then(|b| Uuid::from_slice(b).ok());
            if id.is_some_and(|id| doubtful.contains(&StreamId::incident(IncidentId(id)))) {
                expected.remove(&number);
                continue;
            }
            let Some(mut brief) = expected.remove(&number) else {
                found.push((None, format!("incident {number} is listed but was never opened")));
                continue;
            };
            if self.format < 3 {
                brief.forget_what_is_new();
            }
            let text = projection::to_text(&brief)?;
            let status = brief.status.to_string();
            let columns = [brief.id.0.as_bytes().as_slice(), brief.runbook.as_bytes(), status.as_bytes(), text.as_bytes()];
            for (column, bytes) in (1..).zip(columns) {
                let same = matches!(row.get_ref(column)?, ValueRef::Text(b) | ValueRef::Blob(b) if b == bytes);
                if !same {
                    let name = row.as_ref().column_name(column)?;
                    found.push((
                        Some(StreamId::incident(brief.id).to_string()),
                        format!("incident {number} is listed with another `{name}`"),
                    ));
                }
            }
        }
        found.extend(
            expected.into_values().map(|b| (Some(StreamId::incident(b.id).to_string()), format!("incident {} is not listed", b.number))),
        );
        Ok(found)
    }
}
