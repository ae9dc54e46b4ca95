//! The text that an approver signs, `blotter-approval-v1`: one line a value, always in the same order. Who breaks the glass,
//! and who reviews that, sign the same lines under another first one, so that none can stand for another.
//!
//! It is written in one form only, so that reading it and writing it again gives the same bytes; nothing in it hides or
//! moves a terminal. Knows no keys and no signatures.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::action::Action;
use super::id::{Hash, IncidentId};
use super::incident::{Head, Incident};
use super::time::Timestamp;

/// What a signed text is good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextKind {
    /// Allows an action.
    Approval,
    /// Goes without approval, in the operator's own name.
    BreakGlass,
    /// Says that somebody else has looked at what was done without approval.
    Review,
}

impl TextKind {
    /// The first line of the text.
    pub fn first(self) -> &'static str {
        match self {
            Self::Approval => "blotter-approval-v1",
            Self::BreakGlass => "blotter-break-glass-v1",
            Self::Review => "blotter-review-v1",
        }
    }
}

/// The names of the lines after the first, in order.
const FIELDS: [&str; 12] = [
    "ledger",
    "incident",
    "action",
    "action-hash",
    "action-text",
    "runbook",
    "head",
    "proposer",
    "approver",
    "quorum",
    "expires",
    "comment",
];
/// What stands behind the quorum of a rule that lets the proposer approve.
const OWN: &str = "; the proposer too";
/// A text longer than this is none of ours, in bytes.
pub const LONGEST: usize = 64 * 1024;

/// What an approver allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApprovalText {
    /// What the text is good for.
    pub kind: TextKind,
    /// The ledger's id.
    pub ledger: String,
    /// The incident's number.
    pub number: u64,
    /// The incident.
    pub incident: IncidentId,
    /// The action's number.
    pub n: u64,
    /// The action's nonce.
    pub nonce: String,
    /// The action's hash, over every argument.
    pub hash: Hash,
    /// The plan in one plain sentence.
    pub text: String,
    /// Hash of the runbook.
    pub runbook: Hash,
    /// The incident's head that the approver saw.
    pub head: Head,
    /// Person who proposed it.
    pub proposer: String,
    /// Person who allows it.
    pub approver: String,
    /// How many of `from` are needed.
    pub min: u64,
    /// Who may allow it.
    pub from: Vec<String>,
    /// The proposer may, too.
    pub allow_self: bool,
    /// When the approval lapses.
    pub expires_at: Timestamp,
    /// What the approver says; never empty.
    pub comment: Option<String>,
}

/// Where a text is not as it must be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct TextFault {
    /// 1-based line.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl ApprovalText {
    /// The text that allows an action as it is recorded.
    pub fn of(ledger: &str, incident: &Incident, action: &Action, head: Head, approver: &str, expires_at: Timestamp) -> Self {
        Self {
            kind: TextKind::Approval,
            ledger: ledger.to_owned(),
            number: incident.number,
            incident: incident.id,
            n: action.n,
            nonce: action.nonce.clone(),
            hash: action.hash,
            text: action.text.clone(),
            runbook: action.runbook,
            head,
            proposer: action.proposer.clone(),
            approver: approver.to_owned(),
            min: action.rule.min,
            from: action.rule.from.clone(),
            allow_self: action.rule.allow_self,
            expires_at,
            comment: None,
        }
    }

    /// The same text with what the approver says.
    #[must_use]
    pub fn saying(self, comment: Option<String>) -> Self {
        Self { comment: comment.filter(|c| !c.is_empty()), ..self }
    }

    /// The names and values of the lines in order, as they are written.
    pub fn lines(&self) -> [(&'static str, String); 12] {
        let own = if self.allow_self { OWN } else { "" };
        let from: Vec<_> = self.from.iter().map(|p| visible(p, &[',', ';'])).collect();
        let values = [
            visible(&self.ledger, &[]),
            format!("{} {}", self.number, self.incident),
            format!("a{} {}", self.n, visible(&self.nonce, &[])),
            self.hash.to_string(),
            visible(&self.text, &[]),
            self.runbook.to_string(),
            format!("{} {}", self.head.seq, self.head.hash),
            visible(&self.proposer, &[]),
            visible(&self.approver, &[]),
            format!("{} of {}{own}", self.min, from.join(", ")),
            self.expires_at.to_string(),
            self.comment.as_deref().map(|c| visible(c, &[])).unwrap_or_default(),
        ];
        let mut values = values.into_iter();
        FIELDS.map(|name| (name, values.next().unwrap_or_default()))
    }

    /// The bytes that are signed.
    pub fn render(&self) -> String {
        let mut out = format!("{}\n", self.kind.first());
        for (name, value) in self.lines() {
            let _ = if value.is_empty() { writeln!(out, "{name}:") } else { writeln!(out, "{name}: {value}") };
        }
        out
    }

    /// Reads a text in its one form.
    ///
    /// # Errors
    /// The first line that is not as it must be.
    pub fn parse(text: &str) -> Result<Self, TextFault> {
        let fault = |line: usize, message: &str| Err(TextFault { line, message: message.to_owned() });
        if text.len() > LONGEST {
            return fault(1, "the text is too long to be an approval");
        }
        let mut lines = text.split('\n');
        let first = lines.next();
        let Some(kind) = [TextKind::Approval, TextKind::BreakGlass, TextKind::Review].into_iter().find(|k| first == Some(k.first())) else {
            return fault(1, "this is no `blotter-approval-v1`");
        };
        let mut values: Vec<String> = Vec::new();
        for (i, name) in FIELDS.iter().enumerate() {
            let line = lines.next().unwrap_or_default();
            let value = match line.strip_prefix(name).and_then(|rest| rest.strip_prefix(':')) {
                Some("") => "",
                Some(rest) if rest.len() > 1 && rest.starts_with(' ') => &rest[1..],
                _ => return Err(TextFault { line: i + 2, message: format!("expected `{name}: …`") }),
            };
            values.push(value.to_owned());
        }
        let read = Fields(&values).read(kind)?;
        let again = read.render();
        if again != text {
            let same = again.split('\n').zip(text.split('\n')).take_while(|(a, b)| a == b).count();
            return fault(same + 1, "not written in the one form");
        }
        Ok(read)
    }

    /// The first value in which `other` differs, with both; expiry and comment are the approver's own.
    pub fn differs(&self, other: &Self) -> Option<(&'static str, String, String)> {
        if self.kind != other.kind {
            return Some(("first line", self.kind.first().to_owned(), other.kind.first().to_owned()));
        }
        let own = ["expires", "comment"];
        let pairs = self.lines().into_iter().zip(other.lines());
        pairs.filter(|((name, _), _)| !own.contains(name)).find(|((_, a), (_, b))| a != b).map(|((name, a), (_, b))| (name, a, b))
    }
}

/// The values of the lines as read.
struct Fields<'a>(&'a [String]);

impl Fields<'_> {
    fn raw(&self, i: usize) -> &str {
        self.0.get(i).map_or("", String::as_str)
    }

    fn fault<T>(i: usize, what: &str) -> Result<T, TextFault> {
        Err(TextFault { line: i + 2, message: format!("`{}` is not {what}", FIELDS.get(i).unwrap_or(&"")) })
    }

    fn text(&self, i: usize) -> Result<String, TextFault> {
        match unvisible(self.raw(i)) {
            Some(text) => Ok(text),
            None => Self::fault(i, "readable: a backslash that means nothing"),
        }
    }

    fn parsed<T: std::str::FromStr>(i: usize, text: &str, what: &str) -> Result<T, TextFault> {
        text.parse().or_else(|_| Self::fault(i, what))
    }

    fn pair(&self, i: usize, between: &str, what: &str) -> Result<(&str, &str), TextFault> {
        self.raw(i).split_once(between).map_or_else(|| Self::fault(i, what), Ok)
    }

    fn read(&self, kind: TextKind) -> Result<ApprovalText, TextFault> {
        let (number, incident) = self.pair(1, " ", "a number and an id")?;
        let (n, nonce) = self.pair(2, " ", "a number and a nonce")?;
        let (seq, head) = self.pair(6, " ", "a number and a hash")?;
        let (min, from) = self.pair(9, " of ", "a number of persons")?;
        let (from, allow_self) = from.strip_suffix(OWN).map_or((from, false), |f| (f, true));
        let from: Option<Vec<String>> = from.split(", ").map(unvisible).collect();
        Ok(ApprovalText {
            kind,
            ledger: self.text(0)?,
            number: Self::parsed(1, number, "a number and an id")?,
            incident: IncidentId(Self::parsed(1, incident, "a number and an id")?),
            n: Self::parsed(2, n.strip_prefix('a').unwrap_or_default(), "a number and a nonce")?,
            nonce: unvisible(nonce).map_or_else(|| Self::fault(2, "a number and a nonce"), Ok)?,
            hash: Self::parsed(3, self.raw(3), "a hash")?,
            text: self.text(4)?,
            runbook: Self::parsed(5, self.raw(5), "a hash")?,
            head: Head { seq: Self::parsed(6, seq, "a number and a hash")?, hash: Self::parsed(6, head, "a number and a hash")? },
            proposer: self.text(7)?,
            approver: self.text(8)?,
            min: Self::parsed(9, min, "a number of persons")?,
            from: from.map_or_else(|| Self::fault(9, "a number of persons"), Ok)?,
            allow_self,
            expires_at: Self::parsed(10, self.raw(10), "an instant")?,
            comment: Some(self.text(11)?).filter(|c| !c.is_empty()),
        })
    }
}

/// Shows what cannot be seen, what turns the reading direction, a backslash, and `also` by number or doubled; a blank at
/// an end, too, since nobody sees it there. [`unvisible`] gives the text back.
fn visible(text: &str, also: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    let last = text.char_indices().last().map(|(i, _)| i);
    for (i, c) in text.char_indices() {
        let at_end = c == ' ' && (i == 0 || Some(i) == last);
        match c {
            '\\' => out.push_str("\\\\"),
            c if at_end || is_hidden(c) || also.contains(&c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

fn unvisible(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(i) = rest.find('\\') {
        out.push_str(&rest[..i]);
        rest = &rest[i + 1..];
        if let Some(after) = rest.strip_prefix('\\') {
            out.push('\\');
            rest = after;
        } else {
            let (digits, after) = rest.strip_prefix("u{")?.split_once('}')?;
            out.push(u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)?);
            rest = after;
        }
    }
    out.push_str(rest);
    Some(out)
}

/// Controls, and every character that is not seen, joins, or turns the text round.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(u32::from(c),
            0x00AD | 0x034F | 0x061C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
            | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFD
            | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE000..=0xF8FF | 0xE0000..=0xE0FFF | 0xF0000..=0x10FFFF)
}

/// What an `approval.granted` event keeps of a signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Signed {
    /// The text that was signed.
    pub text: String,
    /// The armored signature.
    pub signature: String,
    /// Fingerprint of the key, `SHA256:…`.
    pub key: String,
    /// The public key, as OpenSSH writes it.
    pub public: String,
    /// The approver's name in the list of signers.
    pub principal: String,
    /// Every id of the settings that stood for the one who holds the key, the approver's own included.
    pub persons: Vec<String>,
    /// SHA-256 of the list of signers that it was checked against.
    pub signers: Hash,
}

impl Signed {
    /// What an event's `signature` says; `None` when it is of a form that this build does not know.
    pub fn read(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok()
    }

    /// The form that an event keeps.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub fn to_value(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self)
    }
}

#[cfg(test)]
mod tests;
