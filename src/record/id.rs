//! Names of things in the record: streams, events, incidents, hashes, and the short refs a person types.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A SHA-256 value, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What stands in `prev` of a stream's first event.
    pub const ZERO: Self = Self([0; 32]);

    /// SHA-256 over the concatenation of `parts`.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut h = Sha256::new();
        for p in parts {
            h.update(p);
        }
        Self(h.finalize().into())
    }

    /// The first eight hex digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = IdError;

    fn from_str(s: &str) -> Result<Self, IdError> {
        let pairs: &[u8; 64] = s.as_bytes().try_into().map_err(|_| IdError::Hash)?;
        let (mut bytes, mut seen) = ([0; 32], 0);
        for (byte, pair) in bytes.iter_mut().zip(pairs.as_chunks::<2>().0) {
            let (high, low) = (VALUES[usize::from(pair[0])], VALUES[usize::from(pair[1])]);
            *byte = high << 4 | low;
            seen |= high | low;
        }
        if seen < 16 { Ok(Self(bytes)) } else { Err(IdError::Hash) }
    }
}

/// Lower-case hex of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for b in bytes {
        out.push(char::from(DIGITS[usize::from(b >> 4)]));
        out.push(char::from(DIGITS[usize::from(b & 15)]));
    }
    out
}

/// What each byte is worth as a digit of lower-case hex; 255 for all that are none.
const VALUES: [u8; 256] = {
    let mut values = [u8::MAX; 256];
    let mut n = 0;
    while n < 16 {
        values[b"0123456789abcdef"[n] as usize] = n as u8;
        n += 1;
    }
    values
};

fn digit(b: u8) -> Option<u8> {
    Some(VALUES[usize::from(b)]).filter(|v| *v < 16)
}

/// Reads lower-case hex; `None` on anything else.
pub fn unhex(s: &str) -> Option<Vec<u8>> {
    let b = s.as_bytes();
    if !b.len().is_multiple_of(2) {
        return None;
    }
    b.chunks(2).map(|p| Some(digit(p[0])? << 4 | digit(p[1])?)).collect()
}

/// Reads a UUID as the record writes it: hyphenated, in lower case.
pub(super) fn uuid(s: &str) -> Option<Uuid> {
    (s.len() == 36 && !s.bytes().any(|b| b.is_ascii_uppercase())).then(|| Uuid::try_parse(s).ok())?
}

/// Why a name could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not 64 lower-case hex digits.
    #[error("not a SHA-256 in lower-case hex")]
    Hash,
    /// Not a stream name.
    #[error("not a stream name: `{0}`")]
    Stream(String),
    /// Not a ref such as `e1`, `7.a1`, `12` or `7.12`.
    #[error("`{0}` is not a ref such as `e1`, `a1`, `f1`, `12` or `7.a1`")]
    Ref(String),
}

/// Reads a text and parses it, without a copy of its own.
pub(super) fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(d: D) -> Result<T, D::Error> {
    struct Text<T>(PhantomData<T>);

    impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }

    d.deserialize_str(Text(PhantomData))
}

macro_rules! by_text {
    ($($t:ty),*) => {$(
        impl Serialize for $t {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $t {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                parsed(d)
            }
        }
    )*};
}
by_text!(Hash, StreamId, Ref);

/// An event's own id, UUIDv7; the same id appended twice is the same event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

/// An incident's id; its number is only for people.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(pub Uuid);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The name of an ordered chain of events.
///
/// `incident/<uuid>`, `deploy/<account>/<region>/<function>:<alias>`, `observation/<runbook>` or `ledger`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(String);

impl StreamId {
    /// The stream of the ledger itself.
    pub fn ledger() -> Self {
        Self("ledger".to_owned())
    }

    /// The stream of one incident.
    pub fn incident(id: IncidentId) -> Self {
        Self(format!("incident/{id}"))
    }

    /// The stream of one deployed alias.
    pub fn deploy(account: &str, region: &str, function: &str, alias: &str) -> Self {
        Self(format!("deploy/{account}/{region}/{function}:{alias}"))
    }

    /// The stream of what one runbook's probes saw outside any incident.
    pub fn observation(runbook: &str) -> Self {
        Self(format!("observation/{runbook}"))
    }

    /// The name as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The incident this stream belongs to, if it is an incident's.
    pub fn as_incident(&self) -> Option<IncidentId> {
        let id = self.0.strip_prefix("incident/")?;
        Uuid::try_parse(id).ok().map(IncidentId)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for StreamId {
    type Err = IdError;

    fn from_str(s: &str) -> Result<Self, IdError> {
        let fault = || IdError::Stream(s.to_owned());
        let ok = match s.split_once('/') {
            None => s == "ledger",
            Some(("incident", id)) if uuid(id).is_some() => return Ok(Self(s.to_owned())),
            Some(("deploy", rest)) => rest.split('/').count() == 3 && rest.contains(':'),
            Some(("observation", id)) => !id.is_empty(),
            Some(_) => false,
        };
        if ok && s.len() <= 512 && !s.chars().any(char::is_control) { Ok(Self(s.to_owned())) } else { Err(fault()) }
    }
}

/// What a short ref points at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RefKind {
    /// `e1`: evidence.
    Evidence,
    /// `a1`: an action.
    Action,
    /// `f1`: a follow-up.
    FollowUp,
    /// `12`: an event, by its sequence number.
    Event,
}

/// A short name within an incident, optionally qualified by its number: `e1`, `7.a1`, `12`, `7.12`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ref {
    /// The incident's number, when the ref is qualified.
    pub incident: Option<u64>,
    /// What it points at.
    pub kind: RefKind,
    /// Counts from 1 within the incident and kind.
    pub n: u64,
}

impl Ref {
    /// An unqualified ref.
    pub fn new(kind: RefKind, n: u64) -> Self {
        Self { incident: None, kind, n }
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(i) = self.incident {
            write!(f, "{i}.")?;
        }
        let prefix = match self.kind {
            RefKind::Evidence => "e",
            RefKind::Action => "a",
            RefKind::FollowUp => "f",
            RefKind::Event => "",
        };
        write!(f, "{prefix}{}", self.n)
    }
}

impl FromStr for Ref {
    type Err = IdError;

    fn from_str(s: &str) -> Result<Self, IdError> {
        let fault = || IdError::Ref(s.to_owned());
        let number = |t: &str| match t.as_bytes() {
            [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => t.parse::<u64>().map_err(|_| fault()),
            _ => Err(fault()),
        };
        let (incident, local) = match s.split_once('.') {
            Some((i, rest)) => (Some(number(i)?), rest),
            None => (None, s),
        };
        let (kind, n) = match local.as_bytes().first() {
            Some(b'e') => (RefKind::Evidence, &local[1..]),
            Some(b'a') => (RefKind::Action, &local[1..]),
            Some(b'f') => (RefKind::FollowUp, &local[1..]),
            _ => (RefKind::Event, local),
        };
        Ok(Self { incident, kind, n: number(n)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_read_back_as_written() {
        for s in ["e1", "7.a1", "f3", "12", "7.12"] {
            assert_eq!(s.parse::<Ref>().unwrap().to_string(), s);
        }
        for s in ["", "e", "e0", "a-1", "7.", "x1", "7.7.7", "e01", "#7", "é1"] {
            assert!(s.parse::<Ref>().is_err(), "{s}");
        }
    }

    #[test]
    fn stream_names_are_checked() {
        let id = IncidentId(Uuid::from_u128(7));
        for s in [
            StreamId::ledger(),
            StreamId::incident(id),
            StreamId::deploy("121", "us-east-1", "api", "prod"),
            StreamId::observation("INC-001"),
        ] {
            assert_eq!(s.as_str().parse::<StreamId>().unwrap(), s);
        }
        for s in ["", "incident/7", "deploy/x", "observation/", "other/x"] {
            assert!(s.parse::<StreamId>().is_err(), "{s}");
        }
        assert_eq!(StreamId::incident(id).as_incident(), Some(id));
    }

    #[test]
    fn hashes_read_only_lower_case_hex() {
        let h = Hash::of(&[b"abc"]);
        assert_eq!(h.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(h.to_string().parse::<Hash>().unwrap(), h);
        assert!(h.to_string().to_uppercase().parse::<Hash>().is_err());
    }
}
