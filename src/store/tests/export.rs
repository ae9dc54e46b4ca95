use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::*;
use crate::record::event::PayloadErased;
use crate::record::id::{Hash, StreamId};
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
    place.open(Access::Read).export(&dir).unwrap();
    dir
}

#[test]
fn the_bundle_holds_the_stored_bytes_as_plain_files() {
    let place = Place::told();
    let dir = place.dir.path().join("deep/er/bundle");
    let store = place.open(Access::Read);
    assert_eq!(store.export(&dir).unwrap(), Exported { events: 10, streams: 5, evidence: 4 });
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
    assert!(ok && said.starts_with("OK 10 events in 5 streams, 4 pieces of evidence, 0 erased, root "), "{said}");
    assert!(said.trim_end().ends_with(&verify(&store).root.to_string()), "{said}");
    assert!(matches!(store.export(&dir), Err(StoreError::Occupied { .. })));
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
    };
    record(&mut store, vec![new(&StreamId::ledger(), erased)]);
    drop(store);
    let dir = exported(&place);
    let (ok, said) = check(&dir);
    assert!(ok && said.contains("3 pieces of evidence, 1 erased"), "{said}");
    fs::remove_file(dir.join("streams/0002/0002.payload.json")).unwrap();
    let (ok, said) = check(&dir);
    assert!(!ok && said.contains("MISSING, and no event says that it was erased"), "{said}");
}

#[test]
fn a_damaged_ledger_leaves_no_half_bundle() {
    let place = Place::told();
    place.tamper("DELETE FROM blob_chunk");
    let dir = place.dir.path().join("bundle");
    assert!(matches!(place.open(Access::Read).export(&dir), Err(StoreError::Corrupt(_))));
    assert_eq!(fs::read_dir(place.dir.path()).unwrap().count(), 1);
}

#[test]
fn trees_of_every_size_have_the_root_that_the_script_finds() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    for n in 2..=9 {
        let dir = place.dir.path().join(n.to_string());
        store.export(&dir).unwrap();
        let (ok, said) = check(&dir);
        assert!(ok && said.contains(&format!("OK {n} events")), "{said}");
        record(&mut store, vec![noted(1, "one more")]);
    }
}
