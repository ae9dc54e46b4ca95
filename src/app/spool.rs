//! When the ledger cannot be used: what was seen goes, redacted, into a private JSON Lines file.

use std::fs;
use std::io::{self, BufRead, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::engine::Captured;
use super::{AppError, Ctx};
use crate::record::event::IncidentOpened;
use crate::record::id::IncidentId;
use crate::record::observation::Observation;
use crate::record::time::Timestamp;

/// The first line of a spool file: what the capture belongs to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spool {
    /// The incident's id, given out before the ledger was found unusable.
    pub incident: IncidentId,
    /// Its number, when the opening was recorded.
    pub number: Option<u64>,
    /// What opening it would have recorded; null for a later collection.
    pub opened: Option<IncidentOpened>,
    /// Who acted.
    pub actor: String,
    /// When it was written.
    pub at: Timestamp,
    /// True for a rehearsal.
    pub drill: bool,
}

#[derive(Serialize, Deserialize)]
struct Head {
    blotter_spool: u64,
    spool: Spool,
}

#[derive(Serialize, Deserialize)]
struct Line {
    observation: Observation,
    bytes: Option<String>,
}

/// Writes a spool file beside the ledger or, where that is not possible, in the folder for temporary files.
///
/// # Errors
/// Neither place takes it.
pub(super) fn write(ctx: &Ctx, spool: &Spool, captured: &[Captured]) -> io::Result<PathBuf> {
    let name = format!("blotter-spool-{}.jsonl", spool.incident.0.simple());
    let beside = ctx.config.store.parent().map(Path::to_path_buf).filter(|p| p.is_dir());
    let mut last = io::Error::other("no folder to write to");
    for dir in beside.into_iter().chain([std::env::temp_dir()]) {
        match write_in(&dir.join(&name), spool, captured) {
            Ok(path) => return Ok(path),
            Err(e) => last = e,
        }
    }
    Err(last)
}

fn write_in(path: &Path, spool: &Spool, captured: &[Captured]) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    let mut file = loop {
        match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => path.set_extension(format!("{}.jsonl", spool.at.millis())),
            other => break other?,
        };
    };
    let written = (|| {
        serde_json::to_writer(&mut file, &Head { blotter_spool: 1, spool: spool.clone() })?;
        for c in captured {
            file.write_all(b"\n")?;
            serde_json::to_writer(
                &mut file,
                &Line { observation: c.observation.clone(), bytes: c.bytes.as_ref().map(|b| STANDARD.encode(b.as_slice())) },
            )?;
        }
        file.write_all(b"\n")?;
        file.sync_all()
    })();
    match written {
        Ok(()) => Ok(path),
        Err(e) => {
            // Half a spool would read as a whole one.
            fs::remove_file(&path)?;
            Err(e)
        }
    }
}

/// Reads a spool file.
///
/// # Errors
/// It cannot be read, or is not one.
pub(super) fn read(path: &Path) -> Result<(Spool, Vec<Captured>), AppError> {
    let fault = |line: usize, why: String| AppError::usage(format!("{}:{line}: {why}", path.display()));
    let file = fs::File::open(path).map_err(|e| AppError::usage(format!("`{}` cannot be read: {e}", path.display())))?;
    let mut lines = io::BufReader::new(file).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new())).map_err(|e| fault(1, e.to_string()))?;
    let head: Head = serde_json::from_str(&first).map_err(|e| fault(1, format!("not a capture that `open` put aside: {e}")))?;
    if head.blotter_spool != 1 {
        return Err(fault(1, format!("written by a newer version (format {})", head.blotter_spool)));
    }
    let mut captured = Vec::new();
    for (i, line) in lines.enumerate() {
        let line = line.map_err(|e| fault(i + 2, e.to_string()))?;
        let l: Line = serde_json::from_str(&line).map_err(|e| fault(i + 2, e.to_string()))?;
        let bytes = l.bytes.map(|b| STANDARD.decode(b)).transpose().map_err(|e| fault(i + 2, e.to_string()))?;
        captured.push(Captured { job: 0, observation: l.observation, bytes: bytes.map(Arc::new), result: None, usable: false });
    }
    Ok((head.spool, captured))
}
