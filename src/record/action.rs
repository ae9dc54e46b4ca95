//! An action's life: proposal, approvals, execution, verification.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event::ApprovalRule;
use super::id::{EventId, Hash};
use super::time::Timestamp;
use super::verdict::Verdict;

/// Where an action stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionStatus {
    /// Waits for approval.
    Proposed,
    /// May be executed.
    Approved,
    /// A person refused it.
    Denied,
    /// Its approvals have lapsed.
    Expired,
    /// The world or the record moved away from what was approved.
    Stale,
    /// The call is being made right now.
    Started,
    /// The change was made.
    Succeeded,
    /// The change was refused or failed.
    Failed,
    /// It was started, and nobody can say how it ended.
    Unknown,
}

impl fmt::Display for ActionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proposed => "proposed",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Stale => "stale",
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        })
    }
}

/// One person's approval.
#[derive(Clone, Debug, PartialEq)]
pub struct Approval {
    /// Sequence number of the event.
    pub seq: u64,
    /// Person id.
    pub approver: String,
    /// When it was recorded.
    pub at: Timestamp,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// Sequence number of the incident's head that the approver saw.
    pub head_seq: u64,
    /// What the approver said.
    pub comment: Option<String>,
    /// The signed text and signature; `None`: unsigned.
    pub signature: Option<Value>,
    /// The approver is the proposer.
    pub self_approved: bool,
    /// Taken back since.
    pub revoked: bool,
}

/// What was recorded last about how an action went.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Nothing but the proposal and approvals.
    Waiting,
    /// A person refused it.
    Denied {
        /// Person id.
        by: String,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// The world moved away.
    Stale {
        /// What moved.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// Started, and nothing since.
    Started,
    /// It is done.
    Succeeded {
        /// What is now so.
        text: String,
        /// When it was recorded.
        at: Timestamp,
        /// Found by looking afterwards.
        reconciled: bool,
    },
    /// It failed.
    Failed {
        /// Why.
        error: String,
        /// When it was recorded.
        at: Timestamp,
        /// Found by looking afterwards.
        reconciled: bool,
    },
    /// Nobody can say.
    Unknown {
        /// Why.
        error: String,
        /// When it was recorded.
        at: Timestamp,
    },
}

/// How the verification after an action ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// Sequence number of the event.
    pub seq: u64,
    /// Id of the `verify` block.
    pub verify: String,
    /// `met` when recovery was verified.
    pub verdict: Verdict,
    /// What was seen, on one line.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// One action of an incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Number within the incident: 1 for `a1`.
    pub n: u64,
    /// Its id: that of the proposing event.
    pub id: EventId,
    /// Sequence number of the proposal.
    pub seq: u64,
    /// Id of the runbook's `action` block.
    pub block: String,
    /// Kind, e.g. `aws.lambda.update-alias`.
    pub kind: String,
    /// The whole resolved request.
    pub arguments: Value,
    /// The plan in one plain sentence.
    pub text: String,
    /// Hash that approvals name.
    pub hash: Hash,
    /// 16 random bytes in hex.
    pub nonce: String,
    /// Hash of the runbook it comes from.
    pub runbook: Hash,
    /// Who may allow it.
    pub rule: ApprovalRule,
    /// Arguments given by hand.
    pub by_hand: Vec<String>,
    /// Conditions that must be met, as written.
    pub requires: Vec<String>,
    /// Person who proposed it.
    pub proposer: String,
    /// When it was proposed.
    pub proposed_at: Timestamp,
    /// Approvals in order.
    pub approvals: Vec<Approval>,
    /// Person who executed it.
    pub executor: Option<String>,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// How it went.
    pub progress: Progress,
    /// How the verification ended.
    pub verification: Option<Verification>,
}

impl Action {
    /// Approvals that hold at `now`.
    pub fn standing(&self, now: Timestamp) -> impl Iterator<Item = &Approval> {
        self.approvals.iter().filter(move |a| !a.revoked && now < a.expires_at)
    }

    /// True when enough different persons allow it at `now`.
    pub fn is_allowed(&self, now: Timestamp) -> bool {
        let mut who: Vec<_> = self.standing(now).map(|a| a.approver.as_str()).collect();
        who.sort_unstable();
        who.dedup();
        self.rule.none || who.len() as u64 >= self.rule.min
    }

    /// Where the action stands at `now`; `running` says whether a process is making a call right now.
    pub fn status(&self, now: Timestamp, running: bool) -> ActionStatus {
        match &self.progress {
            Progress::Denied { .. } => ActionStatus::Denied,
            Progress::Stale { .. } => ActionStatus::Stale,
            Progress::Succeeded { .. } => ActionStatus::Succeeded,
            Progress::Failed { .. } => ActionStatus::Failed,
            Progress::Unknown { .. } => ActionStatus::Unknown,
            Progress::Started if running => ActionStatus::Started,
            Progress::Started => ActionStatus::Unknown,
            Progress::Waiting if self.is_allowed(now) => ActionStatus::Approved,
            Progress::Waiting if self.approvals.iter().any(|a| !a.revoked && now >= a.expires_at) => ActionStatus::Expired,
            Progress::Waiting => ActionStatus::Proposed,
        }
    }

    /// True once nothing more can happen to it.
    pub fn is_over(&self) -> bool {
        matches!(self.progress, Progress::Denied { .. } | Progress::Stale { .. } | Progress::Succeeded { .. } | Progress::Failed { .. })
    }

    /// When the earliest needed approval lapses, if it is allowed at `now`.
    pub fn expires_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.standing(now).map(|a| a.expires_at).min()
    }
}
