//! Changes the world; only the gate in `app::action` calls it.
//!
//! One file per kind. Each kind prepares (reads the world, completes the request, says it in one sentence),
//! performs (one call per target, never tried again by itself) and reconciles (looks afterwards whether it is
//! so). Never meets `store` or `collect`.

use std::error::Error;
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::{Map, Value};

use crate::aws::{Aws, Identity, Trouble, Witness, trouble};
use crate::record::observation::Source;
use crate::record::verdict::Outcome;

mod lambda;
mod manual;
mod ses;
mod sfn;
#[cfg(test)]
mod tests;

/// What reading the world before a call may take, all of it.
const LOOK_WITHIN: Duration = Duration::from_secs(20);
/// What one changing call may take; afterwards nobody can say how it ended.
pub const CALL_WITHIN: Duration = Duration::from_secs(30);

/// The keys of a request: the kind's own, with `account`, `region` and `endpoint` for AWS.
pub type Arguments = Map<String, Value>;

/// A change that is to be prepared.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Kind, e.g. `aws.lambda.update-alias`.
    pub kind: &'a str,
    /// The kind's own keys, resolved just now.
    pub params: &'a Arguments,
    /// AWS region; none for what is not AWS.
    pub region: Option<&'a str>,
    /// Names of the keys that a person gave.
    pub by_hand: &'a [String],
    /// What was approved, when it is about to run: a list of targets is taken from there.
    pub approved: Option<&'a Arguments>,
}

/// A change with everything that it needs to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The whole request.
    pub arguments: Arguments,
    /// The request in one plain sentence.
    pub text: String,
    /// What was read of the world, e.g. the alias with its RevisionId.
    pub before: Value,
    /// Who answered.
    pub source: Source,
}

/// Why a change cannot be prepared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cannot {
    /// The world could not be asked.
    #[error("{0}")]
    Look(Trouble),
    /// The world was asked, and the change would be impossible, wrong or pointless.
    #[error("{0}")]
    Refused(String),
}

impl From<Trouble> for Cannot {
    /// An answer about the question itself (no such function) is no trouble with looking.
    fn from(t: Trouble) -> Self {
        if t.outcome == Outcome::Answered { Self::Refused(t.reason) } else { Self::Look(t) }
    }
}

/// How a change ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// It was made.
    Done {
        /// What the world answered.
        result: Value,
        /// What is now so, on one line.
        text: String,
    },
    /// It was refused or failed: nothing was changed, or no more than `result` says.
    Failed {
        /// What the world answered, e.g. the outcome for each target.
        result: Value,
        /// Why, on one line.
        error: String,
    },
    /// The request may have been carried out, and nobody can say.
    Unknown {
        /// Why, on one line.
        error: String,
    },
}

/// Reads the world for a change and completes its request. Changes nothing.
///
/// # Errors
/// The world could not be asked, or says that the change makes no sense.
pub async fn prepare(aws: &Aws, identity: Option<&Identity>, wanted: &Wanted<'_>) -> Result<Prepared, Cannot> {
    let reading = async {
        let mut prepared = match wanted.kind {
            "aws.lambda.update-alias" => lambda::prepare(aws, wanted).await?,
            "aws.sfn.stop-executions" => sfn::prepare(aws, wanted).await?,
            "aws.ses.request-production-access" => ses::prepare(aws, wanted).await?,
            "manual" => manual::prepare(wanted)?,
            other => return Err(Cannot::Refused(format!("no action of kind `{other}` is known"))),
        };
        if let Some(identity) = identity {
            place(&mut prepared, identity, wanted.region.unwrap_or_default());
        }
        Ok(prepared)
    };
    tokio::time::timeout(LOOK_WITHIN, reading).await.unwrap_or_else(|_| {
        let reason = format!("no answer within {} s", LOOK_WITHIN.as_secs());
        Err(Cannot::Look(Trouble::new(Outcome::Timeout, reason)))
    })
}

/// Adds where it happens to the request, the sentence and the source.
fn place(prepared: &mut Prepared, identity: &Identity, region: &str) {
    let endpoint = prepared.source.endpoint.clone().unwrap_or_default();
    for (key, value) in [("account", identity.account.as_str()), ("region", region), ("endpoint", &endpoint)] {
        prepared.arguments.insert(key.to_owned(), Value::from(value));
    }
    prepared.text.push_str(&format!(", in account {}, region {region}, at {endpoint}", identity.account));
    prepared.source.region = Some(region.to_owned());
    prepared.source.account = Some(identity.account.clone());
    prepared.source.arn = Some(identity.arn.clone());
}

/// Makes the change that was approved, guarded by what was read just before. One call per target, never tried again.
pub async fn perform(aws: &Aws, kind: &str, arguments: &Arguments, before: &Value, within: Duration) -> Ended {
    match kind {
        "aws.lambda.update-alias" => lambda::perform(aws, arguments, before, within).await,
        "aws.sfn.stop-executions" => sfn::perform(aws, arguments, before, within).await,
        "aws.ses.request-production-access" => ses::perform(aws, arguments, before, within).await,
        other => Ended::Failed { result: Value::Null, error: format!("blotter cannot perform an action of kind `{other}`") },
    }
}

/// Looks whether a change is so whose outcome is not known. Changes nothing.
///
/// [`Ended::Failed`] means that it is not in effect, [`Ended::Unknown`] that looking did not tell.
pub async fn reconcile(aws: &Aws, kind: &str, arguments: &Arguments, before: &Value) -> Ended {
    let looking = async {
        match kind {
            "aws.lambda.update-alias" => lambda::reconcile(aws, arguments, before).await,
            "aws.sfn.stop-executions" => sfn::reconcile(aws, arguments, before).await,
            "aws.ses.request-production-access" => ses::reconcile(aws, arguments, before).await,
            other => Err(Trouble::new(Outcome::Skipped, format!("blotter cannot look for an action of kind `{other}`"))),
        }
    };
    let late = || Trouble::new(Outcome::Timeout, format!("no answer within {} s", LOOK_WITHIN.as_secs()));
    let looked = tokio::time::timeout(LOOK_WITHIN, looking).await.unwrap_or_else(|_| Err(late()));
    looked.unwrap_or_else(|t| Ended::Unknown { error: format!("could not look: {t}") })
}

/// The version that an alias points at now.
///
/// # Errors
/// The world could not be asked, or there is no such alias.
pub async fn live_version(aws: &Aws, region: &str, function: &str, alias: &str) -> Result<String, Cannot> {
    let late = |_| Trouble::new(Outcome::Timeout, format!("no answer within {} s", LOOK_WITHIN.as_secs()));
    Ok(tokio::time::timeout(LOOK_WITHIN, lambda::live(aws, region, function, alias)).await.map_err(late)??.version)
}

/// The endpoint that a call of this kind would go to; nothing is sent.
///
/// # Errors
/// There are no credentials, or the kind has no endpoint.
pub async fn endpoint(aws: &Aws, kind: &str, region: &str) -> Result<String, Trouble> {
    let witness = match kind {
        "aws.lambda.update-alias" => lambda::unsent(aws, region).await?,
        "aws.sfn.stop-executions" => sfn::unsent(aws, region).await?,
        "aws.ses.request-production-access" => ses::unsent(aws, region).await?,
        _ => aws.witness(),
    };
    witness.seen().endpoint.ok_or_else(|| Trouble::new(Outcome::Skipped, format!("no endpoint is known for `{kind}` in {region}")))
}

/// Stops a call when all is known of it, just before it would be sent.
#[derive(Debug)]
struct Halt;

impl Intercept for Halt {
    fn name(&self) -> &'static str {
        "Halt"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        Err("not to be sent".into())
    }
}

/// What a witness saw, as a source.
fn source(witness: &Witness) -> Source {
    let seen = witness.seen();
    Source { endpoint: seen.endpoint, server_date: seen.server_date, skew_ms: seen.skew_ms, ..Source::default() }
}

/// Waits for one changing call, no longer than `within`.
async fn bounded<T, E>(within: Duration, call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>) -> Result<T, Ended>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match tokio::time::timeout(within, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(e)) => Err(ended(&e)),
        Err(_) => Err(Ended::Unknown { error: format!("no answer within {} s; the request was sent", within.as_secs_f64()) }),
    }
}

/// What an error of a changing call means.
///
/// Refused: the service itself said so (an error code below 500), or the request never left. Everything else,
/// such as a cut connection, a 5xx, an answer that cannot be read or a proxy's page, says nothing about the change.
fn ended<E>(error: &SdkError<E, HttpResponse>) -> Ended
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let found = trouble(error);
    let refused = match error {
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            context.err().code().is_some() && status < 500 && status != 408
        }
        SdkError::ConstructionFailure(_) => true,
        SdkError::DispatchFailure(_) => found.outcome == Outcome::NoCredentials || never_sent(error),
        _ => false,
    };
    if refused { Ended::Failed { result: Value::Null, error: found.reason } } else { Ended::Unknown { error: found.reason } }
}

/// True when no connection came about, so that nothing can have arrived.
fn never_sent(error: &(dyn Error + 'static)) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if text.contains("client error (Connect)") || text.contains("HTTP connect timeout") {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// A key that is a text; numbers are taken as written.
fn text(params: &Arguments, key: &str) -> Result<String, Cannot> {
    optional(params, key)?.ok_or_else(|| Cannot::Refused(format!("`{key}` is missing")))
}

fn optional(params: &Arguments, key: &str) -> Result<Option<String>, Cannot> {
    match params.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(s)) if !s.trim().is_empty() => Ok(Some(s.trim().to_owned())),
        Some(Value::Number(n)) => Ok(Some(n.to_string())),
        Some(other) => Err(Cannot::Refused(format!("`{key}` is not a text: `{other}`"))),
    }
}

fn texts(params: &Arguments, key: &str) -> Result<Vec<String>, Cannot> {
    let wrong = |v: &Value| Cannot::Refused(format!("`{key}` is not a list of texts: `{v}`"));
    match params.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(|v| v.as_str().map(str::to_owned).ok_or_else(|| wrong(v))).collect(),
        Some(Value::String(s)) => Ok(vec![s.clone()]),
        Some(other) => Err(wrong(other)),
    }
}

/// A text of an approved request, which has them all.
fn said<'a>(arguments: &'a Arguments, key: &str) -> &'a str {
    arguments.get(key).and_then(Value::as_str).unwrap_or_default()
}
