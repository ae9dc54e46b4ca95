//! Locks between processes, kept by the operating system: a crash gives them back.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use super::error::StoreError;

/// Held while an action is being executed; given back when dropped.
#[derive(Debug)]
pub struct ExecutionLock {
    _file: File,
}

pub(super) fn open(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(StoreError::io(format!("cannot open `{}`", path.display())))
}

/// Waits for the lock on `path`.
pub(super) fn exclusive(path: &Path) -> Result<File, StoreError> {
    let file = open(path)?;
    file.lock().map_err(StoreError::io(format!("cannot lock `{}`", path.display())))?;
    Ok(file)
}

/// Takes the lock on `path` unless somebody has it, shared or not.
pub(super) fn try_exclusive(path: &Path) -> Result<Option<File>, StoreError> {
    taken(open(path)?, path, File::try_lock)
}

/// Takes a share of the lock on `path`, waiting for whoever has it alone.
pub(super) fn shared(path: &Path) -> Result<File, StoreError> {
    let file = open(path)?;
    file.lock_shared().map_err(StoreError::io(format!("cannot lock `{}`", path.display())))?;
    Ok(file)
}

/// The execution lock on `path`, unless another handle has it.
///
/// Asks a few times: [`is_held`] takes a share for a moment.
pub(super) fn execution(path: &Path) -> Result<Option<ExecutionLock>, StoreError> {
    for _ in 0..5 {
        if let Some(file) = try_exclusive(path)? {
            return Ok(Some(ExecutionLock { _file: file }));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(None)
}

/// True while some handle has the lock on `path` alone. Creates nothing.
pub(super) fn is_held(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn taken(file: File, path: &Path, take: impl Fn(&File) -> Result<(), TryLockError>) -> Result<Option<File>, StoreError> {
    match take(&file) {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(StoreError::io(format!("cannot lock `{}`", path.display()))(e)),
    }
}
