//! The same incident kept by `sqlite-es`: `fill DB` reads one text per line and records each as a note, `load DB ROUNDS` prints the
//! seconds that each load and fold takes, one per line.

use std::error::Error;
use std::io::BufRead as _;
use std::time::Instant;

use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::{PersistedEventRepository, PersistedEventStore, SerializedEvent};
use cqrs_es::{Aggregate, DomainEvent, EventStore};
use serde::{Deserialize, Serialize};
use sqlite_es::{SqliteEventRepository, default_sqlite_pool};

const ID: &str = "incident/0195bb2c-0000-7000-8000-000000000001";

/// As the crate's own migration has it.
const TABLE: &str = "CREATE TABLE events (
    aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence integer CHECK (sequence >= 0) NOT NULL,
    event_type text NOT NULL, event_version text NOT NULL, payload text NOT NULL, metadata text NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)) STRICT";

#[derive(Serialize, Deserialize, Default)]
struct Incident {
    notes: Vec<String>,
}

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
struct NoteAdded {
    text: String,
}

impl DomainEvent for NoteAdded {
    fn event_type(&self) -> String {
        "note.added".to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Aggregate for Incident {
    type Command = ();
    type Error = std::convert::Infallible;
    type Event = NoteAdded;
    type Services = ();
    const TYPE: &'static str = "incident";

    async fn handle(&mut self, (): (), _: &(), _: &EventSink<Self>) -> Result<(), Self::Error> {
        Ok(())
    }

    fn apply(&mut self, event: NoteAdded) {
        self.notes.push(event.text);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, what, db, rest @ ..] = args.as_slice() else { return Err("fill DB | load DB ROUNDS".into()) };
    let pool = default_sqlite_pool(&format!("sqlite://{db}")).await;
    let repository = SqliteEventRepository::new(pool.clone());
    if what == "fill" {
        sqlx::query(TABLE).execute(&pool).await?;
        let mut events = Vec::new();
        for (n, text) in std::io::stdin().lock().lines().enumerate() {
            events.push(SerializedEvent {
                aggregate_id: ID.to_owned(),
                sequence: n + 1,
                aggregate_type: Incident::TYPE.to_owned(),
                event_type: "note.added".to_owned(),
                event_version: "1".to_owned(),
                payload: serde_json::to_value(NoteAdded { text: text? })?,
                metadata: serde_json::json!({}),
            });
        }
        repository.persist::<Incident>(&events, None).await?;
        return Ok(());
    }
    let store = PersistedEventStore::<_, Incident>::new_event_store(repository);
    for _ in 0..rest.first().ok_or("how many rounds?")?.parse::<u32>()? {
        let started = Instant::now();
        let loaded = store.load_aggregate(ID).await?;
        println!("{} {}", started.elapsed().as_secs_f64(), loaded.aggregate.notes.len());
    }
    Ok(())
}
