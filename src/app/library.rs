//! The runbooks at hand: those built in, and the team's own folder, which overrides them by id.

use std::path::{Path, PathBuf};

use super::{AppError, ErrorKind};
use crate::config::Config;
use crate::runbook::builtin;
use crate::runbook::diagnostic::{self, Severity};
use crate::runbook::model::Runbook;
use crate::runbook::parse::parse_file;

/// A runbook's file with what is in it.
#[derive(Debug)]
pub struct Entry {
    /// The file, or `built-in:NAME`.
    pub path: String,
    /// Its text.
    pub text: String,
    /// The runbook, when it has no errors.
    pub runbook: Option<Runbook>,
    /// Every fault, rendered for people.
    pub faults: Vec<String>,
    /// How many of them are errors.
    pub errors: usize,
}

/// Every runbook that can be used, sorted by id; a file of the team's folder hides the built-in one with its id.
///
/// # Errors
/// The folder cannot be read.
pub fn all(config: &Config) -> Result<Vec<Entry>, AppError> {
    let mut entries: Vec<Entry> = Vec::new();
    for path in files(config)? {
        entries.push(entry(path.display().to_string(), read(&path)?));
    }
    let own: Vec<String> = entries.iter().filter_map(id_of).collect();
    for (name, text) in builtin::all() {
        let e = entry(format!("built-in:{name}"), text);
        if !id_of(&e).is_some_and(|id| own.contains(&id)) {
            entries.push(e);
        }
    }
    entries.sort_by_key(|e| id_of(e).unwrap_or_else(|| e.path.clone()));
    Ok(entries)
}

/// Id and title of every runbook by its heading alone, those of the folder first; quick, for completion.
///
/// # Errors
/// The folder cannot be read.
pub fn headings(config: &Config) -> Result<Vec<(String, String)>, AppError> {
    let own = files(config)?.into_iter().filter_map(|p| std::fs::read_to_string(p).ok());
    let mut out: Vec<(String, String)> = Vec::new();
    for text in own.chain(builtin::all().iter().map(|(_, t)| (*t).to_owned())) {
        let heading = text.lines().find_map(|l| l.strip_prefix("# ")).and_then(|h| h.split_once(':'));
        if let Some((id, title)) = heading
            && !out.iter().any(|(known, _)| known == id.trim())
        {
            out.push((id.trim().to_owned(), title.trim().to_owned()));
        }
    }
    Ok(out)
}

/// Reads one file's bytes.
pub fn entry(path: String, bytes: impl Into<Vec<u8>>) -> Entry {
    let (text, parsed) = parse_file(bytes.into());
    let faults = parsed.diagnostics.iter().map(|d| diagnostic::render(d, &path, &text)).collect();
    let errors = parsed.diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
    Entry { path, text, runbook: parsed.runbook, faults, errors }
}

/// The id an entry stands for, even when it has faults: that of its heading.
fn id_of(e: &Entry) -> Option<String> {
    e.runbook.as_ref().map(|r| r.id.clone()).or_else(|| {
        let heading = e.text.lines().find_map(|l| l.strip_prefix("# "))?;
        heading.split_once(':').map(|(id, _)| id.trim().to_owned())
    })
}

/// Finds a runbook by id, case-insensitively; the name may also be a path to a file.
///
/// # Errors
/// There is none, or it has faults (they are in the message).
pub fn find(config: &Config, id: &str) -> Result<Runbook, AppError> {
    if id.ends_with(".md") {
        let bytes = std::fs::read(id).map_err(|e| AppError::usage(format!("runbook `{id}` cannot be read: {e}")))?;
        return usable(entry(id.to_owned(), bytes));
    }
    // The heading alone says which entry is meant, so only that one is parsed in full.
    let mut known: Vec<String> = Vec::new();
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for path in self::files(config)? {
        files.push((path.display().to_string(), read(&path)?));
    }
    files.extend(builtin::all().iter().map(|(n, t)| (format!("built-in:{n}"), t.as_bytes().to_vec())));
    for (path, bytes) in files {
        let Some(this) = String::from_utf8_lossy(&bytes)
            .lines()
            .find_map(|l| l.strip_prefix("# "))
            .and_then(|h| h.split_once(':'))
            .map(|(i, _)| i.trim().to_owned())
        else {
            continue;
        };
        if this.eq_ignore_ascii_case(id) {
            return usable(entry(path, bytes));
        }
        known.push(this);
    }
    let near = known.iter().min_by_key(|k| strsim::damerau_levenshtein(&k.to_ascii_lowercase(), &id.to_ascii_lowercase()));
    let near = near.filter(|k| strsim::damerau_levenshtein(&k.to_ascii_lowercase(), &id.to_ascii_lowercase()) <= 2);
    let e = AppError::usage(format!("no runbook `{id}`"));
    Err(match near {
        Some(k) => e.hint(format!("Did you mean `{k}`? `blotter runbook list` shows them all.")),
        None => e.hint("`blotter runbook list` shows them all."),
    })
}

fn usable(e: Entry) -> Result<Runbook, AppError> {
    match e.runbook {
        Some(r) => Ok(r),
        None => Err(AppError::failed(format!("runbook `{}` has {} faults:\n{}", e.path, e.errors, e.faults.join("\n")))
            .hint(format!("Mend the file, then try `blotter runbook check {}`.", e.path))),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, AppError> {
    std::fs::read(path).map_err(|e| AppError::failed(format!("runbook `{}` cannot be read: {e}", path.display())))
}

fn files(config: &Config) -> Result<Vec<PathBuf>, AppError> {
    let Some(dir) = &config.runbooks else { return Ok(Vec::new()) };
    let read = std::fs::read_dir(dir)
        .map_err(|e| AppError::told(ErrorKind::Config, format!("the runbooks folder `{}` cannot be read: {e}", dir.display())))?;
    let mut files: Vec<PathBuf> =
        read.filter_map(Result::ok).map(|f| f.path()).filter(|p| p.extension().is_some_and(|x| x == "md")).collect();
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_utf_8_is_one_that_has_a_fault() {
        let e = entry("x.md".to_owned(), b"# T-1: Gr\xfc\xdfe\n".to_vec());
        assert_eq!((e.errors, e.runbook.is_none(), id_of(&e).as_deref()), (1, true, Some("T-1")));
        assert!(e.faults[0].starts_with("x.md:1:10: error: not UTF-8"), "{}", e.faults[0]);
    }
}
