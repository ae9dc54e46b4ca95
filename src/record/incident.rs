//! An incident's state: a pure fold over its events.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::action::{Action, Approval, Bypass, Progress, Verification};
use super::actor::Actor;
use super::event::{Event, Facts, RunbookRef, Waived};
use super::id::{Hash, IncidentId};
use super::observation::{BlobRef, Observation};
use super::time::Timestamp;
use super::timeline::rounds;
use super::verdict::Verdict;

pub mod decide;

/// Where an incident stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Harm is being done, or nobody knows yet.
    Open,
    /// The harm has stopped; the work has not.
    Mitigated,
    /// It is over.
    Resolved,
    /// It was not this incident.
    Dismissed,
}

impl Status {
    /// Every status with its written form.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Open, "open"), (Self::Mitigated, "mitigated"), (Self::Resolved, "resolved"), (Self::Dismissed, "dismissed")];

    /// Reads the written form.
    pub fn parse(s: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, t)| *t == s).map(|(x, _)| *x)
    }

    /// True while people are at work on it.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Open | Self::Mitigated)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(x, _)| x == self).map_or("", |(_, t)| t))
    }
}

/// The end of a stream: what the next event must follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Head {
    /// Last sequence number; 0 when the stream is empty.
    pub seq: u64,
    /// Hash of the last header; zeros when the stream is empty.
    pub hash: Hash,
}

impl Head {
    /// The head of a stream that does not exist yet.
    pub const EMPTY: Self = Self { seq: 0, hash: Hash::ZERO };
}

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Number within the incident: 1 for `e1`.
    pub n: u64,
    /// Sequence number of the event.
    pub seq: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// Who collected it.
    pub by: Actor,
    /// What it is.
    pub what: EvidenceKind,
}

/// What a piece of evidence is.
#[derive(Clone, Debug, PartialEq)]
pub enum EvidenceKind {
    /// An observation by a probe.
    Observed(Box<Observation>),
    /// A file somebody attached.
    Attached {
        /// File name as given.
        name: String,
        /// The bytes.
        blob: BlobRef,
        /// The size limit cut it.
        truncated: bool,
        /// How many places each redaction rule took out.
        redactions: BTreeMap<String, u64>,
        /// What a person says about it.
        note: Option<String>,
    },
    /// Its payload was erased with an event that says so.
    Erased,
}

/// A change of severity.
#[derive(Clone, Debug, PartialEq)]
pub struct SeverityChange {
    /// Sequence number of the event.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Before.
    pub from: String,
    /// After.
    pub to: String,
    /// Why.
    pub reason: String,
    /// The rule that raised it; `None` when a person did.
    pub rule: Option<String>,
}

/// An escalation that fell due.
#[derive(Clone, Debug, PartialEq)]
pub struct Escalation {
    /// Sequence number of the event.
    pub seq: u64,
    /// Id of the rule, or `manual`.
    pub rule: String,
    /// Person or team.
    pub to: String,
    /// What they are wanted for.
    pub purpose: Option<String>,
    /// When it fell due.
    pub due_at: Timestamp,
    /// When it was recorded.
    pub fired_at: Timestamp,
    /// Why.
    pub reason: String,
    /// Channels that took it.
    pub delivered: Vec<String>,
    /// Channels that failed last time, with why.
    pub failed: Vec<(String, String)>,
}

/// A branch taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Sequence number of the event.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Id of the `decide` block.
    pub decide: String,
    /// What the evidence pointed at.
    pub suggested: Option<String>,
    /// What was taken.
    pub branch: String,
    /// Where it leads.
    pub then: String,
    /// Why.
    pub reason: Option<String>,
}

/// Something to do afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct FollowUp {
    /// Number within the incident: 1 for `f1`.
    pub n: u64,
    /// Sequence number of the event.
    pub seq: u64,
    /// What to do.
    pub text: String,
    /// `detective`, `preventative` or `corrective`.
    pub class: Option<String>,
    /// Person or team.
    pub owner: Option<String>,
    /// `2026-12-01`.
    pub due: Option<String>,
    /// When it was done, and how.
    pub done: Option<(Timestamp, Option<String>)>,
}

/// How an incident ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolution {
    /// Sequence number of the event.
    pub seq: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// What happened and what ended it.
    pub summary: String,
    /// Who was hurt and how much.
    pub impact: String,
    /// `permanent` or `temporary`.
    pub resolution: Option<String>,
    /// What was left out, and why.
    pub without: Vec<Waived>,
}

/// The state of one incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// Its number.
    pub number: u64,
    /// The runbook as it was at the time.
    pub runbook: RunbookRef,
    /// Its title.
    pub title: String,
    /// Severity now.
    pub severity: String,
    /// Every change of it.
    pub severity_history: Vec<SeverityChange>,
    /// Status now.
    pub status: Status,
    /// A rehearsal.
    pub drill: bool,
    /// Effective variables.
    pub vars: BTreeMap<String, Value>,
    /// AWS account that must answer.
    pub account: Option<String>,
    /// AWS region.
    pub region: Option<String>,
    /// When it was recorded.
    pub opened_at: Timestamp,
    /// Who opened it.
    pub opened_by: Actor,
    /// When it began, as a person says.
    pub occurred_at: Option<Timestamp>,
    /// When a spooled capture really ran.
    pub late: Option<Timestamp>,
    /// Why it was opened.
    pub reason: Option<String>,
    /// First acknowledgement since it was opened or last reopened.
    pub acknowledged: Option<(Timestamp, Actor)>,
    /// Who has it now: the last person it was handed to, or who opened it.
    pub owner: String,
    /// When the harm last stopped, and how.
    pub mitigated: Option<(Timestamp, String)>,
    /// How it ended.
    pub resolution: Option<Resolution>,
    /// When and why it was dismissed.
    pub dismissed: Option<(Timestamp, String)>,
    /// When it was last reopened.
    pub reopened_at: Option<Timestamp>,
    /// Evidence in order.
    pub evidence: Vec<Evidence>,
    /// Actions in order.
    pub actions: Vec<Action>,
    /// Escalations that fell due.
    pub escalations: Vec<Escalation>,
    /// Branches taken.
    pub decisions: Vec<Decision>,
    /// Follow-ups in order.
    pub followups: Vec<FollowUp>,
    /// Related incidents: number, runbook, why.
    pub links: Vec<(Option<u64>, Option<String>, String)>,
    /// Corrections: seq of the event, the text that holds.
    pub corrections: BTreeMap<u64, String>,
    /// The end of its stream.
    pub head: Head,
}

/// Why events do not make an incident.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FoldError {
    /// A stream that does not begin with `incident.opened`.
    #[error("the stream does not begin with `incident.opened`")]
    NoBeginning,
    /// Not an incident's stream.
    #[error("`{0}` is not the stream of an incident")]
    OtherStream(String),
}

impl Incident {
    /// Folds the whole stream.
    ///
    /// # Errors
    /// [`FoldError`] when the events are not one incident's, from its beginning.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<Self, FoldError> {
        let mut events = events.into_iter();
        let mut incident = Self::begin(events.next().ok_or(FoldError::NoBeginning)?)?;
        for e in events {
            incident.apply(e);
        }
        Ok(incident)
    }

    /// Begins with the first event.
    ///
    /// # Errors
    /// [`FoldError`] when it is not `incident.opened` in an incident's stream.
    pub fn begin(event: &Event) -> Result<Self, FoldError> {
        let Facts::IncidentOpened(o) = &event.facts else { return Err(FoldError::NoBeginning) };
        let id = event.header.stream.as_incident().ok_or_else(|| FoldError::OtherStream(event.header.stream.to_string()))?;
        Ok(Self {
            id,
            number: o.number,
            runbook: o.runbook.clone(),
            title: o.title.clone(),
            severity: o.severity.clone(),
            severity_history: Vec::new(),
            status: Status::Open,
            drill: o.drill,
            vars: o.vars.clone(),
            account: o.account.clone(),
            region: o.region.clone(),
            opened_at: event.header.at,
            opened_by: event.actor.clone(),
            occurred_at: o.occurred_at,
            late: o.late,
            reason: o.reason.clone(),
            acknowledged: None,
            owner: event.actor.name.clone(),
            mitigated: None,
            resolution: None,
            dismissed: None,
            reopened_at: None,
            evidence: Vec::new(),
            actions: Vec::new(),
            escalations: Vec::new(),
            decisions: Vec::new(),
            followups: Vec::new(),
            links: Vec::new(),
            corrections: BTreeMap::new(),
            head: Head { seq: event.header.seq, hash: event.hash },
        })
    }

    /// Applies one further event; one that a newer version wrote moves only the head.
    pub fn apply(&mut self, event: &Event) {
        let (seq, at) = (event.header.seq, event.header.at);
        self.head = Head { seq, hash: event.hash };
        match &event.facts {
            Facts::IncidentAcknowledged(x) => {
                self.acknowledged.get_or_insert_with(|| (x.occurred_at.unwrap_or(at), event.actor.clone()));
            }
            Facts::EvidenceCaptured(x) => self.put_evidence(event, x.n, EvidenceKind::Observed(Box::new(x.observation.clone()))),
            Facts::EvidenceAttached(x) => {
                let what = EvidenceKind::Attached {
                    name: x.name.clone(),
                    blob: x.blob.clone(),
                    truncated: x.truncated,
                    redactions: x.redactions.clone(),
                    note: x.note.clone(),
                };
                self.put_evidence(event, x.n, what);
            }
            Facts::Erased if event.header.kind.starts_with("evidence.") => {
                let n = self.evidence.iter().map(|e| e.n).max().unwrap_or(0) + 1;
                self.put_evidence(event, n, EvidenceKind::Erased);
            }
            Facts::EventCorrected(x) => {
                self.corrections.insert(x.seq, x.text.clone());
            }
            Facts::SeverityChanged(x) => {
                self.severity = x.to.clone();
                self.severity_history.push(SeverityChange {
                    seq,
                    at,
                    from: x.from.clone(),
                    to: x.to.clone(),
                    reason: x.reason.clone(),
                    rule: x.rule.clone(),
                });
            }
            Facts::DecisionMade(x) => self.decisions.push(Decision {
                seq,
                at,
                decide: x.decide.clone(),
                suggested: x.suggested.clone(),
                branch: x.branch.clone(),
                then: x.then.clone(),
                reason: x.reason.clone(),
            }),
            Facts::EscalationRaised(x) => self.escalations.push(Escalation {
                seq,
                rule: x.rule.clone(),
                to: x.to.clone(),
                purpose: x.purpose.clone(),
                due_at: x.due_at,
                fired_at: at,
                reason: x.reason.clone(),
                delivered: Vec::new(),
                failed: Vec::new(),
            }),
            Facts::EscalationDelivered(x) => {
                if let Some(e) = self.escalations.iter_mut().find(|e| e.seq == x.raised) {
                    e.failed.retain(|(c, _)| *c != x.channel);
                    if x.ok {
                        e.delivered.push(x.channel.clone());
                    } else {
                        e.failed.push((x.channel.clone(), x.detail.clone()));
                    }
                }
            }
            Facts::IncidentHandedOff(x) => self.owner = x.to.clone(),
            Facts::IncidentLinked(x) => self.links.push((x.incident, x.runbook.clone(), x.reason.clone())),
            Facts::IncidentMitigated(x) => {
                self.status = Status::Mitigated;
                self.mitigated = Some((x.occurred_at.unwrap_or(at), x.reason.clone()));
            }
            Facts::FollowupAdded(x) => {
                self.followups.push(FollowUp {
                    n: x.n,
                    seq,
                    text: x.text.clone(),
                    class: x.class.clone(),
                    owner: x.owner.clone(),
                    due: x.due.clone(),
                    done: None,
                });
            }
            Facts::FollowupDone(x) => {
                if let Some(f) = self.followups.iter_mut().find(|f| f.n == x.n) {
                    f.done = Some((at, x.note.clone()));
                }
            }
            Facts::IncidentResolved(x) => {
                self.status = Status::Resolved;
                self.resolution = Some(Resolution {
                    seq,
                    at: x.occurred_at.unwrap_or(at),
                    summary: x.summary.clone(),
                    impact: x.impact.clone(),
                    resolution: x.resolution.clone(),
                    without: x.without.clone(),
                });
            }
            Facts::IncidentDismissed(x) => {
                self.status = Status::Dismissed;
                self.dismissed = Some((at, x.reason.clone()));
            }
            Facts::IncidentReopened(_) => {
                self.status = Status::Open;
                self.reopened_at = Some(at);
                self.resolution = None;
                self.dismissed = None;
                self.mitigated = None;
                // Who had it then need not have it now: it wants acknowledging again.
                self.acknowledged = None;
            }
            Facts::ActionProposed(_)
            | Facts::ApprovalGranted(_)
            | Facts::ApprovalRevoked(_)
            | Facts::ApprovalBypassed(_)
            | Facts::ApprovalReviewed(_)
            | Facts::ActionDenied(_)
            | Facts::ActionStale(_)
            | Facts::ActionStarted(_)
            | Facts::ActionSucceeded(_)
            | Facts::ActionFailed(_)
            | Facts::ActionUnknown(_)
            | Facts::RecoveryVerified(_)
            | Facts::RecoveryNotVerified(_) => self.apply_action(event),
            Facts::NoteAdded(_)
            | Facts::LedgerCreated(_)
            | Facts::SignersChanged(_)
            | Facts::LedgerKeyAdded(_)
            | Facts::IncidentOpened(_)
            | Facts::PayloadErased(_)
            | Facts::DeployRecorded(_)
            | Facts::ObservationRecorded(_)
            | Facts::Other { .. }
            | Facts::Erased => {}
        }
    }

    fn put_evidence(&mut self, event: &Event, n: u64, what: EvidenceKind) {
        self.evidence.push(Evidence { n, seq: event.header.seq, at: event.header.at, by: event.actor.clone(), what });
    }

    fn apply_action(&mut self, event: &Event) {
        let (seq, at) = (event.header.seq, event.header.at);
        if let Facts::ActionProposed(x) = &event.facts {
            self.actions.push(Action {
                n: x.n,
                id: event.header.id,
                seq,
                block: x.action.clone(),
                kind: x.kind.clone(),
                arguments: x.arguments.clone(),
                text: x.text.clone(),
                hash: x.hash,
                nonce: x.nonce.clone(),
                runbook: x.runbook,
                rule: x.approve.clone(),
                by_hand: x.by_hand.clone(),
                requires: x.requires.clone(),
                proposer: event.actor.name.clone(),
                proposed_at: at,
                approvals: Vec::new(),
                bypass: None,
                executor: None,
                started_at: None,
                progress: Progress::Waiting,
                verification: None,
            });
            return;
        }
        let n = match &event.facts {
            Facts::ApprovalGranted(x) => x.n,
            Facts::ApprovalRevoked(x) => x.n,
            Facts::ApprovalBypassed(x) => x.n,
            Facts::ApprovalReviewed(x) => x.n,
            Facts::ActionDenied(x) => x.n,
            Facts::ActionStale(x) => x.n,
            Facts::ActionStarted(x) => x.n,
            Facts::ActionSucceeded(x) => x.n,
            Facts::ActionFailed(x) => x.n,
            Facts::ActionUnknown(x) => x.n,
            Facts::RecoveryVerified(x) => x.n,
            Facts::RecoveryNotVerified(x) => x.n,
            _ => return,
        };
        let Some(action) = self.actions.iter_mut().find(|a| a.n == n) else { return };
        match &event.facts {
            Facts::ApprovalGranted(x) => action.approvals.push(Approval {
                seq,
                approver: x.approver.clone(),
                at,
                expires_at: x.expires_at,
                head_seq: x.head_seq,
                comment: x.comment.clone(),
                signature: x.signature.clone(),
                self_approved: x.self_approved,
                revoked: false,
            }),
            Facts::ApprovalRevoked(x) => {
                for a in action.approvals.iter_mut().filter(|a| a.approver == x.approver) {
                    a.revoked = true;
                }
            }
            Facts::ApprovalBypassed(x) => {
                action.bypass = Some(Bypass {
                    seq,
                    by: x.by.clone(),
                    reason: x.reason.clone(),
                    at,
                    review_by: x.review_by,
                    signature: x.signature.clone(),
                    review: None,
                });
            }
            Facts::ApprovalReviewed(x) => {
                if let Some(b) = action.bypass.as_mut() {
                    b.review.get_or_insert_with(|| (seq, x.by.clone(), at, x.comment.clone()));
                }
            }
            Facts::ActionDenied(x) => action.progress = Progress::Denied { by: x.by.clone(), reason: x.reason.clone(), at },
            Facts::ActionStale(x) => action.progress = Progress::Stale { reason: x.reason.clone(), at },
            Facts::ActionStarted(x) => {
                action.executor = Some(x.executor.clone());
                action.started_at = Some(at);
                action.progress = Progress::Started;
            }
            Facts::ActionSucceeded(x) => action.progress = Progress::Succeeded { text: x.text.clone(), at, reconciled: x.reconciled },
            Facts::ActionFailed(x) => action.progress = Progress::Failed { error: x.error.clone(), at, reconciled: x.reconciled },
            Facts::ActionUnknown(x) => action.progress = Progress::Unknown { error: x.error.clone(), at },
            Facts::RecoveryVerified(x) => {
                let text = format!("{} met", rounds(x.passes));
                action.verification = Some(Verification { seq, verify: x.verify.clone(), verdict: Verdict::Met, text, at });
                if self.status == Status::Open {
                    self.status = Status::Mitigated;
                    self.mitigated = Some((at, format!("recovery verified after a{n}")));
                }
            }
            Facts::RecoveryNotVerified(x) => {
                action.verification = Some(Verification { seq, verify: x.verify.clone(), verdict: x.verdict, text: x.reason.clone(), at });
            }
            _ => {}
        }
    }

    /// The action numbered `n`.
    pub fn action(&self, n: u64) -> Option<&Action> {
        self.actions.iter().find(|a| a.n == n)
    }

    /// The evidence numbered `n`.
    pub fn evidence(&self, n: u64) -> Option<&Evidence> {
        self.evidence.iter().find(|e| e.n == n)
    }

    /// The newest observation of the probe `id`, with its evidence.
    pub fn latest(&self, id: &str) -> Option<(&Evidence, &Observation)> {
        self.evidence.iter().rev().find_map(|e| match &e.what {
            EvidenceKind::Observed(o) if o.probe == id => Some((e, o.as_ref())),
            _ => None,
        })
    }

    /// The text of event `seq` as it holds now: what a correction says, else what was `written`.
    pub fn text<'a>(&'a self, seq: u64, written: &'a str) -> &'a str {
        self.corrections.get(&seq).map_or(written, String::as_str)
    }
}

#[cfg(test)]
mod tests;
