//! What conditions are evaluated on in tests: looks, readings and decisions, put there by hand.

use std::collections::BTreeMap;

use serde_json::Value;

use super::condition::{Facts, Seen};
use super::diagnostic::render;
use super::model::{Condition, Runbook};
use super::parse::parse;
use crate::record::observation::Sample;
use crate::record::time::Timestamp;
use crate::record::verdict::{Outcome, Verdict};

const MINUTE_MS: i64 = 60_000;

/// All that is known.
#[derive(Clone, Debug)]
pub(in crate::runbook) struct World {
    pub(in crate::runbook) now: Timestamp,
    pub(in crate::runbook) since: Timestamp,
    pub(in crate::runbook) seen: BTreeMap<String, Seen>,
    pub(in crate::runbook) samples: BTreeMap<String, Vec<Sample>>,
    pub(in crate::runbook) decided: BTreeMap<String, String>,
}

impl World {
    /// Nothing is known; it is noon, and the incident was opened at 11:00.
    pub(in crate::runbook) fn new() -> Self {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let since = now.plus_millis(-60 * MINUTE_MS);
        Self { now, since, seen: BTreeMap::new(), samples: BTreeMap::new(), decided: BTreeMap::new() }
    }

    /// A probe was answered.
    pub(in crate::runbook) fn saw(mut self, probe: &str, verdict: Option<Verdict>, result: Value) -> Self {
        let look = Seen { outcome: Outcome::Answered, verdict, result: Some(result), truncated: false, usable: true, at: self.now };
        self.seen.insert(probe.to_owned(), look);
        self
    }

    /// A probe was not answered.
    pub(in crate::runbook) fn ended(mut self, probe: &str, outcome: Outcome, verdict: Verdict) -> Self {
        let look = Seen { outcome, verdict: Some(verdict), result: None, truncated: false, usable: false, at: self.now };
        self.seen.insert(probe.to_owned(), look);
        self
    }

    /// Changes the look of a probe.
    pub(in crate::runbook) fn but(mut self, probe: &str, change: impl FnOnce(&mut Seen)) -> Self {
        change(self.seen.get_mut(probe).unwrap());
        self
    }

    /// Readings of a series: minutes before `now`, and the value.
    pub(in crate::runbook) fn read(mut self, series: &str, points: &[(i64, f64)]) -> Self {
        let sample = |(ago, value): &(i64, f64)| Sample { at: self.now.plus_millis(-ago * MINUTE_MS), value: *value };
        self.samples.insert(series.to_owned(), points.iter().map(sample).collect());
        self
    }

    /// A branch was taken.
    pub(in crate::runbook) fn decided(mut self, id: &str, branch: &str) -> Self {
        self.decided.insert(id.to_owned(), branch.to_owned());
        self
    }

    /// Gives the facts.
    pub(in crate::runbook) fn with<T>(&self, f: impl FnOnce(&Facts<'_>) -> T) -> T {
        let probe = |id: &str| self.seen.get(id).cloned();
        let samples = |series: &str| self.samples.get(series).cloned().unwrap_or_default();
        let decided = |id: &str| self.decided.get(id).cloned();
        f(&Facts { now: self.now, since: self.since, probe: &probe, samples: &samples, decided: &decided })
    }
}

/// A runbook `id` with probes `a`, `b`, `c` (expecting `v == 1`, with readings `n` and `m`), a silent `s`, an action `fix`
/// with its verification `better`, a decision `way` with the branches `x` and `y`, and more blocks.
pub(in crate::runbook) fn runbook(id: &str, more: &str) -> Runbook {
    let probe = |id: &str, rest: &str| {
        format!("```toml probe\nid = \"{id}\"\nkind = \"http\"\nurl = \"https://{id}.example\"\nexpect = [\"v == 1\"]\n{rest}```\n\n")
    };
    let text = [
        format!("# {id}: Test\n\n```toml runbook\nseverity = \"P1\"\n```\n\n## Steps\n\n### 1. Look\n\n"),
        probe("a", "[readings]\nn = \"n\"\nm = \"m\"\n"),
        probe("b", ""),
        probe("c", ""),
        "```toml probe\nid = \"s\"\nfrom = \"a\"\n```\n\n".to_owned(),
        "```toml action\nid = \"fix\"\nkind = \"manual\"\ntext = \"Fix it.\"\napprove = { from = [\"ANA\"] }\n```\n\n".to_owned(),
        "```toml verify\nid = \"better\"\nafter = \"fix\"\nprobes = [\"a\"]\nwithin = \"1m\"\n```\n\n".to_owned(),
        "```toml decide\nid = \"way\"\n[[branch]]\nid = \"x\"\nthen = \"#1-look\"\n[[branch]]\nid = \"y\"\nthen = \"#1-look\"\n```\n\n"
            .to_owned(),
        more.to_owned(),
    ]
    .concat();
    let parsed = parse(&text);
    let found: String = parsed.diagnostics.iter().map(|d| render(d, "x.md", &text)).collect();
    parsed.runbook.unwrap_or_else(|| panic!("{found}"))
}

/// A condition as a runbook would have it.
pub(in crate::runbook) fn condition(toml: &str) -> Condition {
    let block = format!("```toml signal\nid = \"x\"\ntext = \"T\"\nwhen = {toml}\n```\n");
    runbook("T-1", &block).signals.remove(0).when
}
