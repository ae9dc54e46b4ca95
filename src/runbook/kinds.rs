//! The kinds of probes and actions: their keys, types and duties.
//!
//! One table, used by the checker and by the help. What a kind *does* stands in `collect` and `perform`.

use serde_json::Value;

use crate::record::time::parse_span;

/// What a key's value must look like. A value that holds a placeholder is checked when it is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Any text, not empty.
    Text,
    /// An `http://` or `https://` address.
    Url,
    /// `true` or `false`.
    Bool,
    /// A whole number within these bounds, both included.
    Int(i64, i64),
    /// `"10s"`, `"15m"`, `"24h"`, `"2d"`, `"500ms"`.
    Duration,
    /// `"1m"`, `"1h"`: what CloudWatch takes as the length of one datapoint.
    Period,
    /// `"Sum"`, `"p99"`.
    Statistic,
    /// `"64KiB"`, `"1MiB"`.
    Size,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One of these words, or a list of them.
    Choices(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A table of texts.
    Table,
    /// A text, or a table that is sent as JSON.
    Body,
    /// An ARN that begins with this.
    Arn(&'static str),
    /// A list of ARNs that begin with this.
    Arns(&'static str),
}

impl Shape {
    /// What a person is told to write.
    pub fn describe(self) -> String {
        let words = |w: &[&str]| w.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(", ");
        match self {
            Self::Text => "a text".to_owned(),
            Self::Url => "an address that begins with `https://` or `http://`".to_owned(),
            Self::Bool => "`true` or `false`".to_owned(),
            Self::Int(low, high) => format!("a whole number from {low} to {high}"),
            Self::Duration => "a duration such as \"10s\", \"15m\" or \"24h\"".to_owned(),
            Self::Period => "1, 5, 10, 20 or 30 seconds or whole minutes, such as \"1m\"".to_owned(),
            Self::Statistic => format!("one of {}, or a percentile such as \"p99\"", words(STATISTICS)),
            Self::Size => "a size up to \"64MiB\", such as \"64KiB\" or \"1MiB\"".to_owned(),
            Self::Choice(of) => format!("one of {}", words(of)),
            Self::Choices(of) => format!("one of {}, or a list of them", words(of)),
            Self::Texts => "a list of texts".to_owned(),
            Self::Table => "a table of texts".to_owned(),
            Self::Body => "a text, or a table that is sent as JSON".to_owned(),
            Self::Arn(start) => format!("an ARN that begins with `{start}`"),
            Self::Arns(start) => format!("a list of ARNs that begin with `{start}`"),
        }
    }

    /// Whether `value` looks right. Placeholders must have been ruled out before.
    pub fn accepts(self, value: &Value) -> bool {
        let text = value.as_str();
        let each = |ok: &dyn Fn(&str) -> bool| match value {
            Value::String(s) => ok(s),
            Value::Array(list) => !list.is_empty() && list.iter().all(|v| v.as_str().is_some_and(ok)),
            _ => false,
        };
        match self {
            Self::Text => text.is_some_and(|t| !t.trim().is_empty()),
            Self::Url => text.is_some_and(is_url),
            Self::Bool => value.is_boolean(),
            Self::Int(low, high) => value.as_i64().is_some_and(|n| (low..=high).contains(&n)),
            Self::Duration => text.is_some_and(|t| duration_ms(t).is_some()),
            Self::Period => {
                text.and_then(duration_ms).is_some_and(|ms| matches!(ms, 1000 | 5000 | 10_000 | 20_000 | 30_000) || ms % 60_000 == 0)
            }
            Self::Statistic => text.is_some_and(|t| STATISTICS.contains(&t) || is_percentile(t)),
            Self::Size => text.is_some_and(|t| size_bytes(t).is_some()),
            Self::Choice(of) => text.is_some_and(|t| of.contains(&t)),
            Self::Choices(of) => each(&|t| of.contains(&t)),
            Self::Texts => value.as_array().is_some_and(|l| !l.is_empty() && l.iter().all(Value::is_string)),
            Self::Table => value.as_object().is_some_and(|t| t.values().all(Value::is_string)),
            Self::Body => value.is_string() || value.is_object(),
            Self::Arn(start) => text.is_some_and(|t| t.starts_with(start)),
            Self::Arns(start) => value.is_array() && each(&|t| t.starts_with(start)),
        }
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|r| !r.is_empty() && !r.starts_with('/')) && !text.contains(char::is_whitespace)
}

/// `p99`, `p99.9`, at most `p100`.
fn is_percentile(text: &str) -> bool {
    let number = text.strip_prefix('p').filter(|n| n.chars().all(|c| c.is_ascii_digit() || c == '.'));
    number.and_then(|n| n.parse::<f64>().ok()).is_some_and(|n| (0.0..=100.0).contains(&n))
}

/// One key of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value must look like.
    pub shape: Shape,
    /// The block is useless without it.
    pub required: bool,
    /// What it is for, in one line.
    pub doc: &'static str,
}

/// One kind of probe or action.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name, e.g. `aws.logs.filter`.
    pub name: &'static str,
    /// What it does, in one line.
    pub doc: &'static str,
    /// What its result holds; empty for actions.
    pub result: &'static str,
    /// The kind's own keys.
    pub keys: &'static [Key],
}

impl Kind {
    /// Whether it talks to AWS, and so has a region and an account.
    pub fn is_aws(&self) -> bool {
        self.name.starts_with("aws.")
    }

    /// The key of that name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|k| k.name == name)
    }
}

const fn need(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, shape, required: true, doc }
}

const fn may(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, shape, required: false, doc }
}

/// Statistics of CloudWatch by name.
const STATISTICS: &[&str] = &["Sum", "Average", "Minimum", "Maximum", "SampleCount"];
/// States of a Step Functions execution.
const EXECUTION_STATES: &[&str] = &["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"];
const FUNCTION: &str = "name of the Lambda function";
const ALIAS: &str = "name of its alias";
const STATE_MACHINE: Shape = Shape::Arn("arn:");
const LIMIT: Shape = Shape::Int(1, 10_000);

/// Every kind of probe.
pub const PROBES: &[Kind] = &[
    Kind {
        name: "http",
        doc: "asks an HTTP address; GET and HEAD, any other method only with `read-only = true`",
        result: "status, headers (lower-case names), body (JSON or text), elapsed_ms, url",
        keys: &[
            need("url", Shape::Url, "the address"),
            may("method", Shape::Choice(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]), "GET unless stated"),
            may("headers", Shape::Table, "request headers"),
            may("body", Shape::Body, "request body; a table is sent as JSON"),
            may("read-only", Shape::Bool, "promises that a method other than GET and HEAD changes nothing"),
            may("redirects", Shape::Int(0, 10), "how many redirects are followed; 3 unless stated"),
            may("max-bytes", Shape::Size, "a larger answer is `too-large`; 1MiB unless stated"),
        ],
    },
    Kind {
        name: "aws.lambda.alias",
        doc: "reads where an alias of a Lambda function points",
        result: "FunctionVersion, RoutingConfig, RevisionId and the rest of GetAlias; current, drifted (against the deploy record)",
        keys: &[need("function", Shape::Text, FUNCTION), need("alias", Shape::Text, ALIAS)],
    },
    Kind {
        name: "aws.lambda.versions",
        doc: "lists the published versions of a Lambda function",
        result: "Versions[] with Version, Description, LastModified, CodeSha256",
        keys: &[need("function", Shape::Text, FUNCTION), may("limit", LIMIT, "at most so many versions")],
    },
    Kind {
        name: "aws.logs.filter",
        doc: "searches a CloudWatch log group",
        result: "events[] with timestamp, message, logStreamName, eventId, ingestionTime; searchedAll",
        keys: &[
            need("log-group", Shape::Text, "name of the log group"),
            may("pattern", Shape::Text, "CloudWatch filter pattern; every event unless stated"),
            may("since", Shape::Duration, "how far back; 15m unless stated"),
            may("limit", LIMIT, "at most so many events; 100 unless stated"),
            may("streams", Shape::Texts, "only these log streams"),
        ],
    },
    Kind {
        name: "aws.cloudwatch.metric",
        doc: "reads one CloudWatch metric; no datapoints are no data, never zero",
        result: "datapoints[] with t and value, sum, max, min, count, label, unit, available",
        keys: &[
            need("namespace", Shape::Text, "e.g. `AWS/Lambda`"),
            need("metric", Shape::Text, "e.g. `Errors`"),
            may("dimensions", Shape::Table, "which of the metric's series"),
            may("statistic", Shape::Statistic, "Sum unless stated"),
            may("period", Shape::Period, "length of one datapoint; 1m unless stated"),
            may("since", Shape::Duration, "how far back; 5m unless stated"),
        ],
    },
    Kind {
        name: "aws.sfn.executions",
        doc: "lists executions of a Step Functions state machine, newest first",
        result: "executions[] with executionArn, name, status, startDate, stopDate, and error and cause where asked for",
        keys: &[
            need("state-machine", STATE_MACHINE, "ARN of the state machine"),
            may("status", Shape::Choices(EXECUTION_STATES), "only these; each is a query of its own"),
            may("limit", LIMIT, "at most so many executions; 100 unless stated"),
            may("details", Shape::Int(1, 20), "error and cause of so many of the newest"),
        ],
    },
    Kind {
        name: "aws.ses.account",
        doc: "reads the sending account of Amazon SES",
        result: "SendingEnabled, ProductionAccessEnabled, EnforcementStatus, SendQuota and the rest of GetAccount; percent, quota_frees_at, quota_basis",
        keys: &[],
    },
    Kind {
        name: "ask",
        doc: "asks the person; unanswered is `unknown`, and nothing waits for it",
        result: "answer, note",
        keys: &[
            need("question", Shape::Text, "what the person is asked"),
            may("answers", Shape::Texts, "the answers to choose from; yes and no unless stated"),
            may("type", Shape::Choice(&["text", "time", "number"]), "a free answer of this type instead"),
        ],
    },
];

/// Every kind of action.
pub const ACTIONS: &[Kind] = &[
    Kind {
        name: "aws.lambda.update-alias",
        doc: "points an alias of a Lambda function at another version",
        result: "",
        keys: &[
            need("function", Shape::Text, FUNCTION),
            need("alias", Shape::Text, ALIAS),
            need("from-version", Shape::Text, "the version it points at now"),
            need("to-version", Shape::Text, "the version it shall point at"),
        ],
    },
    Kind {
        name: "aws.sfn.stop-executions",
        doc: "stops a named set of running Step Functions executions",
        result: "",
        keys: &[
            need("state-machine", STATE_MACHINE, "ARN of the state machine they belong to"),
            need("executions", Shape::Arns("arn:"), "ARNs of the executions; frozen with the approval"),
            may("cause", Shape::Text, "what Step Functions notes as the cause"),
            may("error", Shape::Text, "what Step Functions notes as the error"),
        ],
    },
    Kind {
        name: "aws.ses.request-production-access",
        doc: "asks AWS to move the SES account out of its sandbox",
        result: "",
        keys: &[
            need("mail-type", Shape::Choice(&["TRANSACTIONAL", "MARKETING"]), "what kind of mail is sent"),
            need("website", Shape::Url, "the site the mail is sent for"),
            may("use-case", Shape::Text, "what the mail is for, and how much of it"),
            may("contact-language", Shape::Choice(&["EN", "JA"]), "EN unless stated"),
            may("additional-emails", Shape::Texts, "who else hears from AWS"),
        ],
    },
    Kind {
        name: "manual",
        doc: "something a person does by hand and says so",
        result: "",
        keys: &[need("text", Shape::Text, "what to do"), may("confirm", Shape::Text, "what the person is asked afterwards")],
    },
];

/// The kind of probe of that name.
pub fn probe(kind: &str) -> Option<&'static Kind> {
    PROBES.iter().find(|k| k.name == kind)
}

/// The kind of action of that name.
pub fn action(kind: &str) -> Option<&'static Kind> {
    ACTIONS.iter().find(|k| k.name == kind)
}

/// Reads `"500ms"`, `"10s"`, `"15m"`, `"24h"`, `"2d"`, `"1h30m"` as milliseconds; never zero, at most ten years.
pub fn duration_ms(text: &str) -> Option<u64> {
    const MOST: u64 = 3_660 * 86_400_000;
    parse_span(text).and_then(|ms| u64::try_from(ms).ok()).filter(|ms| (1..=MOST).contains(ms))
}

/// Reads `"512B"`, `"64KiB"`, `"1MiB"` as bytes; never zero, at most 64 MiB, since an answer is held in memory.
pub fn size_bytes(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (n, unit) = (text[..split].parse::<u64>().ok()?, &text[split..]);
    let factor: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    n.checked_mul(factor).filter(|b| (1..=64 << 20).contains(b))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_and_sizes() {
        for (text, ms) in
            [("500ms", 500), ("10s", 10_000), ("15m", 900_000), ("24h", 86_400_000), ("2d", 172_800_000), ("1h30m", 5_400_000)]
        {
            assert_eq!(duration_ms(text), Some(ms), "{text}");
        }
        for bad in ["", "s", "10", "-1s", "0s", "1.5h", "10 s", "10S", "99999999999999999999s", "9999999d", "1h 30m"] {
            assert_eq!(duration_ms(bad), None, "{bad}");
        }
        assert_eq!(size_bytes("1MiB"), Some(1 << 20));
        assert_eq!((size_bytes("1MB"), size_bytes("0B"), size_bytes("65MiB")), (None, None, None));
    }

    #[test]
    fn shapes_accept_what_they_describe() {
        for (shape, good, bad) in [
            (Shape::Text, json!("x"), json!(" ")),
            (Shape::Url, json!("https://x.example/y"), json!("ftp://x")),
            (Shape::Url, json!("http://127.0.0.1:8080"), json!("https:// x")),
            (Shape::Int(0, 10), json!(10), json!(11)),
            (Shape::Period, json!("30s"), json!("90s")),
            (Shape::Period, json!("1h"), json!("500ms")),
            (Shape::Statistic, json!("Average"), json!("average")),
            (Shape::Statistic, json!("p99.9"), json!("p101")),
            (Shape::Choices(EXECUTION_STATES), json!(["FAILED", "ABORTED"]), json!(["failed"])),
            (Shape::Choices(EXECUTION_STATES), json!("RUNNING"), json!([])),
            (Shape::Table, json!({"a": "b"}), json!({"a": 1})),
            (Shape::Body, json!({"a": 1}), json!([1])),
            (Shape::Arns("arn:"), json!(["arn:aws:x"]), json!("arn:aws:x")),
        ] {
            assert!(shape.accepts(&good), "{good}");
            assert!(!shape.accepts(&bad), "{bad}");
        }
    }

    #[test]
    fn names_are_unique_and_documented() {
        for list in [PROBES, ACTIONS] {
            for (i, kind) in list.iter().enumerate() {
                assert!(list[..i].iter().all(|k| k.name != kind.name), "{}", kind.name);
                assert!(!kind.doc.is_empty() && kind.keys.iter().all(|k| !k.doc.is_empty()), "{}", kind.name);
            }
        }
        assert!(probe("http").is_some_and(|k| k.key("url").is_some_and(|u| u.required) && !k.is_aws()));
        assert!(action("manual").is_some() && probe("manual").is_none());
    }
}
