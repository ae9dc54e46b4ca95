//! Two values and a comparison: true, false, or why it cannot be said.

use std::cmp::Ordering;

use regex::{Regex, RegexBuilder};
use serde_json::{Number, Value};

use super::op_text;
use crate::runbook::model::Op;

/// Compiled size that a pattern may not exceed.
const PATTERN_MAX: usize = 1 << 20;

/// Compiles a pattern within bounds.
pub(super) fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text).size_limit(PATTERN_MAX).build().map_err(|e| match e {
        regex::Error::CompiledTooBig(_) => "it grows too large".to_owned(),
        other => {
            let text = other.to_string();
            text.lines().last().unwrap_or(&text).trim().trim_start_matches("error: ").to_owned()
        }
    })
}

/// Compares, with the reason when the types do not allow it.
///
/// Only `== null` and `!= null` look at what is missing; values of two types are never equal or unequal.
pub(super) fn compare(left: &Value, op: Op, right: &Value) -> Result<bool, String> {
    match op {
        Op::Eq => equal(left, right),
        Op::Ne => equal(left, right).map(|b| !b),
        Op::Lt | Op::Le | Op::Gt | Op::Ge => match (left, right) {
            (Value::Null, _) | (_, Value::Null) => Err(missing()),
            (Value::Number(a), Value::Number(b)) => {
                let order = order(a, b).ok_or_else(|| "the numbers cannot be compared".to_owned())?;
                Ok(holds(op, order))
            }
            (other, Value::Number(_)) | (_, other) => Err(format!("{}, `{}` wants a number", named(other), op_text(op))),
        },
        Op::Contains => match (left, right) {
            (Value::Null, _) => Err(missing()),
            (Value::String(text), Value::String(part)) => Ok(text.contains(part.as_str())),
            (Value::Array(items), v) => Ok(items.iter().any(|i| same(i, v))),
            (Value::Object(map), Value::String(key)) => Ok(map.contains_key(key)),
            (other, v) => Err(format!("{}, which cannot contain {}", named(other), named(v))),
        },
        Op::Matches => match (left, right) {
            (Value::Null, _) => Err(missing()),
            (Value::String(text), Value::String(p)) => Ok(pattern(p)?.is_match(text)),
            (other, _) => Err(format!("{}, `matches` wants text", named(other))),
        },
    }
}

fn missing() -> String {
    "missing".to_owned()
}

fn equal(left: &Value, right: &Value) -> Result<bool, String> {
    if right.is_null() || std::mem::discriminant(left) == std::mem::discriminant(right) {
        return Ok(same(left, right));
    }
    if left.is_null() { Err(missing()) } else { Err(format!("{}, compared with {}", named(left), named(right))) }
}

/// Equality of JSON values; numbers by value, so that `200` and `200.0` are the same.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => order(x, y) == Some(Ordering::Equal),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(a, b)| same(a, b)),
        (Value::Object(x), Value::Object(y)) => x.len() == y.len() && x.iter().all(|(k, a)| y.get(k).is_some_and(|b| same(a, b))),
        _ => a == b,
    }
}

fn order(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i128(), b.as_i128()) {
        (Some(x), Some(y)) => Some(x.cmp(&y)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn holds(op: Op, order: Ordering) -> bool {
    match op {
        Op::Eq => order.is_eq(),
        Op::Ne => order.is_ne(),
        Op::Lt => order.is_lt(),
        Op::Le => order.is_le(),
        Op::Gt => order.is_gt(),
        Op::Ge => order.is_ge(),
        Op::Contains | Op::Matches => false,
    }
}

/// Compares two floats; false where they have no order.
pub(in crate::runbook) fn compare_numbers(left: f64, op: Op, right: f64) -> bool {
    left.partial_cmp(&right).is_some_and(|o| holds(op, o))
}

/// What kind of value it is, for people.
pub(super) fn named(v: &Value) -> &'static str {
    match v {
        Value::Null => "missing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
