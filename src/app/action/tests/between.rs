//! What comes between looking, starting and writing down how it ended.

use std::sync::{Mutex, Once};

use serde_json::json;

use super::*;
use crate::simulator::fault::{Fault, Rule};

impl Bench {
    /// From now on the ledger takes no event of that type.
    fn take_no(&self, kind: &str) -> rusqlite::Connection {
        self.take_no_after(kind, "incident.opened")
    }

    /// Once it has an event of type `once`.
    fn take_no_after(&self, kind: &str, once: &str) -> rusqlite::Connection {
        let ledger = rusqlite::Connection::open(self.folder.path().join("drill.db")).unwrap();
        let is = |header: &str, kind: &str| format!("{header} LIKE '%\"type\":\"{kind}\"%'");
        let (new, old) = (is("NEW.header", kind), is("header", once));
        let sql = format!(
            "CREATE TRIGGER full BEFORE INSERT ON event WHEN {new} AND EXISTS (SELECT 1 FROM event WHERE {old})
             BEGIN SELECT RAISE(ABORT, 'no room'); END"
        );
        ledger.execute_batch(&sql).unwrap();
        ledger
    }
}

#[tokio::test]
async fn an_approval_taken_back_while_it_looks_is_gone() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    let (once, josh) = (Once::new(), Mutex::new(b.as_(person("T-JOSH"))));
    let take_back = |_: crate::app::engine::Progress<'_>| {
        once.call_once(|| {
            let josh = josh.lock().unwrap();
            let mut store = josh.append().unwrap();
            let picked = pick(&store, None).unwrap();
            revoke(&josh, &mut store, &picked, 1, "wait".to_owned()).unwrap();
        });
    };
    let mut store = b.store();
    let picked = pick(&store, None).unwrap();
    let watch = Watch { probes: &take_back, tell: &|_| {} };
    let refused = execute(&b.as_(person("T-OPS")), &mut store, &picked, &ExecuteRequest::new(1), watch, std::future::pending()).await;
    let refused = refused.unwrap_err();
    assert!(once.is_completed());
    assert_eq!((refused.kind(), refused.to_string()), (ErrorKind::Refused, "action 1.a1 is proposed: 0 of 1 approvals stand".to_owned()));
    assert_eq!(b.stack().count("lambda/UpdateAlias"), 0);
}

#[tokio::test]
async fn a_look_that_could_not_be_had_leaves_the_approval_as_it_is() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    b.stack().fault(Rule::new("/prod", Fault::Cut));
    let unknown = b.execute(1).await.unwrap_err();
    let message = "nobody can say whether `rollback` is called for: status is unknown, wanted unmet";
    assert_eq!((unknown.kind(), unknown.to_string().as_str()), (ErrorKind::Unknown, message));
    assert_eq!((b.status(1), b.stack().count("lambda/UpdateAlias")), (ActionStatus::Approved, 0));
    b.stack().clear_faults();
    assert!(matches!(b.execute(1).await.unwrap().end, End::Verified(_)));
}

#[tokio::test]
async fn a_start_that_cannot_be_written_is_no_call() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    let ledger = b.take_no("action.started");
    let failed = b.execute(1).await.unwrap_err();
    assert_eq!((failed.kind(), failed.to_string().as_str()), (ErrorKind::Store, "no call was made: refused by the ledger itself: no room"));
    assert!(failed.hints().last().unwrap().starts_with("Try again with `blotter execute 1.a1`."), "{:?}", failed.hints());
    assert_eq!((b.status(1), b.stack().count("lambda/UpdateAlias")), (ActionStatus::Approved, 0));
    ledger.execute_batch("DROP TRIGGER full").unwrap();
    assert!(matches!(b.execute(1).await.unwrap().end, End::Verified(_)));
}

#[tokio::test]
async fn an_outcome_that_cannot_be_written_is_said_and_found_out_later() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    let ledger = b.take_no("action.succeeded");
    let untold = b.execute(1).await.unwrap_err();
    let message = "the call was made (done: mission-control-api:prod is at version 41), and that could not be recorded: \
                   refused by the ledger itself: no room";
    assert_eq!((untold.kind(), untold.to_string().as_str()), (ErrorKind::Unknown, message));
    assert!(untold.hints().last().unwrap().starts_with("Write it down."), "{:?}", untold.hints());
    assert_eq!((b.status(1), b.stack().count("lambda/UpdateAlias")), (ActionStatus::Unknown, 1));
    let again = b.execute(1).await.unwrap_err();
    assert_eq!((again.kind(), again.to_string().as_str()), (ErrorKind::Store, "refused by the ledger itself: no room"));
    ledger.execute_batch("DROP TRIGGER full").unwrap();
    assert!(matches!(b.execute(1).await.unwrap().end, End::Verified(_)));
    assert_eq!(b.stack().count("lambda/UpdateAlias"), 1);
}

#[tokio::test]
async fn a_verification_that_cannot_be_written_down_is_no_interruption() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    let ledger = b.take_no_after("evidence.captured", "action.succeeded");
    let failed = b.execute(1).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Store, "{failed}");
    assert_eq!((b.status(1), b.stack().count("lambda/UpdateAlias")), (ActionStatus::Succeeded, 1));
    assert_eq!(b.story().last().unwrap(), "action.succeeded");
    ledger.execute_batch("DROP TRIGGER full").unwrap();
    assert!(matches!(b.execute(1).await.unwrap().end, End::Verified(_)));
    assert_eq!(b.stack().count("lambda/UpdateAlias"), 1);
}

#[tokio::test]
async fn what_nothing_verifies_is_recorded_as_deployed_all_the_same() {
    let (before, after) = DEAD_LAMBDA.split_once("```toml verify").unwrap();
    let (_, after) = after.split_once("```\n").unwrap();
    let b = Bench::open_text(&format!("{before}{after}"), |_| {}).await;
    b.ready("rollback").await;
    let end = b.execute(1).await.unwrap().end;
    assert_eq!(end, End::Done("mission-control-api:prod is at version 41".to_owned()));
    let deploys = deploys_of(&b.store());
    assert_eq!(deploys.last().unwrap(), &(Some("42".to_owned()), "41".to_owned(), DeployStatus::Unknown, "incident 1.a1".to_owned()));
    assert_eq!((deploys.len(), b.incident().status), (2, Status::Open));
}

#[tokio::test]
async fn a_crash_of_which_nothing_can_be_learned_is_recorded_as_unknown_once() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    b.start(1, json!({"FunctionVersion": "42", "RevisionId": b.alias().revision}));
    b.stack().fault(Rule::new("sts/GetCallerIdentity", Fault::Status(503)));
    for _ in 0..2 {
        let end = b.execute(1).await.unwrap().end;
        assert!(matches!(&end, End::Unknown(t) if t.contains("nobody can say whose AWS account this is")), "{end:?}");
        assert_eq!(b.story(), ["action.proposed", "approval.granted", "action.started", "action.unknown"]);
    }
    assert!(
        matches!(&b.action(1).progress, Went::Unknown { error, .. } if error.starts_with("its outcome was never recorded, and nobody can say")),
        "{:?}",
        b.action(1).progress
    );
    b.stack().clear_faults();
    let account = b.stack().edit(|w| std::mem::replace(&mut w.caller.account, "999999999999".to_owned()));
    let refused = b.execute(1).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert!(refused.to_string().starts_with("wrong account: 999999999999 answered"), "{refused}");
    assert_eq!(b.status(1), ActionStatus::Unknown);
    b.stack().edit(|w| w.caller.account = account);
    assert!(matches!(b.execute(1).await.unwrap().end, End::Failed(_)));
}

#[tokio::test]
async fn each_of_two_lost_actions_is_held_against_what_was_read_before_it() {
    let (before, after) = DEAD_LAMBDA.split_once("```toml action").unwrap();
    let (action, after) = after.split_once("```\n").unwrap();
    let second = action.replace("id = \"rollback\"", "id = \"once-more\"");
    let both = format!("{before}```toml action{action}```\n\n```toml action{second}```\n{after}");
    let b = Bench::open_text(&both, |_| {}).await;
    for (block, n) in [("rollback", 1), ("once-more", 2)] {
        b.propose(block, &[]).await.unwrap();
        b.approve(person("T-JOSH"), n).unwrap();
        let revision = if n == 1 { b.alias().revision } else { "another-one".to_owned() };
        b.start(n, json!({"FunctionVersion": "42", "RevisionId": revision}));
    }
    let (one, two) = (b.execute(1).await.unwrap().end, b.execute(2).await.unwrap().end);
    assert_eq!(one, End::Failed("it was not made: mission-control-api:prod is untouched at version 42".to_owned()));
    assert!(matches!(&two, End::Failed(t) if t.starts_with("it is not in effect")), "{two:?}");
}

#[test]
fn what_is_other_gone_or_new_since_the_approval_is_said_once_each() {
    let arguments = |v: serde_json::Value| v.as_object().unwrap().clone();
    let approved = arguments(json!({"alias": "prod", "from-version": "42", "executions": ["a"], "region": "us-east-1"}));
    let now = arguments(json!({"alias": "prod", "from-version": "43", "region": "us-east-1", "from-weights": {"40": 0.1}}));
    let moved = resolve::moved(&approved, &now);
    assert_eq!(
        moved,
        [r#"executions was ["a"] and is nothing"#, "from-version was 42 and is 43", r#"from-weights was nothing and is {"40":0.1}"#]
    );
    assert_eq!(resolve::moved(&approved, &approved), [] as [String; 0]);
}
