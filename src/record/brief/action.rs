//! An action in the few facts that figures need.

use serde::{Deserialize, Serialize};

use crate::record::event::{ActionProposed, Facts};
use crate::record::time::Timestamp;

/// One action of an incident in brief.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionBrief {
    /// Number within the incident: 1 for `a1`.
    pub n: u64,
    /// When it was proposed.
    pub proposed_at: Timestamp,
    /// How many different persons must allow it; 0 when it needs no approval.
    pub needs: u64,
    /// The executor's own approval counts.
    pub allow_self: bool,
    /// Its approvals, in order.
    pub approvals: Vec<ApprovalBrief>,
    /// It was refused, and nothing came after that.
    pub denied: bool,
    /// It failed, and nothing came after that.
    pub failed: bool,
    /// It was started without the approvals its rule asks for.
    pub broke_glass: bool,
    /// It went without approval, and nobody else has looked at it yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unreviewed: bool,
}

/// One approval in brief.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalBrief {
    /// Person id.
    pub by: String,
    /// When it was recorded.
    pub at: Timestamp,
    /// When it lapses.
    pub until: Timestamp,
    /// The approver is the proposer.
    pub own: bool,
    /// Taken back since.
    pub revoked: bool,
}

impl ActionBrief {
    /// Begins with the proposal.
    pub(super) fn begin(x: &ActionProposed, at: Timestamp) -> Self {
        Self {
            n: x.n,
            proposed_at: at,
            needs: if x.approve.none { 0 } else { x.approve.min },
            allow_self: x.approve.allow_self,
            approvals: Vec::new(),
            denied: false,
            failed: false,
            broke_glass: false,
            unreviewed: false,
        }
    }

    /// Moves on by what happened at `at`, if that is about this action.
    pub(super) fn apply(&mut self, facts: &Facts, at: Timestamp) {
        match facts {
            Facts::ApprovalGranted(x) if x.n == self.n => {
                let approval = ApprovalBrief { by: x.approver.clone(), at, until: x.expires_at, own: x.self_approved, revoked: false };
                self.approvals.push(approval);
            }
            Facts::ApprovalRevoked(x) if x.n == self.n => {
                self.approvals.iter_mut().filter(|a| a.by == x.approver).for_each(|a| a.revoked = true);
            }
            Facts::ActionStarted(x) if x.n == self.n => {
                self.ended(false, false);
                self.broke_glass = self.lacks_approval(&x.executor, at);
            }
            Facts::ApprovalBypassed(x) if x.n == self.n => self.unreviewed = true,
            Facts::ApprovalReviewed(x) if x.n == self.n => self.unreviewed = false,
            Facts::ActionDenied(x) if x.n == self.n => self.ended(true, false),
            Facts::ActionFailed(x) if x.n == self.n => self.ended(false, true),
            Facts::ActionStale(x) if x.n == self.n => self.ended(false, false),
            Facts::ActionSucceeded(x) if x.n == self.n => self.ended(false, false),
            Facts::ActionUnknown(x) if x.n == self.n => self.ended(false, false),
            _ => {}
        }
    }

    fn ended(&mut self, denied: bool, failed: bool) {
        (self.denied, self.failed) = (denied, failed);
    }

    /// True when it is started by `executor` at `at` without the approvals its rule asks for.
    fn lacks_approval(&self, executor: &str, at: Timestamp) -> bool {
        let stood = self.approvals.iter().filter(|a| a.at <= at && at < a.until && (self.allow_self || a.by != executor));
        let mut who: Vec<_> = stood.map(|a| &a.by).collect();
        who.sort_unstable();
        who.dedup();
        (who.len() as u64) < self.needs
    }
}

#[cfg(test)]
impl ActionBrief {
    /// What the brief must say, looked up in the whole state.
    pub(super) fn from_whole(a: &crate::record::action::Action) -> Self {
        use crate::record::action::Progress;
        let brief = |x: &crate::record::action::Approval| ApprovalBrief {
            by: x.approver.clone(),
            at: x.at,
            until: x.expires_at,
            own: x.self_approved,
            revoked: x.revoked,
        };
        let mut this = Self {
            n: a.n,
            proposed_at: a.proposed_at,
            needs: if a.rule.none { 0 } else { a.rule.min },
            allow_self: a.rule.allow_self,
            approvals: a.approvals.iter().map(brief).collect(),
            denied: matches!(a.progress, Progress::Denied { .. }),
            failed: matches!(a.progress, Progress::Failed { .. }),
            broke_glass: false,
            unreviewed: a.is_unreviewed(),
        };
        this.broke_glass = a.started_at.zip(a.executor.as_ref()).is_some_and(|(at, who)| this.lacks_approval(who, at));
        this
    }
}
