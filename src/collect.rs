//! Asks the world. Changes nothing.
//!
//! Never meets `store` or `perform`. Each kind of probe is one file; [`ask`] wraps every one in its own time
//! limit, and every way of not getting an answer is an [`Answer`] with the outcome that names it.

use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::aws::{Aws, Clock, Identity, Settings, Trouble, Witness};
use crate::record::observation::Source;
use crate::record::time::Timestamp;
use crate::record::verdict::Outcome;
use crate::redact::Redactor;

pub mod question;

mod cloudwatch;
mod http;
mod json;
mod lambda;
mod logs;
mod params;
mod registry;
mod ses;
mod sfn;

use params::Params;
pub use registry::kinds;

/// A finished probe waits this long at most for STS to say whose account it was.
const IDENTITY_WAIT: Duration = Duration::from_secs(2);

/// One question to the world, with every placeholder resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Id of the probe, for people.
    pub probe: String,
    /// Kind, e.g. `http`.
    pub kind: String,
    /// The kind's own keys.
    pub params: Map<String, Value>,
    /// How long all of it may take, finding credentials included.
    pub timeout: Duration,
    /// AWS region; an AWS probe without one is skipped.
    pub region: Option<String>,
    /// AWS account that must answer.
    pub account: Option<String>,
    /// Version last recorded for the alias that is asked about.
    pub deploy_current: Option<String>,
}

/// What came back, or why nothing did.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// How asking ended.
    pub outcome: Outcome,
    /// Why there is no answer; on an answer, what is worth knowing about it (a body that is not UTF-8).
    pub reason: Option<String>,
    /// The answer in the API's own names; what there was of it where a limit or a fault cut it.
    pub result: Option<Value>,
    /// A limit cut what was fetched.
    pub truncated: bool,
    /// When asking began.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration_ms: u64,
    /// Who answered.
    pub source: Source,
    /// Where readings of it come from: a URL, or `account/region/resource`.
    pub origin: String,
    /// The question as sent, without secrets.
    pub request: Value,
    /// Why no verdict may rest on it although it was answered: another account, or an error about the question.
    pub doubt: Option<String>,
}

/// What asking needs: connections, AWS, and the time. Cheap to make; nothing is built before it is needed.
pub struct World {
    aws: Aws,
    clock: Clock,
    http: http::Clients,
}

impl World {
    /// A world that AWS is asked in as `settings` say.
    pub fn new(settings: Settings) -> Self {
        Self::with(Aws::new(settings))
    }

    /// A world that shares an AWS configuration (and what it already knows) with others.
    pub fn with(aws: Aws) -> Self {
        Self { clock: aws.settings().clock.clone(), aws, http: http::Clients::default() }
    }

    /// The AWS configuration, to share.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }
}

/// One question while it is being asked. What a kind has found so far lies here, so that a time limit keeps it.
struct Asking<'a> {
    world: &'a World,
    request: &'a Request,
    params: Params<'a>,
    region: &'a str,
    witness: Witness,
    kept: Mutex<Kept>,
}

/// What is known before the answer is whole.
#[derive(Default)]
struct Kept {
    sent: Option<Value>,
    resource: Option<String>,
    /// Makes what there is of the answer.
    partial: Option<Box<dyn FnOnce() -> Value + Send>>,
    source: Source,
}

impl Asking<'_> {
    fn keep(&self, change: impl FnOnce(&mut Kept)) {
        change(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Notes the question as sent, and the resource that it is about.
    fn sent(&self, resource: &str, sent: Value) {
        self.keep(|k| {
            k.sent = Some(sent);
            k.resource = Some(resource.to_owned());
        });
    }

    /// Notes what there is of the answer so far.
    fn partial(&self, result: Value) {
        self.partial_when(move || result);
    }

    /// Notes how to find what there is of the answer when the time is over.
    fn partial_when(&self, make: impl FnOnce() -> Value + Send + 'static) {
        self.keep(|k| k.partial = Some(Box::new(make)));
    }

    fn now(&self) -> Timestamp {
        (self.world.clock)()
    }
}

/// What a kind found.
#[derive(Debug, Default)]
struct Found {
    result: Value,
    truncated: bool,
    reason: Option<String>,
}

impl From<Value> for Found {
    fn from(result: Value) -> Self {
        Self { result, ..Self::default() }
    }
}

/// Why a kind found nothing, or not all.
#[derive(Debug)]
struct NoAnswer {
    outcome: Outcome,
    reason: String,
    result: Option<Value>,
    truncated: bool,
}

impl NoAnswer {
    fn new(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self { outcome, reason: reason.into(), result: None, truncated: false }
    }

    /// The question cannot be asked as it stands.
    fn skipped(reason: impl Into<String>) -> Self {
        Self::new(Outcome::Skipped, reason)
    }
}

impl From<Trouble> for NoAnswer {
    /// An error about the question itself is an answer, kept as `{error: {code, message}}`.
    fn from(trouble: Trouble) -> Self {
        let error = |code: &str| json!({ "error": { "code": code, "message": trouble.reason } });
        let result = match (trouble.outcome, &trouble.code) {
            (Outcome::Answered, Some(code)) => Some(error(code)),
            _ => None,
        };
        Self { outcome: trouble.outcome, reason: trouble.reason, result, truncated: false }
    }
}

/// Asks one question. Never fails and never takes longer than the request's time limit.
pub async fn ask(world: &World, request: &Request) -> Answer {
    let started_at = (world.clock)();
    let begun = Instant::now();
    let deadline = tokio::time::Instant::from_std(begun) + request.timeout;
    let region = request.region.as_deref().unwrap_or_default();
    let asking = Asking { world, request, params: Params(&request.params), region, witness: world.aws.witness(), kept: Mutex::default() };

    let is_aws = request.kind.starts_with("aws.");
    let identity = (is_aws && !region.is_empty()).then(|| {
        let (aws, region) = (world.aws.clone(), region.to_owned());
        tokio::spawn(async move { aws.identity(&region).await })
    });
    let ended = if is_aws && region.is_empty() {
        Err(NoAnswer::skipped("no region: set it in the runbook's [aws] or blotter.toml"))
    } else {
        let asked = tokio::time::timeout_at(deadline, unpanicked(registry::ask(&asking))).await;
        asked.unwrap_or_else(|_| Err(too_slow(&asking)))
    };
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);

    let identity = match identity {
        // Without credentials STS has nothing to say either.
        Some(task) if !matches!(&ended, Err(e) if matches!(e.outcome, Outcome::NoCredentials | Outcome::Skipped)) => {
            let until = deadline.min(tokio::time::Instant::now() + IDENTITY_WAIT);
            tokio::time::timeout_at(until, task).await.ok().and_then(Result::ok).and_then(Result::ok)
        }
        _ => None,
    };
    conclude(asking, ended, started_at, duration_ms, identity)
}

fn conclude(
    asking: Asking<'_>,
    ended: Result<Found, NoAnswer>,
    started_at: Timestamp,
    duration_ms: u64,
    identity: Option<Identity>,
) -> Answer {
    let request = asking.request;
    let kept = asking.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
    let is_aws = request.kind.starts_with("aws.");
    let mut source = kept.source;
    if is_aws {
        let seen = asking.witness.seen();
        source.endpoint = seen.endpoint;
        source.server_date = seen.server_date;
        source.skew_ms = seen.skew_ms;
        source.region = request.region.clone();
        source.account = identity.as_ref().map(|i| i.account.clone());
        source.arn = identity.map(|i| i.arn);
    }
    let resource = kept.resource.unwrap_or_else(|| request.kind.clone());
    let origin = if is_aws {
        let or_dash = |s: &Option<String>| s.clone().unwrap_or_else(|| "-".to_owned());
        format!("{}/{}/{resource}", or_dash(&source.account), or_dash(&source.region))
    } else {
        resource
    };
    let mut sent = kept.sent.unwrap_or_else(|| Value::Object(request.params.clone()));
    Redactor::default().redact_value(&mut sent);

    let mut doubt = wrong_account(request, &source);
    let (outcome, reason, result, truncated) = match ended {
        Ok(found) => (Outcome::Answered, found.reason, Some(found.result), found.truncated),
        Err(none) => {
            if none.outcome == Outcome::Answered {
                doubt = doubt.or_else(|| Some(none.reason.clone()));
            }
            // What had arrived before it failed is evidence, and not all there was.
            let partial = none.result.is_none().then_some(kept.partial).flatten().map(|make| make());
            let truncated = none.truncated || partial.is_some();
            (none.outcome, Some(none.reason), none.result.or(partial), truncated)
        }
    };
    Answer { outcome, reason, result, truncated, started_at, duration_ms, source, origin, request: sent, doubt }
}

fn wrong_account(request: &Request, source: &Source) -> Option<String> {
    let (wanted, got) = (request.account.as_ref()?, source.account.as_ref()?);
    (wanted != got).then(|| format!("wrong account: {got} answered, expected {wanted}"))
}

fn too_slow(asking: &Asking<'_>) -> NoAnswer {
    let limit = crate::record::time::human_span(i64::try_from(asking.request.timeout.as_millis()).unwrap_or(i64::MAX));
    let seen = asking.witness.seen();
    let tried = match (seen.attempts, seen.status) {
        (n @ 1.., Some(status)) if status >= 400 => format!(" (attempts: {n}, the last answer was HTTP {status})"),
        _ => String::new(),
    };
    NoAnswer::new(Outcome::Timeout, format!("no answer within {limit}{tried}"))
}

/// Turns a panic of a library (or of our own) into an observation: the other probes' evidence must not go with it.
async fn unpanicked(ask: impl Future<Output = Result<Found, NoAnswer>>) -> Result<Found, NoAnswer> {
    let mut ask = std::pin::pin!(ask);
    std::future::poll_fn(move |context| {
        std::panic::catch_unwind(AssertUnwindSafe(|| ask.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Err(NoAnswer::new(Outcome::Malformed, "asking failed within blotter itself: this is a bug"))))
    })
    .await
}

#[cfg(test)]
mod tests;
