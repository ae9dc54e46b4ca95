//! Takes secrets out of outside text before it is kept.
//!
//! Works on bytes, so that text which is not UTF-8 is not a way around it. Replaces each secret by
//! `[redacted:RULE]`, leaves everything else byte for byte, and redacting twice changes nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, OnceLock};

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use serde_json::{Map, Value};

mod keys;
mod preview;
mod rules;
mod stream;

pub use preview::Finding;
pub use stream::RedactStream;

/// Longest text, in bytes, that is looked through for words before the set of all rules is asked.
const SHORT: usize = 1024;

/// How many places each rule took out.
pub type Counts = BTreeMap<String, u64>;

/// A pattern of the person's own: a name and a regular expression. Where it has groups, the first group that
/// took part is the secret; otherwise the whole match is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Lower-case letters, digits and dashes; shown in `[redacted:NAME]`.
    pub name: String,
    /// A regular expression in Rust's syntax.
    pub regex: String,
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// The name would not be legible inside the brackets.
    #[error("`{0}` is no name for a redaction rule (lower-case letters, digits and dashes)")]
    Name(String),
    /// It does not compile.
    #[error("redaction rule `{name}`: {detail}")]
    Regex {
        /// The rule's name.
        name: String,
        /// What the regular expression engine says.
        detail: String,
    },
    /// It matches the empty text, so it would match everywhere.
    #[error("redaction rule `{0}` matches the empty text")]
    Empty(String),
    /// Each is well by itself, but not all of them in one.
    #[error("the redaction rules together are too large: {0}")]
    TooLarge(String),
}

/// The rules, compiled at first use; cheap to clone.
#[derive(Clone, Debug)]
pub struct Redactor(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    rules: Vec<Rule>,
    set: OnceLock<RegexSet>,
}

#[derive(Debug)]
struct Rule {
    name: Cow<'static, str>,
    /// Every match has one of these in it, in small or capital letters; empty where none are known.
    words: &'static [&'static str],
    text: Cow<'static, str>,
    /// Built-in patterns are ASCII; a person's own may name any letter.
    unicode: bool,
    /// Says of a match whether it is one after all.
    accept: fn(&rules::Hit<'_>) -> bool,
    regex: OnceLock<Regex>,
}

impl Rule {
    fn regex(&self) -> &Regex {
        self.regex.get_or_init(|| {
            let built = RegexBuilder::new(&self.text).unicode(self.unicode).build();
            built.unwrap_or_else(|_| unreachable!("every pattern was compiled or tested before it came here"))
        })
    }
}

/// One place to take out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    /// The secret.
    start: usize,
    end: usize,
    /// The whole match, with the words around the secret by which it was known.
    from: usize,
    to: usize,
    rule: usize,
}

impl Default for Redactor {
    /// The built-in rules, shared by all who ask.
    fn default() -> Self {
        static BUILT_IN: OnceLock<Redactor> = OnceLock::new();
        BUILT_IN.get_or_init(|| Self::with(rules::built_in())).clone()
    }
}

impl Redactor {
    /// The built-in rules, and `extra` ones after them.
    pub fn new(extra: &[Pattern]) -> Result<Self, BadPattern> {
        if extra.is_empty() {
            return Ok(Self::default());
        }
        let mut all = rules::built_in();
        for pattern in extra {
            all.push(own(pattern)?);
        }
        let set = build_set(&all).map_err(|e| BadPattern::TooLarge(e.to_string().replace('\n', " ")))?;
        Ok(Self(Arc::new(Compiled { rules: all, set: OnceLock::from(set) })))
    }

    fn with(rules: Vec<Rule>) -> Self {
        Self(Arc::new(Compiled { rules, set: OnceLock::new() }))
    }

    /// The names of all rules, in order.
    pub fn names(&self) -> Vec<&str> {
        self.0.rules.iter().map(|r| r.name.as_ref()).collect()
    }

    /// The regular expressions of all rules, in order; the built-in ones want `(?-u)`.
    pub fn patterns(&self) -> Vec<&str> {
        self.0.rules.iter().map(|r| r.text.as_ref()).collect()
    }

    /// Takes the secrets out of bytes that need not be UTF-8.
    pub fn redact_bytes<'a>(&self, text: &'a [u8], counts: &mut Counts) -> Cow<'a, [u8]> {
        let mut text = Cow::Borrowed(text);
        // What one rule leaves may be what another one looks for; in practice the second look finds nothing.
        for _ in 0..4 {
            let spans = self.spans(&text);
            if spans.is_empty() {
                break;
            }
            text = Cow::Owned(self.replace(&text, &spans, counts));
        }
        text
    }

    /// Takes the secrets out of a text.
    pub fn redact_text<'a>(&self, text: &'a str, counts: &mut Counts) -> Cow<'a, str> {
        match self.redact_bytes(text.as_bytes(), counts) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(broken) => String::from_utf8_lossy(broken.as_bytes()).into_owned(),
            }),
        }
    }

    /// Takes the secrets out of every text in `value`, and everything that stands under a key such as `password`.
    pub fn redact_value(&self, value: &mut Value) -> Counts {
        // An answer has many texts.
        self.set();
        let mut counts = Counts::new();
        self.value(value, &mut counts);
        counts
    }

    /// Wraps `reader`: the same bytes without the secrets, in flat memory.
    pub fn redact_stream<R: Read>(&self, reader: R) -> RedactStream<R> {
        RedactStream::new(self.clone(), reader)
    }

    fn value(&self, value: &mut Value, counts: &mut Counts) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(clean) = self.redact_text(text, counts) {
                    *text = clean;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|v| self.value(v, counts)),
            Value::Object(members) => self.members(members, counts),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn members(&self, members: &mut Map<String, Value>, counts: &mut Counts) {
        for (key, value) in members.iter_mut() {
            match keys::rule_of(key) {
                Some(rule) => blank(value, rule, counts),
                None => self.value(value, counts),
            }
        }
        let telling: Vec<String> = members.keys().filter(|k| !self.spans(k.as_bytes()).is_empty()).cloned().collect();
        for key in telling {
            let Some(value) = members.remove(&key) else { continue };
            let clean = self.redact_text(&key, counts).into_owned();
            let mut free = clean.clone();
            let mut n = 2;
            while members.contains_key(&free) {
                free = format!("{clean} {n}");
                n += 1;
            }
            members.insert(free, value);
        }
    }

    fn set(&self) -> &RegexSet {
        let built = || build_set(&self.0.rules).unwrap_or_else(|_| unreachable!("the built-in rules compile together"));
        self.0.set.get_or_init(built)
    }

    /// Whether any rule may have something to do with `text`.
    fn may_hold_secrets(&self, text: &[u8]) -> bool {
        self.set().is_match(text)
    }

    /// Whether a short text has none of the words without which no rule matches.
    fn has_no_word(&self, text: &[u8]) -> bool {
        let Some(text) = std::str::from_utf8(text).ok().filter(|t| t.len() <= SHORT) else { return false };
        let lower = text.to_ascii_lowercase();
        self.0.rules.iter().all(|r| !r.words.is_empty() && !r.words.iter().any(|w| lower.contains(w)))
    }

    /// The places to take out: in order, and no two overlap.
    fn spans(&self, text: &[u8]) -> Vec<Span> {
        let mut found = Vec::new();
        // For a note alone the set is not built, which takes far longer than looking for words; once built it is faster.
        if self.0.set.get().is_none() && self.has_no_word(text) {
            return found;
        }
        for n in self.set().matches(text).into_iter() {
            self.spans_of(n, text, &mut found);
        }
        found.sort_by_key(|s| (s.start, s.rule));
        let mut merged: Vec<Span> = Vec::with_capacity(found.len());
        for span in found {
            match merged.last_mut() {
                Some(last) if span.start < last.end => {
                    last.end = last.end.max(span.end);
                    last.from = last.from.min(span.from);
                    last.to = last.to.max(span.to);
                    last.rule = last.rule.min(span.rule);
                }
                _ => merged.push(span),
            }
        }
        // Two overlapping secrets may together be a placeholder again; that one is done.
        merged.retain(|s| !is_placeholder(&text[s.start..s.end]));
        merged
    }

    fn spans_of(&self, n: usize, text: &[u8], found: &mut Vec<Span>) {
        let rule = &self.0.rules[n];
        for captures in rule.regex().captures_iter(text) {
            let Some(whole) = captures.get(0) else { continue };
            let secret = captures.iter().skip(1).flatten().next().unwrap_or(whole);
            let (start, end) = trim_placeholder(text, secret.start(), secret.end());
            let hit = rules::Hit { text, from: whole.start(), secret: &text[start..end] };
            if start < end && !is_placeholder(hit.secret) && (rule.accept)(&hit) {
                found.push(Span { start, end, from: whole.start(), to: whole.end(), rule: n });
            }
        }
    }

    fn replace(&self, text: &[u8], spans: &[Span], counts: &mut Counts) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        let mut done = 0;
        for span in spans {
            out.extend_from_slice(&text[done..span.start]);
            out.extend_from_slice(self.placeholder(span.rule, counts).as_bytes());
            done = span.end;
        }
        out.extend_from_slice(&text[done..]);
        out
    }

    fn placeholder(&self, rule: usize, counts: &mut Counts) -> String {
        let name = self.0.rules[rule].name.as_ref();
        count(counts, name);
        placeholder(name)
    }
}

/// One set with one syntax: a person's patterns need Unicode, the built-in ones do without.
fn build_set(rules: &[Rule]) -> Result<RegexSet, regex::Error> {
    let texts = rules.iter().map(|r| if r.unicode { r.text.to_string() } else { format!("(?-u:{})", r.text) });
    RegexSetBuilder::new(texts).size_limit(64 << 20).build()
}

fn own(pattern: &Pattern) -> Result<Rule, BadPattern> {
    let legible = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if pattern.name.is_empty() || !pattern.name.chars().all(legible) {
        return Err(BadPattern::Name(pattern.name.clone()));
    }
    let regex = Regex::new(&pattern.regex)
        .map_err(|e| BadPattern::Regex { name: pattern.name.clone(), detail: e.to_string().replace('\n', " ") })?;
    if regex.is_match(b"") {
        return Err(BadPattern::Empty(pattern.name.clone()));
    }
    Ok(Rule {
        name: Cow::Owned(pattern.name.clone()),
        words: &[],
        text: Cow::Owned(pattern.regex.clone()),
        unicode: true,
        accept: |_| true,
        regex: OnceLock::from(regex),
    })
}

/// Everything under a telling key goes, however deep; what is empty, true or false tells nothing.
fn blank(value: &mut Value, rule: &str, counts: &mut Counts) {
    match value {
        Value::String(text) if text.is_empty() || is_placeholder(text.as_bytes()) => {}
        Value::String(_) | Value::Number(_) => {
            count(counts, rule);
            *value = Value::String(placeholder(rule));
        }
        Value::Array(items) => items.iter_mut().for_each(|v| blank(v, rule, counts)),
        Value::Object(members) => members.values_mut().for_each(|v| blank(v, rule, counts)),
        Value::Null | Value::Bool(_) => {}
    }
}

fn count(counts: &mut Counts, rule: &str) {
    *counts.entry(rule.to_owned()).or_default() += 1;
}

fn placeholder(rule: &str) -> String {
    format!("[redacted:{rule}]")
}

/// Whether this is exactly one placeholder.
fn is_placeholder(text: &[u8]) -> bool {
    let inner = text.strip_prefix(b"[redacted:").and_then(|t| t.strip_suffix(b"]"));
    inner.is_some_and(|name| !name.is_empty() && name.iter().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == b'-'))
}

/// A secret that was taken out already does not make what stands before or behind it one.
fn trim_placeholder(text: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    const OPEN: &[u8] = b"[redacted:";
    while text[start..end].starts_with(OPEN) {
        let Some(close) = text[start..end].iter().position(|c| *c == b']') else { break };
        if close + 1 == end - start || !is_placeholder(&text[start..=start + close]) {
            break;
        }
        start += close + 1;
    }
    while end > start && text[end - 1] == b']' {
        let Some(open) = text[start..end].windows(OPEN.len()).rposition(|w| w == OPEN) else { break };
        if open == 0 || !is_placeholder(&text[start + open..end]) {
            break;
        }
        end = start + open;
    }
    (start, end)
}

#[cfg(test)]
mod tests;
