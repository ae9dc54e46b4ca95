//! Begins an ops repository: settings, runbooks to edit, signers, a place for documents, a check for CI.
//!
//! Makes what is missing and touches nothing that is there.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::AppError;
use crate::runbook::builtin;
use crate::runbook::parse::parse;

/// What a file of the new folder came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Laid {
    /// Relative to the folder.
    pub path: PathBuf,
    /// False when something of that name was there, and was left alone.
    pub made: bool,
}

/// What `init` did.
#[derive(Debug)]
pub struct Began {
    /// In the order in which they were made.
    pub files: Vec<Laid>,
    /// What the person has to see to, as whole sentences.
    pub remarks: Vec<String>,
}

const SETTINGS: &str = include_str!("init/blotter.toml");
const IGNORE: &str = include_str!("init/gitignore");
/// The line of `.gitignore` that keeps the ledger out of git.
const IGNORED: &str = ".blotter/";

/// Makes the folder where needed, and every file of it that does not exist.
///
/// `user` is the account of the operating system; it becomes the first person of the settings.
///
/// # Errors
/// A folder or file cannot be made; what was made before stays.
pub fn init(dir: &Path, user: Option<&str>) -> Result<Began, AppError> {
    let mut files: Vec<(PathBuf, String)> = vec![
        ("blotter.toml".into(), format!("{SETTINGS}{}", people(user))),
        ("allowed_signers".into(), include_str!("init/allowed_signers").to_owned()),
        (".gitignore".into(), IGNORE.to_owned()),
        ("exports/README.md".into(), include_str!("init/exports.md").to_owned()),
        (".github/workflows/blotter.yml".into(), include_str!("init/ci.yml").to_owned()),
    ];
    files.extend(builtin::all().iter().map(|(name, text)| (Path::new("runbooks").join(name), (*text).to_owned())));
    let mut began = Began { files: Vec::new(), remarks: Vec::new() };
    for (path, text) in files {
        let made =
            lay(&dir.join(&path), &text).map_err(|e| AppError::failed(format!("`{}` cannot be made: {e}", dir.join(&path).display())))?;
        if !made && path == Path::new(".gitignore") && !ignores(&dir.join(&path)) {
            began.remarks.push(format!("Add `{IGNORED}` to your .gitignore: the ledger does not belong into git."));
        }
        began.files.push(Laid { path, made });
    }
    Ok(began)
}

/// Writes a file that does not exist yet; false when it does.
fn lay(path: &Path, text: &str) -> io::Result<bool> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e),
    }
}

fn ignores(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|t| t.lines().any(|l| matches!(l.trim(), IGNORED | ".blotter" | "/.blotter/" | "/.blotter")))
}

/// Everybody whom the runbooks name, and whoever is sitting here.
fn people(user: Option<&str>) -> String {
    let mut names: Vec<String> = Vec::new();
    for (_, text) in builtin::all() {
        let Some(r) = parse(text).runbook else { continue };
        names.extend(r.actions.iter().flat_map(|a| a.approve.from.clone()));
        names.extend(r.escalates.iter().map(|e| e.to.clone()));
    }
    names.sort();
    names.dedup();
    let mut out = String::new();
    if let Some(user) = user.filter(|u| !u.is_empty() && u.chars().all(is_bare)) {
        let id = format!("T-{}", user.to_ascii_uppercase());
        names.retain(|n| *n != id);
        out.push_str(&format!("\n# You.\n[people.{id}]\nos-users = [\"{user}\"]\n# contact = \"…\"\n"));
    }
    for name in names {
        let key = if name.chars().all(is_bare) { name } else { format!("{name:?}") };
        out.push_str(&format!(
            "\n# The built-in runbooks name them: say who they are, or name others there.\n[people.{key}]\n# emails = [\"…\"]\n# contact = \"…\"\n"
        ));
    }
    out
}

/// May stand in a TOML key without quotes.
fn is_bare(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::library;
    use crate::config::{self, Environment, Overrides};

    fn env(dir: &Path) -> Environment {
        Environment { cwd: dir.to_owned(), vars: [("HOME".to_owned(), dir.join("nobody").display().to_string())].into() }
    }

    #[test]
    fn the_folder_works_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let ops = dir.path().join("new/ops");
        let began = init(&ops, Some("ada")).unwrap();
        assert!(began.files.iter().all(|f| f.made), "{began:?}");
        let config = config::load(&env(&ops), &Overrides::default()).unwrap();
        assert_eq!(config.store, ops.join(".blotter/ledger.db"));
        assert_eq!(config.actor(None, &Environment { vars: [("USER".to_owned(), "ada".to_owned())].into(), ..env(&ops) }).name, "T-ADA");
        let entries = library::all(&config).unwrap();
        assert_eq!(entries.len(), builtin::all().len(), "each one replaces the built-in one");
        for e in entries {
            assert_eq!(e.errors, 0, "{:?}", e.faults);
            assert!(Path::new(&e.path).starts_with(&ops), "{}", e.path);
            for name in e.runbook.unwrap().actions.iter().flat_map(|a| &a.approve.from) {
                assert!(config.people.contains_key(name), "{name} may approve and is nobody");
            }
        }
    }

    #[test]
    fn every_setting_that_is_commented_out_works_once_it_is_not() {
        let live: String =
            SETTINGS.lines().map(|l| l.strip_prefix("# ").filter(|r| is_setting(r)).unwrap_or(l)).fold(String::new(), |t, l| t + l + "\n");
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("blotter.toml"), &live).unwrap();
        let config = config::load(&env(dir.path()), &Overrides::default()).unwrap_or_else(|e| panic!("{e}\n{live}"));
        assert_eq!(config.reach("on-call"), "on-call (T-EXAMPLE (+1 555 0100))");
        assert_eq!(config.redact.len(), 2);
        let own: Vec<_> =
            config.redact.iter().map(|(name, regex)| crate::redact::Pattern { name: name.clone(), regex: regex.clone() }).collect();
        let redactor = crate::redact::Redactor::new(&own).unwrap();
        let text = redactor.redact_text("ada@example.com has badge 123456", &mut crate::redact::Counts::new()).into_owned();
        assert_eq!(text, "[redacted:email] has badge [redacted:badge]");
    }

    fn is_setting(line: &str) -> bool {
        line.starts_with("[people") || line.split_once(" = ").is_some_and(|(key, _)| key.chars().all(is_bare))
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("runbooks")).unwrap();
        fs::write(dir.path().join("blotter.toml"), "# mine\n").unwrap();
        fs::write(dir.path().join(".gitignore"), "target\n").unwrap();
        let elsewhere = dir.path().join("elsewhere");
        std::os::unix::fs::symlink(&elsewhere, dir.path().join("allowed_signers")).unwrap();
        let began = init(dir.path(), None).unwrap();
        let kept: Vec<_> = began.files.iter().filter(|f| !f.made).map(|f| f.path.display().to_string()).collect();
        assert_eq!(kept, ["blotter.toml", "allowed_signers", ".gitignore"]);
        assert_eq!(fs::read_to_string(dir.path().join("blotter.toml")).unwrap(), "# mine\n");
        assert!(!elsewhere.exists(), "a link was followed");
        assert_eq!(began.remarks.len(), 1, "the ledger could end up in git");
        assert!(init(dir.path(), None).unwrap().files.iter().all(|f| !f.made));
    }

    #[test]
    fn a_name_that_toml_cannot_hold_bare_is_no_person() {
        assert!(!people(Some("a\"]\nstore = \"x")).contains("store"));
    }
}
