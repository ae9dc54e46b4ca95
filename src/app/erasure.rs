//! Taking something out of the record for good: one person asks, another signs, and both stay in it.
//!
//! The request is worked out twice, when it is asked for and when it is signed; only what is the same byte for byte is
//! carried out.

use super::select::Picked;
use super::{AppError, Ctx, signing};
use crate::record::approval::Signed;
use crate::record::erasure::{ERASABLE, Request, is_plain, read};
use crate::record::event::{Event, Facts, PayloadErased, SignersChanged};
use crate::record::id::{Hash, IncidentId, Ref, RefKind, StreamId};
use crate::redact::Counts;
use crate::sign::APPROVAL;
use crate::sign::sshsig::{Key, check};
use crate::store::{Store, StoreError};

/// What an erasure cannot reach, for people.
pub const OUT_OF_REACH: &str = "It cannot reach copies: backups of the ledger, exported bundles and tables, rendered documents that were committed or sent. Take it out of those by hand, and render again.";

/// What came of asking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// The request to be signed, and by whom.
    Request(Box<Request>, Vec<String>),
    /// It is gone already, by that event.
    Gone(String),
}

/// Works out the request to erase what `reference` names. Nothing is recorded.
///
/// # Errors
/// Not allowed by the settings, no such event, or one that may not be erased.
pub fn request(ctx: &Ctx, store: &Store, picked: &Picked, reference: Ref, reason: Option<&str>) -> Result<Wanted, AppError> {
    let events = store.load(&StreamId::incident(picked.brief.id))?;
    let number = picked.brief.number;
    let event = named(&events, number, reference)?;
    if let Some(by) = erased_by(&events, event.header.seq) {
        return Ok(Wanted::Gone(format!("{number}.{by}")));
    }
    let reason =
        reason.ok_or_else(|| AppError::usage("an erasure needs a reason").hint("Say it with `--reason`; it stays in the record."))?;
    if !ctx.actor.is_person {
        return Err(AppError::refused(format!("`{}` is no person of the settings, and an erasure is asked for by one", ctx.actor.name))
            .hint("Say who you are with `--as PERSON`."));
    }
    let reason = ctx.redactor()?.redact_text(reason, &mut Counts::new()).into_owned();
    if !is_plain(&reason) {
        return Err(AppError::usage("the reason must be one line of plain characters, at most 1000 bytes")
            .hint("It stays in the record: do not repeat in it what is to be erased."));
    }
    let approvers = approvers(ctx, &ctx.actor.name)?;
    Ok(Wanted::Request(Box::new(whole(store, number, event, &reason, &ctx.actor.name)?), approvers))
}

/// What was done.
#[derive(Debug)]
pub struct Erasure {
    /// The incident.
    pub id: IncidentId,
    /// `7.12`.
    pub what: String,
    /// The event that says so.
    pub event: Event,
    /// Who allowed it.
    pub approver: String,
}

/// Carries out the signed request: text and signature go into the event, and with it, in one transaction, go bytes,
/// salts, readings and words.
///
/// # Errors
/// The text is not a request of this ledger as it is now, or the signature is not one of those who may allow it; nothing
/// is recorded then. When the log beside the ledger could not be emptied, the message says that it is recorded.
pub fn erase(ctx: &Ctx, store: &mut Store, text: &str, signature: &str) -> Result<Erasure, AppError> {
    let asked = read(text).ok_or_else(|| {
        AppError::refused("the signed text is not a request to erase")
            .hint("`blotter erase REF --reason …` prints one, as it must be signed.")
    })?;
    let foreign =
        || AppError::refused("the signed text is not about this ledger as it is").hint("Print the request again, and have that signed.");
    let id = asked.stream.as_incident().ok_or_else(foreign)?;
    let brief = store.brief(id)?.ok_or_else(foreign)?;
    let what = format!("{}.{}", brief.number, asked.seq);
    let approvers = approvers(ctx, &asked.asked_by)?;
    let (approver, signed, list) = checked(ctx, text, signature, &approvers, &asked.asked_by)?;
    let signature = signed.to_value().map_err(|e| AppError::failed(e.to_string()))?;
    if let Some(by) = erased_by(&store.load(&asked.stream)?, asked.seq) {
        // Whoever tries again after a crash wants what is left in the log gone, too.
        scrub(store, &what)?;
        return Err(AppError::refused(format!("{what} is erased already, by {}.{by}; nothing of it is left in the ledger", brief.number)));
    }
    let ledger = store.ledger().id.clone();
    let events = store.append(|tx| {
        let events = tx.load(&asked.stream)?;
        let event = events.iter().find(|e| e.header.seq == asked.seq).ok_or_else(foreign)?;
        if let Some(by) = erased_by(&events, asked.seq) {
            return Err(AppError::refused(format!("{what} is erased already, by {}.{by}", brief.number)));
        }
        may_go(event, &what)?;
        let now = Request::of(&ledger, brief.number, event, blob(event), &asked.reason, &asked.asked_by);
        if now.text() != text {
            return Err(foreign());
        }
        let facts = PayloadErased {
            stream: now.stream,
            seq: now.seq,
            payload: now.payload,
            blob: now.blob,
            reason: now.reason,
            approved_by: vec![approver.clone()],
            asked_by: Some(now.asked_by),
            signature: Some(signature),
        };
        let known = tx.load(&StreamId::ledger())?;
        let last = known.iter().rev().find_map(|e| match &e.facts {
            Facts::SignersChanged(x) => Some(&**x),
            _ => None,
        });
        let first = (last != Some(&list)).then(|| ctx.event(StreamId::ledger(), list.clone(), None));
        first.into_iter().chain([ctx.event(asked.stream.clone(), facts, None)]).collect()
    })?;
    let event = events.into_iter().next_back().ok_or_else(|| AppError::failed("nothing was recorded"))?;
    scrub(store, &what)?;
    Ok(Erasure { id, what, event, approver })
}

/// Empties the log beside the ledger, in which erased bytes live on.
///
/// # Errors
/// Somebody reads the log.
pub fn scrub(store: &mut Store, what: &str) -> Result<(), AppError> {
    store.scrub().map_err(|e| match e {
        StoreError::Locked { .. } => AppError::failed(format!(
            "{what} is erased, and that is recorded; but somebody has the ledger open, so its bytes still stand in the log beside it (`-wal`)"
        ))
        .hint(format!("End whoever reads the ledger (`fuser`), then `blotter erase {what}` again: it empties the log.")),
        other => {
            let other = AppError::from(other);
            AppError::told(
                other.kind(),
                format!("{what} is erased, and that is recorded; but its bytes may still stand in the log beside the ledger (`-wal`): {other}"),
            )
            .hints_of(&other)
            .hint(format!("Once the disk works again, `blotter erase {what}` empties the log."))
        }
    })
}

/// Who may allow an erasure that `asker` wants, by person id.
fn approvers(ctx: &Ctx, asker: &str) -> Result<Vec<String>, AppError> {
    let hint = "Put `[erase] approve = { from = [\"T-…\"] }` into the settings: who may allow that something is taken out of the record.";
    if ctx.config.erase.is_empty() {
        return Err(AppError::refused("nothing is erased: the settings do not say who may allow it").hint(hint));
    }
    let others: Vec<String> = ctx.config.erase.iter().filter(|p| *p != asker).cloned().collect();
    if others.is_empty() {
        return Err(
            AppError::refused(format!("nobody but `{asker}`, who asks, may allow it")).hint("Name another person in `[erase] approve`.")
        );
    }
    Ok(others)
}

fn named(events: &[Event], number: u64, reference: Ref) -> Result<&Event, AppError> {
    let found = match reference.kind {
        RefKind::Event => events.iter().find(|e| e.header.seq == reference.n),
        RefKind::Evidence => {
            let evidence = super::change::fold(events)?.evidence(reference.n).map(|e| e.seq);
            events.iter().find(|e| Some(e.header.seq) == evidence)
        }
        _ => None,
    };
    found.ok_or_else(|| {
        AppError::usage(format!("incident {number} has no `{reference}` that could be erased"))
            .hint("Name a piece of evidence (`e3`) or an event (`7.12`); `blotter show --timeline` shows them.")
    })
}

/// The event that erased event `seq` of its stream, and what it says.
pub fn of(events: &[Event], seq: u64) -> Option<(u64, &PayloadErased)> {
    events.iter().find_map(|e| match &e.facts {
        Facts::PayloadErased(x) if x.stream == e.header.stream && x.seq == seq => Some((e.header.seq, &**x)),
        _ => None,
    })
}

fn erased_by(events: &[Event], seq: u64) -> Option<u64> {
    of(events, seq).map(|(by, _)| by)
}

fn may_go(event: &Event, what: &str) -> Result<(), AppError> {
    if event.facts == Facts::Erased {
        return Err(AppError::failed(format!("the payload of {what} is MISSING, and no event says that it was erased"))
            .hint("`blotter verify` says more."));
    }
    if !ERASABLE.contains(&event.header.kind.as_str()) {
        return Err(AppError::refused(format!("{what} is `{}`, which the record cannot do without", event.header.kind))
            .hint("Notes, evidence, attachments and corrections can be erased."));
    }
    Ok(())
}

fn blob(event: &Event) -> Option<Hash> {
    match &event.facts {
        Facts::EvidenceAttached(x) => Some(x.blob.digest),
        Facts::EvidenceCaptured(x) => x.observation.blob.as_ref().map(|b| b.digest),
        _ => None,
    }
}

fn whole(store: &Store, number: u64, event: &Event, reason: &str, asker: &str) -> Result<Request, AppError> {
    may_go(event, &format!("{number}.{}", event.header.seq))?;
    Ok(Request::of(&store.ledger().id, number, event, blob(event), reason, asker))
}

/// Whose signature `armored` over `text` is: one of `approvers` (ids), by the list of signers as it is now, and nobody who
/// is also the one who asks.
fn checked(ctx: &Ctx, text: &str, armored: &str, approvers: &[String], asker: &str) -> Result<(String, Signed, SignersChanged), AppError> {
    let key = check(text.as_bytes(), armored, APPROVAL)
        .map_err(|e| AppError::refused(e.to_string()).hint("The text is signed as it was printed, in namespace `approval@blotter`."))?;
    let listed = signing::listed(ctx)?;
    let mut why = String::new();
    for person in approvers {
        let principal = signing::principal(&ctx.config, person);
        if let Err(e) = listed.signers.allows(&key, &principal, APPROVAL, ctx.now()) {
            why = format!(": {e}");
            continue;
        }
        let persons = signing::same_person(&ctx.config, &listed.signers, Some(&key), person);
        if persons.contains(asker) {
            return Err(AppError::refused(format!(
                "`{person}` signed, and is `{asker}`, who asked for it: another person has to allow it"
            )));
        }
        let (signed, list) = listed.attest(&ctx.config, text, armored, &key, principal, persons);
        return Ok((person.clone(), signed, list));
    }
    Err(AppError::refused(format!("the key {} is not one of {}, who may allow it{why}", key.fingerprint(), approvers.join(", "))))
}

/// Checks a recorded erasure once more; `events` is the stream up to it. Gives what was signed and the key, for the
/// caller to hold against the list of the time.
///
/// # Errors
/// What does not fit, on one line.
pub(super) fn recheck(ledger: &str, number: u64, events: &[Event], x: &PayloadErased) -> Result<(Signed, Key), String> {
    let signed = x.signature.as_ref().and_then(Signed::read).ok_or("nobody signed that it may go")?;
    let asker = x.asked_by.as_deref().unwrap_or_default();
    let gone = events.iter().find(|e| e.header.seq == x.seq && e.header.stream == x.stream).ok_or("there is no such event")?;
    if Request::of(ledger, number, gone, x.blob, &x.reason, asker).text() != signed.text {
        return Err("what was signed is not what was erased".to_owned());
    }
    if signed.persons.iter().any(|p| p == asker) {
        return Err(format!("`{asker}` asked for it and allowed it"));
    }
    let key = check(signed.text.as_bytes(), &signed.signature, APPROVAL).map_err(|e| e.to_string())?;
    if key.fingerprint() != signed.key || key.line() != signed.public {
        return Err(format!("it names the key {}, and {} signed it", signed.key, key.fingerprint()));
    }
    Ok((signed, key))
}

#[cfg(test)]
mod tests;
