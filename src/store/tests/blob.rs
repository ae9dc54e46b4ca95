use std::io::{self, Read};

use super::support::*;
use crate::record::id::Hash;
use crate::record::testing::attached;
use crate::store::{Access, Prepared, Store, StoreError};

const MIB: usize = 1 << 20;

/// Bytes that do not compress, the same on every run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(step).collect()
}

fn read_back(store: &Store, digest: &Hash) -> Vec<u8> {
    store.blob_bytes(digest).unwrap()
}

/// Chunks of each blob, in order of their number.
fn chunks(place: &Place) -> Vec<(i64, i64)> {
    let conn = place.raw();
    let mut query = conn.prepare("SELECT n, length(body) FROM blob_chunk ORDER BY salt, n").unwrap();
    query.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect()
}

#[test]
fn bytes_come_back_whole_and_are_named_by_salt_and_bytes() {
    let (_place, mut store) = Place::new();
    for length in [0, 1, 300, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 9 * MIB] {
        let bytes = noise(length);
        let (streamed, truncated) = store.put_blob(bytes.as_slice(), None).unwrap();
        assert_eq!((streamed.size, truncated), (length as u64, false));
        let reader = store.read_blob(&streamed.digest).unwrap();
        assert_eq!((streamed.digest, reader.size()), (Hash::of(&[reader.salt(), &bytes]), length as u64));
        assert!(read_back(&store, &streamed.digest) == bytes, "{length}");
    }
}

#[test]
fn bytes_prepared_and_bytes_streamed_are_kept_alike() {
    let (place, mut store) = Place::new();
    let bytes = noise(4 * MIB + 7);
    store.put_blob(bytes.as_slice(), None).unwrap();
    let streamed = chunks(&place);
    assert_eq!(streamed.iter().map(|c| c.0).collect::<Vec<_>>(), [0, 1]);
    store.collect_orphans().unwrap();
    let prepared = Prepared::new(&bytes).unwrap();
    assert_eq!(store.collect_orphans().unwrap(), 0, "while a handle waits to name it, an orphan stays");
    record(&mut store, vec![opening(1)]);
    assert_eq!(store.collect_orphans().unwrap(), 3);
    let event = new(&incident(1), naming(attached(1, "a").into(), &prepared));
    store.append(|tx| tx.put_blob(&prepared).map(|_| vec![event])).unwrap();
    assert_eq!(chunks(&place), streamed);
    assert!(read_back(&store, &prepared.blob().digest) == bytes);
}

#[test]
fn what_compresses_is_kept_compressed() {
    let (place, mut store) = Place::new();
    let (blob, _) = store.put_blob(io::repeat(b'x').take(5 * MIB as u64), None).unwrap();
    let kept: i64 = chunks(&place).iter().map(|c| c.1).sum();
    assert!(kept < 2000, "{kept} bytes");
    assert_eq!(read_back(&store, &blob.digest).len(), 5 * MIB);
}

#[test]
fn the_same_bytes_twice_are_two_blobs_that_nobody_can_tell_are_the_same() {
    let (_place, mut store) = Place::new();
    let (one, _) = store.put_blob(b"same".as_slice(), None).unwrap();
    let (two, _) = store.put_blob(b"same".as_slice(), None).unwrap();
    assert_ne!(one.digest, two.digest);
    assert_eq!(read_back(&store, &one.digest), read_back(&store, &two.digest));
    let prepared = Prepared::new(b"once").unwrap();
    record(&mut store, vec![opening(1)]);
    let twice = store.append(|tx| {
        tx.put_blob(&prepared)?;
        tx.put_blob(&prepared).map(|_| Vec::new())
    });
    assert!(matches!(twice.unwrap_err(), crate::store::AppendError::Refused(StoreError::Fence(_))));
    record(&mut store, vec![noted(1, "and nothing is spoilt")]);
}

#[test]
fn a_limit_cuts_and_says_so_only_when_there_was_more() {
    let (_place, mut store) = Place::new();
    let limits =
        [(10, Some(10), 10, false), (11, Some(10), 10, true), (9, Some(10), 9, false), (1, Some(0), 0, true), (0, Some(0), 0, false)];
    for (length, limit, kept, cut) in limits {
        let bytes = noise(length);
        let (blob, truncated) = store.put_blob(bytes.as_slice(), limit).unwrap();
        assert_eq!((blob.size, truncated), (kept, cut), "{length} of {limit:?}");
        assert_eq!(read_back(&store, &blob.digest), bytes[..usize::try_from(kept).unwrap()]);
    }
    let edge = noise(4 * MIB + 1);
    let (blob, truncated) = store.put_blob(edge.as_slice(), Some(4 * MIB as u64)).unwrap();
    assert_eq!((blob.size, truncated), (4 * MIB as u64, true));
}

/// Yields a few bytes at a time, then what `last` says.
struct Trickle {
    left: usize,
    last: Option<io::ErrorKind>,
}

impl Read for Trickle {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = buf.len().min(self.left).min(1 << 16);
        self.left -= n;
        buf[..n].fill(b't');
        match (n, self.last) {
            (0, Some(kind)) => Err(kind.into()),
            _ => Ok(n),
        }
    }
}

#[test]
fn a_source_that_trickles_is_kept_and_one_that_fails_is_not() {
    let (place, mut store) = Place::new();
    let (blob, _) = store.put_blob(Trickle { left: 5 * MIB, last: None }, None).unwrap();
    assert_eq!(read_back(&store, &blob.digest), vec![b't'; 5 * MIB]);
    let failed = store.put_blob(Trickle { left: 9 * MIB, last: Some(io::ErrorKind::BrokenPipe) }, None).unwrap_err();
    assert!(matches!(&failed, StoreError::Input(e) if e.kind() == io::ErrorKind::BrokenPipe), "{failed}");
    let blobs: i64 = place.raw().query_row("SELECT count(*) FROM blob", [], |r| r.get(0)).unwrap();
    assert_eq!(blobs, 1);
    // The chunk that was written before it failed, the next one being packed, is an orphan, and the ledger goes on.
    record(&mut store, vec![opening(1)]);
    assert_eq!(store.collect_orphans().unwrap(), 4);
    assert_eq!(chunks(&place), []);
}

#[test]
fn orphans_go_and_what_an_event_names_stays() {
    let place = Place::told();
    let mut store = place.open(Access::Append);
    let named = chunks(&place).len();
    let before = crate::store::Store::open(&place.path, Access::Append).unwrap().put_blob(b"nobody names me".as_slice(), None).unwrap();
    assert_eq!(store.collect_orphans().unwrap(), 2, "its handle is closed: a blob and its one chunk");
    assert!(matches!(store.read_blob(&before.0.digest), Err(StoreError::NoBlob(_))));
    assert_eq!(chunks(&place).len(), named);
    assert_eq!(store.collect_orphans().unwrap(), 0);
    assert!(verify(&store).is_ok());
}

#[test]
fn a_blob_about_to_be_named_is_not_collected_by_another_handle() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    let mut other = place.open(Access::Append);
    let (blob, _) = other.put_blob(b"soon".as_slice(), None).unwrap();
    assert_eq!(store.collect_orphans().unwrap(), 0);
    let facts = crate::record::event::EvidenceAttached { blob: blob.clone(), ..attached(1, "soon.txt") };
    record(&mut other, vec![new(&incident(1), facts)]);
    assert_eq!(store.collect_orphans().unwrap(), 0);
    assert_eq!(read_back(&store, &blob.digest), b"soon");
}

#[test]
fn an_event_must_name_its_evidence_by_digest_and_size() {
    let (_place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    let (mut blob, _) = store.put_blob(b"four".as_slice(), None).unwrap();
    blob.size = 5;
    let facts = crate::record::event::EvidenceAttached { blob: blob.clone(), ..attached(1, "a") };
    let refused = store.append_events(&[], vec![new(&incident(1), facts)]).unwrap_err();
    assert!(matches!(refused, StoreError::NoBlob(d) if d == blob.digest), "{refused}");
}

#[test]
fn a_reader_hands_out_chunks_and_fails_at_the_end_when_they_are_others() {
    let (place, mut store) = Place::new();
    record(&mut store, vec![opening(1)]);
    let bytes = noise(4 * MIB + 5);
    let event = record_evidence(&mut store, &incident(1), attached(1, "a"), &bytes);
    let digest = crate::store::projection::blob(&event.facts).unwrap().digest;
    let mut reader = store.read_blob(&digest).unwrap();
    let mut some = vec![0; 100];
    reader.read_exact(&mut some).unwrap();
    assert_eq!(some, bytes[..100]);
    drop(reader);
    drop(store);
    place.tamper("DELETE FROM blob_chunk WHERE n = 1");
    let store = place.open(Access::Read);
    let mut reader = store.read_blob(&digest).unwrap();
    let mut all = Vec::new();
    let failed = reader.read_to_end(&mut all).unwrap_err();
    assert_eq!((failed.kind(), all.len()), (io::ErrorKind::InvalidData, 4 * MIB));
    assert!(failed.to_string().ends_with("has 4194304 bytes where 4194309 belong"), "{failed}");
    assert!(matches!(store.blob_bytes(&digest), Err(StoreError::Corrupt(_))));
}
