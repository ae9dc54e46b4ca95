//! Where the record lies: SQLite, append only.
//!
//! One file holds the events, their payloads and evidence, the checkpoints, and what is derived from them.
//! Nothing is acknowledged before it is on disk; nothing that was acknowledged changes. Knows nothing of
//! probes, actions or documents.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::record::event::{Event, Facts};
use crate::record::id::StreamId;
use crate::record::time::Timestamp;

mod append;
mod backup;
mod blob;
mod checkpoint;
mod deploy;
mod erase;
mod error;
mod export;
mod key;
mod lock;
mod open;
mod projection;
mod read;
mod schema;
mod search;
mod verify;

pub use append::{NewEvent, Tx};
pub use blob::{BlobReader, Prepared};
pub use checkpoint::Signed;
pub use error::{AppendError, StoreError};
pub use export::Exported;
pub use lock::ExecutionLock;
pub use read::{Filter, SeriesInfo};
pub use search::{Found, INDEXED, MARKS};
pub use verify::{Compared, Erasure, Outside, Problem, VerifyReport};

/// A log of so many bytes is not left to the next process: it would have to read all of it.
const LOG_MOST: u64 = 1 << 20;

/// What a store is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// To look at it; not a byte is written beside it.
    Read,
    /// To record.
    Append,
}

/// What is to be told to a person though nothing failed, gathered from every store that shares it.
#[derive(Clone, Debug, Default)]
pub struct Notices(Arc<Mutex<Vec<String>>>);

impl Notices {
    fn add(&self, notice: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.iter().any(|n| n == notice) {
            all.push(notice.to_owned());
        }
    }

    /// All of them, each once; they are gone from here afterwards.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it also says what [`Store::notices`] gives.
    pub notices: Notices,
    /// How long to wait for somebody else's lock.
    pub wait: Duration,
    /// Leaves durability to luck, so that a test can show that it would notice.
    #[cfg(feature = "testing")]
    pub careless: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            notices: Notices::default(),
            wait: Duration::from_secs(10),
            #[cfg(feature = "testing")]
            careless: false,
        }
    }
}

impl Settings {
    /// `PRAGMA synchronous`: FULL, always, in a release.
    fn synchronous(&self) -> i64 {
        #[cfg(feature = "testing")]
        if self.careless {
            return 1;
        }
        2
    }
}

/// What the ledger's first event says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LedgerInfo {
    /// The ledger's random id.
    pub id: String,
    /// A rehearsal's ledger.
    pub drill: bool,
    /// When it began.
    pub created_at: Timestamp,
}

/// An open ledger.
#[derive(Debug)]
pub struct Store {
    // Closed before the copy it may read is deleted.
    conn: Connection,
    copy: Option<Arc<TempDir>>,
    presence: Option<open::Presence>,
    /// How the file is opened once more.
    query: &'static str,
    path: PathBuf,
    access: Access,
    settings: Settings,
    ledger: LedgerInfo,
    /// Nobody had the file open when we began to read it without locks.
    unlocked: bool,
    /// Why nothing more is recorded.
    halted: Option<Halt>,
    /// The ledger's key, once it was needed.
    key: Option<key::Key>,
    /// Keeps blobs that no event names yet from being collected.
    unnamed_blobs: Option<std::fs::File>,
    notices: Vec<String>,
}

#[derive(Debug)]
enum Halt {
    /// The end of the log is not what it must be.
    Damaged(String),
    /// A commit failed.
    Failed(String),
}

impl Store {
    /// Opens an existing ledger.
    ///
    /// # Errors
    /// See [`StoreError`]; [`StoreError::NotFound`] when there is none.
    pub fn open(path: &Path, access: Access) -> Result<Self, StoreError> {
        Self::open_with(path, access, Settings::default())
    }

    /// Opens an existing ledger with other [`Settings`].
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(path: &Path, access: Access, settings: Settings) -> Result<Self, StoreError> {
        let started = Instant::now();
        Self::open_now(path, access, settings).map_err(|e| e.after(started.elapsed()))
    }

    fn open_now(path: &Path, access: Access, settings: Settings) -> Result<Self, StoreError> {
        let opened = match access {
            Access::Read => open::reading(path, &settings)?,
            Access::Append => open::appending(path, &settings)?,
        };
        let ledger = first_event(&opened.conn)?;
        let halted = match access {
            Access::Read => None,
            Access::Append => checkpoint::tail(&opened.conn, &ledger.id)?.map(Halt::Damaged),
        };
        opened.notices.iter().for_each(|n| settings.notices.add(n));
        Ok(Self {
            conn: opened.conn,
            copy: opened.copy,
            presence: opened.presence,
            query: opened.query,
            path: path.to_owned(),
            access,
            settings,
            ledger,
            unlocked: opened.unlocked,
            halted,
            key: None,
            unnamed_blobs: None,
            notices: opened.notices,
        })
    }

    /// One more handle on the same file, to read it on another thread; what it sees may be of a later moment.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn again(&self) -> Result<Self, StoreError> {
        let conn = open::again(&self.conn, self.query, &self.path, &self.settings)?;
        // What is at that name now may be another file.
        self.in_place()?;
        Ok(Self {
            conn,
            copy: self.copy.clone(),
            presence: self.presence.as_ref().map(open::Presence::again),
            query: self.query,
            path: self.path.clone(),
            access: Access::Read,
            settings: self.settings.clone(),
            ledger: self.ledger.clone(),
            unlocked: self.unlocked,
            halted: None,
            key: None,
            unnamed_blobs: None,
            notices: Vec::new(),
        })
    }

    /// Begins a ledger with its first event, which must be `ledger.created`. Makes the folder (0700) where
    /// needed and the file (0600); the file appears whole or not at all.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the file is there already.
    pub fn create(path: &Path, first: NewEvent) -> Result<Self, StoreError> {
        Self::create_with(path, first, Settings::default())
    }

    /// Begins a ledger with other [`Settings`].
    ///
    /// # Errors
    /// As [`Store::create`].
    pub fn create_with(path: &Path, mut first: NewEvent, settings: Settings) -> Result<Self, StoreError> {
        let id = match &first.facts {
            Facts::LedgerCreated(x) if first.stream == StreamId::ledger() => x.ledger.clone(),
            _ => return Err(StoreError::Fence("a ledger begins with `ledger.created`".to_owned())),
        };
        if id.is_empty() || id.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+') {
            return Err(StoreError::Fence(format!("`{id}` cannot be the id of a ledger")));
        }
        let (conn, draft) = open::begin(path, &settings)?;
        let key = key::load_or_make(&open::beside(path, ".key"));
        if let (Ok(key), Facts::LedgerCreated(x)) = (&key, &mut first.facts) {
            x.key = Some(key.public().to_owned());
        }
        let made = append::first(&conn, &id, first, key.as_ref().ok()).and_then(|checkpoint| {
            open::publish(conn, &draft, path)?;
            Ok(checkpoint)
        });
        let checkpoint = made.inspect_err(|_| open::discard(&draft))?;
        let mut store = Self::open_with(path, Access::Append, settings)?;
        match key {
            Ok(key) => store.key = Some(key),
            Err(why) => store.say(format!("the ledger has no key to sign with yet: {why}")),
        }
        let follows = store.follows_announced();
        store.announce(&checkpoint, follows);
        Ok(store)
    }

    /// What the ledger's first event says.
    pub fn ledger(&self) -> &LedgerInfo {
        &self.ledger
    }

    /// The ledger's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the person should know though nothing failed, e.g. that a newer version wrote the ledger.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Keeps something the person should know, once.
    fn say(&mut self, notice: String) {
        self.settings.notices.add(&notice);
        if !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }

    /// Takes the lock under which an action is executed; `None` while another process has it.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the lock's file cannot be made.
    pub fn execution_lock(&self) -> Result<Option<ExecutionLock>, StoreError> {
        self.may_append()?;
        lock::execution(&open::beside(&self.path, ".execute"))
    }

    /// True while some process executes an action.
    pub fn is_executing(&self) -> bool {
        lock::is_held(&open::beside(&self.path, ".execute"))
    }

    fn may_append(&self) -> Result<(), StoreError> {
        match (&self.access, &self.halted) {
            (Access::Read, _) => Err(StoreError::ReadOnly),
            (_, Some(Halt::Damaged(why))) => Err(StoreError::Corrupt(why.clone())),
            (_, Some(Halt::Failed(why))) => Err(StoreError::Halted(why.clone())),
            (Access::Append, None) => Ok(()),
        }
    }

    /// Somebody began to write while we read without locks: what was read may be half of each.
    fn still_alone(&self) -> Result<(), StoreError> {
        if self.unlocked && open::beside(&self.path, "-wal").exists() {
            let source = std::io::Error::other("somebody began to write meanwhile; try again");
            return Err(StoreError::Io { what: "the ledger changed".to_owned(), source });
        }
        Ok(())
    }
}

impl Drop for Store {
    /// Puts a log that has grown into the ledger and begins it anew. What SQLite has copied already it forgets with the last
    /// process that has the file open, so of a ledger that is opened for one event at a time the log would grow for ever,
    /// and each command would read all of it and copy all of it over.
    fn drop(&mut self) {
        let length = |path| std::fs::metadata(path).map_or(0, |m| m.len());
        if self.may_append().is_ok() && length(open::beside(&self.path, "-wal")) >= LOG_MOST && self.in_place().is_ok() {
            // Nobody is waited for: whoever closes it next does the same. Until it is done, all of it is in the log.
            let _ = self.conn.busy_timeout(Duration::ZERO);
            let _ = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }
}

/// A number that no other handle of any process has right now.
fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn first_event(conn: &Connection) -> Result<LedgerInfo, StoreError> {
    let first = read::load(conn, &StreamId::ledger(), 0, Some(1))?.into_iter().next();
    match first {
        Some(Event { header, facts: Facts::LedgerCreated(x), .. }) => {
            Ok(LedgerInfo { id: x.ledger, drill: x.drill, created_at: header.at })
        }
        _ => Err(StoreError::Corrupt("it does not begin with `ledger.created`".to_owned())),
    }
}

#[cfg(test)]
mod tests;
