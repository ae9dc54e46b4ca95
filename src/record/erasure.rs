//! The request to take something out of the record: what an approver signs before it is done.
//!
//! One fixed form, so that text and event can be compared byte for byte, years later.

use super::event::Event;
use super::id::{Hash, StreamId};
use super::time::Timestamp;

/// How the text begins.
const FORM: &str = "blotter-erasure-v1";

/// The events whose payload may be erased; the fold and the approvals need all others.
pub const ERASABLE: [&str; 4] = ["note.added", "evidence.captured", "evidence.attached", "event.corrected"];

/// What is asked for, with all that names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The ledger's id: a signature for one copy is no good for another ledger.
    pub ledger: String,
    /// The incident's number.
    pub number: u64,
    /// Its stream.
    pub stream: StreamId,
    /// The event's number.
    pub seq: u64,
    /// E.g. `note.added`.
    pub kind: String,
    /// When it was recorded.
    pub at: Timestamp,
    /// Hash of the payload that goes.
    pub payload: Hash,
    /// Digest of the evidence that goes with it.
    pub blob: Option<Hash>,
    /// Why.
    pub reason: String,
    /// Person id of whoever asks.
    pub asked_by: String,
}

impl Request {
    /// The text that is signed; every value on a line of its own.
    pub fn text(&self) -> String {
        let evidence = self.blob.map_or_else(|| "none".to_owned(), |d| d.to_string());
        format!(
            "{FORM}\nledger: {}\nevent: {}.{} {} of {}\nstream: {}\nsequence: {}\npayload: {}\nevidence: {evidence}\nreason: {}\nasked by: {}\n",
            self.ledger, self.number, self.seq, self.kind, self.at, self.stream, self.seq, self.payload, self.reason, self.asked_by
        )
    }

    /// Names the event of incident `number` as it is stored; `blob` is the evidence that it names.
    pub fn of(ledger: &str, number: u64, event: &Event, blob: Option<Hash>, reason: &str, asked_by: &str) -> Self {
        let h = &event.header;
        Self {
            ledger: ledger.to_owned(),
            number,
            stream: h.stream.clone(),
            seq: h.seq,
            kind: h.kind.clone(),
            at: h.at,
            payload: h.payload,
            blob,
            reason: reason.to_owned(),
            asked_by: asked_by.to_owned(),
        }
    }
}

/// What cannot be worked out from the record, as a signed text has it; all else is compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The event's stream.
    pub stream: StreamId,
    /// Its number.
    pub seq: u64,
    /// Why.
    pub reason: String,
    /// Person id of whoever asked.
    pub asked_by: String,
}

/// Reads a signed text; `None` when it is not of the form that [`Request::text`] writes.
pub fn read(text: &str) -> Option<Asked> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    let mut value = |name: &str| lines.next()?.strip_prefix(name);
    value(FORM).filter(|rest| rest.is_empty())?;
    for name in ["ledger: ", "event: "] {
        value(name)?;
    }
    let stream = value("stream: ")?.parse().ok()?;
    let seq = value("sequence: ")?.parse().ok()?;
    for name in ["payload: ", "evidence: "] {
        value(name)?;
    }
    let asked = Asked { stream, seq, reason: value("reason: ")?.to_owned(), asked_by: value("asked by: ")?.to_owned() };
    lines.next().is_none().then_some(asked)
}

/// True for what stands on one line as it looks: no control, no invisible and no direction-changing character.
pub fn is_plain(text: &str) -> bool {
    let hides = |c: char| {
        matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    !text.trim().is_empty() && text.len() <= 1000 && !text.chars().any(|c| c.is_control() || hides(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{Story, note};

    fn request() -> Request {
        let mut s = Story::opened();
        s.add(note("a name"));
        let blob = Some(Hash::of(&[b"blob"]));
        Request::of("7f", 7, s.events.last().unwrap(), blob, "an address: Rue é", "T-OPS")
    }

    #[test]
    fn the_text_reads_back_and_every_line_is_needed() {
        let r = request();
        let asked = Asked { stream: r.stream.clone(), seq: 2, reason: r.reason.clone(), asked_by: r.asked_by.clone() };
        let text = r.text();
        assert_eq!(read(&text), Some(asked));
        assert!(text.starts_with("blotter-erasure-v1\nledger: 7f\nevent: 7.2 note.added of 2026-"), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        for n in 0..lines.len() {
            let without: String = lines.iter().enumerate().filter(|(i, _)| *i != n).map(|(_, l)| format!("{l}\n")).collect();
            assert_eq!(read(&without), None, "without `{}`", lines[n]);
        }
        for other in [format!("{text}more: 1\n"), text.trim_end().to_owned(), text.replace('\n', "\r\n"), text.replace("-v1", "-v2")] {
            assert_eq!(read(&other), None, "{other}");
        }
    }

    #[test]
    fn a_reason_is_what_it_looks_like() {
        for good in ["an address", "GDPR 17, Müller", "誤り"] {
            assert!(is_plain(good), "{good}");
        }
        for bad in ["", "  ", "a\nasked by: T-EVE", "a\u{202e}b", "a\u{200b}b", "\u{1b}[2J", &"x".repeat(1001)] {
            assert!(!is_plain(bad), "{bad:?}");
        }
    }
}
