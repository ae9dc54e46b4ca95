//! Faults on demand: rules that say which calls go wrong, how, and how often.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::request::Request;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Waits, then answers as usual.
    Latency(Duration),
    /// The `Date` header is off by so many milliseconds; the answer is as usual.
    DateOffset(i64),
    /// This status with the service's own error for it.
    Status(u16),
    /// The service's throttling error, perhaps with `Retry-After` in seconds.
    Throttle(Option<u32>),
    /// The connection is cut before anything is answered.
    Cut,
    /// The connection is cut in the middle of the body.
    CutBody,
    /// JSON, CBOR or XML that breaks off, in an otherwise perfect answer.
    Malformed,
    /// A body that never ends.
    Endless,
    /// Every value is of another type than it should be.
    WrongTypes,
    /// What was asked for does not exist.
    Missing,
    /// `Content-Length` is more (or less, when negative) than the body.
    WrongLength(i64),
    /// Slow-loris: one byte of the body per interval.
    Trickle(Duration),
    /// Slow-loris from the status line on.
    TrickleHead(Duration),
    /// So many headers more.
    ManyHeaders(usize),
    /// A gzip stream that unpacks to so many MiB.
    GzipBomb(u32),
    /// JSON nested so deep.
    DeepJson(usize),
    /// A JSON string that is not UTF-8.
    InvalidUtf8,
    /// An HTML page of some proxy, with this status.
    Html(u16),
    /// The caller may not do that.
    Denied,
    /// The caller's session has run out.
    Expired,
    /// The server's clock is off by so many milliseconds: requests signed by another time are refused, and `Date` tells why.
    Skewed(i64),
}

/// Which calls a rule is for, which fault they meet, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    target: String,
    fault: Fault,
    skip: u64,
    times: Option<u64>,
    late: bool,
}

impl Rule {
    /// A rule for `service/Operation`, `service`, a path prefix that begins with `/`, or `*`.
    pub fn new(target: &str, fault: Fault) -> Self {
        Self { target: target.to_owned(), fault, skip: 0, times: None, late: false }
    }

    /// Only so many calls meet the fault.
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    /// The first `skip` calls go well.
    pub fn after(self, skip: u64) -> Self {
        Self { skip, ..self }
    }

    /// The call takes effect first; only then does the answer go wrong.
    pub fn late(self) -> Self {
        Self { late: true, ..self }
    }

    fn is_for(&self, request: &Request) -> bool {
        let service = request.service.name();
        match self.target.as_str() {
            "*" => true,
            target if target.starts_with('/') => request.path.starts_with(target),
            target => target == service || target.split_once('/') == Some((service, request.operation.as_str())),
        }
    }
}

/// What one call meets: small troubles add up, of the others the first rule wins.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Trouble {
    pub(super) latency: Duration,
    pub(super) date_offset: i64,
    pub(super) fault: Option<Fault>,
    /// Whether the call takes effect before the wait and the fault.
    pub(super) late: bool,
}

/// Finds what `request` meets and counts the rules down.
pub(super) fn meet(rules: &mut [Rule], request: &Request) -> Trouble {
    let mut trouble = Trouble::default();
    for rule in rules.iter_mut().filter(|rule| rule.is_for(request)) {
        if rule.skip > 0 {
            rule.skip -= 1;
            continue;
        }
        match (rule.times, rule.fault) {
            (Some(0), _) => continue,
            (_, Fault::Latency(wait)) => trouble.latency += wait,
            (_, Fault::DateOffset(ms)) => trouble.date_offset += ms,
            (_, fault) if trouble.fault.is_none() => trouble.fault = Some(fault),
            _ => continue,
        }
        trouble.late |= rule.late;
        rule.times = rule.times.map(|n| n - 1);
    }
    trouble
}

/// A rule that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("fault `{0}` is not of the form `TARGET=FAULT[:NUMBER][*TIMES][+AFTER][!late]`")]
pub struct BadRule(String);

impl FromStr for Rule {
    type Err = BadRule;

    /// Reads `lambda/GetAlias=throttle*2`, `/prod=latency:300`, `logs=status:503+1`, `lambda/UpdateAlias=cut!late`.
    fn from_str(text: &str) -> Result<Self, BadRule> {
        read(text).ok_or_else(|| BadRule(text.to_owned()))
    }
}

fn read(text: &str) -> Option<Rule> {
    let (target, rest) = text.split_once('=')?;
    let (rest, late) = rest.strip_suffix("!late").map_or((rest, false), |rest| (rest, true));
    let (rest, skip) = match rest.split_once('+') {
        Some((rest, n)) => (rest, n.parse().ok()?),
        None => (rest, 0),
    };
    let (rest, times) = match rest.split_once('*') {
        Some((rest, n)) => (rest, Some(n.parse().ok()?)),
        None => (rest, None),
    };
    let (name, number) = match rest.split_once(':') {
        Some((name, n)) => (name, Some(n.parse::<i64>().ok()?)),
        None => (rest, None),
    };
    (!target.is_empty()).then_some(())?;
    Some(Rule { target: target.to_owned(), fault: fault(name, number)?, skip, times, late })
}

fn fault(name: &str, number: Option<i64>) -> Option<Fault> {
    let or = |default: i64| number.unwrap_or(default);
    let ms = |default: i64| u64::try_from(or(default)).ok().map(Duration::from_millis);
    Some(match name {
        "latency" => Fault::Latency(ms(1000)?),
        "date" => Fault::DateOffset(or(-1_200_000)),
        "status" => Fault::Status(u16::try_from(or(500)).ok().filter(|s| (400..600).contains(s))?),
        "throttle" => Fault::Throttle(number.map(u32::try_from).transpose().ok()?),
        "cut" => Fault::Cut,
        "cut-body" => Fault::CutBody,
        "malformed" => Fault::Malformed,
        "endless" => Fault::Endless,
        "wrong-types" => Fault::WrongTypes,
        "missing" => Fault::Missing,
        "wrong-length" => Fault::WrongLength(or(100)),
        "trickle" => Fault::Trickle(ms(100)?),
        "trickle-head" => Fault::TrickleHead(ms(100)?),
        "many-headers" => Fault::ManyHeaders(usize::try_from(or(10_000)).ok()?),
        "gzip-bomb" => Fault::GzipBomb(u32::try_from(or(256)).ok()?),
        "deep-json" => Fault::DeepJson(usize::try_from(or(10_000)).ok()?),
        "invalid-utf8" => Fault::InvalidUtf8,
        "html" => Fault::Html(u16::try_from(or(503)).ok().filter(|s| (200..600).contains(s))?),
        "denied" => Fault::Denied,
        "expired" => Fault::Expired,
        "skewed" => Fault::Skewed(or(1_200_000)),
        _ => return None,
    })
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?}", self.target, self.fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_from_text() {
        let cases = [
            ("lambda/GetAlias=throttle*2", Rule::new("lambda/GetAlias", Fault::Throttle(None)).times(2)),
            ("/prod=latency:300", Rule::new("/prod", Fault::Latency(Duration::from_millis(300)))),
            ("logs=status:503*1+2", Rule::new("logs", Fault::Status(503)).times(1).after(2)),
            ("lambda/UpdateAlias=cut!late", Rule::new("lambda/UpdateAlias", Fault::Cut).late()),
            ("*=wrong-length:-7", Rule::new("*", Fault::WrongLength(-7))),
        ];
        for (text, rule) in cases {
            assert_eq!(text.parse(), Ok(rule), "{text}");
        }
        for text in ["lambda", "=cut", "logs=boom", "logs=latency:x", "logs=latency:-1", "logs=status:200"] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
    }
}
