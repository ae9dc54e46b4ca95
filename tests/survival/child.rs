//! This binary again, as a process that appends until it is killed.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use blotter::record::actor::Actor;
use blotter::record::event::{EvidenceAttached, Facts, IncidentOpened, LedgerCreated, NoteAdded, RunbookRef};
use blotter::record::id::{EventId, Hash, IncidentId, StreamId};
use blotter::record::incident::Head;
use blotter::record::time::Timestamp;
use blotter::store::{Access, NewEvent, Settings, Store, StoreError};
use uuid::{NoContext, Uuid};

/// Raw bytes of the evidence that every so many events bring along: more than fits one page, and it does not compress.
const EVIDENCE: usize = 40_000;

/// A process that appends `count` times to `store` and writes the id of each acknowledged event to `acks`.
pub(crate) fn command(store: &Path, acks: &Path, count: u32) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child::a_process_that_appends", "--ignored", "--quiet"]);
    command.env("SURVIVAL_STORE", store).env("SURVIVAL_ACKS", acks).env("SURVIVAL_COUNT", count.to_string());
    command
}

/// The ids that a process wrote to `acks`.
pub(crate) fn acknowledged(acks: &Path) -> Vec<EventId> {
    let text = fs::read_to_string(acks).unwrap_or_default();
    text.lines().map(|l| EventId(l.parse().unwrap())).collect()
}

/// An event of nobody in particular.
pub(crate) fn event(stream: &StreamId, facts: impl Into<Facts>) -> NewEvent {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).unwrap();
    let at = Timestamp::from_millis(1_774_145_580_000).unwrap();
    let id = EventId(Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, 1_774_145_580, 0)));
    NewEvent { stream: stream.clone(), id, at, actor: Actor::tool(), cause: None, facts: facts.into(), salt }
}

/// A note.
pub(crate) fn note(stream: &StreamId, text: &str) -> NewEvent {
    event(stream, NoteAdded { text: text.to_owned(), section: None, occurred_at: None })
}

/// Opens the ledger, or begins it.
pub(crate) fn open(path: &Path, settings: Settings) -> Result<Store, StoreError> {
    match Store::open_with(path, Access::Append, settings.clone()) {
        Err(StoreError::NotFound { .. }) => {
            let first = event(&StreamId::ledger(), LedgerCreated { ledger: "0c9d4a2e".to_owned(), drill: false, key: None });
            Store::create_with(path, first, settings)
        }
        other => other,
    }
}

fn opened(number: u64) -> IncidentOpened {
    let text = "# INC-001: Dead Lambda\n".to_owned();
    let runbook = RunbookRef { id: "INC-001".to_owned(), title: "Dead Lambda".to_owned(), hash: Hash::of(&[text.as_bytes()]), text };
    IncidentOpened {
        number,
        runbook,
        severity: "P0".to_owned(),
        title: "Dead Lambda".to_owned(),
        vars: Default::default(),
        account: None,
        region: None,
        drill: false,
        occurred_at: None,
        late: None,
        reason: None,
    }
}

/// Appends once: mostly one note, now and then a new incident, several events at once, or evidence.
fn append_once(store: &mut Store, turn: u32, said: &mut impl FnMut(EventId)) -> Result<(), StoreError> {
    let newest = store.briefs(&Default::default())?.first().map(|b| (StreamId::incident(b.id), b.evidence, b.number));
    let (stream, evidence, number) = newest.unwrap_or((StreamId::ledger(), 0, 0));
    let new = match turn % 10 {
        _ if number == 0 || turn % 25 == 24 => {
            let stream = StreamId::incident(IncidentId(Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, 1_774_145_580, 0))));
            vec![event(&stream, opened(number + 1))]
        }
        3 => (0..5).map(|n| note(&stream, &format!("{n} of five"))).collect(),
        7 => {
            let mut bytes = vec![0; EVIDENCE];
            getrandom::fill(&mut bytes).unwrap();
            let (blob, truncated) = store.put_blob(bytes.as_slice(), None)?;
            let name = "heap.bin".to_owned();
            let facts =
                EvidenceAttached { n: evidence + 1, name, blob, truncated, redactions: Default::default(), note: None, occurred_at: None };
            vec![event(&stream, facts)]
        }
        _ => vec![note(&stream, &format!("turn {turn}"))],
    };
    let expected: Vec<(StreamId, Head)> = Vec::new();
    for event in store.append_events(&expected, new)? {
        said(event.header.id);
    }
    Ok(())
}

#[test]
#[ignore = "the others start it as a process of its own"]
fn a_process_that_appends() {
    let var = |name: &str| std::env::var(format!("SURVIVAL_{name}"));
    let Ok(path) = var("STORE") else { return };
    let settings = Settings {
        #[cfg(feature = "testing")]
        careless: var("CARELESS").is_ok(),
        ..Settings::default()
    };
    let mut acks = fs::OpenOptions::new().append(true).create(true).open(PathBuf::from(var("ACKS").unwrap())).unwrap();
    let mut store = open(Path::new(&path), settings.clone()).unwrap();
    for turn in 0..var("COUNT").unwrap().parse().unwrap() {
        // Most processes record a few events and end, and some of them put the log into the ledger then.
        if turn % 8 == 7 {
            drop(store);
            store = open(Path::new(&path), settings.clone()).unwrap();
        }
        append_once(&mut store, turn, &mut |id| writeln!(acks, "{}", id.0).unwrap()).unwrap();
    }
}
