//! What was last said of each version behind an alias: derived, one row each, so that a page costs the same however
//! often was deployed. Says what [`Deploys`] says.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::StoreError;
use super::{Store, read, schema};
use crate::record::deploy::{DeployFacts, Deploys};
use crate::record::event::{DeployStatus, Event, Facts};
use crate::record::id::StreamId;

/// Instant in milliseconds and sequence number: later ones are newer.
type Moment = (i64, i64);

/// One row without its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Known {
    moved: bool,
    place: Moment,
    good: bool,
    said: Option<Moment>,
}

/// Every row that there must be, by stream and version.
pub(super) type Expected = HashMap<(String, String), Known>;

/// The key of the row that an event is about, and what it says; `None` for all but deploys.
fn told(event: &Event) -> Option<((String, String), Known)> {
    let Facts::DeployRecorded(x) = &event.facts else { return None };
    let stream = event.header.stream.as_str();
    let place = (x.occurred_at.unwrap_or(event.header.at).millis(), event.header.seq.cast_signed());
    let said = (x.status != DeployStatus::Unknown).then_some(place);
    let known = Known { moved: !x.status_only, place, good: x.status == DeployStatus::Good, said };
    stream.starts_with("deploy/").then(|| ((stream.to_owned(), x.to.clone()), known))
}

impl Known {
    /// What is known when `new` is heard too.
    fn and(self, new: Self) -> Self {
        let place = match (self.moved, new.moved) {
            (true, false) => self.place,
            (false, true) => new.place,
            _ => self.place.max(new.place),
        };
        // An entry that does not know takes nothing back.
        let word = if new.said > self.said { new } else { self };
        Self { moved: self.moved || new.moved, place, good: word.good, said: word.said }
    }
}

/// Takes an event into what must be there.
pub(super) fn expect(expected: &mut Expected, event: &Event) {
    if let Some((key, new)) = told(event) {
        expected.entry(key).and_modify(|known| *known = known.and(new)).or_insert(new);
    }
}

/// Moves the row of an event's version on.
pub(super) fn apply(conn: &Connection, event: &Event) -> Result<(), StoreError> {
    let Some((key, new)) = told(event) else { return Ok(()) };
    let known = find(conn, &key)?.map_or(new, |old| old.and(new));
    conn.prepare_cached(
        "INSERT OR REPLACE INTO deploy (stream, version, moved, at, seq, good, said_at, said_seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        key.0,
        key.1,
        known.moved,
        known.place.0,
        known.place.1,
        known.good,
        known.said.map(|s| s.0),
        known.said.map(|s| s.1)
    ])?;
    Ok(())
}

/// The row of a stream and version.
fn find(conn: &Connection, (stream, version): &(String, String)) -> Result<Option<Known>, StoreError> {
    let mut query = conn.prepare_cached("SELECT moved, at, seq, good, said_at, said_seq FROM deploy WHERE stream = ?1 AND version = ?2")?;
    let row = query.query_row([stream, version], |r| {
        let said = r.get::<_, Option<i64>>(4)?.zip(r.get(5)?);
        Ok(Known { moved: r.get(0)?, place: (r.get(1)?, r.get(2)?), good: r.get(3)?, said })
    });
    Ok(row.optional()?)
}

/// The streams whose rows are not as they must be, and whether there are others besides; `None` as the stream then.
pub(super) fn differences(conn: &Connection, expected: &Expected) -> Result<Vec<Option<String>>, StoreError> {
    let mut wrong: Vec<Option<String>> = Vec::new();
    for (key, known) in expected {
        if find(conn, key)? != Some(*known) {
            wrong.push(Some(key.0.clone()));
        }
    }
    wrong.sort();
    wrong.dedup();
    let count: i64 = conn.query_row("SELECT count(*) FROM deploy", [], |r| r.get(0))?;
    if wrong.is_empty() && usize::try_from(count).ok() != Some(expected.len()) {
        wrong.push(None);
    }
    Ok(wrong)
}

/// What runbooks may ask about an alias, the version that was recorded last taken for the live one.
pub(super) fn facts(conn: &Connection, stream: &StreamId) -> Result<DeployFacts, StoreError> {
    let mut current =
        conn.prepare_cached("SELECT version FROM deploy WHERE stream = ?1 AND moved = 1 ORDER BY at DESC, seq DESC LIMIT 1")?;
    let current: Option<String> = current.query_row([stream.as_str()], |r| r.get(0)).optional()?;
    let mut good = conn.prepare_cached(
        "SELECT version FROM deploy WHERE stream = ?1 AND good = 1 AND version IS NOT ?2 ORDER BY moved DESC, at DESC, seq DESC LIMIT 1",
    )?;
    let good = good.query_row(params![stream.as_str(), current], |r| r.get(0)).optional()?;
    Ok(DeployFacts { current, last_known_good: good })
}

impl Store {
    /// What runbooks may ask about an alias, the version that was recorded last taken for the live one: what
    /// [`Deploys::facts`] says without a live version, at a cost that does not grow with the record.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn deploy_facts(&self, stream: &StreamId) -> Result<DeployFacts, StoreError> {
        if schema::marks(&self.conn)?.1 < 3 {
            return Ok(Deploys::fold(&read::load(&self.conn, stream, 0, None)?).facts(None));
        }
        facts(&self.conn, stream)
    }
}
