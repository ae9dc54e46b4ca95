//! Calls that nobody knows the end of: never made again, only looked at.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::app::history::unknown_actions;
use crate::simulator::fault::{Fault, Rule};

#[tokio::test]
async fn a_connection_cut_after_the_change_is_found_out_by_looking() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    b.stack().fault(Rule::new("lambda/UpdateAlias", Fault::Cut).late());
    let done = b.execute(1).await.unwrap();
    assert!(matches!(done.end, End::Unknown(_)), "{:?}", done.end);
    assert_eq!(b.status(1), ActionStatus::Unknown);
    assert!(b.incident().escalations.iter().any(|e| e.rule == "no-recovery"), "an unknown outcome fires at once");
    let resolved = would(&b.drill.ctx, &b.store(), &pick(&b.store(), None).unwrap(), Command::Dismiss { reason: "x".to_owned() });
    assert!(resolved.unwrap_err().to_string().contains("a1 is unknown"));
    b.stack().clear_faults();
    let done = b.execute(1).await.unwrap();
    assert!(matches!(done.end, End::Verified(_)), "{:?}", done.end);
    assert!(matches!(b.action(1).progress, Went::Succeeded { reconciled: true, .. }));
    assert_eq!(b.stack().count("lambda/UpdateAlias"), 1, "never called again by itself");
    assert_eq!(
        b.story(),
        ["action.proposed", "approval.granted", "action.started", "action.unknown", "action.succeeded", "recovery.verified"]
    );
}

#[tokio::test]
async fn a_connection_cut_before_the_change_too() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    b.stack().fault(Rule::new("lambda/UpdateAlias", Fault::Cut));
    assert!(matches!(b.execute(1).await.unwrap().end, End::Unknown(_)));
    b.stack().clear_faults();
    let end = b.execute(1).await.unwrap().end;
    assert_eq!(end, End::Failed("it was not made: mission-control-api:prod is untouched at version 42".to_owned()));
    assert_eq!((b.stack().count("lambda/UpdateAlias"), b.alias().version.as_str()), (1, "42"));
    assert!(matches!(b.action(1).progress, Went::Failed { reconciled: true, .. }));
    b.ready_again().await;
    assert!(matches!(b.execute(2).await.unwrap().end, End::Verified(_)));
}

#[tokio::test]
async fn every_way_of_not_knowing_is_unknown_and_every_refusal_is_failed() {
    for (fault, late, unknown) in [
        (Fault::Status(500), true, true),
        (Fault::Status(503), false, true),
        (Fault::CutBody, true, true),
        (Fault::Malformed, true, true),
        (Fault::Html(502), true, true),
        (Fault::Html(403), false, true),
        (Fault::Throttle(None), false, false),
        (Fault::Denied, false, false),
        (Fault::Missing, false, false),
        (Fault::Expired, false, false),
    ] {
        let b = Bench::dead_lambda().await;
        b.ready("rollback").await;
        let rule = Rule::new("lambda/UpdateAlias", fault);
        b.stack().fault(if late { rule.late() } else { rule });
        let end = b.execute(1).await.unwrap().end;
        assert_eq!((matches!(end, End::Unknown(_)), matches!(end, End::Failed(_))), (unknown, !unknown), "{fault:?}: {end:?}");
        assert_eq!(b.stack().count("lambda/UpdateAlias"), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_unknown() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    b.stack().fault(Rule::new("lambda/UpdateAlias", Fault::Latency(Duration::from_secs(60))).late());
    let request = ExecuteRequest { within: Duration::from_millis(200), ..ExecuteRequest::new(1) };
    let end = b.execute_with(person("T-OPS"), request).await.unwrap().end;
    assert!(matches!(&end, End::Unknown(t) if t.contains("no answer within 0.2 s; the request was sent")), "{end:?}");
}

#[tokio::test]
async fn an_alias_that_moves_at_the_last_moment_is_not_touched() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    // What is read is one revision behind by the time of the call.
    let a = b.action(1);
    let aws = Aws::new(b.drill.ctx.aws.clone());
    let before = json!({"FunctionVersion": "42", "RevisionId": "an-older-one"});
    b.start(1, before.clone());
    let within = Duration::from_secs(5);
    let ended = crate::perform::perform(&aws, &a.kind, a.arguments.as_object().unwrap(), &before, within).await;
    assert!(
        matches!(&ended, crate::perform::Ended::Failed { error, .. } if error.starts_with("the alias moved at the last moment")),
        "{ended:?}"
    );
    assert_eq!(b.alias().version, "42");
}

#[tokio::test]
async fn a_crash_after_the_start_leaves_it_unknown_until_somebody_looks() {
    for made in [true, false] {
        let b = Bench::dead_lambda().await;
        b.ready("rollback").await;
        {
            let mut store = b.store();
            let picked = pick(&store, None).unwrap();
            let lock = store.execution_lock().unwrap().unwrap();
            b.start(1, json!({"FunctionVersion": "42", "RevisionId": b.alias().revision}));
            assert_eq!(b.action(1).status(b.drill.ctx.now(), store.is_executing()), ActionStatus::Started);
            assert_eq!(
                unknown_actions(&store, &pick(&store, None).unwrap().brief, b.drill.ctx.now(), store.is_executing()).unwrap(),
                [] as [u64; 0]
            );
            // Whoever holds the lock can only have lost it; for everybody else it runs.
            let mut refused = |command| carry(&b.drill.ctx, &mut store, &picked, command, Vec::new()).unwrap_err().to_string();
            let again = Command::Start { n: 1, before: json!({}), source: Source::default(), glass: None };
            assert_eq!(refused(again), "action 1.a1 is unknown, so it cannot be executed");
            assert_eq!(refused(Command::Dismiss { reason: "x".to_owned() }), "action 1.a1 is started");
            // Somebody else finds it running and keeps off.
            assert!(b.execute(1).await.unwrap_err().to_string().contains("by another process"));
            drop(lock);
        }
        if made {
            b.stack().edit(|w| w.point_alias("mission-control-api", "prod", 41));
        }
        assert_eq!(b.status(1), ActionStatus::Unknown);
        assert_eq!(
            unknown_actions(&b.store(), &pick(&b.store(), None).unwrap().brief, b.drill.ctx.now(), b.store().is_executing()).unwrap(),
            [1]
        );
        let end = b.execute(1).await.unwrap().end;
        assert_eq!(matches!(end, End::Verified(_)), made, "{end:?}");
        assert_eq!(b.stack().count("lambda/UpdateAlias"), 0);
    }
}

#[tokio::test]
async fn looking_that_does_not_tell_leaves_it_unknown() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    b.stack().fault(Rule::new("lambda/UpdateAlias", Fault::Cut).late());
    b.execute(1).await.unwrap();
    b.stack().fault(Rule::new("lambda/GetAlias", Fault::Status(503)));
    let before = b.story();
    let end = b.execute(1).await.unwrap().end;
    assert!(matches!(&end, End::Unknown(t) if t.starts_with("could not look")), "{end:?}");
    assert_eq!(b.story(), before, "nothing new is known, nothing new is recorded");
    b.stack().clear_faults();
    b.stack().edit(|w| w.point_alias("mission-control-api", "prod", 40));
    let end = b.execute(1).await.unwrap().end;
    assert!(matches!(&end, End::Failed(t) if t.contains("is at version 40 and was changed since")), "{end:?}");
}

#[tokio::test]
async fn two_at_once_make_one_call() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    b.stack().fault(Rule::new("lambda/UpdateAlias", Fault::Latency(Duration::from_millis(300))));
    let (one, two) = tokio::join!(b.execute(1), b.execute(1));
    let done: Vec<_> = [&one, &two].into_iter().filter(|r| matches!(r, Ok(x) if matches!(x.end, End::Verified(_)))).collect();
    assert_eq!(done.len(), 1, "{one:?} {two:?}");
    let refused = [one, two].into_iter().find_map(Result::err).unwrap();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    assert_eq!(b.stack().count("lambda/UpdateAlias"), 1);
}

impl Bench {
    /// Proposes and approves the rollback a second time.
    async fn ready_again(&self) {
        self.propose("rollback", &[]).await.unwrap();
        self.approve(person("T-JOSH"), 2).unwrap();
    }
}
