//! What comes between looking, starting and writing down how it ended.

use std::sync::{Mutex, Once};

use super::*;
use crate::simulator::fault::{Fault, Rule};

impl Bench {
    /// From now on the ledger takes no event of that type.
    fn take_no(&self, kind: &str) -> rusqlite::Connection {
        let ledger = rusqlite::Connection::open(self.folder.path().join("drill.db")).unwrap();
        let sql = format!(
            "CREATE TRIGGER full BEFORE INSERT ON event WHEN NEW.header LIKE '%\"type\":\"{kind}\"%' BEGIN SELECT RAISE(ABORT, 'no room'); END"
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
async fn what_nothing_verifies_is_recorded_as_deployed_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("unverified.md");
    let whole = include_str!("../../../../runbooks/INC-001-dead-lambda.md");
    let (before, after) = whole.split_once("```toml verify").unwrap();
    let (_, after) = after.split_once("```\n").unwrap();
    std::fs::write(&path, format!("{before}{after}")).unwrap();
    let b = Bench::open(path.to_str().unwrap(), "INC-001").await;
    b.ready("rollback").await;
    let end = b.execute(1).await.unwrap().end;
    assert_eq!(end, End::Done("mission-control-api:prod is at version 41".to_owned()));
    let deploys = deploys_of(&b.store());
    assert_eq!(deploys.last().unwrap(), &(Some("42".to_owned()), "41".to_owned(), DeployStatus::Unknown, "incident 1.a1".to_owned()));
    assert_eq!((deploys.len(), b.incident().status), (2, Status::Open));
}
