//! What was deployed behind an alias: a fold over a deploy stream.
//!
//! Order is that of the deploys themselves, not of their recording: a log imported today does not move
//! an alias that was recorded yesterday. It is `occurred_at`, else `at`; equal times keep the stream's order.

use std::collections::BTreeMap;

use serde::Serialize;

use super::event::{DeployRecorded, DeployStatus, Event, Facts};
use super::id::Hash;
use super::time::Timestamp;

/// What runbooks may ask about an alias.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeployFacts {
    /// The version last recorded for the alias.
    pub current: Option<String>,
    /// The newest version known to work, other than the live one.
    pub last_known_good: Option<String>,
}

/// One entry of the deploy record.
#[derive(Clone, Debug, PartialEq)]
pub struct Deploy {
    /// The event's position in its stream.
    pub seq: u64,
    /// The event's hash.
    pub hash: Hash,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What was recorded.
    pub facts: DeployRecorded,
}

impl Deploy {
    /// When it was deployed; when it was recorded where nobody says.
    pub fn at(&self) -> Timestamp {
        self.facts.occurred_at.unwrap_or(self.recorded_at)
    }
}

/// The deploys of one alias, the oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deploys(Vec<Deploy>);

impl Deploys {
    /// Folds a deploy stream; events of other types are passed over.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut all: Vec<_> = events
            .into_iter()
            .filter_map(|e| match &e.facts {
                Facts::DeployRecorded(x) => {
                    Some(Deploy { seq: e.header.seq, hash: e.hash, recorded_at: e.header.at, facts: x.as_ref().clone() })
                }
                _ => None,
            })
            .collect();
        all.sort_by_key(|d| (d.at(), d.seq));
        Self(all)
    }

    /// All entries, the oldest first.
    pub fn all(&self) -> &[Deploy] {
        &self.0
    }

    /// The version last put behind the alias.
    pub fn current(&self) -> Option<&str> {
        self.0.iter().rev().find(|d| !d.facts.status_only).map(|d| d.facts.to.as_str())
    }

    /// What is said last about whether `version` works; `None` for a version that is not in the record.
    ///
    /// An entry that does not know takes nothing back.
    pub fn status(&self, version: &str) -> Option<DeployStatus> {
        let mut said = self.0.iter().rev().filter(|d| d.facts.to == version).map(|d| d.facts.status).peekable();
        let newest = *said.peek()?;
        Some(said.find(|s| *s != DeployStatus::Unknown).unwrap_or(newest))
    }

    /// The newest version known to work, other than `live`: of those, the one most recently behind the alias,
    /// and before any that only a status is known of.
    pub fn last_known_good(&self, live: Option<&str>) -> Option<&str> {
        let mut newest: BTreeMap<&str, (bool, usize)> = BTreeMap::new();
        for (i, d) in self.0.iter().enumerate() {
            let place = newest.entry(d.facts.to.as_str()).or_insert((false, i));
            *place = (*place).max((!d.facts.status_only, i));
        }
        newest
            .into_iter()
            .filter(|(v, _)| Some(*v) != live && self.status(v) == Some(DeployStatus::Good))
            .max_by_key(|(_, place)| *place)
            .map(|(v, _)| v)
    }

    /// What runbooks may ask, given the version that is live; without one, the current version counts as live.
    pub fn facts(&self, live: Option<&str>) -> DeployFacts {
        let current = self.current();
        DeployFacts { current: current.map(str::to_owned), last_known_good: self.last_known_good(live.or(current)).map(str::to_owned) }
    }

    /// True when the live version is not the recorded one; `None` without a record.
    pub fn has_drifted(&self, live: &str) -> Option<bool> {
        self.current().map(|c| c != live)
    }

    /// Rows for people and for `deploy list --json`, the newest first.
    pub fn rows(&self) -> impl Iterator<Item = DeployRow> {
        self.0.iter().rev().map(|d| DeployRow {
            at: d.at(),
            function: d.facts.function.clone(),
            alias: d.facts.alias.clone(),
            from: d.facts.from.clone(),
            to: d.facts.to.clone(),
            status: d.facts.status,
            by: d.facts.by.clone(),
            source: d.facts.source.clone(),
        })
    }
}

/// One line of `deploy list`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeployRow {
    /// When it was deployed.
    pub at: Timestamp,
    /// Lambda function.
    pub function: String,
    /// Alias.
    pub alias: String,
    /// Version before.
    pub from: Option<String>,
    /// Version from then on, or whose status is stated.
    pub to: String,
    /// Whether it works, as this entry says.
    pub status: DeployStatus,
    /// Who deployed.
    pub by: Option<String>,
    /// Where the entry comes from.
    pub source: String,
}

impl std::fmt::Display for DeployStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::id::StreamId;
    use crate::record::testing::{Story, deploy};
    use DeployStatus::{Bad, Good, Unknown};

    fn fold(deploys: &[DeployRecorded]) -> Deploys {
        let mut s = Story::on(StreamId::deploy("1", "us-east-1", "mission-control-api", "prod"));
        for d in deploys {
            s.add(d.clone());
        }
        Deploys::fold(&s.events)
    }

    fn says(to: &str, status: DeployStatus, when: &str) -> DeployRecorded {
        DeployRecorded { status_only: true, ..deploy(to, status, when) }
    }

    #[test]
    fn an_empty_record_knows_nothing() {
        let d = fold(&[]);
        assert_eq!(d.facts(Some("42")), DeployFacts::default());
        assert_eq!(d.has_drifted("42"), None);
    }

    #[test]
    fn the_newest_good_version_other_than_the_live_one() {
        let d = fold(&[
            deploy("40", Good, "2026-03-01T00:00:00Z"),
            deploy("41", Good, "2026-03-10T00:00:00Z"),
            deploy("42", Unknown, "2026-03-20T00:00:00Z"),
        ]);
        assert_eq!((d.current(), d.last_known_good(Some("42"))), (Some("42"), Some("41")));
        assert_eq!(d.last_known_good(Some("41")), Some("40"));
        assert_eq!((d.has_drifted("42"), d.has_drifted("41")), (Some(false), Some(true)));
        assert_eq!(d.facts(None).last_known_good.as_deref(), Some("41"));
    }

    #[test]
    fn the_latest_word_on_a_version_counts() {
        let mut all = vec![
            deploy("40", Good, "2026-03-01T00:00:00Z"),
            deploy("41", Good, "2026-03-10T00:00:00Z"),
            deploy("42", Bad, "2026-03-20T00:00:00Z"),
            says("41", Bad, "2026-03-21T00:00:00Z"),
        ];
        let d = fold(&all);
        assert_eq!((d.current(), d.last_known_good(Some("42"))), (Some("42"), Some("40")));
        all.push(deploy("41", Unknown, "2026-03-22T00:00:00Z"));
        assert_eq!(fold(&all).status("41"), Some(Bad), "not knowing takes nothing back");
        all.push(says("42", Good, "2026-03-23T00:00:00Z"));
        assert_eq!(fold(&all).last_known_good(Some("41")), Some("42"));
        assert_eq!(fold(&all).status("9"), None);
    }

    #[test]
    fn a_rollback_makes_its_target_the_newest() {
        let d = fold(&[
            deploy("41", Good, "2026-03-01T00:00:00Z"),
            deploy("42", Good, "2026-03-02T00:00:00Z"),
            deploy("41", Good, "2026-03-03T00:00:00Z"),
            deploy("43", Bad, "2026-03-04T00:00:00Z"),
            says("39", Good, "2026-03-05T00:00:00Z"),
        ]);
        assert_eq!(d.last_known_good(Some("43")), Some("41"));
    }

    #[test]
    fn what_is_imported_later_does_not_overtake() {
        let d = fold(&[deploy("42", Unknown, "2026-03-20T00:00:00Z"), deploy("41", Good, "2026-03-10T00:00:00Z")]);
        assert_eq!((d.current(), d.last_known_good(Some("42"))), (Some("42"), Some("41")));
        assert_eq!(d.rows().map(|r| r.to).collect::<Vec<_>>(), ["42", "41"]);
    }

    #[test]
    fn rows_are_written_as_promised() {
        let d = fold(&[deploy("42", Bad, "2026-03-20T00:00:00Z")]);
        assert_eq!(
            serde_json::to_string(&d.rows().next().unwrap()).unwrap(),
            r#"{"at":"2026-03-20T00:00:00.000Z","function":"mission-control-api","alias":"prod","from":null,"to":"42","status":"bad","by":null,"source":"recorded"}"#
        );
    }
}
