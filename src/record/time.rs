//! Instants as the record writes them: RFC 3339, UTC, milliseconds, `Z`.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, NaiveDate, SubsecRound, TimeDelta, Timelike as _, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant in UTC, cut to milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// Cuts `at` to whole milliseconds.
    pub fn new(at: DateTime<Utc>) -> Self {
        Self(at.trunc_subsecs(3))
    }

    /// Builds an instant from milliseconds since 1970-01-01T00:00:00Z; `None` outside chrono's range.
    pub fn from_millis(ms: i64) -> Option<Self> {
        DateTime::from_timestamp_millis(ms).map(Self)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// Reads an instant exactly as the record writes it, without chrono's reading of any other form.
    pub(super) fn written(s: &str) -> Option<Self> {
        let bytes: &[u8; 24] = s.as_bytes().try_into().ok()?;
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')];
        let number = |from: usize, to: usize| {
            bytes[from..to].iter().try_fold(0_u32, |n, b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))
        };
        let date = NaiveDate::from_ymd_opt(number(0, 4)?.cast_signed(), number(5, 7)?, number(8, 10)?)?;
        let at = date.and_hms_milli_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 23)?)?;
        marks.iter().all(|(i, mark)| bytes[*i] == *mark).then(|| Self(at.and_utc()))
    }

    /// The instant as a chrono value.
    pub fn utc(self) -> DateTime<Utc> {
        self.0
    }

    /// Milliseconds from `earlier` to `self`; negative when `earlier` is later.
    pub fn since(self, earlier: Self) -> i64 {
        self.millis() - earlier.millis()
    }

    /// The instant `ms` milliseconds later (earlier when negative), saturating at chrono's range.
    pub fn plus_millis(self, ms: i64) -> Self {
        let delta = TimeDelta::try_milliseconds(ms).unwrap_or(TimeDelta::MAX);
        self.0.checked_add_signed(delta).map_or(if ms < 0 { Self(DateTime::<Utc>::MIN_UTC) } else { Self(DateTime::<Utc>::MAX_UTC) }, Self)
    }

    /// `2026-11-24 02:13:07` for documents and terminals, seconds precision, UTC understood.
    pub fn to_seconds(self) -> String {
        self.0.format("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// `2026-11-24`.
    pub fn to_date(self) -> String {
        self.0.format("%Y-%m-%d").to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written with every event, so without chrono's reading of a pattern each time.
        let (date, time) = (self.0.date_naive(), self.0.time());
        let (year, month, day) = (date.year(), date.month(), date.day());
        let (hour, minute, second, ms) = (time.hour(), time.minute(), time.second(), self.0.timestamp_subsec_millis());
        if !(0..=9999).contains(&year) || ms >= 1000 {
            return write!(f, "{}", self.0.format("%Y-%m-%dT%H:%M:%S%.3fZ"));
        }
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = chrono::ParseError;

    /// Reads any RFC 3339 instant; offsets are converted to UTC.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match Self::written(s) {
            Some(at) => Ok(at),
            None => Ok(Self::new(DateTime::parse_from_rfc3339(s)?.to_utc())),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        super::id::parsed(d)
    }
}

/// Writes a span of milliseconds the way people say it: `850 ms`, `4 s`, `5m`, `2h 5m`, `3d 4h`.
pub fn human_span(ms: i64) -> String {
    let ms = ms.abs();
    if ms < 1000 {
        return format!("{ms} ms");
    }
    let s = ms / 1000;
    let (d, h, m) = (s / 86_400, s % 86_400 / 3600, s % 3600 / 60);
    match (d, h, m) {
        (0, 0, 0) => format!("{s} s"),
        (0, 0, m) if s % 60 != 0 => format!("{m}m {}s", s % 60),
        (0, 0, m) => format!("{m}m"),
        (0, h, 0) => format!("{h}h"),
        (0, h, m) => format!("{h}h {m}m"),
        (d, 0, _) => format!("{d}d"),
        (d, h, _) => format!("{d}d {h}h"),
    }
}

/// Reads a span such as `500ms`, `90s`, `15m`, `24h`, `7d`, `2w` or `1h30m` as milliseconds; `None` for any other form.
pub fn parse_span(s: &str) -> Option<i64> {
    let mut rest = s;
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let n: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        rest = &rest[letters..];
        total = total.checked_add(n.checked_mul(unit)?)?;
    }
    (!s.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_cut_to_milliseconds_and_end_in_z() {
        let t: Timestamp = "2026-11-24T03:13:07.123456+01:00".parse().unwrap();
        assert_eq!(t.to_string(), "2026-11-24T02:13:07.123Z");
        assert_eq!(t.plus_millis(877).to_string(), "2026-11-24T02:13:08.000Z");
    }

    #[test]
    fn instants_are_written_as_chrono_writes_them() {
        for ms in
            [0, -1, 1_774_145_580_000, 951_782_399_999, -62_167_219_200_000, -62_167_219_200_001, 253_402_300_799_999, 253_402_300_800_000]
        {
            let t = Timestamp::from_millis(ms).unwrap();
            assert_eq!(t.to_string(), t.0.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
        }
        let leap = "2016-12-31T23:59:60.250Z";
        assert_eq!(leap.parse::<Timestamp>().unwrap().to_string(), leap);
    }

    #[test]
    fn what_is_read_at_a_glance_is_what_chrono_reads() {
        let by_chrono = |s: &str| DateTime::parse_from_rfc3339(s).ok().map(|t| Timestamp::new(t.to_utc()));
        for s in ["2026-11-24T02:13:07.123Z", "0000-01-01T00:00:00.000Z", "2024-02-29T23:59:59.999Z"] {
            assert_eq!(Timestamp::written(s), by_chrono(s));
            assert_eq!(Timestamp::written(s).unwrap().to_string(), s);
            for (i, c) in (0..s.len()).flat_map(|i| ['0', '3', '9', ':', 'z', ' '].map(|c| (i, c))) {
                let other = format!("{}{c}{}", &s[..i], &s[i + 1..]);
                let read = Timestamp::written(&other);
                assert!(read.is_none() || read == by_chrono(&other) && read.unwrap().to_string() == other, "{other}");
            }
        }
        for s in ["", "2023-02-29T00:00:00.000Z", "2016-12-31T23:59:60.250Z", "2026-11-24T02:13:07.1234Z", "2026-11-24T02:13:07+00:00"] {
            assert_eq!(Timestamp::written(s), None, "{s}");
        }
    }

    #[test]
    fn spans_are_read() {
        for (s, ms) in
            [("24h", 86_400_000), ("15m", 900_000), ("1h30m", 5_400_000), ("500ms", 500), ("2d", 172_800_000), ("1w", 604_800_000)]
        {
            assert_eq!(parse_span(s), Some(ms), "{s}");
        }
        for s in ["", "h", "24", "1.5h", "24H", "24 h", "-1h", "99999999999999999999s", "9223372036854775807w"] {
            assert_eq!(parse_span(s), None, "{s}");
        }
    }

    #[test]
    fn spans_read_like_speech() {
        let cases = [(850, "850 ms"), (4_000, "4 s"), (300_000, "5m"), (90_000, "1m 30s"), (7_500_000, "2h 5m"), (273_600_000, "3d 4h")];
        for (ms, text) in cases {
            assert_eq!(human_span(ms), text);
        }
    }
}
