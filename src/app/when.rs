//! Reads when something happened, as a person says it: `10 minutes ago`, `02:13`, RFC 3339.

use chrono::{Days, FixedOffset, NaiveTime};

use super::AppError;
use crate::record::time::Timestamp;

/// Reads `text` relative to `now`. Clock times are UTC and mean the latest such time not in the future.
///
/// # Errors
/// A text of another form, or a time in the future.
pub fn parse(text: &str, now: Timestamp) -> Result<Timestamp, AppError> {
    let t = text.trim();
    let at = relative(t, now).or_else(|| clock(t, now)).or_else(|| t.parse().ok()).or_else(|| loose(t)).ok_or_else(|| {
        AppError::usage(format!("`{text}` is not a time"))
            .hint("Say `--at \"10 minutes ago\"`, `--at 02:13` (UTC), or `--at 2026-03-22T02:13:00Z`.")
    })?;
    // A minute of grace: clocks of two machines differ.
    if at.since(now) > 60_000 {
        return Err(
            AppError::usage(format!("`{text}` is in the future: it is {now} now")).hint("Check the date, and whether you meant UTC.")
        );
    }
    Ok(at)
}

fn relative(t: &str, now: Timestamp) -> Option<Timestamp> {
    let body = t.strip_suffix("ago").map(str::trim_end)?;
    let split = body.find(|c: char| !c.is_ascii_digit())?;
    let n: i64 = body[..split].parse().ok()?;
    let unit = match body[split..].trim() {
        "s" | "sec" | "second" | "seconds" => 1_000,
        "m" | "min" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        _ => return None,
    };
    n.checked_mul(unit).map(|ms| now.plus_millis(-ms))
}

fn clock(t: &str, now: Timestamp) -> Option<Timestamp> {
    let t = t.strip_suffix('Z').unwrap_or(t);
    let time = NaiveTime::parse_from_str(t, "%H:%M").or_else(|_| NaiveTime::parse_from_str(t, "%H:%M:%S")).ok()?;
    let today = now.utc().date_naive();
    let at = Timestamp::new(today.and_time(time).and_utc());
    if at.since(now) <= 60_000 {
        return Some(at);
    }
    Some(Timestamp::new(today.checked_sub_days(Days::new(1))?.and_time(time).and_utc()))
}

/// `2026-03-22 02:13` and `2026-03-22T02:13`, taken as UTC.
fn loose(t: &str) -> Option<Timestamp> {
    let t = t.replacen(' ', "T", 1);
    let full = if t.len() == 16 { format!("{t}:00") } else { t };
    let naive = chrono::NaiveDateTime::parse_from_str(&full, "%Y-%m-%dT%H:%M:%S").ok()?;
    Some(Timestamp::new(naive.and_local_timezone(FixedOffset::east_opt(0)?).single()?.to_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_say_it_in_three_ways() {
        let now: Timestamp = "2026-03-22T02:20:00Z".parse().unwrap();
        for (text, want) in [
            ("10 minutes ago", "2026-03-22T02:10:00.000Z"),
            ("90s ago", "2026-03-22T02:18:30.000Z"),
            ("02:13", "2026-03-22T02:13:00.000Z"),
            ("23:50", "2026-03-21T23:50:00.000Z"),
            ("2026-03-22T03:13:00+01:00", "2026-03-22T02:13:00.000Z"),
            ("2026-03-22 02:13", "2026-03-22T02:13:00.000Z"),
        ] {
            assert_eq!(parse(text, now).unwrap().to_string(), want, "{text}");
        }
    }

    #[test]
    fn the_future_and_nonsense_are_refused() {
        let now: Timestamp = "2026-03-22T02:20:00Z".parse().unwrap();
        for text in ["2027-01-01T00:00:00Z", "tomorrow", "", "ago", "25:00"] {
            assert!(parse(text, now).is_err(), "{text}");
        }
    }
}
