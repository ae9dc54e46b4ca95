//! The key is made once, kept, and what it signs is what `ssh-keygen` signs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use super::*;

fn made() -> (tempfile::TempDir, Key) {
    let dir = tempfile::tempdir().unwrap();
    let key = load_or_make(&dir.path().join("l.key")).unwrap();
    (dir, key)
}

#[test]
fn a_key_is_made_once_private_and_read_back() {
    let (dir, key) = made();
    let path = dir.path().join("l.key");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    assert_eq!(load_or_make(&path).unwrap().public(), key.public());
    assert!(key.public().starts_with("ssh-ed25519 AAAA") && key.public().split(' ').count() == 2, "{}", key.public());
    assert!(!format!("{key:?}").contains("OPENSSH"), "{key:?}");
    assert_ne!(made().1.public(), key.public());
}

#[test]
fn what_cannot_be_a_key_is_said_and_left_alone() {
    let (dir, _) = made();
    let path = dir.path().join("l.key");
    assert!(load(&dir.path().join("none")).unwrap().is_none());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(load(&path).unwrap_err().contains("others can read"), "a key that others have signs nothing");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, "").unwrap();
    let why = load_or_make(&path).unwrap_err();
    assert!(why.starts_with("it is not a key in OpenSSH's format"), "{why}");
    assert_eq!(fs::read(&path).unwrap(), b"");
    assert!(load(dir.path()).unwrap_err().contains("not a file"));
}

#[test]
fn a_signature_is_good_for_one_text_one_key_and_one_purpose() {
    let (_dir, key) = made();
    let (_other_dir, other) = made();
    let text = "blotter/7f\n1\nAAAA\n";
    let signature = key.sign(text).unwrap();
    assert_eq!(check(key.public(), text, &signature), Ok(()));
    let pair = KeypairData::Ed25519(Ed25519Keypair::from(key.signing.clone()));
    let git = PrivateKey::new(pair, "").unwrap().sign("git", HashAlg::Sha512, text.as_bytes()).unwrap().to_pem(LineEnding::LF).unwrap();
    for (public, text, signature, why) in [
        (key.public(), "blotter/7f\n2\nAAAA\n", signature.clone(), "does not belong to this text"),
        (other.public(), text, signature.clone(), "by another key"),
        (key.public(), text, git, "it is for `git`"),
        (key.public(), text, signature.replace('\n', "\r\n"), "not written as signatures are"),
        (key.public(), text, String::new(), "not readable"),
        ("ssh-rsa AAAA", text, signature.clone(), "the ledger's key is not readable"),
    ] {
        let said = check(public, text, &signature).unwrap_err();
        assert!(said.contains(why), "{why}: {said}");
    }
}

#[test]
fn ssh_keygen_verifies_what_is_signed_here_and_signs_what_is_verified_here() {
    let (dir, key) = made();
    let at = |name: &str| dir.path().join(name);
    let text = "blotter/7f\n1\nAAAA\n";
    fs::write(at("text"), text).unwrap();
    fs::write(at("signers"), format!("ledger namespaces=\"{NAMESPACE}\" {}\n", key.public())).unwrap();
    fs::write(at("text.sig"), key.sign(text).unwrap()).unwrap();
    let keygen = |args: &[&str]| {
        let mut command = Command::new("ssh-keygen");
        command.current_dir(dir.path()).args(args).stdin(fs::File::open(at("text")).unwrap()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap().success()
    };
    let verify = ["-Y", "verify", "-f", "signers", "-I", "ledger", "-n", NAMESPACE, "-s", "text.sig"];
    assert!(keygen(&verify));
    fs::remove_file(at("text.sig")).unwrap();
    assert!(keygen(&["-Y", "sign", "-f", "l.key", "-n", NAMESPACE, "text"]));
    let theirs = fs::read_to_string(at("text.sig")).unwrap();
    assert_eq!(theirs, key.sign(text).unwrap(), "Ed25519 signs the same text the same way");
    fs::write(at("text"), "blotter/7f\n2\nAAAA\n").unwrap();
    assert!(!keygen(&verify));
}
