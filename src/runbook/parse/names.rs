//! Every name a runbook defines, collected before anything is checked, so that order does not matter
//! and a broken block does not make others look broken.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use toml::de::{DeTable, DeValue};

use super::outline::{BlockKind, Fence};
use super::table::Cx;
use crate::runbook::diagnostic::{Sink, did_you_mean_or_list};

/// A block, and its TOML if it could be read.
#[derive(Debug)]
pub(super) struct Block<'t> {
    pub(super) fence: Fence,
    pub(super) table: Option<DeTable<'t>>,
}

/// What is known of a probe before it is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProbeFacts {
    pub(super) is_ask: bool,
    pub(super) expects: bool,
}

#[derive(Debug)]
struct Named {
    kind: BlockKind,
    line: usize,
    /// Absent where the block could not be read.
    probe: Option<ProbeFacts>,
    /// Branches of a `decide`; absent where the block could not be read.
    branches: Option<BTreeSet<String>>,
}

/// The names.
#[derive(Debug, Default)]
pub(super) struct Names {
    ids: BTreeMap<String, Named>,
    pub(super) slugs: Vec<String>,
    pub(super) runbook: String,
    /// Absent where the `runbook` block is missing or could not be read.
    pub(super) vars: Option<BTreeSet<String>>,
    pub(super) readings: BTreeMap<String, usize>,
    /// Some probe could not be read: its readings are not known.
    pub(super) readings_incomplete: bool,
    /// Actions that a `verify` follows.
    pub(super) verified: BTreeSet<String>,
    /// Some `verify` could not be read.
    pub(super) verified_incomplete: bool,
}

/// Words that mean something of their own where an id could stand.
const RESERVED: [&str; 5] = ["opened", "acknowledged", "mitigated", "recovered", "resolved"];

static BROKEN_ID: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"(?m)^\s*id\s*=\s*["']([^"'\n]+)"#).ok());

impl Names {
    /// Collects the names of all blocks, and reports doubles and names that cannot be names.
    pub(super) fn collect(blocks: &[Block<'_>], text: &str, sink: &mut Sink<'_>) -> Self {
        let mut names = Self::default();
        let mut signals = BTreeMap::new();
        for block in blocks {
            let kind = block.fence.kind;
            let line = sink.line(block.fence.open.start);
            let Some(table) = &block.table else {
                names.broken(block, text, line);
                continue;
            };
            names.facts(kind, table, line);
            let Some((id, at)) = id_of(block, table) else { continue };
            check_id(&id, &at, kind, sink);
            let first = match kind {
                BlockKind::Signal => signals.insert(id.clone(), line),
                BlockKind::Runbook => None,
                _ => names.define(&id, Named { kind, line, probe: probe_facts(kind, table), branches: branches(kind, table) }),
            };
            if let Some(first) = first {
                let hint = format!("The first one stands in line {first}; ids are unique in a file.");
                sink.error(at, format!("second block with the id `{id}`"), Some(hint));
            }
        }
        names
    }

    /// Keeps the first definition; returns its line for a second one.
    fn define(&mut self, id: &str, named: Named) -> Option<usize> {
        match self.ids.get(id) {
            Some(first) => Some(first.line),
            None => {
                self.ids.insert(id.to_owned(), named);
                None
            }
        }
    }

    /// Remembers what a block that is no TOML would probably have defined.
    fn broken(&mut self, block: &Block<'_>, text: &str, line: usize) {
        let kind = block.fence.kind;
        self.readings_incomplete |= kind == BlockKind::Probe;
        self.verified_incomplete |= kind == BlockKind::Verify;
        let body = &text[block.fence.body.clone()];
        let id = BROKEN_ID.as_ref().and_then(|r| r.captures(body)).and_then(|c| c.get(1));
        if let Some(id) = id
            && kind != BlockKind::Signal
        {
            self.define(id.as_str(), Named { kind, line, probe: None, branches: None });
        }
    }

    fn facts(&mut self, kind: BlockKind, table: &DeTable<'_>, line: usize) {
        let keys = |name: &str| table.get(name).and_then(|v| v.get_ref().as_table());
        match kind {
            BlockKind::Runbook => {
                let vars = keys("vars").map(|t| t.iter().map(|(k, _)| k.get_ref().to_string()).collect());
                self.vars.get_or_insert(vars.unwrap_or_default());
            }
            BlockKind::Probe => {
                for (name, _) in keys("readings").into_iter().flat_map(|t| t.iter()) {
                    self.readings.entry(name.get_ref().to_string()).or_insert(line);
                }
            }
            BlockKind::Verify => {
                let after = table.get("after").and_then(|v| v.get_ref().as_str());
                self.verified.extend(after.map(str::to_owned));
            }
            _ => {}
        }
    }

    /// Ids of one kind of block.
    pub(super) fn of(&self, kind: BlockKind) -> impl Iterator<Item = &str> {
        self.ids.iter().filter(move |(_, n)| n.kind == kind).map(|(id, _)| id.as_str())
    }

    /// What is known of a probe; nothing where its block could not be read.
    pub(super) fn probe(&self, id: &str) -> Option<ProbeFacts> {
        self.ids.get(id).and_then(|n| n.probe)
    }

    /// Branches of a `decide`; nothing where its block could not be read.
    pub(super) fn branches(&self, id: &str) -> Option<&BTreeSet<String>> {
        self.ids.get(id).and_then(|n| n.branches.as_ref())
    }
}

impl Cx<'_> {
    /// Whether `id` names a block of that kind; reports it where not.
    pub(super) fn resolve(&mut self, kind: BlockKind, id: &str, at: &Range<usize>) -> bool {
        let (message, hint) = match self.names.ids.get(id) {
            Some(named) if named.kind == kind => return true,
            Some(named) => {
                let message = format!("`{id}` is {}, not {}", named.kind.article(), kind.article());
                (message, Some(format!("It is defined in line {}.", named.line)))
            }
            None => {
                let what = format!("Known ids of this kind ({})", kind.word());
                (format!("unknown {} `{id}`", kind.word()), did_you_mean_or_list(id, &what, self.names.of(kind)))
            }
        };
        self.sink.error(at.clone(), message, hint);
        false
    }
}

/// The id of a block with its place; for a `verify` without one its default.
fn id_of(block: &Block<'_>, table: &DeTable<'_>) -> Option<(String, Range<usize>)> {
    let base = block.fence.body.start;
    let text = |key: &str| {
        let v = table.get(key)?;
        let span = v.span();
        Some((v.get_ref().as_str()?.to_owned(), span.start + base..span.end + base))
    };
    if block.fence.kind == BlockKind::Verify && table.get("id").is_none() {
        return text("after").map(|(after, at)| (format!("verify-{after}"), at));
    }
    text("id")
}

fn check_id(id: &str, at: &Range<usize>, kind: BlockKind, sink: &mut Sink<'_>) {
    if id.trim().is_empty() {
        // Reading the block says so.
        return;
    }
    let first = id.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let good = first && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    if kind != BlockKind::Runbook && (!good || id.len() > 64) {
        let hint = "Ids are up to 64 lower-case letters, digits, `-` and `_`.".to_owned();
        sink.error(at.clone(), format!("`{id}` cannot be an id"), Some(hint));
    } else if RESERVED.contains(&id) && kind != BlockKind::Signal {
        let hint = "The word has a meaning of its own in `after` and `unless`.".to_owned();
        sink.error(at.clone(), format!("`{id}` cannot be an id"), Some(hint));
    }
}

fn probe_facts(kind: BlockKind, table: &DeTable<'_>) -> Option<ProbeFacts> {
    let is_ask = table.get("kind").and_then(|v| v.get_ref().as_str()) == Some("ask");
    let expects = table.get("expect").is_some();
    (kind == BlockKind::Probe).then_some(ProbeFacts { is_ask, expects })
}

fn branches(kind: BlockKind, table: &DeTable<'_>) -> Option<BTreeSet<String>> {
    let list = table.get("branch").map(|v| v.get_ref());
    let ids = match list {
        Some(DeValue::Array(list)) => list.iter().filter_map(|b| Some(b.get_ref().get("id")?.get_ref().as_str()?.to_owned())).collect(),
        _ => BTreeSet::new(),
    };
    (kind == BlockKind::Decide).then_some(ids)
}
