//! The gate against the simulated stack: what runs, what does not, and what is written down.

use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::app::Clock;
use crate::app::deploys::{self, RecordRequest};
use crate::app::drill::Drill;
use crate::app::page::{self, OpenRequest};
use crate::app::select::pick;
use crate::config::{Config, Person};
use crate::record::action::{Action, ActionStatus, Progress as Went};
use crate::record::actor::Actor;
use crate::record::approval::ApprovalText;
use crate::record::deploy::Deploys;
use crate::record::event::DeployStatus;
use crate::record::incident::Status;
use crate::record::observation::Source;
use crate::record::time::Timestamp;
use crate::simulator::Simulator;

mod advice;
mod attack;
mod between;
mod gate;
mod glass;
mod kinds;
mod look;
mod unknown;
mod verify;

/// A broken stack, a drill's ledger in a folder of its own, and an incident that was opened on it.
struct Bench {
    folder: tempfile::TempDir,
    drill: Drill,
}

fn person(name: &str) -> Actor {
    Actor { name: name.to_owned(), is_person: true, via: "flag".to_owned() }
}

impl Bench {
    /// Breaks the stack as `scenario` says and opens `runbook` on it. The clock stands still until it is turned.
    async fn open(runbook: &str, scenario: &str) -> Self {
        Self::open_after(runbook, scenario, |_| {}).await
    }

    /// The same; `spoil` has the stack before anything is asked of it.
    async fn open_after(runbook: &str, scenario: &str, spoil: impl FnOnce(&Simulator)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now: Timestamp = "2026-03-22T02:13:00Z".parse().unwrap();
        let clock = Clock::simulated(Arc::new(move || now), Arc::new(|_| {}));
        let mut config = Config { store: folder.path().join("none.db"), exports: folder.path().join("exports"), ..Config::default() };
        for name in ["T-OPS", "T-JOSH", "T-ANN"] {
            config.people.insert(name.to_owned(), Person::default());
        }
        let aws = crate::aws::Settings::new(clock.as_fn());
        let base = Ctx { config, clock, actor: person("T-OPS"), drill: false, aws, flag_vars: Vec::new(), notices: Default::default() };
        let store: PathBuf = folder.path().join("drill.db");
        let drill = Drill::start(&base, runbook, Some(scenario), Some(store)).unwrap();
        let bench = Self { folder, drill };
        bench.known_good();
        spoil(bench.stack());
        let request = OpenRequest { runbook: runbook.to_owned(), ..OpenRequest::default() };
        page::open(&bench.drill.ctx, &request, &|_| {}, std::future::pending()).await.unwrap();
        bench
    }

    /// A runbook of that text on the stack of a dead Lambda.
    async fn open_text(text: &str, spoil: impl FnOnce(&Simulator)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.md");
        std::fs::write(&path, text).unwrap();
        Self::open_after(path.to_str().unwrap(), "INC-001", spoil).await
    }

    async fn dead_lambda() -> Self {
        Self::open("INC-001", "INC-001").await
    }

    fn known_good(&self) {
        let request = RecordRequest {
            function: Some("mission-control-api".to_owned()),
            alias: Some("prod".to_owned()),
            version: "41".to_owned(),
            from: Some("40".to_owned()),
            status: DeployStatus::Good,
            commit: None,
            note: None,
            by: None,
            at: Some("2026-03-20T00:00:00Z".parse().unwrap()),
            status_only: false,
        };
        deploys::record(&self.drill.ctx, request).unwrap();
    }

    fn stack(&self) -> &Simulator {
        &self.drill.stack
    }

    fn as_(&self, actor: Actor) -> Ctx {
        Ctx { actor, ..self.drill.ctx.clone() }
    }

    fn store(&self) -> Store {
        self.drill.ctx.append().unwrap()
    }

    async fn propose(&self, block: &str, set: &[(&str, &str)]) -> Result<Acted, AppError> {
        let set = set.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let (mut store, request) = (self.store(), ProposeRequest { block: block.to_owned(), set });
        let picked = pick(&store, None).unwrap();
        propose(&self.as_(person("T-OPS")), &mut store, &picked, &request, SILENT, std::future::pending()).await
    }

    fn approve(&self, who: Actor, n: u64) -> Result<approval::Granted, AppError> {
        let mut store = self.store();
        let picked = pick(&store, None).unwrap();
        let ctx = self.as_(who);
        let text = approval::request(&ctx, &store, &picked, &approval::Wish { n, ..approval::Wish::default() })?;
        let armored = self.sign(&ctx, &text);
        approval::grant(&ctx, &mut store, &picked, n, &text.render(), &armored)
    }

    /// Signs with the drill's key of the approver.
    fn sign(&self, ctx: &Ctx, text: &ApprovalText) -> String {
        let crate::app::signing::Tool::Throwaway(key) = crate::app::signing::tool(ctx, None, &text.approver).unwrap() else { panic!() };
        key.sign(text.render().as_bytes(), crate::sign::APPROVAL).unwrap()
    }

    async fn execute(&self, n: u64) -> Result<Executed, AppError> {
        self.execute_with(person("T-OPS"), ExecuteRequest::new(n)).await
    }

    async fn execute_with(&self, who: Actor, request: ExecuteRequest) -> Result<Executed, AppError> {
        let mut store = self.store();
        let picked = pick(&store, None).unwrap();
        execute(&self.as_(who), &mut store, &picked, &request, SILENT, std::future::pending()).await
    }

    /// Proposes `block` and has it approved.
    async fn ready(&self, block: &str) {
        self.propose(block, &[]).await.unwrap();
        self.approve(person("T-JOSH"), 1).unwrap();
    }

    /// Records that `a<n>` was started on an alias that was read as `before`; no call follows.
    fn start(&self, n: u64, before: serde_json::Value) {
        let mut store = self.store();
        let picked = pick(&store, None).unwrap();
        let start = Command::Start { n, before, source: Source::default(), glass: None };
        carry(&self.drill.ctx, &mut store, &picked, start, Vec::new()).unwrap();
    }

    fn incident(&self) -> Incident {
        let store = self.store();
        current(&store, &pick(&store, None).unwrap()).unwrap()
    }

    fn action(&self, n: u64) -> Action {
        self.incident().action(n).unwrap().clone()
    }

    fn status(&self, n: u64) -> ActionStatus {
        self.action(n).status(self.drill.ctx.now(), false)
    }

    /// Types of the incident's events from the proposal on, evidence and escalations left out.
    fn story(&self) -> Vec<String> {
        let store = self.store();
        let events = store.load(&StreamId::incident(pick(&store, None).unwrap().brief.id)).unwrap();
        let kinds = events.into_iter().map(|e| e.header.kind).skip_while(|k| k != "action.proposed");
        kinds.filter(|k| !k.starts_with("evidence.") && !k.starts_with("escalation.")).collect()
    }

    /// Version, weights and revision of the alias.
    fn alias(&self) -> crate::simulator::world::Alias {
        self.stack().edit(|w| w.functions["mission-control-api"].aliases["prod"].clone())
    }

    fn turn(&self, ms: u64) {
        let clock = self.drill.ctx.clock.clone();
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(clock.sleep(ms)));
    }
}

/// The text of the built-in runbook, to be changed.
const DEAD_LAMBDA: &str = include_str!("../../../runbooks/INC-001-dead-lambda.md");

const SILENT: Watch<'static> = Watch { probes: &|_| {}, tell: &|_| {} };

fn deploys_of(store: &Store) -> Vec<(Option<String>, String, DeployStatus, String)> {
    let stream = StreamId::deploy("121546003735", "us-east-1", "mission-control-api", "prod");
    let all = Deploys::fold(&store.load(&stream).unwrap());
    all.all().iter().map(|d| (d.facts.from.clone(), d.facts.to.clone(), d.facts.status, d.facts.source.clone())).collect()
}
