//! Rows for spreadsheets and auditors: CSV (RFC 4180) and JSON Lines.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula and runs it. Text that begins
//! so, or with a tab or line end before it, gets a `'` in front in CSV; JSON Lines have it as it is.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::record::time::Timestamp;

/// How rows are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Comma-separated, CRLF, with a line of names first.
    Csv,
    /// One JSON object on each line.
    JsonLines,
}

impl Format {
    /// How a file's name ends.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Anything in words.
    Text(Cow<'a, str>),
    /// A count.
    Whole(u64),
    /// A measurement.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// Nothing is known.
    Empty,
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(s: &'a str) -> Self {
        Self::Text(Cow::Borrowed(s))
    }
}

impl From<String> for Cell<'_> {
    fn from(s: String) -> Self {
        Self::Text(Cow::Owned(s))
    }
}

impl From<u64> for Cell<'_> {
    fn from(n: u64) -> Self {
        Self::Whole(n)
    }
}

impl From<f64> for Cell<'_> {
    fn from(n: f64) -> Self {
        Self::Number(n)
    }
}

impl From<bool> for Cell<'_> {
    fn from(b: bool) -> Self {
        Self::Flag(b)
    }
}

impl From<Timestamp> for Cell<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Text(Cow::Owned(at.to_string()))
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(x: Option<T>) -> Self {
        x.map_or(Self::Empty, Into::into)
    }
}

/// What stands before the first row.
pub fn head(format: Format, columns: &[&str]) -> String {
    match format {
        Format::Csv => columns.join(",") + "\r\n",
        Format::JsonLines => String::new(),
    }
}

/// One row; `columns` and `cells` go together.
pub fn row(format: Format, columns: &[&str], cells: &[Cell<'_>]) -> String {
    match format {
        Format::Csv => {
            let mut out = String::new();
            for (i, cell) in cells.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                csv(&mut out, cell);
            }
            out + "\r\n"
        }
        Format::JsonLines => {
            let map: Map<String, Value> = columns.iter().zip(cells).map(|(name, cell)| ((*name).to_owned(), json(cell))).collect();
            Value::Object(map).to_string() + "\n"
        }
    }
}

fn csv(out: &mut String, cell: &Cell<'_>) {
    let text = match cell {
        Cell::Text(t) => t,
        Cell::Whole(n) => return out.push_str(&n.to_string()),
        Cell::Number(n) => return out.push_str(&n.to_string()),
        Cell::Flag(b) => return out.push_str(if *b { "yes" } else { "no" }),
        Cell::Empty => return,
    };
    let is_formula = text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) || text.starts_with(['\t', '\r', '\n']);
    let guarded = if is_formula { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(&**text) };
    if guarded.contains(['"', ',', '\r', '\n']) || guarded.starts_with(' ') || guarded.ends_with(' ') {
        let _ = write!(out, "\"{}\"", guarded.replace('"', "\"\""));
    } else {
        out.push_str(&guarded);
    }
}

fn json(cell: &Cell<'_>) -> Value {
    match cell {
        Cell::Text(t) => Value::from(&**t),
        Cell::Whole(n) => Value::from(*n),
        Cell::Number(n) => Value::from(*n),
        Cell::Flag(b) => Value::from(*b),
        Cell::Empty => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> String {
        row(Format::Csv, &["a"], &[text.into()])
    }

    #[test]
    fn a_text_is_never_a_formula() {
        for raw in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =cmd|' /C calc'!A0", "=\"a\",b", "＝1"] {
            let cell = one(raw);
            let inner = cell.trim_end_matches("\r\n").trim_matches('"');
            assert!(inner.starts_with('\''), "{raw:?} became {cell:?}");
        }
        assert_eq!(row(Format::Csv, &["a", "b"], &[Cell::Number(-1.5), Cell::Whole(2)]), "-1.5,2\r\n");
    }

    #[test]
    fn quotes_commas_and_lines_stay_in_their_cell() {
        assert_eq!(one("a \"b\", c\nd"), "\"a \"\"b\"\", c\nd\"\r\n");
        assert_eq!(one("plain"), "plain\r\n");
        assert_eq!(row(Format::Csv, &["a", "b", "c"], &[Cell::Empty, true.into(), Cell::from(None::<u64>)]), ",yes,\r\n");
        assert_eq!(head(Format::Csv, &["a", "b"]), "a,b\r\n");
    }

    #[test]
    fn json_lines_have_values_as_they_are() {
        let line =
            row(Format::JsonLines, &["t", "n", "x", "f", "e"], &["=1\n".into(), 7_u64.into(), 1.5.into(), false.into(), Cell::Empty]);
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read, serde_json::json!({"t": "=1\n", "n": 7, "x": 1.5, "f": false, "e": null}));
        assert!(line.ends_with("}\n") && line.matches('\n').count() == 1);
    }
}
