//! Everything that can go wrong with a store, each with what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::ErrorCode;

use crate::record::event::BytesError;
use crate::record::id::{EventId, Hash, StreamId};
use crate::record::incident::Head;
use crate::record::time::human_span;

/// Why the store could not do what it was asked to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no file of that name.
    #[error("no ledger at `{}`", .path.display())]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is a file of that name already.
    #[error("`{}` exists already", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("`{}` is not a ledger of blotter: {why}", .path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: String,
    },
    /// A newer blotter wrote it.
    #[error("the ledger has format {found}, this blotter writes up to {known}")]
    Newer {
        /// The file's format.
        found: i64,
        /// The newest that this build writes.
        known: i64,
    },
    /// The file or its folder cannot be written.
    #[error("the ledger is read-only")]
    ReadOnly,
    /// This process reads the same file and would be in its own way.
    #[error("this process has the ledger open for reading")]
    Reading,
    /// Somebody else kept it locked.
    #[error("the ledger stayed locked for {}", human_span(i64::try_from(.waited.as_millis()).unwrap_or(i64::MAX)))]
    Locked {
        /// How long it was waited for.
        waited: Duration,
    },
    /// No room on the disk.
    #[error("no room left on the disk of the ledger")]
    Full,
    /// The file lies on a file system whose locks cannot be trusted.
    #[error("the ledger lies on a network file system ({0})")]
    Network(String),
    /// Others could change the file.
    #[error("`{}` can be written by others (mode {mode:o})", .path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The operating system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What it said.
        source: io::Error,
    },
    /// Stored bytes are not what they must be.
    #[error("the ledger is damaged: {0}")]
    Corrupt(String),
    /// The stream moved since it was read.
    #[error("`{stream}` is at {} where {} was expected", .actual.seq, .expected.seq)]
    Conflict {
        /// The stream.
        stream: StreamId,
        /// What the caller had seen.
        expected: Head,
        /// What is there.
        actual: Head,
    },
    /// An event of the same id but with other bytes is there already.
    #[error("event `{0}` is recorded already, with other bytes")]
    IdReused(EventId),
    /// A commit failed; what is on disk is not known.
    #[error("nothing more is recorded since writing failed: {0}")]
    Halted(String),
    /// The file was deleted or replaced while it was open.
    #[error("`{}` was moved or deleted while it was open", .path.display())]
    Moved {
        /// Where it was.
        path: PathBuf,
    },
    /// An event cannot be written down.
    #[error("the event cannot be written: {0}")]
    Unwritable(#[from] BytesError),
    /// No blob of that digest.
    #[error("no evidence `{}` in the ledger", .0.short())]
    NoBlob(Hash),
    /// What should be kept could not be read.
    #[error("cannot read what should be kept: {0}")]
    Input(io::Error),
    /// An erasure that the record does not allow.
    #[error("cannot erase: {0}")]
    Erasure(String),
    /// A folder that already has something in it.
    #[error("`{}` is not empty", .path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// The fence caught a bug of ours.
    #[error("refused by the ledger itself: {0}")]
    Fence(String),
    /// Anything else SQLite says.
    #[error("SQLite: {0}")]
    Sqlite(rusqlite::Error),
}

impl StoreError {
    /// What a person can do about it, as whole sentences.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NotFound { .. } => "Run `blotter init` to begin one, or name another with `--store FILE`.",
            Self::Exists { .. } => "Name another file with `--store FILE`; blotter never overwrites a ledger.",
            Self::NotOurs { .. } => "Check `--store`, `BLOTTER_STORE` and the config; blotter leaves this file alone.",
            Self::Newer { .. } => "Upgrade blotter; this version may still read it.",
            Self::ReadOnly => "Check the permissions of the file and its folder, and whether the disk is mounted read-only.",
            Self::Reading => "Close the reading handle before opening one that appends.",
            Self::Locked { .. } => "Find the process that holds it (`fuser FILE`), or try again.",
            Self::Full => "Make room and try again; nothing that was acknowledged is lost.",
            Self::Network(_) => "Keep the ledger on a local disk and reach it over SSH; copy it elsewhere with `blotter backup`.",
            Self::Exposed { .. } => "Take the others' write permission away with `chmod go-w`.",
            // SQLite has one code for both, `SQLITE_CORRUPT`.
            Self::Corrupt(_) => {
                "Run `blotter verify` to see what is damaged; `blotter rebuild` mends what is only derived. If the next run says nothing of the kind, the disk could not be read: see the system's log."
            }
            Self::Conflict { .. } => "Somebody else recorded something meanwhile; look at it and try again.",
            Self::IdReused(_) => "This is a bug, or two programs made the same id; the event that was there first stands.",
            Self::Halted(_) => "Run the command again: the ledger is checked when it is opened.",
            Self::Moved { .. } => "Put the file back or begin anew; nothing was recorded.",
            Self::Unwritable(BytesError::TooLong(_)) => "Shorten the name of the actor or of the stream.",
            Self::NoBlob(_) => "It may have been erased; `blotter verify` says whether an event names it.",
            Self::Occupied { .. } => "Name a folder that does not exist yet.",
            Self::Fence(_) => "This is a bug in blotter; nothing was recorded.",
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "Check the permissions of the file and its folder."
            }
            Self::Io { .. } => "Look at the disk: it may be full, failing, or not ours to write; nothing that was acknowledged is lost.",
            Self::Unwritable(_) | Self::Input(_) | Self::Erasure(_) | Self::Sqlite(_) => return None,
        };
        Some(text.to_owned())
    }

    /// Puts the time that was waited into [`StoreError::Locked`].
    pub(super) fn after(self, waited: Duration) -> Self {
        match self {
            Self::Locked { .. } => Self::Locked { waited },
            other => other,
        }
    }

    /// True when what is on disk may differ from what was said.
    pub(super) fn is_io(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Full | Self::Corrupt(_) | Self::Sqlite(_))
    }

    /// Wraps an error of the operating system.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::Io { what: what.into(), source },
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(e: rusqlite::Error) -> Self {
        match e.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { waited: Duration::ZERO },
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt(e.to_string()),
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => {
                Self::Io { what: "cannot read or write the ledger".to_owned(), source: io::Error::other(e.to_string()) }
            }
            Some(ErrorCode::ConstraintViolation) => Self::Fence(e.to_string()),
            _ => Self::Sqlite(e),
        }
    }
}

/// Why an append did not happen.
#[derive(Debug, thiserror::Error)]
pub enum AppendError<E> {
    /// The caller's own decision, taken under the lock.
    #[error("{0}")]
    Refused(E),
    /// The store's trouble.
    #[error(transparent)]
    Store(StoreError),
}

impl<E> From<StoreError> for AppendError<E> {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl<E> From<rusqlite::Error> for AppendError<E> {
    fn from(e: rusqlite::Error) -> Self {
        Self::Store(e.into())
    }
}
