//! The signatures of the checkpoints, against the keys that the ledger's events name.

use std::collections::BTreeMap;
use std::thread;

use rusqlite::Connection;

use super::Finding;
use super::row::integer;
use crate::record::event::LedgerKeyAdded;
use crate::record::time::Timestamp;
use crate::store::error::StoreError;
use crate::store::key;

/// Checkpoints looked at in one go.
const BATCH: usize = 4096;

/// A key from the event that names it on.
struct Named {
    /// Position of that event; checkpoints of this size and more are signed with it.
    from: u64,
    at: Timestamp,
    public: String,
    added: Option<LedgerKeyAdded>,
}

/// The keys that the ledger names, in order.
#[derive(Default)]
pub(super) struct Keys(Vec<Named>);

/// Checkpoints of which the same is to be said.
#[derive(Clone, Copy, Default)]
struct Span {
    first: u64,
    last: u64,
    count: u64,
}

impl Span {
    fn add(&mut self, size: u64) {
        if self.count == 0 {
            self.first = size;
        }
        self.last = size;
        self.count += 1;
    }

    fn join(&mut self, later: Self) {
        if self.count == 0 {
            self.first = later.first;
        }
        if later.count > 0 {
            self.last = later.last;
            self.count += later.count;
        }
    }

    /// `the checkpoint over 3 events is`, `2 checkpoints over 3 to 4 events are`.
    fn are(self) -> String {
        let Self { first, last, count } = self;
        if count == 1 {
            format!("the checkpoint over {first} events is")
        } else {
            format!("{count} checkpoints over {first} to {last} events are")
        }
    }
}

/// What has no signature, by the key that was named then.
#[derive(Default)]
struct Unsigned {
    /// A later one is signed with the same key, and says all that these say.
    covered: Span,
    /// None is so far.
    open: Span,
}

#[derive(Default)]
struct Told {
    unsigned: BTreeMap<Option<usize>, Unsigned>,
    /// Signatures that are none of the ledger's, in a row, and why.
    forged: Vec<(Span, String)>,
}

/// A row of the table.
struct Row {
    size: u64,
    body: String,
    signature: Option<String>,
}

impl Keys {
    /// The event at `pos`, recorded `at`, names a key.
    pub(super) fn name(&mut self, pos: u64, at: Timestamp, public: &str, added: Option<&LedgerKeyAdded>) {
        self.0.push(Named { from: pos, at, public: public.to_owned(), added: added.cloned() });
    }

    fn at(&self, size: u64) -> Option<usize> {
        self.0.iter().rposition(|k| k.from <= size)
    }

    /// Checks one signature over `text`, stated over `size` events.
    pub(super) fn check(&self, size: u64, text: &str, signature: &str) -> Result<(), String> {
        match self.at(size) {
            Some(n) => key::check(&self.0[n].public, text, signature),
            None => Err("the ledger had no key then".to_owned()),
        }
    }

    /// Checks every stored checkpoint's signature, on all cores.
    pub(super) fn check_all(&self, conn: &Connection) -> Result<Vec<Finding>, StoreError> {
        let mut query = conn.prepare("SELECT size, CAST(body AS TEXT), CAST(sig AS TEXT) FROM checkpoint ORDER BY size")?;
        let mut rows = query.query([])?;
        let (mut told, mut batch) = (Told::default(), Vec::new());
        loop {
            let row = rows.next()?;
            if let Some(row) = row {
                let lossy = |n: usize| -> rusqlite::Result<Option<String>> {
                    // Bytes that are no text are no signature of ours either.
                    Ok(row.get_ref(n)?.as_bytes_or_null().ok().flatten().map(|b| String::from_utf8_lossy(b).into_owned()))
                };
                batch.push(Row { size: integer(row, 0)?.cast_unsigned(), body: lossy(1)?.unwrap_or_default(), signature: lossy(2)? });
            }
            if batch.len() >= BATCH || row.is_none() && !batch.is_empty() {
                for (row, why) in batch.iter().zip(self.look(&batch)) {
                    self.take(&mut told, row, why);
                }
                batch.clear();
            }
            if row.is_none() {
                return Ok(self.tell(&told));
            }
        }
    }

    /// What is wrong with each row's signature; `None`: nothing, or there is none.
    fn look(&self, rows: &[Row]) -> Vec<Option<String>> {
        let threads = thread::available_parallelism().map_or(1, |n| n.get().min(8));
        let one = |r: &Row| r.signature.as_deref().and_then(|s| self.check(r.size, &r.body, s).err());
        thread::scope(|scope| {
            let parts = rows.chunks(rows.len().div_ceil(threads).max(1));
            let running: Vec<_> = parts.map(|part| (part.len(), scope.spawn(move || part.iter().map(one).collect::<Vec<_>>()))).collect();
            let died = |n: usize| vec![Some("it could not be checked".to_owned()); n];
            running.into_iter().flat_map(|(n, t)| t.join().unwrap_or_else(|_| died(n))).collect()
        })
    }

    fn take(&self, told: &mut Told, row: &Row, why: Option<String>) {
        let unsigned = told.unsigned.entry(self.at(row.size)).or_default();
        match (why, &row.signature) {
            // Reported as it is; it covers nothing.
            (Some(why), _) => match told.forged.last_mut() {
                Some((span, same)) if *same == why => span.add(row.size),
                _ => told.forged.push((Span { first: row.size, last: row.size, count: 1 }, why)),
            },
            (None, Some(_)) => unsigned.covered.join(std::mem::take(&mut unsigned.open)),
            (None, None) => unsigned.open.add(row.size),
        }
    }

    fn tell(&self, told: &Told) -> Vec<Finding> {
        let forged = told
            .forged
            .iter()
            .map(|(span, why)| Finding::Problem("signature", format!("{} signed, but not by the ledger: {why}", span.are())));
        let mut found: Vec<Finding> = forged.collect();
        for (key, Unsigned { covered, open }) in &told.unsigned {
            if covered.count > 0 {
                found.push(Finding::Note(format!("{} not signed; a later one is, and covers what they cover", covered.are())));
            }
            if open.count > 0 {
                found.push(self.tell_open(*key, *open));
            }
        }
        found
    }

    fn tell_open(&self, key: Option<usize>, open: Span) -> Finding {
        let are = open.are();
        let Some(n) = key else { return Finding::Note(format!("{are} not signed: the ledger had no key yet")) };
        let next = self.0.get(n + 1).and_then(|k| Some((k, k.added.as_ref()?)));
        match next {
            Some((k, added)) if added.unsigned_from.is_some_and(|from| from <= open.first) => Finding::Note(format!(
                "{are} not signed; on {} the ledger got another key: {}",
                k.at.to_seconds(),
                added.reason.as_deref().unwrap_or("no reason was given")
            )),
            _ => {
                let since = self.0[n].at.to_seconds();
                Finding::Problem("unsigned", format!("{are} not signed, though the ledger has had its key since {since}"))
            }
        }
    }

    /// That a key took another one's place, for whoever kept the old one's public half.
    pub(super) fn replaced(&self) -> impl Iterator<Item = String> {
        self.0.iter().filter_map(|k| {
            let reason = k.added.as_ref().filter(|a| a.replaces.is_some())?.reason.as_deref().unwrap_or("no reason was given");
            Some(format!("since event {} of {} another key signs the checkpoints: {reason}", k.from, k.at.to_seconds()))
        })
    }
}
