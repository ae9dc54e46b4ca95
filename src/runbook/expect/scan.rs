//! Where an expression may be split: comparisons and booleans at depth 0.

use super::{EXPR_MAX, ExprFault};
use crate::runbook::model::Op;

/// Deepest nesting of brackets that is read.
const DEPTH_MAX: usize = 48;

/// What stands at depth 0.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Comparisons: start, end, which.
    pub(super) comparisons: Vec<(usize, usize, Op)>,
    /// `!`, `&&` or `||` stand there.
    pub(super) has_boolean: bool,
}

/// Finds what stands at depth 0; refuses what is too long, and brackets and quotes that do not close.
pub(super) fn scan(text: &str) -> Result<Marks, ExprFault> {
    if text.trim().is_empty() {
        return Err(ExprFault::new(0, "an expression is wanted, and there is none"));
    }
    if text.len() > EXPR_MAX {
        return Err(ExprFault::new(0, format!("an expression of {} bytes is longer than {EXPR_MAX}", text.len())));
    }
    let bytes = text.as_bytes();
    let mut marks = Marks::default();
    let mut open: Vec<(u8, usize)> = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        let (c, next) = (bytes[i], bytes.get(i + 1).copied());
        let top = open.is_empty();
        i = match c {
            b'\'' | b'"' | b'`' => quoted(bytes, i)?,
            b'(' | b'[' | b'{' => {
                open.push((c, i));
                if open.len() > DEPTH_MAX {
                    return Err(ExprFault::new(i, format!("brackets nest deeper than {DEPTH_MAX}")));
                }
                i + 1
            }
            b')' | b']' | b'}' => {
                let opens = open.pop().map(|(o, _)| o);
                if opens != Some(partner(c)) {
                    return Err(ExprFault::new(i, format!("`{}` closes nothing", c as char)));
                }
                i + 1
            }
            _ if !top => i + 1,
            b'=' if next == Some(b'=') => push(&mut marks, i, 2, Op::Eq),
            b'!' if next == Some(b'=') => push(&mut marks, i, 2, Op::Ne),
            b'<' if next == Some(b'=') => push(&mut marks, i, 2, Op::Le),
            b'>' if next == Some(b'=') => push(&mut marks, i, 2, Op::Ge),
            b'<' => push(&mut marks, i, 1, Op::Lt),
            b'>' => push(&mut marks, i, 1, Op::Gt),
            b'=' => {
                let hint = if next == Some(b'~') { "Write `matches` for a regular expression." } else { "Write `==` to compare." };
                return Err(ExprFault::new(i, "`=` is not a comparison").hint(hint));
            }
            b'!' => boolean(&mut marks, i, 1),
            b'&' if next == Some(b'&') => boolean(&mut marks, i, 2),
            b'|' if next == Some(b'|') => boolean(&mut marks, i, 2),
            c if c == b'_' || c.is_ascii_alphabetic() => word(text, i, &mut marks),
            _ => i + 1,
        };
    }
    match open.pop() {
        Some((c, at)) => Err(ExprFault::new(at, format!("`{}` is never closed", c as char))),
        None => Ok(marks),
    }
}

fn partner(close: u8) -> u8 {
    match close {
        b')' => b'(',
        b']' => b'[',
        _ => b'{',
    }
}

fn push(marks: &mut Marks, at: usize, len: usize, op: Op) -> usize {
    marks.comparisons.push((at, at + len, op));
    at + len
}

fn boolean(marks: &mut Marks, at: usize, len: usize) -> usize {
    marks.has_boolean = true;
    at + len
}

/// Skips a word; `contains` and `matches` between two operands are comparisons.
fn word(text: &str, at: usize, marks: &mut Marks) -> usize {
    let rest = &text[at..];
    let len = rest.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let op = match &rest[..len] {
        "contains" => Some(Op::Contains),
        "matches" => Some(Op::Matches),
        _ => None,
    };
    let before = &text[..at];
    let after = &rest[len..];
    let stands_between = before.ends_with(char::is_whitespace)
        && !before.trim().is_empty()
        && !before.trim_end().ends_with('.')
        && !after.trim_start().starts_with('(')
        && (after.is_empty() || after.starts_with(char::is_whitespace));
    match op {
        Some(op) if stands_between => push(marks, at, len, op),
        _ => at + len,
    }
}

/// The position after the quote that opens at `at`.
fn quoted(bytes: &[u8], at: usize) -> Result<usize, ExprFault> {
    let quote = bytes[at];
    let mut i = at + 1;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' => i += 2,
            c if c == quote => return Ok(i + 1),
            _ => i += 1,
        }
    }
    let name = match quote {
        b'`' => "a backtick",
        b'"' => "a double quote",
        _ => "a quote",
    };
    Err(ExprFault::new(at, format!("{name} is never closed")))
}
