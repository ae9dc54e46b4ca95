//! Reading a long incident and folding it, against the bare rows and against two libraries that do the same.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use blotter::record::incident::Incident;
use rusqlite::{Connection, OpenFlags};

use super::{Done, Sample, Table};
use crate::{begin, note_of, stream, time};

/// Notes of the incident.
const NOTES: usize = 100_000;

/// A line of the table.
pub(crate) fn replaying(table: &mut Table, dir: &Path) -> Done<()> {
    let path = dir.join("replay/ledger.db");
    let mut store = begin(&path)?;
    let texts: Vec<String> = (0..NOTES).map(|n| format!("{n:0>6} {}", "n".repeat(290))).collect();
    for some in texts.chunks(2_000) {
        store.append_events(&[], some.iter().map(|t| note_of(t.clone())).collect())?;
    }
    let raw = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let (mut floor, mut own, mut ratio) = (Sample::default(), Sample::default(), Sample::default());
    for round in 0..6 {
        let (select, bytes) = time(|| bare(&raw))?;
        let (folded, incident) = time(|| Ok(Incident::fold(&store.load(&stream())?)?))?;
        if incident.head.seq != NOTES as u64 + 1 || bytes < NOTES * 400 {
            return Err(format!("{} events, {bytes} bytes", incident.head.seq).into());
        }
        // The first one warms the caches.
        if round > 0 {
            floor.add(select * 1000.0);
            own.add(folded * 1000.0);
            ratio.add(select / folded);
        }
    }
    table.sample("a bare SELECT of the 100,001 events of one incident", "ms", &floor, None);
    table.sample("loaded and folded", "ms", &own, None);
    table.sample("loaded and folded, events a second", "x SELECT", &ratio, Some((">=", 0.3)));
    let told = dir.join("replay/notes.txt");
    fs::write(&told, texts.join("\n") + "\n")?;
    for (name, program) in [("eventsourcing 9.5.6", eventsourcing()), ("sqlite-es 0.5", sqlite_es())] {
        match program {
            Ok(command) => {
                let peer = measure(command, &told, &dir.join("replay").join(name.replace(' ', "-") + ".db"))?;
                table.sample(&format!("the same notes in {name}"), "ms", &peer, None);
                table.limit(&format!("loaded and folded, against {name}"), "x faster", peer.median() / own.median(), Some((">=", 1.0)));
            }
            Err(why) => println!("{name} is not compared: {why}"),
        }
    }
    Ok(())
}

/// Header and payload of every event of the stream, in order, looked at as text; how many bytes that is.
fn bare(conn: &Connection) -> Done<usize> {
    let mut query = conn
        .prepare_cached("SELECT e.header, p.body FROM event e LEFT JOIN payload p ON p.pos = e.pos WHERE e.stream = ?1 ORDER BY e.seq")?;
    let mut rows = query.query([stream().as_str()])?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        bytes += row.get_ref(0)?.as_str()?.len() + row.get_ref(1)?.as_str()?.len();
    }
    Ok(bytes)
}

type Peer = (String, Vec<String>);

/// Fills the peer's store from the file `told` and lets it load three times.
fn measure((program, words): Peer, told: &Path, db: &Path) -> Done<Sample> {
    let fill = Command::new(&program).args(&words).arg("fill").arg(db).stdin(Stdio::from(File::open(told)?)).status()?;
    let output = Command::new(&program).args(&words).arg("load").arg(db).arg("4").output()?;
    let mut sample = Sample::default();
    for line in String::from_utf8(output.stdout)?.lines().skip(1) {
        let (seconds, notes) = line.split_once(' ').ok_or("seconds and a number")?;
        if notes.parse::<usize>()? != NOTES {
            return Err(format!("{program} found {notes} notes").into());
        }
        sample.add(seconds.parse::<f64>()? * 1000.0);
    }
    if fill.success() && output.status.success() { Ok(sample) } else { Err(format!("{program} failed").into()) }
}

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(name)
}

/// Python's package, put into an environment of its own below the target folder.
fn eventsourcing() -> Done<Peer> {
    let python = super::python(&["eventsourcing==9.5.6"])?;
    Ok((python, vec![here("eventsourcing_peer.py").display().to_string()]))
}

/// Built as a program of its own, since it brings another SQLite.
fn sqlite_es() -> Done<Peer> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-peers");
    let manifest = here("sqlite-es/Cargo.toml");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--release", "--locked", "--quiet", "--manifest-path"]).arg(&manifest).arg("--target-dir").arg(&target);
    if !build.status()?.success() {
        return Err("it cannot be built".into());
    }
    Ok((target.join("release/sqlite-es-peer").display().to_string(), Vec::new()))
}
