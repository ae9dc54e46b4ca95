//! Checks and makes SSH signatures (OpenSSH's `PROTOCOL.sshsig`) in this process.
//!
//! What neither `ssh-keygen` nor the crate looks at is looked at here: that somebody touched a security key.

use std::fmt;

use ssh_key::public::KeyData;
use ssh_key::{Algorithm, EcdsaCurve, HashAlg, LineEnding, PrivateKey, PublicKey, SshSig, private::Ed25519Keypair};

/// An armored signature longer than this is none, in bytes.
pub const LONGEST: usize = 16 * 1024;

/// An RSA key below this is too weak, in bits; above [`RSA_MOST`] the crate does not check it.
const RSA_LEAST: usize = 2048;
const RSA_MOST: usize = 4096;

/// User presence, in the flags that a security key signs.
const TOUCHED: u8 = 0x01;

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Option<KeyData>);

impl Key {
    /// No key; equal to no other.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    /// A key whose signatures this build can check.
    ///
    /// # Errors
    /// Why it cannot, for the person who listed it.
    pub(super) fn supported(data: KeyData) -> Result<Self, String> {
        match &data {
            KeyData::Ed25519(_) | KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_) => {}
            KeyData::Ecdsa(k) if matches!(k.curve(), EcdsaCurve::NistP256 | EcdsaCurve::NistP384) => {}
            KeyData::Rsa(k) => {
                let bits = k.n.as_positive_bytes().map_or(0, |n| n.len() * 8 - n.first().map_or(0, |b| b.leading_zeros() as usize));
                if !(RSA_LEAST..=RSA_MOST).contains(&bits) {
                    return Err(format!("an RSA key of {bits} bits; from {RSA_LEAST} to {RSA_MOST} are taken"));
                }
            }
            other => {
                let name = other.algorithm().to_string();
                return Err(format!("`{name}` keys are not taken; ed25519, ecdsa (256, 384), rsa and sk- keys are"));
            }
        }
        Ok(Self(Some(data)))
    }

    /// `SHA256:…`, as `ssh-keygen -l` says it.
    pub fn fingerprint(&self) -> String {
        self.0.as_ref().map_or_else(String::new, |k| k.fingerprint(HashAlg::Sha256).to_string())
    }

    /// `ssh-ed25519 AAAA…`, without a comment.
    pub fn line(&self) -> String {
        self.0.clone().and_then(|k| PublicKey::new(k, "").to_openssh().ok()).unwrap_or_default().trim().to_owned()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint())
    }
}

/// Why a signature does not hold.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// Not the armored form, or something in it that is not read.
    #[error("not an SSH signature: {0}")]
    Form(String),
    /// Made for another use.
    #[error("the signature was made for `{found}`, not for `{wanted}`")]
    Namespace {
        /// Its namespace.
        found: String,
        /// The one asked for.
        wanted: String,
    },
    /// Made by a key of a kind that is not checked.
    #[error("the signing key is of no use here: {0}")]
    Key(String),
    /// Made over other bytes, or by another key than it says.
    #[error("the signature does not match the text")]
    Mismatch,
    /// A security key signed, and nobody touched it.
    #[error("the security key signed without being touched")]
    Untouched,
}

/// Checks that `armored` is a signature over `text` for `namespace`; gives the key that made it.
///
/// Whose key that is, is for [`super::signers`] to say.
///
/// # Errors
/// See [`Fault`].
pub fn check(text: &[u8], armored: &str, namespace: &str) -> Result<Key, Fault> {
    if armored.len() > LONGEST {
        return Err(Fault::Form(format!("longer than {LONGEST} bytes")));
    }
    let sig = SshSig::from_pem(armored.trim()).map_err(|e| Fault::Form(e.to_string()))?;
    if sig.version() != SshSig::VERSION || !sig.reserved().is_empty() {
        return Err(Fault::Form("of another version".to_owned()));
    }
    // The crate reads past some lengths that do not fit, and cannot write a security key's ECDSA signature again.
    let bare = |s: &str| s.split_ascii_whitespace().collect::<String>();
    if sig.algorithm() != Algorithm::SkEcdsaSha2NistP256 && sig.to_pem(LineEnding::LF).map(|s| bare(&s)).ok() != Some(bare(armored)) {
        return Err(Fault::Form("not written in the one form".to_owned()));
    }
    if sig.namespace() != namespace {
        return Err(Fault::Namespace { found: visible(sig.namespace()), wanted: namespace.to_owned() });
    }
    let key = Key::supported(sig.public_key().clone()).map_err(Fault::Key)?;
    let public = PublicKey::new(sig.public_key().clone(), "");
    public.verify(namespace, text, &sig).map_err(|_| Fault::Mismatch)?;
    if matches!(sig.algorithm(), Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256) {
        // The crate lays the flags and the four bytes of the counter behind the signature.
        let bytes = sig.signature_bytes();
        let flags = bytes.len().checked_sub(5).and_then(|i| bytes.get(i)).copied().unwrap_or(0);
        if flags & TOUCHED == 0 {
            return Err(Fault::Untouched);
        }
    }
    Ok(key)
}

/// A namespace is outside text: what is not plain is shown by its number.
fn visible(text: &str) -> String {
    text.chars().take(80).flat_map(|c| if c.is_ascii_graphic() { vec![c] } else { c.escape_unicode().collect() }).collect()
}

/// A throw-away key of a drill: kept in a file, without a passphrase.
pub struct Throwaway(PrivateKey);

impl fmt::Debug for Throwaway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Throwaway(***)")
    }
}

impl Throwaway {
    /// The key that grows out of 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(PrivateKey::from(Ed25519Keypair::from_seed(seed)))
    }

    /// Its public half.
    pub fn key(&self) -> Key {
        Key(Some(self.0.public_key().key_data().clone()))
    }

    /// Signs `text`, as `ssh-keygen -Y sign` would.
    ///
    /// # Errors
    /// The crate cannot write it.
    pub fn sign(&self, text: &[u8], namespace: &str) -> Result<String, String> {
        let sig = self.0.sign(namespace, HashAlg::Sha512, text).map_err(|e| e.to_string())?;
        sig.to_pem(LineEnding::LF).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests;
