//! Calls against the simulated stack, and what their errors mean.

use serde_json::json;

use super::*;
use crate::aws::Settings;
use crate::simulator::fault::{Fault, Rule};
use crate::simulator::{Simulator, World, scenario};

fn stack() -> Simulator {
    let mut world = World::seed("2026-03-22T02:13:00Z".parse::<crate::record::time::Timestamp>().unwrap());
    scenario::break_it("INC-001", &mut world).unwrap();
    Simulator::start(world).unwrap()
}

fn aws(endpoint: &str) -> Aws {
    let now = "2026-03-22T02:13:00Z".parse().unwrap();
    Aws::new(Settings {
        endpoint: Some(endpoint.to_owned()),
        credentials: Some(("AKIATEST".to_owned(), "secret".to_owned())),
        ..Settings::new(std::sync::Arc::new(move || now))
    })
}

fn rollback(to: &str) -> Arguments {
    json!({"function": "mission-control-api", "alias": "prod", "from-version": "42", "to-version": to}).as_object().unwrap().clone()
}

async fn prepared(aws: &Aws, params: &Arguments) -> Result<Prepared, Cannot> {
    let identity = aws.identity("us-east-1").await.unwrap();
    let wanted = Wanted { kind: "aws.lambda.update-alias", params, region: Some("us-east-1"), by_hand: &[], approved: None };
    prepare(aws, Some(&identity), &wanted).await
}

#[tokio::test]
async fn where_it_happens_is_part_of_the_request_and_of_the_sentence() {
    let stack = stack();
    let p = prepared(&aws(stack.url()), &rollback("41")).await.unwrap();
    assert_eq!(
        Value::Object(p.arguments),
        json!({"account": "121546003735", "region": "us-east-1", "endpoint": stack.url(), "function": "mission-control-api",
            "alias": "prod", "from-version": "42", "to-version": "41"})
    );
    assert!(p.text.ends_with(&format!("in account 121546003735, region us-east-1, at {}", stack.url())), "{}", p.text);
    assert_eq!(p.source.arn.as_deref(), Some("arn:aws:iam::121546003735:user/oncall"));
    assert!(p.before["RevisionId"].is_string());
}

#[tokio::test]
async fn numbers_are_versions_and_other_things_are_not() {
    let stack = stack();
    let mut params = rollback("41");
    params.insert("to-version".to_owned(), json!(41));
    assert_eq!(prepared(&aws(stack.url()), &params).await.unwrap().arguments["to-version"], json!("41"));
    params.insert("to-version".to_owned(), json!(["41"]));
    let refused = prepared(&aws(stack.url()), &params).await.unwrap_err();
    assert_eq!(refused, Cannot::Refused("`to-version` is not a text: `[\"41\"]`".to_owned()));
}

#[tokio::test]
async fn a_call_goes_to_the_approved_endpoint_and_is_never_tried_twice() {
    let (approved, other) = (stack(), stack());
    let p = prepared(&aws(approved.url()), &rollback("41")).await.unwrap();
    approved.fault(Rule::new("lambda/UpdateAlias", Fault::Throttle(None)));
    // The settings point elsewhere by now.
    let ended = perform(&aws(other.url()), "aws.lambda.update-alias", &p.arguments, &p.before, CALL_WITHIN).await;
    assert!(matches!(&ended, Ended::Failed { error, .. } if error.starts_with("throttled")), "{ended:?}");
    assert_eq!((approved.count("lambda/UpdateAlias"), other.count("lambda/UpdateAlias")), (1, 0));
}

#[tokio::test]
async fn what_never_left_has_changed_nothing() {
    let stack = stack();
    let mut p = prepared(&aws(stack.url()), &rollback("41")).await.unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    p.arguments.insert("endpoint".to_owned(), json!(format!("http://127.0.0.1:{port}")));
    let ended = perform(&aws(stack.url()), "aws.lambda.update-alias", &p.arguments, &p.before, CALL_WITHIN).await;
    assert!(matches!(&ended, Ended::Failed { error, .. } if error.starts_with("no connection")), "{ended:?}");
    let looked = reconcile(&aws(stack.url()), "aws.lambda.update-alias", &p.arguments, &p.before).await;
    assert!(matches!(&looked, Ended::Unknown { error } if error.starts_with("could not look: no connection")), "{looked:?}");
}

#[tokio::test]
async fn without_a_revision_nothing_is_called() {
    let stack = stack();
    let p = prepared(&aws(stack.url()), &rollback("41")).await.unwrap();
    let ended = perform(&aws(stack.url()), "aws.lambda.update-alias", &p.arguments, &json!({}), CALL_WITHIN).await;
    assert!(matches!(ended, Ended::Failed { .. }));
    assert_eq!(stack.count("lambda/UpdateAlias"), 0);
    for kind in ["manual", "aws.s3.delete"] {
        assert!(matches!(perform(&aws(stack.url()), kind, &p.arguments, &Value::Null, CALL_WITHIN).await, Ended::Failed { .. }));
    }
}
