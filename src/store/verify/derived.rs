//! What is derived, against what it is derived from.

use std::collections::{HashMap, HashSet};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use super::ahead::Ahead;
use crate::record::brief::Brief;
use crate::record::chain::Tree;
use crate::record::event::{Event, Facts};
use crate::record::id::{IncidentId, StreamId};
use crate::record::observation::{BlobRef, Observation};
use crate::store::error::StoreError;
use crate::store::{checkpoint, deploy, projection, schema, search};

/// What an event's evidence turned out to be.
pub(super) enum Evidence {
    /// It names none.
    None,
    /// It is there, and begins with these bytes.
    Sound(Vec<u8>),
    /// It is gone or damaged.
    Unknown,
}

/// A difference: the stream it is about, and what it is.
type Difference = (Option<String>, String);

/// Counts what was found where it belongs, so that at the end anything else stands out.
pub(super) struct Derived<'c> {
    conn: &'c Connection,
    blobs: i64,
    lost_blobs: i64,
    readings: i64,
    /// The texts of the index; `None` in a ledger that has none.
    words: Option<Ahead<'c>>,
    /// How far the index goes; `None` when nothing may wait for it.
    indexed: Option<i64>,
    deploys: deploy::Expected,
    /// The incidents whose row was compared.
    listed: HashSet<i64>,
    /// The format of the file.
    format: i64,
}

impl<'c> Derived<'c> {
    pub(super) fn new(conn: &'c Connection) -> Self {
        let format = schema::marks(conn).map_or(schema::FORMAT, |(_, format)| format);
        // Where that is not said, nothing is indexed, which is told at the end.
        let indexed = search::may_wait(conn).unwrap_or(false).then(|| search::up_to(conn).map_or(0, u64::cast_signed));
        let texts = "SELECT id, c0 FROM search_content WHERE id > ?1 ORDER BY id LIMIT 64";
        let words = (format >= 2).then(|| Ahead::new(conn, texts));
        Self { conn, blobs: 0, lost_blobs: 0, readings: 0, words, indexed, deploys: HashMap::new(), listed: HashSet::new(), format }
    }

    /// The event at `pos` has words; says whether they stand in the index. Those of evidence that is gone or damaged
    /// cannot be known.
    pub(super) fn words(&mut self, pos: i64, stream: &StreamId, facts: &Facts, evidence: Evidence) -> Result<Option<String>, StoreError> {
        let Some(texts) = &mut self.words else { return Ok(None) };
        if self.indexed.is_some_and(|indexed| pos > indexed) {
            return Ok(None);
        }
        let beginning = match evidence {
            Evidence::None => None,
            Evidence::Sound(bytes) => search::as_text(bytes),
            Evidence::Unknown => {
                texts.at(pos)?;
                return Ok(None);
            }
        };
        let Some(body) = search::body_with(stream, facts, beginning.as_deref()) else { return Ok(None) };
        let same = texts.at(pos)?.flatten().is_some_and(|text| text == body.as_bytes());
        Ok((!same).then(|| "its words do not stand in the index as they are".to_owned()))
    }

    /// An event that may be a deploy.
    pub(super) fn deploy(&mut self, event: &Event) {
        deploy::expect(&mut self.deploys, event);
    }

    /// The event at `pos` names `blob`; says whether it is the first one that does.
    pub(super) fn blob(&mut self, pos: i64, blob: &BlobRef) -> Result<bool, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT min(pos), max(pos = ?2) FROM blob_use WHERE hash = ?1")?;
        let (first, there): (Option<i64>, Option<bool>) = query.query_row(params![blob.digest.0, pos], |r| Ok((r.get(0)?, r.get(1)?)))?;
        let there = there == Some(true);
        self.blobs += i64::from(there);
        self.lost_blobs += i64::from(!there);
        Ok(first.is_none_or(|first| first >= pos))
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
    pub(super) fn differences(&mut self, doubtful: &HashSet<StreamId>, tree: Option<&Tree>) -> Result<Vec<Difference>, StoreError> {
        let mut found = self.unopened(doubtful)?;
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
    fn lists(&mut self, found: &mut Vec<Difference>) -> Result<(), StoreError> {
        let unasked = self.words.as_mut().map(Ahead::unasked).transpose()?;
        let count = |sql: &str| self.conn.query_row(sql, [], |r| r.get::<_, i64>(0));
        if self.lost_blobs > 0 || count("SELECT count(*) FROM blob_use")? != self.blobs {
            found.push((None, "the list of which event names which evidence differs".to_owned()));
        }
        let unused = "SELECT count(*) FROM series WHERE NOT EXISTS (SELECT 1 FROM reading WHERE series = series.id)";
        if count("SELECT count(*) FROM reading")? != self.readings || count(unused)? > 0 {
            found.push((None, "the list of readings differs".to_owned()));
        }
        let within = "SELECT count(*) FROM indexed WHERE pos <= (SELECT max(pos) FROM event)";
        if let Some(unasked) = unasked
            && (unasked > 0 || self.indexed.is_some() && count(within)? != 1)
        {
            found.push((None, "the index of words differs".to_owned()));
        }
        Ok(())
    }

    /// Compares the row of an incident with what its events come to.
    pub(super) fn incident(&mut self, mut brief: Brief) -> Result<Vec<Difference>, StoreError> {
        let number = brief.number.cast_signed();
        let stream = Some(StreamId::incident(brief.id).to_string());
        let mut query = self.conn.prepare_cached("SELECT id, runbook, status, brief FROM incident WHERE number = ?1")?;
        let mut rows = query.query([number])?;
        let row = rows.next()?.filter(|_| self.listed.insert(number));
        let Some(row) = row else { return Ok(vec![(stream, format!("incident {number} is not listed"))]) };
        if self.format < 3 {
            brief.forget_what_is_new();
        }
        let text = projection::to_text(&brief)?;
        let status = brief.status.to_string();
        let columns = [brief.id.0.as_bytes().as_slice(), brief.runbook.as_bytes(), status.as_bytes(), text.as_bytes()];
        let mut found = Vec::new();
        for (column, bytes) in columns.into_iter().enumerate() {
            let same = matches!(row.get_ref(column)?, ValueRef::Text(b) | ValueRef::Blob(b) if b == bytes);
            if !same {
                let name = row.as_ref().column_name(column)?;
                found.push((stream.clone(), format!("incident {number} is listed with another `{name}`")));
            }
        }
        Ok(found)
    }

    /// The rows that no incident belongs to.
    fn unopened(&self, doubtful: &HashSet<StreamId>) -> Result<Vec<Difference>, StoreError> {
        let mut found = Vec::new();
        let mut query = self.conn.prepare("SELECT number, id FROM incident ORDER BY number")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(0)?;
            let id = row.get_ref(1)?.as_blob().ok().and_then(|b| Uuid::from_slice(b).ok());
            let is_doubtful = id.is_some_and(|id| doubtful.contains(&StreamId::incident(IncidentId(id))));
            if !is_doubtful && !self.listed.contains(&number) {
                found.push((None, format!("incident {number} is listed but was never opened")));
            }
        }
        Ok(found)
    }
}
