//! Page time when things go wrong around us: no credentials, another account, a broken ledger, Ctrl-C, a closed pipe.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use blotter::simulator::Fault;
use blotter::simulator::Rule;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::harness::{House, Ran, snapshot, until};

fn evidence<'a>(document: &'a Value, probe: &str) -> &'a Value {
    let all = document["evidence"].as_array().expect("evidence");
    all.iter().find(|e| e["probe"] == probe).unwrap_or_else(|| panic!("no {probe} in {document:#}"))
}

#[test]
fn opening_shows_what_the_probes_saw_and_what_is_next() {
    let house = House::beside("INC-001");
    house.ok("deploy record --version 41 --status good --function mission-control-api --alias prod");
    snapshot!(house, "open", house.ok("open INC-001"));
    snapshot!(house, "show", house.ok("show"));
}

#[test]
fn verdicts_become_exit_codes_only_when_asked() {
    let house = House::beside("INC-001");
    house.ok("open INC-001");
    assert_eq!(house.run("collect --probe status --check").code, 10);
    assert_eq!(house.run("collect --probe status").code, 0);
    let stack = house.stack.as_ref().expect("a stack");
    stack.fault(Rule::new("/prod", Fault::Cut));
    assert_eq!(house.run("collect --probe status --check").code, 11);
}

#[test]
fn without_credentials_it_says_so_soon() {
    let mut house = House::beside("INC-001");
    // A metadata service that takes the call and never answers, as behind a firewall.
    let silent = TcpListener::bind("127.0.0.1:0").expect("loopback");
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        house.unset(name);
    }
    house.set("AWS_EC2_METADATA_DISABLED", "false");
    house.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &format!("http://{}", silent.local_addr().expect("an address")));
    let document = house.json("open INC-001");
    for probe in ["lambda-error-rate", "lambda-errors", "alias", "versions"] {
        let e = evidence(&document, probe);
        assert_eq!((&e["outcome"], &e["verdict"]), (&"no-credentials".into(), &"unknown".into()), "{e}");
        // Two seconds are promised; the rest is this machine's.
        assert!(e["duration_ms"].as_u64().is_some_and(|ms| ms < 3500), "{e}");
    }
    assert_eq!(evidence(&document, "status")["verdict"], "unmet", "what needs no credentials was looked at");
}

#[test]
fn another_account_answers_nothing() {
    let house = House::beside("INC-001");
    let stack = house.stack.as_ref().expect("a stack");
    stack.edit(|world| world.caller.account = "999999999999".to_owned());
    let document = house.json("open INC-001");
    for probe in ["lambda-error-rate", "lambda-errors", "alias"] {
        let e = evidence(&document, probe);
        assert_eq!(e["verdict"], "unknown", "{e}");
        let said = e["observed"].as_str().unwrap_or_default();
        assert!(said.contains("wrong account") && said.contains("999999999999") && said.contains("121546003735"), "{e}");
    }
    assert_eq!(evidence(&document, "status")["verdict"], "unmet");
}

#[test]
fn the_region_of_the_shell_decides_nothing() {
    let mut house = House::beside("INC-001");
    house.set("AWS_REGION", "eu-central-1");
    house.set("AWS_DEFAULT_REGION", "eu-central-1");
    let document = house.json("open INC-001");
    assert_eq!(evidence(&document, "alias")["outcome"], "answered");
    let regions: Vec<_> = house.stack.as_ref().expect("a stack").calls().into_iter().filter_map(|c| c.region).collect();
    assert!(!regions.is_empty() && regions.iter().all(|r| r == "us-east-1"), "{regions:?}");
}

/// `second` is asked only when `first` has been answered, and is never answered itself.
const CHAIN: &str = r#"# INC-902: Chain

```toml runbook
severity = "P1"
[vars]
api = "http://127.0.0.1:1/prod"
```

## Steps

### 1. Look

```toml probe
id = "first"
kind = "http"
url = "{{vars.api}}/beak/system/status"
expect = ["status == 200"]
```

```toml probe
id = "second"
kind = "http"
url = "{{vars.api}}/slow?{{probe.first.status}}"
timeout = "60s"
expect = ["status == 200"]
```
"#;

#[test]
fn ctrl_c_keeps_what_was_captured() {
    let house = House::beside("");
    let stack = house.stack.as_ref().expect("a stack");
    stack.fault(Rule::new("/prod/slow", Fault::Latency(std::time::Duration::from_secs(60))));
    house.write("chain.md", CHAIN);
    let child = house.start(&["open", "chain.md"]);
    until("the second probe's call", || stack.calls().iter().any(|c| c.operation.contains("/prod/slow")));
    kill_process(Pid::from_child(&child), Signal::INT).expect("it is running");
    let ran = Ran::from(child.wait_with_output().expect("an end"));
    assert_eq!(ran.code, 130, "{ran}");
    ran.says(&["interrupted: what was captured is recorded"]);
    let document = house.json("show");
    assert_eq!(evidence(&document, "first")["verdict"], "met");
    assert_eq!(
        (&evidence(&document, "second")["outcome"], &evidence(&document, "second")["verdict"]),
        (&"skipped".into(), &"unknown".into())
    );
    house.ok("verify");
}

#[test]
fn triage_without_its_ledger_says_so_and_looks_all_the_same() {
    let house = House::beside("INC-001");
    house.write("ledger/blotter.db", "not a ledger");
    std::fs::set_permissions(house.ledger(), PermissionsExt::from_mode(0o600)).expect("it is ours");
    let ran = house.run("triage");
    assert_eq!(ran.code, 10, "{ran}");
    assert!(ran.stdout.contains("INC-001 MATCH"), "{ran}");
    ran.says(&["the ledger could not be read, so nothing over time could be judged: ", "is not a ledger of blotter"]);
    let said = house.run("triage --json").json();
    assert!(said["ledger_unread"].as_str().is_some_and(|s| s.contains("is not a ledger of blotter")), "{said}");

    std::fs::remove_file(house.ledger()).expect("it is ours");
    let ran = house.run("triage");
    assert_eq!((ran.code, ran.stderr.contains("ledger")), (10, false), "no ledger yet is no trouble\n{ran}");
    assert_eq!(house.run("triage --json").json()["ledger_unread"], serde_json::Value::Null);
}

#[test]
fn a_broken_ledger_blinds_nobody() {
    let house = House::beside("INC-001");
    house.write("ledger/blotter.db", "not a ledger");
    std::fs::set_permissions(house.ledger(), PermissionsExt::from_mode(0o600)).expect("it is ours");
    let ran = house.run("open INC-001");
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.stdout.contains("status               UNMET"), "{ran}");
    assert!(ran.stdout.contains("lambda-errors        UNMET"), "{ran}");
    ran.says(&["error: not recorded: ", "is not a ledger of blotter", "hint: What was seen is in `", "blotter open --from "]);

    let name = house.ledger_bytes().into_keys().find(|n| n.starts_with("blotter-spool-")).expect("a spool file beside the ledger");
    let spool = house.path("ledger").join(&name);
    let mode = std::fs::metadata(&spool).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "others may not read it");

    std::fs::remove_file(house.ledger()).expect("it is ours");
    let from = format!("open --from ledger/{name}");
    let ran = house.ok(&from);
    assert!(ran.stdout.contains("incident 1 opened"), "{ran}");
    let shown = house.ok("show").stdout;
    assert!(shown.contains("recorded late: its probes ran"), "{shown}");
    assert_eq!(evidence(&house.json("show"), "status")["verdict"], "unmet");
    house.run(&from).fails(12, &["is recorded already, as incident 1"]);
    house.ok("verify");
}

#[test]
fn a_spool_that_is_none_is_told_with_its_place() {
    let house = House::new();
    house.write("x.jsonl", "{\"a\":1}\n");
    house.run("open --from x.jsonl").fails(2, &["x.jsonl:1: not a capture that `open` put aside"]);
    house.run("open --from gone.jsonl").fails(2, &["`gone.jsonl` cannot be read"]);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let house = House::new();
    house.ok("open INC-001 --no-probes");
    for words in
        [&["show", "--timeline"][..], &["list", "--all"], &["show", "--json"], &["runbook", "show", "INC-001"], &["verify"], &["--help"]]
    {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let out = house.command(words).stdout(writer).stderr(Stdio::piped()).output().expect("the binary");
        let ran = Ran::from(out);
        assert_eq!((ran.code, ran.stderr.contains("error")), (0, false), "{words:?}\n{ran}");
    }
}

/// The most memory that the process has had, in KiB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it is running");
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_of_any_length_needs_no_more_memory() {
    let house = House::new();
    house.ok("open INC-001 --no-probes");
    let mut child = house.start(&["attach", "-", "--name", "dump"]);
    let mut input = child.stdin.take().expect("a pipe");
    // Lines that differ, so that they do not compress to nothing.
    let block: Vec<u8> =
        (0..4096_u32).flat_map(|n| format!("{:08x} GET /status 200\n", n.wrapping_mul(2_654_435_761)).into_bytes()).collect();
    let mut feed = |mib: usize| {
        for _ in 0..(mib << 20) / block.len() {
            input.write_all(&block).expect("somebody who reads");
        }
    };
    // The pipe holds 64 KiB at most, so what was written has been read.
    feed(16);
    let early = peak(child.id());
    feed(80);
    let late = peak(child.id());
    drop(input);
    let ran = Ran::from(child.wait_with_output().expect("an end"));
    assert_eq!(ran.code, 0, "{ran}");
    assert!(late < early + 24 * 1024, "{early} KiB after 16 MiB, {late} KiB after 96 MiB");
    assert!(late < 128 * 1024, "{late} KiB");
    house.ok("verify");
}
