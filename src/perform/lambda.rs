//! `aws.lambda.update-alias`: points an alias at another version, over the revision that was just read.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_lambda::types::AliasRoutingConfiguration;
use aws_sdk_lambda::{Client, config};
use serde_json::{Value, json};

use super::{Arguments, Cannot, Ended, Halt, Prepared, Wanted, bounded, said, source, text};
use crate::aws::{Aws, Trouble, Witness, trouble};
use crate::record::observation::Source;
use crate::record::verdict::Outcome;

/// An alias as it is now.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) version: String,
    revision: Option<String>,
    weights: BTreeMap<String, f64>,
    source: Source,
}

impl Live {
    fn json(&self) -> Value {
        let mut v = json!({"FunctionVersion": self.version, "RevisionId": self.revision});
        if !self.weights.is_empty() {
            v["RoutingConfig"] = json!({"AdditionalVersionWeights": self.weights});
        }
        v
    }
}

async fn client(aws: &Aws, region: &str, endpoint: Option<&str>) -> Result<(Client, Witness), Trouble> {
    let witness = aws.witness();
    let mut builder = config::Builder::from(&aws.once(region).await?).interceptor(witness.clone());
    // Unless a place was approved, it is where the AWS chain says.
    if let Some(endpoint) = endpoint {
        builder = builder.endpoint_url(endpoint);
    }
    Ok((Client::from_conf(builder.build()), witness))
}

/// A call that is stopped before it leaves: all it does is to find out where it would go.
pub(super) async fn unsent(aws: &Aws, region: &str) -> Result<Witness, Trouble> {
    let witness = aws.witness();
    let config = config::Builder::from(&aws.once(region).await?).interceptor(witness.clone()).interceptor(Halt).build();
    // It always fails; the witness has seen what was wanted.
    let _stopped = Client::from_conf(config).get_alias().function_name("unsent").name("unsent").send().await;
    Ok(witness)
}

/// Reads where an alias points.
pub(super) async fn live(aws: &Aws, region: &str, function: &str, alias: &str) -> Result<Live, Trouble> {
    let (client, witness) = client(aws, region, None).await?;
    read(&client, &witness, region, function, alias).await
}

async fn read(client: &Client, witness: &Witness, region: &str, function: &str, alias: &str) -> Result<Live, Trouble> {
    let answer = client.get_alias().function_name(function).name(alias).send().await.map_err(|e| {
        let t = trouble(&e);
        match t.is_not_found() && t.outcome == Outcome::Answered {
            true => Trouble { reason: format!("no alias `{alias}` of a function `{function}` in {region} ({t})"), ..t },
            false => t,
        }
    })?;
    let missing = || Trouble::new(Outcome::Malformed, "GetAlias answered without a FunctionVersion");
    let version = answer.function_version().ok_or_else(missing)?.to_owned();
    let weights = answer.routing_config().and_then(|r| r.additional_version_weights());
    Ok(Live {
        version,
        revision: answer.revision_id().map(str::to_owned),
        weights: weights.into_iter().flatten().map(|(v, w)| (v.clone(), *w)).collect(),
        source: source(witness),
    })
}

pub(super) async fn prepare(aws: &Aws, wanted: &Wanted<'_>) -> Result<Prepared, Cannot> {
    let p = wanted.params;
    let (function, alias) = (text(p, "function")?, text(p, "alias")?);
    let (from, to) = (text(p, "from-version")?, text(p, "to-version")?);
    let region = wanted.region.unwrap_or_default();
    let (client, witness) = client(aws, region, None).await?;
    let live = read(&client, &witness, region, &function, &alias).await?;
    if live.version != from {
        return Err(Cannot::Refused(format!("{function}:{alias} points at version {}, not at {from}", live.version)));
    }
    if from == to && live.weights.is_empty() {
        return Err(Cannot::Refused(format!("{function}:{alias} is at version {to} already")));
    }
    must_exist(&client, &function, &to).await?;
    let mut arguments: Arguments = [("function", &function), ("alias", &alias), ("from-version", &from), ("to-version", &to)]
        .into_iter()
        .map(|(k, v)| (k.to_owned(), Value::from(v.as_str())))
        .collect();
    if !live.weights.is_empty() {
        arguments.insert("from-weights".to_owned(), json!(live.weights));
    }
    let by_hand = if wanted.by_hand.iter().any(|n| n == "to-version") { " (version given by hand)" } else { "" };
    let mut text = format!("Point alias {alias} of Lambda function {function} from version {from} to version {to}{by_hand}");
    if !live.weights.is_empty() {
        let shares: Vec<_> = live.weights.iter().map(|(v, w)| format!("{}% of the calls to version {v}", percent(*w))).collect();
        text.push_str(&format!(", and clear its weights, which send {} now", shares.join(" and ")));
    }
    Ok(Prepared { arguments, text, before: live.json(), source: live.source })
}

/// A share as people write it: at most two decimals.
fn percent(weight: f64) -> f64 {
    (weight * 10_000.0).round() / 100.0
}

/// Insists that the version is one of the function's own.
async fn must_exist(client: &Client, function: &str, version: &str) -> Result<(), Cannot> {
    let asked = client.get_function_configuration().function_name(function).qualifier(version).send().await;
    match asked {
        // An alias is a qualifier too, and no version.
        Ok(found) if found.version().is_none_or(|v| v == version) => Ok(()),
        Ok(_) => Err(Cannot::Refused(format!("`{version}` is not a version of function `{function}`"))),
        Err(e) => {
            let t = trouble(&e);
            // A name that cannot be a version at all is refused as a bad question.
            if t.outcome == Outcome::Answered { Err(no_version(client, function, version).await) } else { Err(Cannot::Look(t)) }
        }
    }
}

/// Says which versions there are instead.
async fn no_version(client: &Client, function: &str, version: &str) -> Cannot {
    let mut known = Vec::new();
    let mut pages = client.list_versions_by_function().function_name(function).into_paginator().send();
    while let Some(Ok(page)) = pages.next().await {
        known.extend(page.versions().iter().filter_map(|v| v.version()).filter(|v| *v != "$LATEST").map(str::to_owned));
    }
    let newest: Vec<_> = known.iter().rev().take(10).rev().map(String::as_str).collect();
    let has = if newest.is_empty() { String::new() } else { format!("; the newest are {}", newest.join(", ")) };
    Cannot::Refused(format!("function `{function}` has no version `{version}`{has}"))
}

pub(super) async fn perform(aws: &Aws, arguments: &Arguments, before: &Value, within: Duration) -> Ended {
    let (function, alias, to) = (said(arguments, "function"), said(arguments, "alias"), said(arguments, "to-version"));
    let failed = |error: String| Ended::Failed { result: Value::Null, error };
    let Some(revision) = before["RevisionId"].as_str() else {
        return failed("the alias has no RevisionId to guard the change with".to_owned());
    };
    // The endpoint is the approved one, whatever the environment says by now.
    let (client, _) = match client(aws, said(arguments, "region"), Some(said(arguments, "endpoint"))).await {
        Ok(c) => c,
        Err(t) => return failed(t.reason),
    };
    let none = AliasRoutingConfiguration::builder().set_additional_version_weights(Some(HashMap::new())).build();
    let call = client.update_alias().function_name(function).name(alias).function_version(to).routing_config(none).revision_id(revision);
    let answer = match bounded(within, call.send()).await {
        Ok(answer) => answer,
        Err(Ended::Failed { result, error }) if error.contains("PreconditionFailed") => {
            return Ended::Failed { result, error: format!("the alias moved at the last moment, nothing was changed: {error}") };
        }
        Err(ended) => return ended,
    };
    let weights = answer.routing_config().and_then(|r| r.additional_version_weights()).is_some_and(|w| !w.is_empty());
    let result = json!({"FunctionVersion": answer.function_version(), "RevisionId": answer.revision_id(), "AliasArn": answer.alias_arn()});
    match answer.function_version() {
        Some(v) if v == to && !weights => Ended::Done { result, text: format!("{function}:{alias} is at version {to}") },
        other => Ended::Unknown { error: format!("UpdateAlias answered, and the alias is at {}", other.unwrap_or("no version")) },
    }
}

pub(super) async fn reconcile(aws: &Aws, arguments: &Arguments, before: &Value) -> Result<Ended, Trouble> {
    let (function, alias) = (said(arguments, "function"), said(arguments, "alias"));
    let (from, to, region) = (said(arguments, "from-version"), said(arguments, "to-version"), said(arguments, "region"));
    let (client, witness) = client(aws, region, Some(said(arguments, "endpoint"))).await?;
    let live = read(&client, &witness, region, function, alias).await?;
    let same = live.revision.is_some() && live.revision.as_deref() == before["RevisionId"].as_str();
    let result = live.json();
    let now = &live.version;
    Ok(match () {
        () if same => Ended::Failed { result, error: format!("it was not made: {function}:{alias} is untouched at version {from}") },
        () if now == to && live.weights.is_empty() => Ended::Done { result, text: format!("{function}:{alias} is at version {to}") },
        () => {
            let error =
                format!("it is not in effect: {function}:{alias} is at version {now} and was changed since; by whom, nobody can say");
            Ended::Failed { result, error }
        }
    })
}
