//! One question and one answer in three protocols: RPC v2 CBOR, AWS JSON 1.0, and query with XML.
//!
//! Between them stands JSON with the members' names; `…Time`, `Timestamp` are seconds since 1970.

use std::collections::BTreeMap;

use ciborium::Value as Cbor;
use serde_json::{Map, Value, json};

use crate::record::time::Timestamp;
use crate::simulator::reply::{Body, Reply, escape};
use crate::simulator::request::{Protocol, Request};

/// The question, or nothing when it cannot be read.
pub(super) fn read(request: &Request) -> Option<Value> {
    match request.protocol {
        Protocol::Cbor if request.body.is_empty() => Some(json!({})),
        Protocol::Cbor => from_cbor(ciborium::from_reader(request.body.as_ref()).ok()?),
        Protocol::Query(_) => from_form(&request.form),
        _ => request.json(),
    }
}

/// The answer in the protocol of its question.
pub(super) fn write(request: &Request, result: &Value, request_id: &str) -> Reply {
    match request.protocol {
        Protocol::Cbor => Reply::new(200, "application/cbor", Body::Cbor(to_cbor("", result))).with("smithy-protocol", "rpc-v2-cbor"),
        Protocol::Query(namespace) => Reply::xml(namespace, &request.operation, &members(result), request_id),
        protocol => Reply::result(protocol, result.clone()),
    }
}

/// Tags fall away: the only one in use marks a timestamp, and its number says all.
fn from_cbor(value: Cbor) -> Option<Value> {
    Some(match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(b) => json!(b),
        Cbor::Integer(n) => json!(i64::try_from(n).ok()?),
        Cbor::Float(n) => json!(n),
        Cbor::Text(text) => json!(text),
        Cbor::Tag(_, inner) => from_cbor(*inner)?,
        Cbor::Array(items) => Value::Array(items.into_iter().map(from_cbor).collect::<Option<_>>()?),
        Cbor::Map(pairs) => {
            let pair = |(key, value): (Cbor, Cbor)| Some((key.into_text().ok()?, from_cbor(value)?));
            Value::Object(pairs.into_iter().map(pair).collect::<Option<Map<_, _>>>()?)
        }
        _ => return None,
    })
}

fn to_cbor(key: &str, value: &Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(b) => Cbor::Bool(*b),
        Value::Number(n) => {
            let number = Cbor::Float(n.as_f64().unwrap_or_default());
            if key == "Timestamp" { Cbor::Tag(1, Box::new(number)) } else { number }
        }
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Array(items) => Cbor::Array(items.iter().map(|item| to_cbor("", item)).collect()),
        Value::Object(map) => Cbor::Map(map.iter().map(|(k, v)| (Cbor::Text(k.clone()), to_cbor(k, v))).collect()),
    }
}

/// `Dimensions.member.1.Name=x` becomes `{"Dimensions":[{"Name":"x"}]}`; times and numbers become numbers.
fn from_form(form: &BTreeMap<String, String>) -> Option<Value> {
    let mut document = json!({});
    for (key, text) in form {
        let value = match key.as_str() {
            "Action" | "Version" => continue,
            "StartTime" | "EndTime" => json!(text.parse::<Timestamp>().ok()?.millis() as f64 / 1000.0),
            "Period" => json!(text.parse::<i64>().ok()?),
            _ => json!(text),
        };
        let parts: Vec<_> = key.split('.').collect();
        match parts.as_slice() {
            [name] => document[*name] = value,
            [name, "member", n] => *place(&mut document, name, n)? = value,
            [name, "member", n, field] => place(&mut document, name, n)?[*field] = value,
            _ => return None,
        }
    }
    Some(document)
}

/// The place of list member `n`, counted from 1, among at most 100.
fn place<'a>(document: &'a mut Value, name: &str, n: &str) -> Option<&'a mut Value> {
    let index = n.parse::<usize>().ok().filter(|n| (1..=100).contains(n))? - 1;
    if !document[name].is_array() {
        document[name] = json!([]);
    }
    let list = document[name].as_array_mut()?;
    while list.len() <= index {
        list.push(Value::Null);
    }
    list.get_mut(index)
}

/// XML members of an object.
fn members(value: &Value) -> String {
    let pairs = value.as_object().into_iter().flatten();
    pairs.map(|(key, value)| format!("<{key}>{}</{key}>\n", inner(key, value))).collect()
}

fn inner(key: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) if key == "Timestamp" => iso(n.as_f64().unwrap_or_default()),
        Value::Number(n) => n.to_string(),
        Value::String(text) => escape(text),
        Value::Array(items) => items.iter().map(|item| format!("<member>{}</member>\n", inner("", item))).collect(),
        Value::Object(_) => members(value),
    }
}

fn iso(seconds: f64) -> String {
    let at = Timestamp::from_millis((seconds * 1000.0) as i64);
    at.map(|at| at.utc().format("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}
