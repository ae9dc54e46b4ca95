//! Which way on the evidence points to.
//!
//! Branches are looked at from the top; the first that is met is *suggested*. An unknown one above it stops:
//! nothing is suggested until that is known. A branch without `if` is never suggested, only a person can say so.
//! What a person decides is the event, whatever was suggested.

use super::condition::{Facts, holds};
use super::model::Decide;
use crate::record::verdict::Verdict;

/// What the evidence says about a fork in the procedure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggestion {
    /// The branch that is suggested.
    pub branch: Option<String>,
    /// Why, one line each: of the suggested branch, or of the one that is unknown, or of all that are not met.
    pub because: Vec<String>,
    /// The branch at which it stopped, since nobody can say yet.
    pub stopped_by_unknown: Option<String>,
}

/// Suggests a branch.
pub fn suggest(decide: &Decide, facts: &Facts<'_>) -> Suggestion {
    let mut not_met = Vec::new();
    for branch in &decide.branches {
        let Some(when) = &branch.when else { continue };
        let found = holds(when, facts);
        match found.verdict {
            Verdict::Met => return Suggestion { branch: Some(branch.id.clone()), because: found.because, stopped_by_unknown: None },
            Verdict::Unknown => return Suggestion { branch: None, because: found.because, stopped_by_unknown: Some(branch.id.clone()) },
            Verdict::Unmet => not_met.push(format!("not `{}`: {}", branch.id, found.line())),
        }
    }
    Suggestion { branch: None, because: not_met, stopped_by_unknown: None }
}

#[cfg(test)]
mod tests;
