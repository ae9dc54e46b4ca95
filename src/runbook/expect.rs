//! Expectations: `left op literal`, or a bare JMESPath boolean. Compiling, checking, evaluating.
//!
//! The text is split at its last comparison at depth 0 (outside quotes, brackets and backticks), unless `!`,
//! `&&` or `||` stand at depth 0: then it is one JMESPath boolean. The right side is JSON, `'raw'`, a JMESPath
//! literal in backticks, or a duration in seconds. What cannot be said is `unknown`, see [`Subject::check`].
//!
//! Knows nothing of probes: it is given a result and says what holds.

use serde_json::{Number, Value};

use super::model::{Expectation, Expr, Form, Op};
use crate::record::time::parse_span;
use crate::record::verdict::Verdict;

mod compare;
mod functions;
mod growth;
mod lint;
mod scan;
mod subject;
#[cfg(test)]
mod tests;

pub use subject::Subject;

pub(in crate::runbook) use compare::compare_numbers;

/// Longest expression that is read, in bytes; keeps recursion within bounds.
pub const EXPR_MAX: usize = 2000;
/// Largest integer that every JSON reader keeps exactly.
const INTEGER_MAX: u64 = 1 << 53;

/// What is wrong with an expression a person wrote, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprFault {
    /// Byte offset into the text that was given.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead, as a whole sentence.
    pub hint: Option<String>,
}

impl ExprFault {
    /// A fault without a hint.
    pub fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into(), hint: None }
    }

    /// The same fault with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same fault, `by` bytes further right.
    #[must_use]
    pub(in crate::runbook) fn shifted(mut self, by: usize) -> Self {
        self.offset += by;
        self
    }
}

/// Compiles one expectation.
///
/// # Errors
/// The first [`ExprFault`]: no literal on the right, a comparison that can never hold, JMESPath that does not
/// parse or calls functions that do not exist, an integer above 2^53.
pub fn compile(text: &str) -> Result<Expectation, ExprFault> {
    let marks = scan::scan(text)?;
    let split = if marks.has_boolean { None } else { marks.comparisons.last() };
    let form = match split {
        None => Form::Bool(trimmed_expr(text)?),
        Some(&(start, end, op)) => {
            if text[..start].trim().is_empty() {
                return Err(ExprFault::new(start, format!("nothing stands before `{}`", op_text(op))));
            }
            let left = trimmed_expr(&text[..start])?;
            let at = end + leading(&text[end..]);
            let right = literal(text[end..].trim()).map_err(|f| f.shifted(at))?;
            check_right(op, &right).map_err(|f| f.shifted(at))?;
            Form::Compare { left, op, right }
        }
    };
    Ok(Expectation { text: text.trim().to_owned(), form })
}

/// Checks a JMESPath expression: it parses, and calls only functions that exist with as many arguments as they take.
///
/// # Errors
/// The first [`ExprFault`].
pub fn check_expr(text: &str) -> Result<Expr, ExprFault> {
    scan::scan(text)?;
    trimmed_expr(text)
}

/// What is legal in an expectation and yet probably not what was meant.
pub fn warnings(e: &Expectation) -> Vec<ExprFault> {
    let (Form::Compare { left: expr, .. } | Form::Bool(expr)) = &e.form;
    expr_warnings(expr)
}

/// What is legal in an expression and yet probably not what was meant.
pub fn expr_warnings(e: &Expr) -> Vec<ExprFault> {
    lint::warnings(&e.0)
}

/// What a value was held against, behind the value: `(> 10)`, `(not > 10)`, `(wanted > 10)` while it is unknown.
pub fn against(verdict: Verdict, op: Op, right: &impl std::fmt::Display) -> String {
    let is = match verdict {
        Verdict::Met => "",
        Verdict::Unmet => "not ",
        Verdict::Unknown => "wanted ",
    };
    format!("({is}{} {right})", op_text(op))
}

/// The comparison as it is written.
fn op_text(op: Op) -> &'static str {
    match op {
        Op::Eq => "==",
        Op::Ne => "!=",
        Op::Lt => "<",
        Op::Le => "<=",
        Op::Gt => ">",
        Op::Ge => ">=",
        Op::Contains => "contains",
        Op::Matches => "matches",
    }
}

fn leading(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

fn trimmed_expr(text: &str) -> Result<Expr, ExprFault> {
    let inner = text.trim();
    lint::check(inner).map_err(|f| f.shifted(leading(text)))?;
    Ok(Expr(inner.to_owned()))
}

/// Reads the right side of a comparison.
pub(in crate::runbook) fn literal(text: &str) -> Result<Value, ExprFault> {
    if text.is_empty() {
        return Err(ExprFault::new(0, "nothing stands after the comparison"));
    }
    if let Some(raw) = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
        return Ok(Value::String(raw.replace("\\'", "'")));
    }
    if let Some(ms) = parse_span(text) {
        return Ok(seconds(ms));
    }
    let json = text.strip_prefix('`').and_then(|t| t.strip_suffix('`')).unwrap_or(text);
    let value: Value = serde_json::from_str(json).map_err(|_| {
        ExprFault::new(0, format!("`{text}` is not a literal"))
            .hint("Write JSON (200, true, null, \"text\"), 'text' or a duration such as 24h; to compare two values write sub(a, b) == 0.")
    })?;
    match large_integer(&value) {
        Some(n) => Err(large_integer_fault(0, n)),
        None => Ok(value),
    }
}

fn seconds(ms: i64) -> Value {
    if ms % 1000 == 0 {
        return Value::from(ms / 1000);
    }
    #[expect(clippy::cast_precision_loss, reason = "a duration of 2^53 ms is 285,000 years")]
    let s = ms as f64 / 1000.0;
    Number::from_f64(s).map_or(Value::Null, Value::Number)
}

fn large_integer_fault(offset: usize, n: &Number) -> ExprFault {
    ExprFault::new(offset, format!("`{n}` is above 2^53, where JSON numbers are no longer exact"))
        .hint("Compare as text, or use a smaller number.")
}

/// The first integer in `value` whose size is above 2^53.
fn large_integer(value: &Value) -> Option<&Number> {
    match value {
        Value::Number(n) => {
            let integer = n.as_u64().or_else(|| n.as_i64().map(i64::unsigned_abs));
            let large = match (integer, n.as_f64()) {
                (Some(i), _) => i > INTEGER_MAX,
                (None, Some(f)) => f.abs() > 9_007_199_254_740_992.0,
                (None, None) => true,
            };
            large.then_some(n)
        }
        Value::Array(items) => items.iter().find_map(large_integer),
        Value::Object(map) => map.values().find_map(large_integer),
        _ => None,
    }
}

/// Refuses a right side with which the comparison could never come to anything.
fn check_right(op: Op, right: &Value) -> Result<(), ExprFault> {
    match (op, right) {
        (Op::Lt | Op::Le | Op::Gt | Op::Ge, Value::Number(_)) | (Op::Eq | Op::Ne, _) => Ok(()),
        (Op::Lt | Op::Le | Op::Gt | Op::Ge, _) => {
            Err(ExprFault::new(0, format!("`{}` compares numbers, and `{right}` is none", op_text(op)))
                .hint("Instants in text are not ordered: write age(x) < 24h, which counts seconds before the observation."))
        }
        (Op::Contains, Value::Null) => Err(ExprFault::new(0, "nothing contains null")),
        (Op::Contains, _) => Ok(()),
        (Op::Matches, Value::String(pattern)) => match compare::pattern(pattern) {
            Ok(_) => Ok(()),
            Err(e) => Err(ExprFault::new(0, format!("not a regular expression: {e}"))),
        },
        (Op::Matches, _) => Err(ExprFault::new(0, "`matches` takes a regular expression in quotes")),
    }
}
