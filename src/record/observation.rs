//! What one run of a probe returned, as the record keeps it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::id::Hash;
use super::time::Timestamp;
use super::verdict::{Outcome, Verdict};

/// One expectation with what was really there.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Checked {
    /// The expectation as written in the runbook.
    pub text: String,
    /// What it came to.
    pub verdict: Verdict,
    /// The left side's value; null when it was missing.
    pub actual: Value,
    /// Why it is unknown, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// One named number that an observation yielded.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reading {
    /// Series name as the runbook gives it, e.g. `agents.alive`.
    pub name: String,
    /// Where the number comes from: a URL, or `account/region/resource`.
    pub origin: String,
    /// The number, as JSON has it.
    pub value: f64,
}

/// One point of a series of readings.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sample {
    /// When it was taken.
    pub at: Timestamp,
    /// The number.
    pub value: f64,
}

/// Where an answer came from, so that a stand-in can never pass for production.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Source {
    /// The URL or endpoint that was asked.
    pub endpoint: Option<String>,
    /// AWS region.
    pub region: Option<String>,
    /// AWS account of the caller, from STS.
    pub account: Option<String>,
    /// ARN of the caller, from STS.
    pub arn: Option<String>,
    /// The server's `Date` header.
    pub server_date: Option<String>,
    /// The server's clock minus ours, in milliseconds (whole seconds of truth: `Date` has no more).
    pub skew_ms: Option<i64>,
}

/// Names a blob of evidence: SHA-256(salt ‖ bytes), its raw size, and whether it is all there was.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BlobRef {
    /// The salted hash under which the bytes are kept.
    pub digest: Hash,
    /// Raw bytes, before compression.
    pub size: u64,
}

/// One run of a probe.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Observation {
    /// Id of the probe in its runbook.
    pub probe: String,
    /// Number of the step the probe stands in; null outside Steps.
    pub step: Option<u32>,
    /// Kind, e.g. `http`.
    pub kind: String,
    /// The probe as resolved, without secrets.
    pub request: Value,
    /// How asking ended.
    pub outcome: Outcome,
    /// Why there is no answer, for people; null when answered.
    pub reason: Option<String>,
    /// Why no verdict may rest on the answer although it is there, e.g. another account answered; null when it may.
    #[serde(default)]
    pub doubt: Option<String>,
    /// All expectations together; null when the probe has none ("seen").
    pub verdict: Option<Verdict>,
    /// What was seen, on one line, e.g. `502, expected 200`.
    pub observed: String,
    /// Each expectation with its actual value.
    pub expectations: Vec<Checked>,
    /// The named numbers.
    pub readings: Vec<Reading>,
    /// What the runbook's `show` selects for people; null when it has none.
    pub shown: Value,
    /// When asking began.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Who answered.
    pub source: Source,
    /// The whole answer; null when there was none.
    pub blob: Option<BlobRef>,
    /// True when a limit cut what was fetched.
    pub truncated: bool,
    /// How many places each redaction rule took out.
    pub redactions: BTreeMap<String, u64>,
}
