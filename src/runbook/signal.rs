//! Which of several runbooks is happening.
//!
//! A runbook *matches* when at least one of its own signs (not one that merely `supports`) is met. Matches come
//! first, then what nobody could look at, then the rest; within each, the more own signs are met the earlier, then the
//! more supporting ones, then the order given.
//!
//! A sign that is met and `explained-by` another runbook which matches too makes its runbook *explained*: open
//! that one, link this. Explained matches come after those that stand on their own. Two runbooks never explain
//! each other: the one that ranks higher stands.

use super::condition::{Facts, holds};
use super::model::{Runbook, Signal};
use crate::record::verdict::Verdict;

/// One sign with what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// Its id in the runbook.
    pub id: String,
    /// What a person would say.
    pub text: String,
    /// What was seen, on one line.
    pub because: String,
}

/// What the signs say about one runbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The runbook's id.
    pub runbook: String,
    /// Own signs that are met.
    pub matched: Vec<Sign>,
    /// Supporting signs that are met.
    pub supporting: Vec<Sign>,
    /// Signs of either kind that nobody could look at.
    pub unknown: Vec<Sign>,
    /// The matching runbook that explains this one.
    pub explained_by: Option<String>,
}

impl Match {
    /// True when it may be this incident.
    pub fn is_match(&self) -> bool {
        !self.matched.is_empty()
    }
}

/// Ranks runbooks by their signs, every runbook given being in the answer.
pub fn rank(runbooks: &[(&Runbook, Facts<'_>)]) -> Vec<Match> {
    let mut found: Vec<(Match, Vec<&str>)> = runbooks.iter().map(|(r, facts)| look(r, facts)).collect();
    found.sort_by_key(|(m, _)| order(m));
    explain(&mut found);
    found.sort_by_key(|(m, _)| order(m));
    found.into_iter().map(|(m, _)| m).collect()
}

fn order(m: &Match) -> (u8, usize, usize) {
    let group = match (m.is_match(), m.explained_by.is_some(), m.unknown.is_empty()) {
        (true, false, _) => 0,
        (true, true, _) => 1,
        (false, _, false) => 2,
        (false, _, true) => 3,
    };
    (group, usize::MAX - m.matched.len(), usize::MAX - m.supporting.len())
}

/// Evaluates one runbook's signs; the names are of runbooks that explain a sign which is met.
fn look<'a>(runbook: &'a Runbook, facts: &Facts<'_>) -> (Match, Vec<&'a str>) {
    let mut m = Match { runbook: runbook.id.clone(), matched: Vec::new(), supporting: Vec::new(), unknown: Vec::new(), explained_by: None };
    let mut explained_by = Vec::new();
    for signal in &runbook.signals {
        let Signal { id, text, when, supports, explained_by: by } = signal;
        let found = holds(when, facts);
        let sign = Sign { id: id.clone(), text: text.clone(), because: found.line() };
        match (found.verdict, supports) {
            (Verdict::Met, false) => m.matched.push(sign),
            (Verdict::Met, true) => m.supporting.push(sign),
            (Verdict::Unknown, _) => m.unknown.push(sign),
            (Verdict::Unmet, _) => {}
        }
        if found.verdict == Verdict::Met {
            explained_by.extend(by.as_deref());
        }
    }
    (m, explained_by)
}

/// Names what explains what, the lowest rank first, so that of two that explain each other the higher stands.
fn explain(found: &mut [(Match, Vec<&str>)]) {
    for i in (0..found.len()).rev() {
        let (this, names) = &found[i];
        let explains = |by: &str| {
            let matches = found.iter().any(|(m, _)| m.runbook == by && m.is_match());
            matches && !leads_to(found, by, &this.runbook)
        };
        let by = names.iter().copied().find(|by| explains(by)).map(str::to_owned);
        if this.is_match() {
            found[i].0.explained_by = by;
        }
    }
}

/// True when `from` is (by way of others) explained by `to` already.
fn leads_to(found: &[(Match, Vec<&str>)], from: &str, to: &str) -> bool {
    let mut at = Some(from);
    for _ in 0..=found.len() {
        match at {
            None => return false,
            Some(here) if here == to => return true,
            Some(here) => at = found.iter().find(|(m, _)| m.runbook == here).and_then(|(m, _)| m.explained_by.as_deref()),
        }
    }
    true
}

#[cfg(test)]
mod tests;
