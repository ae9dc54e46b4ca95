//! Who must be told is told once per channel, and a channel that fails is tried again.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use super::*;
use crate::app::drill::Drill;
use crate::app::page::{OpenRequest, Paged, open};
use crate::app::{Clock, select};
use crate::aws;
use crate::config::Config;
use crate::record::actor::Actor;
use crate::record::event::Facts;

/// An incident of INC-004 in which more than 10 callback errors fell due at once.
async fn spiking() -> Drill {
    let clock = Clock::system();
    let aws = aws::Settings::new(clock.as_fn());
    let actor = Actor { name: "T-OPS".to_owned(), is_person: false, via: "flag".to_owned() };
    let base = Ctx { config: Config::default(), clock, actor, drill: false, aws, flag_vars: Vec::new(), notices: Default::default() };
    let drill = Drill::start(&base, "INC-004", None, None).unwrap();
    drill.prelude().await.unwrap();
    let request = OpenRequest { runbook: "INC-004".to_owned(), ..OpenRequest::default() };
    let paged = open(&drill.ctx, &request, &|_| {}, std::future::pending()).await.unwrap();
    assert!(matches!(paged, Paged::Recorded { .. }), "{paged:?}");
    drill
}

fn incident(ctx: &Ctx) -> Incident {
    let store = ctx.read().unwrap();
    let picked = select::pick(&store, None).unwrap();
    super::super::change::fold(&store.load(&StreamId::incident(picked.brief.id)).unwrap()).unwrap()
}

fn sh(script: &str, file: &Path) -> Vec<String> {
    vec!["sh".to_owned(), "-c".to_owned(), script.to_owned(), "sh".to_owned(), file.display().to_string()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_run_once_per_escalation_and_a_failing_one_again() {
    let drill = spiking().await;
    let mut ctx = drill.ctx.clone();
    let due = incident(&ctx).escalations;
    assert!(due.iter().any(|e| e.rule == "more-than-10-in-24h" && e.to == "T-JOSH"), "{due:?}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("told");
    ctx.config.tick.command = sh("echo the pager is down >&2; exit 1", &file);
    let first = tick(&ctx).await.unwrap();
    assert!(first.told.iter().all(|t| t.result.as_ref().is_err_and(|e| e.contains("the pager is down"))), "{first:?}");
    let head = incident(&ctx).head.seq;
    let again = tick(&ctx).await.unwrap();
    assert_eq!((again.told.len(), incident(&ctx).head.seq), (due.len(), head), "the same failure is tried again, and recorded once");

    ctx.config.tick.command = sh("cat >> \"$1\"; echo >> \"$1\"", &file);
    let told = tick(&ctx).await.unwrap();
    assert!(told.told.len() == due.len() && told.told.iter().all(|t| t.result.is_ok()), "{told:?}");
    let lines: Vec<serde_json::Value> = std::fs::read_to_string(&file).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), due.len());
    assert!(lines.iter().any(|l| l["escalation"]["rule"] == "more-than-10-in-24h" && l["incident"]["drill"] == true), "{lines:?}");
    assert!(tick(&ctx).await.unwrap().told.is_empty(), "nobody is told twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_gets_one_message_and_its_url_is_in_no_record() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook/s3cret", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let mut bodies = Vec::new();
        for status in ["500 no", "200 ok"] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut text = String::new();
            let mut buffer = [0; 4096];
            while !text.contains("\r\n\r\n") || !text.trim_end().ends_with('}') {
                let n = stream.read(&mut buffer).unwrap();
                text.push_str(&String::from_utf8_lossy(&buffer[..n]));
            }
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            bodies.push(text);
        }
        bodies
    });
    let drill = spiking().await;
    let mut ctx = drill.ctx.clone();
    // One rule alone, so that one message is expected.
    let rules: Vec<_> = incident(&ctx).escalations.iter().map(|e| e.rule.clone()).collect();
    ctx.config.tick.webhook = Some(url);
    for rule in rules.iter().filter(|r| *r != "more-than-10-in-24h") {
        let (mut store, seq) = (ctx.append().unwrap(), incident(&ctx).escalations.iter().find(|e| e.rule == *rule).unwrap().seq);
        let picked = select::pick(&store, None).unwrap();
        let done = EscalationDelivered { raised: seq, channel: "webhook".to_owned(), ok: true, detail: "HTTP 200".to_owned() };
        carry_out(&ctx, &mut store, &picked, Command::Delivered(done)).unwrap();
    }
    let failed = tick(&ctx).await.unwrap();
    assert_eq!(failed.told.iter().map(|t| t.result.clone()).collect::<Vec<_>>(), [Err("HTTP 500".to_owned())]);
    let told = tick(&ctx).await.unwrap();
    assert_eq!(told.told.iter().map(|t| t.result.clone()).collect::<Vec<_>>(), [Ok("HTTP 200".to_owned())]);
    let bodies = served.join().unwrap();
    assert!(bodies.iter().all(|b| b.contains("DRILL incident 1") && b.contains("T-JOSH")), "{bodies:?}");

    let store = ctx.read().unwrap();
    let picked = select::pick(&store, None).unwrap();
    for e in store.load(&StreamId::incident(picked.brief.id)).unwrap() {
        if let Facts::EscalationDelivered(x) = &e.facts {
            assert!(!x.detail.contains("s3cret"), "{x:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_opening_recorded_as_due_is_not_recorded_again() {
    let drill = spiking().await;
    let before = incident(&drill.ctx).escalations.len();
    assert_eq!(tick(&drill.ctx).await.unwrap().due.len(), 0, "opening recorded what was due");
    assert_eq!(incident(&drill.ctx).escalations.len(), before);
}
