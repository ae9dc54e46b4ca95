//! The other kinds of action: executions to stop, production access, and what is done by hand.

use serde_json::json;

use super::*;
use crate::record::event::ActionSucceeded;
use crate::simulator::fault::{Fault, Rule};
use crate::simulator::world::{End as Ending, Execution, World};

const MACHINE: &str = "peck-approval-workflow";

fn execution<'w>(w: &'w mut World, name: &str) -> &'w mut Execution {
    w.machines.get_mut(MACHINE).unwrap().executions.iter_mut().find(|e| e.name == name).unwrap()
}

fn is_stopped(b: &Bench, name: &str) -> bool {
    b.stack().edit(|w| execution(w, name).end.as_ref().is_some_and(|e| e.status == "ABORTED"))
}

fn succeeded(b: &Bench) -> ActionSucceeded {
    let store = b.store();
    let events = store.load(&StreamId::incident(pick(&store, None).unwrap().brief.id)).unwrap();
    let found = events.into_iter().find_map(|e| match e.facts {
        Facts::ActionSucceeded(x) => Some(*x),
        _ => None,
    });
    found.unwrap()
}

#[tokio::test]
async fn a_list_of_executions_shrinks_and_never_grows() {
    let b = Bench::open("INC-004", "INC-004").await;
    b.propose("stop-executions", &[]).await.unwrap();
    let a = b.action(1);
    assert_eq!(a.arguments["executions"].as_array().unwrap().len(), 3, "the one that began an hour ago is not stuck");
    assert!(
        a.text.starts_with("Stop 3 executions of peck-approval-workflow: peck-stuck-1, peck-stuck-2, peck-stuck-3, in account"),
        "{}",
        a.text
    );
    b.approve(person("T-JOSH"), 1).unwrap();
    let now = b.drill.ctx.now();
    b.stack().edit(|w| {
        execution(w, "peck-stuck-2").end = Some(Ending { at: now, status: "SUCCEEDED".to_owned(), error: None, cause: None });
        let old = Execution { name: "peck-stuck-9".to_owned(), started: now.plus_millis(-9 * 3_600_000), end: None, input: json!({}) };
        w.machines.get_mut(MACHINE).unwrap().executions.push(old);
    });
    // The ninth is stuck too, was never approved, and so keeps the runbook's verification from passing: cut it short.
    let stopped = async {
        while b.stack().count("sfn/StopExecution") < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    let (mut store, ops) = (b.store(), b.as_(person("T-OPS")));
    let picked = pick(&store, None).unwrap();
    let end = execute(&ops, &mut store, &picked, &ExecuteRequest::new(1), SILENT, stopped).await.unwrap().end;
    assert!(matches!(&end, End::Interrupted(t) if t.starts_with("cut short after 1 looks")), "{end:?}");
    assert_eq!(b.story().last().unwrap(), "recovery.not_verified");
    assert_eq!(b.stack().count("sfn/StopExecution"), 2);
    assert_eq!(["peck-stuck-1", "peck-stuck-2", "peck-stuck-3", "peck-stuck-9"].map(|n| is_stopped(&b, n)), [true, false, true, false]);
    let done = succeeded(&b);
    assert_eq!(done.text, "2 stopped, 1 skipped of peck-approval-workflow");
    let outcomes: Vec<_> = done.result["executions"].as_array().unwrap().iter().map(|e| e["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["stopped", "skipped", "stopped"]);
    let end = b.stack().edit(|w| execution(w, "peck-stuck-1").end.clone()).unwrap();
    assert_eq!((end.error.as_deref(), end.cause.as_deref()), (Some("StalePeckRequest"), Some("cleared in incident 1")));
}

#[tokio::test]
async fn partial_success_is_failed_and_a_cut_is_unknown_until_looked_at() {
    let b = Bench::open("INC-004", "INC-004").await;
    b.ready("stop-executions").await;
    b.stack().fault(Rule::new("sfn/StopExecution", Fault::Denied).after(1).times(1));
    let end = b.execute(1).await.unwrap().end;
    assert!(matches!(&end, End::Failed(t) if t.starts_with("2 stopped, 0 skipped, 1 failed (peck-stuck-2: access denied")), "{end:?}");

    let b = Bench::open("INC-004", "INC-004").await;
    b.ready("stop-executions").await;
    b.stack().fault(Rule::new("sfn/StopExecution", Fault::Cut).late().times(1));
    let end = b.execute(1).await.unwrap().end;
    assert!(matches!(&end, End::Unknown(t) if t.starts_with("2 stopped, 0 skipped, 1 unknown (peck-stuck-1: ")), "{end:?}");
    let end = b.execute(1).await.unwrap().end;
    assert!(matches!(&end, End::Verified(_)), "{end:?}");
    assert_eq!(b.stack().count("sfn/StopExecution"), 3);
}

#[tokio::test]
async fn nothing_left_to_stop_is_stale() {
    let b = Bench::open("INC-004", "INC-004").await;
    b.ready("stop-executions").await;
    let now = b.drill.ctx.now();
    b.stack().edit(|w| {
        for n in 1..=4 {
            execution(w, &format!("peck-stuck-{n}")).end =
                Some(Ending { at: now, status: "SUCCEEDED".to_owned(), error: None, cause: None });
        }
    });
    assert_eq!(b.execute(1).await.unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!((b.status(1), b.stack().count("sfn/StopExecution")), (ActionStatus::Stale, 0));
}

#[tokio::test]
async fn executions_of_another_machine_are_refused() {
    let b = Bench::open("INC-004", "INC-004").await;
    let other = "arn:aws:states:us-east-1:121546003735:execution:payments:p-1";
    let refused = b.propose("stop-executions", &[("executions", other)]).await.unwrap_err();
    assert!(refused.to_string().contains("is no execution of"), "{refused}");
}

#[tokio::test]
async fn production_access_is_asked_for_once() {
    let b = Bench::open("INC-005", "INC-005").await;
    b.ready("request-production-access").await;
    let end = b.execute(1).await.unwrap().end;
    assert_eq!(end, End::Done("AWS took the request for production access, the review is PENDING, case 176432100001".to_owned()));
    assert_eq!(b.stack().count("ses/PutAccountDetails"), 1);
    let details = b.stack().edit(|w| w.ses.details.clone()).unwrap();
    assert_eq!((details["MailType"].clone(), details["WebsiteURL"].clone()), (json!("TRANSACTIONAL"), json!("https://spaceduckling.com")));
    assert!(details["UseCaseDescription"].as_str().unwrap().starts_with("Transactional email"));
    let refused = b.propose("request-production-access", &[]).await.unwrap_err();
    assert_eq!(refused.to_string(), "a request is under review already, case 176432100001");
    b.stack().edit(|w| crate::simulator::scenario::heal("INC-005", w)).unwrap();
    let refused = b.propose("request-production-access", &[]).await.unwrap_err();
    assert!(refused.to_string().contains("are not met"), "{refused}");
}

#[tokio::test]
async fn a_request_that_was_cut_is_looked_for() {
    for late in [true, false] {
        let b = Bench::open("INC-005", "INC-005").await;
        b.ready("request-production-access").await;
        let rule = Rule::new("ses/PutAccountDetails", Fault::Cut);
        b.stack().fault(if late { rule.late() } else { rule });
        assert!(matches!(b.execute(1).await.unwrap().end, End::Unknown(_)));
        let end = b.execute(1).await.unwrap().end;
        assert_eq!(matches!(end, End::Done(_)), late, "{end:?}");
        assert_eq!(b.stack().count("ses/PutAccountDetails"), 1);
    }
}

#[tokio::test]
async fn what_a_person_did_is_written_down() {
    let b = Bench::open("INC-005", "INC-005").await;
    b.propose("request-in-console", &[]).await.unwrap();
    assert_eq!(b.execute(1).await.unwrap_err().kind(), ErrorKind::Refused);
    b.approve(person("T-JOSH"), 1).unwrap();
    let request = ExecuteRequest { note: Some("case 4711".to_owned()), ..ExecuteRequest::new(1) };
    let done = b.execute_with(person("T-OPS"), request).await.unwrap();
    assert_eq!((done.id, done.number, done.n, &done.end), (b.incident().id, 1, 1, &End::Done("case 4711".to_owned())));
    let kinds: Vec<_> = done.events.iter().map(|e| e.header.kind.as_str()).collect();
    assert_eq!(kinds, ["evidence.captured", "action.started", "action.succeeded"]);
    assert_eq!(b.story(), ["action.proposed", "approval.granted", "action.started", "action.succeeded"]);
}

const BY_HAND: &str = r#"# T-001: By hand

It is done by hand.

```toml runbook
severity = "P2"
```

## Steps

### 1. Restart

Switch it off and on.

```toml action
id = "restart"
kind = "manual"
text = "Restart it, for incident {{incident.number}}."
approve = { none = true }
```
"#;

#[tokio::test]
async fn what_needs_no_approval_needs_none() {
    let b = Bench::open_text(BY_HAND, |_| {}).await;
    b.propose("restart", &[]).await.unwrap();
    assert_eq!((b.action(1).text.as_str(), b.status(1)), ("By hand: Restart it, for incident 1.", ActionStatus::Approved));
    assert_eq!(b.approve(person("T-JOSH"), 1).unwrap_err().to_string(), "action 1.a1 needs no approval");
    assert_eq!(b.execute(1).await.unwrap().end, End::Done("done by hand".to_owned()));
    assert!(b.folder.path().join("drill.db").exists());
}
