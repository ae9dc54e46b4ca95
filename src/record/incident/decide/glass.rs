//! The part of [`super::decide`] for the worst nights: an operator goes without approval, and somebody else looks at it later.

use crate::record::action::Action;
use crate::record::approval::Signed;
use crate::record::event::{ApprovalBypassed, ApprovalReviewed, Facts};
use crate::record::id::Hash;
use crate::record::incident::Head;
use crate::record::time::Timestamp;

use super::{Case, Refusal, one, says};

/// A reason shorter than this says nothing, in characters.
pub const REASON_LEAST: usize = 20;

/// An operator's going without approval.
#[derive(Clone, Debug)]
pub struct Glass {
    /// The incident's head that the operator saw.
    pub head: Head,
    /// When the signed text lapses.
    pub expires_at: Timestamp,
    /// Why there is no time.
    pub reason: String,
    /// The operator's own signature, verified by the caller.
    pub signed: Signed,
    /// The severities at which the runbook allows it; empty: never.
    pub severities: Vec<String>,
    /// Within how many seconds somebody else has to look at it.
    pub review_within_s: u64,
}

/// Somebody else's look at what was done without approval.
#[derive(Clone, Debug)]
pub struct Review {
    /// The action.
    pub n: u64,
    /// Person id.
    pub reviewer: String,
    /// The action hash that the reviewer saw.
    pub hash: Hash,
    /// The incident's head that the reviewer saw.
    pub head: Head,
    /// When the signed text lapses.
    pub expires_at: Timestamp,
    /// What they say about it.
    pub comment: String,
    /// Their signature, verified by the caller.
    pub signed: Signed,
}

impl Case<'_> {
    /// Goes without approval, where the runbook lets this severity.
    pub(super) fn bypass(&self, action: &Action, executor: &str, g: Glass) -> Result<ApprovalBypassed, Refusal> {
        let (number, n, now) = (self.incident.number, action.n, self.now());
        if action.rule.none {
            return Err(Refusal::NoneNeeded { number, n });
        }
        let no = |why: String| Err(Refusal::Glass { number, n, why });
        let severity = self.incident.severity.clone();
        if g.severities.is_empty() {
            return no("the runbook does not allow it".to_owned());
        }
        if !g.severities.contains(&severity) {
            return no(format!("the incident is {severity}, and the runbook allows it at {}", g.severities.join(", ")));
        }
        let said = g.reason.trim().chars().count();
        if said < REASON_LEAST {
            return no(format!("the reason has {said} characters, and {REASON_LEAST} are the least"));
        }
        if !g.signed.persons.iter().any(|p| p == executor) {
            return no(format!("it is not signed by `{executor}`, who executes"));
        }
        if g.expires_at <= now {
            return no(format!("the signed text lapsed at {}", g.expires_at));
        }
        self.seen(action, g.head)?;
        let bad = |e: serde_json::Error| Refusal::BadSignature { number, n, why: e.to_string() };
        Ok(ApprovalBypassed {
            n,
            hash: action.hash,
            by: executor.to_owned(),
            reason: g.reason,
            head_seq: g.head.seq,
            head_hash: g.head.hash,
            severity,
            expires_at: g.expires_at,
            review_by: now.plus_millis(i64::try_from(g.review_within_s).unwrap_or(i64::MAX).saturating_mul(1000)),
            signature: g.signed.to_value().map_err(bad)?,
        })
    }

    /// Refuses while something was done without approval and nobody else has looked at it.
    pub(super) fn nothing_unreviewed(&self) -> Result<(), Refusal> {
        let number = self.incident.number;
        match self.incident.actions.iter().find_map(|a| a.bypass.as_ref().filter(|b| b.review.is_none()).map(|b| (a.n, b))) {
            Some((n, b)) => Err(Refusal::ReviewOpen { number, n, by: b.by.clone() }),
            None => Ok(()),
        }
    }

    pub(super) fn review(&self, r: Review) -> Result<Vec<Facts>, Refusal> {
        let action = self.action(r.n)?;
        let (number, n) = (self.incident.number, r.n);
        let Some(bypass) = action.bypass.as_ref().filter(|b| b.review.is_none()) else {
            return Err(Refusal::NothingToReview { number, n });
        };
        says(&r.comment, "comment")?;
        self.same_action(action, r.hash)?;
        let own = |id: &str| r.reviewer == id || r.signed.persons.iter().any(|p| p == id);
        if bypass.is_by(&r.reviewer) || own(&bypass.by) || own(&action.proposer) {
            return Err(Refusal::OwnReview { number, n, who: r.reviewer });
        }
        let known = self.events.iter().any(|e| e.header.seq == r.head.seq && e.hash == r.head.hash);
        if !known || r.head.seq < bypass.seq {
            return Err(Refusal::UnknownHead { number, n, seq: r.head.seq, hash: r.head.hash });
        }
        let bad = |e: serde_json::Error| Refusal::BadSignature { number, n, why: e.to_string() };
        one(ApprovalReviewed {
            n,
            hash: action.hash,
            by: r.reviewer,
            comment: r.comment,
            head_seq: r.head.seq,
            head_hash: r.head.hash,
            expires_at: r.expires_at,
            signature: r.signed.to_value().map_err(bad)?,
        })
    }
}

#[cfg(test)]
mod tests;
