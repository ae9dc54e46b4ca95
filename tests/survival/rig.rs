//! A folder whose disk can be made to fail, and what is left of it after a power cut.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use tempfile::TempDir;

/// The shim, built once for all tests.
fn shim() -> &'static Path {
    static BUILT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = BUILT.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shim.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/survival/shim.c");
        let mut cc = Command::new("cc");
        cc.args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]).arg(&path).arg(source).arg("-ldl");
        let built = cc.output().expect("these tests need a C compiler by the name of `cc`");
        assert!(built.status.success(), "`cc` cannot build the shim:\n{}", String::from_utf8_lossy(&built.stderr));
        (dir, path)
    });
    path
}

/// Numbers that look random and are the same for the same seed (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A seed from `SURVIVAL_SEED`, or a new one; the failing test prints it.
    pub(crate) fn new() -> Self {
        let given = std::env::var("SURVIVAL_SEED").ok().and_then(|s| s.parse().ok());
        Self(given.unwrap_or_else(|| {
            let mut seed = [0; 4];
            getrandom::fill(&mut seed).unwrap();
            u64::from(u32::from_ne_bytes(seed))
        }))
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    /// One or the other.
    pub(crate) fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// A folder to work in, the shadow of its disk, and notes about what the shim did.
pub(crate) struct Rig {
    dir: TempDir,
}

impl Rig {
    /// An empty world.
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("survival-").tempdir().unwrap();
        let rig = Self { dir };
        fs::create_dir(rig.world()).unwrap();
        fs::create_dir(rig.home()).unwrap();
        rig.settle();
        rig
    }

    /// A world like the folder `from`, all of it on disk.
    pub(crate) fn like(from: &Path) -> Self {
        let rig = Self::new();
        copy_tree(from, &rig.world());
        rig.settle();
        rig
    }

    /// The shim compares names as the kernel sees them.
    fn base(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    /// The watched folder.
    pub(crate) fn world(&self) -> PathBuf {
        self.base().join("world")
    }

    /// The ledger; its folder is not made in advance.
    pub(crate) fn store(&self) -> PathBuf {
        self.world().join("store/blotter.db")
    }

    /// Where a child says what was acknowledged; not watched.
    pub(crate) fn acks(&self) -> PathBuf {
        self.base().join("acks")
    }

    /// Home and folder for temporary files; not watched.
    pub(crate) fn home(&self) -> PathBuf {
        self.base().join("home")
    }

    fn shadow(&self) -> PathBuf {
        self.base().join("shadow")
    }

    fn log(&self) -> PathBuf {
        self.base().join("log")
    }

    /// What the shim did, one thing a line: `failed pwrite64 /…/blotter.db-wal`.
    pub(crate) fn done(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default().replace(&format!("{}/", self.world().display()), "")
    }

    /// Everything that is in the world now counts as on disk; what the shim noted is forgotten.
    pub(crate) fn settle(&self) {
        let shadow = self.shadow();
        if shadow.exists() {
            fs::remove_dir_all(&shadow).unwrap();
        }
        fs::create_dir(&shadow).unwrap();
        let mut folders = vec![self.world()];
        while let Some(folder) = folders.pop() {
            let mut names = String::new();
            for entry in fs::read_dir(&folder).unwrap() {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                names.push_str(&format!("{} {name}\n", key(&entry.path())));
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    fs::copy(entry.path(), shadow.join(key(&entry.path()))).unwrap();
                }
            }
            fs::write(shadow.join(key(&folder)), names).unwrap();
        }
        for file in [self.log(), self.acks()] {
            let _ = fs::remove_file(file);
        }
    }

    /// Puts `command` behind the shim. `settings` are those of `shim.c` without `SHIM_`.
    pub(crate) fn shimmed(&self, mut command: Command, settings: &[(&str, String)]) -> Command {
        command.env("LD_PRELOAD", shim()).env("SHIM_UNDER", self.world()).env("SHIM_LOG", self.log());
        command.envs(settings.iter().map(|(name, value)| (format!("SHIM_{name}"), value)));
        command
    }

    /// Lets the shadow follow `command`.
    pub(crate) fn shadowed(&self, command: Command, settings: &[(&str, String)]) -> Command {
        let mut command = self.shimmed(command, settings);
        command.env("SHIM_SHADOW", self.shadow());
        command
    }

    /// What a power cut would leave, in a folder of its own. Without dice only what was flushed; with dice each
    /// name and each sector that was not may be there all the same.
    pub(crate) fn power_cut(&self, mut dice: Option<&mut Dice>) -> TempDir {
        let left = tempfile::Builder::new().prefix("survival-cut-").tempdir().unwrap();
        let mut live = BTreeMap::new();
        note_all(&self.world(), &mut live);
        self.restore(&key(&self.world()), left.path(), &live, &mut dice);
        left
    }

    fn restore(&self, folder: &str, to: &Path, live: &BTreeMap<String, PathBuf>, dice: &mut Option<&mut Dice>) {
        let flushed: BTreeMap<String, String> = fs::read_to_string(self.shadow().join(folder))
            .unwrap_or_default()
            .lines()
            .filter_map(|l| l.split_once(' '))
            .map(|(key, name)| (name.to_owned(), key.to_owned()))
            .collect();
        let mut names = flushed.clone();
        if let (Some(dice), Some(folder)) = (dice.as_deref_mut(), live.get(folder)) {
            let now: BTreeMap<String, String> =
                fs::read_dir(folder).unwrap().map(|e| e.unwrap()).map(|e| (e.file_name().into_string().unwrap(), key(&e.path()))).collect();
            for name in flushed.keys().chain(now.keys()) {
                if dice.coin() {
                    match now.get(name) {
                        Some(key) => names.insert(name.clone(), key.clone()),
                        None => names.remove(name),
                    };
                }
            }
        }
        for (name, key) in names {
            let to = to.join(name);
            if key.starts_with("dir-") {
                fs::create_dir(&to).unwrap();
                self.restore(&key, &to, live, dice);
            } else {
                // A name without bytes is an empty file.
                let mut bytes = fs::read(self.shadow().join(&key)).unwrap_or_default();
                if let (Some(dice), Some(now)) = (dice.as_deref_mut(), live.get(&key)) {
                    mix(&mut bytes, &fs::read(now).unwrap(), dice);
                }
                fs::write(&to, bytes).unwrap();
                chmod(&to, 0o600);
            }
        }
    }
}

/// Lets some sectors be as they are now, though nobody flushed them.
fn mix(flushed: &mut Vec<u8>, now: &[u8], dice: &mut Dice) {
    const SECTOR: usize = 512;
    if dice.coin() {
        flushed.resize(now.len(), 0);
    }
    for (n, sector) in flushed.chunks_mut(SECTOR).enumerate() {
        if let Some(new) = now.get(n * SECTOR..n * SECTOR + sector.len())
            && dice.coin()
        {
            sector.copy_from_slice(new);
        }
    }
}

/// How the shim names an inode.
fn key(path: &Path) -> String {
    let meta = fs::symlink_metadata(path).unwrap();
    let born = meta.created().map(|t| t.duration_since(UNIX_EPOCH).unwrap()).unwrap_or_default();
    let kind = if meta.is_dir() { "dir" } else { "file" };
    format!("{kind}-{}.{}.{:09}", meta.ino(), born.as_secs(), born.subsec_nanos())
}

fn note_all(path: &Path, live: &mut BTreeMap<String, PathBuf>) {
    live.insert(key(path), path.to_owned());
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            note_all(&entry.unwrap().path(), live);
        }
    }
}

/// Copies a folder and all that is in it, modes too.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() { copy_tree(&entry.path(), &to) } else { fs::copy(entry.path(), to).map(drop).unwrap() }
    }
}

/// Sets the permission bits.
pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

/// What a command printed, for a message.
pub(crate) fn said(output: &Output) -> String {
    format!("{}\n{}{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
