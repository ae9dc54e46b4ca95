//! One stored event, checked on its own: bytes, hashes, columns. Runs on a thread beside the reader.

use std::ops::Range;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::record::chain;
use crate::record::event::{Facts, Header};
use crate::record::id::Hash;

/// Rows as read, their bytes end to end in one buffer.
#[derive(Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    rows: Vec<Raw>,
}

struct Raw {
    pos: i64,
    seq: i64,
    stream: Range<usize>,
    id: Range<usize>,
    kind: Range<usize>,
    header: Range<usize>,
    hash: Range<usize>,
    payload_hash: Range<usize>,
    payload: Option<(Range<usize>, Range<usize>)>,
}

impl Batch {
    /// The columns of an event, in the order in which [`Batch::push`] takes them.
    pub(super) const EVENT: &'static str = "SELECT pos, seq, stream, id, type, header, hash, payload_hash FROM event ORDER BY pos";
    /// Those of a payload.
    pub(super) const PAYLOAD: &'static str = "SELECT pos, hash, body FROM payload ORDER BY pos";

    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= 512 || self.bytes.len() >= 1 << 20
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn push(&mut self, event: &Row<'_>, payload: Option<&Row<'_>>) -> rusqlite::Result<()> {
        let row = Raw {
            pos: integer(event, 0)?,
            seq: integer(event, 1)?,
            stream: self.take(event, 2)?,
            id: self.take(event, 3)?,
            kind: self.take(event, 4)?,
            header: self.take(event, 5)?,
            hash: self.take(event, 6)?,
            payload_hash: self.take(event, 7)?,
            payload: match payload {
                Some(p) => Some((self.take(p, 1)?, self.take(p, 2)?)),
                None => None,
            },
        };
        self.rows.push(row);
        Ok(())
    }

    fn take(&mut self, row: &Row<'_>, column: usize) -> rusqlite::Result<Range<usize>> {
        let from = self.bytes.len();
        // A value of another type is nothing that was ever written; empty bytes match nothing either.
        if let ValueRef::Text(b) | ValueRef::Blob(b) = row.get_ref(column)? {
            self.bytes.extend_from_slice(b);
        }
        Ok(from..self.bytes.len())
    }

    /// Checks every row.
    pub(super) fn look(self) -> Vec<Looked> {
        self.rows.iter().map(|r| look(&self.bytes, r)).collect()
    }
}

/// The integer in a column; anything else is one that was never written.
pub(super) fn integer(row: &Row<'_>, column: usize) -> rusqlite::Result<i64> {
    Ok(match row.get_ref(column)? {
        ValueRef::Integer(i) => i,
        _ => i64::MIN,
    })
}

/// What a row turned out to be.
pub(super) struct Looked {
    pub(super) pos: i64,
    /// The stream's name as the row has it.
    pub(super) stream: String,
    /// The sequence number as the row has it.
    pub(super) seq: i64,
    /// `None` when it is not readable.
    pub(super) header: Option<Header>,
    /// Hash of the header as it stands.
    pub(super) hash: Hash,
    /// Leaf of the header as it stands.
    pub(super) leaf: Hash,
    /// False when there is no payload.
    pub(super) has_payload: bool,
    /// `None` when there is no payload, or not a sound one.
    pub(super) facts: Option<Facts>,
    /// Kind and detail of everything that is wrong with it.
    pub(super) faults: Vec<(&'static str, String)>,
}

fn look(bytes: &[u8], raw: &Raw) -> Looked {
    let of = |r: &Range<usize>| &bytes[r.clone()];
    let text = of(&raw.header);
    let hash = Hash::of(&[text]);
    let mut faults = Vec::new();
    if of(&raw.hash) != hash.0 {
        faults.push(("hash", format!("the header's hash is {}, stored is another", hash.short())));
    }
    let header = read_header(text, &mut faults);
    if let Some(h) = &header {
        for (name, same) in [
            ("stream", of(&raw.stream) == h.stream.as_str().as_bytes()),
            ("seq", u64::try_from(raw.seq) == Ok(h.seq)),
            ("id", of(&raw.id) == h.id.0.as_bytes()),
            ("type", of(&raw.kind) == h.kind.as_bytes()),
            ("payload_hash", of(&raw.payload_hash) == h.payload.0),
        ] {
            if !same {
                faults.push(("column", format!("`{name}` differs from the header")));
            }
        }
    }
    let facts = raw.payload.as_ref().and_then(|(stored, body)| {
        let header = header.as_ref()?;
        read_payload(header, of(stored), of(body), &mut faults)
    });
    Looked {
        pos: raw.pos,
        stream: String::from_utf8_lossy(of(&raw.stream)).into_owned(),
        seq: raw.seq,
        header,
        hash,
        leaf: chain::leaf(text),
        has_payload: raw.payload.is_some(),
        facts,
        faults,
    }
}

fn read_header(text: &[u8], faults: &mut Vec<(&'static str, String)>) -> Option<Header> {
    let read = std::str::from_utf8(text).map_err(|e| e.to_string()).and_then(|t| Header::from_bytes(t).map_err(|e| e.to_string()));
    read.map_err(|e| faults.push(("header", e))).ok()
}

fn read_payload(header: &Header, stored: &[u8], body: &[u8], faults: &mut Vec<(&'static str, String)>) -> Option<Facts> {
    if stored != header.payload.0 {
        faults.push(("payload", "it is stored under another hash than the header names".to_owned()));
    }
    let actual = Hash::of(&[body]);
    if actual != header.payload {
        faults.push(("payload", format!("its hash is {}, the header names {}", actual.short(), header.payload.short())));
        return None;
    }
    let facts =
        std::str::from_utf8(body).map_err(|e| e.to_string()).and_then(|text| Facts::read(&header.kind, text).map_err(|e| e.to_string()));
    facts.map_err(|e| faults.push(("payload", format!("it is not readable: {e}")))).ok()
}
