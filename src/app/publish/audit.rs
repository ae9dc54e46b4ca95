//! Published documents against the record: every line between markers must be what the record says up to the
//! event that the marker names, and every event that is named anywhere must exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::postmortem::{self, Paths};
use super::{Told, read, told_at};
use crate::app::{AppError, Ctx};
use crate::document::managed::{Part, parts};
use crate::document::postmortem::entries as postmortem_sections;
use crate::document::{deploy_log, governance_log, html, picture};
use crate::record::brief::Brief;
use crate::record::deploy::Deploys;
use crate::record::id::{IncidentId, Ref, RefKind, StreamId};
use crate::store::Store;

/// A published line that the record does not support.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsupported {
    /// The document.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// Compares every document in the exports folder with the record.
///
/// # Errors
/// The ledger or a file cannot be read.
pub fn audit(ctx: &Ctx, store: &Store) -> Result<Vec<Unsupported>, AppError> {
    let mut audit = Audit { ctx, store, made: None, briefs: BTreeMap::new(), found: Vec::new() };
    for path in documents(ctx)? {
        audit.document(&path)?;
    }
    Ok(audit.found)
}

/// The Markdown files of the exports, sorted.
fn documents(ctx: &Ctx) -> Result<Vec<PathBuf>, AppError> {
    let mut all = BTreeSet::new();
    for folder in [ctx.config.exports.clone(), ctx.export_path(postmortem::FOLDER)] {
        let files = match fs::read_dir(&folder) {
            Ok(files) => files,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(AppError::failed(format!("`{}` cannot be read: {e}", folder.display()))),
        };
        let files = files.filter_map(|f| f.ok().map(|f| f.path()));
        all.extend(files.filter(|p| p.extension().is_some_and(|e| e == "md") && p.is_file()));
    }
    Ok(all.into_iter().collect())
}

/// What render makes of one stream up to one event: bodies by the id of their entry.
struct Made {
    stream: StreamId,
    at: u64,
    /// The sections of a postmortem, not an entry of a log.
    sections: bool,
    bodies: BTreeMap<String, String>,
    told: Option<Told>,
}

struct Audit<'a> {
    ctx: &'a Ctx,
    store: &'a Store,
    /// Sections of a postmortem come one after the other: the last document made is kept.
    made: Option<Made>,
    briefs: BTreeMap<u64, Option<Brief>>,
    found: Vec<Unsupported>,
}

impl Audit<'_> {
    fn say(&mut self, path: &Path, line: usize, why: impl Into<String>) {
        self.found.push(Unsupported { path: path.to_owned(), line, why: why.into() });
    }

    fn document(&mut self, path: &Path) -> Result<(), AppError> {
        let Some(text) = read(path)? else { return Ok(()) };
        let parts = match parts(&text) {
            Ok(parts) => parts,
            Err(faults) => {
                for f in faults {
                    self.say(path, f.line().unwrap_or(1), f.to_string());
                }
                return Ok(());
            }
        };
        let mut is_postmortem = None;
        for part in parts {
            match part {
                Part::Prose { line, text } => self.prose(path, line, text)?,
                Part::Entry { found, lines } => {
                    if found.id.starts_with("postmortem/") {
                        is_postmortem = Some(found.at);
                    }
                    self.entry(path, &found.id, found.at, found.line, &lines)?;
                }
            }
        }
        match is_postmortem {
            Some(at) => self.derived(path, at, &text),
            None => Ok(()),
        }
    }

    fn entry(&mut self, path: &Path, id: &str, at: u64, line: usize, lines: &[&str]) -> Result<(), AppError> {
        let Some(stream) = stream_of(id) else {
            self.say(path, line, format!("entry `{id}` is of no kind that this version knows"));
            return Ok(());
        };
        let head = self.store.head(&stream)?.seq;
        if head == 0 {
            self.say(path, line, format!("the record has no `{stream}`"));
            return Ok(());
        }
        if at == 0 || at > head {
            self.say(path, line, format!("it says that it was made from {at} events of `{stream}`, the record has {head}"));
            return Ok(());
        }
        let made = self.make(&stream, at, id.starts_with("postmortem/"))?;
        let Some(body) = made.bodies.get(id) else {
            self.say(path, line, format!("entry `{id}` is of no kind that this version knows"));
            return Ok(());
        };
        let body = body.clone();
        let expected: BTreeSet<&str> = body.lines().collect();
        let before = self.found.len();
        for (i, l) in lines.iter().enumerate() {
            if !expected.contains(l) {
                let cause = if head > at {
                    "the record does not say this (made from an earlier state of it)"
                } else {
                    "the record does not say this"
                };
                self.say(path, line + 1 + i, format!("{cause}: {l}"));
            }
        }
        if self.found.len() == before && !body.lines().eq(lines.iter().copied()) {
            let is_there = |l: &&str| !lines.contains(l);
            let missing = body
                .lines()
                .find(is_there)
                .map_or_else(|| "lines stand in another order".to_owned(), |l| format!("a line is missing: {l}"));
            self.say(path, line, missing);
        }
        Ok(())
    }

    /// The page and the picture beside a postmortem.
    fn derived(&mut self, path: &Path, at: u64, text: &str) -> Result<(), AppError> {
        let Some(Made { at: made_at, told: Some(told), .. }) = &self.made else { return Ok(()) };
        if *made_at != at {
            return Ok(());
        }
        let i = &told.incident;
        let Some(brief) = self.store.brief(i.id)? else { return Ok(()) };
        let paths = Paths::of(self.ctx, &brief);
        if paths.markdown.file_name() != path.file_name() {
            let why = format!("it is the postmortem of incident {}, which belongs into `{}`", i.number, paths.markdown.display());
            self.say(path, 1, why);
            return Ok(());
        }
        let page = postmortem::page(told, text);
        let picture = html::seal(&picture::draw(i, &told.events, picture::Size::Alone));
        for (file, expected) in [(&paths.html, page), (&paths.svg, picture)] {
            if let Some(there) = read(file)?
                && there != expected
            {
                let line = there.lines().zip(expected.lines()).take_while(|(a, b)| a == b).count() + 1;
                self.say(file, line, "it is not what the Markdown beside it and the record make");
            }
        }
        Ok(())
    }

    /// What people wrote may name only what exists.
    fn prose(&mut self, path: &Path, line: usize, text: &str) -> Result<(), AppError> {
        for (i, l) in text.lines().enumerate() {
            // Code spans are the odd parts between backticks.
            for word in l.split('`').skip(1).step_by(2) {
                let Ok(r) = word.parse::<Ref>() else { continue };
                let Some(number) = r.incident else { continue };
                let is_there = match self.brief(number)? {
                    Some(b) => match r.kind {
                        RefKind::Event => r.n <= b.head.seq,
                        RefKind::Evidence => r.n <= b.evidence,
                        RefKind::Action => r.n <= b.actions,
                        RefKind::FollowUp => r.n <= b.followups,
                    },
                    // `1.5` in a sentence may as well be a version.
                    None => !(l.starts_with("- ") || l.starts_with('|')),
                };
                if !is_there {
                    self.say(path, line + i, format!("it names `{word}`, which the record does not have"));
                }
            }
        }
        Ok(())
    }

    fn brief(&mut self, number: u64) -> Result<Option<&Brief>, AppError> {
        let known = match self.briefs.entry(number) {
            std::collections::btree_map::Entry::Occupied(e) => e.into_mut(),
            std::collections::btree_map::Entry::Vacant(e) => e.insert(self.store.by_number(number)?),
        };
        Ok(known.as_ref())
    }

    fn make(&mut self, stream: &StreamId, at: u64, sections: bool) -> Result<&Made, AppError> {
        let is_made = self.made.as_ref().is_some_and(|m| m.stream == *stream && m.at == at && m.sections == sections);
        let made = match self.made.take() {
            Some(m) if is_made => m,
            _ => self.made_of(stream, at, sections)?,
        };
        Ok(self.made.insert(made))
    }

    fn made_of(&self, stream: &StreamId, at: u64, sections: bool) -> Result<Made, AppError> {
        let mut bodies = BTreeMap::new();
        let mut kept = None;
        match stream.as_incident() {
            Some(_) => {
                let told = told_at(self.store, stream, Some(at))?;
                let context = told.context(&self.store.ledger().id);
                if sections {
                    let all = postmortem_sections(&told.incident, &told.events, &context);
                    bodies.extend(all.into_iter().filter_map(|e| Some((e.id, e.body?))));
                } else {
                    bodies.insert(stream.to_string(), governance_log::entry(&told.incident, &told.events, &context));
                }
                kept = Some(told);
            }
            None => {
                let mut events = self.store.load(stream)?;
                events.retain(|e| e.header.seq <= at);
                bodies.insert(stream.to_string(), deploy_log::entry(stream, &Deploys::fold(&events), self.store.ledger().drill));
            }
        }
        Ok(Made { stream: stream.clone(), at, sections, bodies, told: kept })
    }
}

/// The stream that an entry is made from.
fn stream_of(id: &str) -> Option<StreamId> {
    match id.strip_prefix("postmortem/") {
        Some(rest) => {
            let (uuid, _) = rest.split_once('/')?;
            Some(StreamId::incident(IncidentId(uuid::Uuid::try_parse(uuid).ok()?)))
        }
        None => id.parse().ok().filter(|s: &StreamId| s.as_incident().is_some() || s.as_str().starts_with("deploy/")),
    }
}
