//! The program that signs: what it is asked, how it fails, and the ways in which a key is kept.

use std::path::Path;
use std::sync::Mutex;

use super::*;
use crate::sign::APPROVAL;
use crate::sign::sshsig::check;

fn with(program: &Path, key: &Path) -> Keygen {
    Keygen { program: program.to_owned(), key: key.to_owned(), within: WITHIN }
}

/// A program that does what `script` says.
fn script(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("program");
    // By another process: what a test beside this one starts would hold a file that is open for writing here, and what is open
    // for writing is not executed.
    let write = r#"printf '%s' "$1" >"$2" && chmod 700 "$2""#;
    let text = format!("#!/bin/sh\n{text}\n");
    let written = std::process::Command::new("sh").args(["-c", write, "sh", &text]).arg(&path).status().unwrap();
    assert!(written.success());
    path
}

fn make_key(dir: &Path, passphrase: &str) -> PathBuf {
    let key = dir.join("id");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", passphrase, "-C", "x", "-f"])
        .arg(&key)
        .status()
        .expect("ssh-keygen is needed for this test");
    assert!(made.success());
    key
}

#[tokio::test]
async fn it_signs_with_a_key_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let key = make_key(dir.path(), "");
    let sig = with(Path::new("ssh-keygen"), &key).sign("text\n", APPROVAL, &|_| {}).await.unwrap();
    let public = std::fs::read_to_string(dir.path().join("id.pub")).unwrap();
    assert_eq!(check(b"text\n", &sig, APPROVAL).ok(), crate::sign::signers::public_key(&public));
}

#[tokio::test]
async fn its_arguments_are_arguments_and_no_shell_sees_them() {
    let dir = tempfile::tempdir().unwrap();
    let program = script(dir.path(), "printf '%s|' \"$@\" >&2; exit 7");
    let heard = Mutex::new(Vec::new());
    let e = with(&program, Path::new("a key; rm -rf $HOME"))
        .sign("x", APPROVAL, &|l| heard.lock().unwrap().push(l.to_owned()))
        .await
        .unwrap_err();
    let said = "-Y|sign|-f|a key; rm -rf $HOME|-n|approval@blotter|";
    assert_eq!(e.to_string(), format!("`{}` did not sign (exit status: 7): {said}", program.display()));
    assert_eq!(*heard.lock().unwrap(), [said]);
}

#[tokio::test]
async fn it_fails_clearly() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("id");
    let none = with(Path::new("/nonexistent/keygen"), &key).sign("x", APPROVAL, &|_| {}).await.unwrap_err();
    assert!(none.to_string().starts_with("`/nonexistent/keygen` cannot be started: "), "{none}");
    let chatty = script(dir.path(), "cat >/dev/null; yes | head -c 300000; yes | head -c 300000 >&2");
    let e = with(&chatty, &key).sign("x", APPROVAL, &|_| {}).await.unwrap_err();
    assert!(matches!(e, KeygenError::Output { .. }), "{e}");
    let silent = script(dir.path(), "exec sleep 600");
    let e = Keygen { within: Duration::from_millis(50), ..with(&silent, &key) }.sign("x", APPROVAL, &|_| {}).await.unwrap_err();
    assert!(matches!(e, KeygenError::Slow { .. }), "{e}");
    let e = with(Path::new("ssh-keygen"), &key).sign("x", APPROVAL, &|_| {}).await.unwrap_err();
    assert!(matches!(e, KeygenError::Refused { .. }), "{e}");
}

/// Runs the real program in another environment: what a person's shell has set.
fn in_environment(dir: &Path, vars: &[(&str, &str)]) -> PathBuf {
    let set: String = vars.iter().map(|(k, v)| format!("export {k}='{v}'\n")).collect();
    script(dir, &format!("{set}exec ssh-keygen \"$@\""))
}

#[tokio::test]
async fn a_passphrase_is_asked_through_askpass() {
    let dir = tempfile::tempdir().unwrap();
    let key = make_key(dir.path(), "open sesame");
    let asker = dir.path().join("askpass");
    std::fs::rename(script(dir.path(), "echo 'open sesame'"), &asker).unwrap();
    let asker = asker.display().to_string();
    let program =
        in_environment(dir.path(), &[("SSH_ASKPASS", &asker), ("SSH_ASKPASS_REQUIRE", "force"), ("DISPLAY", ":0"), ("SSH_AUTH_SOCK", "")]);
    let sig = with(&program, &key).sign("text\n", APPROVAL, &|_| {}).await.unwrap();
    assert!(check(b"text\n", &sig, APPROVAL).is_ok());
}

#[tokio::test]
async fn a_key_that_an_agent_holds_signs_by_its_public_half() {
    let dir = tempfile::tempdir().unwrap();
    let key = make_key(dir.path(), "");
    let socket = dir.path().join("agent");
    let mut agent = std::process::Command::new("ssh-agent")
        .arg("-D")
        .arg("-a")
        .arg(&socket)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("ssh-agent is needed for this test");
    while !socket.exists() {
        std::thread::yield_now();
    }
    let sock = socket.display().to_string();
    let added = std::process::Command::new("ssh-add").arg("-q").arg(&key).env("SSH_AUTH_SOCK", &sock).status().unwrap();
    assert!(added.success());
    std::fs::remove_file(&key).unwrap();
    let program = in_environment(dir.path(), &[("SSH_AUTH_SOCK", &sock)]);
    let signed = with(&program, &dir.path().join("id.pub")).sign("text\n", APPROVAL, &|_| {}).await;
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert!(check(b"text\n", &signed.unwrap(), APPROVAL).is_ok());
}
