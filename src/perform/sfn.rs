//! `aws.sfn.stop-executions`: stops a frozen list of running executions, and never one beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sfn::types::ExecutionStatus;
use aws_sdk_sfn::{Client, config};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Arguments, Cannot, Ended, Halt, Prepared, Wanted, bounded, optional, said, source, text, texts};
use crate::aws::{Aws, Trouble, Witness, trouble};
use crate::record::verdict::Outcome;

/// Executions described at a time.
const AT_ONCE: usize = 8;
/// What an execution is called in the record that the list no longer names.
const NOT_LISTED: &str = "NOT_LISTED";

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
    let _stopped = Client::from_conf(config).list_state_machines().send().await;
    Ok(witness)
}

/// The status of each execution, by ARN.
async fn statuses(client: &Client, arns: &[String]) -> Result<BTreeMap<String, String>, Trouble> {
    let mut found = BTreeMap::new();
    for some in arns.chunks(AT_ONCE) {
        let mut asked = JoinSet::new();
        for arn in some {
            let call = client.describe_execution().execution_arn(arn);
            let arn = arn.clone();
            asked.spawn(async move { (arn, call.send().await) });
        }
        while let Some(done) = asked.join_next().await {
            let (arn, answer) = done.map_err(|_| Trouble::new(Outcome::Malformed, "an answer of DescribeExecution could not be read"))?;
            let status = match answer {
                Ok(d) => d.status().as_str().to_owned(),
                Err(e) => {
                    let t = trouble(&e);
                    return Err(Trouble { reason: format!("{}: {t}", name(&arn)), ..t });
                }
            };
            found.insert(arn, status);
        }
    }
    Ok(found)
}

fn is_running(status: Option<&String>) -> bool {
    status.is_some_and(|s| s == ExecutionStatus::Running.as_str())
}

/// An execution's own name, the end of its ARN.
fn name(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

pub(super) async fn prepare(aws: &Aws, wanted: &Wanted<'_>) -> Result<Prepared, Cannot> {
    let p = wanted.params;
    let machine = text(p, "state-machine")?;
    let mut listed = texts(p, "executions")?;
    listed.sort_unstable();
    listed.dedup();
    let of_machine = format!("{}:", machine.replacen(":stateMachine:", ":execution:", 1));
    if let Some(other) = listed.iter().find(|arn| !arn.starts_with(&of_machine)) {
        return Err(Cannot::Refused(format!("`{other}` is no execution of `{machine}`")));
    }
    let region = wanted.region.unwrap_or_default();
    let (client, witness) = client(aws, region, None).await?;
    // What was approved may shrink; what is listed beside it since stays out.
    let targets = match wanted.approved {
        Some(approved) => texts(approved, "executions")?,
        None => listed.clone(),
    };
    let asked: Vec<String> = targets.iter().filter(|t| listed.contains(t)).cloned().collect();
    let found = if asked.is_empty() { BTreeMap::new() } else { statuses(&client, &asked).await? };
    let frozen: Vec<String> = match wanted.approved {
        Some(_) => targets.clone(),
        None => targets.iter().filter(|t| is_running(found.get(*t))).cloned().collect(),
    };
    let running = targets.iter().filter(|t| is_running(found.get(*t))).count();
    if running == 0 {
        return Err(Cannot::Refused(match targets.len() {
            0 => "there is no execution to stop".to_owned(),
            n => format!("none of the {n} executions is running any more"),
        }));
    }
    let mut arguments =
        Arguments::from_iter([("state-machine".to_owned(), Value::from(machine.as_str())), ("executions".to_owned(), json!(frozen))]);
    for key in ["error", "cause"] {
        if let Some(v) = optional(p, key)? {
            arguments.insert(key.to_owned(), Value::from(v));
        }
    }
    let names: Vec<_> = frozen.iter().map(|a| name(a)).collect();
    let many = if frozen.len() == 1 { "execution" } else { "executions" };
    let text = format!("Stop {} {many} of {}: {}", frozen.len(), name(&machine), names.join(", "));
    let status = |arn: &String| found.get(arn).map_or(NOT_LISTED, String::as_str).to_owned();
    let before = json!({"executions": targets.iter().map(|t| json!({"executionArn": t, "status": status(t)})).collect::<Vec<_>>()});
    Ok(Prepared { arguments, text, before, source: source(&witness) })
}

/// What was read of each target just before.
fn earlier(before: &Value) -> BTreeMap<String, String> {
    let each = before["executions"].as_array().into_iter().flatten();
    each.filter_map(|e| Some((e["executionArn"].as_str()?.to_owned(), e["status"].as_str()?.to_owned()))).collect()
}

pub(super) async fn perform(aws: &Aws, arguments: &Arguments, before: &Value, within: Duration) -> Ended {
    let (client, _) = match client(aws, said(arguments, "region"), Some(said(arguments, "endpoint"))).await {
        Ok(c) => c,
        Err(t) => return Ended::Failed { result: Value::Null, error: t.reason },
    };
    let optional = |key: &str| arguments.get(key).and_then(Value::as_str).map(str::to_owned);
    let earlier = earlier(before);
    let mut each = Vec::new();
    let (mut stopped, mut skipped, mut failed, mut unknown) = (0_usize, 0_usize, Vec::new(), Vec::new());
    for arn in texts(arguments, "executions").unwrap_or_default() {
        if !is_running(earlier.get(&arn)) {
            skipped += 1;
            each.push(json!({"executionArn": arn, "outcome": "skipped", "status": earlier.get(&arn)}));
            continue;
        }
        let call = client.stop_execution().execution_arn(&arn).set_error(optional("error")).set_cause(optional("cause"));
        match bounded(within, call.send()).await {
            Ok(_) => {
                stopped += 1;
                each.push(json!({"executionArn": arn, "outcome": "stopped"}));
            }
            Err(Ended::Unknown { error }) => {
                each.push(json!({"executionArn": arn, "outcome": "unknown", "error": error}));
                unknown.push(format!("{}: {error}", name(&arn)));
            }
            Err(Ended::Failed { error, .. } | Ended::Done { text: error, .. }) => {
                each.push(json!({"executionArn": arn, "outcome": "failed", "error": error}));
                failed.push(format!("{}: {error}", name(&arn)));
            }
        }
    }
    let result = json!({ "executions": each });
    let counts = format!("{stopped} stopped, {skipped} skipped");
    if !unknown.is_empty() {
        return Ended::Unknown { error: format!("{counts}, {} unknown ({})", unknown.len(), [unknown, failed].concat().join("; ")) };
    }
    if failed.is_empty() {
        Ended::Done { result, text: format!("{counts} of {}", name(said(arguments, "state-machine"))) }
    } else {
        Ended::Failed { result, error: format!("{counts}, {} failed ({})", failed.len(), failed.join("; ")) }
    }
}

pub(super) async fn reconcile(aws: &Aws, arguments: &Arguments, before: &Value) -> Result<Ended, Trouble> {
    let (client, _) = client(aws, said(arguments, "region"), Some(said(arguments, "endpoint"))).await?;
    let earlier = earlier(before);
    let wanted: Vec<String> = earlier.iter().filter(|(_, s)| is_running(Some(s))).map(|(a, _)| a.clone()).collect();
    let found = statuses(&client, &wanted).await?;
    let each: Vec<_> = earlier
        .iter()
        .map(|(arn, was)| match found.get(arn) {
            None => json!({"executionArn": arn, "outcome": "skipped", "status": was}),
            Some(s) if is_running(Some(s)) => json!({"executionArn": arn, "outcome": "failed", "status": s}),
            Some(s) => json!({"executionArn": arn, "outcome": "ended", "status": s}),
        })
        .collect();
    let result = json!({ "executions": each });
    let left: Vec<_> = found.iter().filter(|(_, s)| is_running(Some(s))).map(|(a, _)| name(a)).collect();
    Ok(if left.is_empty() {
        Ended::Done { result, text: format!("none of the {} executions is running any more", wanted.len()) }
    } else {
        Ended::Failed { result, error: format!("still running: {}", left.join(", ")) }
    })
}
