//! Facts about signatures: approvals, going without them, reviews, and the list of whose key signs what.

use super::*;

/// See [`Facts::ApprovalGranted`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalGranted {
    /// Number of the action.
    pub n: u64,
    /// Hash of the action approved.
    pub hash: Hash,
    /// Person id.
    pub approver: String,
    /// The incident's head that the approver saw.
    pub head_seq: u64,
    /// Hash of that head.
    pub head_hash: Hash,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// What the approver said.
    pub comment: Option<String>,
    /// The signed text and signature, see [`Signed`](crate::record::approval::Signed); null: unsigned, and worth nothing.
    pub signature: Option<Value>,
    /// The approver is the proposer (a team of one).
    pub self_approved: bool,
}

/// See [`Facts::ApprovalRevoked`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalRevoked {
    /// Number of the action.
    pub n: u64,
    /// Person id whose approval is taken back.
    pub approver: String,
    /// Why.
    pub reason: String,
}

/// See [`Facts::ApprovalBypassed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalBypassed {
    /// Number of the action.
    pub n: u64,
    /// Hash of the action.
    pub hash: Hash,
    /// Person id of the operator.
    pub by: String,
    /// Why there was no time.
    pub reason: String,
    /// The incident's head that the operator saw.
    pub head_seq: u64,
    /// Hash of that head.
    pub head_hash: Hash,
    /// The incident's severity at the time, at which the runbook allows it.
    pub severity: String,
    /// When the signed text lapses.
    pub expires_at: Timestamp,
    /// By when somebody else has to have looked at it.
    pub review_by: Timestamp,
    /// The signed text and signature.
    pub signature: Value,
}

/// See [`Facts::ApprovalReviewed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalReviewed {
    /// Number of the action.
    pub n: u64,
    /// Hash of the action.
    pub hash: Hash,
    /// Person id of the reviewer.
    pub by: String,
    /// What they say about it.
    pub comment: String,
    /// The incident's head that the reviewer saw.
    pub head_seq: u64,
    /// Hash of that head.
    pub head_hash: Hash,
    /// When the signed text lapses.
    pub expires_at: Timestamp,
    /// The signed text and signature.
    pub signature: Value,
}
