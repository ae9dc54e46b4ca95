use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

pub(super) fn now() -> Timestamp {
    "2026-11-24T02:13:07Z".parse().unwrap()
}

pub(super) fn settings(endpoint: Option<String>) -> Settings {
    let credentials = Some(("AKIDEXAMPLE".to_owned(), "secret".to_owned()));
    Settings { profile: None, endpoint, credentials, clock: Arc::new(now) }
}

pub(super) fn world() -> World {
    World::new(settings(Some("http://127.0.0.1:9".to_owned())))
}

pub(super) fn request(kind: &str, params: Value, timeout_ms: u64) -> Request {
    Request {
        probe: "p".to_owned(),
        kind: kind.to_owned(),
        params: params.as_object().cloned().unwrap_or_default(),
        timeout: Duration::from_millis(timeout_ms),
        region: Some("us-east-1".to_owned()),
        account: None,
        deploy_current: None,
    }
}

/// A stand-in for AWS: answers each request from its operation and body.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// `Logs_20140328.FilterLogEvents`, or `GET /2015-03-31/…`.
    operation: String,
    /// The request's body; an empty text where it is not UTF-8.
    body: String,
}

pub(super) struct Says {
    status: u16,
    kind: &'static str,
    body: Vec<u8>,
    pause: Duration,
}

fn says(status: u16, body: Value) -> Says {
    Says { status, kind: "application/json", body: body.to_string().into_bytes(), pause: Duration::ZERO }
}

fn error(status: u16, code: &str, message: &str) -> Says {
    says(status, json!({"__type": code, "code": code, "message": message, "Message": message}))
}

const STS: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
    <Arn>arn:aws:iam::121546003735:user/joan</Arn><UserId>A</UserId><Account>121546003735</Account></GetCallerIdentityResult>\
    <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>";

fn sts() -> Says {
    Says { status: 200, kind: "text/xml", body: STS.as_bytes().to_vec(), pause: Duration::ZERO }
}

/// Serves `answer` on loopback; returns its URL and everything that it heard.
async fn stand_in(answer: impl Fn(&Heard) -> Says + Send + Sync + 'static) -> (String, Arc<Mutex<Vec<Heard>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let log: Arc<Mutex<Vec<Heard>>> = Arc::default();
    let (answer, kept) = (Arc::new(answer), log.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, answer.clone(), kept.clone()));
        }
    });
    (url, log)
}

async fn converse(mut stream: TcpStream, answer: Arc<impl Fn(&Heard) -> Says>, log: Arc<Mutex<Vec<Heard>>>) {
    let Some(heard) = hear(&mut stream).await else { return };
    log.lock().unwrap().push(heard.clone());
    let says = answer(&heard);
    tokio::time::sleep(says.pause).await;
    let head = format!(
        "HTTP/1.1 {} x\r\ncontent-type: {}\r\ndate: Tue, 24 Nov 2026 02:14:07 GMT\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        says.status,
        says.kind,
        says.body.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&says.body).await;
    let _ = stream.shutdown().await;
}

async fn hear(stream: &mut TcpStream) -> Option<Heard> {
    let mut raw = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let n = stream.read(&mut buffer).await.ok().filter(|n| *n > 0)?;
        raw.extend_from_slice(&buffer[..n]);
        let Some(end) = raw.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&raw[..end]).into_owned();
        let header =
            |name: &str| head.lines().find_map(|l| l.to_ascii_lowercase().starts_with(name).then(|| l[name.len()..].trim().to_owned()));
        let length: usize = header("content-length:").and_then(|l| l.parse().ok()).unwrap_or(0);
        while raw.len() < end + 4 + length {
            let n = stream.read(&mut buffer).await.ok().filter(|n| *n > 0)?;
            raw.extend_from_slice(&buffer[..n]);
        }
        let line = head.lines().next().unwrap_or_default();
        let path = line.trim_end_matches(" HTTP/1.1").to_owned();
        let operation = header("x-amz-target:").unwrap_or(path);
        let body = String::from_utf8(raw[end + 4..].to_vec()).unwrap_or_default();
        return Some(Heard { operation, body });
    }
}

async fn ask_aws(url: &str, kind: &str, params: Value) -> Answer {
    ask(&World::new(settings(Some(url.to_owned()))), &request(kind, params, 30_000)).await
}

fn alias_answer() -> Value {
    json!({"AliasArn": "arn:aws:lambda:us-east-1:121546003735:function:api:prod", "Name": "prod", "FunctionVersion": "42",
        "Description": "", "RevisionId": "r1", "RoutingConfig": {"AdditionalVersionWeights": {"41": 0.1}}})
}

#[tokio::test]
async fn an_alias_is_compared_with_the_record_and_the_caller_is_named() {
    let (url, log) = stand_in(|h| if h.body.contains("GetCallerIdentity") { sts() } else { says(200, alias_answer()) }).await;
    let world = World::new(settings(Some(url.clone())));
    let mut wanted = request("aws.lambda.alias", json!({"function": "api", "alias": "prod"}), 5_000);
    wanted.deploy_current = Some("41".to_owned());
    wanted.account = Some("121546003735".to_owned());
    let answer = ask(&world, &wanted).await;
    assert_eq!((answer.outcome, answer.doubt.clone()), (Outcome::Answered, None), "{:?}", answer.reason);
    let result = answer.result.unwrap();
    assert_eq!((&result["FunctionVersion"], &result["current"], &result["drifted"]), (&json!("42"), &json!("41"), &json!(true)));
    assert_eq!(result["RoutingConfig"]["AdditionalVersionWeights"]["41"], 0.1);
    assert_eq!(answer.origin, "121546003735/us-east-1/api:prod");
    assert_eq!(answer.source.endpoint.as_deref(), Some(url.as_str()));
    assert_eq!(answer.source.arn.as_deref(), Some("arn:aws:iam::121546003735:user/joan"));
    assert_eq!(answer.source.skew_ms, Some(60_000));
    assert_eq!(answer.started_at, now());

    wanted.account = Some("999999999999".to_owned());
    wanted.deploy_current = None;
    let answer = ask(&world, &wanted).await;
    assert_eq!(answer.doubt.as_deref(), Some("wrong account: 121546003735 answered, expected 999999999999"));
    assert_eq!(answer.result.unwrap()["drifted"], Value::Null);
    let who = log.lock().unwrap().iter().filter(|h| h.body.contains("GetCallerIdentity")).count();
    assert_eq!(who, 1, "STS is asked once");
}

#[tokio::test]
async fn sts_is_never_a_reason_to_fail_nor_to_wait_long() {
    let (url, _) = stand_in(|h| {
        if h.body.contains("GetCallerIdentity") { Says { pause: Duration::from_secs(60), ..sts() } } else { says(200, alias_answer()) }
    })
    .await;
    let begun = Instant::now();
    let world = World::new(settings(Some(url)));
    let answer = ask(&world, &request("aws.lambda.alias", json!({"function": "api", "alias": "prod"}), 30_000)).await;
    assert_eq!((answer.outcome, answer.source.account, answer.origin.as_str()), (Outcome::Answered, None, "-/us-east-1/api:prod"));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert!(answer.duration_ms < 1_500, "{}", answer.duration_ms);
}

#[tokio::test]
async fn what_does_not_exist_is_named_and_no_verdict_rests_on_it() {
    for (code, message, configured, says_so) in [
        ("ResourceNotFoundException", "Function not found: arn:x", true, "no function `api` in us-east-1 (ResourceNotFoundException)"),
        (
            "ResourceNotFoundException",
            "Cannot find alias arn: x",
            true,
            "function `api` in us-east-1 has no alias `prod` (ResourceNotFoundException)",
        ),
        ("ResourceNotFoundException", "gone", true, "function `api` in us-east-1 has no alias `prod` (ResourceNotFoundException)"),
        ("ResourceNotFoundException", "gone", false, "no function `api` in us-east-1 (ResourceNotFoundException)"),
    ] {
        let (url, _) = stand_in(move |h| match h.operation.as_str() {
            o if o.contains("/configuration") && configured => says(200, json!({"FunctionName": "api"})),
            o if o.starts_with("GET") => error(404, code, message),
            _ => sts(),
        })
        .await;
        let answer = ask_aws(&url, "aws.lambda.alias", json!({"function": "api", "alias": "prod"})).await;
        assert_eq!((answer.outcome, answer.reason.as_deref()), (Outcome::Answered, Some(says_so)));
        assert_eq!(answer.doubt.as_deref(), Some(says_so));
        assert_eq!(answer.result.unwrap()["error"]["code"], code);
    }
}

#[tokio::test]
async fn every_refusal_of_aws_has_its_outcome() {
    let html = |status| Says { status, kind: "text/html", body: b"<html>proxy</html>".to_vec(), pause: Duration::ZERO };
    type Case = (fn() -> Says, Outcome, &'static str);
    let cases: [Case; 7] = [
        (|| error(429, "TooManyRequestsException", "Rate exceeded"), Outcome::Throttled, "throttled (TooManyRequestsException)"),
        (|| error(400, "ThrottlingException", "Rate exceeded"), Outcome::Throttled, "throttled (ThrottlingException)"),
        (|| error(403, "AccessDeniedException", "not you"), Outcome::Denied, "access denied (AccessDeniedException): not you"),
        (|| error(403, "ExpiredTokenException", "old"), Outcome::Denied, "the session's token has expired (ExpiredTokenException)"),
        (|| error(403, "InvalidSignatureException", "Signature expired"), Outcome::Denied, "the signature was refused"),
        (|| error(500, "ServiceException", "oh"), Outcome::Unreachable, "the service failed with 500 (ServiceException): oh"),
        (|| says(200, json!([1, 2])), Outcome::Malformed, "HTTP 200 with a body that cannot be read"),
    ];
    for (say, outcome, reason) in cases {
        let (url, log) = stand_in(move |h| if h.body.contains("GetCallerIdentity") { sts() } else { say() }).await;
        let answer = ask_aws(&url, "aws.lambda.alias", json!({"function": "api", "alias": "prod"})).await;
        assert_eq!(answer.outcome, outcome, "{:?}", answer.reason);
        let said = answer.reason.unwrap();
        assert!(said.starts_with(reason), "{said}");
        assert_eq!(answer.doubt, None);
        assert!(log.lock().unwrap().len() <= 4, "no storm of retries");
    }
    for (status, outcome) in [(403, Outcome::Denied), (502, Outcome::Unreachable), (404, Outcome::Malformed), (200, Outcome::Malformed)] {
        let (url, _) = stand_in(move |h| if h.body.contains("GetCallerIdentity") { sts() } else { html(status) }).await;
        let answer = ask_aws(&url, "aws.logs.filter", json!({"log-group": "/aws/lambda/api"})).await;
        assert_eq!(answer.outcome, outcome, "{status}: {:?}", answer.reason);
    }
}

#[tokio::test]
async fn what_is_no_http_is_malformed_and_a_cut_is_not_called_no_connection() {
    for (sends, outcome, reason) in [
        ("SSH-2.0-OpenSSH_9.9\r\n\r\n", Outcome::Malformed, "the answer is not HTTP: "),
        ("", Outcome::Unreachable, "the connection was cut: connection closed before message completed"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                if hear(&mut stream).await.is_some() {
                    let _ = stream.write_all(sends.as_bytes()).await;
                }
            }
        });
        let answer = ask_aws(&url, "aws.lambda.alias", json!({"function": "api", "alias": "prod"})).await;
        let said = answer.reason.unwrap();
        assert!(answer.outcome == outcome && said.starts_with(reason), "{}: {said}", answer.outcome);
    }
}

#[tokio::test]
async fn an_answer_without_its_list_is_malformed_never_empty() {
    for (kind, params) in [
        ("aws.lambda.alias", json!({"function": "api", "alias": "prod"})),
        ("aws.lambda.versions", json!({"function": "api"})),
        ("aws.logs.filter", json!({"log-group": "g"})),
        ("aws.sfn.executions", json!({"state-machine": "arn:aws:states:us-east-1:1:stateMachine:m"})),
        ("aws.ses.account", json!({})),
    ] {
        let (url, _) = stand_in(|h| if h.body.contains("GetCallerIdentity") { sts() } else { says(200, json!({})) }).await;
        let answer = ask_aws(&url, kind, params).await;
        assert_eq!(answer.outcome, Outcome::Malformed, "{kind}: {:?} {:?}", answer.reason, answer.result);
    }
}

#[tokio::test]
async fn a_huge_answer_is_too_large_and_a_slow_one_a_timeout() {
    let (url, _) = stand_in(|h| {
        if h.body.contains("GetCallerIdentity") {
            return sts();
        }
        let message = "x".repeat(17 << 20);
        says(200, json!({"events": [{"message": message}]}))
    })
    .await;
    let answer = ask_aws(&url, "aws.logs.filter", json!({"log-group": "g"})).await;
    assert_eq!(answer.outcome, Outcome::TooLarge, "{:?}", answer.reason);

    let (url, _) = stand_in(|_| Says { pause: Duration::from_secs(60), ..says(200, json!({})) }).await;
    let world = World::new(settings(Some(url)));
    let answer = ask(&world, &request("aws.ses.account", json!({}), 300)).await;
    assert_eq!((answer.outcome, answer.reason.as_deref()), (Outcome::Timeout, Some("no answer within 300 ms")));
    assert!(answer.duration_ms < 2_000);
}

fn event(t: i64, id: &str) -> Value {
    json!({"timestamp": t, "message": format!("ERROR {id}"), "logStreamName": "s", "eventId": id, "ingestionTime": t})
}

#[tokio::test]
async fn log_events_are_followed_through_empty_pages_sorted_and_limited() {
    let (url, log) = stand_in(|h| {
        if h.body.contains("GetCallerIdentity") {
            return sts();
        }
        let asked: Value = serde_json::from_str(&h.body).unwrap();
        says(
            200,
            match asked["nextToken"].as_str() {
                None => json!({"events": [], "nextToken": "1"}),
                Some("1") => json!({"events": [event(30, "c"), event(10, "b")], "nextToken": "2"}),
                Some("2") => json!({"events": [], "nextToken": "3"}),
                _ => json!({"events": [event(20, "x"), event(10, "a")]}),
            },
        )
    })
    .await;
    let ids = |answer: &Answer| -> Vec<String> {
        let events = answer.result.as_ref().unwrap()["events"].as_array().unwrap().clone();
        events.iter().map(|e| e["eventId"].as_str().unwrap().to_owned()).collect()
    };
    let params = json!({"log-group": "/aws/lambda/api", "pattern": "?ERROR ?Exception", "since": "5m", "limit": 10});
    let answer = ask_aws(&url, "aws.logs.filter", params).await;
    assert_eq!(
        (answer.outcome, answer.truncated, ids(&answer)),
        (Outcome::Answered, false, vec!["a".into(), "b".into(), "x".into(), "c".into()])
    );
    assert_eq!(answer.result.as_ref().unwrap()["searchedAll"], true);
    let first: Value =
        serde_json::from_str(&log.lock().unwrap().iter().find(|h| h.operation.ends_with("FilterLogEvents")).unwrap().body).unwrap();
    assert_eq!(first["startTime"], now().millis() - 300_000);
    assert_eq!(first["filterPattern"], "?ERROR ?Exception");

    let answer = ask_aws(&url, "aws.logs.filter", json!({"log-group": "g", "limit": 3})).await;
    assert_eq!((answer.truncated, ids(&answer).len()), (true, 3));
    let answer = ask_aws(&url, "aws.logs.filter", json!({"log-group": "g", "limit": 4})).await;
    assert_eq!((answer.truncated, ids(&answer).len()), (false, 4), "exactly as many as the limit is not too many");
}

#[tokio::test]
async fn what_was_fetched_before_the_time_limit_is_kept() {
    let (url, _) = stand_in(|h| {
        if h.body.contains("nextToken") {
            Says { pause: Duration::from_secs(60), ..sts() }
        } else {
            says(200, json!({"events": [event(1, "a")], "nextToken": "1"}))
        }
    })
    .await;
    let world = World::new(settings(Some(url)));
    let answer = ask(&world, &request("aws.logs.filter", json!({"log-group": "g"}), 1_000)).await;
    assert_eq!((answer.outcome, answer.truncated), (Outcome::Timeout, true));
    assert_eq!(answer.result.unwrap()["events"][0]["eventId"], "a");
}

#[tokio::test]
async fn executions_are_asked_per_status_and_merged_newest_first() {
    let (url, log) = stand_in(|h| {
        let run = |name: &str, status: &str, at: i64| {
            json!({"executionArn": format!("arn:aws:states:us-east-1:1:execution:m:{name}"), "stateMachineArn": "m", "name": name,
                "status": status, "startDate": at, "stopDate": at + 5})
        };
        let asked: Value = serde_json::from_str(&h.body).unwrap_or_default();
        match (h.operation.as_str(), asked["statusFilter"].as_str()) {
            ("AWSStepFunctions.DescribeExecution", _) if asked["executionArn"].as_str().unwrap().ends_with("f2") => {
                says(200, json!({"executionArn": "x", "stateMachineArn": "m", "status": "FAILED", "startDate": 1, "error": "Duck.Lost", "cause": "pond empty"}))
            }
            ("AWSStepFunctions.ListExecutions", Some("FAILED")) => says(200, json!({"executions": [run("f2", "FAILED", 200), run("f1", "FAILED", 100)]})),
            ("AWSStepFunctions.ListExecutions", Some("TIMED_OUT")) => says(200, json!({"executions": [run("t1", "TIMED_OUT", 150)]})),
            ("AWSStepFunctions.ListExecutions", _) => says(200, json!({"executions": []})),
            _ => sts(),
        }
    })
    .await;
    let machine = "arn:aws:states:us-east-1:1:stateMachine:pecking";
    let params = json!({"state-machine": machine, "status": ["FAILED", "timed_out", "ABORTED"], "limit": 2, "details": 1});
    let answer = ask_aws(&url, "aws.sfn.executions", params).await;
    assert_eq!((answer.outcome, answer.truncated), (Outcome::Answered, true), "{:?}", answer.reason);
    let executions = answer.result.unwrap()["executions"].as_array().unwrap().clone();
    let names: Vec<&str> = executions.iter().map(|e| e["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["f2", "t1"]);
    assert_eq!((&executions[0]["error"], &executions[0]["cause"]), (&json!("Duck.Lost"), &json!("pond empty")));
    assert_eq!(executions[0]["startDate"], "1970-01-01T00:03:20.000Z");
    assert!(answer.origin.ends_with("/us-east-1/pecking"));
    let lists = log.lock().unwrap().iter().filter(|h| h.operation.ends_with("ListExecutions")).count();
    assert_eq!(lists, 3);

    let answer = ask_aws(&url, "aws.sfn.executions", json!({"state-machine": machine, "status": "LOST"})).await;
    assert!(answer.reason.unwrap().starts_with("`LOST` is no status of an execution: "));
}

#[tokio::test]
async fn versions_are_newest_first_over_all_pages() {
    let (url, _) = stand_in(|h| {
        let version = |v: &str| json!({"Version": v, "CodeSha256": format!("sha-{v}"), "Environment": {"Variables": {"DB_PASSWORD": "p"}}});
        match h.operation.as_str() {
            o if o.contains("Marker=") => says(200, json!({"Versions": [version("10"), version("11")]})),
            o if o.starts_with("GET") => says(200, json!({"Versions": [version("$LATEST"), version("9")], "NextMarker": "m"})),
            _ => sts(),
        }
    })
    .await;
    let answer = ask_aws(&url, "aws.lambda.versions", json!({"function": "api", "limit": 3})).await;
    assert_eq!((answer.outcome, answer.truncated), (Outcome::Answered, true), "{:?}", answer.reason);
    let result = answer.result.unwrap();
    let versions: Vec<&str> = result["Versions"].as_array().unwrap().iter().map(|v| v["Version"].as_str().unwrap()).collect();
    assert_eq!(versions, ["$LATEST", "11", "10"]);
    assert!(!result.to_string().contains("Environment"));
}

#[tokio::test]
async fn the_mail_account_says_only_what_was_said() {
    let (url, _) = stand_in(|h| {
        if h.operation.contains("/v2/email/account") {
            says(200, json!({"SendQuota": {"Max24HourSend": 200.0, "MaxSendRate": 1.0, "SentLast24Hours": 191.0}, "ProductionAccessEnabled": false,
                "EnforcementStatus": "HEALTHY"}))
        } else {
            sts()
        }
    })
    .await;
    let answer = ask_aws(&url, "aws.ses.account", json!({})).await;
    let result = answer.result.unwrap();
    assert_eq!((&result["percent"], &result["ProductionAccessEnabled"]), (&json!(95.5), &json!(false)));
    assert_eq!(result.get("SendingEnabled"), None, "what was not said is not false");
    assert_eq!(answer.origin, "121546003735/us-east-1/ses");
}

/// CloudWatch speaks CBOR.
fn cbor(body: &ciborium::Value) -> Says {
    let mut bytes = Vec::new();
    ciborium::into_writer(body, &mut bytes).unwrap();
    Says { status: 200, kind: "application/cbor", body: bytes, pause: Duration::ZERO }
}

fn map(members: Vec<(&str, ciborium::Value)>) -> ciborium::Value {
    ciborium::Value::Map(members.into_iter().map(|(k, v)| (k.into(), v)).collect())
}

#[tokio::test]
async fn datapoints_are_ordered_and_gaps_are_nulls() {
    let (url, _) = stand_in(|h| {
        let point = |minutes: i64, sum: f64| {
            let at = ciborium::Value::Tag(1, Box::new((1_795_486_080_i64 + minutes * 60).into()));
            map(vec![("Timestamp", at), ("Sum", sum.into()), ("Unit", "Count".into())])
        };
        if h.operation.ends_with("GetMetricStatistics") {
            cbor(&map(vec![("Label", "Errors".into()), ("Datapoints", ciborium::Value::Array(vec![point(3, 2.0), point(1, 5.0)]))]))
        } else {
            sts()
        }
    })
    .await;
    let params = json!({"namespace": "AWS/Lambda", "metric": "Errors", "dimensions": {"FunctionName": "api"}, "since": "5m"});
    let answer = ask_aws(&url, "aws.cloudwatch.metric", params).await;
    assert_eq!(answer.outcome, Outcome::Answered, "{:?}", answer.reason);
    let result = answer.result.unwrap();
    let values: Vec<&Value> = result["datapoints"].as_array().unwrap().iter().map(|d| &d["value"]).collect();
    assert_eq!(values, [&Value::Null, &json!(5.0), &Value::Null, &json!(2.0), &Value::Null, &Value::Null]);
    assert_eq!(result["datapoints"][0]["t"], "2026-11-24T02:08:00.000Z");
    assert_eq!((&result["sum"], &result["max"], &result["min"], &result["count"]), (&json!(7.0), &json!(5.0), &json!(2.0), &json!(2)));
    assert_eq!((&result["unit"], &result["label"]), (&json!("Count"), &json!("Errors")));
    assert!(answer.origin.ends_with("/us-east-1/AWS/Lambda/Errors?FunctionName=api"));
}

#[tokio::test]
async fn no_data_is_never_zero_and_names_what_exists() {
    let (url, _) = stand_in(|h| match h.operation.rsplit('/').next() {
        Some("GetMetricStatistics") => cbor(&map(vec![("Label", "Bounces".into()), ("Datapoints", ciborium::Value::Array(vec![]))])),
        Some("ListMetrics") => {
            let metric = |name: &str| map(vec![("Namespace", "AWS/SES".into()), ("MetricName", name.into())]);
            cbor(&map(vec![("Metrics", ciborium::Value::Array(vec![metric("Send"), metric("Bounce"), metric("Bounce")]))]))
        }
        _ => sts(),
    })
    .await;
    let answer = ask_aws(&url, "aws.cloudwatch.metric", json!({"namespace": "AWS/SES", "metric": "Bounces"})).await;
    let result = answer.result.unwrap();
    assert_eq!((answer.outcome, &result["datapoints"], &result["sum"]), (Outcome::Answered, &json!([]), &Value::Null));
    assert_eq!(result["available"], json!(["Bounce", "Send"]));
    assert_eq!(answer.reason.as_deref(), Some("no data: `AWS/SES` has no metric `Bounces`; it has Bounce, Send"));

    let answer = ask_aws(&url, "aws.cloudwatch.metric", json!({"namespace": "n", "metric": "m", "since": "30d"})).await;
    assert_eq!(answer.reason.as_deref(), Some("more than 1440 datapoints: make `period` longer or `since` shorter"));
}

#[tokio::test]
async fn without_a_region_or_an_answer_nothing_is_asked() {
    let mut none = request("aws.ses.account", json!({}), 1_000);
    none.region = None;
    let answer = ask(&world(), &none).await;
    assert_eq!(
        (answer.outcome, answer.reason.as_deref()),
        (Outcome::Skipped, Some("no region: set it in the runbook's [aws] or blotter.toml"))
    );
    let answer = ask(&world(), &request("ask", json!({"question": "red?"}), 1_000)).await;
    assert_eq!((answer.outcome, answer.result), (Outcome::Skipped, None));
    let answer = ask(&world(), &request("aws.ec2.instances", json!({}), 1_000)).await;
    assert_eq!(answer.reason.as_deref(), Some("no probe of kind `aws.ec2.instances` is known"));
    let answer = question::answer(&world(), &request("ask", json!({"question": "red?"}), 1_000), "yes", None).unwrap();
    assert_eq!((answer.outcome, answer.result), (Outcome::Answered, Some(json!({"answer": "yes", "note": null}))));
}

#[tokio::test]
async fn nobody_at_the_endpoint_is_unreachable() {
    let answer = ask(&world(), &request("aws.ses.account", json!({}), 5_000)).await;
    assert_eq!(answer.outcome, Outcome::Unreachable, "{:?}", answer.reason);
    assert_eq!(answer.source.endpoint.as_deref(), Some("http://127.0.0.1:9"));
}

#[tokio::test]
async fn a_panic_is_an_observation() {
    let caught = unpanicked(async { panic!("deliberate") }).await;
    assert_eq!(caught.unwrap_err().outcome, Outcome::Malformed);
}
