//! Proposal, approval and execution of the rollback.

use serde_json::json;

use super::*;
use crate::simulator::fault::{Fault, Rule};

#[tokio::test]
async fn a_rollback_is_proposed_approved_made_once_verified_and_recorded() {
    let b = Bench::dead_lambda().await;
    let before = b.alias();
    let proposed = b.propose("rollback", &[]).await.unwrap();
    let kinds: Vec<_> = proposed.changed.events.iter().map(|e| e.header.kind.as_str()).collect();
    assert_eq!((proposed.n, proposed.changed.number), (1, 1));
    assert_eq!(kinds, ["evidence.captured", "evidence.captured", "action.proposed"], "what was looked at, and what came of it");
    let a = b.action(1);
    assert_eq!(a.arguments["from-version"], json!("42"));
    assert_eq!(a.arguments["to-version"], json!("41"));
    assert_eq!(a.arguments["endpoint"], json!(b.stack().url()));
    let want = format!(
        "Point alias prod of Lambda function mission-control-api from version 42 to version 41, in account 121546003735, region us-east-1, at {}",
        b.stack().url()
    );
    assert_eq!((a.text.as_str(), a.proposer.as_str(), b.status(1)), (want.as_str(), "T-OPS", ActionStatus::Proposed));
    b.approve(person("T-JOSH"), 1).unwrap();
    let done = b.execute(1).await.unwrap();
    assert_eq!(
        done.end,
        End::Verified("mission-control-api:prod is at version 41; recovery verified: status 200, 3 times in a row".to_owned())
    );
    let kinds: Vec<_> = done.events.iter().map(|e| e.header.kind.as_str()).collect();
    let (looks, verification) = (["evidence.captured"; 2], ["evidence.captured"; 3]);
    let acts = [&looks[..], &["action.started", "action.succeeded"], &verification, &["recovery.verified", "deploy.recorded"]];
    assert_eq!(kinds, acts.concat(), "all of it, in order");
    assert_eq!((b.alias().version.as_str(), b.stack().count("lambda/UpdateAlias")), ("41", 1));
    assert_ne!(b.alias().revision, before.revision);
    assert_eq!(b.story(), ["action.proposed", "approval.granted", "action.started", "action.succeeded", "recovery.verified"]);
    let incident = b.incident();
    assert_eq!(incident.status, Status::Mitigated);
    let a = incident.action(1).unwrap();
    assert_eq!((a.executor.as_deref(), a.approvals[0].signed().unwrap().principal.as_str()), (Some("T-OPS"), "T-JOSH"));
    let deploys = deploys_of(&b.store());
    assert_eq!(deploys.last().unwrap(), &(Some("42".to_owned()), "41".to_owned(), DeployStatus::Good, "incident 1.a1".to_owned()));
    assert_eq!(deploys.len(), 2);
    let again = b.execute(1).await.unwrap_err();
    assert_eq!((again.kind(), again.to_string()), (ErrorKind::Refused, "action 1.a1 is succeeded, so it cannot be executed".to_owned()));
    assert_eq!(b.stack().count("lambda/UpdateAlias"), 1);
}

#[tokio::test]
async fn only_the_right_person_may_allow_it_once() {
    let b = Bench::dead_lambda().await;
    b.propose("rollback", &[]).await.unwrap();
    let nobody = Actor { name: "root".to_owned(), is_person: false, via: "os-user".to_owned() };
    for (who, message) in [
        (nobody.clone(), "`root` is not a person of the config, and only a known person may approve"),
        (person("T-OPS"), "`T-OPS` may not approve 1.a1"),
        (person("T-ANN"), "`T-ANN` may not approve 1.a1"),
    ] {
        assert_eq!(b.approve(who, 1).unwrap_err().to_string(), message);
    }
    let unapproved = b.execute(1).await.unwrap_err();
    assert_eq!(
        (unapproved.kind(), unapproved.to_string()),
        (ErrorKind::Refused, "action 1.a1 is proposed: 0 of 1 approvals stand".to_owned())
    );
    b.approve(person("T-JOSH"), 1).unwrap();
    assert!(b.approve(person("T-JOSH"), 1).unwrap_err().to_string().starts_with("`T-JOSH` has approved 1.a1 already"));
    for (who, message) in [
        (nobody, "`root` is not a person of the config, and only a known person may execute"),
        (person("T-JOSH"), "`T-JOSH` approved 1.a1 and may not execute it"),
    ] {
        let refused = b.execute_with(who, ExecuteRequest::new(1)).await.unwrap_err();
        assert_eq!((refused.kind(), refused.to_string()), (ErrorKind::Refused, message.to_owned()));
    }
    assert_eq!(b.story(), ["action.proposed", "approval.granted"]);
    assert_eq!(b.stack().count("lambda/UpdateAlias"), 0);
}

#[tokio::test]
async fn who_proposes_may_not_approve_and_nobody_unknown_proposes() {
    let b = Bench::dead_lambda().await;
    let mut store = b.store();
    let picked = pick(&store, None).unwrap();
    let request = ProposeRequest { block: "rollback".to_owned(), set: Vec::new() };
    let nobody = b.as_(Actor { name: "root".to_owned(), is_person: false, via: "os-user".to_owned() });
    let looks = b.stack().count("lambda/GetAlias");
    let refused = propose(&nobody, &mut store, &picked, &request, SILENT, std::future::pending()).await.unwrap_err();
    assert_eq!(refused.to_string(), "`root` is not a person of the config, and only a known person may propose");
    assert_eq!(b.stack().count("lambda/GetAlias"), looks, "what can be refused without looking is refused without looking");
    let josh = b.as_(person("T-JOSH"));
    propose(&josh, &mut store, &picked, &request, SILENT, std::future::pending()).await.unwrap();
    assert_eq!(b.approve(person("T-JOSH"), 1).unwrap_err().to_string(), "`T-JOSH` proposed 1.a1 and may not approve it");
}

#[tokio::test]
async fn an_alias_that_moved_meanwhile_makes_it_stale_and_nothing_is_called() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    b.stack().edit(|w| {
        w.point_alias("mission-control-api", "prod", 40);
        let f = w.functions.get_mut("mission-control-api").unwrap();
        f.versions.get_mut(&40).unwrap().health = crate::simulator::world::Health::Crashes;
    });
    let stale = b.execute(1).await.unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Refused);
    assert!(stale.to_string().contains("from-version was 42 and is 40"), "{stale}");
    assert_eq!(stale.hints(), ["If it is still wanted: `blotter propose rollback -i 1`, and have that approved."]);
    assert_eq!((b.status(1), b.stack().count("lambda/UpdateAlias")), (ActionStatus::Stale, 0));
    assert_eq!(b.story(), ["action.proposed", "approval.granted", "action.stale"]);
}

#[tokio::test]
async fn a_service_that_recovered_by_itself_is_left_alone() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    b.stack().edit(|w| {
        let f = w.functions.get_mut("mission-control-api").unwrap();
        f.versions.get_mut(&42).unwrap().health = crate::simulator::world::Health::Works;
    });
    let stale = b.execute(1).await.unwrap_err();
    assert!(stale.to_string().contains("the conditions of `rollback` are not met: status is met, wanted unmet"), "{stale}");
    assert_eq!((b.status(1), b.stack().count("lambda/UpdateAlias")), (ActionStatus::Stale, 0));
    let again = b.propose("rollback", &[]).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Refused);
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_not_decided() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    b.stack().fault(Rule::new("sts", Fault::Denied));
    let unknown = b.execute(1).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Unknown);
    assert!(unknown.to_string().starts_with("nobody can say whose AWS account this is"), "{unknown}");
    b.stack().clear_faults();
    b.stack().fault(Rule::new("lambda/GetAlias", Fault::Denied));
    assert_eq!(b.execute(1).await.unwrap_err().kind(), ErrorKind::Unknown);
    b.stack().clear_faults();
    b.stack().edit(|w| "999999999999".clone_into(&mut w.caller.account));
    let other = b.execute(1).await.unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Refused);
    assert!(other.to_string().starts_with("wrong account: 999999999999 answered"), "{other}");
    assert_eq!((b.status(1), b.stack().count("lambda/UpdateAlias")), (ActionStatus::Approved, 0), "the approval still stands");
    b.stack().edit(|w| "121546003735".clone_into(&mut w.caller.account));
    assert!(matches!(b.execute(1).await.unwrap().end, End::Verified(_)));
}

#[tokio::test]
async fn a_version_is_given_by_hand_and_has_to_exist() {
    let b = Bench::dead_lambda().await;
    for (version, message) in [
        ("77", "function `mission-control-api` has no version `77`; the newest are 40, 41, 42"),
        ("prod", "`prod` is not a version of function `mission-control-api`"),
        ("42", "mission-control-api:prod is at version 42 already"),
    ] {
        let refused = b.propose("rollback", &[("to-version", version)]).await.unwrap_err();
        assert_eq!((refused.kind(), refused.to_string()), (ErrorKind::Refused, message.to_owned()));
    }
    for (name, hint) in [
        ("version", "It has: function, alias, from-version, to-version."),
        ("endpoint", "`--account` and `--region` say where; the endpoint is the one that answers."),
    ] {
        let wrong = b.propose("rollback", &[(name, "1")]).await.unwrap_err();
        assert_eq!((wrong.kind(), wrong.hints()), (ErrorKind::Usage, vec![hint.to_owned()]));
    }
    let asked = b.stack().count("lambda/GetAlias");
    b.propose("rollback", &[("to-version", "40")]).await.unwrap();
    assert_eq!(b.stack().count("lambda/GetAlias") - asked, 2, "by the probe and for the plan; the deploy record is not wanted");
    let a = b.action(1);
    assert_eq!((a.arguments["to-version"].clone(), a.by_hand.clone()), (json!("40"), vec!["to-version".to_owned()]));
    assert!(a.text.contains("to version 40 (version given by hand)"), "{}", a.text);
    b.approve(person("T-JOSH"), 1).unwrap();
    assert!(matches!(b.execute(1).await.unwrap().end, End::Verified(_)));
    assert_eq!(b.alias().version, "40");
}

#[tokio::test]
async fn an_empty_deploy_record_is_said_and_what_to_type_instead() {
    let b = Bench::dead_lambda().await;
    b.stack().edit(|w| w.point_alias("mission-control-api", "prod", 41));
    b.stack().edit(|w| {
        let f = w.functions.get_mut("mission-control-api").unwrap();
        f.versions.get_mut(&41).unwrap().health = crate::simulator::world::Health::Crashes;
    });
    // 41 is live and the only good one on record: there is nothing to go back to.
    let refused = b.propose("rollback", &[]).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cannot propose `rollback`: `{{deploy.last-known-good}}` cannot be filled in: the deploy record names no good version"
    );
    assert_eq!(refused.hints(), ["Give it by hand: `blotter propose rollback -i 1 --set to-version=…`."]);
    assert!(b.propose("nonsense", &[]).await.unwrap_err().hints()[0].contains("rollback"));
}

#[tokio::test]
async fn what_no_probe_could_say_is_unknown_and_what_it_does_not_say_is_refused() {
    let live = "{{probe.alias.FunctionVersion}}";
    for (instead, kind, why) in [
        ("{{probe.versions.Versions[0].Version}}", ErrorKind::Unknown, "the probe `versions` has no answer"),
        ("{{probe.alias.NoSuchMember}}", ErrorKind::Refused, "it is missing in the answer"),
    ] {
        let no_list = |stack: &Simulator| stack.fault(Rule::new("lambda/ListVersionsByFunction", Fault::Denied));
        let b = Bench::open_text(&DEAD_LAMBDA.replace(live, instead), no_list).await;
        let stopped = b.propose("rollback", &[]).await.unwrap_err();
        let message = format!("cannot propose `rollback`: `{instead}` cannot be filled in: {why}");
        assert_eq!((stopped.kind(), stopped.to_string()), (kind, message));
        assert_eq!(stopped.hints(), ["Give it by hand: `blotter propose rollback -i 1 --set from-version=…`."]);
    }
}

#[tokio::test]
async fn the_weights_of_an_alias_are_shown_and_cleared() {
    let b = Bench::dead_lambda().await;
    b.stack().edit(|w| {
        let alias = w.functions.get_mut("mission-control-api").unwrap().aliases.get_mut("prod").unwrap();
        alias.weights.insert("40".to_owned(), 0.1);
    });
    b.propose("rollback", &[]).await.unwrap();
    let a = b.action(1);
    assert_eq!(a.arguments["from-weights"], json!({"40": 0.1}));
    assert!(a.text.contains("to version 41, and clear its weights, which send 10% of the calls to version 40 now"), "{}", a.text);
    b.approve(person("T-JOSH"), 1).unwrap();
    let end = b.execute(1).await.unwrap().end;
    assert!(matches!(end, End::Verified(_)), "{end:?}");
    assert!(b.alias().weights.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_lapses() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    b.turn(15 * 60_000);
    assert_eq!(b.status(1), ActionStatus::Expired);
    let refused = b.execute(1).await.unwrap_err();
    assert_eq!((refused.kind(), refused.to_string()), (ErrorKind::Refused, "action 1.a1 is expired: 0 of 1 approvals stand".to_owned()));
    b.approve(person("T-JOSH"), 1).unwrap();
    assert!(matches!(b.execute(1).await.unwrap().end, End::Verified(_)));
}

#[tokio::test]
async fn a_rollback_that_does_not_help_is_done_and_not_verified_until_it_is() {
    let b = Bench::dead_lambda().await;
    b.propose("rollback", &[]).await.unwrap();
    b.approve(person("T-JOSH"), 1).unwrap();
    let health = |h| {
        b.stack().edit(|w| {
            let f = w.functions.get_mut("mission-control-api").unwrap();
            f.versions.get_mut(&41).unwrap().health = h;
        });
    };
    health(crate::simulator::world::Health::Crashes);
    let end = b.execute(1).await.unwrap().end;
    assert!(matches!(&end, End::NotVerified(t) if t.contains("not 3 times in a row within 5m")), "{end:?}");
    assert_eq!(b.story().last().unwrap(), "recovery.not_verified");
    assert_eq!((b.incident().status, b.status(1)), (Status::Open, ActionStatus::Succeeded));
    assert_eq!(deploys_of(&b.store()).last().unwrap().2, DeployStatus::Unknown);
    assert!(b.incident().escalations.iter().any(|e| e.rule == "no-recovery"), "five minutes have passed");
    health(crate::simulator::world::Health::Works);
    let end = b.execute(1).await.unwrap().end;
    assert_eq!(end, End::Verified("recovery verified: status 200, 3 times in a row".to_owned()), "what was done is said once");
    assert_eq!((b.incident().status, b.stack().count("lambda/UpdateAlias")), (Status::Mitigated, 1));
    assert_eq!(deploys_of(&b.store()).last().unwrap().2, DeployStatus::Good);
}

#[tokio::test]
async fn denied_and_taken_back() {
    let b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    let (mut store, josh) = (b.store(), b.as_(person("T-JOSH")));
    let picked = pick(&store, None).unwrap();
    revoke(&josh, &mut store, &picked, 1, "a fix is on its way".to_owned()).unwrap();
    assert_eq!(b.status(1), ActionStatus::Proposed);
    deny(&josh, &mut store, &picked, 1, "the fix is out".to_owned()).unwrap();
    assert!(matches!(b.action(1).progress, Went::Denied { .. }));
    assert_eq!(b.execute(1).await.unwrap_err().kind(), ErrorKind::Refused);
    b.propose("rollback", &[]).await.unwrap();
    assert_eq!(b.status(2), ActionStatus::Proposed);
}

#[tokio::test]
async fn a_stand_in_that_answers_instead_is_refused_before_anything_is_looked_at() {
    let mut b = Bench::dead_lambda().await;
    b.ready("rollback").await;
    let other = Bench::dead_lambda().await;
    let (own, looks) = (b.drill.ctx.aws.endpoint.clone(), other.stack().count("lambda/GetAlias"));
    b.drill.ctx.aws.endpoint = other.drill.ctx.aws.endpoint.clone();
    let refused = b.execute(1).await.unwrap_err();
    let want = format!("another endpoint than the approved one: {}, approved {}", other.stack().url(), b.stack().url());
    assert_eq!((refused.kind(), refused.to_string()), (ErrorKind::Refused, want));
    assert_eq!((b.status(1), other.stack().count("lambda/GetAlias")), (ActionStatus::Approved, looks));
    b.drill.ctx.aws.endpoint = own;
    assert!(matches!(b.execute(1).await.unwrap().end, End::Verified(_)));
}
