//! Verdicts and outcomes, the two answers an observation always carries.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an expectation or condition came to. Never confuses "could not look" with "looked".
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Looked, and it is as expected.
    Met,
    /// Looked, and it is not as expected.
    Unmet,
    /// Could not look, or not enough data.
    Unknown,
}

impl Verdict {
    /// Kleene "and": unmet wins, then unknown.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unmet, _) | (_, Self::Unmet) => Self::Unmet,
            (Self::Met, Self::Met) => Self::Met,
            _ => Self::Unknown,
        }
    }

    /// Kleene "or": met wins, then unknown.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Met, _) | (_, Self::Met) => Self::Met,
            (Self::Unmet, Self::Unmet) => Self::Unmet,
            _ => Self::Unknown,
        }
    }
}

/// Kleene "not": unknown stays unknown.
impl std::ops::Not for Verdict {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Met => Self::Unmet,
            Self::Unmet => Self::Met,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl From<bool> for Verdict {
    fn from(b: bool) -> Self {
        if b { Self::Met } else { Self::Unmet }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::Unmet => "unmet",
            Self::Unknown => "unknown",
        })
    }
}

/// How asking the world ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// An answer came back whole, and was read.
    Answered,
    /// The probe's own time limit ended it.
    Timeout,
    /// No connection, or it was cut.
    Unreachable,
    /// The service asked us to slow down.
    Throttled,
    /// The service refused this caller.
    Denied,
    /// There was nobody to ask as.
    NoCredentials,
    /// An answer came back that is not what the protocol promises.
    Malformed,
    /// The answer was larger than the cap; what fitted is kept.
    TooLarge,
    /// Not asked, with the reason named.
    Skipped,
}

impl Outcome {
    /// Every outcome with its written form.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Answered, "answered"),
        (Self::Timeout, "timeout"),
        (Self::Unreachable, "unreachable"),
        (Self::Throttled, "throttled"),
        (Self::Denied, "denied"),
        (Self::NoCredentials, "no-credentials"),
        (Self::Malformed, "malformed"),
        (Self::TooLarge, "too-large"),
        (Self::Skipped, "skipped"),
    ];

    /// Reads the written form.
    pub fn parse(s: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, t)| *t == s).map(|(o, _)| *o)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Self::ALL.iter().find(|(o, _)| o == self).map_or("", |(_, t)| t);
        f.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kleene_tables() {
        use Verdict::{Met, Unknown, Unmet};
        for (a, b, and, or) in [
            (Met, Met, Met, Met),
            (Met, Unmet, Unmet, Met),
            (Met, Unknown, Unknown, Met),
            (Unmet, Unmet, Unmet, Unmet),
            (Unmet, Unknown, Unmet, Unknown),
            (Unknown, Unknown, Unknown, Unknown),
        ] {
            assert_eq!((a.and(b), a.or(b)), (and, or));
            assert_eq!((b.and(a), b.or(a)), (and, or));
            assert_eq!(!a.and(b), (!a).or(!b));
        }
    }

    #[test]
    fn outcomes_read_back_as_serde_writes_them() {
        for (o, t) in Outcome::ALL {
            assert_eq!(serde_json::to_value(o).unwrap(), t);
            assert_eq!(Outcome::parse(t), Some(o));
        }
    }
}
