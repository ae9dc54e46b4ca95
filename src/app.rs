//! One file per use: what the commands do, without a terminal.
//!
//! Joins the rooms that never meet: `store`, `collect`, `perform`, `document`. Knows no clap and prints nothing.

use crate::record::incident::decide::Refusal;
use crate::store::StoreError;

pub mod action;
pub mod approvals;
pub mod change;
pub mod ctx;
pub mod deploys;
pub mod doctor;
pub mod drill;
pub mod engine;
pub mod erasure;
pub mod escalation;
pub mod history;
pub mod init;
pub mod known;
pub mod library;
pub mod life;
pub mod next;
pub mod page;
pub mod publish;
pub mod select;
pub mod signing;
pub mod spool;
pub mod tick;
pub mod view;
pub mod watch;
pub mod when;

pub use ctx::{Clock, Ctx};

/// What sort of error it is; decides the exit code and the word under `--json`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// The command was used wrongly, or names no or more than one incident.
    Usage,
    /// The settings cannot be used.
    Config,
    /// The ledger cannot be read or written.
    Store,
    /// The operation failed.
    Failed,
    /// An approval is missing, or the transition is not allowed.
    Refused,
    /// Could not look; the outcome of an action is unknown.
    Unknown,
    /// Verification failed, or documents are stale.
    Unverified,
    /// Ctrl-C.
    Interrupted,
    /// A bug.
    Bug,
}

impl ErrorKind {
    /// The word under `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Config => "config",
            Self::Store => "store",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Unverified => "unverified",
            Self::Interrupted => "interrupted",
            Self::Bug => "bug",
        }
    }
}

/// Why a use did not work.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The ledger cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not allowed as things stand.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Anything else, in words.
    #[error("{message}")]
    Told {
        /// What sort.
        kind: ErrorKind,
        /// What was wrong, and where.
        message: String,
        /// Whole sentences that say what to do.
        hints: Vec<String>,
    },
}

impl AppError {
    /// An error in words.
    pub fn told(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::Told { kind, message: message.into(), hints: Vec::new() }
    }

    /// An error in how the command was used.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::told(ErrorKind::Usage, message)
    }

    /// A failure of the operation itself.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::told(ErrorKind::Failed, message)
    }

    /// A refusal in words.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::told(ErrorKind::Refused, message)
    }

    /// Adds a sentence that says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Told { hints, .. } = &mut self {
            hints.push(hint.into());
        }
        self
    }

    /// Adds what `cause` says to do.
    #[must_use]
    pub fn hints_of(self, cause: &Self) -> Self {
        cause.hints().into_iter().fold(self, Self::hint)
    }

    /// What sort of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(_) => ErrorKind::Store,
            Self::Refused(_) => ErrorKind::Refused,
            Self::Told { kind, .. } => *kind,
        }
    }

    /// What to do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Store(e) => e.hint().into_iter().collect(),
            Self::Refused(r) => vec![r.hint()],
            Self::Told { hints, .. } => hints.clone(),
        }
    }
}

impl From<crate::store::AppendError<Self>> for AppError {
    fn from(e: crate::store::AppendError<Self>) -> Self {
        match e {
            crate::store::AppendError::Refused(e) => e,
            crate::store::AppendError::Store(e) => Self::Store(e),
        }
    }
}
