//! Windows as a person writes them.

use crate::record::time::parse_span;
use crate::runbook::diagnostic::did_you_mean;
use crate::runbook::expect::{self, ExprFault};
use crate::runbook::model::{Op, WindowFn, WindowTest};

/// The functions over a window with their written names.
const WINDOW_FNS: [(WindowFn, &str); 7] = [
    (WindowFn::Last, "last"),
    (WindowFn::Max, "max"),
    (WindowFn::Min, "min"),
    (WindowFn::Sum, "sum"),
    (WindowFn::Count, "count"),
    (WindowFn::Delta, "delta"),
    (WindowFn::Increase, "increase"),
];

/// Reads `increase(errors, 24h) > 10`.
///
/// # Errors
/// The first [`ExprFault`]: not of this form, an unknown function, a window or number that cannot be read.
pub fn parse_window(text: &str) -> Result<WindowTest, ExprFault> {
    let malformed = |at: usize| {
        ExprFault::new(at, "not a window: `function(series, window) comparison number`")
            .hint("Write for example increase(errors, 24h) > 10.")
    };
    let open = text.find('(').ok_or_else(|| malformed(0))?;
    let name = text[..open].trim();
    let func = WINDOW_FNS.iter().find(|(_, n)| *n == name).map(|(f, _)| *f).ok_or_else(|| {
        let fault = ExprFault::new(text.len() - text.trim_start().len(), format!("unknown window function `{name}`"));
        let hint = did_you_mean(name, WINDOW_FNS.iter().map(|(_, n)| *n));
        fault.hint(hint.unwrap_or_else(|| "Known are last, max, min, sum, count, delta and increase.".to_owned()))
    })?;
    let close = open + text[open..].find(')').ok_or_else(|| malformed(open))?;
    let inner = &text[open + 1..close];
    let comma = inner.find(',').ok_or_else(|| {
        ExprFault::new(open + 1, format!("`{name}` wants a series and a window")).hint(format!("Write {name}(series, 24h)."))
    })?;
    let series = inner[..comma].trim();
    let is_series = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '/');
    if series.is_empty() || !series.chars().all(is_series) {
        return Err(ExprFault::new(open + 1, format!("`{series}` is no name of a series")));
    }
    let rest = &inner[comma + 1..];
    let (at, window) = (open + comma + 2 + rest.len() - rest.trim_start().len(), rest.trim());
    let window_ms = parse_span(window)
        .filter(|ms| *ms > 0)
        .ok_or_else(|| ExprFault::new(at, format!("`{window}` is no length of time")).hint("Write for example 15m, 24h or 2d."))?;
    let (op, value) = comparison(text, close + 1).map_err(|f| f.unwrap_or_else(|| malformed(close + 1)))?;
    Ok(WindowTest { text: text.trim().to_owned(), func, series: series.to_owned(), window_ms, op, value, cover: None })
}

/// Reads `> 10` from `at` on; the fault is `None` when there is no comparison at all.
fn comparison(text: &str, at: usize) -> Result<(Op, f64), Option<ExprFault>> {
    const OPS: [(&str, Op); 6] = [("==", Op::Eq), ("!=", Op::Ne), ("<=", Op::Le), (">=", Op::Ge), ("<", Op::Lt), (">", Op::Gt)];
    let rest = text[at..].trim_start();
    let start = text.len() - rest.len();
    let Some((written, op)) = OPS.iter().find(|(t, _)| rest.starts_with(t)) else {
        let single = rest.starts_with('=');
        return Err(single.then(|| ExprFault::new(start, "`=` is not a comparison").hint("Write `==` to compare.")));
    };
    let right = rest[written.len()..].trim_start();
    let start = text.len() - right.len();
    let value = expect::literal(right.trim_end()).map_err(|f| Some(f.shifted(start)))?;
    let number = value.as_f64().ok_or_else(|| ExprFault::new(start, format!("a window is compared with a number, and `{value}` is none")));
    Ok((*op, number.map_err(Some)?))
}

/// Reads `cover = "50%"`, the share of a window that may lie uncovered at its start and its end: 0.5.
///
/// # Errors
/// An [`ExprFault`] unless it is a percentage from 1 to 100.
pub fn parse_cover(text: &str) -> Result<f64, ExprFault> {
    let percent = text.trim().strip_suffix('%').and_then(|t| t.trim().parse::<f64>().ok());
    match percent {
        Some(p) if (1.0..=100.0).contains(&p) => Ok(p / 100.0),
        _ => {
            let fault = ExprFault::new(0, format!("`{text}` is not a share of a window"));
            Err(fault.hint("Write how much of it may lie uncovered, from \"1%\" to \"100%\"."))
        }
    }
}
