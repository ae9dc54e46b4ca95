//! Evidence: bytes of any length, named by SHA-256(salt ‖ bytes), kept as zstd frames of at most 4 MiB raw.
//!
//! The bytes come first, in short transactions; the event that names them comes last and makes them real. What no
//! event names is an orphan. Chunks go by the salt, which is known before the first byte, so nothing is
//! ever renamed.

use std::cell::RefCell;
use std::io::{self, Read};
use std::thread;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use sha2::{Digest as _, Sha256};
use zstd::bulk::Decompressor;

use super::error::StoreError;
use super::{Store, lock, open};
use crate::record::id::Hash;
use crate::record::observation::BlobRef;

/// Raw bytes in one chunk.
const CHUNK: usize = 4 << 20;

/// The compression level: zstd's own default.
const LEVEL: i32 = 3;

/// Bytes made ready outside any transaction, see [`super::Tx::put_blob`].
#[derive(Clone, Debug)]
pub struct Prepared {
    blob: BlobRef,
    salt: [u8; 32],
    chunks: Vec<Vec<u8>>,
}

impl Prepared {
    /// Salts, hashes and compresses `bytes`.
    ///
    /// # Errors
    /// [`StoreError::Io`] without randomness or memory.
    pub fn new(bytes: &[u8]) -> Result<Self, StoreError> {
        let salt = new_salt()?;
        let digest = Hash::of(&[&salt, bytes]);
        let chunks = bytes.chunks(CHUNK).map(compress).collect::<Result<_, _>>()?;
        Ok(Self { blob: BlobRef { digest, size: bytes.len() as u64 }, salt, chunks })
    }

    /// How an event names it.
    pub fn blob(&self) -> &BlobRef {
        &self.blob
    }
}

fn new_salt() -> Result<[u8; 32], StoreError> {
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(|e| StoreError::Io { what: "no randomness".to_owned(), source: io::Error::other(e.to_string()) })?;
    Ok(salt)
}

fn compress(raw: &[u8]) -> Result<Vec<u8>, StoreError> {
    zstd::bulk::compress(raw, LEVEL).map_err(StoreError::io("cannot compress"))
}

thread_local! {
    /// To make one takes longer than to unpack a small answer with it.
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

fn decompress(body: &[u8]) -> io::Result<Vec<u8>> {
    // What the frame says is only believed as far as a chunk goes.
    let said = zstd::zstd_safe::get_frame_content_size(body).ok().flatten().and_then(|n| usize::try_from(n).ok());
    UNPACKER.with_borrow_mut(|held| {
        let unpacker = match held {
            Some(unpacker) => unpacker,
            None => held.insert(Decompressor::new()?),
        };
        unpacker.decompress(body, said.unwrap_or(CHUNK).min(CHUNK))
    })
}

/// Writes prepared bytes within the caller's transaction.
pub(super) fn insert(conn: &Connection, prepared: &Prepared) -> Result<(), StoreError> {
    for (n, body) in (0..).zip(&prepared.chunks) {
        insert_chunk(conn, &prepared.salt, n, body)?;
    }
    insert_blob(conn, &prepared.blob, &prepared.salt)
}

fn insert_chunk(conn: &Connection, salt: &[u8; 32], n: i64, body: &[u8]) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT INTO blob_chunk (salt, n, body, sum) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        salt,
        n,
        body,
        Hash::of(&[body]).0
    ])?;
    Ok(())
}

fn insert_blob(conn: &Connection, blob: &BlobRef, salt: &[u8; 32]) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT INTO blob (hash, salt, size) VALUES (?1, ?2, ?3)")?.execute(params![
        blob.digest.0,
        salt,
        blob.size.cast_signed()
    ])?;
    Ok(())
}

impl Store {
    /// Keeps what `reader` yields, at most `limit` bytes of it; says whether there was more.
    ///
    /// Memory stays flat whatever the length. The bytes are on disk when this returns, but an orphan until an
    /// event names them; they cannot be collected while this handle waits to append that event.
    ///
    /// # Errors
    /// [`StoreError::Input`] when `reader` fails: then nothing is kept.
    pub fn put_blob(&mut self, reader: impl Read, limit: Option<u64>) -> Result<(BlobRef, bool), StoreError> {
        self.may_append()?;
        if self.unnamed_blobs.is_none() {
            self.unnamed_blobs = Some(lock::shared(&open::beside(&self.path, ".blobs"))?);
        }
        let kept = self.stream_in(reader, limit);
        if let Err(e) = &kept
            && e.is_io()
        {
            self.halted = Some(super::Halt::Failed(e.to_string()));
        }
        kept
    }

    /// Each full chunk is compressed on a thread beside, while the next one is read.
    fn stream_in(&self, mut reader: impl Read, limit: Option<u64>) -> Result<(BlobRef, bool), StoreError> {
        let salt = new_salt()?;
        let mut hasher = Sha256::new_with_prefix(salt);
        let (mut size, mut n) = (0_u64, 0_i64);
        thread::scope(|scope| {
            let mut packing: Option<thread::ScopedJoinHandle<'_, Result<Vec<u8>, StoreError>>> = None;
            loop {
                let room = limit.map_or(CHUNK as u64, |l| (l - size).min(CHUNK as u64));
                let mut raw = Vec::new();
                reader.by_ref().take(room).read_to_end(&mut raw).map_err(StoreError::Input)?;
                hasher.update(&raw);
                size += raw.len() as u64;
                if let Some(packed) = packing.take() {
                    let body = packed.join().map_err(|_| StoreError::io("cannot compress")(io::Error::other("the thread died")))??;
                    self.write_chunk(&salt, n, Some(&body), None)?;
                    n += 1;
                }
                let ended = (raw.len() as u64) < room;
                let full = limit == Some(size);
                let more = full && !ended && has_more(&mut reader)?;
                if !ended && !full {
                    packing = Some(scope.spawn(move || compress(&raw)));
                    continue;
                }
                let body = if raw.is_empty() { None } else { Some(compress(&raw)?) };
                let blob = BlobRef { digest: Hash(hasher.finalize().into()), size };
                self.write_chunk(&salt, n, body.as_deref(), Some(&blob))?;
                return Ok((blob, more));
            }
        })
    }

    fn write_chunk(&self, salt: &[u8; 32], n: i64, body: Option<&[u8]>, blob: Option<&BlobRef>) -> Result<(), StoreError> {
        let started = std::time::Instant::now();
        let transaction = Transaction::new_unchecked(&self.conn, TransactionBehavior::Immediate)
            .map_err(|e| StoreError::from(e).after(started.elapsed()))?;
        if let Some(body) = body {
            insert_chunk(&self.conn, salt, n, body)?;
        }
        if let Some(blob) = blob {
            insert_blob(&self.conn, blob, salt)?;
        }
        self.in_place()?;
        transaction.commit()?;
        Ok(())
    }

    /// Opens a blob for reading; the reader fails at the end when the bytes are not those it is named after.
    ///
    /// # Errors
    /// [`StoreError::NoBlob`] when there is none.
    pub fn read_blob(&self, digest: &Hash) -> Result<BlobReader<'_>, StoreError> {
        BlobReader::open(&self.conn, *digest)
    }

    /// Reads a whole blob into memory and checks it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the bytes are not those it is named after.
    pub fn blob_bytes(&self, digest: &Hash) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        self.read_blob(digest)?.read_to_end(&mut bytes).map_err(|e| StoreError::Corrupt(e.to_string()))?;
        Ok(bytes)
    }

    /// Deletes blobs and chunks that no event names, unless somebody is about to name one. Returns how many of
    /// both went.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn collect_orphans(&mut self) -> Result<u64, StoreError> {
        self.may_append()?;
        let Some(_nobody_waits) = lock::try_exclusive(&open::beside(&self.path, ".blobs"))? else { return Ok(0) };
        let started = std::time::Instant::now();
        let transaction = Transaction::new_unchecked(&self.conn, TransactionBehavior::Immediate)
            .map_err(|e| StoreError::from(e).after(started.elapsed()))?;
        let blobs = self.conn.execute("DELETE FROM blob WHERE NOT EXISTS (SELECT 1 FROM blob_use u WHERE u.hash = blob.hash)", [])?;
        let chunks =
            self.conn.execute("DELETE FROM blob_chunk WHERE NOT EXISTS (SELECT 1 FROM blob b WHERE b.salt = blob_chunk.salt)", [])?;
        transaction.commit()?;
        Ok((blobs + chunks) as u64)
    }
}

fn has_more(reader: &mut impl Read) -> Result<bool, StoreError> {
    let mut one = [0];
    loop {
        match reader.read(&mut one) {
            Ok(n) => return Ok(n > 0),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(StoreError::Input(e)),
        }
    }
}

/// The bytes of a blob, chunk by chunk.
#[derive(Debug)]
pub struct BlobReader<'a> {
    conn: &'a Connection,
    digest: Hash,
    salt: [u8; 32],
    size: u64,
    hasher: Sha256,
    next: i64,
    seen: u64,
    raw: Vec<u8>,
    at: usize,
}

impl<'a> BlobReader<'a> {
    pub(super) fn open(conn: &'a Connection, digest: Hash) -> Result<Self, StoreError> {
        let row: Option<(Vec<u8>, i64)> = conn
            .prepare_cached("SELECT salt, size FROM blob WHERE hash = ?1")?
            .query_row([digest.0], |r| Ok((r.get(0)?, r.get(1)?)))
            .optional()?;
        let (salt, size) = row.ok_or(StoreError::NoBlob(digest))?;
        let salt: [u8; 32] = salt.try_into().map_err(|_| StoreError::Corrupt(format!("the salt of `{digest}` is not 32 bytes")))?;
        let hasher = Sha256::new_with_prefix(salt);
        Ok(Self { conn, digest, salt, size: size.cast_unsigned(), hasher, next: 0, seen: 0, raw: Vec::new(), at: 0 })
    }

    /// The salt that stands before the bytes when the digest is made.
    pub fn salt(&self) -> &[u8; 32] {
        &self.salt
    }

    /// How many bytes there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    fn fault(&self, why: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, format!("evidence `{}` {why}", self.digest.short()))
    }

    /// Fetches the next chunk; at the end checks size and digest.
    fn advance(&mut self) -> io::Result<bool> {
        let conn = self.conn;
        let mut query = conn.prepare_cached("SELECT body, sum FROM blob_chunk WHERE salt = ?1 AND n = ?2").map_err(io::Error::other)?;
        let mut rows = query.query(params![self.salt, self.next]).map_err(io::Error::other)?;
        let Some(row) = rows.next().map_err(io::Error::other)? else {
            if self.seen != self.size {
                return Err(self.fault(&format!("has {} bytes where {} belong", self.seen, self.size)));
            }
            if Hash(self.hasher.clone().finalize().into()) != self.digest {
                return Err(self.fault("does not have the bytes it is named after"));
            }
            return Ok(false);
        };
        let (body, sum) = (bytes(row, 0)?, bytes(row, 1)?);
        if Hash::of(&[body]).0.as_slice() != sum {
            return Err(self.fault(&format!("is damaged in chunk {}", self.next)));
        }
        self.raw = decompress(body).map_err(|e| self.fault(&format!("cannot be decompressed: {e}")))?;
        self.hasher.update(&self.raw);
        self.seen += self.raw.len() as u64;
        self.next += 1;
        self.at = 0;
        Ok(true)
    }
}

fn bytes<'r>(row: &'r rusqlite::Row<'_>, column: usize) -> io::Result<&'r [u8]> {
    row.get_ref(column).map_err(io::Error::other)?.as_bytes().map_err(io::Error::other)
}

impl Read for BlobReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.at == self.raw.len() {
            if !self.advance()? {
                return Ok(0);
            }
        }
        let n = buf.len().min(self.raw.len() - self.at);
        buf[..n].copy_from_slice(&self.raw[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}
