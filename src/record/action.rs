//! An action's life: proposal, approvals, execution, verification.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::approval::Signed;
use super::event::ApprovalRule;
use super::id::{EventId, Hash, IncidentId};
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
    /// The signed text and signature, see [`Signed`]; `None`: unsigned, and worth nothing.
    pub signature: Option<Value>,
    /// The approver is the proposer.
    pub self_approved: bool,
    /// Taken back since.
    pub revoked: bool,
}

impl Approval {
    /// What was signed; `None` for an approval that is worth nothing.
    pub fn signed(&self) -> Option<Signed> {
        self.signature.as_ref().and_then(Signed::read)
    }

    /// True when `id` is the person who approved, under whatever name.
    pub fn is_by(&self, id: &str) -> bool {
        self.approver == id || self.signed().is_some_and(|s| s.persons.iter().any(|p| p == id))
    }
}

/// How many different people stand behind these approvals: two ids of one person, or two approvals by one key, are one.
pub fn people<'a>(approvals: impl Iterator<Item = &'a Approval>) -> u64 {
    let mut groups: Vec<BTreeSet<String>> = Vec::new();
    for a in approvals {
        let mut own = BTreeSet::from([format!("id {}", a.approver)]);
        if let Some(s) = a.signed() {
            own.extend(s.persons.iter().map(|p| format!("id {p}")));
            own.insert(format!("key {}", s.key));
            own.insert(format!("principal {}", s.principal));
        }
        let (same, mut others): (Vec<_>, Vec<_>) = groups.into_iter().partition(|g| !g.is_disjoint(&own));
        own.extend(same.into_iter().flatten());
        others.push(own);
        groups = others;
    }
    groups.len() as u64
}

/// An operator's going without approval, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bypass {
    /// Sequence number of the event.
    pub seq: u64,
    /// Person id of the operator.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// By when somebody else has to have looked at it.
    pub review_by: Timestamp,
    /// The signed text and signature.
    pub signature: Value,
    /// Somebody else's look at it: sequence number, person id, when, and what they say.
    pub review: Option<(u64, String, Timestamp, String)>,
}

impl Bypass {
    /// True when `id` is the operator, under whatever name.
    pub fn is_by(&self, id: &str) -> bool {
        self.by == id || Signed::read(&self.signature).is_some_and(|s| s.persons.iter().any(|p| p == id))
    }
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
    /// The operator went without approval.
    pub bypass: Option<Bypass>,
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
    /// Approvals that hold at `now`: signed, not taken back, not lapsed.
    pub fn standing(&self, now: Timestamp) -> impl Iterator<Item = &Approval> {
        self.approvals.iter().filter(move |a| !a.revoked && now < a.expires_at && a.signed().is_some())
    }

    /// True when enough different persons allow it at `now`.
    pub fn is_allowed(&self, now: Timestamp) -> bool {
        self.rule.none || people(self.standing(now)) >= self.rule.min
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

    /// True while what was done without approval waits for somebody else's look.
    pub fn is_unreviewed(&self) -> bool {
        self.bypass.as_ref().is_some_and(|b| b.review.is_none())
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

/// Writes JSON in one form: keys sorted by their bytes, no white space, numbers as serde_json writes them.
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(&mut out, value);
    out
}

fn write_canonical(out: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_canonical(out, item);
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(k, _)| *k);
            out.push('{');
            for (i, (key, item)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_canonical(out, item);
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// The hash that approvals name: what runs, where it was proposed, and what the approver is told.
///
/// SHA-256 over the line `blotter-action-v1` and the [`canonical`] JSON of all parts.
pub fn action_hash(ledger: &str, incident: IncidentId, kind: &str, arguments: &Value, text: &str, runbook: Hash, nonce: &str) -> Hash {
    let whole = serde_json::json!({
        "arguments": arguments,
        "incident": incident.to_string(),
        "kind": kind,
        "ledger": ledger,
        "nonce": nonce,
        "runbook": runbook.to_string(),
        "text": text,
    });
    Hash::of(&[b"blotter-action-v1\n", canonical(&whole).as_bytes()])
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn canonical_json_has_one_form() {
        let a: Value = serde_json::from_str(r#"{ "b": [1, 2.50, null], "a": {"z": "\u00e9\n", "y": true} }"#).unwrap();
        assert_eq!(canonical(&a), r#"{"a":{"y":true,"z":"é\n"},"b":[1,2.5,null]}"#);
        let again: Value = serde_json::from_str(&canonical(&a)).unwrap();
        assert_eq!(canonical(&again), canonical(&a));
    }

    #[test]
    fn every_part_of_an_action_is_in_its_hash() {
        let id = IncidentId(Uuid::from_u128(7));
        let arguments = json!({"to": "41", "from": "42"});
        let base = action_hash("l", id, "k", &arguments, "t", Hash::ZERO, "n");
        let reordered: Value = serde_json::from_str(r#"{"from":"42","to":"41"}"#).unwrap();
        assert_eq!(action_hash("l", id, "k", &reordered, "t", Hash::ZERO, "n"), base);
        let other = [
            action_hash("m", id, "k", &arguments, "t", Hash::ZERO, "n"),
            action_hash("l", IncidentId(Uuid::from_u128(8)), "k", &arguments, "t", Hash::ZERO, "n"),
            action_hash("l", id, "j", &arguments, "t", Hash::ZERO, "n"),
            action_hash("l", id, "k", &json!({"to": 41, "from": "42"}), "t", Hash::ZERO, "n"),
            action_hash("l", id, "k", &arguments, "u", Hash::ZERO, "n"),
            action_hash("l", id, "k", &arguments, "t", Hash::of(&[b"x"]), "n"),
            action_hash("l", id, "k", &arguments, "t", Hash::ZERO, "o"),
        ];
        assert!(other.iter().all(|h| *h != base));
        let mut distinct = other.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), other.len());
    }
}
