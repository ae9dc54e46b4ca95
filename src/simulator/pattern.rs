//! Filter patterns of CloudWatch Logs, as far as they are simulated: terms, `?any`, `"phrases"`, `-not`.

/// A pattern, read. Matching is by case-sensitive substring.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Pattern {
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
}

impl Pattern {
    /// Reads a pattern; `None` when CloudWatch would call it invalid, or when it is of a kind not simulated (JSON, regex).
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut pattern = Self::default();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let (list, body) = match first {
                '?' => (&mut pattern.any, &rest[1..]),
                '-' => (&mut pattern.none, &rest[1..]),
                _ => (&mut pattern.all, rest),
            };
            let (term, after) = match body.strip_prefix('"') {
                Some(quoted) => phrase(quoted)?,
                None => word(body)?,
            };
            list.push(term);
            rest = after.trim_start();
        }
        Some(pattern)
    }

    /// Whether a message matches. `?terms` count only when no other term must be there, as AWS documents it.
    pub(super) fn matches(&self, message: &str) -> bool {
        let has = |term: &String| message.contains(term.as_str());
        let wanted = if self.all.is_empty() { self.any.is_empty() || self.any.iter().any(has) } else { self.all.iter().all(has) };
        wanted && !self.none.iter().any(has)
    }
}

/// A quoted phrase without its opening quote; `\"` and `\\` are escapes.
fn phrase(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, &text[at + 1..])),
            '\\' => out.push(chars.next()?.1),
            c => out.push(c),
        }
    }
    None
}

/// A bare term: letters, digits and `_`; anything else must stand in quotes.
fn word(text: &str) -> Option<(String, &str)> {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (term, rest) = text.split_at(end);
    let bare = !term.is_empty() && term.chars().all(|c| c.is_alphanumeric() || c == '_');
    bare.then(|| (term.to_owned(), rest))
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn patterns_match_as_documented() {
        let cases = [
            ("", "anything", true),
            ("ERROR", "2026 ERROR x", true),
            ("ERROR", "2026 error x", false),
            ("ERROR timeout", "ERROR: timeout of 3 s", true),
            ("ERROR timeout", "ERROR: refused", false),
            ("?ERROR ?WARN", "WARN slow", true),
            ("?ERROR ?WARN", "INFO fine", false),
            ("\"Task timed out\"", "x Task timed out after", true),
            ("\"Task timed out\"", "Task had timed out", false),
            ("ERROR -ignored", "ERROR ignored", false),
            ("-DEBUG", "INFO", true),
            ("?\"duck.cert_issued\" ?\"ses:\"", "ses: refused", true),
            ("\"a \\\"b\\\"\"", "say a \"b\"", true),
            ("ERROR ?WARN", "WARN only", false),
        ];
        for (pattern, message, wanted) in cases {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(message), wanted, "{pattern} on {message}");
        }
    }

    #[test]
    fn what_cloudwatch_refuses_is_refused() {
        for pattern in ["duck.cert", "\"open", "{ $.level = \"ERROR\" }", "a-b", "?"] {
            assert_eq!(Pattern::parse(pattern), None, "{pattern}");
        }
    }
}
