//! A team: settings with people, keys of their own, and a stack on loopback that they can change.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use blotter::record::time::Timestamp;
use blotter::simulator::{Call, Clock, Fault, Rule, Simulator, World, scenario};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::person::blotter;
use crate::rig::{Rig, said};

const SETTINGS: &str = r#"
runbooks = "runbooks"

[people.T-OPS]

[people.T-JOSH]

[erase]
approve = { from = ["T-JOSH"] }
"#;

/// A rollback without the wait for recovery that the built-in runbook has.
const RUNBOOK: &str = r#"# ROLL-1: Bad version

```toml runbook
severity = "P1"
review-by = 2027-03-22

[aws]
region = "us-east-1"
account = "121546003735"
```

### 1. See where the alias points

```toml probe
id = "alias"
kind = "aws.lambda.alias"
function = "mission-control-api"
alias = "prod"
```

### 2. Go back

```toml action
id = "rollback"
kind = "aws.lambda.update-alias"
function = "mission-control-api"
alias = "prod"
from-version = "{{probe.alias.FunctionVersion}}"
to-version = "41"
requires = [{ probe = "alias", if = "FunctionVersion == '42'" }]
approve = { from = ["T-JOSH"], expires = "24h" }
```
"#;

/// People, their ledger and their stack. All copies of the world reach the same stack.
pub(crate) struct Team {
    pub(crate) rig: Rig,
    pub(crate) stack: Simulator,
    /// The stack as it is put back.
    broken: World,
    /// The calls that came before it was put back.
    before: AtomicUsize,
}

impl Team {
    /// A team beside a stack that is broken the way `scenario` says.
    pub(crate) fn beside(scenario: &str) -> Self {
        let millis = || SystemTime::UNIX_EPOCH.elapsed().map_or(0, |d| i64::try_from(d.as_millis()).unwrap());
        let mut broken = World::seed(Clock::reading(move || Timestamp::from_millis(millis()).unwrap()));
        scenario::break_it(scenario, &mut broken).unwrap();
        let team = Self { rig: Rig::new(), stack: Simulator::start(broken.clone()).unwrap(), broken, before: AtomicUsize::new(0) };
        let world = team.rig.world();
        std::fs::create_dir(world.join("runbooks")).unwrap();
        std::fs::write(world.join("runbooks/ROLL-1-bad-version.md"), RUNBOOK).unwrap();
        std::fs::write(world.join("blotter.toml"), SETTINGS).unwrap();
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(team.key()).status();
        assert!(made.unwrap().success());
        let public = std::fs::read_to_string(team.key().with_extension("pub")).unwrap();
        std::fs::write(world.join("allowed_signers"), format!("T-JOSH namespaces=\"approval@blotter\" {public}")).unwrap();
        team
    }

    /// A team whose rollback `1.a1` is approved and may be executed.
    pub(crate) fn about_to_roll_back() -> Self {
        Self::about_to("INC-001", "ROLL-1", "rollback")
    }

    /// A team whose action `1.a1` is approved and may be executed.
    pub(crate) fn about_to(scenario: &str, runbook: &str, action: &str) -> Self {
        let team = Self::beside(scenario);
        team.run(&["open", runbook, "--no-probes"]);
        team.run(&["propose", action]);
        team.run(&team.approval("a1").each_ref().map(String::as_str));
        team.rig.settle();
        team
    }

    /// The private key of T-JOSH.
    pub(crate) fn key(&self) -> PathBuf {
        self.rig.home().join("T-JOSH")
    }

    /// `blotter ARGS…` as T-OPS in `rig`, a copy of this team's world or that world itself.
    pub(crate) fn command(&self, rig: &Rig, args: &[&str]) -> Command {
        let mut command = blotter(rig, args);
        command.env("BLOTTER_ACTOR", "T-OPS").stdin(Stdio::null());
        command.env("AWS_ENDPOINT_URL", self.stack.url()).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_ACCESS_KEY_ID", "AKIATEST").env("AWS_SECRET_ACCESS_KEY", "test");
        command
    }

    /// Runs it to the end.
    pub(crate) fn output(&self, rig: &Rig, args: &[&str]) -> Output {
        self.command(rig, args).output().unwrap()
    }

    /// Runs it in the team's own world to the end, which must be a good one.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let output = self.output(&self.rig, args);
        assert!(output.status.success(), "`blotter {}`: {}", args.join(" "), said(&output));
        output
    }

    /// The words that approve an action as T-JOSH.
    pub(crate) fn approval(&self, action: &str) -> [String; 6] {
        ["approve", action, "--as", "T-JOSH", "--key", self.key().to_str().unwrap()].map(str::to_owned)
    }

    /// A copy of the world, with the stack as it was and its calls forgotten.
    pub(crate) fn fresh(&self) -> Rig {
        self.restore();
        Rig::like(&self.rig.world())
    }

    /// Puts the stack back to where it was, and forgets its calls.
    pub(crate) fn restore(&self) {
        self.stack.clear_faults();
        self.stack.edit(|w| *w = self.broken.clone());
        self.before.store(self.stack.calls().len(), Ordering::SeqCst);
    }

    /// The calls of `operation` that reached the stack since it was put back.
    pub(crate) fn calls(&self, operation: &str) -> Vec<Call> {
        let calls = self.stack.calls().into_iter().skip(self.before.load(Ordering::SeqCst));
        calls.filter(|c| c.operation == operation).collect()
    }

    /// The version that the alias points to.
    pub(crate) fn version(&self) -> String {
        self.stack.edit(|w| w.functions["mission-control-api"].aliases["prod"].version.clone())
    }

    /// Starts `command` and waits until the stack has its call number `nth` of `operation` and holds it: `acted` says
    /// whether it did what the call asks for, and only the answer is missing.
    pub(crate) fn hold(&self, mut command: Command, operation: &str, nth: usize, acted: bool) -> Held {
        let (_, name) = operation.split_once('/').unwrap();
        let rule = Rule::new(operation, Fault::Latency(Duration::from_secs(3600))).after(nth as u64 - 1);
        self.stack.fault(if acted { rule.late() } else { rule });
        let mut held = Held(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        let has_it = |calls: &[Call]| calls.get(nth - 1).is_some_and(|c| c.applied == acted);
        while !has_it(&self.calls(name)) {
            if let Some(status) = held.0.try_wait().unwrap() {
                let mut error = String::new();
                held.0.stderr.take().unwrap().read_to_string(&mut error).unwrap();
                panic!("it ended before call {nth} of {operation}: {status}\n{error}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        kill_process(Pid::from_child(&held.0), Signal::STOP).unwrap();
        held
    }
}

/// A process that waits for an answer. It is killed, as by `kill -9`, when this is dropped.
pub(crate) struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The status of action `1.a1`, as `show` says it.
pub(crate) fn status(team: &Team, rig: &Rig) -> String {
    let output = team.output(rig, &["show", "1", "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    shown["actions"][0]["status"].as_str().unwrap().to_owned()
}
