//! Appending as whole processes: one note against SQLite's own shell, and several processes at one ledger.

use std::path::Path;
use std::process::{Command, Stdio};

use blotter::store::{Access, Store};

use super::{Done, Sample, Table, process};
use crate::{append_notes, begin, stream, time};

const BLOTTER: &str = env!("CARGO_BIN_EXE_blotter");

/// How many processes append at once, and how often each.
const CROWD: (u32, u32) = (4, 500);

/// What SQLite is told when it opens a ledger.
const PRAGMAS: [&str; 6] = [
    ".dbconfig no_ckpt_on_close on",
    "PRAGMA synchronous = FULL;",
    "PRAGMA foreign_keys = ON;",
    "PRAGMA recursive_triggers = ON;",
    "PRAGMA secure_delete = ON;",
    "PRAGMA temp_store = MEMORY;",
];

/// `blotter note` against `sqlite3` that inserts one row of the same length with the same pragmas.
pub(crate) fn noting(table: &mut Table, dir: &Path) -> Done<()> {
    let dir = dir.join("note");
    drop(begin(&dir.join("ledger.db"))?);
    let installed = dir.join("blotter");
    std::fs::copy(BLOTTER, &installed)?;
    let text = "n".repeat(297);
    let shell = |lines: &[String], db: &Path| {
        let mut command = Command::new("sqlite3");
        command.arg("-batch").args(["-cmd", ".timeout 10000"]).arg(db);
        command.args(PRAGMAS).args(lines);
        command
    };
    let plain = dir.join("plain.db");
    let made =
        ["PRAGMA journal_mode = WAL;".to_owned(), "CREATE TABLE note (at INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;".to_owned()];
    if shell(&made, &plain).stdout(Stdio::null()).status().is_err() {
        println!("no `sqlite3` here: `blotter note` is not compared");
        return Ok(());
    }
    let insert = [format!("INSERT INTO note (text) VALUES ('{text}');")];
    let (mut theirs, mut ours, mut ratio) = (Sample::default(), Sample::default(), Sample::default());
    let (mut first, mut last) = (Sample::default(), Sample::default());
    for round in 0..NOTES {
        let (peer, _) = process(&mut shell(&insert, &plain), &[0])?;
        let mut command = Command::new(&installed);
        command.env_clear().env("HOME", &dir).current_dir(&dir);
        command.args(["note", &text, "--as", "T-OPS", "--incident", "1", "--store", "ledger.db"]);
        let (own, _) = process(&mut command, &[0])?;
        // The first ones begin the logs of both.
        if round > 3 {
            if round < 44 {
                first.add(own);
            } else if round >= NOTES - 40 {
                last.add(own);
            }
            theirs.add(peer * 1000.0);
            ours.add(own * 1000.0);
            ratio.add(own / peer);
        }
    }
    table.sample("`sqlite3` inserting one row, whole process", "ms", &theirs, None);
    table.sample("`blotter note`, whole process", "ms", &ours, None);
    table.sample("`blotter note`", "x sqlite3", &ratio, Some(("<=", 2.0)));
    table.limit(&format!("the last 40 of {NOTES} notes, a process each"), "x first 40", last.median() / first.median(), Some(("<=", 1.5)));
    Ok(())
}

/// Processes that record one note each: enough for the log to begin anew a few times.
const NOTES: u32 = 240;

/// Appends `n` notes and prints how many milliseconds each took.
pub(crate) fn member(n: u32, path: &Path) -> Done<()> {
    let mut store = Store::open(path, Access::Append)?;
    for _ in 0..n {
        println!("{}", time(|| append_notes(&mut store, 1))?.0 * 1000.0);
    }
    Ok(())
}

/// Several processes that append to one ledger at once.
pub(crate) fn crowding(table: &mut Table, dir: &Path) -> Done<()> {
    let path = dir.join("crowd/ledger.db");
    drop(begin(&path)?);
    let this = std::env::current_exe()?;
    let (processes, each) = CROWD;
    let start = |_| Command::new(&this).arg("member").arg(each.to_string()).arg(&path).stdout(Stdio::piped()).spawn();
    let crowd = (0..processes).map(start).collect::<Result<Vec<_>, _>>()?;
    let (mut sample, mut errors) = (Sample::default(), 0);
    for child in crowd {
        let output = child.wait_with_output()?;
        errors += u32::from(!output.status.success());
        String::from_utf8(output.stdout)?.lines().try_for_each(|l| l.parse().map(|ms| sample.add(ms)))?;
    }
    let store = Store::open(&path, Access::Read)?;
    let recorded = store.load(&stream())?.len() as u32 - 1;
    let broken = store.verify(&mut |_| ())?.problems.len();
    let name = |what: &str| format!("{processes} processes, {each} appends each: {what}");
    table.limit(&name("errors"), "count", f64::from(errors), Some(("<=", 0.0)));
    table.limit(&name("lost"), "events", f64::from(processes * each - recorded), Some(("<=", 0.0)));
    table.limit(&name("what `verify` finds"), "count", broken as f64, Some(("<=", 0.0)));
    table.sample(&name("one append"), "ms", &sample, None);
    table.count(&name("99.9th percentile"), "ms", sample.quantile(0.999));
    Ok(())
}
