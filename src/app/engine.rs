//! Runs probes: all at once, each distinct request once, one after another only where one needs another's result.
//!
//! Joins `collect` (asks), `redact` (takes secrets out) and `runbook` (judges). Stores nothing.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::ctx::Clock;
use super::{AppError, when};
use crate::collect::question::{self, BadAnswer};
use crate::collect::{self, Answer, Request, World};
use crate::record::deploy::DeployFacts;
use crate::record::observation::{Observation, Reading, Source};
use crate::record::time::Timestamp;
use crate::record::verdict::Outcome;
use crate::redact::Redactor;
use crate::runbook::judge::{Judged, Look, judge};
use crate::runbook::model::{Probe, ProbeSource, Runbook};
use crate::runbook::template::{self, Env};

/// What a person answered to an `ask`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PersonSays {
    /// The answer itself.
    pub answer: String,
    /// What they added.
    pub note: Option<String>,
}

/// The probes of one runbook that are to be run.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// The runbook.
    pub runbook: &'a Runbook,
    /// Effective variables.
    pub vars: BTreeMap<String, Value>,
    /// Region that beats the runbook's and the blocks'.
    pub region: Option<String>,
    /// Account that beats the runbook's.
    pub account: Option<String>,
    /// The probes, in the runbook's order.
    pub probes: Vec<&'a Probe>,
    /// The incident's number, for placeholders.
    pub incident: Option<u64>,
    /// Answers to `ask` probes.
    pub answers: BTreeMap<String, PersonSays>,
    /// Results that are already known, by probe id, for probes that are not run again.
    pub prior: BTreeMap<String, Value>,
    /// What the deploy record says, by `region/function:alias`.
    pub deploys: BTreeMap<String, DeployFacts>,
}

/// What one probe brought back.
#[derive(Clone, Debug)]
pub struct Captured {
    /// Index of the job.
    pub job: usize,
    /// Everything but the blob, which the store names.
    pub observation: Observation,
    /// The whole redacted answer; shared by probes that share a request.
    pub bytes: Option<Arc<Vec<u8>>>,
    /// The result that expressions see.
    pub result: Option<Value>,
    /// False when nothing may be concluded from it, e.g. because it does not cover what it has to.
    pub usable: bool,
}

/// What happens while probes run.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// A probe's question was sent.
    Started {
        /// The probe's id.
        probe: &'a str,
    },
    /// Its answer is here, or will not come.
    Finished {
        /// The probe's id.
        probe: &'a str,
        /// How asking ended.
        outcome: Outcome,
    },
}

/// What a collection brought back.
#[derive(Debug)]
pub struct Collected {
    /// In the order of jobs and probes.
    pub captured: Vec<Captured>,
    /// True when it was cut short.
    pub interrupted: bool,
}

/// An answer with secrets taken out.
#[derive(Debug)]
struct Clean {
    answer: Answer,
    bytes: Option<Arc<Vec<u8>>>,
    redactions: BTreeMap<String, u64>,
}

#[derive(Debug)]
enum Node {
    Waiting,
    Asked,
    Done(Arc<Clean>),
}

/// Runs all probes of all jobs. When `cancel` completes first, what is unfinished is `skipped`.
pub async fn run(
    world: Arc<World>,
    redactor: &Redactor,
    clock: &Clock,
    jobs: &[Job<'_>],
    progress: &(dyn Fn(Progress<'_>) + Sync),
    cancel: impl Future<Output = ()>,
) -> Collected {
    let mut run = Run {
        jobs,
        redactor,
        clock,
        progress,
        nodes: jobs.iter().map(|j| j.probes.iter().map(|_| Node::Waiting).collect()).collect(),
        results: jobs.iter().map(|j| j.prior.clone()).collect(),
        asked: HashMap::new(),
        tasks: JoinSet::new(),
    };
    tokio::pin!(cancel);
    let mut interrupted = false;
    run.advance(&world);
    while !run.tasks.is_empty() {
        tokio::select! {
            biased;
            done = run.tasks.join_next() => {
                if let Some(Ok((key, answer))) = done {
                    run.finish(&key, answer);
                }
                run.advance(&world);
            }
            () = &mut cancel, if !interrupted => {
                interrupted = true;
                run.tasks.abort_all();
            }
        }
    }
    let captured = run.judged(interrupted);
    Collected { captured, interrupted }
}

struct Run<'r, 'j> {
    jobs: &'r [Job<'j>],
    redactor: &'r Redactor,
    clock: &'r Clock,
    progress: &'r (dyn Fn(Progress<'_>) + Sync),
    nodes: Vec<Vec<Node>>,
    results: Vec<BTreeMap<String, Value>>,
    /// Request → the probes that wait for its one answer, as (job, probe).
    asked: HashMap<String, Vec<(usize, usize)>>,
    tasks: JoinSet<(String, Answer)>,
}

impl Run<'_, '_> {
    /// Sends every question whose needs are met; settles those that can never be asked.
    fn advance(&mut self, world: &Arc<World>) {
        // Settling one probe may free or doom another: go round until nothing moves.
        loop {
            let mut fresh: Vec<(String, Request)> = Vec::new();
            let mut moved = false;
            for j in 0..self.jobs.len() {
                for p in 0..self.jobs[j].probes.len() {
                    if !matches!(self.nodes[j][p], Node::Waiting) {
                        continue;
                    }
                    match self.ready(j, p) {
                        Ready::NotYet => {}
                        Ready::Settled(clean) => {
                            moved = true;
                            self.settle(j, p, clean);
                        }
                        Ready::Ask(request) => {
                            self.nodes[j][p] = Node::Asked;
                            (self.progress)(Progress::Started { probe: &self.jobs[j].probes[p].id });
                            let key = request_key(&request);
                            if let Some(waiting) = self.asked.get_mut(&key) {
                                waiting.push((j, p));
                                // Not sent yet: the longest time limit wins.
                                if let Some((_, r)) = fresh.iter_mut().find(|(k, _)| *k == key) {
                                    r.timeout = r.timeout.max(request.timeout);
                                }
                            } else {
                                self.asked.insert(key.clone(), vec![(j, p)]);
                                fresh.push((key, *request));
                            }
                        }
                    }
                }
            }
            for (key, request) in fresh {
                let world = Arc::clone(world);
                self.tasks.spawn(async move { (key, collect::ask(&world, &request).await) });
            }
            if !moved {
                return;
            }
        }
    }

    fn ready(&self, j: usize, p: usize) -> Ready {
        let job = &self.jobs[j];
        let probe = job.probes[p];
        for need in template::dependencies(probe) {
            match job.probes.iter().position(|x| x.id == need) {
                Some(i) => match &self.nodes[j][i] {
                    Node::Done(c) if c.answer.result.is_none() => {
                        let why = format!("`{need}` gave no answer ({})", c.answer.outcome);
                        return Ready::Settled(self.skipped(probe, &why));
                    }
                    Node::Done(_) => {}
                    _ => return Ready::NotYet,
                },
                None if job.prior.contains_key(&need) => {}
                None => return Ready::Settled(self.skipped(probe, &format!("`{need}` was not asked"))),
            }
        }
        let ProbeSource::Ask { kind, params } = &probe.source else { return self.look_again(j, probe) };
        if kind == "ask" {
            return Ready::Settled(self.person_says(job, probe, params));
        }
        let env = Env { vars: &job.vars, results: &self.results[j], deploy: None, incident: job.incident };
        match template::resolve(params, &env) {
            Err(e) => Ready::Settled(self.skipped(probe, &format!("`{}`: {}", e.placeholder, e.because))),
            Ok(params) => {
                let region = job.region.clone().or_else(|| probe.region.clone()).or_else(|| job.runbook.region.clone());
                let deploy_current =
                    deploy_key(region.as_deref(), &params).and_then(|k| job.deploys.get(&k)).and_then(|d| d.current.clone());
                Ready::Ask(Box::new(Request {
                    probe: probe.id.clone(),
                    kind: kind.clone(),
                    params,
                    timeout: Duration::from_millis(probe.timeout_ms),
                    region,
                    account: job.account.clone().or_else(|| job.runbook.account.clone()),
                    deploy_current,
                }))
            }
        }
    }

    /// Another look at an answer that is already here.
    fn look_again(&self, j: usize, probe: &Probe) -> Ready {
        let ProbeSource::From(parent) = &probe.source else { return Ready::NotYet };
        let job = &self.jobs[j];
        let here = job.probes.iter().position(|x| x.id == *parent).map(|i| &self.nodes[j][i]);
        match here {
            Some(Node::Done(c)) => Ready::Settled(Arc::clone(c)),
            Some(_) => Ready::NotYet,
            None => Ready::Settled(self.skipped(probe, &format!("`{parent}` was not asked"))),
        }
    }

    fn person_says(&self, job: &Job<'_>, probe: &Probe, params: &Map<String, Value>) -> Arc<Clean> {
        let question = params.get("question").cloned().unwrap_or(Value::Null);
        match job.answers.get(&probe.id) {
            None => self.skipped(probe, "nobody has answered yet"),
            Some(says) => match typed(params, says, self.clock.now()) {
                Err(why) => self.skipped(probe, &why.to_string()),
                Ok(result) => {
                    let mut c = self.empty(probe, Outcome::Answered, None);
                    c.request = json!({"kind": "ask", "question": question});
                    c.result = Some(result);
                    self.clean(c)
                }
            },
        }
    }

    fn skipped(&self, probe: &Probe, why: &str) -> Arc<Clean> {
        self.clean(self.empty(probe, Outcome::Skipped, Some(why.to_owned())))
    }

    fn empty(&self, probe: &Probe, outcome: Outcome, reason: Option<String>) -> Answer {
        let request = match &probe.source {
            ProbeSource::Ask { kind, .. } => json!({ "kind": kind }),
            ProbeSource::From(id) => json!({ "from": id }),
        };
        Answer {
            outcome,
            reason,
            result: None,
            truncated: false,
            started_at: self.clock.now(),
            duration_ms: 0,
            source: Source::default(),
            origin: "person".to_owned(),
            request,
            doubt: None,
        }
    }

    fn clean(&self, mut answer: Answer) -> Arc<Clean> {
        let mut redactions = BTreeMap::new();
        for value in [answer.result.as_mut(), Some(&mut answer.request)].into_iter().flatten() {
            for (rule, n) in self.redactor.redact_value(value) {
                *redactions.entry(rule).or_insert(0) += n;
            }
        }
        if let Some(reason) = &answer.reason {
            let mut v = Value::String(reason.clone());
            self.redactor.redact_value(&mut v);
            answer.reason = v.as_str().map(str::to_owned);
        }
        let bytes = answer.result.as_ref().map(|r| Arc::new(r.to_string().into_bytes()));
        Arc::new(Clean { answer, bytes, redactions })
    }

    fn finish(&mut self, key: &str, answer: Answer) {
        let clean = self.clean(answer);
        for (j, p) in self.asked.get(key).cloned().unwrap_or_default() {
            self.settle(j, p, Arc::clone(&clean));
        }
    }

    fn settle(&mut self, j: usize, p: usize, clean: Arc<Clean>) {
        let probe = self.jobs[j].probes[p];
        (self.progress)(Progress::Finished { probe: &probe.id, outcome: clean.answer.outcome });
        // Placeholders see the selected parts too; the verdict is found once everything is here.
        let judged = judge(probe, &look(&clean, true));
        if let Some(r) = judged.result {
            self.results[j].insert(probe.id.clone(), r);
        }
        self.nodes[j][p] = Node::Done(clean);
    }

    fn judged(mut self, interrupted: bool) -> Vec<Captured> {
        let mut out = Vec::new();
        for j in 0..self.jobs.len() {
            for p in 0..self.jobs[j].probes.len() {
                if !matches!(self.nodes[j][p], Node::Done(_)) {
                    let why = if interrupted { "interrupted" } else { "it needs a probe that needs it" };
                    let clean = self.skipped(self.jobs[j].probes[p], why);
                    self.nodes[j][p] = Node::Done(clean);
                }
            }
        }
        let answered: usize = self.nodes.iter().flatten().filter(|n| matches!(n, Node::Done(c) if is_from_the_world(&c.answer))).count();
        for (j, job) in self.jobs.iter().enumerate() {
            for (p, probe) in job.probes.iter().enumerate() {
                let Node::Done(clean) = &self.nodes[j][p] else { continue };
                let others = answered > usize::from(is_from_the_world(&clean.answer));
                let judged = judge(probe, &look(clean, others));
                out.push(Captured {
                    job: j,
                    observation: observation(probe, clean, &judged),
                    bytes: clean.bytes.clone(),
                    usable: judged.usable,
                    result: judged.result,
                });
            }
        }
        out
    }
}

enum Ready {
    NotYet,
    Settled(Arc<Clean>),
    Ask(Box<Request>),
}

/// An answer by a person says nothing about our own network.
fn is_from_the_world(a: &Answer) -> bool {
    a.outcome == Outcome::Answered && a.source.endpoint.is_some()
}

fn look(clean: &Clean, others_answered: bool) -> Look<'_> {
    let a = &clean.answer;
    Look {
        outcome: a.outcome,
        reason: a.reason.as_deref(),
        result: a.result.as_ref(),
        truncated: a.truncated,
        at: a.started_at,
        others_answered,
        doubt: a.doubt.as_deref(),
    }
}

fn observation(probe: &Probe, clean: &Clean, judged: &Judged) -> Observation {
    let a = &clean.answer;
    Observation {
        probe: probe.id.clone(),
        step: probe.step,
        kind: probe.kind().to_owned(),
        request: match &probe.source {
            ProbeSource::From(id) => json!({ "from": id }),
            ProbeSource::Ask { .. } => a.request.clone(),
        },
        outcome: a.outcome,
        reason: a.reason.clone(),
        doubt: a.doubt.clone(),
        verdict: judged.verdict,
        observed: judged.observed.clone(),
        expectations: judged.expectations.clone(),
        readings: judged
            .readings
            .iter()
            .map(|(name, value)| Reading { name: name.clone(), origin: a.origin.clone(), value: *value })
            .collect(),
        shown: judged.shown.clone(),
        started_at: a.started_at,
        duration_ms: a.duration_ms,
        source: a.source.clone(),
        blob: None,
        truncated: a.truncated,
        redactions: clean.redactions.clone(),
    }
}

/// The answers that a question offers, beside "cannot tell", which every one takes; none where it is open.
pub fn choices(params: &Map<String, Value>) -> Vec<String> {
    question::choices(params).into_iter().filter(|c| c != question::CANNOT_TELL).collect()
}

/// Reads what a person said as the question wants it; a time may be said as everywhere else.
fn typed(params: &Map<String, Value>, says: &PersonSays, now: Timestamp) -> Result<Value, BadAnswer> {
    let is_time = params.get("type").and_then(Value::as_str) == Some("time");
    let at = (is_time && says.answer.trim().parse::<Timestamp>().is_err()).then(|| when::parse(&says.answer, now).ok()).flatten();
    let said = at.map_or_else(|| says.answer.clone(), |t| t.to_string());
    question::read(params, &said, says.note.as_deref())
}

/// Refuses answers that are none to the question, before anything is asked.
///
/// # Errors
/// The first answer that the question does not allow.
pub fn check_answers(runbook: &Runbook, answers: &BTreeMap<String, PersonSays>, now: Timestamp) -> Result<(), AppError> {
    for (id, says) in answers {
        let probe = runbook.probes.iter().find(|p| p.id == *id);
        match probe.map(|p| &p.source) {
            Some(ProbeSource::Ask { kind, params }) if kind == "ask" => typed(params, says, now).map(drop).map_err(|e| {
                AppError::usage(format!("{id}: {e}")).hint(format!("Whoever cannot say answers \"{}\".", question::CANNOT_TELL))
            })?,
            Some(_) => return Err(AppError::usage(format!("`{id}` is no question to a person")).hint("Look again without `--answer`.")),
            None => {}
        }
    }
    Ok(())
}

/// Equal resolved requests share one call.
fn request_key(r: &Request) -> String {
    json!([r.kind, r.params, r.region, r.account, r.deploy_current]).to_string()
}

/// Where the deploy record of a probe's or action's alias is filed.
pub fn deploy_key(region: Option<&str>, params: &Map<String, Value>) -> Option<String> {
    let text = |k: &str| params.get(k).and_then(Value::as_str);
    Some(format!("{}/{}:{}", region?, text("function")?, text("alias")?))
}
