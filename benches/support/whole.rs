//! `verify` of a million events as a whole process, against reading the same rows and hashing the same bytes on one thread.

use std::path::Path;
use std::process::Command;

use blotter::app::Clock;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest as _, Sha256};

use super::{Done, Sample, Table, ledger, peak, process};
use crate::time;

const BLOTTER: &str = env!("CARGO_BIN_EXE_blotter");

/// Incidents and events; those of a ledger to compare the memory with.
const SIZES: [(u64, u64); 2] = [(20_000, 1_000_000), (2_000, 100_000)];

/// A line of the table.
pub(crate) fn verifying(table: &mut Table, dir: &Path) -> Done<()> {
    let mut peaks = Vec::new();
    for (incidents, events) in SIZES {
        let home = dir.join(format!("whole-{events}"));
        let path = home.join("ledger.db");
        ledger::generate(&path, incidents, events, Clock::system().now())?;
        let command = || {
            let mut command = Command::new(BLOTTER);
            command.env_clear().env("HOME", &home).current_dir(&home).args(["verify", "--store", "ledger.db"]);
            command
        };
        // The made-up approvals are unsigned, of which it tells.
        let told = [13];
        peaks.push(peak(&command(), &told)?);
        if events < 1_000_000 {
            continue;
        }
        let raw = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let (mut floor, mut own, mut ratio) = (Sample::default(), Sample::default(), Sample::default());
        for _ in 0..3 {
            let (read, _) = time(|| bare(&raw))?;
            let (whole, _) = process(&mut command(), &told)?;
            floor.add(read);
            own.add(whole);
            ratio.add(read / whole);
        }
        table.sample("1,000,000 events: the same rows read and bytes hashed", "s", &floor, None);
        table.sample("`verify` of 1,000,000 events, whole process", "s", &own, None);
        table.sample("`verify` of 1,000,000 events, events a second", "x floor", &ratio, Some((">=", 0.8)));
    }
    if let [Some(large), Some(small)] = peaks[..] {
        table.count("`verify` of 1,000,000 events, its peak memory", "MiB", large);
        table.limit("its peak memory beyond that for 100,000", "MiB", large - small, Some(("<=", 10.0)));
    }
    Ok(())
}

/// Everything that a check has to read and hash: headers twice (hash and leaf), payloads, evidence packed and unpacked.
fn bare(conn: &Connection) -> Done<u64> {
    let mut events = conn.prepare("SELECT stream, seq, id, type, header, hash, payload_hash FROM event ORDER BY pos")?;
    let mut payloads = conn.prepare("SELECT hash, body FROM payload ORDER BY pos")?;
    let (mut events, mut payloads) = (events.query([])?, payloads.query([])?);
    let mut right = 0;
    while let (Some(event), Some(payload)) = (events.next()?, payloads.next()?) {
        let header = event.get_ref(4)?.as_bytes()?;
        let leaf = Sha256::new().chain_update([0]).chain_update(header).finalize();
        let own = Sha256::digest(header).as_slice() == event.get_ref(5)?.as_bytes()?;
        let body = Sha256::digest(payload.get_ref(1)?.as_bytes()?);
        right += u64::from(own && body.as_slice() == payload.get_ref(0)?.as_bytes()?) + u64::from(std::hint::black_box(leaf)[0] & 1);
    }
    let mut chunks = conn.prepare("SELECT c.salt, c.body, c.sum FROM blob b JOIN blob_chunk c ON c.salt = b.salt ORDER BY b.rowid, c.n")?;
    let mut chunks = chunks.query([])?;
    while let Some(chunk) = chunks.next()? {
        let body = chunk.get_ref(1)?.as_bytes()?;
        let packed = Sha256::digest(body);
        let raw = zstd::bulk::decompress(body, 4 << 20)?;
        let unpacked = Sha256::new().chain_update(chunk.get_ref(0)?.as_bytes()?).chain_update(&raw).finalize();
        right += u64::from(packed.as_slice() == chunk.get_ref(2)?.as_bytes()?) + u64::from(std::hint::black_box(unpacked)[0] & 1);
    }
    Ok(right)
}
