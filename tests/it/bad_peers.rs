//! Peers that stall, lie, flood, hang up or refuse: each costs its own probe alone, and the record says what became of it.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blotter::simulator::{Fault, Rule};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::harness::{House, Ran};

#[path = "../../src/collect/http/tests/tls.rs"]
mod tls;

/// One probe of every kind that asks a peer. `LIMIT` is the time limit of those that are to meet a bad one.
const RUNBOOK: &str = r#"# INC-903: Bad peers

```toml runbook
severity = "P1"
[aws]
region = "us-east-1"
[vars]
api = "http://127.0.0.1:1/prod"
```

## Steps

### 1. Look

```toml probe
id = "status"
kind = "http"
url = "URL"
max-bytes = "64KiB"
timeout = "LIMIT"
expect = ["status == 200"]
```

```toml probe
id = "audit"
kind = "http"
url = "{{vars.api}}/beak/audit"
method = "POST"
read-only = true
timeout = "60s"
expect = ["status == 200"]
```

```toml probe
id = "alias"
kind = "aws.lambda.alias"
function = "mission-control-api"
alias = "prod"
timeout = "LIMIT"
expect = ["FunctionVersion == '41'"]
```

```toml probe
id = "log"
kind = "aws.logs.filter"
log-group = "/aws/lambda/mission-control-api"
since = "2h"
timeout = "LIMIT"
expect = ["length(events) > 0"]
```

```toml probe
id = "metric"
kind = "aws.cloudwatch.metric"
namespace = "AWS/Lambda"
metric = "Errors"
dimensions = { FunctionName = "mission-control-api", Resource = "mission-control-api:prod" }
since = "2h"
timeout = "LIMIT"
expect = ["count > 0"]
```

```toml probe
id = "executions"
kind = "aws.sfn.executions"
state-machine = "arn:aws:states:us-east-1:121546003735:stateMachine:peck-approval-workflow"
timeout = "60s"
expect = ["length(executions) > 0"]
```

```toml probe
id = "mail"
kind = "aws.ses.account"
timeout = "60s"
expect = ["SendQuota.Max24HourSend == 200"]
```
"#;

const STATUS: &str = "{{vars.api}}/beak/system/status";

/// Nobody gets near it: what such a peer does is over at once.
const AMPLE: &str = "60s";

/// What is kept of the answer of a bad peer.
enum Kept {
    Nothing,
    /// The status, and as much of the body as begins like this and is at least so long.
    Body(&'static str, usize),
}
use Kept::{Body, Nothing};

/// Writes the runbook: where `status` asks, and the time limit of the probes that meet bad peers.
fn ready(house: &House, url: &str, limit: &str) {
    house.write("peers.md", RUNBOOK.replace("URL", url).replace("LIMIT", limit));
}

/// Waits for the end of a process; one that a peer keeps for ever must not keep the test as well.
fn ended(process: Child) -> Ran {
    let pid = Pid::from_child(&process);
    let (over, is_over) = mpsc::channel::<()>();
    let guard = thread::spawn(move || {
        if is_over.recv_timeout(Duration::from_secs(120)) == Err(mpsc::RecvTimeoutError::Timeout) {
            kill_process(pid, Signal::KILL).expect("it is running");
        }
    });
    let ran = Ran::from(process.wait_with_output().expect("an end"));
    drop(over);
    guard.join().expect("the guard");
    ran
}

/// Opens one more incident with the verdicts as exit code; returns what was shown, checked against what every run has in common.
#[track_caller]
fn page(house: &House, code: i32, limit: &str, bad: &[&str]) -> Value {
    let opening = house.start(&["open", "peers.md", "--another", "--check", "--json"]);
    let ran = ended(opening);
    assert_eq!(ran.code, code, "{ran}");
    let shown = ran.json();
    let evidence = shown["evidence"].as_array().expect("evidence");
    assert_eq!(evidence.len(), 7, "a probe without evidence: {shown:#}");
    for e in evidence {
        let probe = e["probe"].as_str().expect("a probe");
        if bad.contains(&probe) {
            let limit = blotter::record::time::parse_span(limit).expect("a time limit");
            let took = e["duration_ms"].as_i64().expect("a duration");
            assert!(took < limit + 10_000, "its time limit is {limit} ms: {e}");
            assert!(e["outcome"] != "timeout" || took >= limit, "given up before {limit} ms: {e}");
        } else {
            assert_eq!((&e["outcome"], &e["verdict"]), (&"answered".into(), &"met".into()), "{e}");
            assert_eq!(e["truncated"], false, "{e}");
            assert!(e["digest"].is_string(), "its answer is not kept: {e}");
        }
    }
    shown
}

fn evidence<'a>(shown: &'a Value, probe: &str) -> &'a Value {
    let all = shown["evidence"].as_array().expect("evidence");
    all.iter().find(|e| e["probe"] == probe).expect("evidence of that probe")
}

/// The bytes kept of that probe's answer, as `show` gives them out.
fn bytes(house: &House, shown: &Value, probe: &str) -> Ran {
    let reference = evidence(shown, probe)["ref"].as_str().expect("a ref");
    house.run(&format!("show {}.{reference}", shown["incident"]["number"]))
}

#[track_caller]
fn kept(house: &House, shown: &Value, probe: &str, kept: &Kept) {
    let ran = bytes(house, shown, probe);
    match kept {
        Nothing => {
            assert_eq!(ran.code, 11, "{ran}");
            ran.says(&["has no answer to show"]);
        }
        Body(begins, least) => {
            let answer = ran.json();
            assert_eq!(answer["status"], 200, "{ran}");
            let body = answer["body"].as_str().unwrap_or_default();
            assert!(body.starts_with(begins) && body.len() >= *least, "{} bytes, not `{begins}…`: {ran}", body.len());
        }
    }
}

/// The record is whole: as many incidents as were opened, and every event as it was written.
#[track_caller]
fn sound(house: &House, incidents: usize) {
    assert_eq!(house.json("list --all")["incidents"].as_array().map(Vec::len), Some(incidents));
    house.ok("verify");
}

#[test]
fn a_bad_http_peer_costs_its_own_probe_and_what_came_is_kept() {
    let slow = Duration::from_millis(50);
    let begun = "{\"agents\":{\"alive\":5,";
    // What it does, the time limit, the outcome, whether a limit or a fault cut the answer, what is said, what is kept.
    let cases = [
        (Fault::TrickleHead(slow), "1s", "timeout", false, "no answer within 1 s", Nothing),
        (Fault::Trickle(slow), "3s", "timeout", true, "no answer within 3 s", Body("{\"agen", 6)),
        (Fault::Endless, AMPLE, "too-large", true, "the body is larger than `max-bytes` (65536)", Body(begun, 65_536)),
        (Fault::ManyHeaders(10_000), AMPLE, "too-large", false, "the answer has too many headers, or too long ones", Nothing),
        // 4 MiB are small on the wire and too large unpacked; 256 MiB are too large on the wire already.
        (Fault::GzipBomb(4), AMPLE, "too-large", true, "the body is larger than `max-bytes` (65536)", Body("\0\0\0\0", 65_536)),
        (Fault::GzipBomb(256), AMPLE, "too-large", true, "the body is larger than `max-bytes` (65536)", Body("\0\0\0\0", 65_536)),
        (
            Fault::DeepJson(10_000),
            AMPLE,
            "malformed",
            false,
            "the body is JSON nested too deep to read: kept as text",
            Body("[[[[", 20_000),
        ),
        (Fault::InvalidUtf8, AMPLE, "malformed", false, "the body is not UTF-8: 2 bytes are written as \\xNN", Body(begun, 300)),
        (Fault::WrongLength(100), AMPLE, "unreachable", true, "the connection was cut after ", Body(begun, 300)),
        (Fault::WrongLength(-100), AMPLE, "malformed", false, "the body calls itself JSON and is not: EOF", Body(begun, 200)),
        (Fault::CutBody, AMPLE, "unreachable", true, "the connection was cut after ", Body(begun, 100)),
        (Fault::Cut, AMPLE, "unreachable", false, "the connection was cut: connection closed before", Nothing),
    ];
    let house = House::beside("");
    let stack = house.stack.as_ref().expect("a stack");
    let opened = cases.len() + 1;
    for (fault, limit, outcome, truncated, says, left) in cases {
        stack.clear_faults();
        stack.fault(Rule::new("/prod/beak/system/status", fault));
        ready(&house, STATUS, limit);
        let shown = page(&house, 11, limit, &["status"]);
        let e = evidence(&shown, "status");
        assert_eq!((&e["outcome"], &e["verdict"]), (&outcome.into(), &"unknown".into()), "{fault:?}: {e}");
        assert_eq!(e["truncated"], truncated, "{fault:?}: {e}");
        assert!(e["reason"].as_str().is_some_and(|r| r.contains(says)), "{fault:?}: {e}");
        kept(&house, &shown, "status", &left);
    }
    // A refusal in HTTP's own words is an answer, and a bad one; nobody waits for as long as it asks.
    stack.clear_faults();
    stack.fault(Rule::new("/prod/beak/system/status", Fault::Throttle(Some(600))));
    let shown = page(&house, 10, AMPLE, &["status"]);
    let e = evidence(&shown, "status");
    assert_eq!((&e["outcome"], &e["verdict"], &e["observed"]), (&"answered".into(), &"unmet".into(), &"429, expected 200".into()), "{e}");
    let answer = bytes(&house, &shown, "status").json();
    assert_eq!((&answer["headers"]["retry-after"], &answer["body"]["message"]), (&"600".into(), &"Too Many Requests".into()));
    assert_eq!(stack.count("http/GET /prod/beak/system/status"), opened, "asked once each time");
    sound(&house, opened);
    // Without `--check` capturing is what counts.
    stack.clear_faults();
    stack.fault(Rule::new("/prod/beak/system/status", Fault::Cut));
    house.ok("collect -i 1 --probe status");
}

#[test]
fn a_bad_peer_in_the_place_of_aws_costs_its_own_probes() {
    let slow = Duration::from_millis(100);
    // REST with JSON, JSON over POST, and CBOR.
    let bad = ["alias", "log", "metric"];
    let cases = [
        (Fault::TrickleHead(slow), "1s", "timeout", "no answer within 1 s"),
        (Fault::Trickle(slow), "1s", "timeout", "no answer within 1 s"),
        (Fault::Endless, AMPLE, "too-large", "the answer is larger than 16 MiB"),
        (Fault::ManyHeaders(10_000), AMPLE, "too-large", "the answer has too many headers, or too long ones"),
        // No service packs what nobody asked it to pack, so that nothing is unpacked.
        (Fault::GzipBomb(256), AMPLE, "malformed", "HTTP 200 with a body that cannot be read"),
        (Fault::DeepJson(10_000), AMPLE, "malformed", "HTTP 200 with a body that cannot be read"),
        (Fault::InvalidUtf8, AMPLE, "malformed", "HTTP 200 with a body that cannot be read"),
        (Fault::WrongLength(100), AMPLE, "unreachable", "the connection was cut: "),
        (Fault::WrongLength(-7), AMPLE, "malformed", "HTTP 200 with a body that cannot be read"),
        (Fault::CutBody, AMPLE, "unreachable", "the connection was cut: "),
        (Fault::Cut, AMPLE, "unreachable", "the connection was cut: "),
        (Fault::Throttle(Some(600)), AMPLE, "throttled", "Rate exceeded"),
        (Fault::Html(503), AMPLE, "unreachable", "something before the service failed: HTTP 503"),
    ];
    let house = House::beside("");
    let stack = house.stack.as_ref().expect("a stack");
    let opened = cases.len();
    for (fault, limit, outcome, says) in cases {
        stack.clear_faults();
        for service in ["lambda", "logs", "cloudwatch"] {
            stack.fault(Rule::new(service, fault));
        }
        ready(&house, STATUS, limit);
        let before = stack.count("lambda/GetAlias");
        let shown = page(&house, 11, limit, &bad);
        for probe in bad {
            let e = evidence(&shown, probe);
            assert_eq!((&e["outcome"], &e["verdict"]), (&outcome.into(), &"unknown".into()), "{fault:?}: {e}");
            assert!(e["reason"].as_str().is_some_and(|r| r.contains(says)), "{fault:?}: {e}");
        }
        let tries = stack.count("lambda/GetAlias") - before;
        assert!((1..=3).contains(&tries), "{fault:?}: {tries} tries");
    }
    sound(&house, opened);
}

#[test]
fn a_clock_that_is_off_is_made_up_for_once_or_named() {
    let bad = ["alias", "log", "metric"];
    let house = House::beside("");
    let stack = house.stack.as_ref().expect("a stack");
    ready(&house, STATUS, AMPLE);
    let fault = |fault| ["lambda", "logs", "cloudwatch"].map(|service| stack.fault(Rule::new(service, fault)));
    // The refusal says what time it is there: signed by that, the question is answered, and the record says how far off we are.
    fault(Fault::Skewed(1_200_000));
    let shown = page(&house, 0, AMPLE, &bad);
    for probe in bad {
        let e = evidence(&shown, probe);
        assert_eq!((&e["outcome"], &e["verdict"]), (&"answered".into(), &"met".into()), "{e}");
        let skew = e["source"]["skew_ms"].as_i64().expect("a skew");
        assert!((1_100_000..1_300_000).contains(&skew), "{e}");
    }
    assert_eq!(evidence(&shown, "mail")["source"]["skew_ms"].as_i64().map(|ms| ms.abs() < 100_000), Some(true));

    // Refused, and told nothing.
    fault(Fault::DateOffset(-1_200_000));
    let shown = page(&house, 11, AMPLE, &bad);
    for probe in bad {
        let e = evidence(&shown, probe);
        assert_eq!((&e["outcome"], &e["verdict"]), (&"denied".into(), &"unknown".into()), "{e}");
        let says = "the clock of this machine is too far off (RequestTimeTooSkewed)";
        assert!(e["reason"].as_str().is_some_and(|r| r.contains(says)), "{e}");
    }
    sound(&house, 2);
}

/// Serves TLS as somebody else, `wrong.example`, whose certificate the house trusts; returns the address under the name `localhost`.
fn somebody_else(house: &mut House) -> (tokio::runtime::Runtime, String) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
    let port = rt.block_on(tls::serve());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(tls::certificate()));
    let trusted = house.write("trusted.pem", pem);
    house.set("SSL_CERT_FILE", &trusted.to_string_lossy());
    (rt, format!("https://localhost:{port}"))
}

#[test]
fn nothing_is_asked_of_a_peer_that_has_the_certificate_of_another() {
    let mut house = House::beside("");
    let (_serving, url) = somebody_else(&mut house);
    house.set("AWS_ENDPOINT_URL_LAMBDA", &url);
    ready(&house, &format!("{url}/beak"), AMPLE);
    let shown = page(&house, 11, AMPLE, &["status", "alias"]);
    for probe in ["status", "alias"] {
        let e = evidence(&shown, probe);
        assert_eq!((&e["outcome"], &e["verdict"]), (&"unreachable".into(), &"unknown".into()), "{e}");
        // Trusted, but not under this name.
        assert!(e["reason"].as_str().is_some_and(|r| r.contains("not valid for name \"localhost\"")), "{e}");
        assert_eq!(bytes(&house, &shown, probe).code, 11, "{e}");
    }
    sound(&house, 1);
}

/// The library that answers for names, built for this house.
#[cfg(target_os = "linux")]
fn resolver(house: &House) -> PathBuf {
    let library = house.path("resolver.so");
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]).arg(&library);
    let built = cc.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/resolver.c")).arg("-ldl").output();
    let built = built.expect("this test needs a C compiler by the name of `cc`");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    library
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_none_is_unreachable_and_a_silent_name_server_costs_no_more_than_the_time_limit() {
    let mut house = House::beside("");
    house.set("LD_PRELOAD", &resolver(&house).to_string_lossy());
    for (name, limit, outcome, says) in [
        ("nobody.example", AMPLE, "unreachable", ["the name nobody.example cannot be resolved", "no connection: "]),
        ("silent.example", "1s", "timeout", ["no answer within 1 s"; 2]),
    ] {
        let url = format!("http://{name}:9");
        house.set("AWS_ENDPOINT_URL_LAMBDA", &url);
        ready(&house, &format!("{url}/beak"), limit);
        let shown = page(&house, 11, limit, &["status", "alias"]);
        for (probe, says) in ["status", "alias"].into_iter().zip(says) {
            let e = evidence(&shown, probe);
            assert_eq!((&e["outcome"], &e["verdict"]), (&outcome.into(), &"unknown".into()), "{e}");
            assert!(e["reason"].as_str().is_some_and(|r| r.contains(says)), "{e}");
        }
    }
    sound(&house, 2);
}
