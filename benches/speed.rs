//! How fast the record is kept, and how soon a page is answered, each as a ratio to a floor that was measured in
//! the same minute. `cargo bench` prints one table and writes it as `target/bench/speed.json`; `cargo bench -- PART…`
//! measures only some of it, see [`PARTS`].
#![expect(clippy::print_stdout, reason = "what it prints is all that it is for")]

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use blotter::record::actor::Actor;
use blotter::record::event::{IncidentOpened, LedgerCreated, NoteAdded, RunbookRef};
use blotter::record::id::{EventId, Hash, IncidentId, StreamId};
use blotter::record::observation::Sample as Point;
use blotter::record::time::Timestamp;
use blotter::runbook::condition::parse_window;
use blotter::runbook::window;
use blotter::simulator::{self, Fault, Rule, Simulator, World, scenario};
use blotter::store::{Access, NewEvent, Store};
use serde_json::Value;
use uuid::Uuid;

mod support;

use support::{Done, Sample, Table, age, bulk, crowd, ledger, ms, pasted, process, replay, syncs_per, time, whole};

/// The slowest answer of the simulated stack; it makes every probe wait this long.
const LATENCY: Duration = Duration::from_millis(200);

type Part = fn(&mut Table, &Path) -> Done<()>;

/// What can be measured, by name.
const PARTS: [(&str, Part); 14] = [
    ("append", appending),
    ("grow", growing),
    ("note", crowd::noting),
    ("crowd", crowd::crowding),
    ("replay", replay::replaying),
    ("open", opening),
    ("pasted", pasted::pasting),
    ("triage", triaging),
    ("window", windows),
    ("start", starting),
    ("redact", bulk::redacting),
    ("attach", bulk::attaching),
    ("verify", whole::verifying),
    ("age", age::aging),
];

fn main() -> Done<()> {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1..).unwrap_or_default() {
        // Called by itself under `strace`.
        [what, n, path] if what == "append" => {
            let path = Path::new(path);
            let mut store = if path.exists() { Store::open(path, Access::Append)? } else { begin(path)? };
            return append_notes(&mut store, n.parse()?);
        }
        // Called by itself, several times at once.
        [what, n, path] if what == "member" => return crowd::member(n.parse()?, Path::new(path)),
        // For a look at the large ledger by hand.
        [what, incidents, events, path] if what == "generate" => {
            let now = blotter::app::Clock::system().now();
            return ledger::generate(Path::new(path), incidents.parse()?, events.parse()?, now);
        }
        _ => {}
    }
    let mut table = Table::default();
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let chosen: Vec<&String> = args.iter().skip(1).filter(|a| *a != "--bench").collect();
    if let Some(other) = chosen.iter().find(|c| PARTS.iter().all(|(name, _)| *c != name)) {
        let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        return Err(format!("there is no part `{other}`; there are {}", names.join(", ")).into());
    }
    for (name, measure) in PARTS {
        if chosen.is_empty() || chosen.iter().any(|c| *c == name) {
            measure(&mut table, dir.path())?;
        }
    }
    print!("{}", table.text());
    println!("written to {}", table.write("speed")?.display());
    Ok(())
}

/// Durable appends against an append and a flush of one page to a file in the same folder.
fn appending(table: &mut Table, dir: &Path) -> Done<()> {
    let path = dir.join("append/ledger.db");
    let mut store = begin(&path)?;
    let mut plain = OpenOptions::new().create(true).append(true).open(dir.join("append/plain"))?;
    let (mut single, mut batch) = (Sample::default(), Sample::default());
    let (mut floor_ms, mut single_ms) = (Sample::default(), Sample::default());
    append_notes(&mut store, 200)?;
    for _ in 0..25 {
        let (mut floor, mut one, mut hundred) = (Sample::default(), Sample::default(), Sample::default());
        for _ in 0..10 {
            let (page, ()) = time(|| flush_page(&mut plain))?;
            let (event, ()) = time(|| append_notes(&mut store, 1))?;
            floor.add(page);
            one.add(event);
            floor_ms.add(page * 1000.0);
            single_ms.add(event * 1000.0);
        }
        for _ in 0..2 {
            let notes = (0..100).map(|_| note()).collect();
            hundred.add(time(|| Ok(store.append_events(&[], notes)?))?.0);
        }
        single.add(floor.median() / one.median());
        batch.add(100.0 * floor.median() / hundred.median());
    }
    table.sample("floor: 4 KiB appended and flushed", "ms", &floor_ms, None);
    table.sample("append of one 400-byte event", "ms", &single_ms, None);
    table.sample("append of one event, events a second", "x floor", &single, Some((">=", 0.8)));
    table.sample("append of 100 events at once, events a second", "x floor", &batch, Some((">=", 12.0)));
    drop(store);
    let this = std::env::current_exe()?;
    let run = |n: u32| {
        let mut command = Command::new(&this);
        command.arg("append").arg(n.to_string()).arg(&path);
        Ok(command)
    };
    if let Some(syncs) = syncs_per(20, run)? {
        table.count("flushes of one append", "calls", syncs);
    }
    Ok(())
}

/// Pages that one append writes, by the length of its stream.
fn growing(table: &mut Table, dir: &Path) -> Done<()> {
    for length in [10_u64, 1_000, 100_000] {
        let path = dir.join(format!("grow-{length}/ledger.db"));
        let mut store = begin(&path)?;
        let mut left = length - 1;
        while left > 0 {
            let n = left.min(1000);
            store.append_events(&[], (0..n).map(|_| note()).collect())?;
            left -= n;
        }
        // With an empty log, its length afterwards is what was written.
        store.scrub()?;
        let wal = PathBuf::from(format!("{}-wal", path.display()));
        append_notes(&mut store, 1)?;
        let before = wal.metadata()?.len();
        // As many as wait for the index of words at most: one of them takes all of them in.
        append_notes(&mut store, 64)?;
        let frames = (wal.metadata()?.len() - before) as f64 / (4096.0 + 24.0);
        table.count(&format!("append to a stream of {length} events"), "pages", frames / 64.0);
    }
    Ok(())
}

/// `open INC-001` as a whole process, against the slowest of its probes.
fn opening(table: &mut Table, dir: &Path) -> Done<()> {
    // AWS clients sign by the real time.
    let now = blotter::app::Clock::system();
    let mut world = World::seed(simulator::Clock::reading(move || now.now()));
    scenario::break_it("INC-001", &mut world)?;
    let stack = Simulator::start(world)?;
    stack.fault(Rule::new("*", Fault::Latency(LATENCY)));
    let (mut ratio, mut over) = (Sample::default(), Sample::default());
    let (mut whole, mut slowest) = (Sample::default(), Sample::default());
    for n in 0..16 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blotter"));
        command.env_clear().env("HOME", dir).env("AWS_ENDPOINT_URL", stack.url());
        command.env("AWS_ACCESS_KEY_ID", "AKIABENCH").env("AWS_SECRET_ACCESS_KEY", "bench");
        command.args(["open", "INC-001", "--json", "--another", "--as", "T-OPS", "--var"]).arg(format!("api={}", stack.api_url()));
        command.arg("--store").arg(dir.join("open/ledger.db")).current_dir(dir);
        let (seconds, printed) = process(&mut command, &[0])?;
        let probe = slowest_probe(&serde_json::from_slice(&printed)?)?;
        // The first one makes the ledger.
        if n > 0 {
            whole.add(seconds * 1000.0);
            slowest.add(probe);
            ratio.add(seconds * 1000.0 / probe);
            over.add(seconds * 1000.0 - 1.15 * probe);
        }
    }
    let name = format!("slowest probe of INC-001, every answer {} ms late", ms(LATENCY));
    table.sample(&name, "ms", &slowest, None);
    table.sample("`open INC-001`, whole process", "ms", &whole, None);
    table.sample("`open INC-001`, whole process", "x probe", &ratio, None);
    table.sample("`open INC-001` beyond 1.15 x its slowest probe", "ms", &over, Some(("<=", 30.0)));
    Ok(())
}

/// `triage` over the five built-in runbooks as a whole process, against the delay of every answer.
fn triaging(table: &mut Table, dir: &Path) -> Done<()> {
    let now = blotter::app::Clock::system();
    let mut world = World::seed(simulator::Clock::reading(move || now.now()));
    scenario::break_it("INC-001", &mut world)?;
    let stack = Simulator::start(world)?;
    stack.fault(Rule::new("*", Fault::Latency(LATENCY)));
    let (mut ratio, mut whole) = (Sample::default(), Sample::default());
    for _ in 0..12 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blotter"));
        command.env_clear().env("HOME", dir).env("AWS_ENDPOINT_URL", stack.url());
        command.env("AWS_ACCESS_KEY_ID", "AKIABENCH").env("AWS_SECRET_ACCESS_KEY", "bench");
        command.args(["triage", "--json", "--var"]).arg(format!("api={}", stack.api_url()));
        command.arg("--store").arg(dir.join("triage/ledger.db")).current_dir(dir);
        let (seconds, _) = process(&mut command, &[0, 10, 11])?;
        whole.add(seconds * 1000.0);
        ratio.add(seconds * 1000.0 / ms(LATENCY));
    }
    table.sample(&format!("`triage` of five runbooks, every answer {} ms late", ms(LATENCY)), "ms", &whole, None);
    table.sample("`triage` of five runbooks", "x answer", &ratio, None);
    Ok(())
}

/// A window over a year of readings taken every ten minutes, against one pass that only adds them up.
fn windows(table: &mut Table, _: &Path) -> Done<()> {
    let now = blotter::app::Clock::system().now();
    let samples: Vec<Point> =
        (0..52_560_i64).map(|k| Point { at: now.plus_millis((k - 52_560) * 600_000), value: (k % 1_000) as f64 }).collect();
    let test = parse_window("increase(errors, 365d) > 1000000000").map_err(|e| format!("{e:?}"))?;
    let (mut once, mut sum, mut ratio, mut sweep) = (Sample::default(), Sample::default(), Sample::default(), Sample::default());
    for _ in 0..25 {
        let (floor, added) = time(|| Ok(samples.iter().map(|s| s.value).sum::<f64>()))?;
        let (one, evaluated) = time(|| Ok(window::evaluate(&samples, &test, now)))?;
        let (all, met) = time(|| Ok(window::first_met(&samples, &test, samples[0].at, now)))?;
        std::hint::black_box((added, evaluated, met));
        sum.add(floor * 1000.0);
        once.add(one * 1000.0);
        ratio.add(one / floor);
        sweep.add(all / one);
    }
    table.sample("52,560 readings added up", "ms", &sum, None);
    table.sample("a window of a year of them", "ms", &once, None);
    table.sample("a window of a year of them", "x sum", &ratio, None);
    table.sample("the same as of each of them", "x one", &sweep, None);
    Ok(())
}

/// The duration of the probe that took longest, in milliseconds.
fn slowest_probe(shown: &Value) -> Done<f64> {
    let evidence = shown["evidence"].as_array().ok_or("`open --json` shows no evidence")?;
    let answered = evidence.iter().filter(|e| e["outcome"] == "answered");
    let longest = answered.filter_map(|e| e["duration_ms"].as_f64()).max_by(f64::total_cmp);
    longest.ok_or_else(|| format!("nothing answered: {shown}").into())
}

/// Start-up against a program that does nothing.
fn starting(table: &mut Table, dir: &Path) -> Done<()> {
    // Installed: the linker leaves its output in small pieces of the page cache, a copy lies there in large ones.
    let installed = dir.join("blotter");
    std::fs::copy(env!("CARGO_BIN_EXE_blotter"), &installed)?;
    let (mut ours, mut nothing, mut over) = (Sample::default(), Sample::default(), Sample::default());
    for _ in 0..60 {
        let (idle, _) = process(&mut Command::new("/bin/true"), &[0])?;
        let (version, _) = process(Command::new(&installed).arg("--version"), &[0])?;
        nothing.add(idle * 1000.0);
        ours.add(version * 1000.0);
        over.add((version - 2.0 * idle) * 1000.0);
    }
    table.sample("`/bin/true`, whole process", "ms", &nothing, None);
    table.sample("`blotter --version`, whole process", "ms", &ours, None);
    table.sample("`blotter --version` beyond 2 x `true`", "ms", &over, Some(("<=", 2.0)));
    Ok(())
}

fn flush_page(file: &mut File) -> Done<()> {
    file.write_all(&[7; 4096])?;
    Ok(file.sync_data()?)
}

/// A ledger with one incident.
fn begin(path: &Path) -> Done<Store> {
    let created = LedgerCreated { ledger: Uuid::now_v7().to_string(), drill: false, key: None };
    let mut store = Store::create(path, event(StreamId::ledger(), created))?;
    let runbook = RunbookRef { id: "INC-001".to_owned(), title: "Bench".to_owned(), hash: Hash::ZERO, text: String::new() };
    let opened = IncidentOpened {
        number: 1,
        runbook,
        severity: "P0".to_owned(),
        title: "Bench".to_owned(),
        vars: BTreeMap::new(),
        account: None,
        region: None,
        drill: false,
        occurred_at: None,
        late: None,
        reason: None,
    };
    store.append_events(&[], vec![event(stream(), opened)])?;
    Ok(store)
}

fn append_notes(store: &mut Store, n: u32) -> Done<()> {
    for _ in 0..n {
        store.append_events(&[], vec![note()])?;
    }
    Ok(())
}

fn stream() -> StreamId {
    StreamId::incident(IncidentId(Uuid::from_u128(0x0195_bb2c_0000_7000_8000_0000_0000_0001)))
}

/// A note whose payload is 400 bytes long.
fn note() -> NewEvent {
    note_of("n".repeat(297))
}

fn note_of(text: String) -> NewEvent {
    event(stream(), NoteAdded { text, section: None, occurred_at: None })
}

fn event(stream: StreamId, facts: impl Into<blotter::record::event::Facts>) -> NewEvent {
    let id = Uuid::now_v7();
    NewEvent {
        stream,
        id: EventId(id),
        at: Timestamp::from_millis(1_774_145_580_000).unwrap_or_else(|| unreachable!("an instant in 2026")),
        actor: Actor { name: "T-OPS".to_owned(), is_person: true, via: "flag".to_owned() },
        cause: None,
        facts: facts.into(),
        salt: *id.as_bytes(),
    }
}
