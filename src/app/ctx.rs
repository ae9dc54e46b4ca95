//! What every use needs: settings, the clock, who acts, and the ledger.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use uuid::{NoContext, Uuid};

use super::AppError;
use crate::aws;
use crate::collect::World;
use crate::config::Config;
use crate::record::actor::Actor;
use crate::record::event::{Facts, LedgerCreated};
use crate::record::id::{EventId, StreamId, hex};
use crate::record::time::Timestamp;
use crate::redact::{Pattern, Redactor};
use crate::store::{Access, NewEvent, Notices, Settings, Store, StoreError};

/// Where the time comes from. Only a drill gets one that can be turned.
#[derive(Clone)]
pub struct Clock {
    read: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Lets milliseconds pass at once; `None`: they pass by themselves.
    turn: Option<Arc<dyn Fn(i64) + Send + Sync>>,
}

impl Clock {
    /// The machine's clock.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn system() -> Self {
        Self { read: Arc::new(|| Timestamp::new(chrono::Utc::now())), turn: None }
    }

    /// A clock of a drill, which has a ledger of its own for ever marked as such.
    pub(super) fn simulated(read: Arc<dyn Fn() -> Timestamp + Send + Sync>, turn: Arc<dyn Fn(i64) + Send + Sync>) -> Self {
        Self { read, turn: Some(turn) }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        (self.read)()
    }

    /// Waits; a drill's clock is turned instead.
    pub async fn sleep(&self, ms: u64) {
        match &self.turn {
            Some(turn) => turn(i64::try_from(ms).unwrap_or(i64::MAX)),
            None => tokio::time::sleep(std::time::Duration::from_millis(ms)).await,
        }
    }

    /// The clock as a function, for rooms that take one.
    pub fn as_fn(&self) -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
        Arc::clone(&self.read)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// What every use needs.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// The settings in force.
    pub config: Config,
    /// Where the time comes from.
    pub clock: Clock,
    /// Who acts.
    pub actor: Actor,
    /// True when the ledger may be a rehearsal's.
    pub drill: bool,
    /// How AWS is asked.
    pub aws: aws::Settings,
    /// Names of the variables that the command line overrides; a runbook that lacks one is refused.
    pub flag_vars: Vec<String>,
    /// What the ledgers that were opened had to say though nothing failed.
    pub notices: Notices,
}

impl Ctx {
    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// An event of this actor, now, with a fresh id and salt.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn event(&self, stream: StreamId, facts: impl Into<Facts>, cause: Option<EventId>) -> Result<NewEvent, AppError> {
        self.event_by(self.actor.clone(), stream, facts, cause)
    }

    /// An event of another actor, now.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn event_by(&self, actor: Actor, stream: StreamId, facts: impl Into<Facts>, cause: Option<EventId>) -> Result<NewEvent, AppError> {
        let at = self.now();
        Ok(NewEvent { stream, id: EventId(self.uuid(at)), at, actor, cause, facts: facts.into(), salt: random()? })
    }

    /// A fresh UUIDv7.
    pub fn uuid(&self, at: Timestamp) -> Uuid {
        let ms = u64::try_from(at.millis()).unwrap_or(0);
        let nanos = u32::try_from(ms % 1000).unwrap_or(0) * 1_000_000;
        Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, ms / 1000, nanos))
    }

    /// Opens the ledger for reading.
    ///
    /// # Errors
    /// There is none, or it cannot be used; a rehearsal's without `--drill`.
    pub fn read(&self) -> Result<Store, AppError> {
        self.fitting(Store::open_with(&self.config.store, Access::Read, self.settings())?)
    }

    /// Opens the ledger for appending; it must exist.
    ///
    /// # Errors
    /// As [`Ctx::read`].
    pub fn append(&self) -> Result<Store, AppError> {
        self.fitting(Store::open_with(&self.config.store, Access::Append, self.settings())?)
    }

    /// Opens the ledger for appending, making it if there is none.
    ///
    /// # Errors
    /// It cannot be made or used.
    pub fn append_or_create(&self) -> Result<Store, AppError> {
        match Store::open_with(&self.config.store, Access::Append, self.settings()) {
            Err(StoreError::NotFound { .. }) => {
                let id = hex(&random::<16>()?);
                let first = self.event(StreamId::ledger(), LedgerCreated { ledger: id, drill: self.drill, key: None }, None)?;
                match Store::create_with(&self.config.store, first, self.settings()) {
                    // Somebody else was a moment faster.
                    Err(StoreError::Exists { .. }) => self.append(),
                    other => Ok(other?),
                }
            }
            other => self.fitting(other?),
        }
    }

    fn settings(&self) -> Settings {
        Settings { notices: self.notices.clone(), ..Settings::default() }
    }

    fn fitting(&self, store: Store) -> Result<Store, AppError> {
        match (store.ledger().drill, self.drill) {
            (true, false) => Err(AppError::usage(format!("`{}` is the ledger of a drill", self.config.store.display()))
                .hint("Add `--drill` to work on a rehearsal's ledger, or name another one with `--store FILE`.")),
            (false, true) => Err(AppError::usage(format!("`{}` is a real ledger, not a drill's", self.config.store.display()))
                .hint("Leave `--drill` out, or name a drill's ledger with `--store FILE`.")),
            _ => Ok(store),
        }
    }

    /// The world, as the settings say to ask it; nothing is built before it is needed.
    pub fn world(&self) -> World {
        World::new(self.aws.clone())
    }

    /// The redaction rules in force.
    ///
    /// # Errors
    /// A pattern of the settings cannot be used.
    pub fn redactor(&self) -> Result<Redactor, AppError> {
        let own: Vec<Pattern> =
            self.config.redact.iter().map(|(name, regex)| Pattern { name: name.clone(), regex: regex.clone() }).collect();
        Redactor::new(&own).map_err(|e| AppError::told(super::ErrorKind::Config, format!("`[redact] patterns`: {e}")))
    }

    /// Where a document goes.
    pub fn export_path(&self, name: &str) -> PathBuf {
        self.config.exports.join(name)
    }
}

/// Random bytes from the operating system.
///
/// # Errors
/// It gives none.
pub fn random<const N: usize>() -> Result<[u8; N], AppError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| AppError::failed(format!("the operating system gives no random bytes: {e}")))?;
    Ok(bytes)
}
