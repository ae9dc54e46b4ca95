//! Lambda: functions, versions and aliases. REST with JSON; aliases change only over the right revision.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::reply::{Answer, Failure, Reply};
use super::request::Request;
use super::world::{Alias, Function, Health, Names, Version, World};

pub(super) fn answer(world: &mut World, request: &Request) -> Answer {
    let segments = request.segments();
    let named = segments.get(2).map(String::as_str).unwrap_or_default();
    let (name, qualifier) = split_name(named);
    if !world.functions.contains_key(name) {
        return Err(not_found(format!("Function not found: {}", world.names.function_arn(name))));
    }
    let qualifier = request.query.get("Qualifier").map(String::as_str).or(qualifier).unwrap_or("$LATEST");
    match request.operation.as_str() {
        "GetAlias" => get_alias(world, name, &segments[4]),
        "UpdateAlias" => update_alias(world, name, &segments[4], request),
        "ListAliases" => list_aliases(world, name),
        "ListVersionsByFunction" => list_versions(world, name, &request.query),
        "GetFunctionConfiguration" => Ok(Reply::json(200, configuration_of(world, name, qualifier)?)),
        "GetFunction" => get_function(world, name, qualifier),
        _ => Err(Failure::unknown_operation(request)),
    }
}

/// Splits `name`, `name:qualifier`, or a full or partial ARN.
fn split_name(text: &str) -> (&str, Option<&str>) {
    let rest = text.split_once(":function:").map_or(text, |(_, rest)| rest);
    match rest.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (rest, None),
    }
}

fn not_found(message: String) -> Failure {
    Failure::new(404, "ResourceNotFoundException", message)
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(400, "InvalidParameterValueException", message)
}

fn get_alias(world: &World, function: &str, name: &str) -> Answer {
    let alias = find_alias(world, function, name)?;
    Ok(Reply::json(200, alias_json(&world.names, function, name, alias)))
}

fn find_alias<'a>(world: &'a World, function: &str, name: &str) -> Result<&'a Alias, Failure> {
    let missing = || not_found(format!("Cannot find alias arn: {}:{name}", world.names.function_arn(function)));
    world.functions.get(function).and_then(|f| f.aliases.get(name)).ok_or_else(missing)
}

fn alias_json(names: &Names, function: &str, name: &str, alias: &Alias) -> Value {
    let mut document = json!({
        "AliasArn": format!("{}:{name}", names.function_arn(function)),
        "Name": name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision,
    });
    if !alias.weights.is_empty() {
        document["RoutingConfig"] = json!({ "AdditionalVersionWeights": alias.weights });
    }
    document
}

/// Changes what the request names and leaves the rest; a `RoutingConfig` that is not sent stays as it was.
fn update_alias(world: &mut World, function: &str, name: &str, request: &Request) -> Answer {
    let Some(Value::Object(wanted)) = request.json() else {
        return Err(Failure::new(400, "InvalidRequestContentException", "Could not parse request body into json"));
    };
    let before = find_alias(world, function, name)?.clone();
    if let Some(expected) = text(&wanted, "RevisionId")?
        && expected != before.revision
    {
        let message = "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to retrieve the \
                           latest RevisionId for your resource.";
        return Err(Failure::new(412, "PreconditionFailedException", message));
    }
    let mut after = before;
    if let Some(version) = text(&wanted, "FunctionVersion")? {
        require_version(world, function, &version)?;
        after.version = version;
    }
    if let Some(description) = text(&wanted, "Description")? {
        after.description = description;
    }
    if let Some(routing) = wanted.get("RoutingConfig").filter(|r| !r.is_null()) {
        after.weights = weights(world, function, &after.version, routing)?;
    }
    after.revision = world.next_revision();
    let shown = alias_json(&world.names, function, name, &after);
    if let Some(function) = world.functions.get_mut(function) {
        function.aliases.insert(name.to_owned(), after);
    }
    let serves = world.names.function == function && world.names.alias == name;
    if serves && is_healthy(world, function, name) {
        world.forget_errors_to_come(function);
    }
    Ok(Reply::json(200, shown))
}

fn text(object: &Map<String, Value>, key: &str) -> Result<Option<String>, Failure> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(s)) => Ok(Some(s.clone())),
        Some(_) => Err(Failure::new(400, "SerializationException", format!("{key} is not a string"))),
    }
}

fn require_version(world: &World, function: &str, version: &str) -> Result<(), Failure> {
    let known = world.functions.get(function).is_some_and(|f| f.find(version).is_some());
    if known { Ok(()) } else { Err(not_found(format!("Function not found: {}:{version}", world.names.function_arn(function)))) }
}

fn weights(world: &World, function: &str, primary: &str, routing: &Value) -> Result<BTreeMap<String, f64>, Failure> {
    let mut weights = BTreeMap::new();
    for (version, weight) in routing["AdditionalVersionWeights"].as_object().into_iter().flatten() {
        require_version(world, function, version)?;
        let weight = weight.as_f64().filter(|w| (0.0..=1.0).contains(w)).ok_or_else(|| invalid("weight must be between 0.0 and 1.0"))?;
        if version == primary || version == "$LATEST" || primary == "$LATEST" {
            return Err(invalid("an alias can only be configured with two different published versions"));
        }
        weights.insert(version.clone(), weight);
    }
    if weights.len() > 1 {
        return Err(invalid("Number of items in AdditionalVersionWeights cannot be greater than 1"));
    }
    Ok(weights)
}

/// Whether every version that the alias sends calls to works.
pub(super) fn is_healthy(world: &World, function: &str, alias: &str) -> bool {
    let Some(of) = world.functions.get(function) else { return false };
    let Some(alias) = of.aliases.get(alias) else { return false };
    let mut served = std::iter::once(&alias.version).chain(alias.weights.iter().filter(|(_, w)| **w > 0.0).map(|(v, _)| v));
    served.all(|v| of.find(v).is_some_and(|v| v.health == Health::Works))
}

fn list_aliases(world: &World, function: &str) -> Answer {
    let aliases = world.functions.get(function).into_iter().flat_map(|f| &f.aliases);
    let shown: Vec<_> = aliases.map(|(name, alias)| alias_json(&world.names, function, name, alias)).collect();
    Ok(Reply::json(200, json!({ "Aliases": shown })))
}

/// `$LATEST` first, then ascending; at most 50 in one page, as AWS does it.
fn list_versions(world: &World, function: &str, query: &BTreeMap<String, String>) -> Answer {
    let size = match query.get("MaxItems").map(|n| n.parse::<usize>()) {
        None => 50,
        Some(Ok(n @ 1..=10_000)) => n.min(50),
        Some(_) => return Err(invalid("MaxItems must be between 1 and 10000")),
    };
    let from = match query.get("Marker").map(|m| m.strip_prefix("version-").and_then(|n| n.parse::<usize>().ok())) {
        None => 0,
        Some(Some(n)) => n,
        Some(None) => return Err(invalid("Invalid marker")),
    };
    let Some(of) = world.functions.get(function) else { return Err(not_found(format!("Function not found: {function}"))) };
    let numbers = std::iter::once("$LATEST".to_owned()).chain(of.versions.keys().map(u64::to_string));
    let all: Vec<_> = numbers.filter_map(|v| configuration(world, function, &v)).collect();
    let next = from + size;
    let mut document = json!({ "Versions": all.get(from..next.min(all.len())).unwrap_or_default() });
    if next < all.len() {
        document["NextMarker"] = json!(format!("version-{next}"));
    }
    Ok(Reply::json(200, document))
}

impl Function {
    /// A version by what people call it: a number or `$LATEST`.
    pub fn find(&self, version: &str) -> Option<&Version> {
        if version == "$LATEST" {
            return Some(&self.latest);
        }
        self.versions.get(&version.parse().ok()?)
    }
}

/// The configuration behind a qualifier, which may be an alias.
fn configuration_of(world: &World, function: &str, qualifier: &str) -> Result<Value, Failure> {
    let alias = world.functions.get(function).and_then(|f| f.aliases.get(qualifier));
    let version = alias.map_or(qualifier, |a| a.version.as_str());
    let mut document = configuration(world, function, version)
        .ok_or_else(|| not_found(format!("Function not found: {}:{qualifier}", world.names.function_arn(function))))?;
    document["FunctionArn"] = json!(match qualifier {
        "$LATEST" => world.names.function_arn(function),
        other => format!("{}:{other}", world.names.function_arn(function)),
    });
    Ok(document)
}

fn configuration(world: &World, function: &str, version: &str) -> Option<Value> {
    let found = world.functions.get(function)?.find(version)?;
    Some(json!({
        "FunctionName": function,
        "FunctionArn": format!("{}:{version}", world.names.function_arn(function)),
        "Runtime": "nodejs22.x",
        "Role": format!("arn:aws:iam::{}:role/{function}", world.names.account),
        "Handler": "index.handler",
        "CodeSize": 48_213,
        "Description": found.description,
        "Timeout": 30,
        "MemorySize": 512,
        "LastModified": found.modified.utc().format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string(),
        "CodeSha256": found.code_sha256,
        "Version": version,
        "TracingConfig": { "Mode": "PassThrough" },
        "RevisionId": found.revision,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": ["arm64"],
        "EphemeralStorage": { "Size": 512 },
        "LoggingConfig": { "LogFormat": "Text", "LogGroup": Names::log_group(function) },
    }))
}

fn get_function(world: &World, function: &str, qualifier: &str) -> Answer {
    let configuration = configuration_of(world, function, qualifier)?;
    let location = format!("https://simulated.invalid/{function}/{qualifier}");
    let code = json!({ "RepositoryType": "S3", "Location": location });
    Ok(Reply::json(200, json!({ "Configuration": configuration, "Code": code })))
}
