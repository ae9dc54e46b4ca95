//! The part of [`super::decide`] that holds risky actions: propose, approve, deny, revoke, start, outcome.

use serde_json::Value;

use crate::record::action::{Action, ActionStatus, Approval, Progress, action_hash, people};
use crate::record::approval::Signed;
use crate::record::event::{ActionDenied, ActionProposed, ActionStarted, ApprovalGranted, ApprovalRevoked, ApprovalRule, Event, Facts};
use crate::record::id::Hash;
use crate::record::incident::Head;
use crate::record::observation::Source;
use crate::record::time::Timestamp;

use super::glass::Glass;
use super::{Case, Refusal, one, says};

/// What may happen between an approval and the call without making the approval stale.
const HARMLESS: [&str; 6] =
    ["note.added", "evidence.captured", "evidence.attached", "incident.acknowledged", "event.corrected", "incident.handed_off"];

/// A change to propose; its number and hash are worked out when it is decided.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Id of the `action` block.
    pub block: String,
    /// Kind, e.g. `aws.lambda.update-alias`.
    pub kind: String,
    /// The whole resolved request.
    pub arguments: Value,
    /// The plan in one plain sentence.
    pub text: String,
    /// 16 random bytes in hex.
    pub nonce: String,
    /// Hash of the runbook it comes from.
    pub runbook: Hash,
    /// Who may allow it.
    pub rule: ApprovalRule,
    /// Arguments given by hand, by name.
    pub by_hand: Vec<String>,
    /// Conditions that must be met, as written.
    pub requires: Vec<String>,
}

/// An approval to enter.
#[derive(Clone, Debug)]
pub struct Approve {
    /// The action.
    pub n: u64,
    /// Person id; whoever types, the signature speaks for them.
    pub approver: String,
    /// The action hash that the approver saw.
    pub hash: Hash,
    /// The incident's head that the approver saw.
    pub head: Head,
    /// When it lapses, from the signed text.
    pub expires_at: Timestamp,
    /// What the approver says.
    pub comment: Option<String>,
    /// The signed text and signature, verified by the caller.
    pub signed: Signed,
}

/// The first event after `head_seq` that makes an approval of action `n` stale, given from that head.
///
/// Approvals of the same action, and their withdrawal, move nothing; neither does what only adds knowledge.
pub fn moved(events: &[Event], n: u64, head_seq: u64) -> Option<&Event> {
    events.iter().filter(|e| e.header.seq > head_seq).find(|e| {
        let kind = e.header.kind.as_str();
        let harmless = HARMLESS.contains(&kind) || kind.starts_with("escalation.") || kind.starts_with("followup.");
        let same_action = match &e.facts {
            Facts::ApprovalGranted(x) => x.n == n,
            Facts::ApprovalRevoked(x) => x.n == n,
            _ => false,
        };
        !harmless && !same_action
    })
}

impl<'a> Case<'a> {
    pub(super) fn action(&self, n: u64) -> Result<&'a Action, Refusal> {
        self.incident.action(n).ok_or_else(|| self.no_such(format!("action a{n}")))
    }

    fn status(&self, action: &Action) -> ActionStatus {
        action.status(self.now(), self.asked.running)
    }

    /// The time by which approvals lapse: a clock that was set back does not bring one to life again.
    pub(super) fn now(&self) -> Timestamp {
        self.events.iter().map(|e| e.header.at).fold(self.asked.now, Timestamp::max)
    }

    fn wrong(&self, action: &Action, verb: &'static str) -> Refusal {
        Refusal::WrongStatus { number: self.incident.number, n: action.n, status: self.status(action), verb }
    }

    pub(super) fn person(&self, verb: &'static str) -> Result<&'a str, Refusal> {
        let actor = self.asked.actor;
        if actor.is_person { Ok(&actor.name) } else { Err(Refusal::NotAPerson { name: actor.name.clone(), verb }) }
    }

    /// Refuses while an action may or may not have happened.
    pub(super) fn nothing_undecided(&self) -> Result<(), Refusal> {
        let undecided = self.incident.actions.iter().find(|a| matches!(a.progress, Progress::Started | Progress::Unknown { .. }));
        match undecided {
            Some(a) => Err(Refusal::Undecided { number: self.incident.number, n: a.n, status: self.status(a) }),
            None => Ok(()),
        }
    }

    pub(super) fn propose(&self, p: Proposal) -> Result<Vec<Facts>, Refusal> {
        self.active()?;
        self.person("propose")?;
        says(&p.text, "plan")?;
        check_rule(&p)?;
        if let Some(a) = self.incident.actions.iter().find(|a| a.block == p.block && !a.is_over()) {
            let status = self.status(a);
            return Err(Refusal::Live { number: self.incident.number, n: a.n, block: p.block, status });
        }
        let hash = action_hash(self.asked.ledger, self.incident.id, &p.kind, &p.arguments, &p.text, p.runbook, &p.nonce);
        let n = self.incident.actions.iter().map(|a| a.n).max().unwrap_or(0) + 1;
        one(ActionProposed {
            n,
            action: p.block,
            kind: p.kind,
            arguments: p.arguments,
            text: p.text,
            hash,
            nonce: p.nonce,
            runbook: p.runbook,
            approve: p.rule,
            by_hand: p.by_hand,
            requires: p.requires,
        })
    }

    /// Refuses unless the action waits: proposed, approved, or lapsed.
    pub(super) fn waiting(&self, n: u64, verb: &'static str) -> Result<(), Refusal> {
        let action = self.action(n)?;
        if action.progress == Progress::Waiting { Ok(()) } else { Err(self.wrong(action, verb)) }
    }

    pub(super) fn approve(&self, a: Approve) -> Result<Vec<Facts>, Refusal> {
        self.active()?;
        self.waiting(a.n, "approved")?;
        let action = self.action(a.n)?;
        let (number, n, now) = (self.incident.number, a.n, self.now());
        if action.rule.none {
            return Err(Refusal::NoneNeeded { number, n });
        }
        if !action.rule.from.contains(&a.approver) {
            return Err(Refusal::NotAnApprover { number, n, approver: a.approver, from: action.rule.from.clone() });
        }
        let is_same = |id: &String| a.approver == *id || a.signed.persons.contains(id);
        let self_approved = is_same(&action.proposer);
        if self_approved && !action.rule.allow_self {
            let others = action.rule.from.iter().filter(|f| !is_same(f)).cloned().collect();
            return Err(Refusal::OwnProposal { number, n, who: a.approver, others });
        }
        self.same_action(action, a.hash)?;
        // Told by the text: of one text, many signatures can be made.
        let signed = |x: &Approval| x.signed().is_some_and(|s| s.text == a.signed.text);
        if let Some(earlier) = self.incident.actions.iter().flat_map(|x| &x.approvals).find(|x| signed(x)) {
            return Err(Refusal::Replayed { number, seq: earlier.seq });
        }
        self.seen(action, a.head)?;
        if let Some(earlier) = self.fresh(action).find(|x| x.is_by(&a.approver) || is_same(&x.approver)) {
            return Err(Refusal::AlreadyApproved { number, n, who: a.approver, until: earlier.expires_at });
        }
        let limit_s = action.rule.expires_s;
        let latest = now.plus_millis(i64::try_from(limit_s).unwrap_or(i64::MAX).saturating_mul(1000));
        let expires_at = a.expires_at;
        if expires_at <= now || expires_at > latest {
            return Err(Refusal::BadExpiry { at: expires_at, limit_s });
        }
        let bad = |e: serde_json::Error| Refusal::BadSignature { number, n, why: e.to_string() };
        let signature = Some(a.signed.to_value().map_err(bad)?);
        one(ApprovalGranted {
            n,
            hash: action.hash,
            approver: a.approver,
            head_seq: a.head.seq,
            head_hash: a.head.hash,
            expires_at,
            comment: a.comment,
            signature,
            self_approved,
        })
    }

    /// The hash named must be the stored one, and the stored one must be that of what is stored.
    pub(super) fn same_action(&self, action: &Action, given: Hash) -> Result<(), Refusal> {
        let (ledger, id) = (self.asked.ledger, self.incident.id);
        let stored = action_hash(ledger, id, &action.kind, &action.arguments, &action.text, action.runbook, &action.nonce);
        if given == stored && action.hash == stored {
            return Ok(());
        }
        let given = if given == stored { action.hash } else { given };
        Err(Refusal::OtherHash { number: self.incident.number, n: action.n, given, stored })
    }

    /// The head named must be one of this stream, not before the proposal, with nothing of weight after it.
    pub(super) fn seen(&self, action: &Action, head: Head) -> Result<(), Refusal> {
        let (number, n) = (self.incident.number, action.n);
        let known = self.events.iter().any(|e| e.header.seq == head.seq && e.hash == head.hash);
        if !known || head.seq < action.seq {
            return Err(Refusal::UnknownHead { number, n, seq: head.seq, hash: head.hash });
        }
        match moved(self.events, n, head.seq) {
            Some(e) => Err(Refusal::Stale { number, n, seq: e.header.seq, kind: e.header.kind.clone() }),
            None => Ok(()),
        }
    }

    /// Approvals that stand and that nothing has overtaken.
    fn fresh(&self, action: &'a Action) -> impl Iterator<Item = &'a Approval> {
        let (events, n) = (self.events, action.n);
        action.standing(self.now()).filter(move |a| moved(events, n, a.head_seq).is_none())
    }

    pub(super) fn deny(&self, n: u64, reason: String) -> Result<Vec<Facts>, Refusal> {
        self.waiting(n, "denied")?;
        let by = self.person("deny")?.to_owned();
        says(&reason, "reason")?;
        one(ActionDenied { n, by, reason })
    }

    pub(super) fn revoke(&self, n: u64, reason: String) -> Result<Vec<Facts>, Refusal> {
        self.waiting(n, "taken back")?;
        let who = self.person("revoke")?;
        says(&reason, "reason")?;
        if self.action(n)?.standing(self.now()).all(|a| a.approver != who) {
            return Err(Refusal::NothingToRevoke { number: self.incident.number, n, who: who.to_owned() });
        }
        one(ApprovalRevoked { n, approver: who.to_owned(), reason })
    }

    pub(super) fn start(&self, n: u64, before: Value, source: Source, glass: Option<Box<Glass>>) -> Result<Vec<Facts>, Refusal> {
        self.active()?;
        let action = self.action(n)?;
        let executor = self.person("execute")?;
        self.waiting(n, "executed")?;
        self.same_action(action, action.hash)?;
        let started = ActionStarted { n, hash: action.hash, executor: executor.to_owned(), before, source }.into();
        match glass {
            Some(glass) => return Ok(vec![self.bypass(action, executor, *glass)?.into(), started]),
            None if action.rule.none => {}
            None => self.enough(action, executor)?,
        }
        Ok(vec![started])
    }

    /// Enough different persons other than the executor allow it, from a head that still holds.
    fn enough(&self, action: &'a Action, executor: &str) -> Result<(), Refusal> {
        let (number, n, need) = (self.incident.number, action.n, action.rule.min);
        let counts = |a: &&Approval| action.rule.allow_self || !(a.is_by(executor) || a.is_by(&action.proposer));
        let have = people(self.fresh(action).filter(counts));
        if have >= need {
            return Ok(());
        }
        if people(self.fresh(action)) >= need {
            return Err(Refusal::OwnApproval { number, n, who: executor.to_owned() });
        }
        let overtaken = action.standing(self.now()).find_map(|a| moved(self.events, n, a.head_seq));
        match overtaken {
            Some(e) if people(action.standing(self.now())) >= need => {
                Err(Refusal::Stale { number, n, seq: e.header.seq, kind: e.header.kind.clone() })
            }
            _ => Err(Refusal::NotAllowed { number, n, status: self.status(action), have, need, from: action.rule.from.clone() }),
        }
    }

    /// Refuses an outcome of an action that was never started, or whose outcome is known.
    pub(super) fn ended(&self, n: u64, verb: &'static str) -> Result<(), Refusal> {
        let action = self.action(n)?;
        match action.progress {
            Progress::Started | Progress::Unknown { .. } => Ok(()),
            _ => Err(self.wrong(action, verb)),
        }
    }

    /// Refuses to lose an action that is not under way.
    pub(super) fn lost(&self, n: u64) -> Result<(), Refusal> {
        let action = self.action(n)?;
        if action.progress == Progress::Started { Ok(()) } else { Err(self.wrong(action, "recorded as unknown")) }
    }

    /// Refuses to verify an action that was never started.
    pub(super) fn begun(&self, n: u64) -> Result<(), Refusal> {
        let action = self.action(n)?;
        if action.started_at.is_some() { Ok(()) } else { Err(self.wrong(action, "verified")) }
    }
}

fn check_rule(p: &Proposal) -> Result<(), Refusal> {
    let bad = |why| Err(Refusal::BadRule { block: p.block.clone(), why });
    let mut who = p.rule.from.clone();
    who.sort_unstable();
    who.dedup();
    match () {
        () if p.rule.none && p.kind != "manual" => bad("only a `manual` action may go without approval"),
        () if p.rule.none => Ok(()),
        () if p.rule.min == 0 => bad("it asks for no person at all"),
        () if (who.len() as u64) < p.rule.min => bad("it asks for more persons than it names"),
        () if p.rule.expires_s == 0 => bad("it lapses at once"),
        () => Ok(()),
    }
}
