//! Checks every approval of the ledger once more: who signed what, whether they might, and whether the record still says
//! what they signed. Reads only; needs no settings, since the list of signers of each time is in the record.

use std::thread;

use super::action::approval::{Said, holds, recheck};
use super::change::fold;
use super::page::stored_runbook;
use super::{AppError, erasure};
use crate::record::action::Approval;
use crate::record::actor::Actor;
use crate::record::approval::{Signed, TextKind};
use crate::record::event::{ActionStarted, ApprovalBypassed, ApprovalReviewed, Event, Facts, PayloadErased, SignersChanged};
use crate::record::id::{Hash, StreamId};
use crate::record::incident::decide::{Asked, Command, Glass, Review, decide, moved};
use crate::record::incident::{Head, Incident};
use crate::record::observation::Source;
use crate::sign::APPROVAL;
use crate::sign::signers::Signers;
use crate::sign::sshsig::Key;
use crate::store::{Filter, Outside, Problem, Store, StoreError, VerifyReport};

/// An event, and the incident as it was right before it.
#[derive(Clone, Copy)]
struct Seen<'a> {
    event: &'a Event,
    before: &'a [Event],
    incident: &'a Incident,
}

/// A list of signers, and the position from which on it counted.
struct List {
    from: u64,
    recorded: SignersChanged,
    signers: Option<Signers>,
}

/// [`Store::verify_against`] and [`audit`] of the same ledger, one beside the other.
///
/// # Errors
/// The ledger cannot be read.
pub fn verify(store: &Store, outside: &[Outside]) -> Result<VerifyReport, AppError> {
    let other = store.again()?;
    let (report, audited) = thread::scope(|scope| {
        let audited = scope.spawn(move || audit(&other));
        (store.verify_against(outside, &mut |_| {}), audited.join())
    });
    let mut report = report?;
    match audited {
        Ok(Ok(more)) => report.problems.extend(more),
        // What does not hang together has been told of, and what rests on it cannot be read.
        Ok(Err(_)) if !report.is_ok() => {}
        Ok(Err(e)) => return Err(e),
        Err(_) => return Err(AppError::from(StoreError::Corrupt("the thread that checks the approvals died".to_owned()))),
    }
    Ok(report)
}

/// Everything that is wrong with the approvals and with what was executed on the strength of them, at most
/// [`VerifyReport::MOST`] of it, the newest incidents first.
///
/// # Errors
/// The ledger cannot be read.
pub fn audit(store: &Store) -> Result<Vec<Problem>, AppError> {
    let mut problems = Vec::new();
    let lists = lists(store, &mut problems)?;
    let mut unlisted = 0_usize;
    store.each_brief(&Filter::default(), |brief| {
        let stream = StreamId::incident(brief.id);
        // Most incidents never had an action, nor was anything erased of them; they are not read as a whole.
        if store.has_any(&stream, &["approval.granted", "action.started", "payload.erased"])? {
            incident(store, &lists, brief.number, &stream, &mut problems)?;
            unlisted += problems.len().saturating_sub(VerifyReport::MOST);
            problems.truncate(VerifyReport::MOST);
        }
        Ok::<_, AppError>(())
    })?;
    if unlisted > 0 {
        problems.push(Problem { kind: "approval", stream: None, seq: None, detail: format!("and {unlisted} further problems") });
    }
    Ok(problems)
}

/// Everything that is wrong with those of one incident.
fn incident(store: &Store, lists: &[List], number: u64, stream: &StreamId, problems: &mut Vec<Problem>) -> Result<(), AppError> {
    let events = store.load(stream)?;
    let Some((first, rest)) = events.split_first() else { return Ok(()) };
    let mut incident = fold(std::slice::from_ref(first))?;
    let mut texts: Vec<String> = Vec::new();
    for (i, event) in rest.iter().enumerate() {
        let before = &events[..=i];
        let seen = |incident| Seen { event, before, incident };
        let why = match &event.facts {
            Facts::ApprovalGranted(x) => {
                incident.apply(event);
                let list = in_force(store, lists, event)?;
                match granted(store, seen(&incident), x.n, list) {
                    Ok(text) if texts.contains(&text) => Err("its signature was entered before: an approval is good once".to_owned()),
                    Ok(text) => {
                        texts.push(text);
                        Ok(())
                    }
                    Err(why) => Err(why),
                }
                .map_err(|why| format!("the approval of a{} by {} does not hold: {why}", x.n, x.approver))
            }
            Facts::ActionStarted(x) => started(store, seen(&incident), x),
            Facts::ApprovalBypassed(x) => {
                let said = Said { by: &x.by, expires_at: x.expires_at, head_seq: x.head_seq, comment: Some(&x.reason) };
                let list = in_force(store, lists, event)?;
                attested(store, seen(&incident), x.n, TextKind::BreakGlass, &x.signature, &said, list)
                    .map_err(|why| format!("the break-glass of a{} by {} does not hold: {why}", x.n, x.by))
            }
            Facts::ApprovalReviewed(x) => {
                let said = Said { by: &x.by, expires_at: x.expires_at, head_seq: x.head_seq, comment: Some(&x.comment) };
                let list = in_force(store, lists, event)?;
                attested(store, seen(&incident), x.n, TextKind::Review, &x.signature, &said, list)
                    .and_then(|()| reviewed(store, seen(&incident), x))
                    .map_err(|why| format!("the review of a{} by {} does not hold: {why}", x.n, x.by))
            }
            Facts::PayloadErased(x) => {
                let list = in_force(store, lists, event)?;
                erased(store, number, before, x, event, list).map_err(|why| format!("the erasure of event {} does not hold: {why}", x.seq))
            }
            _ => Ok(()),
        };
        if !matches!(event.facts, Facts::ApprovalGranted(_)) {
            incident.apply(event);
        }
        if let Err(detail) = why {
            problems.push(Problem { kind: "approval", stream: Some(stream.to_string()), seq: Some(event.header.seq), detail });
        }
    }
    Ok(())
}

/// The list that counted when an event was recorded.
fn in_force<'a>(store: &Store, lists: &'a [List], e: &Event) -> Result<Option<&'a List>, AppError> {
    let position = store.position(e.header.id)?.unwrap_or(0);
    Ok(lists.iter().rev().find(|l| l.from < position))
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

/// Checks one approval against the record as it was; gives the text that was signed. The incident is that right after it.
fn granted(store: &Store, seen: Seen<'_>, n: u64, list: Option<&List>) -> Result<String, String> {
    let Seen { event: e, before, incident: after } = seen;
    let ledger = &store.ledger().id;
    let action = after.action(n).ok_or("there is no such action")?;
    let a: &Approval = action.approvals.iter().find(|a| a.seq == e.header.seq).ok_or("it was not read")?;
    let (signed, key) = recheck(ledger, after, before, action, a)?;
    let (list, signers) = listed(&key, &signed, &a.approver, e, list)?;
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

/// Whether the key was that of whom the event names, in the list of the time.
fn listed<'a>(key: &Key, signed: &Signed, by: &str, e: &Event, list: Option<&'a List>) -> Result<(&'a List, &'a Signers), String> {
    let list = list.ok_or("no list of signers was recorded before it")?;
    let signers = list.signers.as_ref().ok_or("the list of signers of that time cannot be used")?;
    if signed.signers != list.recorded.hash {
        return Err("it was checked against another list of signers than the one that was in force".to_owned());
    }
    let principal = list.recorded.principals.get(by).map_or(by, String::as_str);
    if principal != signed.principal {
        return Err(format!("`{by}` is `{principal}` in the list of signers, not `{}`", signed.principal));
    }
    signers.allows(key, principal, APPROVAL, e.header.at).map_err(|e| e.to_string())?;
    Ok((list, signers))
}

/// Checks a break-glass or a review against the record as it was.
fn attested(
    store: &Store,
    seen: Seen<'_>,
    n: u64,
    kind: TextKind,
    signature: &serde_json::Value,
    said: &Said<'_>,
    list: Option<&List>,
) -> Result<(), String> {
    let Seen { event, before, incident } = seen;
    let action = incident.action(n).ok_or("there is no such action")?;
    let signed = Signed::read(signature).ok_or("it is not signed")?;
    let key = holds(&store.ledger().id, incident, before, action, kind, &signed, said)?;
    listed(&key, &signed, said.by, event, list).map(drop)
}

/// Checks that an erasure was signed by the one it names, and not by whoever asked for it.
fn erased(store: &Store, number: u64, before: &[Event], x: &PayloadErased, e: &Event, list: Option<&List>) -> Result<(), String> {
    let (signed, key) = erasure::recheck(&store.ledger().id, number, before, x)?;
    let [approver] = x.approved_by.as_slice() else { return Err("it does not name the one who allowed it".to_owned()) };
    let (list, signers) = listed(&key, &signed, approver, e, list)?;
    let asker = x.asked_by.as_deref().unwrap_or_default();
    let asker_is = list.recorded.principals.get(asker).map_or(asker, String::as_str);
    if signers.principals_of(&key, APPROVAL).contains(asker_is) {
        return Err(format!("the key that signed is `{asker}`'s, too, who asked for it"));
    }
    Ok(())
}

/// Decides once more whether a review might be entered.
fn reviewed(store: &Store, seen: Seen<'_>, x: &ApprovalReviewed) -> Result<(), String> {
    let Seen { event: e, before, incident } = seen;
    let signed = Signed::read(&x.signature).ok_or("it is not signed")?;
    let review = Review {
        n: x.n,
        reviewer: x.by.clone(),
        hash: x.hash,
        head: Head { seq: x.head_seq, hash: x.head_hash },
        expires_at: x.expires_at,
        comment: x.comment.clone(),
        signed,
    };
    let asked = Asked { actor: &e.actor, now: e.header.at, ledger: &store.ledger().id, running: false };
    decide(incident, before, &asked, Command::Review(review)).map(drop).map_err(|r| r.to_string())
}

/// Decides once more whether an action might be started when it was.
fn started(store: &Store, seen: Seen<'_>, x: &ActionStarted) -> Result<(), String> {
    let Seen { event: e, before, incident } = seen;
    // A broken glass stands right before the start, and is decided together with it.
    let glass = before.last().and_then(|b| match &b.facts {
        Facts::ApprovalBypassed(g) if g.n == x.n => Some(g),
        _ => None,
    });
    let unbroken;
    let (before, incident) = match (glass, before.split_last()) {
        (Some(_), Some((_, earlier))) => {
            unbroken = fold(earlier).map_err(|e| e.to_string())?;
            (earlier, &unbroken)
        }
        _ => (before, incident),
    };
    let glass = glass.map(|g| glass_of(incident, g).map(Box::new)).transpose()?;
    let actor = Actor { name: x.executor.clone(), is_person: true, via: e.actor.via.clone() };
    let asked = Asked { actor: &actor, now: e.header.at, ledger: &store.ledger().id, running: false };
    let start = Command::Start { n: x.n, before: serde_json::Value::Null, source: Source::default(), glass };
    decide(incident, before, &asked, start).map(drop).map_err(|r| format!("a{} was started against the rules: {r}", x.n))
}

/// What the operator went by, as the runbook of the incident allows it.
fn glass_of(incident: &Incident, g: &ApprovalBypassed) -> Result<Glass, String> {
    let runbook = stored_runbook(incident).map_err(|e| e.to_string())?;
    let block = incident.action(g.n).and_then(|a| runbook.actions.iter().find(|b| b.id == a.block));
    let block = block.ok_or("its runbook has no such action")?;
    Ok(Glass {
        head: Head { seq: g.head_seq, hash: g.head_hash },
        expires_at: g.expires_at,
        reason: g.reason.clone(),
        signed: Signed::read(&g.signature).ok_or("its break-glass is not signed")?,
        severities: block.break_glass.clone(),
        review_within_s: block.review_within_s.unwrap_or(0),
    })
}
