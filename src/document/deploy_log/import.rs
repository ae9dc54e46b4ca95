//! Reads a deploy log that people kept by hand: Markdown tables and lists.
//!
//! Nothing is guessed. A row is read whole or named with its line and why not; prose is passed over.

use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use regex::Regex;

use crate::record::event::{DeployRecorded, DeployStatus};
use crate::record::time::Timestamp;
use crate::record::timeline::one_line;

/// What stands for a function or alias that the log does not name.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// Lambda function.
    pub function: Option<String>,
    /// Alias.
    pub alias: Option<String>,
}

/// One deploy as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployRow {
    /// Line in the file, from 1.
    pub line: usize,
    /// When; a bare date is its first instant, a time without a zone is UTC.
    pub at: Timestamp,
    /// Lambda function.
    pub function: String,
    /// Alias.
    pub alias: String,
    /// Version before.
    pub from: Option<String>,
    /// Version from then on.
    pub to: String,
    /// Whether it works.
    pub status: DeployStatus,
    /// Source revision.
    pub commit: Option<String>,
    /// Who.
    pub by: Option<String>,
    /// What else is said.
    pub note: Option<String>,
}

impl DeployRow {
    /// The row as a fact of the record; `file` names the log.
    pub fn facts(&self, file: &str) -> DeployRecorded {
        DeployRecorded {
            function: self.function.clone(),
            alias: self.alias.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            status: self.status,
            commit: self.commit.clone(),
            note: self.note.clone(),
            by: self.by.clone(),
            source: format!("imported {file}:{}", self.line),
            occurred_at: Some(self.at),
            status_only: false,
        }
    }
}

/// A place that looks like a deploy and could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Line in the file, from 1.
    pub line: usize,
    /// What stands there, on one line.
    pub text: String,
    /// Why it was not read.
    pub why: String,
}

/// What a log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The deploys, the oldest first; those of the same instant in the direction that the file has.
    pub rows: Vec<DeployRow>,
    /// What could not be read, in the order of lines.
    pub unreadable: Vec<Unreadable>,
}

/// Reads a whole log.
pub fn import(text: &str, defaults: &Defaults) -> Imported {
    let mut reader = Reader { text, starts: line_starts(text), defaults, context: None, out: Imported::default() };
    let ours = reader.ours();
    reader.walk(&ours);
    let mut out = reader.out;
    out.unreadable.sort_by_key(|u| u.line);
    order(&mut out.rows);
    out
}

/// The oldest first. A file whose dates fall from top to bottom is read from its end, also within one instant.
fn order(rows: &mut [DeployRow]) {
    rows.sort_by_key(|r| r.line);
    let falls = rows.windows(2).filter(|w| w[0].at > w[1].at).count();
    let rises = rows.windows(2).filter(|w| w[0].at < w[1].at).count();
    if falls > rises {
        rows.reverse();
    }
    rows.sort_by_key(|r| r.at);
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect()
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Column {
    When,
    Function,
    Alias,
    Target,
    From,
    To,
    Change,
    Status,
    Commit,
    By,
    Note,
}

impl Column {
    const NAMES: [(Self, &'static [&'static str]); 11] = [
        (Self::When, &["date", "when", "time", "utc", "dateutc", "timeutc", "whenutc", "deployed", "deployedat", "timestamp"]),
        (Self::Function, &["function", "lambda", "functionname", "lambdafunction"]),
        (Self::Alias, &["alias"]),
        (Self::Target, &["functionalias", "target", "lambdaalias"]),
        (Self::From, &["from", "fromversion", "previous", "previousversion", "old", "oldversion", "before"]),
        (Self::To, &["to", "toversion", "version", "new", "newversion", "after", "deployedversion"]),
        (Self::Change, &["change", "versions", "fromto"]),
        (Self::Status, &["status", "result", "state", "health", "works"]),
        (Self::Commit, &["commit", "sha", "revision", "gitsha", "gitcommit"]),
        (Self::By, &["by", "who", "deployedby", "deployer", "author", "operator"]),
        (Self::Note, &["note", "notes", "comment", "comments", "remark", "remarks", "description"]),
    ];

    fn read(header: &str) -> Option<Self> {
        let name: String = header.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        Self::NAMES.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(c, _)| *c)
    }
}

/// The cells of one deploy, before they are understood.
#[derive(Default)]
struct Raw {
    when: Option<String>,
    function: Option<String>,
    alias: Option<String>,
    target: Option<String>,
    from: Option<String>,
    to: Option<String>,
    change: Option<String>,
    status: Option<String>,
    commit: Option<String>,
    by: Option<String>,
    note: Option<String>,
}

struct Reader<'a> {
    text: &'a str,
    starts: Vec<usize>,
    defaults: &'a Defaults,
    /// Function and alias that the last heading names.
    context: Option<(String, String)>,
    out: Imported,
}

impl Reader<'_> {
    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|s| *s <= offset)
    }

    fn fail(&mut self, line: usize, text: &str, why: impl Into<String>) {
        self.out.unreadable.push(Unreadable { line, text: one_line(text), why: why.into() });
    }

    /// Byte ranges that blotter itself wrote; each is named once.
    fn ours(&mut self) -> Vec<(usize, usize)> {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        let mut open = None;
        for (i, start) in self.starts.clone().into_iter().enumerate() {
            let line = &self.text[start..];
            if line.starts_with("<!-- blotter:begin ") && open.is_none() {
                open = Some(start);
                let first = line.lines().next().unwrap_or_default().to_owned();
                self.fail(i + 1, &first, "written by blotter from a record of its own");
            } else if let Some(begin) = open.filter(|_| line.starts_with("<!-- blotter:end ")) {
                ranges.push((begin, start));
                open = None;
            }
        }
        ranges.extend(open.map(|begin| (begin, self.text.len())));
        ranges
    }

    fn walk(&mut self, ours: &[(usize, usize)]) {
        let (mut columns, mut cells, mut cell) = (Vec::new(), Vec::new(), String::new());
        let mut items: Vec<(usize, String, bool)> = Vec::new();
        let (mut heading, mut in_table) = (None, false);
        for (event, range) in Parser::new_ext(self.text, Options::ENABLE_TABLES).into_offset_iter() {
            if ours.iter().any(|(a, b)| (*a..*b).contains(&range.start)) {
                continue;
            }
            match event {
                Event::Start(Tag::Table(_)) => (in_table, columns) = (true, Vec::new()),
                Event::End(TagEnd::Table) => in_table = false,
                Event::Start(Tag::TableHead | Tag::TableRow) => cells.clear(),
                Event::Start(Tag::TableCell | Tag::Paragraph) => cell.clear(),
                Event::End(TagEnd::TableCell) => cells.push(std::mem::take(&mut cell).trim().to_owned()),
                Event::End(TagEnd::TableHead) => columns = cells.iter().map(|c| Column::read(c)).collect(),
                Event::End(TagEnd::TableRow) => self.row(range.start, &columns, &cells),
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => self.context = heading.take().and_then(|h| named_alias(&h)),
                Event::Start(Tag::List(_)) => {
                    if let Some((start, text, done)) = items.last_mut()
                        && !std::mem::replace(done, true)
                    {
                        let (start, text) = (*start, std::mem::take(text));
                        self.item(start, &text);
                    }
                }
                Event::Start(Tag::Item) => items.push((range.start, String::new(), false)),
                Event::End(TagEnd::Item) => {
                    if let Some((start, text, false)) = items.pop() {
                        self.item(start, &text);
                    }
                }
                Event::Text(t) | Event::Code(t) | Event::InlineHtml(t) | Event::Html(t) => {
                    push(&t, in_table, &mut cell, heading.as_mut(), items.last_mut());
                }
                Event::SoftBreak | Event::HardBreak => push(" ", in_table, &mut cell, heading.as_mut(), items.last_mut()),
                _ => {}
            }
        }
    }

    fn row(&mut self, offset: usize, columns: &[Option<Column>], cells: &[String]) {
        let line = self.line(offset);
        let whole = cells.join(" | ");
        if cells.iter().all(String::is_empty) {
            return;
        }
        let mut raw = Raw::default();
        let mut other = Vec::new();
        for (column, cell) in columns.iter().zip(cells) {
            let value = Some(cell.clone()).filter(|c| !matches!(c.as_str(), "" | "-" | "–" | "—"));
            let slot = match column {
                None => {
                    other.extend(value);
                    continue;
                }
                Some(Column::When) => &mut raw.when,
                Some(Column::Function) => &mut raw.function,
                Some(Column::Alias) => &mut raw.alias,
                Some(Column::Target) => &mut raw.target,
                Some(Column::From) => &mut raw.from,
                Some(Column::To) => &mut raw.to,
                Some(Column::Change) => &mut raw.change,
                Some(Column::Status) => &mut raw.status,
                Some(Column::Commit) => &mut raw.commit,
                Some(Column::By) => &mut raw.by,
                Some(Column::Note) => &mut raw.note,
            };
            if slot.is_some() && value.is_some() {
                return self.fail(line, &whole, "two columns say the same thing");
            }
            *slot = value.or(slot.take());
        }
        if !columns.iter().any(|c| matches!(c, Some(Column::To | Column::Change))) {
            return self.fail(line, &whole, "the table has no column for the version, such as `To` or `Version`");
        }
        if !columns.contains(&Some(Column::When)) {
            return self.fail(line, &whole, "the table has no column for the date");
        }
        self.take(line, &whole, raw);
    }

    fn item(&mut self, offset: usize, text: &str) {
        let line = self.line(offset);
        match split_item(text.trim()) {
            Some(raw) => self.take(line, text, raw),
            None => self.fail(line, text, "not of the form `2026-03-21 function:alias 41 -> 42 good (commit) by name: note`"),
        }
    }

    fn take(&mut self, line: usize, whole: &str, raw: Raw) {
        match self.understand(line, raw) {
            Ok(row) => self.out.rows.push(row),
            Err(why) => self.fail(line, whole, why),
        }
    }

    fn understand(&self, line: usize, raw: Raw) -> Result<DeployRow, String> {
        let when = raw.when.ok_or("it has no date, so its place in the order is not known")?;
        let at = read_time(&when).ok_or_else(|| format!("`{when}` is not a date such as 2026-03-21 or 2026-03-21 18:04"))?;
        let (mut function, mut alias) = (raw.function, raw.alias);
        if let Some(target) = raw.target {
            let (f, a) = target.split_once(':').ok_or_else(|| format!("`{target}` is not of the form function:alias"))?;
            (function, alias) = (Some(f.to_owned()), Some(a.to_owned()));
        } else if let Some((f, a)) = function.as_deref().and_then(|f| f.split_once(':')) {
            if alias.as_deref().is_some_and(|alias| alias != a) {
                return Err("it names two aliases".to_owned());
            }
            (function, alias) = (Some(f.to_owned()), Some(a.to_owned()));
        }
        let (named_f, named_a) = self.context.clone().map_or((None, None), |(f, a)| (Some(f), Some(a)));
        let function = function.or(named_f).or_else(|| self.defaults.function.clone()).ok_or("it names no function")?;
        let alias = alias.or(named_a).or_else(|| self.defaults.alias.clone()).ok_or("it names no alias")?;
        for (what, name) in [("function", &function), ("alias", &alias)] {
            if !is_name(name) {
                return Err(format!("`{name}` is not the name of a {what}"));
            }
        }
        let (from, to) = versions(raw.from, raw.to, raw.change)?;
        let status = read_status(raw.status.as_deref().unwrap_or_default())?;
        Ok(DeployRow { line, at, function, alias, from, to, status, commit: raw.commit, by: raw.by, note: raw.note })
    }
}

fn push(t: &str, in_table: bool, cell: &mut String, heading: Option<&mut String>, item: Option<&mut (usize, String, bool)>) {
    match (in_table, heading, item) {
        (true, ..) => cell.push_str(t),
        (_, Some(heading), _) => heading.push_str(t),
        (_, _, Some((_, text, false))) => text.push_str(t),
        _ => {}
    }
}

fn versions(from: Option<String>, to: Option<String>, change: Option<String>) -> Result<(Option<String>, String), String> {
    let to_text = change.or(to).ok_or("it names no version")?;
    let (old, new) = match split_arrow(&to_text) {
        Some((old, new)) if from.is_none() => (Some(old.to_owned()), new.to_owned()),
        Some(_) => return Err("it names two versions to come from".to_owned()),
        None => (from, to_text.clone()),
    };
    let version = |v: &str| read_version(v).ok_or_else(|| format!("`{v}` is not a version number"));
    Ok((old.map(|v| version(&v)).transpose()?, version(&new)?))
}

fn split_arrow(s: &str) -> Option<(&str, &str)> {
    ["->", "→", "=>"].iter().find_map(|a| s.split_once(a)).map(|(a, b)| (a.trim(), b.trim()))
}

fn read_version(s: &str) -> Option<String> {
    let digits = s.trim().strip_prefix(['v', 'V']).unwrap_or(s.trim());
    (!digits.is_empty() && digits.len() <= 18 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.to_owned())
}

fn read_status(s: &str) -> Result<DeployStatus, String> {
    match s.to_lowercase().trim() {
        "good" | "ok" | "okay" | "healthy" | "stable" | "works" | "working" | "✅" => Ok(DeployStatus::Good),
        "bad" | "broken" | "faulty" | "unhealthy" | "❌" => Ok(DeployStatus::Bad),
        "" | "unknown" | "?" | "n/a" => Ok(DeployStatus::Unknown),
        _ => Err(format!("`{s}` does not say whether the version works; say good, bad or unknown")),
    }
}

fn read_time(s: &str) -> Option<Timestamp> {
    let s = s.trim();
    if let Ok(date) = NaiveDate::parse_from_str(s, "%Y-%m-%d") {
        return (s.len() == 10).then(|| Timestamp::new(date.and_time(NaiveTime::MIN).and_utc()));
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(s) {
        return Some(Timestamp::new(at.to_utc()));
    }
    let bare = s.strip_suffix("UTC").or_else(|| s.strip_suffix('Z')).unwrap_or(s).trim_end();
    ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|f| NaiveDateTime::parse_from_str(bare, f).ok())
        .map(|t| Timestamp::new(t.and_utc()))
        .or_else(|| DateTime::parse_from_str(s, "%Y-%m-%d %H:%M %:z").ok().map(|t| Timestamp::new(t.to_utc())))
}

fn is_name(s: &str) -> bool {
    !s.is_empty() && s.len() <= 140 && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The one `function:alias` that a heading names.
fn named_alias(heading: &str) -> Option<(String, String)> {
    let mut names = heading.split_whitespace().filter_map(|w| {
        let (f, a) = w.split_once(':')?;
        (is_name(f) && is_name(a)).then(|| (f.to_owned(), a.to_owned()))
    });
    let first = names.next()?;
    names.next().is_none().then_some(first)
}

/// How a list item is written, from its first character to its last.
const FORM: &str = r"(?x)^
    (?P<when>\d{4}-\d{2}-\d{2}(?:[T\ ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|\ ?UTC|\ ?[+-]\d{2}:\d{2})?)?)
    \s*[:,–—-]?\s+
    (?:(?P<target>[A-Za-z0-9_-]+:[A-Za-z0-9_-]+):?\s+)?
    (?:v?(?P<from>\d+)\s*(?:->|→|=>)\s*)?
    v?(?P<to>\d+)
    (?:[\s,]+(?P<status>[A-Za-z/]+|✅|❌|\?))?
    (?:\s+\((?P<commit>[0-9A-Za-z._/-]+)\))?
    (?:\s+by\s+(?P<by>[^\s:,;]+))?
    (?:\s*[:;,–—-]\s+(?P<note>.+))?
    $";

/// [`FORM`] without a status, so that `42 by T-OPS` is not read as one.
static PLAIN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let lines = FORM.lines().filter(|l| !l.contains("<status>"));
    Regex::new(&lines.collect::<Vec<_>>().join("\n")).ok()
});
static WITH_STATUS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(FORM).ok());

/// Takes a list item apart; it must be read to its end.
fn split_item(text: &str) -> Option<Raw> {
    let found = PLAIN.as_ref()?.captures(text).or_else(|| WITH_STATUS.as_ref()?.captures(text))?;
    let part = |name: &str| found.name(name).map(|m| m.as_str().to_owned());
    Some(Raw {
        when: part("when"),
        target: part("target"),
        from: part("from"),
        to: part("to"),
        status: part("status"),
        commit: part("commit"),
        by: part("by"),
        note: part("note"),
        ..Raw::default()
    })
}
