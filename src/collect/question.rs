//! `ask`: a question to the person. It is never waited for; an answer comes from outside.

use serde_json::{Map, Value, json};

use super::params::Params;
use super::{Answer, Asking, Found, NoAnswer, Request, World};
use crate::record::observation::Source;
use crate::record::time::Timestamp;
use crate::record::verdict::Outcome;

/// What a person says who cannot say.
pub const CANNOT_TELL: &str = "cannot tell";

/// Why an answer is not one to this question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// Not among the answers that the question allows.
    #[error("`{answer}` is no answer to this question: {}", allowed.join(", "))]
    NotAllowed {
        /// What was said.
        answer: String,
        /// What may be said.
        allowed: Vec<String>,
    },
    /// The question wants a number.
    #[error("`{0}` is not a number")]
    NotANumber(String),
    /// The question wants an instant.
    #[error("`{0}` is not a time (RFC 3339, e.g. 2026-11-24T02:13:00Z)")]
    NotATime(String),
    /// Nothing was said.
    #[error("the answer is empty")]
    Empty,
    /// The question itself cannot be read.
    #[error("{0}")]
    Question(String),
}

/// The answers that a person may choose from; empty where the question is open.
pub fn choices(params: &Map<String, Value>) -> Vec<String> {
    let mut answers = Params(params).list("answers").unwrap_or_default();
    if answers.is_empty() && !params.contains_key("type") {
        answers = vec!["yes".to_owned(), "no".to_owned()];
    }
    if !answers.is_empty() && !answers.iter().any(|a| a == CANNOT_TELL) {
        answers.push(CANNOT_TELL.to_owned());
    }
    answers
}

/// Reads what a person said into `{answer, note}`.
///
/// `cannot tell` is a legal answer to every question, and reads as null: no expectation may rest on it.
pub fn read(params: &Map<String, Value>, said: &str, note: Option<&str>) -> Result<Value, BadAnswer> {
    let said = said.trim();
    if said.is_empty() {
        return Err(BadAnswer::Empty);
    }
    let kind = Params(params).text("type").map_err(|e| BadAnswer::Question(e.reason))?;
    let allowed = choices(params);
    let answer = if said.eq_ignore_ascii_case(CANNOT_TELL) {
        Value::Null
    } else if !allowed.is_empty() {
        let chosen = allowed.iter().find(|a| a.eq_ignore_ascii_case(said));
        let refused = || BadAnswer::NotAllowed { answer: said.to_owned(), allowed: allowed.clone() };
        json!(chosen.ok_or_else(refused)?)
    } else {
        match kind.as_deref().unwrap_or("text") {
            "number" => number(said).ok_or_else(|| BadAnswer::NotANumber(said.to_owned()))?,
            "time" => json!(said.parse::<Timestamp>().map_err(|_| BadAnswer::NotATime(said.to_owned()))?),
            _ => json!(said),
        }
    };
    let cannot_tell = answer.is_null().then_some(CANNOT_TELL);
    Ok(json!({ "answer": answer, "note": note.or(cannot_tell) }))
}

fn number(said: &str) -> Option<Value> {
    if let Ok(whole) = said.parse::<i64>() {
        return Some(json!(whole));
    }
    let number: f64 = said.parse().ok()?;
    number.is_finite().then(|| json!(number))
}

/// Makes the observation of an answer that a person gave.
pub fn answer(world: &World, request: &Request, said: &str, note: Option<&str>) -> Result<Answer, BadAnswer> {
    let result = read(&request.params, said, note)?;
    Ok(Answer {
        outcome: Outcome::Answered,
        reason: None,
        result: Some(result),
        truncated: false,
        started_at: (world.clock)(),
        duration_ms: 0,
        source: Source::default(),
        origin: "ask".to_owned(),
        request: Value::Object(request.params.clone()),
        doubt: None,
    })
}

pub(super) fn unanswered(asking: &Asking<'_>) -> Result<Found, NoAnswer> {
    asking.sent("ask", Value::Object(asking.request.params.clone()));
    let probe = &asking.request.probe;
    Err(NoAnswer::skipped(format!("a question to a person, not answered yet (`collect --probe {probe} --answer …`)")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn answers_are_read_by_the_questions_type() {
        let yes_no = params(json!({"question": "red tiles?", "answers": ["yes", "no"]}));
        assert_eq!(choices(&yes_no), ["yes", "no", "cannot tell"]);
        assert_eq!(read(&yes_no, " YES ", Some("three")).unwrap(), json!({"answer": "yes", "note": "three"}));
        assert_eq!(read(&yes_no, "Cannot tell", None).unwrap(), json!({"answer": null, "note": "cannot tell"}));
        assert_eq!(read(&yes_no, "maybe", None).unwrap_err().to_string(), "`maybe` is no answer to this question: yes, no, cannot tell");

        let number = params(json!({"question": "how many?", "type": "number"}));
        assert_eq!(read(&number, "42", None).unwrap()["answer"], 42);
        assert_eq!(read(&number, "0.5", None).unwrap()["answer"], 0.5);
        assert_eq!(read(&number, "NaN", None).unwrap_err(), BadAnswer::NotANumber("NaN".into()));

        let time = params(json!({"question": "when?", "type": "time"}));
        assert_eq!(read(&time, "2026-11-24T03:13:00+01:00", None).unwrap()["answer"], "2026-11-24T02:13:00.000Z");
        assert!(read(&time, "yesterday", None).is_err());
        assert_eq!(read(&time, " ", None).unwrap_err(), BadAnswer::Empty);
    }
}
