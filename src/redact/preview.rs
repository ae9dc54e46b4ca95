//! What redaction would take out, told without telling it.

use super::{Counts, Redactor};

/// Bytes shown on either side of a place that was taken out.
const AROUND: usize = 48;

/// One place that redaction takes out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// 1-based line.
    pub line: u64,
    /// 1-based byte within the line.
    pub column: usize,
    /// The rule's name.
    pub rule: String,
    /// Bytes taken out.
    pub bytes: usize,
    /// What is left around it, on one line. Outside text: no secret is in it, anything else may be.
    pub shown: String,
}

impl Finding {
    /// A place in `text`.
    pub(super) fn at(text: &[u8], start: usize, bytes: usize, rule: &str, shown: String) -> Self {
        let line_start = text[..start].iter().rposition(|c| *c == b'\n').map_or(0, |n| n + 1);
        Self { line: newlines(&text[..start]) + 1, column: start - line_start + 1, rule: rule.to_owned(), bytes, shown }
    }

    /// The same place, when `before` (lines, and bytes of the last one) stands in front of the text.
    #[must_use]
    pub(super) fn after(mut self, before: (u64, usize)) -> Self {
        if self.line == 1 {
            self.column += before.1;
        }
        self.line += before.0;
        self
    }
}

pub(super) fn newlines(text: &[u8]) -> u64 {
    text.iter().filter(|c| **c == b'\n').map(|_| 1).sum()
}

impl Redactor {
    /// The name of the rule with this index.
    pub(super) fn name(&self, rule: usize) -> &str {
        &self.0.rules[rule].name
    }

    /// [`Redactor::redact_bytes`], with every place that it took out.
    pub(super) fn examine(&self, text: &[u8], counts: &mut Counts) -> (Vec<u8>, Vec<Finding>) {
        let mut clean = text.to_vec();
        // Each with where its placeholder stands in `clean`.
        let mut found: Vec<(usize, Finding)> = Vec::new();
        // As many looks as `redact_bytes` takes.
        for look in 0..4 {
            let spans = self.spans(&clean);
            if spans.is_empty() {
                break;
            }
            let next = self.replace(&clean, &spans, counts);
            let mut fresh = Vec::with_capacity(spans.len());
            let mut out = 0;
            let mut done = 0;
            for s in &spans {
                out += s.start - done;
                // A later look sees what the first one left; where that was in the text is near enough.
                let from = if look == 0 { text } else { &clean };
                fresh.push((out, Finding::at(from, s.start, s.end - s.start, self.name(s.rule), String::new())));
                out += super::placeholder(self.name(s.rule)).len();
                done = s.end;
            }
            for (at, _) in &mut found {
                let before = spans.iter().filter(|s| s.end <= *at);
                let (gone, put) = before.fold((0, 0), |(g, p), s| (g + s.end - s.start, p + super::placeholder(self.name(s.rule)).len()));
                *at = (*at + put).saturating_sub(gone);
            }
            found.extend(fresh);
            clean = next;
        }
        found.sort_by_key(|(_, f)| (f.line, f.column));
        let told = found.into_iter().map(|(at, f)| Finding { shown: around(&clean, at), ..f }).collect();
        (clean, told)
    }
}

/// The line around `at`, cut to what fits on one line.
fn around(clean: &[u8], at: usize) -> String {
    let at = at.min(clean.len());
    let start = clean[..at].iter().rposition(|c| *c == b'\n').map_or(0, |n| n + 1);
    let end = clean[at..].iter().position(|c| *c == b'\n').map_or(clean.len(), |n| at + n);
    let (from, to) = (start.max(at.saturating_sub(AROUND)), end.min(at + 2 * AROUND));
    let cut = |is_cut: bool| if is_cut { "…" } else { "" };
    format!("{}{}{}", cut(from > start), String::from_utf8_lossy(&clean[from..to]).trim(), cut(to < end))
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read as _};

    use super::*;

    fn preview(bytes: &[u8]) -> (Vec<Finding>, Counts) {
        let mut stream = Redactor::default().redact_stream(Cursor::new(bytes)).noting();
        let mut found = Vec::new();
        let mut sink = [0; 8192];
        while stream.read(&mut sink).unwrap() > 0 {
            found.extend(stream.findings());
        }
        found.extend(stream.findings());
        (found, stream.counts().clone())
    }

    #[test]
    fn each_place_is_told_by_line_and_rule_and_never_itself() {
        let text = "fine\nDB_PASSWORD=hunter2x then token=abc\n-----BEGIN PRIVATE KEY-----\nMIIE\nMIIF\n-----END PRIVATE KEY-----\nlast secret: s3cr3t\n";
        let (found, counts) = preview(text.as_bytes());
        let told: Vec<_> = found.iter().map(|f| (f.line, f.column, f.rule.as_str(), f.bytes)).collect();
        assert_eq!(told, [(2, 13, "assignment", 8), (2, 33, "assignment", 3), (3, 28, "private-key", 36), (7, 14, "assignment", 6)]);
        assert_eq!(found[0].shown, "DB_PASSWORD=[redacted:assignment] then token=[redacted:assignment]");
        assert_eq!(found[3].shown, "last secret: [redacted:assignment]");
        assert_eq!(counts.values().sum::<u64>(), 4);
        for f in &found {
            assert!(["hunter2", "abc", "MIIE", "s3cr3t"].iter().all(|s| !f.shown.contains(s)), "{f:?}");
        }
    }

    #[test]
    fn lines_are_counted_over_blocks_and_long_secrets() {
        let mut text = "a line of a log\n".repeat(40_000).into_bytes();
        text.extend_from_slice(b"password=p4ssword\n");
        text.extend_from_slice(b"token=");
        text.extend_from_slice(&b"Zq9".repeat(200_000));
        text.extend_from_slice(b" x\nsecret=abc\n");
        let (found, counts) = preview(&text);
        let told: Vec<_> = found.iter().map(|f| (f.line, f.column, f.rule.as_str())).collect();
        assert_eq!(told, [(40_001, 10, "assignment"), (40_002, 7, "assignment"), (40_003, 8, "assignment")]);
        assert_eq!(counts["assignment"], 3);
    }

    #[test]
    fn a_preview_takes_out_what_redaction_takes_out() {
        for text in ["password=a token=b", "x eyJhbGciOiJI.eyJzdWIiOiIx.x y", "Cookie: a=b; c=d", "nothing here", ""] {
            let (mut one, mut two) = (Counts::new(), Counts::new());
            let plain = Redactor::default().redact_bytes(text.as_bytes(), &mut one).into_owned();
            let (clean, found) = Redactor::default().examine(text.as_bytes(), &mut two);
            assert_eq!((clean, &one, found.len() as u64), (plain, &two, one.values().sum()), "{text}");
        }
    }
}
