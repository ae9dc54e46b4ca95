//! The facts about the ledger itself: its beginning, its keys, who may sign, what was taken out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[cfg(doc)]
use super::Facts;
use crate::record::id::{Hash, StreamId};

/// See [`Facts::LedgerCreated`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerCreated {
    /// The ledger's random id.
    pub ledger: String,
    /// True for a rehearsal's ledger, for ever.
    pub drill: bool,
    /// Public half of the key that signs its checkpoints, e.g. `ssh-ed25519 AAAA…`; `None` in ledgers of before it was
    /// written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// See [`Facts::LedgerKeyAdded`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerKeyAdded {
    /// Public half of the key that signs checkpoints from this event on.
    pub key: String,
    /// The key it stands in for; null where there was none.
    pub replaces: Option<String>,
    /// Size of the first checkpoint that could not be signed with the key it replaces; null when all of them are.
    pub unsigned_from: Option<u64>,
    /// Why; null where there was no key before.
    pub reason: Option<String>,
}

/// See [`Facts::SignersChanged`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignersChanged {
    /// SHA-256 of `content`.
    pub hash: Hash,
    /// The whole `allowed_signers` file.
    pub content: String,
    /// The name that each person of the settings has in it, by person id.
    pub principals: BTreeMap<String, String>,
}

/// See [`Facts::PayloadErased`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PayloadErased {
    /// Stream of the event whose payload is gone.
    pub stream: StreamId,
    /// Its sequence number.
    pub seq: u64,
    /// Hash of the payload that is gone.
    pub payload: Hash,
    /// Digest of the blob that is gone with it.
    pub blob: Option<Hash>,
    /// Why.
    pub reason: String,
    /// Who allowed it.
    pub approved_by: Vec<String>,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
    /// The signed text and signature: `{"text","signature","key"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Value>,
}
