//! The ledger's own key: signs its checkpoints, so that whoever has the ledger without the key cannot state another
//! history in its name.
//!
//! An Ed25519 key in OpenSSH's format beside the store (`<store>.key`, 0600); its public half stands in the ledger's
//! first event, or in `ledger.key_added`. Without the key everything is recorded all the same, unsigned and said so:
//! nobody waits at 3 a.m. for a file.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use ed25519_dalek::{Signer as _, SigningKey};
use rusqlite::{Connection, OptionalExtension as _};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, Signature, SshSig};

use super::error::StoreError;
use super::{Store, Tx, open, unique};
use crate::record::event::LedgerKeyAdded;

/// What a checkpoint's signature is for; a signature for anything else is none.
pub(super) const NAMESPACE: &str = "checkpoint@blotter";

/// A file of one key is never longer.
const LONGEST: u64 = 16 * 1024;

/// The private key.
pub(super) struct Key {
    signing: SigningKey,
    public: PublicKey,
    text: String,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("signing", &"***").field("public", &self.text).finish()
    }
}

impl Key {
    fn new(private: &PrivateKey) -> Result<Self, String> {
        let pair = match private.key_data() {
            KeypairData::Ed25519(pair) => pair,
            KeypairData::Encrypted(_) => return Err("it has a passphrase, and nobody is asked for one here".to_owned()),
            _ => return Err("it is not an Ed25519 key".to_owned()),
        };
        let signing = SigningKey::try_from(pair).map_err(|e| e.to_string())?;
        let public = PublicKey::new(private.public_key().key_data().clone(), "");
        let text = public.to_openssh().map_err(|e| e.to_string())?;
        Ok(Self { signing, public, text })
    }

    /// `ssh-ed25519 AAAA…`, as events name it.
    pub(super) fn public(&self) -> &str {
        &self.text
    }

    /// The armoured signature over `text`; `None` when the key cannot sign, which leaves the text unsigned.
    pub(super) fn sign(&self, text: &str) -> Option<String> {
        // As `ssh_key` does it, but for the public key, which it would work out anew each time.
        let data = SshSig::signed_data(NAMESPACE, HashAlg::Sha512, text.as_bytes()).ok()?;
        let signature = Signature::new(Algorithm::Ed25519, self.signing.sign(&data).to_bytes()).ok()?;
        let signed = SshSig::new(self.public.key_data().clone(), NAMESPACE, HashAlg::Sha512, signature);
        signed.and_then(|s| s.to_pem(LineEnding::LF)).ok()
    }
}

/// Checks that `signature` is by `public`, over `text`, in our namespace, and written as we write it.
///
/// # Errors
/// What is wrong with it, on one line.
pub(super) fn check(public: &str, text: &str, signature: &str) -> Result<(), String> {
    let key = PublicKey::from_openssh(public).map_err(|e| format!("the ledger's key is not readable: {e}"))?;
    let read = SshSig::from_pem(signature).map_err(|e| format!("it is not readable: {e}"))?;
    // Another spelling of the same signature is a changed byte all the same.
    if read.to_pem(LineEnding::LF).ok().as_deref() != Some(signature) {
        return Err("it is not written as signatures are".to_owned());
    }
    if read.public_key() != key.key_data() {
        return Err("it is by another key than the ledger's".to_owned());
    }
    if read.namespace() != NAMESPACE {
        return Err(format!("it is for `{}`, not for `{NAMESPACE}`", read.namespace()));
    }
    key.verify(NAMESPACE, text.as_bytes(), &read).map_err(|_| "it does not belong to this text".to_owned())
}

/// Reads the key at `path`; `None` when there is no such file.
///
/// # Errors
/// Why it cannot be used.
pub(super) fn load(path: &Path) -> Result<Option<Key>, String> {
    let meta = match fs::metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e.to_string()),
        Ok(meta) if !meta.is_file() || meta.len() > LONGEST => return Err("it is not a file with a key in it".to_owned()),
        Ok(meta) => meta,
    };
    if meta.mode() & 0o077 != 0 {
        return Err(format!("others can read or write it (mode {:o}); `chmod 600` it", meta.mode() & 0o7777));
    }
    let text = fs::read(path).map_err(|e| e.to_string())?;
    let private = PrivateKey::from_openssh(text).map_err(|e| format!("it is not a key in OpenSSH's format: {e}"))?;
    Key::new(&private).map(Some)
}

/// The key at `path`, made (0600, flushed) when there is none. Two that make it at once get the same one.
///
/// # Errors
/// Why there is no key to use.
pub(super) fn load_or_make(path: &Path) -> Result<Key, String> {
    if let Some(key) = load(path)? {
        return Ok(key);
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| format!("the operating system gives no random bytes: {e}"))?;
    let private = PrivateKey::new(Ed25519Keypair::from_seed(&seed).into(), "blotter checkpoints").map_err(|e| e.to_string())?;
    let text = private.to_openssh(LineEnding::LF).map_err(|e| e.to_string())?;
    let draft = open::beside(path, &format!(".new-{}", unique()));
    let written = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft);
    let placed =
        written.and_then(|mut f| f.write_all(text.as_bytes())).map_err(|e| e.to_string()).and_then(|()| match open::place(&draft, path) {
            Err(StoreError::Exists { .. }) => Ok(false),
            Err(e) => Err(e.to_string()),
            Ok(()) => Ok(true),
        });
    match placed {
        Ok(true) => Key::new(&private),
        // Somebody was faster, or the disk failed us: nothing of ours stays behind.
        other => {
            let _ = fs::remove_file(&draft);
            other?;
            load(path)?.ok_or_else(|| "it was there and is gone".to_owned())
        }
    }
}

/// The newest key that the ledger names. That the event which names it cannot be read is `verify`'s business.
pub(super) fn named(conn: &Connection) -> Result<Option<String>, StoreError> {
    let mut query = conn.prepare_cached(
        "SELECT CASE WHEN json_valid(p.body) THEN p.body ->> '$.data.key' END FROM event e LEFT JOIN payload p ON p.pos = e.pos
         WHERE e.stream = 'ledger' AND e.type IN ('ledger.created', 'ledger.key_added') ORDER BY e.seq DESC LIMIT 1",
    )?;
    Ok(query.query_row([], |r| r.get(0)).optional()?.flatten())
}

/// What the next checkpoint is signed with.
pub(super) enum Signer {
    /// The key that the ledger names.
    Named(Key),
    /// A key that the ledger does not name yet: the event that names it goes with the next ones.
    Fresh(Key, LedgerKeyAdded),
    /// No key, and what the person is to know about it.
    Nobody(String),
}

/// Finds out what to sign with, under the ledger's write lock. `introduced` is the key that the new events name, where
/// they do. A key is made only for a ledger that never had one.
pub(super) fn signer(conn: &Connection, store: &Path, held: Option<Key>, introduced: Option<String>) -> Result<Signer, StoreError> {
    let path = open::beside(store, ".key");
    let unsigned = |why: String| format!("recorded, but unsigned: {why}");
    let public = match introduced {
        Some(public) => Some(public),
        None => named(conn)?,
    };
    let Some(public) = public else {
        return Ok(match load_or_make(&path) {
            Ok(key) => {
                let added = LedgerKeyAdded { key: key.text.clone(), replaces: None, unsigned_from: None, reason: None };
                Signer::Fresh(key, added)
            }
            Err(why) => Signer::Nobody(unsigned(format!("no key can be made at `{}`: {why}", path.display()))),
        });
    };
    if let Some(key) = held.filter(|k| k.text == public) {
        return Ok(Signer::Named(key));
    }
    let why = match load(&path) {
        Ok(Some(key)) if key.text == public => return Ok(Signer::Named(key)),
        Ok(Some(_)) => format!("`{}` is not the key that this ledger names", path.display()),
        Ok(None) => format!("the ledger's key is not at `{}`", path.display()),
        Err(why) => format!("the ledger's key `{}` cannot be used: {why}", path.display()),
    };
    Ok(Signer::Nobody(unsigned(format!(
        "{why}; put it back from where you keep it, or make another with `blotter checkpoint --new-key --reason …`"
    ))))
}

impl Store {
    /// Puts another key in the place of the ledger's, which is kept under a name of its own, and returns its public
    /// half. It signs from the event on that names it, see [`Tx::key_change`].
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn renew_key(&mut self) -> Result<String, StoreError> {
        self.may_append()?;
        let path = open::beside(&self.path, ".key");
        let aside = open::beside(&path, &format!(".old-{}", unique()));
        match fs::rename(&path, &aside) {
            Ok(()) => self.say(format!("the key that was there lies at `{}` now", aside.display())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(StoreError::io(format!("cannot move `{}` away", path.display()))(e)),
        }
        let what = || format!("cannot make a key at `{}`", path.display());
        load_or_make(&path).map(|k| k.text).map_err(|why| StoreError::Io { what: what(), source: io::Error::other(why) })
    }
}

impl Tx<'_> {
    /// What the event says that lets the ledger go on with the key `public`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn key_change(&self, public: String, reason: String) -> Result<LedgerKeyAdded, StoreError> {
        let mut unsigned = self.conn.prepare_cached(
            "SELECT min(size) FROM checkpoint WHERE sig IS NULL AND size >= (SELECT max(pos) FROM event
             WHERE stream = 'ledger' AND type IN ('ledger.created', 'ledger.key_added'))",
        )?;
        let unsigned_from: Option<i64> = unsigned.query_row([], |r| r.get(0))?;
        let replaces = named(self.conn)?;
        let unsigned_from = unsigned_from.filter(|_| replaces.is_some()).map(i64::cast_unsigned);
        Ok(LedgerKeyAdded { key: public, replaces, unsigned_from, reason: Some(reason) })
    }
}

#[cfg(test)]
mod tests;
