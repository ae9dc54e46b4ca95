//! Checking everything that is stored, against itself and against what is remembered beside it.
//!
//! Reads events in order of their position, and beside them what is derived from them; hashing, parsing and SQLite's own
//! check run on other threads. Memory grows with the number of incidents that are going on at once, never with the number of
//! events.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use super::error::StoreError;
use super::{Store, schema};
use crate::record::id::Hash;

mod ahead;
mod derived;
mod outside;
mod row;
mod signed;
mod walk;

pub use outside::Outside;
use row::{Batch, Looked, integer};
use walk::Walk;

/// Something that is not as it must be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// `header`, `hash`, `column`, `chain`, `position`, `payload`, `missing`, `erasure`, `blob`, `checkpoint`,
    /// `signature`, `unsigned`, `rolled-back`, `projection`, `schema` or `file`.
    pub kind: &'static str,
    /// The stream, when it is about one.
    pub stream: Option<String>,
    /// The sequence number, when it is about one event.
    pub seq: Option<u64>,
    /// What is wrong, on one line.
    pub detail: String,
}

/// Something that an event took out of the record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Erasure {
    /// What is gone: stream and number of the event.
    pub stream: String,
    /// See `stream`.
    pub seq: u64,
    /// The type of that event, e.g. `note.added`.
    pub kind: String,
    /// By which event: stream and number.
    pub by: (String, u64),
    /// Who allowed it.
    pub approved_by: Vec<String>,
    /// Why.
    pub reason: String,
}

/// A checkpoint from elsewhere, compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compared {
    /// Where it was kept.
    pub place: String,
    /// How many events it saw.
    pub size: u64,
    /// The root it saw over them.
    pub root: Hash,
    /// The ledger has these events.
    pub holds: bool,
    /// It carries a signature of the ledger's key.
    pub signed: bool,
}

/// What a part of the check has to say that is of no one stream.
enum Finding {
    /// Kind and detail.
    Problem(&'static str, String),
    Note(String),
}

/// What a check of the whole ledger came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyReport {
    /// How many events were read.
    pub events: u64,
    /// How many streams they make up.
    pub streams: u64,
    /// Root of the tree over all of them.
    pub root: Hash,
    /// Payloads that an event says were erased.
    pub erased: u64,
    /// Each of them, in order.
    pub erasures: Vec<Erasure>,
    /// Pieces of evidence that are there, byte for byte.
    pub held: u64,
    /// Everything that is wrong, at most [`VerifyReport::MOST`] of it.
    pub problems: Vec<Problem>,
    /// What is as it may be and yet should be known, e.g. that checkpoints from before the ledger had a key are not
    /// signed.
    pub notes: Vec<String>,
    /// The checkpoints from elsewhere, smallest first.
    pub compared: Vec<Compared>,
}

impl VerifyReport {
    /// Further problems are not listed.
    pub const MOST: usize = 1000;

    /// True when nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Store {
    /// Checks every stored byte: headers, chains, payloads, evidence, checkpoints, and what is derived. `progress` is
    /// told now and then how many events were read.
    ///
    /// # Errors
    /// Only when the file cannot be read at all; what is wrong with it is in the report.
    pub fn verify(&self, progress: &mut dyn FnMut(u64)) -> Result<VerifyReport, StoreError> {
        self.verify_against(&[], progress)
    }

    /// [`Store::verify`], and every checkpoint of `outside` against the events. They are taken to be of this ledger.
    ///
    /// # Errors
    /// As [`Store::verify`].
    pub fn verify_against(&self, outside: &[Outside], progress: &mut dyn FnMut(u64)) -> Result<VerifyReport, StoreError> {
        // Before the snapshot: the small file may only be behind it.
        let announced = self.announced();
        let snapshot = Transaction::new_unchecked(&self.conn, TransactionBehavior::Deferred)?;
        let mut walk = Walk::new(&self.conn, &self.ledger.id, announced, outside);
        let other = self.again()?;
        let (structure, read) = thread::scope(|scope| {
            let structure = scope.spawn(move || check_structure(&other.conn));
            let read = read_all(&self.conn, &mut walk, progress).and_then(|()| walk.finish());
            (structure.join().unwrap_or_else(|_| Err(StoreError::Corrupt("a checking thread died".to_owned()))), read)
        });
        let mut problems = match structure {
            Ok(problems) => problems,
            Err(e) => vec![as_problem(e)?],
        };
        if let Err(e) = read {
            let problem = as_problem(e)?;
            if !problems.contains(&problem) {
                walk.problem(problem.kind, None, None, problem.detail);
            }
        }
        drop(snapshot);
        self.still_alone()?;
        let mut report = walk.report();
        problems.append(&mut report.problems);
        Ok(VerifyReport { problems, ..report })
    }
}

/// What is wrong with the file that an error tells of; any other error is given back.
fn as_problem(e: StoreError) -> Result<Problem, StoreError> {
    let detail = match e {
        StoreError::Corrupt(why) => why,
        StoreError::Sqlite(e) if e.sqlite_error_code() != Some(ErrorCode::OutOfMemory) => e.to_string(),
        e => return Err(e),
    };
    Ok(Problem { kind: "file", stream: None, seq: None, detail })
}

/// The tables and triggers must be those of the format, and SQLite must find its own structures sound; an older format has
/// others.
fn check_structure(conn: &Connection) -> Result<Vec<Problem>, StoreError> {
    let mut problems = Vec::new();
    if schema::marks(conn)?.1 != schema::FORMAT {
        return Ok(problems);
    }
    let mut tell = |kind, detail| problems.push(Problem { kind, stream: None, seq: None, detail });
    schema::differences(conn)?.into_iter().for_each(|line| tell("schema", line));
    let mut query = conn.prepare("PRAGMA integrity_check(20)")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        if line != "ok" {
            tell("file", line);
        }
    }
    Ok(problems)
}

type Job = (Batch, SyncSender<Vec<Looked>>);

/// Reads events and payloads side by side and hands them on in batches; takes the answers back in order.
fn read_all(conn: &Connection, walk: &mut Walk<'_>, progress: &mut dyn FnMut(u64)) -> Result<(), StoreError> {
    let threads = thread::available_parallelism().map_or(1, |n| n.get().min(8));
    let (jobs, queue) = sync_channel::<Job>(threads);
    let queue = Arc::new(Mutex::new(queue));
    thread::scope(|scope| {
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            scope.spawn(move || work(&queue));
        }
        let result = feed(conn, walk, progress, &jobs, threads * 2);
        drop(jobs);
        result
    })
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((batch, answer)) = job else { return };
        // The other end is gone only when reading failed.
        let _ = answer.send(batch.look());
    }
}

fn feed(
    conn: &Connection,
    walk: &mut Walk<'_>,
    progress: &mut dyn FnMut(u64),
    jobs: &SyncSender<Job>,
    ahead: usize,
) -> Result<(), StoreError> {
    let (mut events, mut payloads) = (conn.prepare(Batch::EVENT)?, conn.prepare(Batch::PAYLOAD)?);
    let (mut events, mut payloads) = (events.query([])?, payloads.query([])?);
    let mut payload = payloads.next()?;
    let mut waiting: VecDeque<Receiver<Vec<Looked>>> = VecDeque::new();
    let mut batch = Batch::default();
    loop {
        let event = events.next()?;
        let pos = match &event {
            Some(e) => integer(e, 0)?,
            None => i64::MAX,
        };
        while let Some(p) = payload {
            let at = integer(p, 0)?;
            if at >= pos {
                break;
            }
            walk.problem("payload", None, None, format!("a payload lies at position {at}, where no event is"));
            payload = payloads.next()?;
        }
        if let Some(e) = event {
            let own = match payload {
                Some(p) if integer(p, 0)? == pos => Some(p),
                _ => None,
            };
            batch.push(e, own)?;
            if own.is_some() {
                payload = payloads.next()?;
            }
        }
        if batch.is_full() || event.is_none() && !batch.is_empty() {
            let (answer, receiver) = sync_channel(1);
            if jobs.send((std::mem::take(&mut batch), answer)).is_err() {
                return Err(StoreError::Corrupt("a checking thread died".to_owned()));
            }
            waiting.push_back(receiver);
        }
        while waiting.len() > ahead || event.is_none() && !waiting.is_empty() {
            let answer = waiting.pop_front().and_then(|r| r.recv().ok());
            for looked in answer.ok_or_else(|| StoreError::Corrupt("a checking thread died".to_owned()))? {
                walk.step(looked)?;
            }
            progress(walk.events());
        }
        if event.is_none() {
            return Ok(());
        }
    }
}
