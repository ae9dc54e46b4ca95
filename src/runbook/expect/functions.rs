//! The functions an expression may call: those of JMESPath, and `age`, `sub`, `lower`.

use chrono::DateTime;
use jmespath::functions::Function;
use jmespath::{Context, ErrorReason, JmespathError, Rcvar, Runtime, Variable};
use serde_json::Number;

use crate::record::time::Timestamp;

/// What `check` knows about a function.
pub(super) struct Known {
    /// Its name.
    pub(super) name: &'static str,
    /// Fewest arguments.
    pub(super) min: usize,
    /// Most arguments; `None`: any number.
    pub(super) max: Option<usize>,
    /// Which argument has to be an `&expression`.
    pub(super) expref: Option<usize>,
}

const fn known(name: &'static str, arguments: usize) -> Known {
    Known { name, min: arguments, max: Some(arguments), expref: None }
}

const fn variadic(name: &'static str) -> Known {
    Known { name, min: 1, max: None, expref: None }
}

const fn with_expref(name: &'static str, at: usize) -> Known {
    Known { name, min: 2, max: Some(2), expref: Some(at) }
}

/// Every function.
pub(super) const FUNCTIONS: &[Known] = &[
    known("abs", 1),
    known("age", 1),
    known("avg", 1),
    known("ceil", 1),
    known("contains", 2),
    known("ends_with", 2),
    known("floor", 1),
    known("join", 2),
    known("keys", 1),
    known("length", 1),
    known("lower", 1),
    with_expref("map", 0),
    known("max", 1),
    with_expref("max_by", 1),
    variadic("merge"),
    known("min", 1),
    with_expref("min_by", 1),
    variadic("not_null"),
    known("reverse", 1),
    known("sort", 1),
    with_expref("sort_by", 1),
    known("starts_with", 2),
    known("sub", 2),
    known("sum", 1),
    known("to_array", 1),
    known("to_number", 1),
    known("to_string", 1),
    known("type", 1),
    known("values", 1),
];

/// Builds a runtime whose `age` counts back from `at`; without `at` the function refuses.
pub(super) fn runtime(at: Option<Timestamp>) -> Runtime {
    let mut runtime = Runtime::new();
    runtime.register_builtin_functions();
    let age = move |args: &[Rcvar], ctx: &mut Context<'_>| age(args, ctx, at);
    runtime.register_function("age", Box::new(age) as Box<dyn Function>);
    runtime.register_function("sub", Box::new(sub as fn(&[Rcvar], &mut Context<'_>) -> jmespath::SearchResult));
    runtime.register_function("lower", Box::new(lower as fn(&[Rcvar], &mut Context<'_>) -> jmespath::SearchResult));
    runtime
}

fn fail<T>(ctx: &Context<'_>, message: impl Into<String>) -> Result<T, JmespathError> {
    Err(JmespathError::from_ctx(ctx, ErrorReason::Parse(message.into())))
}

fn null() -> Rcvar {
    Rcvar::new(Variable::Null)
}

fn number(n: f64, ctx: &Context<'_>) -> jmespath::SearchResult {
    #[expect(clippy::cast_possible_truncation, reason = "guarded: a whole number below 2^53")]
    let number = if n.fract() == 0.0 && n.abs() < 9_007_199_254_740_992.0 { Some(Number::from(n as i64)) } else { Number::from_f64(n) };
    match number {
        Some(n) => Ok(Rcvar::new(Variable::Number(n))),
        None => fail(ctx, "the result is no number"),
    }
}

/// Seconds before the observation; null stays null, so that a filter skips what has no time.
fn age(args: &[Rcvar], ctx: &mut Context<'_>, at: Option<Timestamp>) -> jmespath::SearchResult {
    let Some(arg) = args.first() else { return fail(ctx, "`age` takes one argument") };
    if arg.is_null() {
        return Ok(null());
    }
    let Some(at) = at else { return fail(ctx, "`age` has no observation to count from here") };
    let Some(then) = instant(arg) else {
        return fail(ctx, "the argument of `age` is neither RFC 3339 nor an epoch in seconds or milliseconds");
    };
    #[expect(clippy::cast_precision_loss, reason = "milliseconds within chrono's range are far below 2^53")]
    let now = at.millis() as f64;
    number((now - then) / 1000.0, ctx)
}

/// Milliseconds since the epoch of what an API calls a time.
fn instant(value: &Variable) -> Option<f64> {
    const FIRST_MS: f64 = 100_000_000_000.0;
    if let Some(n) = value.as_number() {
        return n.is_finite().then_some(if n.abs() < FIRST_MS { n * 1000.0 } else { n });
    }
    let text = value.as_string()?.trim();
    let parsed = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%:z"))
        .ok()?;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds within chrono's range are far below 2^53")]
    Some(parsed.timestamp_millis() as f64)
}

/// `a - b`; null where either is null.
fn sub(args: &[Rcvar], ctx: &mut Context<'_>) -> jmespath::SearchResult {
    let [a, b] = args else { return fail(ctx, "`sub` takes two arguments") };
    if a.is_null() || b.is_null() {
        return Ok(null());
    }
    if let (Variable::Number(x), Variable::Number(y)) = (a.as_ref(), b.as_ref())
        && let (Some(x), Some(y)) = (x.as_i64(), y.as_i64())
        && let Some(d) = x.checked_sub(y)
    {
        return Ok(Rcvar::new(Variable::Number(d.into())));
    }
    match (a.as_number(), b.as_number()) {
        (Some(x), Some(y)) => number(x - y, ctx),
        _ => fail(ctx, "`sub` takes two numbers"),
    }
}

/// Lower case; null stays null.
fn lower(args: &[Rcvar], ctx: &mut Context<'_>) -> jmespath::SearchResult {
    match args.first().map(AsRef::as_ref) {
        Some(Variable::Null) => Ok(null()),
        Some(Variable::String(s)) => Ok(Rcvar::new(Variable::String(s.to_lowercase()))),
        _ => fail(ctx, "`lower` takes text"),
    }
}
