//! Opening the file: who may write, what SQLite is told, and reading without leaving a trace.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use tempfile::TempDir;

use super::error::StoreError;
use super::{Settings, schema};

/// A connection with what has to live as long as it does.
pub(super) struct Opened {
    pub(super) conn: Connection,
    /// How SQLite is to open the same file once more, to read it.
    pub(super) query: &'static str,
    /// Set when the connection is to a private copy.
    pub(super) copy: Option<Arc<TempDir>>,
    /// The file was read without locks, since nobody had it open.
    pub(super) unlocked: bool,
    pub(super) presence: Option<Presence>,
    pub(super) notices: Vec<String>,
}

/// The name of a file beside the store: `<store><suffix>`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The folder that holds `path`.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

/// Opens for appending.
pub(super) fn appending(path: &Path, settings: &Settings) -> Result<Opened, StoreError> {
    let meta = look(path)?;
    if let Some(kind) = network(folder(path)) {
        return Err(StoreError::Network(kind));
    }
    let notices = check_modes(path, &meta)?;
    // SQLite would lay files beside a ledger that is not to be touched.
    if let Some(format) = stamped(path, &meta).filter(|f| *f > schema::FORMAT) {
        return Err(StoreError::Newer { found: format, known: schema::FORMAT });
    }
    let presence = Presence::enter(&meta, true)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags).map_err(|e| denied(path, e))?;
    if conn.is_readonly("main").unwrap_or(true) {
        return Err(StoreError::ReadOnly);
    }
    configure(&conn, settings).map_err(|e| foreign(path, e))?;
    conn.set_transaction_behavior(TransactionBehavior::Immediate);
    let format = check_marks(path, &conn).map_err(|e| if writable(folder(path)) { e } else { StoreError::ReadOnly })?;
    if format > schema::FORMAT {
        return Err(StoreError::Newer { found: format, known: schema::FORMAT });
    }
    if format < schema::FORMAT {
        let _one_at_a_time = super::lock::exclusive(&beside(path, ".migrate"))?;
        schema::migrate(&mut conn)?;
        if format < 3 {
            super::projection::renew_glance(&conn)?;
        }
    }
    let mode: String = conn.query_row("PRAGMA journal_mode", [], |r| r.get(0))?;
    if mode != "wal" {
        let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |r| r.get(0))?;
        if mode != "wal" {
            return Err(StoreError::Corrupt(format!("journal mode is `{mode}` and cannot be made `wal`")));
        }
    }
    Ok(Opened { conn, query: "?mode=ro", copy: None, unlocked: false, presence: Some(presence), notices })
}

/// Opens for reading, writing nothing beside the store.
///
/// With `-wal` and `-shm` in place SQLite reads through them, lock and all, without changing a byte of either.
/// Without `-wal` nobody has the file open, and what is there is all there is. A `-wal` alone would have to be
/// given a `-shm`, one that a crash left half begun keeps SQLite waiting for a writer to mend it, and on a network
/// file system neither locks nor shared memory mean anything: there a private copy is read.
pub(super) fn reading(path: &Path, settings: &Settings) -> Result<Opened, StoreError> {
    let meta = look(path)?;
    let (wal, shm) = (beside(path, "-wal").exists(), beside(path, "-shm").exists());
    let remote = network(folder(path)).is_some();
    let (file, query, copy) = match (wal, shm, remote) {
        (true, true, false) if has_begun(&beside(path, "-wal")) => (path.to_owned(), "?mode=ro&readonly_shm=1", None),
        (false, _, false) => (path.to_owned(), "?mode=ro&immutable=1", None),
        _ => {
            let (dir, file) = private_copy(path)?;
            (file, "?mode=ro", Some(Arc::new(dir)))
        }
    };
    let live = query.contains("readonly_shm");
    let presence = if live { Some(Presence::enter(&meta, false)?) } else { None };
    let conn = connect(&file, query, path, settings)?;
    let format = check_marks(path, &conn)?;
    let mut notices = Vec::new();
    if format > schema::FORMAT {
        notices.push(format!(
            "the ledger was written by a newer blotter (format {format}, this one knows {}); some of it may not be shown",
            schema::FORMAT
        ));
    }
    Ok(Opened { conn, query, copy, unlocked: !wal && !remote, presence, notices })
}

/// Another connection to what `conn` reads from the ledger at `path`.
pub(super) fn again(conn: &Connection, query: &str, path: &Path, settings: &Settings) -> Result<Connection, StoreError> {
    connect(conn.path().map_or(path, Path::new), query, path, settings)
}

fn connect(file: &Path, query: &str, path: &Path, settings: &Settings) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(uri(file, query)?, flags).map_err(|e| denied(path, e))?;
    configure(&conn, settings).map_err(|e| foreign(path, e))?;
    Ok(conn)
}

/// Makes the store's folder (0700) and an empty file (0600) under a name of its own beside it.
pub(super) fn begin(path: &Path, settings: &Settings) -> Result<(Connection, PathBuf), StoreError> {
    let dir = folder(path);
    make_folder(dir).map_err(StoreError::io(format!("cannot make the folder `{}`", dir.display())))?;
    if fs::symlink_metadata(path).is_ok() {
        return Err(StoreError::Exists { path: path.to_owned() });
    }
    if let Some(kind) = network(dir) {
        return Err(StoreError::Network(kind));
    }
    let draft = beside(path, &format!(".new-{}", super::unique()));
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .map_err(StoreError::io(format!("cannot make `{}`", draft.display())))?;
    match lay_out(&draft, settings) {
        Ok(conn) => Ok((conn, draft)),
        Err(e) => {
            discard(&draft);
            Err(e)
        }
    }
}

fn lay_out(draft: &Path, settings: &Settings) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(draft, flags)?;
    conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    configure(&conn, settings)?;
    conn.set_transaction_behavior(TransactionBehavior::Immediate);
    schema::migrate(&mut conn)?;
    Ok(conn)
}

/// Makes a folder and those above it (0700), so that their names survive a power cut.
fn make_folder(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let above = folder(dir);
    make_folder(above)?;
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
        other => other?,
    }
    fs::File::open(above)?.sync_all()
}

/// Gives a finished draft its name, unless that name was taken meanwhile.
pub(super) fn publish(conn: Connection, draft: &Path, path: &Path) -> Result<(), StoreError> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    conn.close().map_err(|(_, e)| e)?;
    place(draft, path)
}

/// Flushes `draft` and renames it to `path`, which must not exist, so that both survive a power cut.
pub(super) fn place(draft: &Path, path: &Path) -> Result<(), StoreError> {
    let what = || format!("cannot write `{}`", path.display());
    fs::File::open(draft).and_then(|f| f.sync_all()).map_err(StoreError::io(what()))?;
    // A hard link never replaces what is there.
    fs::hard_link(draft, path).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => StoreError::Exists { path: path.to_owned() },
        _ => StoreError::io(what())(e),
    })?;
    fs::remove_file(draft).map_err(StoreError::io(what()))?;
    fs::File::open(folder(path)).and_then(|f| f.sync_all()).map_err(StoreError::io(what()))
}

/// Removes a draft and what SQLite left beside it; a failure here changes nothing.
pub(super) fn discard(draft: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let _ = fs::remove_file(beside(draft, suffix));
    }
}

/// Tells a connection everything that keeps the record safe, and reads back what decides over durability.
fn configure(conn: &Connection, settings: &Settings) -> Result<(), StoreError> {
    conn.busy_timeout(settings.wait)?;
    for (option, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        // Or every query of the events is planned anew for each value, in case one is what the partial index is for.
        (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
        // A checkpoint on every close would cost every command two more flushes.
        (DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true),
    ] {
        if conn.set_db_config(option, on)? != on {
            return Err(StoreError::Corrupt(format!("SQLite does not take the setting {option:?}")));
        }
    }
    let synchronous = settings.synchronous();
    conn.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous}; PRAGMA recursive_triggers = ON; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;"
    ))?;
    for (name, expected) in [("synchronous", synchronous), ("foreign_keys", 1), ("recursive_triggers", 1), ("secure_delete", 1)] {
        let found: i64 = conn.query_row(&format!("PRAGMA {name}"), [], |r| r.get(0))?;
        if found != expected {
            return Err(StoreError::Corrupt(format!("SQLite has `{name}` at {found}, not {expected}")));
        }
    }
    conn.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn look(path: &Path) -> Result<fs::Metadata, StoreError> {
    let meta = fs::metadata(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StoreError::NotFound { path: path.to_owned() },
        _ => StoreError::io(format!("cannot open `{}`", path.display()))(e),
    })?;
    if meta.is_file() { Ok(meta) } else { Err(StoreError::NotOurs { path: path.to_owned(), why: "it is not a file".to_owned() }) }
}

fn check_modes(path: &Path, meta: &fs::Metadata) -> Result<Vec<String>, StoreError> {
    let mode = meta.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(StoreError::Exposed { path: path.to_owned(), mode });
    }
    let dir = folder(path);
    let dir_mode = fs::metadata(dir).map_err(StoreError::io(format!("cannot look at `{}`", dir.display())))?.mode() & 0o7777;
    let (writable_by_all, sticky) = (dir_mode & 0o002 != 0, dir_mode & 0o1000 != 0);
    if writable_by_all && !sticky {
        return Err(StoreError::Exposed { path: dir.to_owned(), mode: dir_mode });
    }
    let readable = (mode & 0o044 != 0).then(|| format!("`{}` can be read by others (mode {mode:o})", path.display()));
    Ok(readable.into_iter().collect())
}

/// The format that a ledger's header names, where no `-wal` may say otherwise; see "The Database Header" in
/// <https://sqlite.org/fileformat2.html>. Not looked at while this process has the file open: closing it here would give up
/// the locks that SQLite has on it there.
fn stamped(path: &Path, meta: &fs::Metadata) -> Option<i64> {
    // Held until the file is closed again: nobody opens it meanwhile.
    let here = Presence::here();
    if here.iter().any(|(f, _)| *f == (meta.dev(), meta.ino())) {
        return None;
    }
    let mut head = [0; 72];
    fs::File::open(path).and_then(|mut f| f.read_exact(&mut head)).ok()?;
    let word = |at: usize| i64::from(u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
    (word(68) == schema::APPLICATION && !beside(path, "-wal").exists()).then(|| word(60))
}

fn check_marks(path: &Path, conn: &Connection) -> Result<i64, StoreError> {
    let not_ours = |why: String| StoreError::NotOurs { path: path.to_owned(), why };
    let (application, format) = schema::marks(conn).map_err(|e| foreign(path, e.into()))?;
    match application {
        schema::APPLICATION => Ok(format),
        0 if fs::metadata(path).is_ok_and(|m| m.len() == 0) => Err(not_ours("it is empty".to_owned())),
        other => Err(not_ours(format!("it is an SQLite file of another program (application id {other})"))),
    }
}

/// Says of a file that SQLite cannot read what it is not.
fn foreign(path: &Path, e: StoreError) -> StoreError {
    match e {
        StoreError::Sqlite(e) if e.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            StoreError::NotOurs { path: path.to_owned(), why: "it is not an SQLite file".to_owned() }
        }
        other => other,
    }
}

fn denied(path: &Path, e: rusqlite::Error) -> StoreError {
    let what = format!("cannot open `{}`", path.display());
    match e.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            let source = fs::File::open(path).err().unwrap_or_else(|| io::Error::other(e.to_string()));
            StoreError::io(what)(source)
        }
        _ => e.into(),
    }
}

fn writable(dir: &Path) -> bool {
    rustix::fs::access(dir, rustix::fs::Access::WRITE_OK).is_ok()
}

/// An absolute `file:` URI for SQLite.
fn uri(path: &Path, query: &str) -> Result<String, StoreError> {
    let path = std::path::absolute(path).map_err(StoreError::io("cannot name the ledger"))?;
    let mut uri = String::from("file:");
    for b in path.as_os_str().as_bytes() {
        match b {
            b'/' | b'-' | b'_' | b'.' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => uri.push(char::from(*b)),
            _ => uri.push_str(&format!("%{b:02X}")),
        }
    }
    uri.push_str(query);
    Ok(uri)
}

/// True for a `-wal` that is empty or has a header and more, see "WAL File Format" in <https://sqlite.org/fileformat2.html>.
///
/// SQLite flushes the header before the first frame, and does not read without a `-shm` of its own what ends there.
fn has_begun(wal: &Path) -> bool {
    let mut head = [0; 33];
    let read = fs::File::open(wal).and_then(|mut f| {
        let mut n = 0;
        while let more @ 1.. = f.read(&mut head[n..])? {
            n += more;
        }
        Ok(n)
    });
    match read {
        Ok(33..) => is_wal_header(&head[..32]),
        // Less than a header is read as nothing.
        Ok(n) => n < 32,
        // SQLite has its own words for that.
        Err(_) => true,
    }
}

fn is_wal_header(head: &[u8]) -> bool {
    let words: Vec<u32> = head.chunks_exact(4).map(|w| u32::from_be_bytes([w[0], w[1], w[2], w[3]])).collect();
    let (magic, expected) = (words[0], (words[6], words[7]));
    // The last bit says in which order the bytes are summed up.
    let word = |w: u32| if magic & 1 == 1 { w } else { w.swap_bytes() };
    let sum = words[..6].chunks_exact(2).fold((0_u32, 0_u32), |(a, b), pair| {
        let a = a.wrapping_add(word(pair[0])).wrapping_add(b);
        (a, b.wrapping_add(word(pair[1])).wrapping_add(a))
    });
    magic & !1 == 0x377F_0682 && sum == expected
}

/// Copies store and `-wal` into a folder only we can enter, again if somebody changed them meanwhile.
fn private_copy(path: &Path) -> Result<(TempDir, PathBuf), StoreError> {
    let what = || StoreError::io("cannot make a private copy of the ledger");
    let stamp = || ["", "-wal"].map(|s| fs::metadata(beside(path, s)).ok().map(|m| (m.len(), m.mtime(), m.mtime_nsec())));
    let dir = tempfile::Builder::new().prefix("blotter-").tempdir().map_err(what())?;
    let file = dir.path().join("copy");
    for _ in 0..5 {
        let before = stamp();
        for (suffix, _) in ["", "-wal"].iter().zip(before).filter(|(_, there)| there.is_some()) {
            let mut from = fs::File::open(beside(path, suffix)).map_err(what())?;
            let to = beside(&file, suffix);
            let mut to = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to).map_err(what())?;
            io::copy(&mut from, &mut to).map_err(what())?;
        }
        if stamp() == before {
            return Ok((dir, file));
        }
    }
    Err(StoreError::Io { what: "cannot copy the ledger".to_owned(), source: io::Error::other("it keeps changing") })
}

/// The network file system whose number `statfs` gives; only the low 32 bits count.
#[cfg(target_os = "linux")]
pub(super) fn remote(magic: u64) -> Option<&'static str> {
    // From linux/magic.h and the file systems' own sources.
    const REMOTE: [(u64, &str); 12] = [
        (0x6969, "NFS"),
        (0x517B, "SMB"),
        (0xFE53_4D42, "SMB2"),
        (0xFF53_4D42, "CIFS"),
        (0x5346_414F, "AFS"),
        (0x6B41_4653, "AFS"),
        (0x7375_7245, "Coda"),
        (0x00C3_6400, "Ceph"),
        (0x0102_1997, "9P"),
        (0x0BD0_0BD0, "Lustre"),
        (0x0116_1970, "GFS2"),
        (0x7461_636F, "OCFS2"),
    ];
    let magic = magic & 0xFFFF_FFFF;
    REMOTE.iter().find(|(m, _)| *m == magic).map(|(_, name)| *name)
}

/// The kind of network file system that `dir` lies on.
#[cfg(target_os = "linux")]
pub(super) fn network(dir: &Path) -> Option<String> {
    const FUSE: u64 = 0x6573_5546;
    let magic = rustix::fs::statfs(dir).ok()?.f_type as u64;
    if let Some(name) = remote(magic) {
        return Some(name.to_owned());
    }
    if magic & 0xFFFF_FFFF != FUSE {
        return None;
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let kind = fuse_kind(&mounts, &dir.canonicalize().ok()?)?;
    ["sshfs", "s3fs", "rclone", "gluster", "gcsfuse", "goofys", "davfs", "curlftpfs"].iter().any(|k| kind.contains(k)).then_some(kind)
}

/// Other systems are not asked.
#[cfg(not(target_os = "linux"))]
pub(super) fn network(_dir: &Path) -> Option<String> {
    None
}

/// The type of the innermost mount over `dir`, e.g. `fuse.sshfs`.
#[cfg(target_os = "linux")]
fn fuse_kind(mountinfo: &str, dir: &Path) -> Option<String> {
    mountinfo
        .lines()
        .filter_map(|line| {
            let (left, right) = line.split_once(" - ")?;
            let point = left.split(' ').nth(4)?.replace("\\040", " ");
            dir.starts_with(&point).then(|| (point.len(), right.split(' ').next().unwrap_or_default().to_owned()))
        })
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind)
}

/// Which files this process has open, and how.
///
/// SQLite shares one wal-index per file and process. Opened first by a reader it is read-only, and a later writer
/// of the same process would be refused in the middle of its work; better say so at once.
static HERE: Mutex<Vec<((u64, u64), bool)>> = Mutex::new(Vec::new());

/// An entry in [`HERE`], taken out again when dropped.
#[derive(Debug)]
pub(super) struct Presence {
    file: (u64, u64),
    appends: bool,
}

impl Presence {
    fn enter(meta: &fs::Metadata, appends: bool) -> Result<Self, StoreError> {
        let file = (meta.dev(), meta.ino());
        let mut here = Self::here();
        let shared = here.iter().any(|(f, a)| *f == file && *a);
        if appends && !shared && here.iter().any(|(f, _)| *f == file) {
            return Err(StoreError::Reading);
        }
        // A reader that joins a writer shares the writer's wal-index.
        here.push((file, appends || shared));
        Ok(Self { file, appends: appends || shared })
    }

    /// For one more connection of this process.
    pub(super) fn again(&self) -> Self {
        Self::here().push((self.file, self.appends));
        Self { ..*self }
    }

    fn here() -> MutexGuard<'static, Vec<((u64, u64), bool)>> {
        HERE.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut here = Self::here();
        if let Some(i) = here.iter().position(|e| *e == (self.file, self.appends)) {
            here.swap_remove(i);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_innermost_mount_decides() {
        let mounts = "22 1 8:1 / / rw - ext4 /dev/vda rw\n40 22 0:41 / /mnt/far rw - fuse.sshfs u@h:/ rw\n";
        assert_eq!(fuse_kind(mounts, Path::new("/mnt/far/x")).as_deref(), Some("fuse.sshfs"));
        assert_eq!(fuse_kind(mounts, Path::new("/mnt/farther")).as_deref(), Some("ext4"));
    }

    #[test]
    fn uris_carry_any_path() {
        assert_eq!(uri(Path::new("/a b/c?d#e%é"), "?x").unwrap(), "file:/a%20b/c%3Fd%23e%25%C3%A9?x");
    }
}
