//! The facts an event may state, one type each, as stored at payload version 1.

use std::collections::BTreeMap;

use super::*;
use crate::record::verdict::Verdict;

mod approvals;

pub use approvals::*;

macro_rules! facts {
    ($($(#[doc = $doc:expr])* $variant:ident = $name:literal),* $(,)?) => {
        /// What happened. The dotted name is the event's `type`.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Facts {
            $($(#[doc = $doc])* $variant(Box<$variant>),)*
            /// An event that a newer version wrote; kept and shown, never guessed at.
            Other {
                /// The event's `type`.
                kind: String,
                /// The payload's data as stored.
                data: Value,
            },
            /// The payload was erased; the header still stands.
            Erased,
        }

        impl Facts {
            /// The names of all events this build writes.
            pub const KINDS: &'static [&'static str] = &[$($name),*];

            /// The event's `type`.
            pub fn kind(&self) -> &str {
                match self {
                    $(Self::$variant(_) => $name,)*
                    Self::Other { kind, .. } => kind,
                    Self::Erased => "erased",
                }
            }

            /// The payload's `data`.
            ///
            /// # Errors
            /// A value that JSON cannot hold.
            pub fn to_value(&self) -> Result<Value, serde_json::Error> {
                match self {
                    $(Self::$variant(x) => serde_json::to_value(x),)*
                    Self::Other { data, .. } => Ok(data.clone()),
                    Self::Erased => Ok(Value::Null),
                }
            }

            /// Reads `data` of an event of type `kind`; a type or a schema version that this build does not
            /// know becomes [`Facts::Other`].
            ///
            /// # Errors
            /// Data of a known type and version that does not have its form.
            pub(super) fn from_json(kind: &str, sv: u64, data: &str) -> Result<Self, serde_json::Error> {
                Ok(match kind {
                    $($name if sv <= PAYLOAD_VERSION => Self::$variant(Box::new(serde_json::from_str(data)?)),)*
                    _ => Self::Other { kind: kind.to_owned(), data: serde_json::from_str(data)? },
                })
            }
        }

        $(impl From<$variant> for Facts {
            fn from(x: $variant) -> Self {
                Self::$variant(Box::new(x))
            }
        })*
    };
}

facts! {
    /// The ledger began.
    LedgerCreated = "ledger.created",
    /// The ledger got a key, or another one, that signs its checkpoints.
    LedgerKeyAdded = "ledger.key_added",
    /// An incident began.
    IncidentOpened = "incident.opened",
    /// Somebody is on it.
    IncidentAcknowledged = "incident.acknowledged",
    /// A probe was run for the incident.
    EvidenceCaptured = "evidence.captured",
    /// A file was attached.
    EvidenceAttached = "evidence.attached",
    /// Somebody wrote something down.
    NoteAdded = "note.added",
    /// An earlier event was put right.
    EventCorrected = "event.corrected",
    /// The severity changed.
    SeverityChanged = "severity.changed",
    /// A branch of a `decide` block was taken.
    DecisionMade = "decision.made",
    /// An escalation fell due.
    EscalationRaised = "escalation.raised",
    /// A configured command or webhook was told of an escalation, or could not be.
    EscalationDelivered = "escalation.delivered",
    /// Somebody else took over.
    IncidentHandedOff = "incident.handed_off",
    /// Another incident was named as related.
    IncidentLinked = "incident.linked",
    /// A change was proposed.
    ActionProposed = "action.proposed",
    /// A person allowed a proposed change.
    ApprovalGranted = "approval.granted",
    /// A person took an approval back.
    ApprovalRevoked = "approval.revoked",
    /// The operator went without approval, as the runbook allows for the worst nights.
    ApprovalBypassed = "approval.bypassed",
    /// Somebody else has looked at what was done without approval.
    ApprovalReviewed = "approval.reviewed",
    /// A person refused a proposed change.
    ActionDenied = "action.denied",
    /// The world moved away from what was approved.
    ActionStale = "action.stale",
    /// The change is about to be made; from here on it may have happened.
    ActionStarted = "action.started",
    /// The change was made.
    ActionSucceeded = "action.succeeded",
    /// The change was refused or failed.
    ActionFailed = "action.failed",
    /// Nobody can say whether the change was made.
    ActionUnknown = "action.unknown",
    /// The verification after an action passed.
    RecoveryVerified = "recovery.verified",
    /// The verification after an action did not pass.
    RecoveryNotVerified = "recovery.not_verified",
    /// The harm has stopped.
    IncidentMitigated = "incident.mitigated",
    /// Something to do afterwards.
    FollowupAdded = "followup.added",
    /// A follow-up was done.
    FollowupDone = "followup.done",
    /// The incident is over.
    IncidentResolved = "incident.resolved",
    /// It was not this incident, or no incident at all.
    IncidentDismissed = "incident.dismissed",
    /// It was not over.
    IncidentReopened = "incident.reopened",
    /// Bytes were taken out of the record, by name.
    PayloadErased = "payload.erased",
    /// The list of whose key signs what is another one than before.
    SignersChanged = "signers.changed",
    /// A version was put behind an alias, or its status became known.
    DeployRecorded = "deploy.recorded",
    /// A probe was run outside any incident.
    ObservationRecorded = "observation.recorded",
}

impl Facts {
    /// The one text in the event that a person wrote and may put right with `correct`; `None` where there is none.
    ///
    /// A file attached without a note has the empty text. What the tool worked out, and what an approval was
    /// given for, is never put right afterwards.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::NoteAdded(x) => Some(&x.text),
            Self::EvidenceAttached(x) => Some(x.note.as_deref().unwrap_or_default()),
            Self::SeverityChanged(x) if x.rule.is_none() => Some(&x.reason),
            Self::DecisionMade(x) => Some(x.reason.as_deref().unwrap_or_default()),
            Self::IncidentHandedOff(x) => Some(x.note.as_deref().unwrap_or_default()),
            Self::IncidentLinked(x) => Some(&x.reason),
            Self::IncidentMitigated(x) => Some(&x.reason),
            Self::FollowupAdded(x) => Some(&x.text),
            Self::IncidentResolved(x) => Some(&x.summary),
            Self::IncidentDismissed(x) => Some(&x.reason),
            Self::IncidentReopened(x) => Some(&x.reason),
            _ => None,
        }
    }
}

/// Where a runbook came from and what it said at the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunbookRef {
    /// E.g. `INC-001`.
    pub id: String,
    /// E.g. `Dead Lambda`.
    pub title: String,
    /// SHA-256 of `text`.
    pub hash: Hash,
    /// The file's whole text.
    pub text: String,
}

/// See [`Facts::IncidentOpened`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentOpened {
    /// Counts from 1 within the ledger.
    pub number: u64,
    /// What to go by.
    pub runbook: RunbookRef,
    /// `P0` … `P4`.
    pub severity: String,
    /// The incident's title; the runbook's unless a person gave another.
    pub title: String,
    /// Effective variables after config and flags.
    pub vars: BTreeMap<String, Value>,
    /// AWS account the runbook's probes must be answered by; null when none is stated.
    pub account: Option<String>,
    /// AWS region; null when none is stated.
    pub region: Option<String>,
    /// True in a drill ledger.
    pub drill: bool,
    /// When it began, as a person says; null when not said.
    pub occurred_at: Option<Timestamp>,
    /// When the probes of a spooled capture really ran; null unless it was recorded later with `open --from`.
    pub late: Option<Timestamp>,
    /// Why it was opened, e.g. what `triage` matched.
    pub reason: Option<String>,
}

/// See [`Facts::IncidentAcknowledged`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentAcknowledged {
    /// When a person says it happened.
    pub occurred_at: Option<Timestamp>,
}

/// See [`Facts::EvidenceCaptured`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceCaptured {
    /// Number of the evidence within the incident: 1 for `e1`.
    pub n: u64,
    /// What was seen.
    pub observation: Observation,
}

/// See [`Facts::EvidenceAttached`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceAttached {
    /// Number of the evidence within the incident: 1 for `e1`.
    pub n: u64,
    /// File name as given, `-` for a pipe.
    pub name: String,
    /// The bytes.
    pub blob: BlobRef,
    /// True when the size limit cut it.
    pub truncated: bool,
    /// How many places each redaction rule took out.
    pub redactions: BTreeMap<String, u64>,
    /// What a person says about it.
    pub note: Option<String>,
    /// When a person says it is from.
    pub occurred_at: Option<Timestamp>,
}

/// See [`Facts::NoteAdded`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoteAdded {
    /// What was written.
    pub text: String,
    /// The postmortem section it belongs to, e.g. `lucky`.
    pub section: Option<String>,
    /// When a person says it happened.
    pub occurred_at: Option<Timestamp>,
}

/// See [`Facts::EventCorrected`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventCorrected {
    /// Sequence number of the event put right.
    pub seq: u64,
    /// The text that holds from now on.
    pub text: String,
    /// Why.
    pub reason: String,
}

/// See [`Facts::SeverityChanged`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeverityChanged {
    /// Before.
    pub from: String,
    /// After.
    pub to: String,
    /// Why.
    pub reason: String,
    /// Id of the escalation rule that raised it; null when a person did.
    pub rule: Option<String>,
}

/// See [`Facts::DecisionMade`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionMade {
    /// Id of the `decide` block.
    pub decide: String,
    /// The branch the evidence pointed at; null when it pointed at none.
    pub suggested: Option<String>,
    /// The branch taken.
    pub branch: String,
    /// Where it leads: `#anchor`, `dismiss`, a runbook id, or `link:ID`.
    pub then: String,
    /// Why.
    pub reason: Option<String>,
    /// The evidence the suggestion rested on.
    pub evidence: Vec<u64>,
}

/// See [`Facts::EscalationRaised`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EscalationRaised {
    /// Id of the rule, or `manual`.
    pub rule: String,
    /// Person or team to tell.
    pub to: String,
    /// What they are wanted for.
    pub purpose: Option<String>,
    /// When it fell due.
    pub due_at: Timestamp,
    /// Why, on one line.
    pub reason: String,
}

/// See [`Facts::EscalationDelivered`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EscalationDelivered {
    /// Sequence number of the `escalation.raised` event.
    pub raised: u64,
    /// `command` or `webhook`.
    pub channel: String,
    /// False when it has to be tried again.
    pub ok: bool,
    /// What came back, or why it failed.
    pub detail: String,
}

/// See [`Facts::IncidentHandedOff`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentHandedOff {
    /// Who has it now.
    pub to: String,
    /// What they need to know.
    pub note: Option<String>,
}

/// See [`Facts::IncidentLinked`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentLinked {
    /// Number of the other incident; null when only its runbook is known.
    pub incident: Option<u64>,
    /// Runbook of the other incident.
    pub runbook: Option<String>,
    /// Why.
    pub reason: String,
}

/// Who may allow an action, frozen at the proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRule {
    /// Person ids of which any may approve; empty only when `none`.
    pub from: Vec<String>,
    /// How many different persons are needed.
    pub min: u64,
    /// How long an approval holds, in seconds.
    pub expires_s: u64,
    /// The proposer may approve too (a team of one).
    pub allow_self: bool,
    /// No approval is needed (`manual` actions only).
    pub none: bool,
}

/// See [`Facts::ActionProposed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionProposed {
    /// Number of the action within the incident: 1 for `a1`.
    pub n: u64,
    /// Id of the `action` block.
    pub action: String,
    /// Kind, e.g. `aws.lambda.update-alias`.
    pub kind: String,
    /// The whole resolved request; exactly this is what runs.
    pub arguments: Value,
    /// The plan in one plain sentence.
    pub text: String,
    /// SHA-256 over ledger, incident, kind, arguments, text, runbook hash and nonce.
    pub hash: Hash,
    /// 16 random bytes in hex.
    pub nonce: String,
    /// Hash of the runbook it comes from.
    pub runbook: Hash,
    /// Who may allow it.
    pub approve: ApprovalRule,
    /// Arguments that a person gave with `--set`, by name.
    pub by_hand: Vec<String>,
    /// The conditions that must be met, as written.
    pub requires: Vec<String>,
}

/// See [`Facts::ActionDenied`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionDenied {
    /// Number of the action.
    pub n: u64,
    /// Person id.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// See [`Facts::ActionStale`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionStale {
    /// Number of the action.
    pub n: u64,
    /// What moved.
    pub reason: String,
}

/// See [`Facts::ActionStarted`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionStarted {
    /// Number of the action.
    pub n: u64,
    /// Hash of the action that runs.
    pub hash: Hash,
    /// Person id.
    pub executor: String,
    /// What was read of the world just before, e.g. the alias with its RevisionId.
    pub before: Value,
    /// Who the world says we are.
    pub source: crate::record::observation::Source,
}

/// See [`Facts::ActionSucceeded`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionSucceeded {
    /// Number of the action.
    pub n: u64,
    /// What the world answered.
    pub result: Value,
    /// What is now so, on one line.
    pub text: String,
    /// True when the outcome was found by looking afterwards.
    pub reconciled: bool,
}

/// See [`Facts::ActionFailed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionFailed {
    /// Number of the action.
    pub n: u64,
    /// Why, on one line.
    pub error: String,
    /// What the world answered, e.g. the outcome for each target.
    pub result: Value,
    /// True when the outcome was found by looking afterwards.
    pub reconciled: bool,
}

/// See [`Facts::ActionUnknown`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionUnknown {
    /// Number of the action.
    pub n: u64,
    /// Why nobody can say.
    pub error: String,
}

/// See [`Facts::RecoveryVerified`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecoveryVerified {
    /// Number of the action.
    pub n: u64,
    /// Id of the `verify` block.
    pub verify: String,
    /// Rounds in a row in which every probe was met.
    pub passes: u64,
    /// Evidence of those rounds, by number.
    pub evidence: Vec<u64>,
    /// Milliseconds from `action.started`.
    pub after_ms: i64,
}

/// See [`Facts::RecoveryNotVerified`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecoveryNotVerified {
    /// Number of the action.
    pub n: u64,
    /// Id of the `verify` block.
    pub verify: String,
    /// What was missing at the end.
    pub reason: String,
    /// What the last round came to.
    pub verdict: Verdict,
    /// Evidence of the rounds, by number.
    pub evidence: Vec<u64>,
}

/// See [`Facts::IncidentMitigated`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentMitigated {
    /// How.
    pub reason: String,
    /// When a person says it happened.
    pub occurred_at: Option<Timestamp>,
}

/// See [`Facts::FollowupAdded`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FollowupAdded {
    /// Number of the follow-up within the incident: 1 for `f1`.
    pub n: u64,
    /// What to do.
    pub text: String,
    /// `detective`, `preventative` or `corrective`.
    pub class: Option<String>,
    /// Person or team.
    pub owner: Option<String>,
    /// `2026-12-01`.
    pub due: Option<String>,
}

/// See [`Facts::FollowupDone`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FollowupDone {
    /// Number of the follow-up.
    pub n: u64,
    /// How.
    pub note: Option<String>,
}

/// Something `resolve` insists on that a person left out, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waived {
    /// E.g. `ask:tiles-green`.
    pub what: String,
    /// Why.
    pub because: String,
}

/// See [`Facts::IncidentResolved`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentResolved {
    /// What happened and what ended it.
    pub summary: String,
    /// Who was hurt and how much.
    pub impact: String,
    /// `permanent`, `temporary`; null when not said.
    pub resolution: Option<String>,
    /// What was left out.
    pub without: Vec<Waived>,
    /// When a person says it happened.
    pub occurred_at: Option<Timestamp>,
}

/// See [`Facts::IncidentDismissed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentDismissed {
    /// Why.
    pub reason: String,
}

/// See [`Facts::IncidentReopened`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentReopened {
    /// Why.
    pub reason: String,
}

/// Whether a version is known to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeployStatus {
    /// Known to work.
    Good,
    /// Known not to work.
    Bad,
    /// Nobody has said.
    Unknown,
}

/// See [`Facts::DeployRecorded`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeployRecorded {
    /// Lambda function.
    pub function: String,
    /// Alias.
    pub alias: String,
    /// Version before; null when not known.
    pub from: Option<String>,
    /// Version the alias points at from then on, or whose status is stated.
    pub to: String,
    /// Whether `to` works.
    pub status: DeployStatus,
    /// Source revision.
    pub commit: Option<String>,
    /// What a person says about it.
    pub note: Option<String>,
    /// Who deployed, as the source says.
    pub by: Option<String>,
    /// `recorded`, `imported FILE:LINE`, or `incident 7.a1`.
    pub source: String,
    /// When it was deployed; null when not known.
    pub occurred_at: Option<Timestamp>,
    /// True when only the status of an earlier deploy is stated and the alias did not move.
    pub status_only: bool,
}

/// See [`Facts::ObservationRecorded`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservationRecorded {
    /// What was seen.
    pub observation: Observation,
}
