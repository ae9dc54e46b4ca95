//! The log as a whole: its right-hand edge, its checkpoints, and the small file that remembers the newest.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::error::StoreError;
use super::key::Key;
use super::{Store, key, open, unique};
use crate::record::chain::{Checkpoint, Tree};
use crate::record::id::{Hash, StreamId};

/// So many bytes a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A checkpoint with the signature of the ledger's key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    /// What is stated.
    pub checkpoint: Checkpoint,
    /// Armoured SSH signature over the checkpoint's text, namespace `checkpoint@blotter`; `None`: unsigned.
    pub signature: Option<String>,
}

impl Signed {
    /// Text and signature one after the other, as they are kept beside the store and handed to others.
    pub fn text(&self) -> String {
        format!("{}{}", self.checkpoint.text, self.signature.as_deref().unwrap_or_default())
    }

    /// Reads what [`Signed::text`] writes, for the ledger `id`.
    pub(super) fn parse(id: &str, text: &str) -> Option<Self> {
        let end = text.find("-----BEGIN").unwrap_or(text.len());
        let (text, signature) = text.split_at(end);
        let signature = Some(signature).filter(|s| !s.is_empty()).map(str::to_owned);
        Some(Self { checkpoint: Checkpoint::parse(id, text)?, signature })
    }
}

/// The right-hand edge as stored.
pub(super) fn stored_frontier(conn: &Connection) -> Result<Option<Tree>, StoreError> {
    let row: Option<(i64, Vec<u8>)> =
        conn.prepare_cached("SELECT size, peaks FROM frontier WHERE one = 1")?.query_row([], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
    Ok(row.and_then(|(size, peaks)| Tree::from_peaks(size.cast_unsigned(), &peaks)))
}

/// The right-hand edge that the next event follows.
pub(super) fn frontier(conn: &Connection) -> Result<Tree, StoreError> {
    let last: i64 = conn.prepare_cached("SELECT ifnull(max(pos), 0) FROM event")?.query_row([], |r| r.get(0))?;
    if last == 0 {
        return Ok(Tree::new());
    }
    stored_frontier(conn)?
        .filter(|t| t.size() == last.cast_unsigned())
        .ok_or_else(|| StoreError::Corrupt("the edge of the tree does not belong to the last event".to_owned()))
}

/// Keeps the right-hand edge.
pub(super) fn keep_frontier(conn: &Connection, tree: &Tree) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO frontier (one, size, peaks) VALUES (1, ?1, ?2)
         ON CONFLICT (one) DO UPDATE SET size = excluded.size, peaks = excluded.peaks",
    )?
    .execute(params![tree.size().cast_signed(), tree.peaks()])?;
    Ok(())
}

/// Keeps the right-hand edge and states what it is.
pub(super) fn write(conn: &Connection, ledger: &str, tree: &Tree, key: Option<&Key>) -> Result<Signed, StoreError> {
    keep_frontier(conn, tree)?;
    let checkpoint = Checkpoint::new(ledger, tree);
    let signature = key.and_then(|k| k.sign(&checkpoint.text));
    conn.prepare_cached("INSERT INTO checkpoint (size, body, sig) VALUES (?1, ?2, ?3)")?.execute(params![
        checkpoint.size.cast_signed(),
        checkpoint.text,
        signature
    ])?;
    Ok(Signed { checkpoint, signature })
}

/// Checks the end of the log: last event, edge and newest checkpoint must agree. Says what does not.
pub(super) fn tail(conn: &Connection, ledger: &str) -> Result<Option<String>, StoreError> {
    // All from one moment: somebody may be appending.
    let _snapshot = Transaction::new_unchecked(conn, TransactionBehavior::Deferred)?;
    let (header, hash): (Vec<u8>, Vec<u8>) =
        conn.query_row("SELECT CAST(header AS BLOB), hash FROM event ORDER BY pos DESC LIMIT 1", [], |r| Ok((r.get(0)?, r.get(1)?)))?;
    if Hash::of(&[&header]).0.as_slice() != hash {
        return Ok(Some("the last event does not have the hash it was stored with".to_owned()));
    }
    let tree = match frontier(conn) {
        Ok(tree) => tree,
        Err(StoreError::Corrupt(why)) => return Ok(Some(why)),
        Err(e) => return Err(e),
    };
    let newest: Option<String> = conn.query_row("SELECT body FROM checkpoint ORDER BY size DESC LIMIT 1", [], |r| r.get(0)).optional()?;
    let matches = newest.is_some_and(|text| text == Checkpoint::new(ledger, &tree).text);
    Ok((!matches).then(|| "the newest checkpoint does not belong to the last event".to_owned()))
}

impl Store {
    /// The first checkpoint that covers event `seq` of `stream`; it never changes once it is there.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn checkpoint_for(&self, stream: &StreamId, seq: u64) -> Result<Option<Checkpoint>, StoreError> {
        let text: Option<String> = self
            .conn
            .prepare_cached(
                "SELECT c.body FROM event e JOIN checkpoint c ON c.size >= e.pos
                 WHERE e.stream = ?1 AND e.seq = ?2 ORDER BY c.size LIMIT 1",
            )?
            .query_row(params![stream.as_str(), seq.cast_signed()], |r| r.get(0))
            .optional()?;
        self.read_checkpoint(text)
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, StoreError> {
        Ok(self.signed_checkpoint()?.map(|s| s.checkpoint))
    }

    /// The newest checkpoint with its signature.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn signed_checkpoint(&self) -> Result<Option<Signed>, StoreError> {
        let newest = "SELECT body, sig FROM checkpoint ORDER BY size DESC LIMIT 1";
        let row: Option<(String, Option<String>)> = self.conn.query_row(newest, [], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
        let Some((text, signature)) = row else { return Ok(None) };
        Ok(self.read_checkpoint(Some(text))?.map(|checkpoint| Signed { checkpoint, signature }))
    }

    /// The key that signs the ledger's checkpoints now, as its events name it: `ssh-ed25519 AAAA…`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn checkpoint_key(&self) -> Result<Option<String>, StoreError> {
        key::named(&self.conn)
    }

    fn read_checkpoint(&self, text: Option<String>) -> Result<Option<Checkpoint>, StoreError> {
        let damaged = || StoreError::Corrupt("a checkpoint is not readable".to_owned());
        text.map(|t| Checkpoint::parse(&self.ledger.id, &t).ok_or_else(damaged)).transpose()
    }

    /// Remembers the newest checkpoint beside the store, so that a cut-off tail is noticed.
    ///
    /// Not flushed: an older one is still true. A failure is only noted, since the events are safe. One that does not
    /// belong to this log (`follows` is false) is left alone, or the first append after an older copy was restored would
    /// silence the alarm.
    pub(super) fn announce(&mut self, checkpoint: &Signed, follows: bool) {
        if !follows {
            let file = open::beside(&self.path, ".checkpoint");
            self.say(format!(
                "recorded, but `{}` saw other events than this ledger has: was an older copy restored? `blotter verify` says more; delete that file once you know",
                file.display()
            ));
            return;
        }
        if let Err(e) = self.write_announced(checkpoint.text().as_bytes()) {
            self.say(format!("recorded, but the checkpoint beside the ledger is out of date: {e}"));
        }
    }

    /// Writes over the file in one go where it has the length already: less than a sector, of which a disk keeps the old bytes
    /// or the new ones, never some of each. A new name for each append would cost half as much as the append.
    fn write_announced(&self, text: &[u8]) -> io::Result<()> {
        let file = open::beside(&self.path, ".checkpoint");
        if text.len() <= SECTOR
            && let Ok(there) = fs::OpenOptions::new().write(true).open(&file)
            && there.metadata()?.len() == text.len() as u64
        {
            return there.write_all_at(text, 0);
        }
        let draft = open::beside(&self.path, &format!(".checkpoint-{}", unique()));
        let written = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut draft| draft.write_all(text))
            .and_then(|()| fs::rename(&draft, file));
        written.inspect_err(|_| {
            let _ = fs::remove_file(&draft);
        })
    }

    /// What the small file beside the store remembers, if it is there.
    ///
    /// It is not flushed, so a power cut may leave its name without its bytes: that remembers nothing. Somebody may be
    /// writing over it: what two looks agree on is whole.
    pub(super) fn announced(&self) -> Option<Vec<u8>> {
        let file = fs::File::open(open::beside(&self.path, ".checkpoint")).ok()?;
        let look = || {
            let mut bytes = vec![0; 4 * SECTOR];
            file.read_at(&mut bytes, 0).ok().map(|n| bytes[..n].to_vec())
        };
        let mut bytes = look()?;
        for _ in 0..10 {
            let before = std::mem::replace(&mut bytes, look()?);
            if before == bytes {
                break;
            }
        }
        Some(bytes).filter(|bytes| bytes.iter().any(|b| *b != 0))
    }

    /// True when the checkpoint beside the store, if there is one, is one of this log.
    pub(super) fn follows_announced(&self) -> bool {
        let Some(bytes) = self.announced() else { return true };
        let parsed = String::from_utf8(bytes).ok().and_then(|text| Signed::parse(&self.ledger.id, &text));
        parsed.is_some_and(|Signed { checkpoint: a, .. }| {
            let own = "SELECT 1 FROM checkpoint WHERE size = ?1 AND body = ?2";
            // Only a look that finds nothing says that it is not.
            self.conn.prepare_cached(own).and_then(|mut q| q.exists(params![a.size.cast_signed(), a.text])).unwrap_or(true)
        })
    }

    /// Makes sure that the file still has its name: what is written to a deleted file is lost.
    pub(super) fn in_place(&self) -> Result<(), StoreError> {
        let mut moved = 0;
        self.conn.file_control(Some("main"), rusqlite::FileControl::HasMoved(&mut moved))?;
        if moved == 0 { Ok(()) } else { Err(StoreError::Moved { path: self.path.clone() }) }
    }
}
