//! Keys for tests: throw-away ones, and a security key made of software that signs without a touch when told to.

use sha2::{Digest, Sha256};
use ssh_key::private::Ed25519Keypair;
use ssh_key::public::{KeyData, SkEd25519};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, Signature, SigningKey, SshSig};

use super::sshsig::{Key, Throwaway};

/// The key of `seed`.
pub(crate) fn key(seed: u8) -> Throwaway {
    Throwaway::from_seed(&[seed; 32])
}

/// A line of `allowed_signers` for approvals.
pub(crate) fn line(principal: &str, key: &Key) -> String {
    format!("{principal} namespaces=\"approval@blotter\" {}\n", key.line())
}

/// What no finger was ever near.
pub(crate) struct SoftSecurityKey {
    pair: Ed25519Keypair,
    public: SkEd25519,
}

impl SoftSecurityKey {
    pub(crate) fn new(seed: u8) -> Self {
        let pair = Ed25519Keypair::from_seed(&[seed; 32]);
        Self { public: SkEd25519::new(pair.public, "ssh:"), pair }
    }

    pub(crate) fn key(&self) -> Key {
        super::signers::public_key(&self.public_line()).unwrap()
    }

    pub(crate) fn public_line(&self) -> String {
        PublicKey::new(KeyData::SkEd25519(self.public.clone()), "").to_openssh().unwrap()
    }

    /// Signs with the flags that the hardware would have set.
    pub(crate) fn sign(&self, text: &[u8], namespace: &str, flags: u8) -> String {
        let message = SshSig::signed_data(namespace, HashAlg::Sha512, text).unwrap();
        let trailer = [flags, 0, 0, 0, 7];
        let mut signed = Sha256::digest(b"ssh:").to_vec();
        signed.extend(trailer);
        signed.extend(Sha256::digest(&message));
        let plain = sign_raw(&PrivateKey::from(self.pair.clone()), &signed);
        let bytes = [plain.as_slice(), &trailer].concat();
        let signature = Signature::new(Algorithm::SkEd25519, bytes).unwrap();
        let sig = SshSig::new(KeyData::SkEd25519(self.public.clone()), namespace, HashAlg::Sha512, signature).unwrap();
        sig.to_pem(LineEnding::LF).unwrap()
    }
}

/// The bare signature of a key over bytes.
fn sign_raw(pair: &impl SigningKey, bytes: &[u8]) -> Vec<u8> {
    pair.try_sign(bytes).unwrap().as_bytes().to_vec()
}
