//! Step Functions: executions of state machines. AWS JSON 1.0.

use serde_json::{Value, json};

use super::reply::{Answer, Failure, Reply};
use super::request::Request;
use super::world::{End, Execution, Machine, World};
use crate::record::time::Timestamp;

pub(super) fn answer(world: &mut World, request: &Request) -> Answer {
    let Some(asked) = request.json() else { return Err(Failure::new(400, "SerializationException", "not JSON")) };
    let result = match request.operation.as_str() {
        "ListExecutions" => list(world, &asked)?,
        "DescribeExecution" => describe(world, &asked)?,
        "StopExecution" => stop(world, &asked)?,
        "DescribeStateMachine" => describe_machine(world, &asked)?,
        _ => return Err(Failure::unknown_operation(request)),
    };
    Ok(Reply::result(request.protocol, result))
}

fn seconds(at: Timestamp) -> Value {
    // Milliseconds of our days are below 2^53.
    json!(at.millis() as f64 / 1000.0)
}

fn invalid_arn(arn: &str) -> Failure {
    Failure::new(400, "InvalidArn", format!("Invalid Arn: '{arn}'"))
}

impl Execution {
    /// Its status at `at`.
    pub fn status_at(&self, at: Timestamp) -> &str {
        self.end_at(at).map_or("RUNNING", |end| end.status.as_str())
    }

    fn end_at(&self, at: Timestamp) -> Option<&End> {
        self.end.as_ref().filter(|end| end.at <= at)
    }
}

/// The machine that an ARN of the kind `stateMachine` names.
fn find_machine<'a>(world: &'a World, asked: &Value) -> Result<(String, &'a Machine), Failure> {
    let arn = asked["stateMachineArn"].as_str().unwrap_or_default();
    let parts: Vec<_> = arn.split(':').collect();
    let ["arn", _, "states", _, _, "stateMachine", name] = parts.as_slice() else { return Err(invalid_arn(arn)) };
    let missing = || Failure::new(400, "StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'"));
    if world.names.machine_arn(name) != arn {
        return Err(missing());
    }
    Ok(((*name).to_owned(), world.machines.get(*name).ok_or_else(missing)?))
}

/// Machine and index of the execution that an ARN names; one of the future does not exist yet.
fn find_execution(world: &World, asked: &Value) -> Result<(String, usize), Failure> {
    let arn = asked["executionArn"].as_str().unwrap_or_default();
    let parts: Vec<_> = arn.split(':').collect();
    let ["arn", _, "states", _, _, "execution", machine, name] = parts.as_slice() else { return Err(invalid_arn(arn)) };
    let missing = || Failure::new(400, "ExecutionDoesNotExist", format!("Execution Does Not Exist: '{arn}'"));
    if world.names.execution_arn(machine, name) != arn {
        return Err(missing());
    }
    let now = world.now();
    let executions = world.machines.get(*machine).map(|m| m.executions.as_slice()).unwrap_or_default();
    let index = executions.iter().position(|e| e.name == *name && e.started <= now).ok_or_else(missing)?;
    Ok(((*machine).to_owned(), index))
}

fn list(world: &World, asked: &Value) -> Result<Value, Failure> {
    let (name, machine) = find_machine(world, asked)?;
    let now = world.now();
    let status = asked["statusFilter"].as_str();
    let known = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"];
    if let Some(other) = status.filter(|s| !known.contains(s)) {
        let message = format!("1 validation error detected: Value '{other}' at 'statusFilter' failed to satisfy constraint: {known:?}");
        return Err(Failure::new(400, "ValidationException", message));
    }
    let size = match asked["maxResults"].as_u64() {
        None | Some(0) => 100,
        Some(n @ 1..=1000) => usize::try_from(n).unwrap_or(1000),
        Some(_) => return Err(Failure::new(400, "ValidationException", "maxResults must be at most 1000")),
    };
    let from = match asked["nextToken"].as_str() {
        None => 0,
        Some(token) => token
            .strip_prefix("page-")
            .and_then(|n| n.parse().ok())
            .ok_or_else(|| Failure::new(400, "InvalidToken", format!("Invalid Token: '{token}'")))?,
    };
    let wanted = |e: &&Execution| e.started <= now && status.is_none_or(|s| e.status_at(now) == s);
    let mut found: Vec<_> = machine.executions.iter().filter(wanted).collect();
    found.sort_by_key(|e| std::cmp::Reverse(e.started));
    let page: Vec<_> = found.iter().skip(from).take(size).map(|e| item(world, &name, e, now)).collect();
    let mut document = json!({ "executions": page });
    if from + size < found.len() {
        document["nextToken"] = json!(format!("page-{}", from + size));
    }
    Ok(document)
}

fn item(world: &World, machine: &str, execution: &Execution, now: Timestamp) -> Value {
    let mut item = json!({
        "executionArn": world.names.execution_arn(machine, &execution.name),
        "stateMachineArn": world.names.machine_arn(machine),
        "name": execution.name,
        "status": execution.status_at(now),
        "startDate": seconds(execution.started),
        "redriveCount": 0,
    });
    if let Some(end) = execution.end_at(now) {
        item["stopDate"] = seconds(end.at);
    }
    item
}

fn describe(world: &World, asked: &Value) -> Result<Value, Failure> {
    let (machine, index) = find_execution(world, asked)?;
    let now = world.now();
    let execution = &world.machines[&machine].executions[index];
    let mut document = item(world, &machine, execution, now);
    document["input"] = json!(execution.input.to_string());
    document["inputDetails"] = json!({ "included": true });
    document["redriveStatus"] = json!("NOT_REDRIVABLE");
    if let Some(end) = execution.end_at(now) {
        if end.status == "SUCCEEDED" {
            document["output"] = json!("{}");
            document["outputDetails"] = json!({ "included": true });
        }
        for (key, value) in [("error", &end.error), ("cause", &end.cause)] {
            if let Some(value) = value {
                document[key] = json!(value);
            }
        }
    }
    Ok(document)
}

/// Aborts a running execution; one that has ended keeps its end and tells when that was.
fn stop(world: &mut World, asked: &Value) -> Result<Value, Failure> {
    let (machine, index) = find_execution(world, asked)?;
    let now = world.now();
    let text = |key: &str| asked[key].as_str().map(str::to_owned);
    let Some(execution) = world.machines.get_mut(&machine).and_then(|m| m.executions.get_mut(index)) else {
        return Err(invalid_arn(&machine));
    };
    if execution.end_at(now).is_none() {
        execution.end = Some(End { at: now, status: "ABORTED".to_owned(), error: text("error"), cause: text("cause") });
    }
    let ended = execution.end.as_ref().map_or(now, |end| end.at);
    Ok(json!({ "stopDate": seconds(ended) }))
}

fn describe_machine(world: &World, asked: &Value) -> Result<Value, Failure> {
    let (name, machine) = find_machine(world, asked)?;
    Ok(json!({
        "stateMachineArn": world.names.machine_arn(&name),
        "name": name,
        "status": "ACTIVE",
        "definition": r#"{"StartAt":"Work","States":{"Work":{"Type":"Pass","End":true}}}"#,
        "roleArn": format!("arn:aws:iam::{}:role/{name}", world.names.account),
        "type": "STANDARD",
        "creationDate": seconds(machine.created),
        "loggingConfiguration": { "level": "OFF", "includeExecutionData": false },
    }))
}
