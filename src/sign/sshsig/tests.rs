//! Signatures: ours, those of `ssh-keygen` for every kind of key, and forged ones.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::sign::APPROVAL;
use crate::sign::testing::{SoftSecurityKey, key};

const TEXT: &[u8] = b"blotter-approval-v1\n";

/// Runs `ssh-keygen`; true when it is content.
fn keygen(dir: &Path, args: &[&str], input: &[u8]) -> bool {
    let mut child = Command::new("ssh-keygen")
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("ssh-keygen is needed for this test");
    child.stdin.take().unwrap().write_all(input).ok();
    child.wait().unwrap().success()
}

#[test]
fn a_signature_holds_for_its_text_its_use_and_its_key() {
    let k = key(1);
    let sig = k.sign(TEXT, APPROVAL).unwrap();
    assert_eq!(check(TEXT, &sig, APPROVAL), Ok(k.key()));
    assert_eq!(check(TEXT, &format!("\n{}\r\n", sig.replace('\n', "\r\n")), APPROVAL), Ok(k.key()), "mail adds line ends");
    assert_eq!(check(b"blotter-approval-v1\r\n", &sig, APPROVAL), Err(Fault::Mismatch));
    let other = check(TEXT, &k.sign(TEXT, "git").unwrap(), APPROVAL);
    assert_eq!(other.unwrap_err().to_string(), "the signature was made for `git`, not for `approval@blotter`");
    assert!(matches!(check(TEXT, "", APPROVAL), Err(Fault::Form(_))));
    assert!(matches!(check(TEXT, &"A".repeat(LONGEST + 1), APPROVAL), Err(Fault::Form(_))));
}

#[test]
fn any_changed_character_of_a_signature_is_found() {
    let sig = key(1).sign(TEXT, APPROVAL).unwrap();
    let begin = sig.find('\n').unwrap() + 1;
    let end = sig.rfind("\n-----END").unwrap();
    for i in begin..end {
        let mut bytes = sig.clone().into_bytes();
        bytes[i] = if bytes[i] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(bytes).unwrap();
        assert_ne!(check(TEXT, &forged, APPROVAL).ok(), Some(key(1).key()), "at {i}");
    }
}

#[test]
fn a_software_made_signature_of_a_security_key_without_touch() {
    let k = SoftSecurityKey::new(3);
    assert_eq!(check(TEXT, &k.sign(TEXT, APPROVAL, 0x01), APPROVAL), Ok(k.key()));
    assert_eq!(check(TEXT, &k.sign(TEXT, APPROVAL, 0x05), APPROVAL), Ok(k.key()), "touched, and a PIN was given");
    for flags in [0x00, 0x04, 0xfe] {
        assert_eq!(check(TEXT, &k.sign(TEXT, APPROVAL, flags), APPROVAL), Err(Fault::Untouched), "{flags:#x}");
    }
}

#[test]
fn ssh_keygen_believes_what_we_sign() {
    let dir = tempfile::tempdir().unwrap();
    let k = key(1);
    std::fs::write(dir.path().join("signers"), crate::sign::testing::line("T-ADA", &k.key())).unwrap();
    std::fs::write(dir.path().join("sig"), k.sign(TEXT, APPROVAL).unwrap()).unwrap();
    let args = ["-Y", "verify", "-f", "signers", "-I", "T-ADA", "-n", APPROVAL, "-s", "sig"];
    assert!(keygen(dir.path(), &args, TEXT));
    assert!(!keygen(dir.path(), &args, b"something else"));
}

#[test]
fn we_believe_what_ssh_keygen_signs_for_each_kind_of_key() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("text"), TEXT).unwrap();
    for (kind, bits) in [("ed25519", "256"), ("ecdsa", "256"), ("ecdsa", "384"), ("rsa", "2048")] {
        let (name, file) = (format!("{kind}{bits}"), dir.path().join("text.sig"));
        assert!(keygen(dir.path(), &["-q", "-t", kind, "-b", bits, "-N", "", "-C", "x", "-f", &name], b""));
        for hash in ["hashalg=sha512", "hashalg=sha256"] {
            std::fs::remove_file(&file).ok();
            assert!(keygen(dir.path(), &["-Y", "sign", "-f", &name, "-n", APPROVAL, "-O", hash, "text"], b""), "{name} {hash}");
            let sig = std::fs::read_to_string(&file).unwrap();
            let public = std::fs::read_to_string(dir.path().join(format!("{name}.pub"))).unwrap();
            let made_by = check(TEXT, &sig, APPROVAL).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(Some(made_by), crate::sign::signers::public_key(&public), "{name}");
            assert_eq!(check(b"x", &sig, APPROVAL), Err(Fault::Mismatch), "{name}");
        }
    }
}
