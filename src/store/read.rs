//! Reading events and what is derived from them. What is read is checked as far as that costs nothing extra:
//! each payload against its header, each header against the one before.

use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};

use super::error::StoreError;
use super::{Store, schema};
use crate::record::brief::Brief;
use crate::record::chain;
use crate::record::event::Event;
use crate::record::id::{EventId, Hash, IncidentId, StreamId};
use crate::record::incident::{Head, Status};
use crate::record::observation::Sample;
use crate::record::time::Timestamp;

/// Which incidents.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only with one of these statuses.
    pub status: Option<Vec<Status>>,
    /// Only of this runbook.
    pub runbook: Option<String>,
    /// Only with a smaller number.
    pub below: Option<u64>,
    /// At most so many, the newest.
    pub limit: Option<u64>,
}

/// A series of readings.
#[derive(Clone, PartialEq, Debug)]
pub struct SeriesInfo {
    /// Its name, e.g. `agents.alive`.
    pub name: String,
    /// Where its numbers come from.
    pub origin: String,
    /// How many there are.
    pub count: u64,
    /// When the newest was taken.
    pub newest: Timestamp,
}

/// Reads an event from a row that begins with header and payload body.
///
/// A payload that is gone reads as erased; that an event says so is for [`Store::verify`] to check.
pub(super) fn event(row: &Row<'_>) -> Result<Event, StoreError> {
    named(row, || "an event".to_owned())
}

/// Reads an event as [`event`] does; `name` is what to call it when it is not readable.
fn named(row: &Row<'_>, name: impl Fn() -> String) -> Result<Event, StoreError> {
    let unreadable = |e: &dyn std::fmt::Display| StoreError::Corrupt(format!("{} is not readable: {e}", name()));
    let header = row.get_ref(0)?.as_str().map_err(|e| unreadable(&e))?;
    let body = row.get_ref(1)?.as_str_or_null().map_err(|e| unreadable(&e))?;
    let event = Event::read(header, body).map_err(|e| unreadable(&e))?;
    match body {
        Some(body) if Hash::of(&[body.as_bytes()]) != event.header.payload => Err(StoreError::Corrupt(format!(
            "the payload of event {} of `{}` is not the one it names",
            event.header.seq, event.header.stream
        ))),
        _ => Ok(event),
    }
}

pub(super) fn head(conn: &Connection, stream: &StreamId) -> Result<Head, StoreError> {
    let row: Option<(i64, [u8; 32])> = conn
        .prepare_cached("SELECT seq, hash FROM event WHERE stream = ?1 ORDER BY seq DESC LIMIT 1")?
        .query_row([stream.as_str()], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    Ok(row.map_or(Head::EMPTY, |(seq, hash)| Head { seq: seq.cast_unsigned(), hash: Hash(hash) }))
}

pub(super) fn by_id(conn: &Connection, id: EventId) -> Result<Option<Event>, StoreError> {
    let mut query = conn.prepare_cached("SELECT e.header, p.body FROM event e LEFT JOIN payload p ON p.pos = e.pos WHERE e.id = ?1")?;
    let mut rows = query.query([id.0.as_bytes()])?;
    rows.next()?.map(event).transpose()
}

/// The events of a stream after `seq`, in order.
pub(super) fn load(conn: &Connection, stream: &StreamId, after: u64, limit: Option<u64>) -> Result<Vec<Event>, StoreError> {
    let mut query = conn.prepare_cached(
        "SELECT e.header, p.body FROM event e LEFT JOIN payload p ON p.pos = e.pos
         WHERE e.stream = ?1 AND e.seq > ?2 ORDER BY e.seq LIMIT ?3",
    )?;
    // A long stream is not to be moved again and again while it is read.
    let count = match limit {
        Some(limit) => limit,
        None => head(conn, stream)?.seq.saturating_sub(after),
    };
    // A damaged ledger may say anything.
    let mut events: Vec<Event> = Vec::with_capacity(usize::try_from(count.min(1 << 20)).unwrap_or(0));
    let limit = limit.map_or(-1, u64::cast_signed);
    let mut rows = query.query(params![stream.as_str(), after.cast_signed(), limit])?;
    while let Some(row) = rows.next()? {
        let last = events.last();
        let event = named(row, || format!("event {} of `{stream}`", last.map_or(after, |e| e.header.seq) + 1))?;
        let before = match last {
            Some(last) => Head { seq: last.header.seq, hash: last.hash },
            // Where reading begins in the middle, the first `prev` is taken as it stands.
            None => Head { seq: after, hash: if after == 0 { Hash::ZERO } else { event.header.prev } },
        };
        chain::follows(before, &event.header).map_err(|e| StoreError::Corrupt(format!("`{stream}`: {e}")))?;
        events.push(event);
    }
    Ok(events)
}

/// Word for word the condition of the index `incident_due`, or it would not be used.
pub(super) const WITH_DUE: &str = "SELECT brief FROM incident WHERE brief ->> '$.due[0].on' IS NOT NULL AND brief ->> '$.due[0].on' < ?1";

fn read_brief(row: &Row<'_>) -> Result<Brief, StoreError> {
    let text = row.get_ref(0)?.as_str().map_err(|e| StoreError::Corrupt(e.to_string()))?;
    serde_json::from_str(text).map_err(|e| StoreError::Corrupt(format!("an incident in brief is not readable: {e}")))
}

pub(super) fn brief(conn: &Connection, id: IncidentId) -> Result<Option<Brief>, StoreError> {
    let mut query = conn.prepare_cached("SELECT brief FROM incident WHERE id = ?1")?;
    let mut rows = query.query([id.0.as_bytes()])?;
    rows.next()?.map(read_brief).transpose()
}

pub(super) fn briefs(conn: &Connection, filter: &Filter) -> Result<Vec<Brief>, StoreError> {
    let mut briefs = Vec::new();
    each_brief(conn, filter, &mut |b| {
        briefs.push(b);
        Ok::<_, StoreError>(())
    })?;
    Ok(briefs)
}

fn each_brief<E: From<StoreError>>(conn: &Connection, filter: &Filter, take: &mut dyn FnMut(Brief) -> Result<(), E>) -> Result<(), E> {
    let mut sql = "SELECT brief FROM incident WHERE 1".to_owned();
    let mut values: Vec<String> = Vec::new();
    if let Some(statuses) = &filter.status {
        sql.push_str(&format!(" AND status IN ({})", vec!["?"; statuses.len()].join(", ")));
        values.extend(statuses.iter().map(Status::to_string));
    }
    if let Some(runbook) = &filter.runbook {
        sql.push_str(" AND runbook = ?");
        values.push(runbook.clone());
    }
    if let Some(below) = filter.below {
        sql.push_str(&format!(" AND number < {}", below.cast_signed()));
    }
    let limit = filter.limit.map_or(-1, u64::cast_signed);
    sql.push_str(&format!(" ORDER BY number DESC LIMIT {limit}"));
    let mut query = conn.prepare_cached(&sql).map_err(StoreError::from)?;
    let mut rows = query.query(params_from_iter(values)).map_err(StoreError::from)?;
    while let Some(row) = rows.next().map_err(StoreError::from)? {
        take(read_brief(row)?)?;
    }
    Ok(())
}

pub(super) fn streams(conn: &Connection, prefix: &str) -> Result<Vec<StreamId>, StoreError> {
    let mut first = conn.prepare_cached("SELECT min(stream) FROM event WHERE stream >= ?1")?;
    let mut next = conn.prepare_cached("SELECT min(stream) FROM event WHERE stream > ?1")?;
    let mut streams: Vec<StreamId> = Vec::new();
    let mut name: Option<String> = first.query_row([prefix], |r| r.get(0))?;
    while let Some(found) = name.filter(|n| n.starts_with(prefix)) {
        streams.push(found.parse().map_err(|e| StoreError::Corrupt(format!("{e}")))?);
        name = next.query_row([&found], |r| r.get(0))?;
    }
    Ok(streams)
}

impl Store {
    /// The end of a stream; [`Head::EMPTY`] when there is no such stream.
    ///
    /// # Errors
    /// See [`StoreError`], as for everything here.
    pub fn head(&self, stream: &StreamId) -> Result<Head, StoreError> {
        head(&self.conn, stream)
    }

    /// All events of a stream, in order.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when they do not hang together.
    pub fn load(&self, stream: &StreamId) -> Result<Vec<Event>, StoreError> {
        load(&self.conn, stream, 0, None)
    }

    /// Where an event lies among all events of the ledger, from 1.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn position(&self, id: EventId) -> Result<Option<u64>, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT pos FROM event WHERE id = ?1")?;
        let pos: Option<i64> = query.query_row([id.0.as_bytes().as_slice()], |r| r.get(0)).optional()?;
        Ok(pos.map(i64::cast_unsigned))
    }

    /// The events of a stream after sequence number `seq`, in order.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn load_after(&self, stream: &StreamId, seq: u64) -> Result<Vec<Event>, StoreError> {
        load(&self.conn, stream, seq, None)
    }

    /// What a stream's actions need and nothing else: its first event, and those of actions and approvals, in order.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn load_actions(&self, stream: &StreamId) -> Result<Vec<Event>, StoreError> {
        self.load_where(stream, "e.type >= 'action.' AND e.type < 'approval/'")
    }

    /// Whether a stream has events of any of these types.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn has_any(&self, stream: &StreamId, kinds: &[&str]) -> Result<bool, StoreError> {
        let marks = vec!["?"; kinds.len()].join(", ");
        let mut query = self.conn.prepare_cached(&format!("SELECT 1 FROM event WHERE stream = ? AND type IN ({marks})"))?;
        Ok(query.exists(params_from_iter(std::iter::once(&stream.as_str()).chain(kinds)))?)
    }

    /// What a stream's follow-ups need and nothing else: its first event, follow-ups and corrections, in order.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn load_followups(&self, stream: &StreamId) -> Result<Vec<Event>, StoreError> {
        self.load_where(stream, "e.type IN ('followup.added', 'followup.done', 'event.corrected')")
    }

    fn load_where(&self, stream: &StreamId, which: &str) -> Result<Vec<Event>, StoreError> {
        let mut query = self.conn.prepare_cached(&format!(
            "SELECT e.header, p.body FROM event e LEFT JOIN payload p ON p.pos = e.pos WHERE e.stream = ?1 AND (e.seq = 1 OR {which}) ORDER BY e.seq"
        ))?;
        let mut rows = query.query([stream.as_str()])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            events.push(event(row)?);
        }
        Ok(events)
    }

    /// The incidents that may have follow-ups which were due before `day` (`2026-12-01`) and are not done, in order.
    /// Looks at no other, unless the ledger is from before there was a list of them.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn with_due(&self, day: &str) -> Result<Vec<Brief>, StoreError> {
        if schema::marks(&self.conn)?.1 < 3 {
            return Ok(briefs(&self.conn, &Filter::default())?.into_iter().rev().filter(|b| b.open_followups > 0).collect());
        }
        let mut query = self.conn.prepare_cached(WITH_DUE)?;
        let mut rows = query.query([day])?;
        let mut briefs = Vec::new();
        while let Some(row) = rows.next()? {
            briefs.push(read_brief(row)?);
        }
        briefs.sort_by_key(|b| b.number);
        Ok(briefs)
    }

    /// The event of that id.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn event(&self, id: EventId) -> Result<Option<Event>, StoreError> {
        by_id(&self.conn, id)
    }

    /// Incidents in brief, newest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn briefs(&self, filter: &Filter) -> Result<Vec<Brief>, StoreError> {
        briefs(&self.conn, filter)
    }

    /// Hands incidents in brief to `take`, newest first, one at a time.
    ///
    /// # Errors
    /// What `take` says, and see [`StoreError`].
    pub fn each_brief<E: From<StoreError>>(&self, filter: &Filter, mut take: impl FnMut(Brief) -> Result<(), E>) -> Result<(), E> {
        each_brief(&self.conn, filter, &mut take)
    }

    /// An incident in brief.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn brief(&self, id: IncidentId) -> Result<Option<Brief>, StoreError> {
        brief(&self.conn, id)
    }

    /// The incident with that number.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn by_number(&self, number: u64) -> Result<Option<Brief>, StoreError> {
        let mut query = self.conn.prepare_cached("SELECT brief FROM incident WHERE number = ?1")?;
        let mut rows = query.query([number.cast_signed()])?;
        rows.next()?.map(read_brief).transpose()
    }

    /// The incidents whose id begins with `prefix`: at least 8 hex digits, hyphens or not. Fewer find nothing.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn by_prefix(&self, prefix: &str) -> Result<Vec<Brief>, StoreError> {
        let digits: String = prefix.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
        if !(8..=32).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(Vec::new());
        }
        let bound = |fill: char| {
            let full: String = digits.chars().chain(std::iter::repeat(fill)).take(32).collect();
            crate::record::id::unhex(&full)
        };
        let mut query = self.conn.prepare_cached("SELECT brief FROM incident WHERE id BETWEEN ?1 AND ?2 ORDER BY number")?;
        let mut rows = query.query(params![bound('0'), bound('f')])?;
        let mut briefs = Vec::new();
        while let Some(row) = rows.next()? {
            briefs.push(read_brief(row)?);
        }
        Ok(briefs)
    }

    /// The names of all streams that begin with `prefix`, sorted. Costs one index look-up each.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn streams(&self, prefix: &str) -> Result<Vec<StreamId>, StoreError> {
        streams(&self.conn, prefix)
    }

    /// The readings of `series` after `from` up to `to`, and the newest one at or before `from` to start from.
    /// Without `origin`, those of all origins together.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn samples(&self, series: &str, origin: Option<&str>, from: Timestamp, to: Timestamp) -> Result<Vec<Sample>, StoreError> {
        const OF: &str = "SELECT r.at, r.value FROM series s JOIN reading r ON r.series = s.id
                          WHERE s.name = ?1 AND (?2 IS NULL OR s.origin = ?2)";
        let sample = |r: &Row<'_>| Ok((r.get::<_, i64>(0)?, r.get::<_, f64>(1)?));
        let baseline = self
            .conn
            .prepare_cached(&format!("{OF} AND r.at <= ?3 ORDER BY r.at DESC, r.pos DESC, r.n DESC LIMIT 1"))?
            .query_row(params![series, origin, from.millis()], sample)
            .optional()?;
        let mut query = self.conn.prepare_cached(&format!("{OF} AND r.at > ?3 AND r.at <= ?4 ORDER BY r.at, r.pos, r.n"))?;
        let within = query.query_map(params![series, origin, from.millis(), to.millis()], sample)?;
        baseline.map(Ok).into_iter().chain(within).map(|row| to_sample(row?)).collect()
    }

    /// Every series of readings.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn series(&self) -> Result<Vec<SeriesInfo>, StoreError> {
        let mut query = self.conn.prepare_cached(
            "SELECT s.name, s.origin, count(*), max(r.at) FROM series s JOIN reading r ON r.series = s.id
             GROUP BY s.id ORDER BY s.name, s.origin",
        )?;
        let rows = query.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get::<_, i64>(2)?, r.get::<_, i64>(3)?)))?;
        rows.map(|row| {
            let (name, origin, count, newest) = row?;
            Ok(SeriesInfo { name, origin, count: count.cast_unsigned(), newest: instant(newest)? })
        })
        .collect()
    }
}

fn to_sample((at, value): (i64, f64)) -> Result<Sample, StoreError> {
    Ok(Sample { at: instant(at)?, value })
}

fn instant(ms: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millis(ms).ok_or_else(|| StoreError::Corrupt(format!("a reading is from {ms} ms, which is no instant")))
}
