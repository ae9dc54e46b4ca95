//! The newest checkpoint, to be kept elsewhere, and another key for those to come.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use crate::app::{AppError, Ctx, ErrorKind};
use crate::record::id::StreamId;
use crate::record::stated::find;
use crate::redact::Counts;
use crate::store::{Exported, Outside, Signed, Store};

/// No file that states checkpoints is longer: a log of ten thousand incidents has less.
const LONGEST: u64 = 64 << 20;

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

/// Writes the whole record as plain files, with the `allowed_signers` that lies beside the settings, where there is one.
///
/// # Errors
/// The folder exists or cannot be written, or the ledger cannot be read.
pub fn export(ctx: &Ctx, store: &Store, folder: &Path) -> Result<Exported, AppError> {
    let signers = ctx.config.files.first().and_then(|f| f.parent()).map(|d| d.join("allowed_signers"));
    let signers = match signers.map(fs::read) {
        Some(Err(e)) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(AppError::failed(format!("`allowed_signers` cannot be read: {e}")));
        }
        read => read.and_then(Result::ok),
    };
    Ok(store.export(folder, signers.as_deref())?)
}

/// Reads the checkpoints of this ledger out of a file that was kept elsewhere: one that `checkpoint` printed, the one
/// beside the store, a document that was rendered. Each is told once, where it stands first.
///
/// # Errors
/// The file cannot be read, states no checkpoint, or only those of other ledgers.
pub fn kept(store: &Store, path: &Path) -> Result<Vec<Outside>, AppError> {
    let name = path.display();
    let cannot = |e: std::io::Error| AppError::usage(format!("`{name}` cannot be read: {e}"));
    let mut bytes = Vec::new();
    fs::File::open(path).and_then(|f| f.take(LONGEST + 1).read_to_end(&mut bytes)).map_err(cannot)?;
    if bytes.len() as u64 > LONGEST {
        return Err(AppError::usage(format!("`{name}` is longer than {} MiB", LONGEST >> 20)));
    }
    let all = find(&String::from_utf8_lossy(&bytes));
    if all.is_empty() {
        return Err(AppError::usage(format!("`{name}` states no checkpoint"))
            .hint("Give what `blotter checkpoint` printed, the file beside the ledger, or a document that `blotter render` wrote."));
    }
    let id = &store.ledger().id;
    let foreign = all.iter().find_map(|s| s.ledger.clone().filter(|l| l != id));
    let mut own: Vec<Outside> = Vec::new();
    for stated in all.into_iter().filter(|s| s.ledger.as_ref().is_none_or(|l| l == id)) {
        let known =
            own.iter().any(|o| (o.stated.size, o.stated.root, &o.stated.signature) == (stated.size, stated.root, &stated.signature));
        if !known {
            own.push(Outside { place: format!("{name}:{}", stated.line), stated });
        }
    }
    match (own.is_empty(), foreign) {
        (true, Some(other)) => {
            Err(AppError::told(ErrorKind::Unverified, format!("`{name}` is about ledger `{other}`, this one is `{id}`"))
                .hint("Check `--store`; if it is the right file, another ledger was put in its place."))
        }
        _ => Ok(own),
    }
}
