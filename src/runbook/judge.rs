//! What an answer means: a verdict on one look at the world.
//!
//! In this order:
//!
//! 1. Not answered: `unknown`, with the reason; `unmet` if `unmet-on` names the outcome, nothing casts doubt on
//!    the look, and some other probe of the same collection was answered (otherwise it may be our own network).
//! 2. A doubt about the look itself, such as an answer from another account: `unknown`.
//! 3. `datapoints` without a single value: no data, `unknown`, before any expression is looked at.
//! 4. `require` not all met: `unknown` for everything on this probe, readings too.
//! 5. Any expectation unmet: `unmet`; else any unknown: `unknown`; else `met`. No expectation: no verdict ("seen").
//!
//! A reading is a number that is there; null, another type, or a number that a cut answer could still change is
//! no sample. Selected parts stand beside the answer's own names; of a cut answer, a part that could still
//! change otherwise than by going on at its end is left out (null), so that nothing is built on it.

use serde_json::Value;

use super::expect::Subject;
use super::model::{Expectation, Expr, Probe};
use crate::record::observation::Checked;
use crate::record::time::Timestamp;
use crate::record::verdict::{Outcome, Verdict};

mod observed;
#[cfg(test)]
mod tests;

/// One look at the world, as a probe returned it.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// How asking ended.
    pub outcome: Outcome,
    /// Why there is no answer, for people.
    pub reason: Option<&'a str>,
    /// The answer, redacted.
    pub result: Option<&'a Value>,
    /// A limit cut the answer.
    pub truncated: bool,
    /// When it was taken.
    pub at: Timestamp,
    /// Some other probe of the same collection was answered.
    pub others_answered: bool,
    /// Why the answer proves nothing, e.g. that another account gave it.
    pub doubt: Option<&'a str>,
}

/// What the look means.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// All expectations together; `None`: seen, and nothing was expected.
    pub verdict: Option<Verdict>,
    /// Each expectation, in the runbook's order.
    pub expectations: Vec<Checked>,
    /// Series name and number.
    pub readings: Vec<(String, f64)>,
    /// What the runbook's `show` selects; null without one.
    pub shown: Value,
    /// What was seen, on one short line.
    pub observed: String,
    /// The answer with the selected parts beside its own names; `None` when there is none.
    pub result: Option<Value>,
    /// False when nothing may be built on the answer, whatever it says.
    pub usable: bool,
}

/// Judges one look.
pub fn judge(probe: &Probe, look: &Look<'_>) -> Judged {
    let result = match look.result {
        Some(result) if look.outcome == Outcome::Answered => result,
        _ => return unanswered(probe, look),
    };
    let (merged, kept) = with_selected(probe, look, result);
    let shown = probe.show.as_ref().map_or(Value::Null, |show| shown(show, &merged, look.at));
    let why_not = look.doubt.map(str::to_owned).or_else(|| no_data(result)).or_else(|| not_covered(probe, &kept, look));
    if let Some(because) = why_not {
        return Judged {
            verdict: Some(Verdict::Unknown),
            expectations: all_unknown(&probe.expect, &because),
            readings: Vec::new(),
            shown,
            observed: observed::line(&because),
            result: Some(kept),
            usable: false,
        };
    }
    let subject = Subject::new(&kept, Some(look.at), look.truncated);
    let expectations: Vec<Checked> = probe.expect.iter().map(|e| subject.check(e)).collect();
    Judged {
        verdict: overall(&expectations),
        readings: readings(probe, &subject),
        observed: observed::answered(probe, &expectations, &kept, &shown),
        expectations,
        shown,
        result: Some(kept),
        usable: true,
    }
}

/// Any unmet: unmet; else any unknown: unknown; else met. `None` without an expectation.
pub fn overall(expectations: &[Checked]) -> Option<Verdict> {
    expectations.iter().map(|c| c.verdict).reduce(Verdict::and)
}

fn unanswered(probe: &Probe, look: &Look<'_>) -> Judged {
    // An answer that is none is malformed, whoever says that it was answered.
    let outcome = if look.outcome == Outcome::Answered { Outcome::Malformed } else { look.outcome };
    let because = observed::no_answer(probe, outcome, look.reason);
    let is_symptom = probe.unmet_on.contains(&outcome) && look.doubt.is_none();
    let (verdict, observed) = match (is_symptom, look.others_answered) {
        (true, true) => (Verdict::Unmet, because.clone()),
        (true, false) => (Verdict::Unknown, format!("{because}; no other probe was answered either, it may be our own network")),
        (false, _) => (Verdict::Unknown, because.clone()),
    };
    Judged {
        verdict: Some(verdict),
        expectations: all_unknown(&probe.expect, &because),
        readings: Vec::new(),
        shown: Value::Null,
        observed,
        result: None,
        usable: false,
    }
}

fn all_unknown(expect: &[Expectation], because: &str) -> Vec<Checked> {
    let unknown = |e: &Expectation| Checked {
        text: e.text.clone(),
        verdict: Verdict::Unknown,
        actual: Value::Null,
        because: Some(because.to_owned()),
    };
    expect.iter().map(unknown).collect()
}

/// The answer with its selected parts: all of them, for showing, and those that something may be built on.
fn with_selected(probe: &Probe, look: &Look<'_>, result: &Value) -> (Value, Value) {
    let Value::Object(own) = result else { return (result.clone(), result.clone()) };
    let subject = Subject::new(result, Some(look.at), look.truncated);
    let (mut merged, mut kept) = (own.clone(), own.clone());
    for (name, expr) in &probe.select {
        let value = subject.value(expr).unwrap_or(Value::Null);
        let may_keep = subject.is_settled(expr);
        kept.insert(name.clone(), if may_keep { value.clone() } else { Value::Null });
        merged.insert(name.clone(), value);
    }
    (Value::Object(merged), Value::Object(kept))
}

fn shown(show: &Expr, merged: &Value, at: Timestamp) -> Value {
    Subject::new(merged, Some(at), false).value(show).unwrap_or(Value::Null)
}

/// Says that a metric has no value at all, and which metrics do exist.
fn no_data(result: &Value) -> Option<String> {
    let points = result.get("datapoints")?.as_array()?;
    let has_value = |p: &Value| p.get("value").map_or(p.is_number(), Value::is_number);
    if points.iter().any(has_value) {
        return None;
    }
    let available = result.get("available").and_then(Value::as_array).filter(|a| !a.is_empty());
    Some(match available {
        None => "no data".to_owned(),
        Some(names) => {
            let names: Vec<_> = names.iter().filter_map(Value::as_str).take(8).collect();
            format!("no data; metrics that exist: {}", names.join(", "))
        }
    })
}

/// Says which condition of `require` does not hold.
fn not_covered(probe: &Probe, result: &Value, look: &Look<'_>) -> Option<String> {
    let subject = Subject::new(result, Some(look.at), look.truncated);
    probe.require.iter().map(|e| (e, subject.check(e))).find(|(_, c)| c.verdict != Verdict::Met).map(|(e, c)| {
        let why = c.because.unwrap_or_else(|| observed::compared(e, &c.actual));
        format!("the answer does not reach far enough: {why} (required: {})", e.text)
    })
}

fn readings(probe: &Probe, subject: &Subject) -> Vec<(String, f64)> {
    let number = |expr: &Expr| match subject.value(expr) {
        Ok(Value::Number(n)) if subject.is_fixed(expr) => n.as_f64().filter(|f| f.is_finite()),
        _ => None,
    };
    probe.readings.iter().filter_map(|(name, expr)| Some((name.clone(), number(expr)?))).collect()
}
