//! A probe's own keys, read with their types. What cannot be read is said, and the probe is skipped.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::NoAnswer;
use crate::record::time::parse_span;

/// The keys of one request.
#[derive(Clone, Copy)]
pub(super) struct Params<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Params<'a> {
    fn get(self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|v| !v.is_null())
    }

    /// A text; numbers and booleans are taken as written.
    pub(super) fn text(self, key: &str) -> Result<Option<String>, NoAnswer> {
        self.get(key).map(|v| scalar(v).ok_or_else(|| wrong(key, "text", v))).transpose()
    }

    /// A text without which there is no question.
    pub(super) fn required(self, key: &str) -> Result<String, NoAnswer> {
        let text = self.text(key)?.filter(|t| !t.is_empty());
        text.ok_or_else(|| NoAnswer::skipped(format!("`{key}` is missing")))
    }

    /// A yes or no; absent is no.
    pub(super) fn flag(self, key: &str) -> Result<bool, NoAnswer> {
        self.get(key).map_or(Ok(false), |v| v.as_bool().ok_or_else(|| wrong(key, "true or false", v)))
    }

    /// A whole number.
    pub(super) fn count(self, key: &str, default: usize) -> Result<usize, NoAnswer> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok()).and_then(|n| usize::try_from(n).ok());
        number.ok_or_else(|| wrong(key, "a whole number", value))
    }

    /// How many items are fetched at most: at least one.
    pub(super) fn limit(self, default: usize) -> Result<usize, NoAnswer> {
        match self.count("limit", default)? {
            0 => Err(NoAnswer::skipped("`limit` must be at least 1")),
            n => Ok(n),
        }
    }

    /// A duration such as `15m`.
    pub(super) fn duration(self, key: &str, default: Duration) -> Result<Duration, NoAnswer> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let read = scalar(value).and_then(|t| duration(&t)).filter(|d| !d.is_zero());
        read.ok_or_else(|| wrong(key, "a duration such as `15m`", value))
    }

    /// A size such as `1MiB`, in bytes.
    pub(super) fn size(self, key: &str, default: usize) -> Result<usize, NoAnswer> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let read = scalar(value).and_then(|t| size(&t));
        read.ok_or_else(|| wrong(key, "a size such as `1MiB`", value))
    }

    /// A list of texts; one text is a list of one.
    pub(super) fn list(self, key: &str) -> Result<Vec<String>, NoAnswer> {
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(|v| scalar(v).ok_or_else(|| wrong(key, "a list of texts", v))).collect(),
            Some(one) => scalar(one).map(|t| vec![t]).ok_or_else(|| wrong(key, "a list of texts", one)),
        }
    }

    /// A table of texts.
    pub(super) fn table(self, key: &str) -> Result<BTreeMap<String, String>, NoAnswer> {
        match self.get(key) {
            None => Ok(BTreeMap::new()),
            Some(Value::Object(members)) => {
                members.iter().map(|(k, v)| scalar(v).map(|t| (k.clone(), t)).ok_or_else(|| wrong(key, "a table of texts", v))).collect()
            }
            Some(other) => Err(wrong(key, "a table of texts", other)),
        }
    }

    /// The value as it stands.
    pub(super) fn raw(self, key: &str) -> Option<&'a Value> {
        self.get(key)
    }
}

fn wrong(key: &str, wanted: &str, got: &Value) -> NoAnswer {
    NoAnswer::skipped(format!("`{key}` is not {wanted}: `{got}`"))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Reads `250ms`, `10s`, `15m`, `24h`, `1h30m`, up to 400 days; a bare number is seconds.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let ms = text.parse::<i64>().map_or_else(|_| parse_span(text), |s| s.checked_mul(1000))?;
    u64::try_from(ms).ok().filter(|ms| *ms <= 400 * 86_400_000).map(Duration::from_millis)
}

/// Reads `512`, `64KiB`, `1MiB`, `1MB`.
fn size(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let n: usize = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "kb" => 1000,
        "m" | "mib" => 1 << 20,
        "mb" => 1_000_000,
        "g" | "gib" => 1 << 30,
        "gb" => 1_000_000_000,
        _ => return None,
    };
    n.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_read_as_people_write_them() {
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("15m"), Some(Duration::from_secs(900)));
        assert_eq!(duration("24h"), Some(Duration::from_secs(86_400)));
        assert_eq!(duration("30"), Some(Duration::from_secs(30)));
        assert_eq!(duration("soon"), None);
        assert_eq!(duration("99999999999d"), None);
        assert_eq!(size("1MiB"), Some(1_048_576));
        assert_eq!(size("1 MB"), Some(1_000_000));
        assert_eq!(size("1 furlong"), None);
    }

    #[test]
    fn what_has_the_wrong_type_is_named() {
        let value = serde_json::json!({"limit": "many", "since": "soon", "headers": [1], "url": ["x"]});
        let params = Params(value.as_object().unwrap());
        assert_eq!(params.limit(1).unwrap_err().reason, "`limit` is not a whole number: `\"many\"`");
        assert_eq!(params.duration("since", Duration::ZERO).unwrap_err().reason, "`since` is not a duration such as `15m`: `\"soon\"`");
        assert_eq!(params.table("headers").unwrap_err().reason, "`headers` is not a table of texts: `[1]`");
        assert_eq!(params.required("url").unwrap_err().outcome, crate::record::verdict::Outcome::Skipped);
        assert_eq!(params.required("none").unwrap_err().reason, "`none` is missing");
    }
}
