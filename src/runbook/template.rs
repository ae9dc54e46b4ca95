//! Placeholders: found, checked, and filled in once.
//!
//! `{{vars.x}}`, `{{probe.ID.EXPR}}` (JMESPath after the second dot), `{{deploy.current}}`,
//! `{{deploy.last-known-good}}`, `{{incident.number}}`. Filled in after parsing, once, never recursively: a
//! value that looks like a placeholder stays text. A text that is one placeholder takes the value's own JSON
//! type; inside longer text only text, numbers and booleans may stand. Null is never filled in.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::diagnostic::did_you_mean;
use super::expect::{ExprFault, Subject, check_expr};
use super::model::{Expr, Probe, ProbeSource, Runbook};
use crate::record::deploy::DeployFacts;

#[cfg(test)]
mod tests;

/// A placeholder in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// As written, with its braces.
    pub text: String,
    /// What it asks for.
    pub kind: PlaceholderKind,
}

/// What a placeholder asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceholderKind {
    /// `vars.NAME`
    Var(String),
    /// `probe.ID.EXPR`
    Probe {
        /// The probe's id.
        id: String,
        /// What of its result.
        expr: Expr,
    },
    /// `deploy.current`
    DeployCurrent,
    /// `deploy.last-known-good`
    DeployLastKnownGood,
    /// `incident.number`
    IncidentNumber,
}

/// What placeholders are filled in from.
#[derive(Clone, Copy, Debug)]
pub struct Env<'a> {
    /// Effective variables.
    pub vars: &'a BTreeMap<String, Value>,
    /// Probe id → result, with its selected parts.
    pub results: &'a BTreeMap<String, Value>,
    /// What the deploy record says of the alias at hand.
    pub deploy: Option<&'a DeployFacts>,
    /// The incident's number.
    pub incident: Option<u64>,
}

/// A placeholder that nothing could be filled in for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{placeholder}` cannot be filled in: {because}")]
pub struct Unresolved {
    /// As written, with its braces.
    pub placeholder: String,
    /// Why, on one line.
    pub because: String,
}

/// Every placeholder in `value`, in order, good or bad; keys of objects hold none.
///
/// The offset of a fault counts within the text that holds the placeholder; its message names the placeholder.
pub fn placeholders(value: &Value) -> Vec<Result<Placeholder, ExprFault>> {
    let mut found = Vec::new();
    each_text(value, &mut |text| {
        for piece in pieces(text) {
            match piece {
                Piece::Text(_) => {}
                Piece::Placeholder { at, text } => found.push(read(text).map_err(|f| f.shifted(at))),
                Piece::Broken(fault) => found.push(Err(fault)),
            }
        }
    });
    found
}

/// Ids of the probes whose results this one needs, each once: from placeholders, and from `from`.
pub fn dependencies(probe: &Probe) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    let mut add = |id: &str| {
        if !ids.iter().any(|i| i == id) {
            ids.push(id.to_owned());
        }
    };
    match &probe.source {
        ProbeSource::From(id) => add(id),
        ProbeSource::Ask { params, .. } => {
            for p in params.values().flat_map(placeholders).flatten() {
                if let PlaceholderKind::Probe { id, .. } = &p.kind {
                    add(id);
                }
            }
        }
    }
    ids
}

/// The probes of these ids with all they need, in the runbook's order.
pub fn with_needs(runbook: &Runbook, mut ids: Vec<String>) -> Vec<&Probe> {
    let mut k = 0;
    while let Some(probe) = ids.get(k).map(|id| runbook.probes.iter().find(|p| p.id == *id)) {
        for need in probe.map(dependencies).unwrap_or_default() {
            // Every id once, so that this ends.
            if !ids.contains(&need) {
                ids.push(need);
            }
        }
        k += 1;
    }
    runbook.probes.iter().filter(|p| ids.contains(&p.id)).collect()
}

/// Fills in every placeholder of `params`.
///
/// # Errors
/// The first placeholder that cannot be filled in.
pub fn resolve(params: &Map<String, Value>, env: &Env<'_>) -> Result<Map<String, Value>, Unresolved> {
    params.iter().map(|(k, v)| Ok((k.clone(), resolve_value(v, env)?))).collect()
}

/// Fills in every placeholder of one value.
///
/// # Errors
/// The first placeholder that cannot be filled in.
pub fn resolve_value(value: &Value, env: &Env<'_>) -> Result<Value, Unresolved> {
    match value {
        Value::String(text) => resolve_text(text, env),
        Value::Array(items) => items.iter().map(|v| resolve_value(v, env)).collect::<Result<_, _>>().map(Value::Array),
        Value::Object(map) => resolve(map, env).map(Value::Object),
        other => Ok(other.clone()),
    }
}

fn resolve_text(text: &str, env: &Env<'_>) -> Result<Value, Unresolved> {
    let pieces: Vec<_> = pieces(text).collect();
    if let [Piece::Placeholder { text, .. }] = pieces[..] {
        return fill(text, env);
    }
    let mut out = String::with_capacity(text.len());
    for piece in pieces {
        match piece {
            Piece::Text(t) => out.push_str(t),
            Piece::Broken(fault) => return Err(Unresolved { placeholder: text.to_owned(), because: fault.message }),
            Piece::Placeholder { text, .. } => match fill(text, env)? {
                Value::String(s) => out.push_str(&s),
                scalar @ (Value::Number(_) | Value::Bool(_)) => out.push_str(&scalar.to_string()),
                _ => {
                    let because = "a list or an object cannot stand inside longer text".to_owned();
                    return Err(Unresolved { placeholder: text.to_owned(), because });
                }
            },
        }
    }
    Ok(Value::String(out))
}

fn fill(text: &str, env: &Env<'_>) -> Result<Value, Unresolved> {
    let fail = |because: String| Unresolved { placeholder: text.to_owned(), because };
    let value = match read(text).map_err(|f| fail(f.message))?.kind {
        PlaceholderKind::Var(name) => env.vars.get(&name).cloned().ok_or_else(|| fail(format!("the variable `{name}` is not set")))?,
        PlaceholderKind::Probe { id, expr } => {
            let result = env.results.get(&id).ok_or_else(|| fail(format!("the probe `{id}` has no answer")))?;
            Subject::new(result, None, false).value(&expr).map_err(fail)?
        }
        PlaceholderKind::DeployCurrent => {
            let current = env.deploy.and_then(|d| d.current.clone());
            current.map(Value::String).ok_or_else(|| fail("the deploy record names no current version".to_owned()))?
        }
        PlaceholderKind::DeployLastKnownGood => {
            let good = env.deploy.and_then(|d| d.last_known_good.clone());
            good.map(Value::String).ok_or_else(|| fail("the deploy record names no good version".to_owned()))?
        }
        PlaceholderKind::IncidentNumber => env.incident.map(Value::from).ok_or_else(|| fail("there is no incident".to_owned()))?,
    };
    if value.is_null() { Err(fail("it is missing in the answer".to_owned())) } else { Ok(value) }
}

/// Names that may follow the opening braces.
const FAMILIES: [&str; 4] = ["vars", "probe", "deploy", "incident"];

/// Reads one placeholder, braces included.
fn read(text: &str) -> Result<Placeholder, ExprFault> {
    let inner = text.strip_prefix("{{").and_then(|t| t.strip_suffix("}}")).unwrap_or(text);
    let lead = text.len().min(2) + (inner.len() - inner.trim_start().len());
    let inner = inner.trim();
    let fault = |message: &str| ExprFault::new(0, format!("`{text}`: {message}"));
    let Some((family, rest)) = inner.split_once('.') else {
        return Err(fault("a placeholder has a dot")
            .hint("Write {{vars.x}}, {{probe.ID.EXPR}}, {{deploy.last-known-good}} or {{incident.number}}."));
    };
    let kind = match (family, rest) {
        ("vars", name) if is_name(name) => PlaceholderKind::Var(name.to_owned()),
        ("vars", _) => return Err(fault("the name of a variable has letters, digits, `-` and `_`")),
        ("probe", rest) => match rest.split_once('.') {
            Some((id, expr)) if is_name(id) => {
                let at = lead + family.len() + 1 + id.len() + 1;
                let expr = check_expr(expr).and_then(without_age).map_err(|f| {
                    let message = format!("`{text}`: {}", f.message);
                    ExprFault { message, ..f.shifted(at) }
                })?;
                PlaceholderKind::Probe { id: id.to_owned(), expr }
            }
            _ => return Err(fault("it does not say what of the answer is wanted").hint("Write {{probe.ID.EXPR}}, EXPR being JMESPath.")),
        },
        ("deploy", "current") => PlaceholderKind::DeployCurrent,
        ("deploy", "last-known-good") => PlaceholderKind::DeployLastKnownGood,
        ("deploy", _) => return Err(fault("the deploy record has `current` and `last-known-good`")),
        ("incident", "number") => PlaceholderKind::IncidentNumber,
        ("incident", _) => return Err(fault("of the incident only `number` can be filled in")),
        (other, _) => {
            let fault = fault(&format!("unknown placeholder `{other}`"));
            let hint = did_you_mean(other, FAMILIES);
            return Err(fault.hint(hint.unwrap_or_else(|| "Known are vars, probe, deploy and incident.".to_owned())));
        }
    };
    Ok(Placeholder { text: text.to_owned(), kind })
}

/// A placeholder is filled in at another time than the answer is from, so an age would change by itself.
fn without_age(expr: Expr) -> Result<Expr, ExprFault> {
    match expr.0.find("age(") {
        Some(at) if !expr.0[..at].ends_with(|c: char| c == '_' || c.is_ascii_alphanumeric()) => {
            Err(ExprFault::new(at, "`age` cannot stand in a placeholder: its value changes while one looks"))
        }
        _ => Ok(expr),
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c == '-' || c == '_' || c.is_ascii_alphanumeric())
}

fn each_text(value: &Value, f: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => f(text),
        Value::Array(items) => items.iter().for_each(|v| each_text(v, f)),
        Value::Object(map) => map.values().for_each(|v| each_text(v, f)),
        _ => {}
    }
}

/// A part of a text.
#[derive(Clone, Debug)]
enum Piece<'a> {
    Text(&'a str),
    Placeholder { at: usize, text: &'a str },
    Broken(ExprFault),
}

/// Cuts a text into plain parts and placeholders.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &text[at..];
        if rest.is_empty() {
            return None;
        }
        let here = at;
        match rest.find("{{") {
            None => {
                at = text.len();
                Some(Piece::Text(rest))
            }
            Some(0) => match end_of_placeholder(rest) {
                Some(len) => {
                    at += len;
                    Some(Piece::Placeholder { at: here, text: &rest[..len] })
                }
                None => {
                    at = text.len();
                    Some(Piece::Broken(ExprFault::new(here, "a placeholder is never closed").hint("Close it with }}.")))
                }
            },
            Some(n) => {
                at += n;
                Some(Piece::Text(&rest[..n]))
            }
        }
    })
}

/// Length of the placeholder that `text` begins with; braces and quotes inside it are JMESPath's own.
fn end_of_placeholder(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut quote = None;
    let mut i = 2;
    while i < bytes.len() {
        let c = bytes[i];
        match quote {
            Some(_) if c == b'\\' => i += 1,
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None => match c {
                b'\'' | b'"' | b'`' => quote = Some(c),
                b'{' => depth += 1,
                b'}' if depth > 0 => depth -= 1,
                b'}' if bytes.get(i + 1) == Some(&b'}') => return Some(i + 2),
                _ => {}
            },
        }
        i += 1;
    }
    None
}
