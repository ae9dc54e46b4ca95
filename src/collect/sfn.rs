//! `aws.sfn.executions`: ListExecutions, one query per status, newest first.

use std::cmp::Reverse;

use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus};
use aws_sdk_sfn::{Client, config};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::json::{instant, put};
use super::{Asking, Found, NoAnswer};
use crate::aws::{Trouble, Witness, trouble};
use crate::record::verdict::Outcome;

const LIMIT: usize = 100;
/// AWS's own cap on executions a page.
const PAGE_MAX: usize = 1000;
/// Executions asked about one by one at most.
const DETAILS_MAX: usize = 50;

pub(super) async fn executions(asking: &Asking<'_>) -> Result<Found, NoAnswer> {
    let machine = asking.params.required("state-machine")?;
    let statuses = statuses(asking)?;
    let limit = asking.params.limit(LIMIT)?;
    let details = asking.params.count("details", 0)?.min(DETAILS_MAX);
    asking.sent(
        machine.rsplit(':').next().unwrap_or(&machine),
        json!({"operation": "ListExecutions", "stateMachineArn": machine, "statusFilter": statuses.iter().map(|s| s.as_str()).collect::<Vec<_>>(),
            "limit": limit, "details": details}),
    );

    let sdk = asking.world.aws.sdk(asking.region).await?;
    let client = |witness: &Witness| {
        let watched = config::Builder::from(&sdk).interceptor(asking.witness.clone()).interceptor(witness.clone());
        Client::from_conf(watched.build())
    };
    let filters: Vec<Option<ExecutionStatus>> = if statuses.is_empty() { vec![None] } else { statuses.into_iter().map(Some).collect() };
    // AWS filters by one status at a time; a task each, dropped together with this future.
    let mut queries = JoinSet::new();
    for filter in filters {
        let own = asking.world.aws.witness();
        queries.spawn(list(client(&own), own, machine.clone(), filter, limit));
    }
    let mut found: Vec<ExecutionListItem> = Vec::new();
    let mut more = false;
    while let Some(listed) = queries.join_next().await {
        let listed = listed.map_err(|_| NoAnswer::new(Outcome::Malformed, "an answer of ListExecutions could not be read"))?;
        let (items, unread) = listed.map_err(|t| no_machine(t, &machine, asking.region))?;
        found.extend(items);
        more |= unread;
        found.sort_by_key(|e| Reverse((e.start_date().as_nanos(), e.execution_arn().to_owned())));
        asking.partial(listed_json(found.iter().take(limit).map(execution_json).collect()));
    }
    more |= found.len() > limit;
    found.truncate(limit);

    let mut executions: Vec<Map<String, Value>> = found.iter().map(execution_json).collect();
    let undescribed = describe(&client(&asking.world.aws.witness()), &found, &mut executions, details).await;
    Ok(Found { result: listed_json(executions), truncated: more, reason: undescribed })
}

fn statuses(asking: &Asking<'_>) -> Result<Vec<ExecutionStatus>, NoAnswer> {
    let mut statuses = Vec::new();
    for text in asking.params.list("status")? {
        let known = ExecutionStatus::values().iter().find(|s| s.eq_ignore_ascii_case(&text));
        let known = known
            .ok_or_else(|| NoAnswer::skipped(format!("`{text}` is no status of an execution: {}", ExecutionStatus::values().join(", "))))?;
        let status = ExecutionStatus::from(*known);
        if !statuses.contains(&status) {
            statuses.push(status);
        }
    }
    Ok(statuses)
}

/// The newest executions of one status, and whether there are more than `limit`.
async fn list(
    client: Client,
    witness: Witness,
    machine: String,
    filter: Option<ExecutionStatus>,
    limit: usize,
) -> Result<(Vec<ExecutionListItem>, bool), Trouble> {
    let mut items = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let wanted = (limit + 1).saturating_sub(items.len()).clamp(1, PAGE_MAX);
        let page = client
            .list_executions()
            .state_machine_arn(&machine)
            .set_status_filter(filter.clone())
            .max_results(i32::try_from(wanted).unwrap_or(i32::MAX))
            .set_next_token(token.clone())
            .send()
            .await
            .map_err(|e| trouble(&e))?;
        if !witness.seen().has("executions") {
            return Err(Trouble::new(Outcome::Malformed, "ListExecutions answered without executions"));
        }
        let next = page.next_token().filter(|t| !t.is_empty()).map(str::to_owned);
        items.extend(page.executions);
        if items.len() > limit || next.is_none() || next == token {
            return Ok((items, next.is_some()));
        }
        token = next;
    }
}

/// Adds error and cause to the newest executions that ended badly; returns what could not be learnt.
async fn describe(client: &Client, found: &[ExecutionListItem], executions: &mut [Map<String, Value>], details: usize) -> Option<String> {
    let ended_badly = |e: &ExecutionListItem| !matches!(e.status(), ExecutionStatus::Running | ExecutionStatus::Succeeded);
    let mut asked = JoinSet::new();
    for (n, item) in found.iter().enumerate().filter(|(_, e)| ended_badly(e)).take(details) {
        let call = client.describe_execution().execution_arn(item.execution_arn());
        asked.spawn(async move { (n, call.send().await.map_err(|e| trouble(&e))) });
    }
    let mut undescribed = None;
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok((n, Ok(described))) => {
                put(&mut executions[n], "error", described.error());
                put(&mut executions[n], "cause", described.cause());
            }
            Ok((_, Err(trouble))) => undescribed = Some(format!("DescribeExecution gave no cause: {trouble}")),
            Err(_) => undescribed = Some("an answer of DescribeExecution could not be read".to_owned()),
        }
    }
    undescribed
}

fn no_machine(trouble: Trouble, machine: &str, region: &str) -> Trouble {
    if !trouble.is_not_found() {
        return trouble;
    }
    let code = trouble.code.clone().unwrap_or_default();
    Trouble { reason: format!("no state machine `{machine}` in {region} ({code})"), ..trouble }
}

fn listed_json(executions: Vec<Map<String, Value>>) -> Value {
    json!({ "executions": executions })
}

fn execution_json(item: &ExecutionListItem) -> Map<String, Value> {
    let mut members = Map::new();
    put(&mut members, "executionArn", Some(item.execution_arn()));
    put(&mut members, "name", Some(item.name()));
    put(&mut members, "status", Some(item.status().as_str()));
    put(&mut members, "startDate", instant(item.start_date()));
    put(&mut members, "stopDate", item.stop_date().and_then(instant));
    members
}
