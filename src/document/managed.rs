//! Entries of ours inside a file of theirs.
//!
//! An entry stands between two marker lines, of which the first carries the hash of what is between them, so
//! that an edit by hand is noticed. Everything outside is a person's and keeps its bytes. Nothing that looks
//! wrong is repaired: it is named, and the file stays as it is.
//!
//! ```text
//! <!-- blotter:begin incident/0195… at=18 sha256=9f3c… -->
//! …
//! <!-- blotter:end incident/0195… -->
//! ```
//!
//! Files with CRLF line ends keep them; the hash is that of the lines, whatever ends them.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::record::id::Hash;

/// What every marker line begins with.
const MARK: &str = "<!-- blotter:";

/// An entry as the record has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Names it for ever, e.g. `incident/<uuid>`.
    pub id: String,
    /// Entries stand in falling order of this: the newest first.
    pub order: u64,
    /// The stream's last sequence number that it was made from.
    pub at: u64,
    /// Its Markdown; `None` for an entry that is known to be up to date in the file and was not made anew.
    pub body: Option<String>,
}

/// An entry as found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: String,
    /// The sequence number it was made from.
    pub at: u64,
    /// Line of its first marker, from 1.
    pub line: usize,
    /// True when its text is not what the marker says.
    pub edited: bool,
}

/// Why a file is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A merge has not been finished.
    #[error("line {line}: unresolved merge conflict")]
    Conflict {
        /// From 1.
        line: usize,
    },
    /// A marker line that cannot be read.
    #[error("line {line}: not a marker of blotter's: `{text}`")]
    BadMarker {
        /// From 1.
        line: usize,
        /// The line.
        text: String,
    },
    /// A beginning without its end.
    #[error("line {line}: entry `{id}` begins and does not end")]
    Unclosed {
        /// From 1.
        line: usize,
        /// The entry.
        id: String,
    },
    /// An end without its beginning.
    #[error("line {line}: entry `{id}` ends and does not begin")]
    Unopened {
        /// From 1.
        line: usize,
        /// The entry.
        id: String,
    },
    /// The same entry twice.
    #[error("line {line}: entry `{id}` stands on line {first} already")]
    Duplicate {
        /// From 1.
        line: usize,
        /// The entry.
        id: String,
        /// Line of the first one.
        first: usize,
    },
    /// Somebody edited between the markers.
    #[error("line {line}: entry `{id}` was edited by hand")]
    Edited {
        /// From 1.
        line: usize,
        /// The entry.
        id: String,
    },
    /// Somebody edited a file that is made from another.
    #[error("`{name}` was edited by hand, and it is made from the Markdown beside it")]
    Derived {
        /// The file's name.
        name: String,
    },
    /// An entry that was said to be in the file is not.
    #[error("entry `{id}` is not in the file")]
    Absent {
        /// The entry.
        id: String,
    },
}

impl Fault {
    /// The line it is about, from 1.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Conflict { line }
            | Self::BadMarker { line, .. }
            | Self::Unclosed { line, .. }
            | Self::Unopened { line, .. }
            | Self::Duplicate { line, .. }
            | Self::Edited { line, .. } => Some(*line),
            Self::Derived { .. } | Self::Absent { .. } => None,
        }
    }

    /// A whole sentence that says what to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "Finish the merge; what stands between markers can be deleted with them and is rendered anew.",
            Self::BadMarker { .. } | Self::Unclosed { .. } | Self::Unopened { .. } => {
                "Put the marker line back, or delete what is left of the entry: it is rendered anew."
            }
            Self::Duplicate { .. } => "Delete one of the two with its markers.",
            Self::Edited { .. } => {
                "Move what you wrote outside the markers, or record it with `blotter note`; `--force` replaces the entry."
            }
            Self::Derived { .. } => "Write it into the Markdown file below the section it belongs to; `--force` replaces this one.",
            Self::Absent { .. } => "Render all entries.",
        }
    }
}

/// A file with our entries up to date.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Merged {
    /// The whole file.
    pub text: String,
    /// Entries that are new in it.
    pub added: Vec<String>,
    /// Entries whose bytes changed.
    pub changed: Vec<String>,
    /// Entries in the file that the record does not know; they were left alone.
    pub unknown: Vec<String>,
}

impl Merged {
    /// True when the file must be written.
    pub fn is_changed(&self) -> bool {
        !self.added.is_empty() || !self.changed.is_empty()
    }
}

/// A stretch of a file, for whoever compares it with the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Somebody else's.
    Prose {
        /// Line that it begins on, from 1.
        line: usize,
        /// Its text.
        text: &'a str,
    },
    /// An entry of ours.
    Entry {
        /// Its markers.
        found: Found,
        /// The lines between them; the first stands on the line after [`Found::line`].
        lines: Vec<&'a str>,
    },
}

/// Takes a file apart.
///
/// # Errors
/// Every structural [`Fault`].
pub fn parts(text: &str) -> Result<Vec<Part<'_>>, Vec<Fault>> {
    let mut line = 1;
    let parts = split(text)?.into_iter().map(|s| {
        let (whole, part) = match s {
            Stretch::Prose(text) => (text, Part::Prose { line, text }),
            Stretch::Block(b) => {
                let mut lines: Vec<&str> = b.whole.lines().skip(1).collect();
                lines.pop();
                (b.whole, Part::Entry { found: b.found, lines })
            }
        };
        line += whole.matches('\n').count();
        part
    });
    Ok(parts.collect())
}

/// A stretch of the file.
enum Stretch<'a> {
    Prose(&'a str),
    Block(Block<'a>),
}

struct Block<'a> {
    found: Found,
    /// The whole stretch with both markers.
    whole: &'a str,
    /// Lines end in CRLF.
    crlf: bool,
}

/// A file taken apart, to be read once and then brought up to date.
pub struct Scanned<'a> {
    text: &'a str,
    parts: Vec<Stretch<'a>>,
}

impl Scanned<'_> {
    /// The entries in the file.
    pub fn found(&self) -> impl Iterator<Item = &Found> {
        self.parts.iter().filter_map(|p| if let Stretch::Block(b) = p { Some(&b.found) } else { None })
    }
}

/// Takes a file apart.
///
/// # Errors
/// Every structural [`Fault`]; edits are not among them, see [`Found::edited`].
pub fn scan(text: &str) -> Result<Scanned<'_>, Vec<Fault>> {
    Ok(Scanned { text, parts: split(text)? })
}

/// Brings the entries of a file up to date; `preamble` begins a file that does not exist yet.
///
/// Costs as much as the file is long. Entries that did not change keep their bytes, and so does all prose.
/// A new entry goes before the next older one in the file, else after all entries, else to the end.
///
/// # Errors
/// Every [`Fault`] found; with `force`, edited entries are replaced instead.
pub fn merge(existing: Option<&str>, preamble: &str, entries: &[Entry], force: bool) -> Result<Merged, Vec<Fault>> {
    let scanned = scan(existing.unwrap_or(preamble))?;
    merge_into(&scanned, existing.is_some_and(ends_in_crlf), entries, force)
}

/// [`merge`] for a file that was read already.
///
/// # Errors
/// As [`merge`].
pub fn renew(scanned: &Scanned<'_>, entries: &[Entry], force: bool) -> Result<Merged, Vec<Fault>> {
    merge_into(scanned, ends_in_crlf(scanned.text), entries, force)
}

fn merge_into(scanned: &Scanned<'_>, crlf: bool, entries: &[Entry], force: bool) -> Result<Merged, Vec<Fault>> {
    let parts = &scanned.parts;
    let mut place: HashMap<&str, usize> = HashMap::new();
    for (i, part) in parts.iter().enumerate() {
        if let Stretch::Block(b) = part {
            place.insert(&b.found.id, i);
        }
    }
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by(|a, b| b.order.cmp(&a.order).then_with(|| b.id.cmp(&a.id)));
    let faults = faults(parts, &place, &sorted, force);
    if !faults.is_empty() {
        return Err(faults);
    }

    let last_block = parts.iter().rposition(|p| matches!(p, Stretch::Block(_)));
    let mut before: HashMap<usize, Vec<&Entry>> = HashMap::new();
    let mut next = last_block.map_or(parts.len(), |i| i + 1);
    for entry in sorted.iter().rev() {
        match place.get(entry.id.as_str()) {
            Some(i) => next = *i,
            None => before.entry(next).or_default().push(entry),
        }
    }

    let known: HashMap<&str, &Entry> = entries.iter().map(|e| (e.id.as_str(), e)).collect();
    let mut out = Writer { merged: Merged::default(), crlf };
    out.merged.text.reserve(scanned.text.len());
    for i in 0..=parts.len() {
        let follows = matches!(parts.get(i), Some(Stretch::Block(_)));
        for entry in before.get(&i).into_iter().flatten().rev() {
            out.add(entry, follows);
        }
        match parts.get(i) {
            Some(Stretch::Prose(text)) => out.merged.text.push_str(text),
            Some(Stretch::Block(block)) => out.keep_or_replace(block, known.get(block.found.id.as_str()).copied()),
            None => {}
        }
    }
    Ok(out.merged)
}

fn faults(parts: &[Stretch<'_>], place: &HashMap<&str, usize>, sorted: &[&Entry], force: bool) -> Vec<Fault> {
    let bodies: HashMap<&str, Option<&String>> = sorted.iter().map(|e| (e.id.as_str(), e.body.as_ref())).collect();
    let mut faults = Vec::new();
    for part in parts {
        let Stretch::Block(b) = part else { continue };
        let body = bodies.get(b.found.id.as_str()).copied();
        let replaceable = force || body.flatten().is_some_and(|new| lines_of(new) == body_of(b.whole));
        let ours_to_replace = matches!(body, Some(Some(_))) && replaceable;
        if b.found.edited && body.is_some() && !ours_to_replace {
            faults.push(Fault::Edited { line: b.found.line, id: b.found.id.clone() });
        }
    }
    for e in sorted {
        if e.body.is_none() && !place.contains_key(e.id.as_str()) {
            faults.push(Fault::Absent { id: e.id.clone() });
        }
    }
    faults
}

struct Writer {
    merged: Merged,
    crlf: bool,
}

impl Writer {
    /// Writes a new entry, set off by one blank line from what is around it.
    fn add(&mut self, entry: &Entry, before_block: bool) {
        let Some(body) = &entry.body else { return };
        let end = if self.crlf { "\r\n" } else { "\n" };
        let text = &mut self.merged.text;
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str(end);
        }
        if !text.is_empty() && !text.ends_with("\n\n") && !text.ends_with("\n\r\n") {
            text.push_str(end);
        }
        text.push_str(&block(entry, body, self.crlf));
        if before_block {
            text.push_str(end);
        }
        self.merged.added.push(entry.id.clone());
    }

    fn keep_or_replace(&mut self, old: &Block<'_>, entry: Option<&Entry>) {
        let Some(entry) = entry else {
            self.merged.unknown.push(old.found.id.clone());
            self.merged.text.push_str(old.whole);
            return;
        };
        let new = entry.body.as_ref().map(|body| block(entry, body, old.crlf));
        match new {
            Some(new) if new != old.whole => {
                self.merged.changed.push(entry.id.clone());
                self.merged.text.push_str(&new);
            }
            _ => self.merged.text.push_str(old.whole),
        }
    }
}

/// An entry with its markers.
fn block(entry: &Entry, body: &str, crlf: bool) -> String {
    let lines = lines_of(body);
    let id = marker_id(&entry.id);
    let text = format!("{MARK}begin {id} at={} sha256={} -->\n{lines}{MARK}end {id} -->\n", entry.at, Hash::of(&[lines.as_bytes()]));
    if crlf { text.replace('\n', "\r\n") } else { text }
}

/// An entry that holds nothing yet: keeps its place in the text that a new file begins with.
pub fn empty(id: &str) -> String {
    let id = marker_id(id);
    format!("{MARK}begin {id} at=0 sha256={} -->\n{MARK}end {id} -->\n", Hash::of(&[]))
}

/// The text with line feeds only, ending in one.
fn lines_of(body: &str) -> Cow<'_, str> {
    let mut lines = fed(body);
    if !lines.ends_with('\n') {
        lines.to_mut().push('\n');
    }
    lines
}

/// What stands between the markers of a block, with line feeds only.
fn body_of(whole: &str) -> Cow<'_, str> {
    let begin = whole.find('\n').map_or(whole.len(), |i| i + 1);
    let last = whole.strip_suffix('\n').unwrap_or(whole);
    let end = last.rfind('\n').map_or(begin, |i| i + 1).max(begin);
    fed(&whole[begin..end])
}

/// With line feeds only.
fn fed(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) }
}

fn ends_in_crlf(text: &str) -> bool {
    text.find('\n').is_some_and(|i| text[..i].ends_with('\r'))
}

/// An id without anything that could end the comment or the word it stands in.
fn marker_id(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for b in id.bytes() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b':' | b'+' | b'$' => out.push(char::from(b)),
            b'-' if !out.ends_with('-') => out.push('-'),
            b => out.push_str(&format!("%{b:02x}")),
        }
    }
    out
}

fn read_id(word: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let Some((b, tail)) = rest.split_first() {
        if *b == b'%' {
            let hex = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(*b);
            rest = tail;
        }
    }
    let id = String::from_utf8(bytes).ok()?;
    (!id.is_empty() && marker_id(&id) == word).then_some(id)
}

/// A marker line.
enum Marker {
    Begin { id: String, at: u64, hash: Hash },
    End { id: String },
}

fn read_marker(line: &str) -> Option<Marker> {
    let words: Vec<&str> = line.strip_prefix(MARK)?.strip_suffix(" -->")?.split(' ').collect();
    match words[..] {
        ["begin", id, at, hash] => Some(Marker::Begin {
            id: read_id(id)?,
            at: at.strip_prefix("at=")?.parse().ok()?,
            hash: hash.strip_prefix("sha256=")?.parse().ok()?,
        }),
        ["end", id] => Some(Marker::End { id: read_id(id)? }),
        _ => None,
    }
}

/// Where a block began.
struct Opened {
    id: String,
    at: u64,
    hash: Hash,
    line: usize,
    start: usize,
    crlf: bool,
}

fn split(text: &str) -> Result<Vec<Stretch<'_>>, Vec<Fault>> {
    let (mut parts, mut faults) = (Vec::new(), Vec::new());
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut open: Option<Opened> = None;
    let (mut prose, mut offset) = (0, 0);
    for (i, with_end) in text.split_inclusive('\n').enumerate() {
        let (start, line) = (offset, i + 1);
        offset += with_end.len();
        let content = with_end.strip_suffix('\n').unwrap_or(with_end);
        let (content, crlf) = content.strip_suffix('\r').map_or((content, false), |c| (c, true));
        if ["<<<<<<< ", ">>>>>>> ", "||||||| "].iter().any(|m| content.starts_with(m)) {
            faults.push(Fault::Conflict { line });
        }
        if !content.starts_with(MARK) {
            continue;
        }
        match read_marker(content) {
            None => faults.push(Fault::BadMarker { line, text: content.to_owned() }),
            Some(Marker::Begin { id, at, hash }) => {
                if let Some(o) = open.take() {
                    faults.push(Fault::Unclosed { line: o.line, id: o.id });
                }
                open = Some(Opened { id, at, hash, line, start, crlf });
            }
            Some(Marker::End { id }) => {
                let Some(o) = open.take_if(|o| o.id == id) else {
                    faults.push(Fault::Unopened { line, id });
                    continue;
                };
                if let Some(first) = seen.insert(id.clone(), o.line) {
                    faults.push(Fault::Duplicate { line: o.line, id, first });
                    continue;
                }
                let whole = &text[o.start..offset];
                let edited = Hash::of(&[body_of(whole).as_bytes()]) != o.hash;
                if prose < o.start {
                    parts.push(Stretch::Prose(&text[prose..o.start]));
                }
                prose = offset;
                parts.push(Stretch::Block(Block { found: Found { id: o.id, at: o.at, line: o.line, edited }, whole, crlf: o.crlf }));
            }
        }
    }
    if let Some(o) = open {
        faults.push(Fault::Unclosed { line: o.line, id: o.id });
    }
    if prose < text.len() {
        parts.push(Stretch::Prose(&text[prose..]));
    }
    if faults.is_empty() { Ok(parts) } else { Err(faults) }
}

#[cfg(test)]
mod tests;
