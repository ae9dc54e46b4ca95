use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

use super::support::*;
use crate::record::id::Hash;
use crate::store::{Access, AppendError, NewEvent, Settings, Store, StoreError, open};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs `test` without the rights of root, which no permission stops.
fn as_anybody(test: impl FnOnce() + Send + 'static) {
    let run = move || {
        if rustix::process::geteuid().is_root() {
            let nobody = rustix::process::Uid::from_raw(65534);
            // Linux has an identity for each thread; this one ends with the test.
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        }
        test();
    };
    std::thread::spawn(run).join().unwrap();
}

/// Name, time of change and hash of every file in the ledger's folder.
fn everything(place: &Place) -> Vec<(String, std::time::SystemTime, Hash)> {
    let dir = place.path.parent().unwrap();
    place
        .names()
        .into_iter()
        .map(|n| {
            let path = dir.join(&n);
            (n, fs::metadata(&path).unwrap().modified().unwrap(), Hash::of(&[&fs::read(&path).unwrap()]))
        })
        .collect()
}

#[test]
fn every_connection_has_what_keeps_the_record_safe() {
    let (place, store) = Place::new();
    let reader = place.open(Access::Read);
    let again = place.open(Access::Append);
    for store in [&store, &reader, &again] {
        let value = |name: &str| store.conn.query_row(&format!("PRAGMA {name}"), [], |r| r.get::<_, rusqlite::types::Value>(0)).unwrap();
        for (name, expected) in
            [("synchronous", 2), ("foreign_keys", 1), ("recursive_triggers", 1), ("secure_delete", 1), ("trusted_schema", 0)]
        {
            assert_eq!(value(name), expected.into(), "{name}");
        }
        assert_eq!(value("busy_timeout"), 50.into());
        assert_eq!(value("journal_mode"), "wal".to_owned().into());
        let defensive = rusqlite::config::DbConfig::SQLITE_DBCONFIG_DEFENSIVE;
        assert!(store.conn.db_config(defensive).unwrap());
    }
}

#[test]
fn the_file_and_all_beside_it_are_for_their_owner_and_so_is_a_folder_that_was_made() {
    let (place, mut store) = Place::new();
    store.put_blob(b"x".as_slice(), None).unwrap();
    record(&mut store, vec![opening(1)]);
    let _lock = store.execution_lock().unwrap();
    let dir = place.path.parent().unwrap();
    assert_eq!(mode(dir), 0o700);
    assert_eq!(
        place.names(),
        ["ledger.db", "ledger.db-shm", "ledger.db-wal", "ledger.db.blobs", "ledger.db.checkpoint", "ledger.db.execute", "ledger.db.key"]
    );
    for name in place.names() {
        assert_eq!(mode(&dir.join(&name)), 0o600, "{name}");
    }
}

#[test]
fn a_ledger_appears_once_and_is_never_written_over() {
    let (place, store) = Place::new();
    let refused = Store::create_with(&place.path, first(), hasty()).unwrap_err();
    assert!(matches!(&refused, StoreError::Exists { path } if *path == place.path), "{refused}");
    drop(store);
    let dangling = place.dir.path().join("dangling.db");
    symlink("nowhere", &dangling).unwrap();
    assert!(matches!(Store::create_with(&dangling, first(), hasty()), Err(StoreError::Exists { .. })));
    for (what, event) in [("not its beginning", opening(1)), ("another stream", NewEvent { stream: incident(1), ..first() })] {
        let path = place.dir.path().join("b/other.db");
        assert!(matches!(Store::create_with(&path, event, hasty()), Err(StoreError::Fence(_))), "{what}");
        assert!(!path.exists(), "{what}");
    }
}

#[test]
fn reading_writes_not_a_byte_while_nobody_has_it_open() {
    let place = Place::told();
    place.raw().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    assert!(!place.beside("-wal").exists());
    let before = everything(&place);
    let mut store = place.open(Access::Read);
    assert_eq!(store.load(&incident(1)).unwrap().len(), 5);
    assert!(verify(&store).is_ok());
    let refused = store.append(|_| Ok::<_, StoreError>(vec![noted(1, "x")])).unwrap_err();
    assert!(matches!(refused, AppendError::Store(StoreError::ReadOnly)), "{refused}");
    assert!(matches!(store.put_blob(b"x".as_slice(), None), Err(StoreError::ReadOnly)));
    assert!(matches!(store.rebuild(), Err(StoreError::ReadOnly)));
    assert!(matches!(store.scrub(), Err(StoreError::ReadOnly)));
    assert!(matches!(store.collect_orphans(), Err(StoreError::ReadOnly)));
    assert!(matches!(store.execution_lock(), Err(StoreError::ReadOnly)));
    drop(store);
    assert_eq!(everything(&place), before);
}

/// Everything in the folder of `place`, as bytes.
fn snapshot(place: &Place) -> Vec<(String, Vec<u8>)> {
    let dir = place.path.parent().unwrap();
    place.names().into_iter().map(|n| (n.clone(), fs::read(dir.join(n)).unwrap())).collect()
}

/// A folder of its own with those files in it.
fn restored(files: &[(String, Vec<u8>)]) -> Place {
    let copy = Place::empty();
    let dir = copy.path.parent().unwrap();
    fs::create_dir(dir).unwrap();
    for (name, bytes) in files {
        fs::write(dir.join(name), bytes).unwrap();
        chmod(&dir.join(name), 0o600);
    }
    copy
}

#[test]
fn reading_beside_a_writer_of_another_process_writes_not_a_byte() {
    let (place, mut store) = Place::new();
    tell(&mut store);
    // What such a writer has on disk: this process has nothing of it open.
    let copy = restored(&snapshot(&place));
    let before = everything(&copy);
    assert!(before.iter().any(|(n, ..)| n.ends_with("-shm")) && before.iter().any(|(n, ..)| n.ends_with("-wal")));
    let reader = copy.open(Access::Read);
    assert_eq!(reader.load(&incident(1)).unwrap().len(), 5);
    assert!(verify(&reader).is_ok());
    drop(reader);
    assert_eq!(everything(&copy), before);
}

#[test]
fn a_reader_sees_what_was_just_recorded() {
    let (place, mut store) = Place::new();
    tell(&mut store);
    let reader = place.open(Access::Read);
    record(&mut store, vec![noted(1, "just now")]);
    assert_eq!(reader.load(&incident(1)).unwrap().len(), 6);
}

#[test]
fn a_read_only_copy_with_a_left_over_log_is_read_whole() {
    let (place, mut store) = Place::new();
    tell(&mut store);
    let mut files = snapshot(&place);
    files.retain(|(name, _)| !name.ends_with("-shm"));
    assert!(files.iter().any(|(name, bytes)| name.ends_with("-wal") && !bytes.is_empty()));
    as_anybody(move || {
        let copy = restored(&files);
        let dir = copy.path.parent().unwrap();
        copy.names().iter().for_each(|name| chmod(&dir.join(name), 0o400));
        chmod(dir, 0o500);
        let before = everything(&copy);
        let store = copy.open(Access::Read);
        assert_eq!(store.load(&incident(1)).unwrap().len(), 5);
        assert!(verify(&store).is_ok());
        drop(store);
        assert_eq!(everything(&copy), before);
        let refused = copy.try_open(Access::Append).unwrap_err();
        assert!(matches!(refused, StoreError::ReadOnly | StoreError::Io { .. }) && refused.hint().is_some(), "{refused}");
        chmod(dir, 0o700);
    });
}

#[test]
fn a_read_only_folder_is_said_to_be_one() {
    as_anybody(|| {
        let place = Place::told();
        place.raw().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        let dir = place.path.parent().unwrap();
        chmod(dir, 0o500);
        let refused = place.try_open(Access::Append).unwrap_err();
        assert!(matches!(refused, StoreError::ReadOnly), "{refused}");
        assert!(refused.hint().unwrap().contains("permissions of the file and its folder"));
        assert_eq!(place.open(Access::Read).load(&incident(1)).unwrap().len(), 5);
        let below = Store::create_with(&dir.join("new.db"), first(), hasty()).unwrap_err();
        assert!(below.to_string().contains("Permission denied") && below.hint().is_some(), "{below}");
        chmod(dir, 0o700);
        chmod(&place.path, 0o400);
        let refused = place.try_open(Access::Append).unwrap_err();
        assert!(matches!(refused, StoreError::ReadOnly), "{refused}");
        chmod(&place.path, 0o000);
        for access in [Access::Read, Access::Append] {
            let refused = place.try_open(access).unwrap_err();
            assert!(refused.to_string().contains("Permission denied") && refused.hint().is_some(), "{refused}");
        }
    });
}

#[test]
fn what_is_not_a_ledger_is_left_alone_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("text"), "not a ledger at all, but long enough to be taken for the header of one by mistake. ".repeat(20)).unwrap();
    fs::write(path("empty"), "").unwrap();
    fs::create_dir(path("folder")).unwrap();
    rusqlite::Connection::open(path("other")).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    rusqlite::Connection::open(path("marked")).unwrap().execute_batch("PRAGMA application_id = 7; CREATE TABLE t (x)").unwrap();
    for (name, why) in [
        ("text", "it is not an SQLite file"),
        ("empty", "it is empty"),
        ("folder", "it is not a file"),
        ("other", "it is an SQLite file of another program (application id 0)"),
        ("marked", "it is an SQLite file of another program (application id 7)"),
    ] {
        chmod(&path(name), if name == "folder" { 0o700 } else { 0o600 });
        let before = fs::read(path(name)).ok();
        for access in [Access::Read, Access::Append] {
            let refused = Store::open_with(&path(name), access, hasty()).unwrap_err();
            let StoreError::NotOurs { why: said, .. } = &refused else { panic!("{name}: {refused}") };
            assert_eq!(said, why, "{name}");
            assert!(refused.hint().unwrap().contains("leaves this file alone"));
        }
        assert_eq!(fs::read(path(name)).ok(), before, "{name}");
    }
    let names = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(names, 5, "nothing was left beside them");
}

#[test]
fn a_missing_ledger_says_how_to_begin_one() {
    let place = Place::empty();
    for access in [Access::Read, Access::Append] {
        let refused = place.try_open(access).unwrap_err();
        assert!(matches!(&refused, StoreError::NotFound { path } if *path == place.path), "{refused}");
        assert!(refused.hint().unwrap().contains("blotter init"));
    }
    fs::write(place.dir.path().join("room"), "a file where the folder should be").unwrap();
    assert!(matches!(place.try_open(Access::Read), Err(StoreError::NotFound { .. })));
}

#[test]
fn what_others_can_write_is_not_trusted() {
    let place = Place::told();
    chmod(&place.path, 0o620);
    let refused = place.try_open(Access::Append).unwrap_err();
    assert!(matches!(refused, StoreError::Exposed { mode: 0o620, .. }), "{refused}");
    assert!(refused.hint().unwrap().contains("chmod go-w"));
    chmod(&place.path, 0o644);
    let notices = place.open(Access::Append).notices().to_vec();
    assert!(notices.len() == 1 && notices[0].contains("can be read by others (mode 644)"), "{notices:?}");
    chmod(&place.path, 0o600);
    let dir = place.path.parent().unwrap();
    chmod(dir, 0o777);
    assert!(matches!(place.try_open(Access::Append), Err(StoreError::Exposed { path, .. }) if path == dir));
    chmod(dir, 0o1777);
    assert!(place.open(Access::Append).notices().is_empty());
}

#[test]
fn a_ledger_that_stays_locked_says_for_how_long_and_what_to_do() {
    let (place, mut store) = Place::new();
    let holder = place.raw();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.append(|_| Ok::<_, StoreError>(vec![opening(1)])).unwrap_err();
    let AppendError::Store(StoreError::Locked { waited }) = &refused else { panic!("{refused}") };
    assert!(*waited >= Duration::from_millis(50) && refused.to_string().starts_with("the ledger stayed locked for "), "{refused}");
    assert!(StoreError::Locked { waited: *waited }.hint().unwrap().contains("fuser FILE"));
    assert!(matches!(store.put_blob(b"x".as_slice(), None), Err(StoreError::Locked { waited }) if waited >= Duration::from_millis(50)));
    holder.execute_batch("ROLLBACK").unwrap();
    record(&mut store, vec![opening(1)]);
}

#[test]
fn a_ledger_that_was_deleted_or_replaced_while_open_takes_nothing_more() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    fs::rename(&place.path, place.dir.path().join("elsewhere")).unwrap();
    let refused = store.append_events(&[], vec![noted(1, "into the void")]).unwrap_err();
    assert!(matches!(&refused, StoreError::Moved { path } if *path == place.path), "{refused}");
    assert!(matches!(store.put_blob(b"x".as_slice(), None), Err(StoreError::Moved { .. })));
    fs::rename(place.dir.path().join("elsewhere"), &place.path).unwrap();
    assert_eq!(record(&mut store, vec![noted(1, "and back")])[0].header.seq, 2);
}

#[test]
fn a_reader_of_this_process_keeps_a_writer_out_only_while_it_could_be_in_its_way() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    drop(store);
    let reader = place.open(Access::Read);
    assert!(place.beside("-wal").exists());
    let refused = place.try_open(Access::Append).unwrap_err();
    assert!(matches!(refused, StoreError::Reading) && refused.hint().is_some(), "{refused}");
    drop(reader);
    let mut writer = place.open(Access::Append);
    let _reader = place.open(Access::Read);
    record(&mut writer, vec![noted(1, "with a reader beside")]);
    place.open(Access::Append);
}

#[test]
fn file_systems_are_told_apart_by_their_number() {
    for (magic, name) in
        [(0x6969, Some("NFS")), (0xFF53_4D42, Some("CIFS")), (0x0102_1997, Some("9P")), (0xEF53, None), (0x0102_1994, None)]
    {
        assert_eq!(open::remote(magic), name, "{magic:x}");
    }
    // As `statfs` gives it where its type is a signed 32-bit number.
    assert_eq!(open::remote(0xFF53_4D42_u32.cast_signed() as u64), Some("CIFS"));
    assert_eq!(open::network(Path::new("/nowhere/at/all")), None);
}

#[test]
fn only_one_handle_executes_at_a_time() {
    let (place, store) = Place::new();
    let other = place.open(Access::Append);
    assert!(!store.is_executing());
    let lock = store.execution_lock().unwrap().unwrap();
    assert!(other.execution_lock().unwrap().is_none() && other.is_executing());
    drop(lock);
    assert!(!other.is_executing() && other.execution_lock().unwrap().is_some());
}

#[test]
fn the_default_waits_ten_seconds() {
    assert_eq!(Settings::default().wait, Duration::from_secs(10));
}

/// To close a file gives up every lock that this process has on it, SQLite's too.
#[cfg(target_os = "linux")]
#[test]
fn to_open_it_once_more_gives_up_no_lock_of_the_first() {
    use std::os::unix::fs::MetadataExt as _;

    let (place, mut first) = Place::new();
    record(&mut first, vec![opening(1)]);
    let (inode, pid) = (place.path.metadata().unwrap().ino(), std::process::id());
    let locks = || {
        let all = std::fs::read_to_string("/proc/locks").unwrap();
        all.lines().filter(|l| l.contains(&format!(" {pid} ")) && l.contains(&format!(":{inode} "))).count()
    };
    let held = locks();
    assert!(held > 0, "it has none");
    let second = place.open(Access::Append);
    assert_eq!(locks(), held);
    drop(second);
    assert_eq!(locks(), held);
}
