//! The worst nights: an operator goes without approval and signs for it; somebody else reviews it, and signs that.

use super::approval::{self, Attested, Granted};
use super::{AppError, Ctx, Picked, block, current, find, known_person, would};
use crate::app::change::Changed;
use crate::app::page::stored_runbook;
use crate::record::approval::{ApprovalText, TextKind};
use crate::record::event::SignersChanged;
use crate::record::incident::decide::{Command, Glass, Review};
use crate::record::observation::Source;
use crate::redact::Counts;
use crate::store::Store;

/// A broken glass, signed and checked: what `execute` goes by instead of approvals.
#[derive(Clone, Debug)]
pub struct Broken {
    pub(super) glass: Glass,
    pub(super) list: SignersChanged,
}

/// The text by which whoever acts goes without approval of action `n`; nothing is written.
///
/// # Errors
/// The runbook or the record does not allow it.
pub fn request_break(ctx: &Ctx, store: &Store, picked: &Picked, n: u64, reason: &str) -> Result<ApprovalText, AppError> {
    known_person(ctx, "execute")?;
    let text = text(ctx, store, picked, n, TextKind::BreakGlass, reason)?;
    let signed = approval::signed_by(ctx, &text, &text.approver);
    let glass = glass(store, picked, &text, signed)?;
    would(ctx, store, picked, start(n, glass))?;
    Ok(text)
}

/// Checks the operator's signature.
///
/// # Errors
/// It does not hold, or its key is not the operator's.
pub fn broken(ctx: &Ctx, store: &Store, picked: &Picked, n: u64, text: &str, armored: &str) -> Result<Broken, AppError> {
    let Attested { text, signed, list } = approval::attest(ctx, store, picked, n, TextKind::BreakGlass, (text, armored))?;
    Ok(Broken { glass: glass(store, picked, &text, signed)?, list })
}

/// The text by which whoever acts says that they have looked at what was done without approval; nothing is written.
///
/// # Errors
/// There is nothing to review, or not for this person.
pub fn request_review(ctx: &Ctx, store: &Store, picked: &Picked, n: u64, comment: &str) -> Result<ApprovalText, AppError> {
    known_person(ctx, "review")?;
    let text = text(ctx, store, picked, n, TextKind::Review, comment)?;
    let signed = approval::signed_by(ctx, &text, &text.approver);
    would(ctx, store, picked, review_of(&text, signed))?;
    Ok(text)
}

/// Takes a signed review into the record.
///
/// # Errors
/// The signature does not hold, or the record refuses it.
pub fn review(ctx: &Ctx, store: &mut Store, picked: &Picked, n: u64, text: &str, armored: &str) -> Result<Granted, AppError> {
    let Attested { text, signed, list } = approval::attest(ctx, store, picked, n, TextKind::Review, (text, armored))?;
    let (key, approver) = (signed.key.clone(), text.approver.clone());
    let (events, signers_changed) = approval::enter(ctx, store, picked, review_of(&text, signed), list)?;
    let changed = Changed { id: picked.brief.id, number: picked.brief.number, events };
    Ok(Granted { changed, n, approver, key, signers_changed })
}

fn text(ctx: &Ctx, store: &Store, picked: &Picked, n: u64, kind: TextKind, said: &str) -> Result<ApprovalText, AppError> {
    let incident = current(store, picked)?;
    let action = find(&incident, n)?;
    let said = ctx.redactor()?.redact_text(said.trim(), &mut Counts::new()).into_owned();
    let limit = i64::try_from(action.rule.expires_s).unwrap_or(i64::MAX).saturating_mul(1000);
    let until = ctx.now().plus_millis(limit);
    let text = ApprovalText::of(&store.ledger().id, &incident, action, incident.head, &ctx.actor.name, until).saying(Some(said));
    Ok(ApprovalText { kind, ..text })
}

/// What the runbook says of it comes from the runbook as it was stored with the incident.
fn glass(store: &Store, picked: &Picked, text: &ApprovalText, signed: crate::record::approval::Signed) -> Result<Glass, AppError> {
    let incident = current(store, picked)?;
    let runbook = stored_runbook(&incident)?;
    let block = block(&runbook, &find(&incident, text.n)?.block)?;
    Ok(Glass {
        head: text.head,
        expires_at: text.expires_at,
        reason: text.comment.clone().unwrap_or_default(),
        signed,
        severities: block.break_glass.clone(),
        review_within_s: block.review_within_s.unwrap_or(0),
    })
}

pub(super) fn start(n: u64, glass: Glass) -> Command {
    Command::Start { n, before: serde_json::Value::Null, source: Source::default(), glass: Some(Box::new(glass)) }
}

fn review_of(text: &ApprovalText, signed: crate::record::approval::Signed) -> Command {
    Command::Review(Review {
        n: text.n,
        reviewer: text.approver.clone(),
        hash: text.hash,
        head: text.head,
        expires_at: text.expires_at,
        comment: text.comment.clone().unwrap_or_default(),
        signed,
    })
}
