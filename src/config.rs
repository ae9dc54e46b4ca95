//! Settings: flags over environment over `blotter.toml` over the user's file over what is built in.
//!
//! Reads files and the captured [`Environment`]; decides nothing about incidents.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::record::actor::Actor;

mod load;

pub use load::load;

/// What the process was started with, captured once so that nothing else reads it.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The current folder.
    pub cwd: PathBuf,
    /// Environment variables that are valid Unicode.
    pub vars: BTreeMap<String, String>,
}

impl Environment {
    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }
}

/// One entry of `[people.…]`: a person, or a team when it has members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Person {
    /// How people call them.
    #[serde(default)]
    pub name: Option<String>,
    /// E-mail addresses by which they are known.
    #[serde(default)]
    pub emails: Vec<String>,
    /// Accounts of the operating system by which they are known.
    #[serde(default)]
    pub os_users: Vec<String>,
    /// How to reach them, e.g. a telephone number.
    #[serde(default)]
    pub contact: Option<String>,
    /// Their principal in `allowed_signers`.
    #[serde(default)]
    pub principal: Option<String>,
    /// Person ids; makes this entry a team. Teams are told, they do not approve.
    #[serde(default)]
    pub members: Vec<String>,
}

impl Person {
    /// True for a team.
    pub fn is_team(&self) -> bool {
        !self.members.is_empty()
    }
}

/// `[aws]`: who to ask as, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AwsSettings {
    /// Profile of the AWS configuration.
    #[serde(default)]
    pub profile: Option<String>,
    /// Region; beats the runbook's.
    #[serde(default)]
    pub region: Option<String>,
    /// Account that must answer; beats the runbook's.
    #[serde(default)]
    pub account: Option<String>,
}

/// `[attach]`: limits on what is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AttachSettings {
    /// Largest attachment, e.g. `"2GiB"`.
    #[serde(default)]
    pub limit: Option<String>,
}

/// `[tick]`: whom the tool itself may tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TickSettings {
    /// Program and arguments, run once per due escalation with the event as JSON on its standard input.
    #[serde(default)]
    pub command: Vec<String>,
    /// URL that takes a Slack-compatible JSON message.
    #[serde(default)]
    pub webhook: Option<String>,
}

/// `[erase]`: who may allow that something is taken out of the record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EraseSettings {
    /// Whose signature allows it; without it nothing is erased.
    #[serde(default)]
    pub approve: Option<EraseApproval>,
}

/// `[erase] approve`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EraseApproval {
    /// Person ids, or teams, whose members count; one of them signs, never the one who asks.
    pub from: Vec<String>,
}

/// `[redact]`: what else is secret here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RedactSettings {
    /// Rule name → regular expression.
    #[serde(default)]
    pub patterns: BTreeMap<String, String>,
}

/// `[sign]`: how approvals are signed, and by whom they may be. Paths in a file are relative to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SignSettings {
    /// The program that signs; `ssh-keygen` unless said otherwise.
    #[serde(default)]
    pub program: Option<PathBuf>,
    /// The approver's own key: a private key, or the public half of one that an agent holds. `~/` is the home folder.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// OpenSSH's list of whose key signs what; `allowed_signers` beside the settings unless said otherwise.
    #[serde(default)]
    pub allowed_signers: Option<PathBuf>,
}

/// One settings file as written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct File {
    store: Option<PathBuf>,
    actor: Option<String>,
    runbooks: Option<PathBuf>,
    exports: Option<PathBuf>,
    #[serde(default)]
    people: BTreeMap<String, Person>,
    #[serde(default)]
    aws: AwsSettings,
    #[serde(default)]
    vars: BTreeMap<String, toml::Value>,
    #[serde(default)]
    attach: AttachSettings,
    #[serde(default)]
    tick: TickSettings,
    #[serde(default)]
    redact: RedactSettings,
    #[serde(default)]
    sign: SignSettings,
    #[serde(default)]
    erase: EraseSettings,
}

/// The settings in force.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The settings files that were read, nearest first.
    pub files: Vec<PathBuf>,
    /// The ledger.
    pub store: PathBuf,
    /// True when somebody chose the store, rather than the default place.
    pub store_is_chosen: bool,
    /// Folder of the team's own runbooks.
    pub runbooks: Option<PathBuf>,
    /// Folder that documents are written to.
    pub exports: PathBuf,
    /// Who works here.
    pub people: BTreeMap<String, Person>,
    /// AWS settings.
    pub aws: AwsSettings,
    /// Runbook variables that override by name.
    pub vars: BTreeMap<String, Value>,
    /// Largest attachment, in bytes.
    pub attach_limit: u64,
    /// Whom `tick` may tell.
    pub tick: TickSettings,
    /// Person ids of those who may allow an erasure; empty: nothing is erased.
    pub erase: Vec<String>,
    /// Further redaction rules.
    pub redact: BTreeMap<String, String>,
    /// How approvals are signed; all paths whole.
    pub sign: SignSettings,
    /// The home folder, where keys are looked for.
    pub home: Option<PathBuf>,
    /// The name from the settings file, used when neither a flag nor the environment gives one.
    pub actor: Option<String>,
}

/// What was given on the command line; beats everything else.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--store`.
    pub store: Option<PathBuf>,
    /// `--as`.
    pub actor: Option<String>,
    /// `--profile`.
    pub profile: Option<String>,
    /// `--region`.
    pub region: Option<String>,
    /// `--account`.
    pub account: Option<String>,
    /// `--var name=value`.
    pub vars: Vec<(String, String)>,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file could not be read.
    #[error("`{path}` cannot be read: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path}:{line}:{col}: {message}")]
    Parse {
        /// The file.
        path: String,
        /// 1-based line.
        line: usize,
        /// 1-based column.
        col: usize,
        /// What is wrong.
        message: String,
    },
    /// A value that cannot be used.
    #[error("{0}")]
    Value(String),
}

impl Config {
    /// The person that `name` (an id, an e-mail address or an OS user) stands for.
    pub fn person(&self, name: &str) -> Option<(&str, &Person)> {
        let by_id = self.people.get_key_value(name);
        let is_known_as = |p: &Person| p.emails.iter().any(|e| e.eq_ignore_ascii_case(name)) || p.os_users.iter().any(|u| u == name);
        by_id.or_else(|| self.people.iter().find(|(_, p)| is_known_as(p))).filter(|(_, p)| !p.is_team()).map(|(id, p)| (id.as_str(), p))
    }

    /// How to reach a person or team, e.g. `T-JOSH (+1 555 0100)`.
    pub fn reach(&self, id: &str) -> String {
        match self.people.get(id) {
            Some(Person { contact: Some(c), .. }) => format!("{id} ({c})"),
            Some(p) if p.is_team() => format!("{id} ({})", p.members.iter().map(|m| self.reach(m)).collect::<Vec<_>>().join(", ")),
            _ => id.to_owned(),
        }
    }

    /// Who acts: flag, environment, settings file, git's `user.email`, account of the operating system.
    pub fn actor(&self, flag: Option<&str>, env: &Environment) -> Actor {
        let os_user = || env.get("USER").or_else(|| env.get("LOGNAME")).map(str::to_owned);
        let (name, via) = match (flag, env.get("BLOTTER_ACTOR"), self.actor.as_deref()) {
            (Some(f), _, _) => (f.to_owned(), "flag"),
            (None, Some(e), _) => (e.to_owned(), "environment"),
            (None, None, Some(c)) => (c.to_owned(), "config"),
            (None, None, None) => match load::git_email(env).filter(|e| self.person(e).is_some()) {
                Some(e) => (e, "git"),
                None => (os_user().unwrap_or_else(|| "unknown".to_owned()), "os-user"),
            },
        };
        let clean: String = name.chars().filter(|c| !c.is_control()).take(120).collect();
        match self.person(&clean) {
            Some((id, _)) => Actor { name: id.to_owned(), is_person: true, via: via.to_owned() },
            None => Actor { name: clean, is_person: false, via: via.to_owned() },
        }
    }
}

/// Reads a size such as `512KiB`, `2GiB`, `10MB` or a number of bytes.
pub fn parse_size(s: &str) -> Option<u64> {
    let s = s.trim();
    let digits = s.find(|c: char| !c.is_ascii_digit()).unwrap_or(s.len());
    let n: u64 = s[..digits].parse().ok()?;
    let unit = match s[digits..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    n.checked_mul(unit)
}

/// Shows a path the way a person would type it.
pub fn shown(path: &Path) -> impl fmt::Display + '_ {
    path.display()
}

#[cfg(test)]
mod tests;
