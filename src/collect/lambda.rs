//! `aws.lambda.alias` and `aws.lambda.versions`.

use std::cmp::Reverse;

use aws_sdk_lambda::operation::get_alias::GetAliasOutput;
use aws_sdk_lambda::types::FunctionConfiguration;
use aws_sdk_lambda::{Client, config};
use serde_json::{Map, Value, json};

use super::json::put;
use super::{Asking, Found, NoAnswer};
use crate::aws::{Trouble, trouble};
use crate::record::verdict::Outcome;

/// AWS gives 50 versions a page at most.
const PAGE: i32 = 50;
/// Versions looked through at most; a function has fewer (its code storage ends before).
const VERSIONS_MAX: usize = 5000;
const LIMIT: usize = 50;

async fn client(asking: &Asking<'_>) -> Result<Client, Trouble> {
    let sdk = asking.world.aws.sdk(asking.region).await?;
    Ok(Client::from_conf(config::Builder::from(&sdk).interceptor(asking.witness.clone()).build()))
}

/// Where an alias points: GetAlias, with `current` (the version last recorded) and `drifted` (they differ; null without a record).
pub(super) async fn alias(asking: &Asking<'_>) -> Result<Found, NoAnswer> {
    let function = asking.params.required("function")?;
    let alias = asking.params.required("alias")?;
    asking.sent(&format!("{function}:{alias}"), json!({"operation": "GetAlias", "FunctionName": function, "Name": alias}));

    let client = client(asking).await?;
    let asked = client.get_alias().function_name(&function).name(&alias).send().await;
    let answer = match asked {
        Ok(answer) => answer,
        Err(error) => {
            let trouble = trouble(&error);
            if trouble.outcome == Outcome::Answered && trouble.is_not_found() {
                return Err(which_is_missing(&client, &function, &alias, asking.region, trouble).await.into());
            }
            return Err(trouble.into());
        }
    };
    let Some(live) = answer.function_version() else {
        return Err(NoAnswer::new(Outcome::Malformed, "GetAlias answered without a FunctionVersion"));
    };
    let current = asking.request.deploy_current.as_deref();
    let drifted = current.map(|c| c != live);
    let mut result = alias_json(&answer);
    result.insert("current".to_owned(), json!(current));
    result.insert("drifted".to_owned(), json!(drifted));
    Ok(Value::Object(result).into())
}

fn alias_json(answer: &GetAliasOutput) -> Map<String, Value> {
    let mut result = Map::new();
    put(&mut result, "AliasArn", answer.alias_arn());
    put(&mut result, "Name", answer.name());
    put(&mut result, "FunctionVersion", answer.function_version());
    put(&mut result, "Description", answer.description());
    if let Some(routing) = answer.routing_config() {
        let weights: Map<String, Value> =
            routing.additional_version_weights().into_iter().flatten().map(|(v, w)| (v.clone(), json!(w))).collect();
        result.insert("RoutingConfig".to_owned(), json!({ "AdditionalVersionWeights": weights }));
    }
    put(&mut result, "RevisionId", answer.revision_id());
    result
}

/// GetAlias says `ResourceNotFoundException` for both; the message tells, or a second question does.
async fn which_is_missing(client: &Client, function: &str, alias: &str, region: &str, found: Trouble) -> Trouble {
    let no_function = format!("no function `{function}` in {region}");
    let no_alias = format!("function `{function}` in {region} has no alias `{alias}`");
    let reason = if found.reason.contains("Function not found") {
        no_function
    } else if found.reason.contains("alias") || found.reason.contains("Alias") {
        no_alias
    } else {
        match client.get_function_configuration().function_name(function).send().await {
            Ok(_) => no_alias,
            Err(e) if trouble(&e).is_not_found() => no_function,
            Err(_) => format!("no function `{function}`, or no alias `{alias}` of it, in {region}"),
        }
    };
    let code = found.code.unwrap_or_default();
    Trouble { outcome: Outcome::Answered, reason: format!("{reason} ({code})"), code: Some(code) }
}

/// The versions of a function, newest first (`$LATEST` leads); all pages are read, since AWS begins with the oldest.
pub(super) async fn versions(asking: &Asking<'_>) -> Result<Found, NoAnswer> {
    let function = asking.params.required("function")?;
    let limit = asking.params.limit(LIMIT)?;
    asking.sent(&function, json!({"operation": "ListVersionsByFunction", "FunctionName": function, "limit": limit}));

    let client = client(asking).await?;
    let mut all: Vec<FunctionConfiguration> = Vec::new();
    let mut marker: Option<String> = None;
    loop {
        let page = client.list_versions_by_function().function_name(&function).max_items(PAGE).set_marker(marker.clone());
        let page = page.send().await.map_err(|e| no_function(trouble(&e), &function, asking.region))?;
        if page.versions.is_none() {
            return Err(NoAnswer::new(Outcome::Malformed, "ListVersionsByFunction answered without Versions"));
        }
        let next = page.next_marker().filter(|m| !m.is_empty()).map(str::to_owned);
        all.extend(page.versions.unwrap_or_default());
        asking.partial(listed(&all, limit));
        if next.is_none() || next == marker || all.len() >= VERSIONS_MAX {
            let unread = next.is_some();
            return Ok(Found { truncated: unread || all.len() > limit, result: listed(&all, limit), reason: None });
        }
        marker = next;
    }
}

fn no_function(trouble: Trouble, function: &str, region: &str) -> Trouble {
    if !trouble.is_not_found() {
        return trouble;
    }
    let code = trouble.code.clone().unwrap_or_default();
    Trouble { reason: format!("no function `{function}` in {region} ({code})"), ..trouble }
}

fn listed(all: &[FunctionConfiguration], limit: usize) -> Value {
    let mut newest: Vec<&FunctionConfiguration> = all.iter().collect();
    newest.sort_by_key(|v| Reverse(v.version().and_then(|n| n.parse::<u64>().ok()).unwrap_or(u64::MAX)));
    json!({ "Versions": newest.into_iter().take(limit).map(version_json).collect::<Vec<_>>() })
}

/// What tells versions apart. Never the environment: that is where secrets live.
fn version_json(version: &FunctionConfiguration) -> Value {
    let mut members = Map::new();
    put(&mut members, "Version", version.version());
    put(&mut members, "Description", version.description());
    put(&mut members, "LastModified", version.last_modified());
    put(&mut members, "CodeSha256", version.code_sha256());
    put(&mut members, "CodeSize", Some(version.code_size()));
    put(&mut members, "Runtime", version.runtime().map(|r| r.as_str()));
    put(&mut members, "State", version.state().map(|s| s.as_str()));
    put(&mut members, "LastUpdateStatus", version.last_update_status().map(|s| s.as_str()));
    put(&mut members, "FunctionArn", version.function_arn());
    put(&mut members, "RevisionId", version.revision_id());
    Value::Object(members)
}
