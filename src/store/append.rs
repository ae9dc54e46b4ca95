//! Recording: one transaction, one flush, or nothing.

use std::cell::Cell;
use std::collections::HashMap;
use std::time::Instant;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use uuid::{NoContext, Uuid};

use super::blob::{self, Prepared};
use super::checkpoint::{self, Signed};
use super::error::{AppendError, StoreError};
use super::key::{self, Key, Signer};
use super::projection::{self, Projector};
use super::read::{self, Filter};
use super::{Halt, LedgerInfo, Store, erase};
use crate::record::actor::Actor;
use crate::record::brief::Brief;
use crate::record::chain::{self, Tree};
use crate::record::event::{Event, Facts, HEADER_VERSION, Header, LedgerKeyAdded, Payload};
use crate::record::id::{EventId, Hash, IncidentId, StreamId};
use crate::record::incident::Head;
use crate::record::observation::BlobRef;
use crate::record::time::{Timestamp, human_span};

/// An event that is to be recorded. Its place in the stream is found under the lock.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Its own id; recording the same event twice records it once.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// Who acts.
    pub actor: Actor,
    /// The event that led to it.
    pub cause: Option<EventId>,
    /// What happened.
    pub facts: Facts,
    /// 16 random bytes; they make the payload's hash useless for guessing.
    pub salt: [u8; 16],
}

/// The ledger under its write lock: what is read here is what the new events follow.
#[derive(Debug)]
pub struct Tx<'a> {
    pub(super) conn: &'a Connection,
    ledger: &'a LedgerInfo,
    numbers: Cell<u64>,
}

impl Tx<'_> {
    /// What the ledger's first event says.
    pub fn ledger(&self) -> &LedgerInfo {
        self.ledger
    }

    /// The end of a stream.
    ///
    /// # Errors
    /// See [`StoreError`], as for everything here.
    pub fn head(&self, stream: &StreamId) -> Result<Head, StoreError> {
        read::head(self.conn, stream)
    }

    /// Insists that the stream has not moved since `expected` was read.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it has.
    pub fn expect(&self, stream: &StreamId, expected: Head) -> Result<(), StoreError> {
        let actual = self.head(stream)?;
        if actual == expected { Ok(()) } else { Err(StoreError::Conflict { stream: stream.clone(), expected, actual }) }
    }

    /// The event of that id, when it is recorded already: a caller that tries again asks this first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn known(&self, id: EventId) -> Result<Option<Event>, StoreError> {
        read::by_id(self.conn, id)
    }

    /// All events of a stream, in order.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn load(&self, stream: &StreamId) -> Result<Vec<Event>, StoreError> {
        read::load(self.conn, stream, 0, None)
    }

    /// All events of a deployed alias, in order.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn deploys(&self, stream: &StreamId) -> Result<Vec<Event>, StoreError> {
        self.load(stream)
    }

    /// An incident in brief.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn brief(&self, id: IncidentId) -> Result<Option<Brief>, StoreError> {
        read::brief(self.conn, id)
    }

    /// Incidents in brief, newest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn briefs(&self, filter: &Filter) -> Result<Vec<Brief>, StoreError> {
        read::briefs(self.conn, filter)
    }

    /// The next free incident number; each call within a transaction gives another.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn next_number(&self) -> Result<u64, StoreError> {
        let sql = "SELECT ifnull(max(number), 0) FROM incident";
        let highest: i64 = self.conn.prepare_cached(sql).and_then(|mut s| s.query_row([], |r| r.get(0)))?;
        let given = self.numbers.get() + 1;
        self.numbers.set(given);
        Ok(highest.cast_unsigned() + given)
    }

    /// Keeps bytes prepared with [`Prepared::new`] in the same transaction, so that they cost no flush of their own.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn put_blob(&self, prepared: &Prepared) -> Result<BlobRef, StoreError> {
        blob::insert(self.conn, prepared)?;
        Ok(prepared.blob().clone())
    }
}

impl Store {
    /// Records what `decide` returns, all of it or nothing, and returns it as stored.
    ///
    /// `decide` runs under the write lock: what it reads through [`Tx`] cannot change before the commit.
    /// An event whose id is recorded already with the same bytes is returned as it stands.
    ///
    /// # Errors
    /// [`AppendError::Refused`] with what `decide` returned, [`AppendError::Store`] for everything else.
    pub fn append<E>(&mut self, decide: impl FnOnce(&mut Tx<'_>) -> Result<Vec<NewEvent>, E>) -> Result<Vec<Event>, AppendError<E>> {
        self.may_append()?;
        let started = Instant::now();
        let transaction = Transaction::new_unchecked(&self.conn, TransactionBehavior::Immediate)
            .map_err(|e| StoreError::from(e).after(started.elapsed()))?;
        let newest = newest(&self.conn)?;
        let follows = self.follows_announced();
        let mut tx = Tx { conn: &self.conn, ledger: &self.ledger, numbers: Cell::new(0) };
        let wanted = decide(&mut tx).map_err(AppendError::Refused)?;
        let (held, mut signer) = (self.key.take(), None);
        let done = self.still_within().and_then(|()| {
            let introduced = wanted.iter().rev().find_map(|e| match &e.facts {
                Facts::LedgerKeyAdded(x) => Some(x.key.clone()),
                _ => None,
            });
            let signer = signer.insert(key::signer(&self.conn, &self.path, held, introduced)?);
            let (events, checkpoint) = record(&self.conn, &self.ledger.id, wanted, signer)?;
            if checkpoint.is_some() {
                self.in_place()?;
                transaction.commit().map_err(unsure)?;
            }
            Ok((events, checkpoint))
        });
        match done {
            Ok((events, checkpoint)) => {
                let unsigned = match signer {
                    Some(Signer::Named(key) | Signer::Fresh(key, _)) => {
                        self.key = Some(key);
                        None
                    }
                    Some(Signer::Nobody(why)) => Some(why),
                    None => None,
                };
                if let Some(checkpoint) = checkpoint {
                    self.unnamed_blobs = None;
                    self.announce(&checkpoint, follows);
                    unsigned.into_iter().for_each(|why| self.say(why));
                    let went_back = newest.zip(events.first()).and_then(|(at, e)| clock_went_back(at, e.header.at));
                    went_back.into_iter().for_each(|told| self.say(told));
                }
                Ok(events)
            }
            Err(e) => {
                if e.is_io() {
                    self.halted = Some(Halt::Failed(e.to_string()));
                }
                Err(e.into())
            }
        }
    }

    /// After some errors SQLite ends a transaction by itself; what a closure that went on all the same wants to record
    /// would then be written without one.
    fn still_within(&self) -> Result<(), StoreError> {
        if self.conn.is_autocommit() {
            let source = std::io::Error::other("SQLite ended the transaction after an error");
            return Err(StoreError::Io { what: "nothing was recorded".to_owned(), source });
        }
        Ok(())
    }

    /// Records `events` if they are not recorded yet and every stream still ends where `expected` says.
    ///
    /// # Errors
    /// [`StoreError::IdReused`], [`StoreError::Conflict`], or trouble with the file.
    pub fn append_events(&mut self, expected: &[(StreamId, Head)], events: Vec<NewEvent>) -> Result<Vec<Event>, StoreError> {
        let outcome = self.append(|tx| {
            for (stream, head) in expected {
                // Whoever tries again finds the stream moved by what it recorded itself.
                if tx.head(stream)? != *head && !all_known(tx, &events)? {
                    tx.expect(stream, *head)?;
                }
            }
            Ok::<_, StoreError>(events)
        });
        outcome.map_err(|e| match e {
            AppendError::Refused(e) | AppendError::Store(e) => e,
        })
    }
}

fn all_known(tx: &Tx<'_>, events: &[NewEvent]) -> Result<bool, StoreError> {
    for e in events {
        if tx.known(e.id)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// When the newest event of the ledger was recorded. That one cannot be read is `verify`'s business.
fn newest(conn: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let at = "SELECT CASE WHEN json_valid(header) THEN header ->> '$.at' END FROM event ORDER BY pos DESC LIMIT 1";
    let at: Option<Option<String>> = conn.prepare_cached(at)?.query_row([], |r| r.get(0)).optional()?;
    Ok(at.flatten().and_then(|text| text.parse().ok()))
}

/// What to say when an event is recorded with an earlier time than the one before it; the order of the record holds.
fn clock_went_back(before: Timestamp, now: Timestamp) -> Option<String> {
    let ms = before.millis() - now.millis();
    (ms > 1_000).then(|| {
        format!(
            "this machine's clock went back: the event before was recorded at {before}, this one at {now} ({} earlier); the record keeps the order in which things were recorded, `--at` says when they happened",
            human_span(ms)
        )
    })
}

/// A commit whose flush failed may be found whole when the ledger is opened again.
fn unsure(e: rusqlite::Error) -> StoreError {
    match e.into() {
        StoreError::Io { source, .. } => {
            let what = "the last flush failed, so it may be recorded all the same; look before you repeat it".to_owned();
            StoreError::Io { what, source }
        }
        other => other,
    }
}

/// Records the first event of a new ledger.
pub(super) fn first(conn: &Connection, ledger: &str, event: NewEvent, key: Option<&Key>) -> Result<Signed, StoreError> {
    let transaction = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    let mut log = Log::new(conn);
    log.push(event)?;
    let (_, checkpoint) = log.close(ledger, key)?;
    transaction.commit()?;
    checkpoint.ok_or_else(|| StoreError::Fence("a ledger begins with one event".to_owned()))
}

/// Writes events, what is derived from them, and the checkpoint over them; within the caller's transaction.
fn record(conn: &Connection, ledger: &str, wanted: Vec<NewEvent>, signer: &Signer) -> Result<(Vec<Event>, Option<Signed>), StoreError> {
    let mut log = Log::new(conn);
    for new in wanted {
        log.push(new)?;
    }
    let key = match signer {
        Signer::Named(key) => Some(key),
        Signer::Fresh(key, added) => {
            log.introduce(added)?;
            Some(key)
        }
        Signer::Nobody(_) => None,
    };
    log.close(ledger, key)
}

/// The log as one transaction moves it on.
struct Log<'c> {
    conn: &'c Connection,
    /// `None` until an event is new.
    tree: Option<Tree>,
    heads: HashMap<StreamId, Head>,
    projector: Projector<'c>,
    events: Vec<Event>,
}

impl<'c> Log<'c> {
    fn new(conn: &'c Connection) -> Self {
        Self { conn, tree: None, heads: HashMap::new(), projector: Projector::new(conn), events: Vec::new() }
    }

    fn push(&mut self, new: NewEvent) -> Result<(), StoreError> {
        let body = Payload::to_bytes(&new.facts, new.salt)?;
        let payload = Hash::of(&[body.as_bytes()]);
        if let Some(stored) = read::by_id(self.conn, new.id)? {
            if !is_same(&stored.header, &new, payload) {
                return Err(StoreError::IdReused(new.id));
            }
            self.events.push(stored);
            return Ok(());
        }
        check(self.conn, &new)?;
        let tree = match &mut self.tree {
            Some(tree) => tree,
            None => self.tree.insert(checkpoint::frontier(self.conn)?),
        };
        let head = match self.heads.get(&new.stream) {
            Some(head) => *head,
            None => read::head(self.conn, &new.stream)?,
        };
        let header = header(&new, head, payload);
        let text = header.to_bytes()?;
        let hash = Header::hash_of(&text);
        let pos = tree.size() + 1;
        insert(self.conn, pos, &header, &text, hash, &body)?;
        tree.push(chain::leaf(text.as_bytes()));
        self.heads.insert(new.stream, Head { seq: header.seq, hash });
        let event = Event { header, hash, actor: new.actor, facts: new.facts };
        self.projector.apply(pos, &event)?;
        if let Facts::PayloadErased(erased) = &event.facts {
            erase::apply(self.conn, &mut self.projector, erased)?;
        }
        self.events.push(event);
        Ok(())
    }

    /// Lets the ledger name a key of its own, where anything else is new. Who asked for the rest did not ask for this:
    /// it is not among the events that are returned.
    fn introduce(&mut self, added: &LedgerKeyAdded) -> Result<(), StoreError> {
        let Some(last) = self.tree.as_ref().and(self.events.last()) else { return Ok(()) };
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|e| StoreError::Io { what: "no random bytes".to_owned(), source: e.into() })?;
        let at = last.header.at;
        let ms = u64::try_from(at.millis()).unwrap_or(0);
        let nanos = u32::try_from(ms % 1000).unwrap_or(0) * 1_000_000;
        let id = EventId(Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, ms / 1000, nanos)));
        let facts = added.clone().into();
        let actor = last.actor.clone();
        self.push(NewEvent { stream: StreamId::ledger(), id, at, actor, cause: None, facts, salt })?;
        self.events.pop();
        Ok(())
    }

    fn close(self, ledger: &str, key: Option<&Key>) -> Result<(Vec<Event>, Option<Signed>), StoreError> {
        self.projector.flush()?;
        let Some(tree) = self.tree else { return Ok((self.events, None)) };
        Ok((self.events, Some(checkpoint::write(self.conn, ledger, &tree, key)?)))
    }
}

fn header(new: &NewEvent, head: Head, payload: Hash) -> Header {
    Header {
        actor: new.actor.to_string(),
        at: new.at,
        cause: new.cause,
        id: new.id,
        payload,
        prev: head.hash,
        seq: head.seq + 1,
        stream: new.stream.clone(),
        kind: new.facts.kind().to_owned(),
        v: HEADER_VERSION,
    }
}

fn is_same(stored: &Header, new: &NewEvent, payload: Hash) -> bool {
    let before = Head { seq: stored.seq - 1, hash: stored.prev };
    header(new, before, payload) == *stored
}

/// What must hold of an event before it is recorded for ever.
fn check(conn: &Connection, new: &NewEvent) -> Result<(), StoreError> {
    if matches!(new.facts, Facts::Erased) {
        return Err(StoreError::Fence("an erased event cannot be recorded".to_owned()));
    }
    if let Some(observation) = projection::observation(&new.facts)
        && let Some(r) = observation.readings.iter().find(|r| !r.value.is_finite())
    {
        return Err(StoreError::Fence(format!("the reading `{}` is not a number", r.name)));
    }
    if let Some(blob) = projection::blob(&new.facts) {
        let size: Option<i64> =
            conn.prepare_cached("SELECT size FROM blob WHERE hash = ?1")?.query_row([blob.digest.0], |r| r.get(0)).optional()?;
        if size != Some(blob.size.cast_signed()) {
            return Err(StoreError::NoBlob(blob.digest));
        }
    }
    Ok(())
}

fn insert(conn: &Connection, pos: u64, header: &Header, text: &str, hash: Hash, body: &str) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO event (pos, stream, seq, id, type, header, hash, payload_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        pos.cast_signed(),
        header.stream.as_str(),
        header.seq.cast_signed(),
        header.id.0.as_bytes(),
        header.kind,
        text,
        hash.0,
        header.payload.0
    ])?;
    conn.prepare_cached("INSERT INTO payload (pos, hash, body) VALUES (?1, ?2, ?3)")?.execute(params![
        pos.cast_signed(),
        header.payload.0,
        body
    ])?;
    Ok(())
}
