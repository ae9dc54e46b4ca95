use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::*;
use crate::record::event::{ApprovalGranted, Facts, PayloadErased};
use crate::record::id::{Hash, StreamId};
use crate::record::testing::one_of_each;
use crate::store::{Access, Exported, StoreError};

/// What `verify.sh` says, and whether it is content.
fn check(dir: &Path) -> (bool, String) {
    let done = Command::new("sh").arg(dir.join("verify.sh")).output().unwrap();
    (done.status.success(), String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr))
}

/// Every file below `dir` but the script, which cannot speak for itself.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else if !entry.ends_with("verify.sh") {
            found.push(entry);
        }
    }
    found.sort();
    found
}

fn exported(place: &Place) -> PathBuf {
    let dir = place.dir.path().join("bundle");
    place.open(Access::Read).export(&dir, None).unwrap();
    dir
}

#[test]
fn the_bundle_holds_the_stored_bytes_as_plain_files() {
    let place = Place::told();
    let dir = place.dir.path().join("deep/er/bundle");
    let store = place.open(Access::Read);
    assert_eq!(store.export(&dir, None).unwrap(), Exported { events: 10, streams: 5, evidence: 4 });
    let (header, payload): (String, String) = store
        .conn
        .query_row("SELECT header, body FROM event JOIN payload USING (pos) WHERE pos = 3", [], |r| Ok((r.get(0)?, r.get(1)?)))
        .unwrap();
    assert_eq!(fs::read_to_string(dir.join("streams/0002/0002.header.json")).unwrap(), header);
    assert_eq!(fs::read_to_string(dir.join("streams/0002/0002.payload.json")).unwrap(), payload);
    assert_eq!(fs::read_to_string(dir.join("checkpoint")).unwrap(), store.checkpoint().unwrap().unwrap().text);
    for blob in fs::read_dir(dir.join("evidence")).unwrap().map(|e| e.unwrap().path()).filter(|p| p.extension().unwrap() == "bin") {
        let salt = fs::read(blob.with_extension("salt")).unwrap();
        let digest = Hash::of(&[&salt, &fs::read(&blob).unwrap()]).to_string();
        assert_eq!(blob.file_stem().unwrap().to_str(), Some(digest.as_str()));
    }
    let (ok, said) = check(&dir);
    assert!(
        ok && said.starts_with("OK 10 events in 5 streams, 4 pieces of evidence, 0 signed approvals, 0 erased, signed root "),
        "{said}"
    );
    assert!(said.trim_end().ends_with(&verify(&store).root.to_string()), "{said}");
    assert!(matches!(store.export(&dir, None), Err(StoreError::Occupied { .. })));
}

#[test]
fn a_changed_byte_in_any_file_of_the_bundle_is_found() {
    let place = Place::told();
    let dir = exported(&place);
    for (n, file) in files(&dir).into_iter().enumerate() {
        let bytes = fs::read(&file).unwrap();
        // At the beginning, in the middle, at the end, in turn; of the files that hold no stored bytes everywhere.
        let (places, stated) = ([0, bytes.len() / 2, bytes.len().saturating_sub(1)], file.parent() == Some(&dir));
        let tried = if stated { &places[..] } else { &places[n % 3..=n % 3] };
        let flip = |at: &usize| {
            let mut changed = bytes.clone();
            if let Some(b) = changed.get_mut(*at) {
                *b ^= 1;
            }
            changed
        };
        let longer = if stated || bytes.is_empty() { Some([&bytes[..], b"x"].concat()) } else { None };
        for changed in tried.iter().map(flip).chain(longer).filter(|c| *c != bytes) {
            fs::write(&file, changed).unwrap();
            let (ok, said) = check(&dir);
            assert!(!ok, "{}: {said}", file.display());
        }
        fs::write(&file, &bytes).unwrap();
    }
    assert!(check(&dir).0);
}

#[test]
fn a_missing_file_is_found_whichever_it_is() {
    let place = Place::told();
    let dir = exported(&place);
    let aside = place.dir.path().join("aside");
    for file in files(&dir) {
        fs::rename(&file, &aside).unwrap();
        let (ok, said) = check(&dir);
        assert!(!ok, "{}: {said}", file.display());
        fs::rename(&aside, &file).unwrap();
    }
    fs::copy(dir.join("streams/0002/0005.header.json"), dir.join("streams/0002/0006.header.json")).unwrap();
    assert!(!check(&dir).0, "an event too many");
}

#[test]
fn what_was_erased_is_missing_with_a_reason() {
    let place = Place::told();
    let mut store = place.open(Access::Append);
    let event = store.load(&incident(1)).unwrap().remove(2);
    let erased = PayloadErased {
        stream: incident(1),
        seq: 3,
        payload: event.header.payload,
        blob: crate::store::projection::blob(&event.facts).map(|b| b.digest),
        reason: "an \"address\"".to_owned(),
        approved_by: vec!["T-JOSH".to_owned()],
        asked_by: None,
        signature: None,
    };
    record(&mut store, vec![new(&StreamId::ledger(), erased)]);
    drop(store);
    let dir = exported(&place);
    let (ok, said) = check(&dir);
    assert!(ok && said.contains("3 pieces of evidence, 0 signed approvals, 1 erased"), "{said}");
    fs::remove_file(dir.join("streams/0002/0002.payload.json")).unwrap();
    let (ok, said) = check(&dir);
    assert!(!ok && said.contains("MISSING, and no event says that it was erased"), "{said}");
}

#[test]
fn a_damaged_ledger_leaves_no_half_bundle() {
    let place = Place::told();
    place.tamper("DELETE FROM blob_chunk");
    let dir = place.dir.path().join("bundle");
    assert!(matches!(place.open(Access::Read).export(&dir, None), Err(StoreError::Corrupt(_))));
    assert_eq!(fs::read_dir(place.dir.path()).unwrap().count(), 1);
}

/// A key of a person, and its line for `allowed_signers`.
fn signer(dir: &Path, name: &str) -> String {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(dir.join(name)).status();
    assert!(made.unwrap().success());
    let public = fs::read_to_string(dir.join(format!("{name}.pub"))).unwrap();
    format!("{name} namespaces=\"approval@blotter\" {public}")
}

#[test]
fn signed_approvals_are_checked_with_ssh_keygen_alone() {
    let (place, mut store) = Place::new();
    let josh = signer(place.dir.path(), "josh@example.org");
    let eve = signer(place.dir.path(), "eve@example.org");
    let text = "blotter-approval-v1\naction: alias \"prod\" \\ 42 -> 41\n\tcomment: go back, é\n";
    let file = place.dir.path().join("request.txt");
    fs::write(&file, text).unwrap();
    let signed = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", "approval@blotter", "-f"])
        .args([&place.dir.path().join("josh@example.org"), &file])
        .stderr(std::process::Stdio::null())
        .status();
    assert!(signed.unwrap().success());
    let signature = fs::read_to_string(file.with_extension("txt.sig")).unwrap();
    let granted = one_of_each().into_iter().find_map(|f| match f {
        Facts::ApprovalGranted(x) => Some(*x),
        _ => None,
    });
    let granted = ApprovalGranted {
        signature: Some(serde_json::json!({"text": text, "signature": signature, "key": "SHA256:x"})),
        ..granted.unwrap()
    };
    record(&mut store, vec![opening(1), new(&incident(1), granted)]);
    let export = |name: &str, signers: &str| {
        let dir = place.dir.path().join(name);
        store.export(&dir, Some(signers.as_bytes())).unwrap();
        dir
    };
    let dir = export("good", &format!("{eve}{josh}"));
    let (ok, said) = check(&dir);
    assert!(ok && said.contains("1 signed approvals"), "{said}");
    assert_eq!(fs::read_to_string(dir.join("approvals/0002-0002.text")).unwrap(), text);
    // Nobody is listed, somebody else is, or not any more when it was recorded.
    let past = josh.replace(" ssh-ed25519", ",valid-before=\"20260101\" ssh-ed25519");
    for (name, signers) in [("none", ""), ("else", eve.as_str()), ("past", past.as_str())] {
        let (ok, said) = check(&export(name, signers));
        assert!(!ok && said.contains("is not a signature of anybody who might sign then"), "{name}: {said}");
    }
    for (change, with) in [("text", text.replace("41", "43")), ("sig", signature.replacen("U1NIU0lH", "U1NIU0lI", 1))] {
        let path = dir.join(format!("approvals/0002-0002.{change}"));
        let before = fs::read(&path).unwrap();
        fs::write(&path, with).unwrap();
        assert!(!check(&dir).0, "{change}");
        fs::remove_file(&path).unwrap();
        assert!(!check(&dir).0, "{change} is missing");
        fs::write(&path, before).unwrap();
    }
    fs::remove_file(dir.join("allowed_signers")).unwrap();
    assert!(!check(&dir).0);
}

#[test]
fn a_bundle_whose_checkpoint_is_another_keys_or_whose_proof_is_of_another_event_is_found() {
    let place = Place::told();
    let dir = exported(&place);
    let other = crate::store::key::load_or_make(&place.dir.path().join("other")).unwrap();
    let text = fs::read_to_string(dir.join("checkpoint")).unwrap();
    let (sig, signers) = (dir.join("checkpoint.sig"), dir.join("checkpoint.signers"));
    let (real_sig, real_signers) = (fs::read(&sig).unwrap(), fs::read_to_string(&signers).unwrap());
    fs::write(&sig, other.sign(&text).unwrap()).unwrap();
    let (ok, said) = check(&dir);
    assert!(!ok && said.contains("BROKEN checkpoint.sig: is not by the key that the events name"), "{said}");
    let named = real_signers.rsplit_once("ssh-ed25519").unwrap().0;
    fs::write(&signers, format!("{named}{}\n", other.public())).unwrap();
    let (ok, said) = check(&dir);
    assert!(!ok && said.contains("BROKEN checkpoint.signers"), "{said}");
    fs::write(&sig, real_sig).unwrap();
    fs::write(&signers, real_signers).unwrap();
    let proofs = ["0002", "0003"].map(|n| fs::read_to_string(dir.join("proofs").join(n)).unwrap());
    let first = |p: &str| p.lines().next().unwrap().to_owned();
    fs::write(dir.join("proofs/0003"), proofs[0].replacen(&first(&proofs[0]), &first(&proofs[1]), 1)).unwrap();
    let (ok, said) = check(&dir);
    assert!(!ok && said.contains("BROKEN proofs/0003"), "{said}");
}

#[test]
fn trees_of_every_size_have_the_root_that_the_script_finds() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    for n in 2..=9 {
        let dir = place.dir.path().join(n.to_string());
        store.export(&dir, None).unwrap();
        let (ok, said) = check(&dir);
        assert!(ok && said.contains(&format!("OK {n} events")), "{said}");
        record(&mut store, vec![noted(1, "one more")]);
    }
}
