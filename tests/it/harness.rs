//! Runs the real binary the way a person does, cut off from everything that this machine is: environment, home, AWS.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use blotter::record::time::Timestamp;
use blotter::simulator::{Clock, Simulator, World, scenario};
use serde_json::Value;
use tempfile::TempDir;

/// Settings that every house starts with.
const SETTINGS: &str = r#"
store = "ledger/blotter.db"

[people.T-OPS]
emails = ["ops@example.org"]

[people.T-JOSH]
contact = "+1 555 0100"

[people.T-ANA]
"#;

/// A folder of its own with settings, a ledger to be, and perhaps a simulated stack.
pub(crate) struct House {
    folder: TempDir,
    env: BTreeMap<String, String>,
    pub(crate) stack: Option<Simulator>,
}

/// How a run of the binary ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The machine's clock, as the stack needs it.
pub(crate) fn real_clock() -> Clock {
    let millis = || SystemTime::UNIX_EPOCH.elapsed().map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(0));
    Clock::reading(move || Timestamp::from_millis(millis()).expect("a time of our days"))
}

impl House {
    /// A house without a stack: probes find nobody.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("house-").tempdir().expect("a folder");
        for name in ["home", "tmp", "work/ledger"] {
            std::fs::create_dir_all(folder.path().join(name)).expect("a folder");
        }
        let house = Self { folder, env: BTreeMap::new(), stack: None };
        house.settle("");
        house
    }

    /// A house beside a stack that is broken the way `scenario` says; in good health when that is empty.
    pub(crate) fn beside(scenario: &str) -> Self {
        let mut world = World::seed(real_clock());
        if !scenario.is_empty() {
            scenario::break_it(scenario, &mut world).expect("a scenario");
        }
        let house = Self::beside_world(world);
        let api = house.stack.as_ref().map(Simulator::api_url).unwrap_or_default();
        house.settle(&format!("[vars]\napi = \"{api}\"\n"));
        house
    }

    /// A house beside any stack, with nothing in its settings about it.
    pub(crate) fn beside_world(world: World) -> Self {
        let stack = Simulator::start(world).expect("loopback");
        let mut house = Self::new();
        house.set("AWS_ENDPOINT_URL", stack.url());
        house.set("AWS_ACCESS_KEY_ID", "AKIATEST");
        house.set("AWS_SECRET_ACCESS_KEY", "test");
        house.stack = Some(stack);
        house
    }

    /// Writes `blotter.toml`: what every house has, and `more`.
    pub(crate) fn settle(&self, more: &str) {
        self.write("blotter.toml", format!("{SETTINGS}\n{more}"));
    }

    /// Puts a variable into the environment of every run.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }

    /// Takes a variable out again.
    pub(crate) fn unset(&mut self, name: &str) {
        self.env.remove(name);
    }

    /// A path below the folder that the binary runs in.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("work").join(name)
    }

    /// The folder for temporary files.
    pub(crate) fn tmp(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    /// The ledger's file.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.path("ledger/blotter.db")
    }

    /// Writes a file into the folder that the binary runs in.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    /// The binary with these words, ready to be run.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blotter"));
        command.args(words);
        self.dress(&mut command);
        command
    }

    /// A shell that finds the binary as `$BLOTTER`.
    pub(crate) fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        self.dress(&mut command);
        command.env("BLOTTER", env!("CARGO_BIN_EXE_blotter"));
        command
    }

    fn dress(&self, command: &mut Command) {
        command.env_clear().current_dir(self.folder.path().join("work")).stdin(Stdio::null());
        let fixed = [
            ("PATH", "/usr/bin:/bin"),
            ("TZ", "UTC"),
            ("LC_ALL", "C.UTF-8"),
            ("NO_COLOR", "1"),
            ("COLUMNS", "100"),
            ("BLOTTER_ACTOR", "T-OPS"),
        ];
        command.envs(fixed).env("HOME", self.folder.path().join("home")).env("TMPDIR", self.tmp());
        // Nobody on loopback pretends to be the metadata service of a cloud machine.
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command.envs(&self.env);
    }

    /// Runs a command line, quoted as a shell would have it, without the `blotter`.
    pub(crate) fn run(&self, line: &str) -> Ran {
        let words = blotter::cli::line::split(line).expect("quotes that match");
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Ran::from(self.command(&words).output().expect("the binary"))
    }

    /// [`House::run`], which has to work.
    #[track_caller]
    pub(crate) fn ok(&self, line: &str) -> Ran {
        let ran = self.run(line);
        assert_eq!(ran.code, 0, "blotter {line}\n{ran}");
        ran
    }

    /// [`House::ok`] with `--json`.
    #[track_caller]
    pub(crate) fn json(&self, line: &str) -> Value {
        self.ok(&format!("{line} --json")).json()
    }

    /// Approves an action as that person, who gets a key and a line among the signers the first time.
    #[track_caller]
    pub(crate) fn approve(&self, action: &str, person: &str) {
        let key = self.folder.path().join("home").join(person);
        if !key.exists() {
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
            assert!(made.expect("ssh-keygen").success());
            let public = std::fs::read_to_string(key.with_extension("pub")).expect("its public half");
            let list = self.path("allowed_signers");
            let known = std::fs::read_to_string(&list).unwrap_or_default();
            std::fs::write(list, format!("{known}{person} namespaces=\"approval@blotter\" {public}")).expect("a list of signers");
        }
        self.ok(&format!("approve {action} --as {person} --key {}", key.display()));
    }

    /// Runs a command line with `input` on its standard input.
    pub(crate) fn feed(&self, line: &str, input: &[u8]) -> Ran {
        let words = blotter::cli::line::split(line).expect("quotes that match");
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut child = self.start(&words);
        child.stdin.take().expect("a pipe").write_all(input).expect("somebody who reads");
        Ran::from(child.wait_with_output().expect("an end"))
    }

    /// Starts the binary with pipes on all three.
    pub(crate) fn start(&self, words: &[&str]) -> Child {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the binary")
    }

    /// Everything that lies in the ledger's folder, by name.
    pub(crate) fn ledger_bytes(&self) -> BTreeMap<String, Vec<u8>> {
        let folder = self.path("ledger");
        let entries = std::fs::read_dir(folder).expect("the ledger's folder");
        entries
            .map(|e| {
                let path = e.expect("an entry").path();
                (path.file_name().expect("a name").to_string_lossy().into_owned(), std::fs::read(&path).expect("a file"))
            })
            .collect()
    }

    /// The settings of a snapshot: what differs from run to run is replaced by its name.
    pub(crate) fn filters(&self) -> insta::Settings {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let folder = regex::escape(&self.folder.path().to_string_lossy());
        let filters = [
            (folder.as_str(), "[DIR]"),
            (r"127\.0\.0\.1:\d+", "[HOST]"),
            (r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b", "[ID]"),
            (r"\b[0-9a-f]{64}\b", "[HASH]"),
            (r"SHA256:[A-Za-z0-9+/]{43}", "SHA256:[KEY]"),
            (r"\b[0-9a-f]{32}\b", "[ID]"),
            (r"\b[0-9a-f]{8,16}…", "[HASH]…"),
            (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?UTC|Z)?\b", "[TIME]"),
            (r"\b\d\d:\d\d:\d\dZ? UTC\b", "[TIME]"),
            (r"\b\d\d:\d\dZ? UTC\b", "[TIME]"),
            (r"\b\d+(\.\d+)? ?ms\b", "[SPAN]"),
            (r"\b\d+ ?s\b( ago| left)?", "[SPAN]$1"),
            (r"\bjust now\b", "[SPAN] ago"),
            // Minutes of a window that moves with the clock.
            (r"sum is \d+\.0", "sum is [SUM]"),
        ];
        for (pattern, name) in filters {
            settings.add_filter(pattern, name);
        }
        settings
    }
}

impl Ran {
    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("not JSON ({e})\n{self}"))
    }

    /// Asserts exit code, and that standard error says all of `said`; nothing may stand on standard output.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, said: &[&str]) {
        assert_eq!(self.code, code, "{self}");
        assert_eq!(self.stdout, "", "an error belongs on standard error\n{self}");
        self.says(said);
    }

    /// Asserts that standard error says all of `said`.
    #[track_caller]
    pub(crate) fn says(&self, said: &[&str]) {
        for text in said {
            assert!(self.stderr.contains(text), "standard error lacks `{text}`\n{self}");
        }
    }
}

impl From<Output> for Ran {
    fn from(out: Output) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        // As a shell has it: ended by a signal.
        let code = out.status.code().unwrap_or_else(|| 128 + out.status.signal().unwrap_or(0));
        Self { code, stdout: text(out.stdout), stderr: text(out.stderr) }
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit: {}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// Waits until `is_so`, at most ten seconds.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(10), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Snapshots what a command prints, with its exit code.
macro_rules! snapshot {
    ($house:expr, $name:expr, $ran:expr) => {
        $house.filters().bind(|| insta::assert_snapshot!($name, $ran.to_string()))
    };
}
pub(crate) use snapshot;
