//! Documents: rendered from the record alone, laid into files of which only the marked entries are ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::change::fold;
use super::{AppError, Ctx};
use crate::document::governance_log::{Checkpoint, Context};
use crate::document::managed::{Entry, Fault, Found, merge, renew, scan};
use crate::document::{deploy_log, governance_log};
use crate::record::brief::Brief;
use crate::record::deploy::Deploys;
use crate::record::event::Event;
use crate::record::id::StreamId;
use crate::record::incident::Incident;
use crate::store::{Filter, Store};

pub mod audit;
pub mod checkpoint;
pub mod postmortem;
pub mod tables;

/// How to render.
#[derive(Clone, Copy, Debug, Default)]
pub struct RenderRequest {
    /// Replace entries that somebody edited by hand.
    pub force: bool,
    /// Write nothing; only say what is stale.
    pub check: bool,
}

/// What became of one document.
#[derive(Debug)]
pub struct Rendered {
    /// The file.
    pub path: PathBuf,
    /// Entries that are new in it.
    pub added: Vec<String>,
    /// Entries whose bytes changed.
    pub changed: Vec<String>,
    /// Entries in it that this ledger does not know; they were left alone.
    pub unknown: Vec<String>,
    /// Why it was left as it is.
    pub faults: Vec<Fault>,
}

impl Rendered {
    fn of(path: PathBuf) -> Self {
        Self { path, added: Vec::new(), changed: Vec::new(), unknown: Vec::new(), faults: Vec::new() }
    }

    /// True when the file is not what the record says.
    pub fn is_stale(&self) -> bool {
        !self.added.is_empty() || !self.changed.is_empty()
    }
}

/// Brings every document up to date. One that has a fault is left as it is, and the others are written.
///
/// # Errors
/// The ledger cannot be read, or a file cannot be read or written.
pub fn render(ctx: &Ctx, store: &Store, request: RenderRequest) -> Result<Vec<Rendered>, AppError> {
    let briefs = store.briefs(&Filter::default())?;
    let mut desk = Desk { ctx, request, folders: BTreeSet::new() };
    let governance = lay(&mut desk, "GOVERNANCE-LOG.md", governance_log::PREAMBLE, |found| incidents(store, &briefs, found))?;
    let deploys = lay(&mut desk, "DEPLOY-LOG.md", deploy_log::PREAMBLE, |found| deploys(store, found))?;
    let mut done = vec![governance, deploys];
    done.extend(postmortem::all(&mut desk, store, &briefs)?);
    desk.clear()?;
    Ok(done)
}

/// Where documents are written: each is flushed when it is written, the folders that name them once, at the end.
struct Desk<'a> {
    ctx: &'a Ctx,
    request: RenderRequest,
    folders: BTreeSet<PathBuf>,
}

impl Desk<'_> {
    fn write(&mut self, path: &Path, text: &str) -> Result<(), AppError> {
        if !self.request.check {
            self.folders.insert(place(path, text)?);
        }
        Ok(())
    }

    fn clear(&mut self) -> Result<(), AppError> {
        std::mem::take(&mut self.folders).iter().try_for_each(|f| flush(f, f))
    }
}

/// An incident with what a document says of its ledger.
struct Told {
    incident: Incident,
    events: Vec<Event>,
    checkpoint: Option<Checkpoint>,
}

impl Told {
    fn context<'a>(&self, ledger: &'a str) -> Context<'a> {
        Context { ledger, checkpoint: self.checkpoint }
    }
}

fn told(store: &Store, brief: &Brief) -> Result<Told, AppError> {
    told_at(store, &StreamId::incident(brief.id), None)
}

/// An incident as it stood after event `at`.
fn told_at(store: &Store, stream: &StreamId, at: Option<u64>) -> Result<Told, AppError> {
    let mut events = store.load(stream)?;
    events.retain(|e| at.is_none_or(|at| e.header.seq <= at));
    let incident = fold(&events)?;
    let covering = store.checkpoint_for(stream, incident.head.seq)?;
    Ok(Told { incident, events, checkpoint: covering.map(|c| Checkpoint { size: c.size, root: c.root }) })
}

/// An entry in the file that is up to date and whole need not be made anew.
fn is_current(found: &BTreeMap<String, Found>, id: &str, at: u64) -> bool {
    found.get(id).is_some_and(|f| f.at == at && !f.edited)
}

fn incidents(store: &Store, briefs: &[Brief], found: &BTreeMap<String, Found>) -> Result<Vec<Entry>, AppError> {
    let mut entries = Vec::new();
    for brief in briefs {
        let stream = StreamId::incident(brief.id);
        let id = stream.to_string();
        let body = if is_current(found, &id, brief.head.seq) {
            None
        } else {
            let told = told(store, brief)?;
            Some(governance_log::entry(&told.incident, &told.events, &told.context(&store.ledger().id)))
        };
        entries.push(Entry { id, order: brief.number, at: brief.head.seq, body });
    }
    Ok(entries)
}

fn deploys(store: &Store, found: &BTreeMap<String, Found>) -> Result<Vec<Entry>, AppError> {
    let mut entries = Vec::new();
    // The names stand in alphabetical order, whatever was deployed last.
    for (order, stream) in (0..).zip(store.streams("deploy/")?.into_iter().rev()) {
        let (id, at) = (stream.to_string(), store.head(&stream)?.seq);
        let body = if is_current(found, &id, at) {
            None
        } else {
            Some(deploy_log::entry(&stream, &Deploys::fold(&store.load(&stream)?), store.ledger().drill))
        };
        entries.push(Entry { id, order, at, body });
    }
    Ok(entries)
}

fn lay(
    desk: &mut Desk<'_>,
    name: &str,
    preamble: &str,
    entries: impl FnOnce(&BTreeMap<String, Found>) -> Result<Vec<Entry>, AppError>,
) -> Result<Rendered, AppError> {
    let path = desk.ctx.export_path(name);
    let existing = read(&path)?;
    let mut done = Rendered::of(path);
    let force = desk.request.force;
    let scanned = match existing.as_deref().map(scan).transpose() {
        Ok(scanned) => scanned,
        Err(faults) => {
            done.faults = faults;
            return Ok(done);
        }
    };
    // Forced: every entry is made anew, also where nothing was recorded since.
    let known = scanned.as_ref().filter(|_| !force);
    let found = known.map(|s| s.found().map(|f| (f.id.clone(), f.clone())).collect()).unwrap_or_default();
    let entries = entries(&found)?;
    let merged = match &scanned {
        Some(s) => renew(s, &entries, force),
        None => merge(None, preamble, &entries, force),
    };
    match merged {
        Err(faults) => done.faults = faults,
        Ok(merged) => {
            if existing.is_none() || merged.is_changed() {
                desk.write(&done.path, &merged.text)?;
            }
            (done.added, done.changed, done.unknown) = (merged.added, merged.changed, merged.unknown);
        }
    }
    Ok(done)
}

fn read(path: &Path) -> Result<Option<String>, AppError> {
    match fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(e) => Err(AppError::failed(format!("`{}` is not UTF-8: byte {} is wrong", path.display(), e.utf8_error().valid_up_to()))
                .hint("Nothing was written. Save the file as UTF-8, or move it away.")),
        },
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(AppError::failed(format!("`{}` cannot be read: {e}", path.display()))),
    }
}

/// Writes a whole file beside the old one, flushes it, and puts it in the old one's place.
///
/// # Errors
/// The folder cannot be written; the message says whether the file is as it was.
pub fn write(path: &Path, text: &str) -> Result<(), AppError> {
    flush(&place(path, text)?, path)
}

/// Makes the names of what was written in `folder` survive a power cut; `path` is what the message names.
fn flush(folder: &Path, path: &Path) -> Result<(), AppError> {
    fs::File::open(folder).and_then(|f| f.sync_all()).map_err(|e| {
        AppError::failed(format!("`{}` was written, but may not survive a power cut: {e}", path.display()))
            .hint("Mend the cause; `blotter render --check` says whether it is there.")
    })
}

/// [`write`], but for the flush of the folder, which it gives.
fn place(path: &Path, text: &str) -> Result<PathBuf, AppError> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let attempt = || -> io::Result<PathBuf> {
        fs::create_dir_all(folder)?;
        // A link is followed: what it points at is the document.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let mode = fs::metadata(&target).map(|m| m.permissions());
        if mode.as_ref().is_ok_and(fs::Permissions::readonly) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only"));
        }
        let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(folder).to_path_buf();
        let mut new = tempfile::Builder::new().prefix(".blotter-").tempfile_in(&folder)?;
        new.write_all(text.as_bytes())?;
        match mode {
            Ok(m) => new.as_file().set_permissions(m)?,
            Err(_) => new.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?,
        }
        new.as_file().sync_all()?;
        // Not `persist`, which goes past libc: the tests that let each call fail stand there.
        fs::rename(new.path(), &target)?;
        // Nothing is left to clean up, and the name is free for somebody else.
        drop(new.into_temp_path().keep());
        Ok(folder)
    };
    attempt().map_err(|e| {
        AppError::failed(format!("`{}` cannot be written: {e}", path.display()))
            .hint("The file is as it was. Mend the cause and render again.")
    })
}

#[cfg(test)]
mod tests;
