//! The three files of a postmortem: Markdown of which the marked sections are ours, and a page and a picture
//! that are made from it.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::{Desk, RenderRequest, Rendered, Told, read, told};
use crate::app::{AppError, Ctx};
use crate::document::html::{self, About, Figure};
use crate::document::managed::{Fault, merge};
use crate::document::picture::{self, Size};
use crate::document::postmortem::{entries, skeleton, stem};
use crate::record::brief::Brief;
use crate::record::incident::Status;
use crate::store::Store;

/// The folder within the exports.
pub(super) const FOLDER: &str = "postmortems";

/// Brings the postmortem of one incident up to date, whatever its status.
///
/// # Errors
/// The ledger cannot be read, or a file cannot be read or written.
pub fn one(ctx: &Ctx, store: &Store, brief: &Brief, request: RenderRequest) -> Result<Vec<Rendered>, AppError> {
    let mut desk = Desk { ctx, request, folders: BTreeSet::new() };
    let done = at(&mut desk, store, brief)?;
    desk.clear()?;
    Ok(done)
}

fn at(desk: &mut Desk<'_>, store: &Store, brief: &Brief) -> Result<Vec<Rendered>, AppError> {
    let paths = Paths::of(desk.ctx, brief);
    let told = told(store, brief)?;
    let context = told.context(&store.ledger().id);
    let existing = read(&paths.markdown)?;
    let mut markdown = Rendered::of(paths.markdown.clone());
    let all = entries(&told.incident, &told.events, &context);
    let merged = match merge(existing.as_deref(), &skeleton(&told.incident), &all, desk.request.force) {
        Ok(m) => m,
        Err(faults) => return Ok(vec![Rendered { faults, ..markdown }]),
    };
    if existing.as_deref() != Some(merged.text.as_str()) {
        let names = if existing.is_none() { &mut markdown.added } else { &mut markdown.changed };
        names.push(format!("postmortem/{}", brief.id));
        desk.write(&paths.markdown, &merged.text)?;
    }
    markdown.unknown = merged.unknown.clone();
    let page = page(&told, &merged.text);
    let picture = html::seal(&picture::draw(&told.incident, &told.events, Size::Alone));
    Ok(vec![markdown, derived(desk, &paths.html, &page)?, derived(desk, &paths.svg, &picture)?])
}

/// The page that this Markdown makes.
pub(super) fn page(told: &Told, markdown: &str) -> String {
    let i = &told.incident;
    let draw = |size| picture::draw(i, &told.events, size);
    let figure = Figure { name: format!("{}.svg", stem(i.number, &i.runbook.id)), drawn: [draw(Size::Wide), draw(Size::Narrow)] };
    let drill = if i.drill { "DRILL: " } else { "" };
    let title = format!("{drill}Postmortem of incident {}: {} {}", i.number, i.runbook.id, i.title);
    html::page(markdown, &About { title, incident: Some(i.number), figure: Some(figure) })
}

/// Brings the postmortems of all resolved incidents up to date, and those that exist of any other.
///
/// Tells one by one only of those that needed something. Costs a look at the first line of each file.
pub(super) fn all(desk: &mut Desk<'_>, store: &Store, briefs: &[Brief]) -> Result<Vec<Rendered>, AppError> {
    let folder = desk.ctx.export_path(FOLDER);
    let there: HashSet<OsString> = match fs::read_dir(&folder) {
        Ok(files) => files.filter_map(|f| f.ok().map(|f| f.file_name())).collect(),
        Err(_) => HashSet::new(),
    };
    let is_there = |p: &Path| p.file_name().is_some_and(|n| there.contains(n));
    let must_look = desk.request.check || desk.request.force;
    let mut done = Vec::new();
    let mut any = false;
    for brief in briefs {
        let paths = Paths::of(desk.ctx, brief);
        if brief.status != Status::Resolved && !is_there(&paths.markdown) {
            continue;
        }
        any = true;
        if must_look || !paths.all().iter().all(|p| is_there(p)) || !paths.are_current(brief) {
            done.extend(at(desk, store, brief)?.into_iter().filter(|r| r.is_stale() || !r.faults.is_empty() || !r.unknown.is_empty()));
        }
    }
    if any && done.is_empty() {
        done.push(Rendered::of(folder));
    }
    Ok(done)
}

/// Writes a file that is ours alone, unless somebody edited it.
fn derived(desk: &mut Desk<'_>, path: &Path, text: &str) -> Result<Rendered, AppError> {
    let mut done = Rendered::of(path.to_path_buf());
    let existing = read(path)?;
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    match existing {
        Some(old) if old == text => return Ok(done),
        Some(old) if !desk.request.force && !html::is_sealed(&old) => {
            done.faults.push(Fault::Derived { name });
            return Ok(done);
        }
        Some(_) => done.changed.push(name),
        None => done.added.push(name),
    }
    desk.write(path, text)?;
    Ok(done)
}

/// Where the files of a postmortem are.
pub(super) struct Paths {
    pub(super) markdown: PathBuf,
    pub(super) html: PathBuf,
    pub(super) svg: PathBuf,
}

impl Paths {
    pub(super) fn of(ctx: &Ctx, brief: &Brief) -> Self {
        let folder = ctx.export_path(FOLDER);
        let stem = stem(brief.number, &brief.runbook);
        let file = |end: &str| folder.join(format!("{stem}.{end}"));
        Self { markdown: file("md"), html: file("html"), svg: file("svg") }
    }

    fn all(&self) -> [&PathBuf; 3] {
        [&self.markdown, &self.html, &self.svg]
    }

    /// The Markdown begins with a section made at the incident's head, and the page that is made from it is not older.
    fn are_current(&self, brief: &Brief) -> bool {
        let begins = format!("<!-- blotter:begin postmortem/{}/header at={} ", brief.id, brief.head.seq);
        let mut start = vec![0; begins.len()];
        let is_current = fs::File::open(&self.markdown).and_then(|mut f| f.read_exact(&mut start)).is_ok() && start == begins.as_bytes();
        let changed = |p: &Path| fs::metadata(p).and_then(|m| m.modified());
        let Ok(markdown) = changed(&self.markdown) else { return false };
        is_current && changed(&self.html).is_ok_and(|at| at > markdown)
    }
}
