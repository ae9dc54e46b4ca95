//! Triage tells the five incident types apart, and no fault of one probe spoils another.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::*;
use crate::app::drill::Drill;
use crate::app::{Clock, Ctx};
use crate::aws;
use crate::config::Config;
use crate::record::actor::Actor;
use crate::record::verdict::{Outcome, Verdict};
use crate::runbook::parse::parse;
use crate::simulator::{Fault, Rule};

fn base() -> Ctx {
    let clock = Clock::system();
    let aws = aws::Settings::new(clock.as_fn());
    let actor = Actor { name: "T-OPS".to_owned(), is_person: false, via: "flag".to_owned() };
    Ctx { config: Config::default(), clock, actor, drill: false, aws, flag_vars: Vec::new(), notices: Default::default() }
}

fn silent(_: Progress<'_>) {}

/// What triage says of a stack that is broken in one way, after its history was observed.
async fn triaged(runbook: &str, scenario: &str) -> Vec<Match> {
    let drill = Drill::start(&base(), runbook, Some(scenario), None).unwrap();
    drill.prelude().await.unwrap();
    triage(&drill.ctx, &BTreeMap::new(), &silent, std::future::pending()).await.unwrap().matches
}

fn matched(found: &[Match]) -> Vec<&str> {
    found.iter().filter(|m| m.is_match() && m.explained_by.is_none()).map(|m| m.runbook.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_the_five_is_named_first_and_alone() {
    for id in ["INC-001", "INC-002", "INC-003", "INC-004", "INC-005"] {
        let found = triaged(id, id).await;
        assert_eq!(matched(&found), [id], "{found:#?}");
        assert_eq!(found[0].runbook, id, "{found:#?}");
        assert!(found[0].matched.iter().all(|s| !s.text.is_empty()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn look_alikes_are_told_apart() {
    for scenario in ["INC-003/never-pulsed", "INC-003/none-bonded"] {
        let found = triaged("INC-003", scenario).await;
        assert_eq!(matched(&found), Vec::<&str>::new(), "{scenario}: {found:#?}");
    }
    let found = triaged("INC-004", "INC-004/dead-agents").await;
    assert_eq!(matched(&found), ["INC-003"], "{found:#?}");
    let pecks = found.iter().find(|m| m.runbook == "INC-004").unwrap();
    assert!(pecks.is_match());
    assert_eq!(pecks.explained_by.as_deref(), Some("INC-003"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_a_person_sees_is_asked_for_and_counts_once_it_is_said() {
    let drill = Drill::start(&base(), "INC-003", Some("INC-003/none-bonded"), None).unwrap();
    let found = triage(&drill.ctx, &BTreeMap::new(), &silent, std::future::pending()).await.unwrap();
    let asked = found.questions.iter().find(|q| q.runbook == "INC-001" && q.sign == "tiles-red").unwrap();
    assert_eq!((asked.probe.as_str(), asked.alone), ("tiles-red", true));
    assert_eq!(matched(&found.matches), Vec::<&str>::new());

    let says = |answer: &str| BTreeMap::from([("tiles-red".to_owned(), PersonSays { answer: answer.to_owned(), note: None })]);
    let found = triage(&drill.ctx, &says("yes"), &silent, std::future::pending()).await.unwrap();
    assert_eq!(matched(&found.matches), ["INC-001"]);
    assert!(!found.questions.iter().any(|q| q.probe == "tiles-red"));
    let nobody = BTreeMap::from([("tiles-blue".to_owned(), PersonSays::default())]);
    let error = triage(&drill.ctx, &nobody, &silent, std::future::pending()).await.unwrap_err();
    assert_eq!(error.to_string(), "no runbook asks a question `tiles-blue`");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_distinct_probe_is_asked_once_whatever_runbooks_share_it() {
    let drill = Drill::start(&base(), "INC-001", None, None).unwrap();
    triage(&drill.ctx, &BTreeMap::new(), &silent, std::future::pending()).await.unwrap();
    let mut seen = BTreeSet::new();
    for call in drill.stack.calls() {
        let once = call.operation.starts_with("GET /") || call.operation.starts_with("POST /") || call.operation == "GetAccount";
        assert!(!once || seen.insert(call.operation.clone()), "{} was asked twice", call.operation);
    }
    assert!(seen.len() >= 3, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_looked_at_is_named_and_matches_nothing() {
    let drill = Drill::start(&base(), "INC-005", None, None).unwrap();
    drill.stack.fault(Rule::new("ses", Fault::Denied));
    drill.stack.fault(Rule::new("/prod", Fault::Cut));
    let found = triage(&drill.ctx, &BTreeMap::new(), &silent, std::future::pending()).await.unwrap();
    assert!(!found.matches.iter().any(|m| m.runbook == "INC-005" && m.is_match()), "{:#?}", found.matches);
    let unknown: Vec<_> = found.matches.iter().filter(|m| !m.unknown.is_empty()).map(|m| m.runbook.as_str()).collect();
    assert!(unknown.contains(&"INC-005") && unknown.contains(&"INC-003"), "{unknown:?}");
}

/// One probe of every kind that asks the world, each alone in its request, with a short time limit.
const EVERY_KIND: &str = r#"# X-1: Every kind

```toml runbook
severity = "P1"
[aws]
region = "us-east-1"
[vars]
api = "http://127.0.0.1:1"
```

```toml probe
id = "get"
kind = "http"
url = "{{vars.api}}/beak/system/status"
timeout = "20s"
expect = ["status == 200", "body.agents.alive >= 0"]
```

```toml probe
id = "post"
kind = "http"
url = "{{vars.api}}/beak/audit"
method = "POST"
read-only = true
body = {}
timeout = "20s"
expect = ["length(body.entries[].event_type) >= 0"]
```

```toml probe
id = "alias"
kind = "aws.lambda.alias"
function = "mission-control-api"
alias = "prod"
timeout = "20s"
expect = ["FunctionVersion != null"]
```

```toml probe
id = "versions"
kind = "aws.lambda.versions"
function = "mission-control-api"
timeout = "20s"
expect = ["length(Versions) > 0"]
```

```toml probe
id = "logs"
kind = "aws.logs.filter"
log-group = "/aws/lambda/mission-control-api"
since = "15m"
timeout = "20s"
expect = ["length(events) >= 0"]
```

```toml probe
id = "executions"
kind = "aws.sfn.executions"
state-machine = "arn:aws:states:us-east-1:121546003735:stateMachine:peck-approval-workflow"
status = "RUNNING"
timeout = "20s"
expect = ["length(executions) >= 0"]
```

```toml probe
id = "account"
kind = "aws.ses.account"
timeout = "20s"
expect = ["SendQuota.Max24HourSend > 0"]
```

```toml probe
id = "metric"
kind = "aws.cloudwatch.metric"
namespace = "AWS/Lambda"
metric = "Errors"
since = "5m"
period = "1m"
timeout = "20s"
expect = ["sum >= 0"]
[dimensions]
FunctionName = "mission-control-api"
```
"#;

/// The calls behind the probes, by probe.
const CALLS: [(&str, &str); 8] = [
    ("get", "/prod/beak/system/status"),
    ("post", "/prod/beak/audit"),
    ("alias", "lambda/GetAlias"),
    ("versions", "lambda/ListVersionsByFunction"),
    ("logs", "logs/FilterLogEvents"),
    ("executions", "sfn/ListExecutions"),
    ("account", "ses/GetAccount"),
    ("metric", "cloudwatch/GetMetricStatistics"),
];

/// A fault, with the outcomes that an HTTP probe and an AWS probe may end with.
fn faults() -> Vec<(Fault, &'static [Outcome], &'static [Outcome])> {
    use Outcome::{Answered, Denied, Malformed, Throttled, Timeout, TooLarge, Unreachable};
    // Those that wait for the time limit stand together, to wait at the same time.
    vec![
        (Fault::Latency(Duration::from_secs(20)), &[Timeout], &[Timeout]),
        (Fault::Trickle(Duration::from_millis(200)), &[Timeout], &[Timeout]),
        (Fault::TrickleHead(Duration::from_millis(200)), &[Timeout], &[Timeout]),
        (Fault::Status(500), &[Answered], &[Unreachable]),
        (Fault::Status(503), &[Answered], &[Unreachable, Throttled]),
        (Fault::Throttle(Some(1)), &[Throttled, Answered], &[Throttled]),
        (Fault::Cut, &[Unreachable], &[Unreachable]),
        (Fault::CutBody, &[Unreachable, Malformed], &[Unreachable, Malformed]),
        (Fault::Malformed, &[Malformed, Answered], &[Malformed]),
        (Fault::Endless, &[TooLarge, Timeout], &[TooLarge, Timeout]),
        (Fault::WrongTypes, &[Answered], &[Malformed, Answered]),
        (Fault::Missing, &[Answered], &[Answered, Malformed, Unreachable]),
        (Fault::WrongLength(64), &[Unreachable, Malformed, Timeout], &[Unreachable, Malformed, Timeout]),
        (Fault::ManyHeaders(2_000), &[Answered, Unreachable, Malformed, TooLarge], &[Answered, Unreachable, Malformed, TooLarge]),
        (Fault::GzipBomb(64), &[TooLarge, Malformed, Answered], &[TooLarge, Malformed]),
        (Fault::DeepJson(100_000), &[Malformed, Answered], &[Malformed]),
        (Fault::InvalidUtf8, &[Malformed, Answered], &[Malformed]),
        (Fault::Html(502), &[Answered], &[Unreachable]),
        (Fault::Denied, &[Denied, Answered], &[Denied]),
        (Fault::Expired, &[Denied, Answered], &[Denied]),
    ]
}

/// Runs every probe while those of one half (even or odd) meet `fault`; returns what went wrong.
async fn round(fault: Fault, odd: usize, http: &[Outcome], aws: &[Outcome]) -> Vec<String> {
    let drill = Drill::start(&base(), "INC-005", None, None).unwrap();
    let mut r = parse(EVERY_KIND).runbook.unwrap();
    for (_, target) in CALLS.iter().skip(odd).step_by(2) {
        drill.stack.fault(Rule::new(target, fault));
    }
    // What never comes to an end is given up soon; what does has time to, on a busy machine too.
    let limit = if http.contains(&Outcome::Timeout) { 1_500 } else { 20_000 };
    r.probes.iter_mut().skip(odd).step_by(2).for_each(|p| p.timeout_ms = limit);
    let begun = Instant::now();
    let jobs = vec![job(&drill.ctx, &r, r.probes.iter().collect(), &BTreeMap::new())];
    let captured = look(&drill.ctx, jobs, &silent, std::future::pending()).await.unwrap().captured;
    let mut told = Vec::new();
    if begun.elapsed() > Duration::from_secs(25) {
        told.push(format!("{fault:?} took {:?}", begun.elapsed()));
    }
    for (k, c) in captured.iter().enumerate() {
        let (o, (probe, target)) = (&c.observation, CALLS[k]);
        assert_eq!(o.probe, probe);
        if k % 2 != odd {
            if (o.outcome, o.verdict) != (Outcome::Answered, Some(Verdict::Met)) || c.bytes.is_none() {
                told.push(format!("{fault:?} spoiled {probe}: {} {:?} {:?}", o.outcome, o.verdict, o.reason));
            }
            continue;
        }
        let allowed = if target.starts_with('/') { http } else { aws };
        if !allowed.contains(&o.outcome) {
            told.push(format!("{fault:?} on {probe}: {} {:?}", o.outcome, o.reason));
        }
        if o.outcome != Outcome::Answered && (o.verdict != Some(Verdict::Unknown) || o.reason.is_none()) {
            told.push(format!("{fault:?} on {probe}: {} gives {:?}, {:?}", o.outcome, o.verdict, o.reason));
        }
        if o.verdict == Some(Verdict::Met) && !matches!(fault, Fault::ManyHeaders(_)) {
            told.push(format!("{fault:?} on {probe}: met, with {:.300}", format!("{:?}", c.result)));
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_every_kind_of_probe_has_its_outcome_and_spoils_no_other() {
    assert_eq!(CALLS.len(), crate::collect::kinds().len(), "every kind but `ask`, and a POST");
    let mut told = Vec::new();
    // A few stacks at once: most of the time goes into waiting for time limits.
    for some in faults().chunks(5) {
        let mut rounds = tokio::task::JoinSet::new();
        for (fault, http, aws) in some.iter().copied() {
            for odd in [0, 1] {
                rounds.spawn(round(fault, odd, http, aws));
            }
        }
        told.extend(rounds.join_all().await.into_iter().flatten());
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}
