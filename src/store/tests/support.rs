//! A ledger in a folder of its own, and events made by hand.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

use crate::record::event::*;
use crate::record::id::{EventId, IncidentId, StreamId};
use crate::record::observation::{Observation, Reading};
use crate::record::testing::{LEDGER, at, attached, note, opened, person, status_down};
use crate::store::{Access, NewEvent, Prepared, Problem, Settings, Store, StoreError, VerifyReport};

/// A folder with a ledger in it, closed or open.
pub(super) struct Place {
    pub(super) dir: TempDir,
    pub(super) path: PathBuf,
}

impl Place {
    /// A folder without a ledger.
    pub(super) fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("room/ledger.db");
        Self { dir, path }
    }

    /// A folder with a new ledger.
    pub(super) fn new() -> (Self, Store) {
        let place = Self::empty();
        let store = Store::create_with(&place.path, first(), hasty()).unwrap();
        (place, store)
    }

    /// A folder with a small ledger that has one of everything that bytes can be wrong in, closed.
    pub(super) fn told() -> Self {
        let (place, mut store) = Self::new();
        tell(&mut store);
        drop(store);
        place
    }

    pub(super) fn open(&self, access: Access) -> Store {
        self.try_open(access).unwrap()
    }

    pub(super) fn try_open(&self, access: Access) -> Result<Store, StoreError> {
        Store::open_with(&self.path, access, hasty())
    }

    pub(super) fn beside(&self, suffix: &str) -> PathBuf {
        crate::store::open::beside(&self.path, suffix)
    }

    /// The names of everything in the ledger's folder, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.path.parent().unwrap().read_dir().unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The file as any other program sees it; what it writes need not survive a power cut.
    pub(super) fn raw(&self) -> Connection {
        let conn = Connection::open(&self.path).unwrap();
        conn.execute_batch("PRAGMA synchronous = OFF").unwrap();
        conn.busy_timeout(Duration::from_secs(5)).unwrap();
        conn
    }

    /// Changes the ledger as somebody does who knows the fence: takes it down and puts it up again.
    pub(super) fn tamper(&self, sql: &str) {
        unfenced(&self.raw(), |conn| conn.execute_batch(sql)).unwrap();
    }

    /// What a check of the closed ledger finds.
    pub(super) fn verify(&self) -> VerifyReport {
        verify(&self.open(Access::Read))
    }
}

/// Runs `change` with the triggers taken away, all of it or nothing.
pub(super) fn unfenced<T>(conn: &Connection, change: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let transaction = conn.unchecked_transaction()?;
    let list = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'";
    let fence: Vec<(String, String)> = conn.prepare(list)?.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?;
    for (name, _) in &fence {
        conn.execute_batch(&format!("DROP TRIGGER {name}"))?;
    }
    let done = change(conn)?;
    for (_, sql) in &fence {
        conn.execute_batch(sql)?;
    }
    transaction.commit()?;
    Ok(done)
}

/// Waits for nobody.
pub(super) fn hasty() -> Settings {
    Settings { wait: Duration::from_millis(50), ..Settings::default() }
}

/// Waits for everybody.
pub(super) fn patient() -> Settings {
    Settings { wait: Duration::from_secs(60), ..Settings::default() }
}

pub(super) fn verify(store: &Store) -> VerifyReport {
    store.verify(&mut |_| {}).unwrap()
}

/// The kinds of problems with where they are: `chain incident/… 3`.
pub(super) fn places(report: &VerifyReport) -> Vec<String> {
    let place = |p: &Problem| {
        let (stream, seq) = (p.stream.clone().unwrap_or_default(), p.seq.map_or(String::new(), |s| s.to_string()));
        format!("{} {stream} {seq}", p.kind).trim_end().to_owned()
    };
    report.problems.iter().map(place).collect()
}

/// An event that is not recorded yet, with an id of its own.
pub(super) fn new(stream: &StreamId, facts: impl Into<Facts>) -> NewEvent {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let n = COUNT.fetch_add(1, Ordering::Relaxed);
    NewEvent {
        stream: stream.clone(),
        id: EventId(Uuid::from_u128(0x0195_bb2c_0000_7000_9000_0000_0000_0000 + u128::from(n))),
        at: at("2026-03-22T02:13:00Z"),
        actor: person("T-OPS"),
        cause: None,
        facts: facts.into(),
        salt: [7; 16],
    }
}

/// A ledger's first event.
pub(super) fn first() -> NewEvent {
    new(&StreamId::ledger(), LedgerCreated { ledger: LEDGER.to_owned(), drill: false, key: None })
}

/// The stream of incident `n`.
pub(super) fn incident(n: u64) -> StreamId {
    StreamId::incident(IncidentId(Uuid::from_u128(0x0195_bb2c_0000_7000_8000_0000_0000_0000 + u128::from(n))))
}

/// The beginning of incident `n`.
pub(super) fn opening(n: u64) -> NewEvent {
    new(&incident(n), IncidentOpened { number: n, ..opened() })
}

/// A note in incident `n`.
pub(super) fn noted(n: u64, text: &str) -> NewEvent {
    new(&incident(n), note(text))
}

/// Records `events`.
pub(super) fn record(store: &mut Store, events: Vec<NewEvent>) -> Vec<Event> {
    store.append_events(&[], events).unwrap()
}

/// Records `facts` with `bytes` as their evidence, which they name from then on.
pub(super) fn record_evidence(store: &mut Store, stream: &StreamId, facts: impl Into<Facts>, bytes: &[u8]) -> Event {
    let prepared = Prepared::new(bytes).unwrap();
    let event = new(stream, naming(facts.into(), &prepared));
    let done = store.append(|tx| {
        tx.put_blob(&prepared)?;
        Ok::<_, StoreError>(vec![event])
    });
    done.unwrap().remove(0)
}

/// `facts` naming `prepared`, where they name evidence at all.
pub(super) fn naming(mut facts: Facts, prepared: &Prepared) -> Facts {
    match &mut facts {
        Facts::EvidenceAttached(x) => x.blob = prepared.blob().clone(),
        Facts::EvidenceCaptured(x) => x.observation.blob = Some(prepared.blob().clone()),
        Facts::ObservationRecorded(x) => x.observation.blob = Some(prepared.blob().clone()),
        _ => {}
    }
    facts
}

/// An observation `seconds` after the page that yields one reading.
pub(super) fn read_off(seconds: i64, name: &str, value: f64) -> Observation {
    let reading = Reading { name: name.to_owned(), origin: "https://api.example.net/".to_owned(), value };
    Observation { readings: vec![reading], blob: None, ..status_down(at("2026-03-22T02:13:00Z").plus_millis(seconds * 1000)) }
}

/// Two incidents, a deploy, an observation; notes, evidence, readings. Ten events, four blobs.
pub(super) fn tell(store: &mut Store) {
    record(store, vec![opening(1), noted(1, "first note")]);
    let captured = EvidenceCaptured { n: 1, observation: read_off(1, "agents.alive", 3.0) };
    record_evidence(store, &incident(1), captured, b"{\"agents\":{\"alive\":3}}");
    record_evidence(store, &incident(1), attached(2, "tiles.png"), &[1; 300]);
    record(store, vec![opening(2)]);
    record_evidence(store, &incident(2), attached(1, "empty.txt"), b"");
    let deploy = crate::record::testing::deploy("42", DeployStatus::Good, "2026-03-21T18:00:00Z");
    record(store, vec![new(&StreamId::deploy("121", "us-east-1", "api", "prod"), deploy)]);
    let seen = ObservationRecorded { observation: read_off(2, "agents.alive", 2.0) };
    record_evidence(store, &StreamId::observation("INC-001"), seen, b"two alive");
    record(store, vec![noted(1, "last note")]);
}
