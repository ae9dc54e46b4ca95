//! Reading a block's TOML by hand, so that every fault is found and every fault has a place.
//!
//! Knows types and keys, not what they mean.

use std::ops::Range;

use serde_json::{Map, Number, Value};
use toml::de::{DeTable, DeValue};

use super::names::Names;
use crate::runbook::diagnostic::{Sink, did_you_mean, listed};
use crate::runbook::kinds::{self, duration_ms};

/// What the whole walk shares.
#[derive(Debug)]
pub(super) struct Cx<'t> {
    pub(super) text: &'t str,
    pub(super) sink: Sink<'t>,
    pub(super) names: Names,
}

impl Cx<'_> {
    pub(super) fn error(&mut self, at: &Range<usize>, message: impl Into<String>, hint: Option<String>) {
        self.sink.error(at.clone(), message, hint);
    }
}

/// A value with its key and its place in the file.
#[derive(Clone, Debug)]
pub(super) struct Item<'b, 't> {
    pub(super) key: &'b str,
    pub(super) key_at: Range<usize>,
    pub(super) value: &'b DeValue<'t>,
    pub(super) at: Range<usize>,
    base: usize,
}

impl<'b, 't> Item<'b, 't> {
    /// The elements of a list; nothing for anything else.
    pub(super) fn elements(&self) -> Vec<Self> {
        let list = self.value.as_array().map(|a| a.iter().collect::<Vec<_>>()).unwrap_or_default();
        list.into_iter()
            .map(|v| Self {
                key: self.key,
                key_at: self.key_at.clone(),
                value: v.get_ref(),
                at: shift(v.span(), self.base),
                base: self.base,
            })
            .collect()
    }

    /// The entries of a table in the file's order; nothing for anything else.
    pub(super) fn entries(&self) -> Vec<Self> {
        self.value.as_table().map(|t| entries(t, self.base)).unwrap_or_default()
    }

    /// The table behind this value, for reading key by key. `what` names it in messages.
    pub(super) fn keys(&self, cx: &mut Cx<'_>, what: &str) -> Option<Keys<'b, 't>> {
        match self.value.as_table() {
            Some(table) => Some(Keys::new(what, table, self.base, self.at.clone())),
            None => {
                self.mistyped(cx, "a table");
                None
            }
        }
    }

    /// Says that the value is not what it must be.
    pub(super) fn mistyped(&self, cx: &mut Cx<'_>, wanted: &str) {
        let is = type_of(self.value);
        cx.error(&self.at, format!("`{}` must be {wanted}; this is {is}", self.key), None);
    }

    /// A text that is not empty.
    pub(super) fn text(&self, cx: &mut Cx<'_>) -> Option<String> {
        match self.value.as_str() {
            Some(t) if !t.trim().is_empty() => Some(t.to_owned()),
            Some(_) => {
                cx.error(&self.at, format!("`{}` is empty", self.key), None);
                None
            }
            None => {
                self.mistyped(cx, "a text");
                None
            }
        }
    }

    /// A duration in milliseconds.
    pub(super) fn duration(&self, cx: &mut Cx<'_>) -> Option<u64> {
        let ms = self.value.as_str().and_then(duration_ms);
        if ms.is_none() {
            let wanted = kinds::Shape::Duration.describe();
            match self.value.as_str() {
                Some(t) => cx.error(&self.at, format!("`{t}` is not {wanted}"), None),
                None => self.mistyped(cx, &wanted),
            }
        }
        ms
    }

    /// `true` or `false`.
    pub(super) fn bool(&self, cx: &mut Cx<'_>) -> Option<bool> {
        let b = self.value.as_bool();
        if b.is_none() {
            self.mistyped(cx, "`true` or `false`");
        }
        b
    }

    /// A whole number within bounds.
    pub(super) fn int(&self, cx: &mut Cx<'_>, low: u32, high: u32) -> Option<u32> {
        let n = self.value.as_integer().and_then(|i| u32::from_str_radix(i.as_str(), i.radix()).ok());
        let n = n.filter(|n| (low..=high).contains(n));
        if n.is_none() {
            match self.value.as_integer() {
                Some(i) => cx.error(&self.at, format!("`{}` must be from {low} to {high}, not {i}", self.key), None),
                None => self.mistyped(cx, &format!("a whole number from {low} to {high}")),
            }
        }
        n
    }

    /// A list; says so where it is something else.
    pub(super) fn list(&self, cx: &mut Cx<'_>) -> Vec<Self> {
        if self.value.as_array().is_none() {
            let hint = self.value.as_str().map(|_| format!("Put it in brackets: `{} = [{}]`.", self.key, &cx.text[self.at.clone()]));
            cx.error(&self.at, format!("`{}` must be a list; this is {}", self.key, type_of(self.value)), hint);
        }
        self.elements()
    }

    /// A list of something; says so where it is empty or something else.
    pub(super) fn filled(&self, cx: &mut Cx<'_>) -> Vec<Self> {
        let list = self.list(cx);
        if list.is_empty() && self.value.is_array() {
            cx.error(&self.at, format!("`{}` is an empty list", self.key), None);
        }
        list
    }

    /// A list of texts.
    pub(super) fn texts(&self, cx: &mut Cx<'_>) -> Vec<(String, Range<usize>)> {
        self.filled(cx).into_iter().filter_map(|i| Some((i.text(cx)?, i.at))).collect()
    }

    /// One of a few words.
    pub(super) fn choice(&self, cx: &mut Cx<'_>, what: &str, of: &[&str]) -> Option<String> {
        let word = self.text(cx)?;
        if of.contains(&word.as_str()) {
            return Some(word);
        }
        let all = format!("It is one of {}.", listed(of));
        let hint = did_you_mean(&word, of.iter().copied()).unwrap_or(all);
        cx.error(&self.at, format!("unknown {what} `{word}`"), Some(hint));
        None
    }

    /// Whether the key is written without quotes.
    pub(super) fn is_bare(&self, cx: &Cx<'_>) -> bool {
        !cx.text[self.key_at.clone()].starts_with(['"', '\''])
    }

    /// The value as JSON.
    pub(super) fn json(&self) -> Value {
        json(self.value)
    }

    /// Where byte `offset` of this text's value stands in the file, up to the end of the word or quotation there.
    pub(super) fn inside(&self, cx: &Cx<'_>, offset: usize) -> Range<usize> {
        let raw = &cx.text[self.at.clone()];
        let start = self.at.start + raw_offset(raw, offset);
        let end = self.at.end.max(start);
        let rest = &cx.text[start..end];
        let quoted = ['\'', '`'].iter().find(|q| rest.starts_with(**q)).and_then(|q| rest[1..].find(*q)).map(|n| n + 2);
        let word = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))).unwrap_or(rest.len());
        let word = quoted.unwrap_or(word);
        start..start + word.max(rest.chars().next().map_or(0, char::len_utf8))
    }
}

/// Tables into which keys of the block itself fall when they are written after the table's header.
const TABLES: [&str; 6] = ["vars", "aws", "headers", "dimensions", "readings", "select"];

/// A table that is read key by key; what nobody asked for is unknown.
#[derive(Debug)]
pub(super) struct Keys<'b, 't> {
    /// E.g. ``a `http` probe``.
    pub(super) what: String,
    /// Where to report what is missing.
    pub(super) whole: Range<usize>,
    table: &'b DeTable<'t>,
    base: usize,
    asked: Vec<&'static str>,
}

impl<'b, 't> Keys<'b, 't> {
    pub(super) fn new(what: &str, table: &'b DeTable<'t>, base: usize, whole: Range<usize>) -> Self {
        Self { what: what.to_owned(), whole, table, base, asked: Vec::new() }
    }

    /// The value of a key that may be absent.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Item<'b, 't>> {
        self.asked.push(key);
        self.peek(key)
    }

    /// The same, without making the key a known one.
    pub(super) fn peek(&self, key: &str) -> Option<Item<'b, 't>> {
        let (k, v) = self.table.iter().find(|(k, _)| k.get_ref().as_ref() == key)?;
        Some(item(k, v, self.base))
    }

    /// The value of a key that must be there.
    ///
    /// Silent where the key stands in one of the block's tables: that it fell in there is said at its place.
    pub(super) fn need(&mut self, cx: &mut Cx<'_>, key: &'static str) -> Option<Item<'b, 't>> {
        let found = self.get(key);
        let fell = || TABLES.iter().filter_map(|t| self.peek(t)).any(|t| t.entries().iter().any(|e| e.key == key && e.is_bare(cx)));
        if found.is_none() && !fell() {
            self.missing(cx, key, None);
        }
        found
    }

    /// Makes the keys of every kind known ones: without a kind nobody can say which of them are wrong.
    pub(super) fn allow_all_kinds(&mut self) {
        let all = kinds::PROBES.iter().chain(kinds::ACTIONS).flat_map(|k| k.keys);
        self.asked.extend(all.map(|k| k.name));
    }

    /// Says that a key is missing.
    pub(super) fn missing(&self, cx: &mut Cx<'_>, key: &str, hint: Option<String>) {
        cx.error(&self.whole, format!("{} needs `{key}`", self.what), hint);
    }

    /// Reports every key that nobody asked for. `outer` are the keys of the block around this table;
    /// `elsewhere` may know better than "did you mean".
    pub(super) fn finish(self, cx: &mut Cx<'_>, outer: &[&str], elsewhere: &dyn Fn(&str) -> Option<String>) {
        for e in entries(self.table, self.base) {
            if self.asked.contains(&e.key) {
                continue;
            }
            if outer.contains(&e.key) {
                fell_into(cx, &e, &self.what, false);
                continue;
            }
            let known = || {
                let mut all = self.asked.clone();
                all.sort_unstable();
                all.dedup();
                Some(format!("Known keys are {}.", listed(&all))).filter(|_| (1..=16).contains(&all.len()))
            };
            // Where a key of exactly that name belongs is surer than what it resembles.
            let hint = elsewhere(e.key).or_else(|| did_you_mean(e.key, self.asked.iter().copied())).or_else(known);
            cx.error(&e.key_at, format!("unknown key `{}` in {}", e.key, self.what), hint);
        }
    }
}

/// Says that a key stands behind a table header and so belongs to that table.
pub(super) fn fell_into(cx: &mut Cx<'_>, e: &Item<'_, '_>, table: &str, may_be_quoted: bool) {
    let or = if may_be_quoted { ", or in quotes if it is meant to be there" } else { "" };
    let hint = format!("A key that follows a table header belongs to that table. Write `{}` above it{or}.", e.key);
    cx.error(&e.key_at, format!("`{}` falls into {table}", e.key), Some(hint));
}

/// A table's entries in the file's order.
pub(super) fn entries<'b, 't>(table: &'b DeTable<'t>, base: usize) -> Vec<Item<'b, 't>> {
    let mut all: Vec<_> = table.iter().map(|(k, v)| item(k, v, base)).collect();
    all.sort_by_key(|i| i.key_at.start);
    all
}

fn item<'b, 't>(key: &'b toml::Spanned<toml::de::DeString<'t>>, value: &'b toml::Spanned<DeValue<'t>>, base: usize) -> Item<'b, 't> {
    Item { key: key.get_ref().as_ref(), key_at: shift(key.span(), base), value: value.get_ref(), at: shift(value.span(), base), base }
}

fn shift(r: Range<usize>, base: usize) -> Range<usize> {
    r.start + base..r.end + base
}

/// What a person calls the type of a value.
pub(super) fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A TOML value as JSON; dates become text, numbers that JSON cannot hold null.
fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(s) => Value::String(s.to_string()),
        DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix()).map_or(Value::Null, Value::from),
        DeValue::Float(f) => f.as_str().parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number),
        DeValue::Boolean(b) => Value::Bool(*b),
        DeValue::Datetime(d) => Value::String(d.to_string()),
        DeValue::Array(a) => a.iter().map(|v| json(v.get_ref())).collect(),
        DeValue::Table(t) => Value::Object(t.iter().map(|(k, v)| (k.get_ref().to_string(), json(v.get_ref()))).collect::<Map<_, _>>()),
    }
}

/// Finds what TOML allows and JSON, or other readers of TOML 1.0, do not.
pub(super) fn check_values(cx: &mut Cx<'_>, item: &Item<'_, '_>) {
    const MOST: i128 = 1 << 53;
    match item.value {
        DeValue::Integer(i) => {
            let n = i128::from_str_radix(i.as_str(), i.radix());
            if n.map_or(true, |n| n.abs() > MOST) {
                let hint = "Write it as a text.".to_owned();
                cx.error(&item.at, format!("`{}` is above 2^53, where JSON numbers stop being exact", item.key), Some(hint));
            }
        }
        DeValue::Float(f) if !f.as_str().parse::<f64>().is_ok_and(f64::is_finite) => {
            cx.error(&item.at, format!("`{}` is not a number that JSON can hold", item.key), None);
        }
        DeValue::Array(_) => item.elements().iter().for_each(|e| check_values(cx, e)),
        DeValue::Table(_) => {
            let raw = &cx.text[item.at.clone()];
            if raw.starts_with('{') && spans_lines(item, raw) {
                let hint = format!("TOML 1.0 knows no such thing; use a table `[{}]`.", item.key);
                cx.error(&item.at, "an inline table that spans lines", Some(hint));
            }
            item.entries().iter().for_each(|e| check_values(cx, e));
        }
        _ => {}
    }
}

/// Whether an inline table has a line break outside its values.
fn spans_lines(item: &Item<'_, '_>, raw: &str) -> bool {
    let values: Vec<_> = item.entries().into_iter().map(|e| e.at).collect();
    raw.match_indices('\n').any(|(i, _)| !values.iter().any(|v| v.contains(&(item.at.start + i))))
}

/// Where byte `offset` of a TOML string's value stands in its raw text.
fn raw_offset(raw: &str, offset: usize) -> usize {
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|q| raw.starts_with(q)).unwrap_or("");
    let mut at = quote.len();
    if quote.len() == 3 {
        at += raw[at..].strip_prefix("\r\n").map(|_| 2).or_else(|| raw[at..].strip_prefix('\n').map(|_| 1)).unwrap_or(0);
    }
    let escapes = quote.starts_with('"');
    let mut seen = 0;
    while seen < offset {
        let Some(c) = raw[at..].chars().next() else { break };
        if c == '\\' && escapes {
            let (raw_len, len) = escape(&raw[at..]);
            at += raw_len;
            seen += len;
        } else {
            at += c.len_utf8();
            seen += c.len_utf8();
        }
    }
    at.min(raw.len().saturating_sub(quote.len()))
}

/// Raw length and decoded length of the escape that `raw` begins with.
fn escape(raw: &str) -> (usize, usize) {
    let digits = match raw[1..].chars().next() {
        Some('u') => 4,
        Some('U') => 8,
        Some('x') => 2,
        Some(c) if c.is_whitespace() => return (1 + raw[1..].len() - raw[1..].trim_start().len(), 0),
        Some(c) => return (1 + c.len_utf8(), 1),
        None => return (1, 0),
    };
    let code = raw.get(2..2 + digits).and_then(|h| u32::from_str_radix(h, 16).ok()).and_then(char::from_u32);
    ((2 + digits).min(raw.len()), code.map_or(1, char::len_utf8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_in_strings_survive_quotes_and_escapes() {
        for (raw, offset, rest) in [
            (r#""abc""#, 1, r#"bc""#),
            ("'abc'", 2, "c'"),
            ("\"\"\"\nabc\"\"\"", 1, "bc\"\"\""),
            (r#""a\"bc""#, 2, r#"bc""#),
            (r#""\u00fcbc""#, 2, r#"bc""#),
            (r#""ab""#, 99, r#"""#),
            ("\"\"\"a\\\n   b\"\"\"", 1, "\\\n   b\"\"\""),
        ] {
            assert_eq!(&raw[raw_offset(raw, offset)..], rest, "{raw}");
        }
    }
}
