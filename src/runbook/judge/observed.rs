//! What was seen, on one short line for people.

use serde_json::Value;

use crate::record::observation::Checked;
use crate::record::time::human_span;
use crate::record::verdict::{Outcome, Verdict};
use crate::runbook::model::{Expectation, Form, Op, Probe, ProbeSource};

/// Longest line, in characters.
const LINE_MAX: usize = 160;
/// Longest value within a line, in characters.
const VALUE_MAX: usize = 60;

/// One line of at most [`LINE_MAX`] characters, whatever is in `text`.
pub(super) fn line(text: &str) -> String {
    cut(text, LINE_MAX)
}

fn cut(text: &str, max: usize) -> String {
    let clean = text.chars().map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c });
    let mut out = String::new();
    for c in clean {
        if c == ' ' && (out.is_empty() || out.ends_with(' ')) {
            continue;
        }
        out.push(c);
        if out.len() > max * 4 {
            break;
        }
    }
    let out = out.trim_end();
    if out.chars().count() <= max {
        return out.to_owned();
    }
    let head: String = out.chars().take(max - 1).collect();
    format!("{}…", head.trim_end())
}

/// Why there is no answer.
pub(super) fn no_answer(probe: &Probe, outcome: Outcome, reason: Option<&str>) -> String {
    let what = match outcome {
        Outcome::Timeout => return format!("no answer within {}", span(probe.timeout_ms)),
        Outcome::Answered | Outcome::Malformed => "malformed answer",
        Outcome::Unreachable => "unreachable",
        Outcome::Throttled => "throttled",
        Outcome::Denied => "access denied",
        Outcome::NoCredentials => "no credentials",
        Outcome::TooLarge => "answer too large",
        Outcome::Skipped => "not asked",
    };
    match reason.map(str::trim).filter(|r| !r.is_empty()) {
        None => what.to_owned(),
        Some(r) if r.to_lowercase().starts_with(what) => line(r),
        Some(r) => line(&format!("{what}: {r}")),
    }
}

fn span(ms: u64) -> String {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    if ms >= 1000 && ms % 1000 != 0 && ms < 60_000 { format!("{ms} ms") } else { human_span(ms) }
}

/// What an answer says, the bad first.
pub(super) fn answered(probe: &Probe, checks: &[Checked], result: &Value, shown: &Value) -> String {
    if checks.is_empty() {
        return line(&seen(probe, result, shown));
    }
    let all = || probe.expect.iter().zip(checks);
    for worst in [Verdict::Unmet, Verdict::Unknown] {
        let texts: Vec<String> = all().filter(|(_, c)| c.verdict == worst).map(|(e, c)| one(probe, e, c, result)).collect();
        if let [first, rest @ ..] = texts.as_slice() {
            let more = match rest {
                [] => String::new(),
                [second] => format!("; {second}"),
                more => format!("; {} more {worst}", more.len()),
            };
            return line(&format!("{first}{more}"));
        }
    }
    let texts: Vec<String> = all().map(|(e, c)| good(probe, e, &c.actual)).collect();
    line(&texts.join(", "))
}

/// What is there when nothing was expected.
fn seen(probe: &Probe, result: &Value, shown: &Value) -> String {
    if !shown.is_null() {
        return match shown {
            Value::Object(map) if !map.is_empty() => plainly(shown),
            Value::Array(items) if !items.is_empty() => plainly(shown),
            other => value(other),
        };
    }
    if let Some(answer) = result.get("answer") {
        return value(answer);
    }
    if let Some(status) = result.get("status").filter(|s| s.is_number()) {
        return format!("status {status}");
    }
    let list = result.as_object().and_then(|map| map.iter().find(|(_, v)| v.is_array()));
    match list {
        Some((name, Value::Array(items))) => items_of(items.len(), name, probe),
        _ => "seen".to_owned(),
    }
}

/// One expectation that is unmet or unknown.
fn one(probe: &Probe, e: &Expectation, c: &Checked, result: &Value) -> String {
    if let Some(because) = &c.because {
        return match &e.form {
            Form::Compare { left, op, right } if because == "missing" => format!("{} is missing, {}", name(&left.0), expected(*op, right)),
            _ => format!("{}: {because}", name(&e.text)),
        };
    }
    if let Form::Compare { left, op, right } = &e.form {
        if left.0 == "drifted"
            && let Some(text) = drifted(result)
        {
            return text;
        }
        if let (Some(list), Some(n)) = (counted(&left.0), c.actual.as_u64()) {
            return format!("{}, {}", items_of(usize::try_from(n).unwrap_or(usize::MAX), &list, probe), expected_count(*op, right));
        }
    }
    compared(e, &c.actual)
}

/// `502, expected 200`, `agents.alive is 0, expected more than 0`.
pub(super) fn compared(e: &Expectation, actual: &Value) -> String {
    let Form::Compare { left, op, right } = &e.form else { return format!("not so: {}", name(&e.text)) };
    if let (Some(what), Some(a), Some(r)) = (aged(&left.0), actual.as_f64(), right.as_f64()) {
        return format!("{} is {} old, expected {}{}", name(what), seconds(a), word(*op), seconds(r));
    }
    let expected = expected(*op, right);
    if left.0 == "status" {
        format!("{}, {expected}", value(actual))
    } else {
        format!("{} is {}, {expected}", name(&left.0), value(actual))
    }
}

/// One expectation that is met.
fn good(probe: &Probe, e: &Expectation, actual: &Value) -> String {
    let Form::Compare { left, .. } = &e.form else { return name(&e.text) };
    if let (Some(list), Some(n)) = (counted(&left.0), actual.as_u64()) {
        return items_of(usize::try_from(n).unwrap_or(usize::MAX), &list, probe);
    }
    if let (Some(what), Some(a)) = (aged(&left.0), actual.as_f64()) {
        return format!("{} is {} old", name(what), seconds(a));
    }
    if left.0 == "status" { value(actual) } else { format!("{} {}", name(&left.0), value(actual)) }
}

/// `prod -> 42, the deploy record says 41`.
fn drifted(result: &Value) -> Option<String> {
    let text = |key: &str| result.get(key).and_then(Value::as_str);
    Some(format!("{} -> {}, the deploy record says {}", text("Name")?, text("FunctionVersion")?, text("current")?))
}

/// The argument of a lone `age(…)`.
fn aged(left: &str) -> Option<&str> {
    lone_call(left, "age(")
}

/// The name of what a lone `length(…)` counts.
fn counted(left: &str) -> Option<String> {
    let inner = lone_call(left, "length(")?;
    let path = inner.split(['[', '|', '(', ' ']).next().unwrap_or_default();
    let last = path.rsplit('.').next().unwrap_or_default();
    let plain = !last.is_empty() && last.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
    plain.then(|| last.to_owned())
}

fn lone_call<'a>(left: &'a str, open: &str) -> Option<&'a str> {
    let inner = left.strip_prefix(open)?.strip_suffix(')')?;
    let mut depth = 0_i32;
    let closes_early = inner.chars().any(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth < 0
    });
    (!closes_early).then_some(inner)
}

/// `17 events in 15m`, `no events`.
fn items_of(n: usize, list: &str, probe: &Probe) -> String {
    let since = match &probe.source {
        ProbeSource::Ask { params, .. } => params.get("since").and_then(Value::as_str).map(|s| format!(" in {s}")),
        ProbeSource::From(_) => None,
    };
    let since = since.unwrap_or_default();
    match n {
        0 => format!("no {list}{since}"),
        1 => format!("1 {}{since}", singular(list)),
        n => format!("{n} {list}{since}"),
    }
}

fn singular(list: &str) -> String {
    match (list.strip_suffix("ies"), list.strip_suffix('s')) {
        (Some(stem), _) => format!("{stem}y"),
        (None, Some(stem)) => stem.to_owned(),
        (None, None) => list.to_owned(),
    }
}

fn expected_count(op: Op, right: &Value) -> String {
    match (op, right.as_u64()) {
        (Op::Eq | Op::Le, Some(0)) | (Op::Lt, Some(1)) => "expected none".to_owned(),
        (Op::Ne | Op::Gt, Some(0)) | (Op::Ge, Some(1)) => "expected some".to_owned(),
        _ => expected(op, right),
    }
}

fn expected(op: Op, right: &Value) -> String {
    match (op, right) {
        (Op::Eq, Value::Null) => "expected none".to_owned(),
        (Op::Ne, Value::Null) => "expected a value".to_owned(),
        (op, right) => format!("expected {}{}", word(op), value(right)),
    }
}

fn word(op: Op) -> &'static str {
    match op {
        Op::Eq => "",
        Op::Ne => "anything but ",
        Op::Lt => "less than ",
        Op::Le => "at most ",
        Op::Gt => "more than ",
        Op::Ge => "at least ",
        Op::Contains => "it to contain ",
        Op::Matches => "it to match ",
    }
}

fn seconds(s: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and only people read it")]
    let ms = (s * 1000.0) as i64;
    human_span(ms)
}

fn name(expr: &str) -> String {
    cut(expr, VALUE_MAX)
}

fn value(v: &Value) -> String {
    match v {
        Value::Null => "missing".to_owned(),
        Value::String(s) if s.is_empty() => "empty".to_owned(),
        Value::String(s) => cut(s, VALUE_MAX),
        Value::Array(items) if items.is_empty() => "an empty list".to_owned(),
        other => cut(&plainly(other), VALUE_MAX),
    }
}

/// A list or an object without JSON's punctuation: `alive 0, dead 5`.
fn plainly(v: &Value) -> String {
    let is_empty = |v: &Value| matches!(v, Value::Null) || v.as_str().is_some_and(str::is_empty);
    match v {
        Value::String(s) => s.clone(),
        Value::Array(items) => {
            let between = if items.iter().any(|i| i.is_object() || i.is_array()) { "; " } else { ", " };
            items.iter().map(plainly).collect::<Vec<_>>().join(between)
        }
        Value::Object(map) => {
            let told = map.iter().filter(|(_, v)| !is_empty(v)).map(|(k, v)| format!("{k} {}", plainly(v)));
            told.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}
