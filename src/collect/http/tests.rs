use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::tests::{request, world};
use super::super::{Answer, ask};
use crate::record::verdict::Outcome;

mod tls;

/// What the server does with each connection, after it has read the head of the request.
#[derive(Clone)]
enum Does {
    /// Sends these bytes and closes.
    Sends(Vec<u8>),
    /// Sends these bytes and keeps the connection open, silently.
    Hangs(Vec<u8>),
    /// Sends the first part, then the second over and over, with a pause between.
    Repeats(Vec<u8>, Vec<u8>, Duration),
    /// Sends these bytes at once, without listening.
    Blurts(Vec<u8>),
    /// Sends back what it was sent, as text.
    Echoes,
}

async fn serve(does: Does) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream, does.clone()));
        }
    });
    port
}

async fn handle(mut stream: TcpStream, does: Does) {
    if let Does::Blurts(bytes) = does {
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        // Listens to the end, so that closing does not reset what was said.
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        return;
    }
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    while !heard.windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(n @ 1..) => heard.extend_from_slice(&buffer[..n]),
            _ => return,
        }
    }
    match does {
        Does::Sends(bytes) | Does::Blurts(bytes) => drop(stream.write_all(&bytes).await),
        Does::Hangs(bytes) => {
            let _ = stream.write_all(&bytes).await;
            std::future::pending::<()>().await;
        }
        Does::Repeats(first, again, pause) => {
            let _ = stream.write_all(&first).await;
            while stream.write_all(&again).await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        }
        Does::Echoes => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n", heard.len());
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&heard).await;
        }
    }
    let _ = stream.shutdown().await;
}

fn reply(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

async fn get(port: u16, mut params: Value, timeout_ms: u64) -> Answer {
    params["url"] = json!(format!("http://127.0.0.1:{port}/beak?token=s3cret&n=1"));
    ask(&world(), &request("http", params, timeout_ms)).await
}

async fn ask_does(does: Does, params: Value) -> Answer {
    get(serve(does).await, params, 5_000).await
}

#[tokio::test]
async fn any_status_is_an_answer_and_json_is_read() {
    let body = br#"{"agents":{"alive":3}}"#;
    let headers = "Date: Tue, 24 Nov 2026 02:13:37 GMT\r\nContent-Type: application/json\r\nX-Two: a\r\nX-Two: b\r\n";
    let answer = ask_does(Does::Sends(reply("502 Bad Gateway", headers, body)), json!({})).await;
    assert_eq!(answer.outcome, Outcome::Answered);
    let result = answer.result.unwrap();
    assert_eq!(result["status"], 502);
    assert_eq!(result["body"], json!({"agents": {"alive": 3}}));
    assert_eq!(result["headers"]["x-two"], "a, b");
    assert!(result["elapsed_ms"].is_u64());
    assert_eq!(answer.source.skew_ms, Some(30_000));
    assert_eq!(answer.source.server_date.as_deref(), Some("Tue, 24 Nov 2026 02:13:37 GMT"));
    assert!(answer.origin.ends_with("/beak?token=[redacted:assignment]&n=1"), "{}", answer.origin);
    assert_eq!(answer.source.endpoint.as_deref(), Some(answer.origin.as_str()));
    assert!(!answer.request.to_string().contains("s3cret"));
}

#[tokio::test]
async fn what_is_sent_is_what_the_runbook_says_and_secrets_are_not_kept() {
    let params = json!({"method": "POST", "read-only": true, "headers": {"X-Api-Key": "k3y", "Accept": "text/*"}, "body": {"n": 1}});
    let answer = ask_does(Does::Echoes, params).await;
    let heard = answer.result.unwrap()["body"].as_str().unwrap().to_ascii_lowercase();
    for part in ["post /beak?token=s3cret", "x-api-key: k3y", "content-type: application/json", "user-agent: blotter/"] {
        assert!(heard.contains(part), "{part} in {heard}");
    }
    assert!(!heard.contains("accept-encoding"), "{heard}");
    assert_eq!(answer.request["headers"]["x-api-key"], "[redacted:assignment]");
    assert_eq!(answer.request["body"], json!({"n": 1}));
}

#[tokio::test]
async fn questions_that_would_change_something_or_cannot_be_asked_are_skipped() {
    for (params, why) in [
        (json!({"url": "http://127.0.0.1:9/", "method": "DELETE"}), "a probe changes nothing: DELETE needs `read-only = true`"),
        (json!({"url": "file:///etc/passwd"}), "`url` is not an http or https address"),
        (json!({"url": "nonsense"}), "`url` cannot be read: relative URL without a base"),
        (json!({}), "`url` is missing"),
        (json!({"url": "http://127.0.0.1:9/", "max-bytes": "1 furlong"}), "`max-bytes` is not a size such as `1MiB`: `\"1 furlong\"`"),
    ] {
        let answer = ask(&world(), &request("http", params, 1000)).await;
        assert_eq!((answer.outcome, answer.reason.as_deref()), (Outcome::Skipped, Some(why)));
    }
}

#[tokio::test]
async fn a_slow_loris_ends_with_the_time_limit_and_what_came_is_kept() {
    let first = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_vec();
    let port = serve(Does::Repeats(first, b"x".to_vec(), Duration::from_millis(20))).await;
    let answer = get(port, json!({}), 300).await;
    assert_eq!(answer.outcome, Outcome::Timeout);
    assert_eq!(answer.reason.as_deref(), Some("no answer within 300 ms"));
    assert!((300..3_000).contains(&answer.duration_ms), "{}", answer.duration_ms);
    let result = answer.result.unwrap();
    assert_eq!(result["status"], 200);
    assert!(result["body"].as_str().is_some_and(|b| b.starts_with('x') && b.len() < 1000), "{result}");
    assert!(answer.truncated);

    let answer = get(serve(Does::Hangs(b"HTTP/1.1 200".to_vec())).await, json!({}), 200).await;
    assert_eq!((answer.outcome, answer.result), (Outcome::Timeout, None));
}

#[tokio::test]
async fn an_endless_body_is_too_large_and_its_beginning_is_kept() {
    let first = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n".to_vec();
    let answer = ask_does(Does::Repeats(first, "ä".repeat(500).into_bytes(), Duration::ZERO), json!({"max-bytes": "2001"})).await;
    assert_eq!(answer.outcome, Outcome::TooLarge);
    assert_eq!(answer.reason.as_deref(), Some("the body is larger than `max-bytes` (2001)"));
    assert_eq!(answer.result.unwrap()["body"], "ä".repeat(1000));
    assert!(answer.truncated);
}

#[tokio::test]
async fn a_body_of_exactly_the_cap_is_whole() {
    let answer = ask_does(Does::Sends(reply("200 OK", "", b"12345")), json!({"max-bytes": 5})).await;
    assert_eq!((answer.outcome, answer.truncated), (Outcome::Answered, false));
    assert_eq!(answer.result.unwrap()["body"], "12345");
}

#[tokio::test]
async fn a_cut_connection_is_unreachable_with_what_had_come() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"a\":1".to_vec();
    let answer = ask_does(Does::Sends(cut), json!({})).await;
    assert_eq!(answer.outcome, Outcome::Unreachable);
    assert!(answer.reason.unwrap().starts_with("the connection was cut after 6 bytes of the body: "));
    assert_eq!(answer.result.unwrap()["body"], "{\"a\":1");
    assert!(answer.truncated);

    let answer = ask_does(Does::Sends(Vec::new()), json!({})).await;
    assert_eq!(answer.outcome, Outcome::Unreachable);
    assert!(answer.reason.unwrap().starts_with("the connection was cut: "));
}

#[tokio::test]
async fn a_length_that_is_too_short_ends_the_body_and_nonsense_is_malformed() {
    let short = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokand more".to_vec();
    let answer = ask_does(Does::Sends(short), json!({})).await;
    assert_eq!((answer.outcome, &answer.result.unwrap()["body"]), (Outcome::Answered, &json!("ok")));

    for nonsense in ["SSH-2.0-OpenSSH_9.9\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n"] {
        let answer = ask_does(Does::Sends(nonsense.as_bytes().to_vec()), json!({})).await;
        assert_eq!(answer.outcome, Outcome::Malformed, "{nonsense}: {:?}", answer.reason);
    }
    let chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\noops\r\n".to_vec();
    let answer = ask_does(Does::Sends(chunks), json!({})).await;
    assert_eq!(answer.outcome, Outcome::Malformed, "{:?}", answer.reason);
}

#[tokio::test]
async fn ten_thousand_headers_are_too_many() {
    let headers: String = (0..10_000).map(|n| format!("x-{n}: y\r\n")).collect();
    let answer = ask_does(Does::Sends(reply("200 OK", &headers, b"")), json!({})).await;
    assert_eq!(answer.outcome, Outcome::TooLarge, "{:?}", answer.reason);
}

#[tokio::test]
async fn packed_bodies_are_unpacked_up_to_the_cap() {
    let pack = |text: &[u8]| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    };
    let headers = "content-encoding: gzip\r\ncontent-type: application/json\r\n";
    let answer = ask_does(Does::Sends(reply("200 OK", headers, &pack(b"{\"a\":1}"))), json!({})).await;
    assert_eq!((answer.outcome, &answer.result.unwrap()["body"]), (Outcome::Answered, &json!({"a": 1})));

    let bomb = pack(&vec![b' '; 20 << 20]);
    assert!(bomb.len() < 64 << 10);
    let answer = ask_does(Does::Sends(reply("200 OK", headers, &bomb)), json!({"max-bytes": "64KiB"})).await;
    assert_eq!((answer.outcome, answer.truncated), (Outcome::TooLarge, true));
    assert_eq!(answer.result.unwrap()["body"].as_str().map(str::len), Some(64 << 10));

    let answer = ask_does(Does::Sends(reply("200 OK", "content-encoding: br\r\n", b"\x0b\x02\xff\xfe")), json!({})).await;
    let result = answer.result.unwrap();
    assert_eq!((&result["body"], &result["body_encoding"]), (&json!("CwL//g=="), &json!("base64")));
    assert!(answer.reason.unwrap().starts_with("the body is packed with `br`"));
}

#[tokio::test]
async fn bytes_that_are_no_utf8_are_kept_without_loss() {
    let answer = ask_does(Does::Sends(reply("200 OK", "", b"a long enough line \\ with \xff in it")), json!({})).await;
    assert_eq!(answer.outcome, Outcome::Answered);
    let result = answer.result.unwrap();
    assert_eq!((&result["body"], &result["body_encoding"]), (&json!("a long enough line \\\\ with \\xff in it"), &json!("escaped")));
    assert!(answer.reason.unwrap().contains("not UTF-8"));
}

#[tokio::test]
async fn deep_and_false_json_is_kept_as_text_and_said() {
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let json_type = "content-type: application/problem+json; charset=utf-8\r\n";
    for (status, headers, body, outcome, says) in [
        ("200 OK", "", deep.as_str(), Outcome::Answered, "nested too deep"),
        ("200 OK", json_type, deep.as_str(), Outcome::Malformed, "nested too deep"),
        ("200 OK", json_type, "<html>oops", Outcome::Malformed, "calls itself JSON and is not"),
        ("502 Bad Gateway", json_type, "<html>oops", Outcome::Answered, "calls itself JSON and is not"),
    ] {
        let answer = ask_does(Does::Sends(reply(status, headers, body.as_bytes())), json!({})).await;
        assert_eq!(answer.outcome, outcome, "{status} {headers}");
        assert_eq!(answer.result.unwrap()["body"], body);
        assert!(answer.reason.unwrap().contains(says), "{says}");
    }
    let answer = ask_does(Does::Sends(reply("200 OK", "", b"{not json")), json!({})).await;
    assert_eq!((answer.outcome, answer.reason), (Outcome::Answered, None), "what does not call itself JSON need not be");
}

#[tokio::test]
async fn redirects_are_followed_up_to_the_limit() {
    let end = serve(Does::Echoes).await;
    let hop = |port: u16| reply("302 Found", &format!("location: http://127.0.0.1:{port}/moved\r\n"), b"");
    let mut port = end;
    for _ in 0..3 {
        port = serve(Does::Sends(hop(port))).await;
    }
    let secret = json!({"headers": {"Authorization": "Bearer abc", "X-Api-Key": "k"}});
    let answer = get(port, secret, 5_000).await;
    assert_eq!(answer.outcome, Outcome::Answered, "{:?}", answer.reason);
    let result = answer.result.unwrap();
    assert_eq!(result["url"], format!("http://127.0.0.1:{end}/moved"));
    let heard = result["body"].as_str().unwrap().to_ascii_lowercase();
    assert!(!heard.contains("authorization") && !heard.contains("x-api-key"), "another host learns no secret: {heard}");

    let answer = get(port, json!({"redirects": 2}), 5_000).await;
    assert_eq!(answer.outcome, Outcome::Malformed);
    assert!(answer.reason.unwrap().starts_with("more than 2 redirects, the last one to http://127.0.0.1:"));

    let answer = get(port, json!({"redirects": 0}), 5_000).await;
    assert_eq!((answer.outcome, &answer.result.unwrap()["status"]), (Outcome::Answered, &json!(302)));

    let answer = ask_does(Does::Sends(reply("301 Moved", "location: ftp://x/\r\n", b"")), json!({})).await;
    assert_eq!(answer.outcome, Outcome::Malformed);
}

#[tokio::test]
async fn nobody_there_and_names_that_do_not_resolve_are_unreachable() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let answer = get(port, json!({}), 5_000).await;
    assert_eq!(answer.outcome, Outcome::Unreachable);
    assert!(answer.reason.unwrap().starts_with(&format!("no connection to 127.0.0.1:{port}: ")));

    // Too long a label for any resolver, so that none is asked.
    let name = format!("{}.invalid", "x".repeat(64));
    let answer = ask(&world(), &request("http", json!({"url": format!("http://{name}/")}), 20_000)).await;
    assert_eq!(answer.outcome, Outcome::Unreachable);
    let reason = answer.reason.unwrap();
    assert!(reason.starts_with(&format!("the name {name} cannot be resolved")), "{reason}");
}

#[tokio::test]
async fn tls_with_a_wrong_name_is_unreachable_and_says_so() {
    let port = tls::serve().await;
    let url = json!({"url": format!("https://localhost:{port}/")});
    let mut world = world();
    world.http.roots = vec![reqwest::Certificate::from_der(&tls::certificate()).unwrap()];
    let answer = ask(&world, &request("http", url.clone(), 5_000)).await;
    assert_eq!(answer.outcome, Outcome::Unreachable);
    let reason = answer.reason.unwrap();
    assert!(reason.starts_with("TLS: the certificate of localhost is not to be trusted: "), "{reason}");
    assert!(reason.contains("not valid for name"), "{reason}");

    let answer = ask(&super::super::tests::world(), &request("http", url, 5_000)).await;
    assert_eq!(answer.outcome, Outcome::Unreachable);
    assert!(answer.reason.unwrap().contains("not to be trusted"));

    let plain = serve(Does::Blurts(reply("200 OK", "", b"no TLS here"))).await;
    let answer = ask(&world, &request("http", json!({"url": format!("https://localhost:{plain}/")}), 5_000)).await;
    assert_eq!(answer.outcome, Outcome::Unreachable);
    let reason = answer.reason.unwrap();
    assert!(reason.starts_with("TLS with localhost:"), "{reason}");
}
