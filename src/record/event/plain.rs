//! Headers and payloads as nearly all of them are written, read in one pass: a header without escapes is canonical if
//! it reads as one, so it need not be written once more to compare. Whatever is written otherwise is for serde to judge.

use super::{EventId, Hash, Header, StreamId, Timestamp};
use crate::record::id::uuid;

/// Reads a header of plain texts; `None` for any other, which may be canonical all the same.
pub(super) fn header(bytes: &str) -> Option<Header> {
    let mut rest = bytes;
    let actor = text(&mut rest, "{\"actor\":\"")?;
    let at = text(&mut rest, "\",\"at\":\"")?;
    let cause = match rest.strip_prefix("\",\"cause\":null,\"id\":\"") {
        Some(after) => {
            rest = after;
            None
        }
        None => {
            let id = text(&mut rest, "\",\"cause\":\"")?;
            rest = rest.strip_prefix("\",\"id\":\"")?;
            Some(EventId(uuid(id)?))
        }
    };
    let id = text(&mut rest, "")?;
    let payload = text(&mut rest, "\",\"payload\":\"")?;
    let prev = text(&mut rest, "\",\"prev\":\"")?;
    let seq = number(&mut rest, "\",\"seq\":")?;
    let stream = text(&mut rest, ",\"stream\":\"")?;
    let kind = text(&mut rest, "\",\"type\":\"")?;
    let v = number(&mut rest, "\",\"v\":")?;
    (rest == "}" && seq < 1 << 53).then_some(())?;
    Some(Header {
        actor: actor.to_owned(),
        at: Timestamp::written(at)?,
        cause,
        id: EventId(uuid(id)?),
        payload: payload.parse::<Hash>().ok()?,
        prev: prev.parse::<Hash>().ok()?,
        seq,
        stream: stream.parse::<StreamId>().ok()?,
        kind: kind.to_owned(),
        v,
    })
}

/// The text after `before`, up to the quotation mark that ends it; `None` when anything in it has to be escaped.
fn text<'a>(rest: &mut &'a str, before: &str) -> Option<&'a str> {
    let after = rest.strip_prefix(before)?;
    let (text, more) = after.split_at(after.find('"')?);
    *rest = more;
    // Without a way out in between, so that it is done many bytes at a time.
    let is_plain = text.bytes().fold(true, |plain, b| plain & (b != b'\\') & (b >= b' '));
    is_plain.then_some(text)
}

/// The number after `before`, written without a sign and leading zeros.
fn number(rest: &mut &str, before: &str) -> Option<u64> {
    let after = rest.strip_prefix(before)?;
    let (digits, more) = after.split_at(after.bytes().position(|b| !b.is_ascii_digit())?);
    *rest = more;
    if digits.len() > 1 && digits.starts_with('0') { None } else { digits.parse().ok() }
}

/// The data of a payload of schema version 1, if what stands around it is as it is written. It is all of the data only
/// when it reads as one value: `1,"salt":"","data":2` does not.
pub(super) fn data(payload: &str) -> Option<&str> {
    const SALT: usize = 32;
    let (before, after) = (",\"salt\":\"", "\",\"sv\":1}");
    let inner = payload.strip_prefix("{\"data\":")?.strip_suffix(after)?;
    let (data, salt) = inner.split_at_checked(inner.len().checked_sub(SALT)?)?;
    let is_hex = salt.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    data.strip_suffix(before).filter(|_| is_hex)
}
