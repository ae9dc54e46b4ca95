//! Checks every approval of the ledger once more: who signed what, whether they might, and whether the record still says
//! what they signed. Reads only; needs no settings, since the list of signers of each time is in the record.

use super::AppError;
use super::action::approval::recheck;
use super::change::fold;
use crate::record::action::Approval;
use crate::record::actor::Actor;
use crate::record::event::{ActionStarted, Event, Facts, SignersChanged};
use crate::record::id::{Hash, StreamId};
use crate::record::incident::Incident;
use crate::record::incident::decide::{Asked, Command, decide, moved};
use crate::record::observation::Source;
use crate::sign::APPROVAL;
use crate::sign::signers::Signers;
use crate::store::{Filter, Problem, Store};

/// A list of signers, and the position from which on it counted.
struct List {
    from: u64,
    recorded: SignersChanged,
    signers: Option<Signers>,
}

/// Everything that is wrong with the approvals and with what was executed on the strength of them.
///
/// # Errors
/// The ledger cannot be read.
pub fn audit(store: &Store) -> Result<Vec<Problem>, AppError> {
    let mut problems = Vec::new();
    let lists = lists(store, &mut problems)?;
    for brief in store.briefs(&Filter::default())? {
        let stream = StreamId::incident(brief.id);
        // Most incidents never had an action, and are not read as a whole.
        let acts = store.load_actions(&stream)?;
        if !acts.iter().any(|e| matches!(&e.facts, Facts::ApprovalGranted(_) | Facts::ActionStarted(_))) {
            continue;
        }
        let events = store.load(&stream)?;
        let mut texts: Vec<String> = Vec::new();
        for (i, e) in events.iter().enumerate() {
            let why = match &e.facts {
                Facts::ApprovalGranted(x) => {
                    let after = fold(&events[..=i])?;
                    let position = store.position(e.header.id)?.unwrap_or(0);
                    let list = lists.iter().rev().find(|l| l.from < position);
                    match granted(store, &after, &events[..i], x.n, e, list) {
                        Ok(text) if texts.contains(&text) => Err("its signature was entered before: an approval is good once".to_owned()),
                        Ok(text) => {
                            texts.push(text);
                            Ok(())
                        }
                        Err(why) => Err(why),
                    }
                    .map_err(|why| format!("the approval of a{} by {} does not hold: {why}", x.n, x.approver))
                }
                Facts::ActionStarted(x) => started(store, &events[..i], x, e),
                _ => Ok(()),
            };
            if let Err(detail) = why {
                problems.push(Problem { kind: "approval", stream: Some(stream.to_string()), seq: Some(e.header.seq), detail });
            }
        }
    }
    Ok(problems)
}

/// The lists of signers in the order in which they came.
fn lists(store: &Store, problems: &mut Vec<Problem>) -> Result<Vec<List>, AppError> {
    let mut out = Vec::new();
    for e in store.load(&StreamId::ledger())? {
        let Facts::SignersChanged(x) = &e.facts else { continue };
        let (signers, faults) = Signers::parse(&x.content);
        let fault = match faults.first() {
            Some(f) => Some(format!("the recorded list of signers has a fault: {f}")),
            None if Hash::of(&[x.content.as_bytes()]) != x.hash => Some("the recorded list of signers has another hash".to_owned()),
            None => None,
        };
        let is_good = fault.is_none();
        if let Some(detail) = fault {
            problems.push(Problem { kind: "approval", stream: Some(StreamId::ledger().to_string()), seq: Some(e.header.seq), detail });
        }
        let from = store.position(e.header.id)?.unwrap_or(0);
        out.push(List { from, recorded: (**x).clone(), signers: is_good.then_some(signers) });
    }
    Ok(out)
}

/// Checks one approval against the record as it was; gives the text that was signed. `before` are the events before it.
fn granted(store: &Store, after: &Incident, before: &[Event], n: u64, e: &Event, list: Option<&List>) -> Result<String, String> {
    let ledger = &store.ledger().id;
    let action = after.action(n).ok_or("there is no such action")?;
    let a: &Approval = action.approvals.iter().find(|a| a.seq == e.header.seq).ok_or("it was not read")?;
    let (signed, key) = recheck(ledger, after, before, action, a)?;
    let list = list.ok_or("no list of signers was recorded before it")?;
    let signers = list.signers.as_ref().ok_or("the list of signers of that time cannot be used")?;
    if signed.signers != list.recorded.hash {
        return Err("it was checked against another list of signers than the one that was in force".to_owned());
    }
    let principal = list.recorded.principals.get(&a.approver).unwrap_or(&a.approver);
    if *principal != signed.principal {
        return Err(format!("`{}` is `{principal}` in the list of signers, not `{}`", a.approver, signed.principal));
    }
    signers.allows(&key, principal, APPROVAL, e.header.at).map_err(|e| e.to_string())?;
    if !action.rule.from.contains(&a.approver) {
        return Err("the runbook does not let them approve".to_owned());
    }
    // Whoever holds the key is everybody it is listed for, whatever the event says of them.
    let holds = signers.principals_of(&key, APPROVAL);
    let is_proposer =
        a.is_by(&action.proposer) || holds.contains(list.recorded.principals.get(&action.proposer).unwrap_or(&action.proposer).as_str());
    if is_proposer && !action.rule.allow_self {
        return Err(format!("`{}` proposed the action", action.proposer));
    }
    if is_proposer != a.self_approved {
        return Err("it is not marked as self-approved as it should be".to_owned());
    }
    if let Some(x) = moved(before, n, a.head_seq) {
        return Err(format!("it was stale: `{}` happened after what the approver saw, as event {}", x.header.kind, x.header.seq));
    }
    let limit = i64::try_from(action.rule.expires_s).unwrap_or(i64::MAX).saturating_mul(1000);
    // What decides and what writes down read the clock one after the other.
    if a.expires_at.since(e.header.at) > limit.saturating_add(60_000) || a.expires_at <= e.header.at {
        return Err(format!("it lapses at {}, which is not within what the runbook allows", a.expires_at));
    }
    Ok(signed.text)
}

/// Decides once more whether an action might be started when it was.
fn started(store: &Store, before: &[Event], x: &ActionStarted, e: &Event) -> Result<(), String> {
    let incident = fold(before).map_err(|e| e.to_string())?;
    let actor = Actor { name: x.executor.clone(), is_person: true, via: e.actor.via.clone() };
    let asked = Asked { actor: &actor, now: e.header.at, ledger: &store.ledger().id, running: false };
    let start = Command::Start { n: x.n, before: serde_json::Value::Null, source: Source::default() };
    decide(&incident, before, &asked, start).map(drop).map_err(|r| format!("a{} was started against the rules: {r}", x.n))
}
