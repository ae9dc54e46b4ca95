//! Every operation through the Rust SDK.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use aws_sdk_lambda::config::Credentials;
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::types::AliasRoutingConfiguration;
use aws_sdk_sesv2::types::{MailType, ReviewStatus};
use aws_sdk_sfn::types::ExecutionStatus;
use aws_smithy_types::DateTime;

use super::super::*;
use super::{bakery, broken, noon, seed};
use crate::simulator::world::{HOUR, MINUTE};

pub(super) async fn config(simulator: &Simulator, region: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(Credentials::new("AKIDSIMULATED", "secret", None, None, "test"))
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .endpoint_url(simulator.url())
        .load()
        .await
}

fn at(ms_from_noon: i64) -> DateTime {
    DateTime::from_millis(noon().plus_millis(ms_from_noon).millis())
}

#[tokio::test]
async fn sts_tells_the_caller() {
    let simulator = seed();
    let sts = aws_sdk_sts::Client::new(&config(&simulator, "us-east-1").await);
    let caller = sts.get_caller_identity().send().await.unwrap();
    assert_eq!(caller.account(), Some("121546003735"));
    assert_eq!(caller.arn(), Some("arn:aws:iam::121546003735:user/oncall"));
    simulator.edit(|w| w.caller.account = "999999999999".to_owned());
    assert_eq!(sts.get_caller_identity().send().await.unwrap().account(), Some("999999999999"));
    assert_eq!(simulator.count("sts/GetCallerIdentity"), 2);
}

#[tokio::test]
async fn an_alias_moves_only_over_its_revision() {
    let simulator = broken("INC-001");
    let lambda = aws_sdk_lambda::Client::new(&config(&simulator, "us-east-1").await);
    let get = || lambda.get_alias().function_name("mission-control-api").name("prod").send();
    let before = get().await.unwrap();
    assert_eq!((before.function_version(), before.name()), (Some("42"), Some("prod")));
    assert_eq!(before.alias_arn(), Some("arn:aws:lambda:us-east-1:121546003735:function:mission-control-api:prod"));
    let update = |revision: &str, version: &str| {
        let call = lambda.update_alias().function_name("mission-control-api").name("prod");
        call.revision_id(revision).function_version(version).send()
    };
    let stale = update("00000000-dead", "41").await.unwrap_err().into_service_error();
    assert!(stale.is_precondition_failed_exception(), "{stale:?}");
    assert!(stale.message().unwrap().contains("RevisionId provided does not match"), "{stale:?}");
    let revision = before.revision_id().unwrap();
    let gone = update(revision, "77").await.unwrap_err().into_service_error();
    assert!(gone.is_resource_not_found_exception(), "{gone:?}");
    let after = update(revision, "41").await.unwrap();
    assert_eq!(after.function_version(), Some("41"));
    assert_ne!(after.revision_id(), before.revision_id());
    assert_eq!(get().await.unwrap().revision_id(), after.revision_id());
    assert_eq!(simulator.count("lambda/UpdateAlias"), 3);
    assert_eq!(simulator.calls().iter().filter(|c| c.operation == "UpdateAlias" && c.applied).count(), 1);
}

#[tokio::test]
async fn weights_stay_until_they_are_taken_away() {
    let simulator = seed();
    let lambda = aws_sdk_lambda::Client::new(&config(&simulator, "us-east-1").await);
    let update = || lambda.update_alias().function_name("mission-control-api").name("prod");
    let weights = AliasRoutingConfiguration::builder().additional_version_weights("42", 0.25).build();
    update().routing_config(weights).send().await.unwrap();
    let kept = update().function_version("40").send().await.unwrap();
    assert_eq!(kept.routing_config().unwrap().additional_version_weights().unwrap()["42"], 0.25);
    let none = AliasRoutingConfiguration::builder().set_additional_version_weights(Some(Default::default())).build();
    assert!(update().routing_config(none).send().await.unwrap().routing_config().is_none());
    let same = AliasRoutingConfiguration::builder().additional_version_weights("40", 0.25).build();
    assert!(update().routing_config(same).send().await.unwrap_err().into_service_error().is_invalid_parameter_value_exception());
}

#[tokio::test]
async fn functions_and_versions_are_listed_in_pages() {
    let world = World::new(bakery((1..=120).collect()), noon());
    let simulator = Simulator::start(world).unwrap();
    let lambda = aws_sdk_lambda::Client::new(&config(&simulator, "eu-central-1").await);
    let pages = lambda.list_versions_by_function().function_name("oven").into_paginator().items().send();
    let versions: Vec<_> = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    let names: Vec<_> = versions.iter().filter_map(|v| v.version()).collect();
    assert_eq!((names.len(), names[0], names[1], names[120]), (121, "$LATEST", "1", "120"));
    assert_eq!(simulator.count("lambda/ListVersionsByFunction"), 3);
    let by_alias = lambda.get_function_configuration().function_name("oven").qualifier("live").send().await.unwrap();
    assert_eq!(by_alias.version(), Some("119"));
    let whole = lambda.get_function().function_name("arn:aws:lambda:eu-central-1:210987654321:function:oven").send().await.unwrap();
    assert_eq!(whole.configuration().unwrap().version(), Some("$LATEST"));
}

#[tokio::test]
async fn what_is_missing_is_called_by_its_name() {
    let simulator = seed();
    let lambda = aws_sdk_lambda::Client::new(&config(&simulator, "us-east-1").await);
    let get = |function: &str, alias: &str| lambda.get_alias().function_name(function).name(alias).send();
    for (function, alias, wanted) in [("nobody", "prod", "Function not found"), ("mission-control-api", "beta", "Cannot find alias arn")] {
        let error = get(function, alias).await.unwrap_err().into_service_error();
        assert!(error.is_resource_not_found_exception(), "{error:?}");
        assert!(error.message().unwrap().contains(wanted), "{error:?}");
    }
    let elsewhere = aws_sdk_lambda::Client::new(&config(&simulator, "eu-west-1").await);
    let error = elsewhere.get_alias().function_name("mission-control-api").name("prod").send().await.unwrap_err().into_service_error();
    assert!(error.message().unwrap().contains("arn:aws:lambda:eu-west-1:"), "{error:?}");
}

#[tokio::test]
async fn log_events_come_in_pages_some_of_them_empty() {
    let simulator = broken("INC-001");
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config(&simulator, "us-east-1").await);
    let search = |pattern: &str| {
        let from = noon().plus_millis(-15 * MINUTE).millis();
        logs.filter_log_events().log_group_name("/aws/lambda/mission-control-api").start_time(from).filter_pattern(pattern)
    };
    simulator.edit(|w| w.logs_scan = 5);
    let first = search("ERROR").send().await.unwrap();
    assert!(first.events().is_empty() && first.next_token().is_some());
    let pages = search("ERROR").into_paginator().send().collect::<Result<Vec<_>, _>>().await.unwrap();
    let times: Vec<_> = pages.iter().flat_map(|p| p.events()).filter_map(|e| e.timestamp()).collect();
    assert_eq!(times.len(), 17);
    assert!(!times.is_sorted(), "two streams, one after the other");
    assert_eq!(pages.iter().flat_map(|p| p.events()).map(|e| e.event_id()).collect::<std::collections::BTreeSet<_>>().len(), 17);
    let foreign = search("WARN").next_token(first.next_token().unwrap()).send().await.unwrap_err().into_service_error();
    assert!(foreign.is_invalid_parameter_exception(), "{foreign:?}");
    let missing = logs.filter_log_events().log_group_name("/aws/lambda/none").send().await.unwrap_err().into_service_error();
    assert!(missing.is_resource_not_found_exception(), "{missing:?}");
    assert!(search("{ $.x = 1 }").send().await.unwrap_err().into_service_error().is_invalid_parameter_exception());
}

#[tokio::test]
async fn metrics_are_asked_in_cbor() {
    let simulator = broken("INC-001");
    let metrics = aws_sdk_cloudwatch::Client::new(&config(&simulator, "us-east-1").await);
    let ask = |name: &str, from: i64, period: i32| {
        let function = Dimension::builder().name("FunctionName").value("mission-control-api").build();
        let call = metrics.get_metric_statistics().namespace("AWS/Lambda").metric_name(name).dimensions(function);
        call.start_time(at(from)).end_time(at(0)).period(period).statistics(Statistic::Sum).statistics(Statistic::SampleCount).send()
    };
    let errors = ask("Errors", -5 * MINUTE, 60).await.unwrap();
    let times: Vec<_> = errors.datapoints().iter().filter_map(|p| p.timestamp()).map(DateTime::secs).collect();
    assert_eq!(times.len(), 5);
    assert!(!times.is_sorted(), "datapoints come unordered");
    assert_eq!(errors.datapoints().iter().filter_map(|p| p.sum()).sum::<f64>(), 20.0);
    assert_eq!(errors.label(), Some("Errors"));
    assert!(ask("Nonsense", -5 * MINUTE, 60).await.unwrap().datapoints().is_empty());
    let many = ask("Errors", -72 * HOUR, 60).await.unwrap_err().into_service_error();
    assert!(many.is_invalid_parameter_combination_exception(), "{many:?}");
    assert!(ask("Errors", -5 * MINUTE, 61).await.unwrap_err().into_service_error().is_invalid_parameter_value_exception());
    let known = metrics.list_metrics().namespace("AWS/SES").send().await.unwrap();
    let names: Vec<_> = known.metrics().iter().filter_map(|m| m.metric_name()).collect();
    assert_eq!(names, ["Send", "Delivery", "Bounce", "Complaint"]);
}

#[tokio::test]
async fn executions_are_listed_told_and_stopped() {
    let simulator = broken("INC-004");
    let sfn = aws_sdk_sfn::Client::new(&config(&simulator, "us-east-1").await);
    let machine = "arn:aws:states:us-east-1:121546003735:stateMachine:peck-approval-workflow";
    let list = |status: ExecutionStatus| sfn.list_executions().state_machine_arn(machine).status_filter(status);
    let count = async |status: ExecutionStatus| {
        let pages = list(status).max_results(3).into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.unwrap().len()
    };
    let ends = [ExecutionStatus::Failed, ExecutionStatus::TimedOut, ExecutionStatus::Aborted, ExecutionStatus::Running];
    let mut counts = Vec::new();
    for status in ends {
        counts.push(count(status).await);
    }
    assert_eq!(counts, [10, 2, 2, 4]);
    let failed = list(ExecutionStatus::Failed).send().await.unwrap();
    let starts: Vec<_> = failed.executions().iter().map(|e| std::cmp::Reverse(e.start_date().as_nanos())).collect();
    assert!(starts.is_sorted(), "newest first");
    let told = sfn.describe_execution().execution_arn(failed.executions()[0].execution_arn()).send().await.unwrap();
    assert_eq!((told.error(), told.status()), (Some("CallbackError"), &ExecutionStatus::Failed));
    let running = list(ExecutionStatus::Running).send().await.unwrap();
    let arn = running.executions()[0].execution_arn();
    let stopped = sfn.stop_execution().execution_arn(arn).cause("stale").send().await.unwrap();
    assert_eq!(stopped.stop_date(), &at(0));
    let told = sfn.describe_execution().execution_arn(arn).send().await.unwrap();
    assert_eq!((told.cause(), told.status()), (Some("stale"), &ExecutionStatus::Aborted));
    let again = sfn.stop_execution().execution_arn(failed.executions()[0].execution_arn()).send().await.unwrap();
    assert_eq!(Some(again.stop_date()), failed.executions()[0].stop_date());
    let missing = sfn.list_executions().state_machine_arn(format!("{machine}-2")).send().await.unwrap_err().into_service_error();
    assert!(missing.is_state_machine_does_not_exist(), "{missing:?}");
    let gone = sfn.describe_execution().execution_arn(format!("{arn}-2")).send().await.unwrap_err().into_service_error();
    assert!(gone.is_execution_does_not_exist(), "{gone:?}");
    assert!(sfn.stop_execution().execution_arn("arn:x").send().await.unwrap_err().into_service_error().is_invalid_arn());
    let shown = sfn.describe_state_machine().state_machine_arn(machine).send().await.unwrap();
    assert_eq!(shown.name(), "peck-approval-workflow");
}

#[tokio::test]
async fn ses_tells_its_quota_and_takes_one_request() {
    let simulator = broken("INC-005");
    let ses = aws_sdk_sesv2::Client::new(&config(&simulator, "us-east-1").await);
    let account = ses.get_account().send().await.unwrap();
    let quota = account.send_quota().unwrap();
    assert_eq!((quota.max24_hour_send(), quota.sent_last24_hours()), (200.0, 200.0));
    assert!(account.sending_enabled() && !account.production_access_enabled());
    let put = |site: &str| ses.put_account_details().mail_type(MailType::Transactional).website_url(site).use_case_description("x").send();
    assert!(put("nowhere").await.unwrap_err().into_service_error().is_bad_request_exception());
    put("https://spaceduckling.com").await.unwrap();
    assert!(put("https://spaceduckling.com").await.unwrap_err().into_service_error().is_conflict_exception());
    let account = ses.get_account().send().await.unwrap();
    let review = account.details().unwrap().review_details().unwrap();
    assert_eq!(review.status(), Some(&ReviewStatus::Pending));
    simulator.edit(|w| w.clock.advance(19 * HOUR));
    let freed = ses.get_account().send().await.unwrap();
    assert!(freed.send_quota().unwrap().sent_last24_hours() < 160.0);
}
