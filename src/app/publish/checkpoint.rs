//! The newest checkpoint, to be kept elsewhere, and another key for those to come.

use crate::app::{AppError, Ctx};
use crate::record::id::StreamId;
use crate::redact::Counts;
use crate::store::{Signed, Store};

/// A checkpoint with what it takes to check it.
#[derive(Clone, Debug)]
pub struct Latest {
    /// What is stated, and the signature.
    pub signed: Signed,
    /// The ledger's key as its events name it; `None` when it has none yet.
    pub key: Option<String>,
}

/// The newest checkpoint; none is made.
///
/// # Errors
/// The ledger cannot be read.
pub fn latest(store: &Store) -> Result<Latest, AppError> {
    let signed = store
        .signed_checkpoint()?
        .ok_or_else(|| AppError::failed("the ledger has no checkpoint").hint("`blotter verify` says what is wrong with it."))?;
    Ok(Latest { signed, key: store.checkpoint_key()? })
}

/// Lets the ledger go on with a key made here and now, e.g. since the old one is lost, and returns its public half.
///
/// # Errors
/// No key can be made, or nothing can be recorded.
pub fn renew_key(ctx: &Ctx, store: &mut Store, reason: &str) -> Result<String, AppError> {
    let reason = ctx.redactor()?.redact_text(reason, &mut Counts::new()).into_owned();
    if reason.trim().is_empty() {
        return Err(AppError::usage("a new key needs a reason").hint("Say with `--reason` what became of the old one."));
    }
    let public = store.renew_key()?;
    let key = public.clone();
    store.append(|tx| {
        let added = tx.key_change(key, reason)?;
        Ok::<_, AppError>(vec![ctx.event(StreamId::ledger(), added, None)?])
    })?;
    Ok(public)
}
