//! A ledger that cannot be written, that is copied while it is in use, and that an older copy takes the place of.

use std::fs;
use std::path::Path;

use blotter::record::id::StreamId;
use blotter::store::{Access, Settings, Store};

use crate::child;
use crate::person::{self, blotter, events, files, notes, problems, run};
use crate::rig::{Rig, copy_tree, said};

#[test]
fn a_read_only_disk_is_read_and_what_was_seen_is_put_elsewhere() {
    let rig = person::a_ledger_in_use();
    let before = files(&rig.world());
    let read_only = |args: &[&str]| rig.shimmed(blotter(&rig, args), &[("READONLY", "1".to_owned())]).output().unwrap();
    for args in [&["show"][..], &["list"], &["verify"], &["render", "--check"]] {
        let output = read_only(args);
        assert!(matches!(output.status.code(), Some(0 | 13)), "{args:?}: {}", said(&output));
    }
    let note = read_only(&["note", "third"]);
    assert_eq!(note.status.code(), Some(1), "{}", said(&note));
    assert!(said(&note).contains("error: the ledger is read-only"), "{}", said(&note));
    let open = read_only(&["open", "INC-003", "--no-probes"]);
    assert_eq!(open.status.code(), Some(1), "{}", said(&open));
    let spool = files(&rig.home());
    assert!(spool.keys().any(|n| n.starts_with("blotter-spool-")), "{spool:?}: {}", said(&open));
    let render = read_only(&["render"]);
    assert_eq!(render.status.code(), Some(1), "{}", said(&render));
    assert!(said(&render).contains("os error 30"), "{}", said(&render));
    assert_eq!(files(&rig.world()), before, "something was written");
}

#[test]
fn a_command_waits_for_whoever_has_the_ledger_locked() {
    let rig = person::a_ledger_in_use();
    let holder = rusqlite::Connection::open(rig.store()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting =
        blotter(&rig, &["note", "third"]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    // It is at the lock, or about to be, once it has the log open.
    let descriptors = format!("/proc/{}/fd", waiting.id());
    let has_log = |e: fs::DirEntry| fs::read_link(e.path()).is_ok_and(|p| p.to_string_lossy().ends_with("-wal"));
    while !fs::read_dir(&descriptors).unwrap().map_while(Result::ok).any(has_log) {
        std::thread::yield_now();
    }
    holder.execute_batch("COMMIT").unwrap();
    let output = waiting.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(notes(&events(&rig.store()).unwrap()).last(), Some(&"third"));
}

#[test]
fn a_ledger_that_is_deleted_between_two_commands_is_begun_anew_by_open_only() {
    let rig = person::a_ledger_in_use();
    fs::remove_dir_all(rig.world().join("store")).unwrap();
    let note = blotter(&rig, &["note", "third"]).output().unwrap();
    assert_eq!(note.status.code(), Some(1), "{}", said(&note));
    assert!(said(&note).contains("error: no ledger at"), "{}", said(&note));
    run(&rig, &["open", "INC-001", "--no-probes"]);
    assert_eq!(problems(&rig.store()), [""; 0]);
}

/// Starts a process that appends and waits until it does.
fn busy(rig: &Rig) -> std::process::Child {
    let mut command = child::command(&rig.store(), &rig.acks(), 100_000);
    let busy = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    while child::acknowledged(&rig.acks()).len() < 20 {
        std::thread::yield_now();
    }
    busy
}

#[test]
fn a_backup_while_another_process_appends_has_all_that_was_acknowledged_before() {
    let rig = Rig::new();
    let mut other = busy(&rig);
    for n in 0..5 {
        let acked = child::acknowledged(&rig.acks());
        let copy = rig.world().join(format!("backup-{n}.db"));
        run(&rig, &["backup", copy.to_str().unwrap()]);
        assert_eq!(problems(&copy), [""; 0]);
        let store = Store::open(&copy, Access::Read).unwrap();
        for id in acked {
            assert!(store.event(id).unwrap().is_some(), "{} is missing in backup {n}", id.0);
        }
    }
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(problems(&rig.store()), [""; 0]);
}

#[test]
fn a_damaged_ledger_can_be_backed_up_and_the_backup_does_not_claim_to_verify() {
    let rig = person::a_ledger_in_use();
    let conn = rusqlite::Connection::open(rig.store()).unwrap();
    conn.execute_batch("DROP TRIGGER payload_update; UPDATE payload SET body = replace(body, 'first', 'never')").unwrap();
    drop(conn);
    let copy = rig.world().join("backup.db");
    let output = blotter(&rig, &["backup", copy.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(13), "{}", said(&output));
    assert!(said(&output).contains("does not verify"), "{}", said(&output));
    assert!(copy.exists(), "what is left of it is worth keeping");
}

#[test]
fn a_plain_copy_while_another_process_appends_never_passes_for_more_than_it_is() {
    let rig = Rig::new();
    let mut other = busy(&rig);
    for n in 0..10 {
        let copy = rig.world().join(format!("copy-{n}"));
        fs::create_dir(&copy).unwrap();
        for suffix in ["", "-wal"] {
            fs::copy(format!("{}{suffix}", rig.store().display()), copy.join(format!("blotter.db{suffix}"))).unwrap();
        }
        // Whether it is whole is luck. A clean report must be a true one.
        let Ok(store) = Store::open(&copy.join("blotter.db"), Access::Read) else { continue };
        let Ok(report) = store.verify(&mut |_| {}) else { continue };
        if report.is_ok() {
            let mut seen = 0;
            for stream in store.streams("").unwrap() {
                seen += store.load(&stream).unwrap_or_else(|e| panic!("copy {n} verifies, but `{stream}`: {e}")).len() as u64;
            }
            assert_eq!(seen, report.events, "copy {n}");
        }
    }
    other.kill().unwrap();
    other.wait().unwrap();
}

/// Puts `copy` in the place of the ledger, as somebody would who restores a backup.
fn restore(rig: &Rig, copy: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", rig.store().display()));
    }
    fs::copy(copy, rig.store()).unwrap();
}

#[test]
fn an_older_copy_in_the_place_of_the_ledger_is_noticed_also_after_it_was_appended_to() {
    let rig = person::a_ledger_in_use();
    let copy = rig.world().join("backup.db");
    run(&rig, &["backup", copy.to_str().unwrap()]);
    for text in ["third", "fourth"] {
        run(&rig, &["note", text]);
    }
    restore(&rig, &copy);
    let verify = || {
        let output = blotter(&rig, &["verify"]).output().unwrap();
        (output.status.code(), said(&output))
    };
    let (code, text) = verify();
    assert!(code == Some(13) && text.contains("ROLLED-BACK"), "{text}");
    // Fewer events than were seen, just as many, and more.
    for text in ["another third", "another fourth", "another fifth"] {
        let output = run(&rig, &["note", text]);
        assert!(String::from_utf8_lossy(&output.stderr).contains("was an older copy restored?"), "{}", said(&output));
        let (code, said) = verify();
        assert!(code == Some(13) && said.contains("ROLLED-BACK"), "after `{text}`: {said}");
    }
    fs::remove_file(format!("{}.checkpoint", rig.store().display())).unwrap();
    let output = run(&rig, &["note", "we know"]);
    assert!(!said(&output).contains("older copy"), "{}", said(&output));
    let (code, text) = verify();
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn a_file_that_goes_while_it_is_open_takes_nothing_more() {
    let rig = person::a_ledger_in_use();
    let mut store = child::open(&rig.store(), Settings::default()).unwrap();
    let mut append = |text: &str| store.append_events(&[], vec![child::note(&StreamId::ledger(), text)]);
    append("before").unwrap();
    let (here, away) = (rig.world().join("store"), rig.world().join("away"));
    copy_tree(&here, &away);
    fs::remove_dir_all(&here).unwrap();
    let refused = append("into nowhere").unwrap_err();
    assert!(refused.to_string().contains("was moved or deleted while it was open"), "{refused}");
    drop(store);
    fs::rename(&away, &here).unwrap();
    assert_eq!(problems(&rig.store()), [""; 0]);
    run(&rig, &["note", "after"]);
}
