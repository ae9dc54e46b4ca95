//! What is wrong with a runbook, where, and how it is said.
//!
//! Knows nothing of the language's rules; `parse` finds the faults, this module only words their place.

use std::fmt::Write as _;
use std::ops::Range;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The runbook cannot be used.
    Error,
    /// The runbook can be used, but probably does not say what its author meant.
    Warning,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One finding in a file that a person wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// 1-based line.
    pub line: usize,
    /// 1-based column, in characters.
    pub col: usize,
    /// Characters to underline, at least one; never past the end of the line.
    pub len: usize,
    /// What is wrong: a fragment in lower case.
    pub message: String,
    /// What to do about it: whole sentences.
    pub hint: Option<String>,
}

/// Collects findings of one text and turns byte ranges into lines and columns.
#[derive(Debug)]
pub struct Sink<'t> {
    text: &'t str,
    starts: Vec<usize>,
    found: Vec<Diagnostic>,
}

impl<'t> Sink<'t> {
    /// Begins with no findings.
    pub fn new(text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Self { text, starts, found: Vec::new() }
    }

    /// Adds an error.
    pub fn error(&mut self, at: Range<usize>, message: impl Into<String>, hint: Option<String>) {
        self.add(Severity::Error, at, message.into(), hint);
    }

    /// Adds a warning.
    pub fn warning(&mut self, at: Range<usize>, message: impl Into<String>, hint: Option<String>) {
        self.add(Severity::Warning, at, message.into(), hint);
    }

    /// The 1-based line of a byte offset.
    pub fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|s| *s <= offset)
    }

    /// Whether nothing worse than a warning was found.
    pub fn is_clean(&self) -> bool {
        self.found.iter().all(|d| d.severity == Severity::Warning)
    }

    /// All findings in the order of the text, without repetitions.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by(|a, b| (a.line, a.col, a.severity, &a.message).cmp(&(b.line, b.col, b.severity, &b.message)));
        self.found.dedup();
        self.found
    }

    fn add(&mut self, severity: Severity, at: Range<usize>, message: String, hint: Option<String>) {
        let start = floor(self.text, at.start);
        let line = self.line(start);
        let begin = self.starts[line - 1];
        let stop = self.text[begin..].find(['\n', '\r']).map_or(self.text.len(), |n| begin + n);
        let end = floor(self.text, at.end).clamp(start, stop.max(start));
        let col = self.text[begin..start].chars().count() + 1;
        let len = self.text[start..end].chars().count().max(1);
        self.found.push(Diagnostic { severity, line, col, len, message, hint });
    }
}

/// The nearest character boundary at or before `offset`.
fn floor(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Words a finding for a terminal: place and message, the line, a caret underline, the hint.
///
/// Control characters of the source never reach the terminal.
pub fn render(diagnostic: &Diagnostic, path: &str, source: &str) -> String {
    let Diagnostic { severity, line, col, len, message, hint } = diagnostic;
    let shown = source.split('\n').nth(line - 1).unwrap_or("").trim_end_matches('\r');
    let gutter = line.to_string();
    let blank = " ".repeat(gutter.len());
    let pad: String = shown.chars().take(col - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let carets = "^".repeat(*len);
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = writeln!(out, "{}:{line}:{col}: {severity}: {}", plain(path), plain(message));
    let _ = writeln!(out, "{blank} |");
    let _ = writeln!(out, "{gutter} | {}", plain(shown));
    let _ = writeln!(out, "{blank} | {pad}{carets}");
    if let Some(hint) = hint {
        let _ = writeln!(out, "{blank} = help: {}", plain(hint));
    }
    out
}

/// Outside text as a terminal may show it: every control character but the tab becomes U+FFFD.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// The candidate that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).max(1);
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .filter(|c| *c != word)
        .map(|c| (strsim::osa_distance(&lower, &c.to_lowercase()), c))
        .filter(|(distance, c)| *distance <= allowed || (word.len() > 2 && c.starts_with(&lower)))
        .min()
        .map(|(_, c)| c)
}

/// "Did you mean `x`?", or nothing.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|c| format!("Did you mean `{c}`?"))
}

/// "Did you mean `x`?", or "`what` are `a`, `b` and `c`.", or nothing where there are none or too many.
pub fn did_you_mean_or_list<'a>(word: &str, what: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let all: Vec<&str> = candidates.into_iter().collect();
    did_you_mean(word, all.iter().copied()).or_else(|| match all.as_slice() {
        [] => None,
        [one] => Some(format!("{what}: only `{one}`.")),
        all if all.len() > 16 => None,
        all => Some(format!("{what}: {}.", listed(all))),
    })
}

/// `` `a`, `b` and `c` ``
pub fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [front @ .., last] => format!("{} and `{last}`", front.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_shows_its_place() {
        let text = "one\n\tüber tiemout = 1\r\nthree";
        let at = text.find("tiemout").unwrap();
        let mut sink = Sink::new(text);
        sink.error(at..at + 7, "unknown key `tiemout`", did_you_mean("tiemout", ["timeout", "url"]));
        let found = sink.finish();
        assert_eq!((found[0].line, found[0].col, found[0].len), (2, 7, 7));
        assert_eq!(
            render(&found[0], "x.md", text),
            "x.md:2:7: error: unknown key `tiemout`\n  |\n2 | \tüber tiemout = 1\n  | \t     ^^^^^^^\n  = help: Did you mean `timeout`?\n"
        );
    }

    #[test]
    fn ranges_are_cut_to_their_line_and_to_the_text() {
        let text = "ab\ncd";
        let mut sink = Sink::new(text);
        sink.warning(1..5, "x", None);
        sink.error(9..12, "y", None);
        assert!(!sink.is_clean());
        let found = sink.finish();
        assert_eq!((found[0].line, found[0].col, found[0].len), (1, 2, 1));
        assert_eq!((found[1].line, found[1].col, found[1].len), (2, 3, 1));
        let empty = Sink::new("");
        assert_eq!(empty.line(0), 1);
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let text = "a\u{1b}[31mb";
        let mut sink = Sink::new(text);
        sink.error(0..1, "bad \u{7}", None);
        let shown = render(&sink.finish()[0], "x.md", text);
        assert!(!shown.contains(['\u{1b}', '\u{7}']), "{shown:?}");
    }

    #[test]
    fn suggestions_are_close_or_absent() {
        assert_eq!(nearest("tiemout", ["timeout", "url"]), Some("timeout"));
        assert_eq!(nearest("prob", ["probe", "verify"]), Some("probe"));
        assert_eq!(nearest("Probe", ["probe"]), Some("probe"));
        assert_eq!(nearest("zebra", ["probe", "url"]), None);
        assert_eq!(did_you_mean_or_list("zebra", "kinds", ["a1", "b1"]).as_deref(), Some("kinds: `a1` and `b1`."));
    }
}
