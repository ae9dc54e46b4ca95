//! Every fault, as a client meets it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use reqwest::Client;
use serde_json::Value;

use super::super::*;
use super::sdk::config;
use super::{noon, seed};

const STATUS: &str = "/prod/beak/system/status";

fn failing(rule: &str) -> Simulator {
    let simulator = seed();
    simulator.fault(rule.parse().unwrap());
    simulator
}

async fn get(simulator: &Simulator) -> reqwest::Result<reqwest::Response> {
    Client::new().get(format!("{}{STATUS}", simulator.url())).send().await
}

/// Everything that comes over the socket within `limit`, up to 1 MiB.
fn raw(simulator: &Simulator, limit: Duration) -> Vec<u8> {
    let mut stream = TcpStream::connect(simulator.url().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    write!(stream, "GET {STATUS} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let (mut all, mut some, start) = (Vec::new(), vec![0; 65536], Instant::now());
    while start.elapsed() < limit && all.len() < 1 << 20 {
        match stream.read(&mut some) {
            Ok(0) => break,
            Ok(n) => all.extend_from_slice(&some[..n]),
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    all
}

fn split(answer: &[u8]) -> (String, &[u8]) {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(answer.len().saturating_sub(4));
    (String::from_utf8_lossy(&answer[..end]).to_lowercase(), answer.get(end + 4..).unwrap_or_default())
}

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn rules_count_down_and_skip() {
    let simulator = seed();
    simulator.fault(Rule::new("/prod", Fault::Status(503)).after(1).times(2));
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(get(&simulator).await.unwrap().status().as_u16());
    }
    assert_eq!(seen, [200, 503, 503, 200]);
    simulator.fault(Rule::new("http", Fault::Denied));
    assert_eq!(get(&simulator).await.unwrap().status(), 403);
    simulator.clear_faults();
    assert_eq!(get(&simulator).await.unwrap().status(), 200);
}

#[tokio::test]
async fn latency_waits_and_then_all_is_well() {
    let simulator = failing("/prod=latency:120");
    let start = Instant::now();
    assert_eq!(get(&simulator).await.unwrap().status(), 200);
    assert!(start.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn dates_are_off_by_what_was_asked() {
    let simulator = failing("/prod=date:-1200000");
    assert_eq!(get(&simulator).await.unwrap().headers()["date"], "Tue, 24 Nov 2026 11:40:00 GMT");
}

#[tokio::test]
async fn bodies_are_spoilt() {
    let malformed = get(&failing("/prod=malformed")).await.unwrap();
    assert_eq!(malformed.status(), 200);
    assert!(serde_json::from_slice::<Value>(&malformed.bytes().await.unwrap()).is_err());
    let wrong: Value = get(&failing("/prod=wrong-types")).await.unwrap().json().await.unwrap();
    assert!(wrong["agents"]["alive"].is_array(), "{wrong}");
    let deep = get(&failing("/prod=deep-json")).await.unwrap().bytes().await.unwrap();
    assert_eq!((deep.len(), deep[0], deep[19_999]), (20_000, b'[', b']'));
    let foreign = get(&failing("/prod=invalid-utf8")).await.unwrap().bytes().await.unwrap();
    assert!(std::str::from_utf8(&foreign).is_err());
    let html = get(&failing("/prod=html:503")).await.unwrap();
    assert!(html.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(!html.headers().contains_key("x-amzn-requestid"));
}

#[test]
fn connections_are_cut() {
    assert!(raw(&failing("/prod=cut"), SOON).is_empty());
    let cut = raw(&failing("/prod=cut-body"), SOON);
    let (head, body) = split(&cut);
    let length: usize = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    assert_eq!(body.len(), length / 2);
}

#[test]
fn lengths_lie() {
    let full = raw(&seed(), SOON);
    for (rule, by) in [("/prod=wrong-length:100", 100), ("/prod=wrong-length:-50", -50)] {
        let simulator = failing(rule);
        let answer = raw(&simulator, SOON);
        let (head, body) = split(&answer);
        let claimed: i64 = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        assert_eq!(i64::try_from(body.len()).unwrap() + by, claimed);
        assert_eq!(body, split(&full).1);
    }
}

#[test]
fn slow_loris_sends_a_byte_at_a_time() {
    let slow = raw(&failing("/prod=trickle:20"), Duration::from_millis(300));
    let (head, body) = split(&slow);
    assert!(head.starts_with("http/1.1 200") && (1..20).contains(&body.len()), "{}", body.len());
    let slower = raw(&failing("/prod=trickle-head:20"), Duration::from_millis(300));
    assert!((1..20).contains(&slower.len()) && b"HTTP/1.1 200 OK\r\n".starts_with(&slower[..slower.len().min(17)]));
}

#[test]
fn too_much_of_everything() {
    let endless = raw(&failing("/prod=endless"), SOON);
    assert!(endless.len() >= 1 << 20);
    let many = raw(&failing("/prod=many-headers"), SOON);
    assert_eq!(split(&many).0.matches("x-noise-").count(), 10_000);
    let bomb = raw(&failing("/prod=gzip-bomb:64"), SOON);
    assert!(split(&bomb).0.contains("content-encoding: gzip"));
    assert!((300_000..900_000).contains(&bomb.len()), "64 MiB in {} bytes", bomb.len());
}

#[tokio::test]
async fn refusals_come_in_the_words_of_each_service() {
    let simulator = seed();
    let aws = config(&simulator, "us-east-1").await;
    let lambda = aws_sdk_lambda::Client::new(&aws);
    let logs = aws_sdk_cloudwatchlogs::Client::new(&aws);
    let sfn = aws_sdk_sfn::Client::new(&aws);
    let ses = aws_sdk_sesv2::Client::new(&aws);
    let metrics = aws_sdk_cloudwatch::Client::new(&aws);
    let sts = aws_sdk_sts::Client::new(&aws);
    let cases = [
        (
            "throttle",
            [
                "TooManyRequestsException",
                "ThrottlingException",
                "ThrottlingException",
                "TooManyRequestsException",
                "Throttling",
                "Throttling",
            ],
        ),
        (
            "denied",
            [
                "AccessDeniedException",
                "AccessDeniedException",
                "AccessDeniedException",
                "AccessDeniedException",
                "AccessDenied",
                "AccessDenied",
            ],
        ),
        (
            "expired",
            [
                "ExpiredTokenException",
                "ExpiredTokenException",
                "ExpiredTokenException",
                "ExpiredTokenException",
                "ExpiredToken",
                "ExpiredToken",
            ],
        ),
        ("skewed", ["RequestTimeTooSkewed"; 6]),
    ];
    for (fault, wanted) in cases {
        simulator.clear_faults();
        simulator.fault(format!("*={fault}").parse().unwrap());
        let code = |error: &dyn Fn() -> Option<String>| error().unwrap_or_default();
        let lambda = lambda.get_alias().function_name("mission-control-api").name("prod").send().await.unwrap_err();
        let logs = logs.filter_log_events().log_group_name("x").send().await.unwrap_err();
        let sfn = sfn.list_executions().state_machine_arn("x").send().await.unwrap_err();
        let ses = ses.get_account().send().await.unwrap_err();
        let metrics = metrics.list_metrics().send().await.unwrap_err();
        let sts = sts.get_caller_identity().send().await.unwrap_err();
        let got = [
            code(&|| lambda.code().map(str::to_owned)),
            code(&|| logs.code().map(str::to_owned)),
            code(&|| sfn.code().map(str::to_owned)),
            code(&|| ses.code().map(str::to_owned)),
            code(&|| metrics.code().map(str::to_owned)),
            code(&|| sts.code().map(str::to_owned)),
        ];
        assert_eq!(got, wanted.map(str::to_owned), "{fault}");
    }
    assert!(simulator.calls().iter().all(|call| !call.applied));
}

#[tokio::test]
async fn a_late_fault_lets_the_call_take_effect() {
    for (rule, moved) in [("lambda/UpdateAlias=cut", "41"), ("lambda/UpdateAlias=cut!late", "40"), ("lambda/UpdateAlias=cut-body", "40")] {
        let simulator = failing(rule);
        let lambda = aws_sdk_lambda::Client::new(&config(&simulator, "us-east-1").await);
        let call = lambda.update_alias().function_name("mission-control-api").name("prod").function_version("40");
        assert!(call.send().await.is_err(), "{rule}");
        assert_eq!(simulator.edit(|w| w.functions["mission-control-api"].aliases["prod"].version.clone()), moved, "{rule}");
        let calls: Vec<_> = simulator.calls().iter().map(|call| call.applied).collect();
        assert_eq!(calls, [moved == "40"], "{rule}");
    }
}

#[tokio::test]
async fn a_skewed_server_takes_requests_signed_by_its_own_time() {
    let simulator = failing("/2015-03-31=skewed:1200000");
    let signed = |date: &str| {
        let url = format!("{}/2015-03-31/functions/mission-control-api/aliases/prod", simulator.url());
        let auth = "AWS4-HMAC-SHA256 Credential=AKID/20261124/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0";
        Client::new().get(url).header("authorization", auth).header("x-amz-date", date).send()
    };
    let refused = signed("20261124T120000Z").await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["x-amzn-errortype"].to_str().unwrap()), (403, &"RequestTimeTooSkewed"));
    assert_eq!(refused.headers()["date"], "Tue, 24 Nov 2026 12:20:00 GMT");
    assert_eq!(signed("20261124T122000Z").await.unwrap().status(), 200);
    assert_eq!(noon().to_string(), "2026-11-24T12:00:00.000Z");
}
