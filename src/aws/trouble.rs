//! Why a call brought no answer, in the record's own words.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::record::verdict::Outcome;

/// Why a call brought no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Trouble {
    /// How asking ended. [`Outcome::Answered`] means that the service was reached, knew the caller, and
    /// answered with an error about the question itself (no such function, a bad filter pattern).
    pub outcome: Outcome,
    /// The service's error code, e.g. `ResourceNotFoundException`.
    pub code: Option<String>,
    /// For people: a lower-case fragment.
    pub reason: String,
}

impl Trouble {
    /// A trouble that carries no code of a service.
    pub fn new(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self { outcome, code: None, reason: reason.into() }
    }

    /// Whether the service said that the thing asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        self.code.as_deref().is_some_and(|c| c.contains("NotFound") || c.ends_with("DoesNotExist"))
    }
}

/// Reads an SDK error.
///
/// An error code decides where there is one; not every service models `ThrottlingException`, but all send it.
/// A body without a code (a proxy's HTML page) is judged by its HTTP status: 401, 403, 407 `denied`, 429
/// `throttled`, 5xx `unreachable` (something stands between us and the service), anything else `malformed`.
pub fn trouble<E>(error: &SdkError<E, HttpResponse>) -> Trouble
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            let (code, message) = (context.err().code(), context.err().message());
            match code {
                Some(code) => by_code(code, message.unwrap_or_default(), status),
                None => unreadable(status, &innermost(error)),
            }
        }
        SdkError::ResponseError(context) => unreadable(context.raw().status().as_u16(), &innermost(error)),
        SdkError::DispatchFailure(failure) => {
            let cause = innermost(error);
            if mentions_credentials(error) {
                return Trouble::new(Outcome::NoCredentials, format!("no AWS credentials: {cause}"));
            }
            undelivered(error, &cause).unwrap_or_else(|| {
                let what = if failure.is_timeout() { "no connection in time" } else { "no connection" };
                Trouble::new(Outcome::Unreachable, format!("{what}: {cause}"))
            })
        }
        SdkError::TimeoutError(_) => Trouble::new(Outcome::Timeout, "the call took too long"),
        _ if mentions_credentials(error) => Trouble::new(Outcome::NoCredentials, format!("no AWS credentials: {}", innermost(error))),
        _ => Trouble::new(Outcome::Skipped, format!("the request could not be built: {}", innermost(error))),
    }
}

/// What became of a call that was sent, or sent in part, and got nothing back that is an answer in HTTP.
fn undelivered(error: &(dyn Error + 'static), cause: &str) -> Option<Trouble> {
    let mut inner = error.source();
    let hyper: &hyper::Error = loop {
        match inner?.downcast_ref() {
            Some(hyper) => break hyper,
            None => inner = inner?.source(),
        }
    };
    Some(if hyper.is_parse_too_large() {
        Trouble::new(Outcome::TooLarge, "the answer has too many headers, or too long ones")
    } else if hyper.is_parse() {
        Trouble::new(Outcome::Malformed, format!("the answer is not HTTP: {hyper}"))
    } else {
        Trouble::new(Outcome::Unreachable, format!("the connection was cut: {cause}"))
    })
}

fn by_code(code: &str, message: &str, status: u16) -> Trouble {
    let outcome = match code {
        c if is_throttling(c) || status == 429 => Outcome::Throttled,
        c if is_denial(c) => Outcome::Denied,
        _ if status >= 500 => Outcome::Unreachable,
        _ => Outcome::Answered,
    };
    let message = if message.is_empty() { String::new() } else { format!(": {message}") };
    let reason = match outcome {
        Outcome::Throttled => format!("throttled ({code}){message}"),
        Outcome::Denied => format!("{} ({code}){message}", denial(code)),
        Outcome::Unreachable => format!("the service failed with {status} ({code}){message}"),
        _ => format!("{code}{message}"),
    };
    Trouble { outcome, code: Some(code.to_owned()), reason }
}

fn by_status(status: u16) -> Trouble {
    let (outcome, what) = match status {
        401 | 403 | 407 => (Outcome::Denied, "access refused"),
        429 => (Outcome::Throttled, "throttled"),
        500.. => (Outcome::Unreachable, "something before the service failed"),
        _ => (Outcome::Malformed, "not an answer of AWS"),
    };
    Trouble::new(outcome, format!("{what}: HTTP {status} without an error code"))
}

/// A response that could not be read: cut, too large, or not the protocol's.
fn unreadable(status: u16, cause: &str) -> Trouble {
    if cause.contains("length limit exceeded") {
        return Trouble::new(Outcome::TooLarge, format!("the answer is larger than {} MiB", super::witness::BODY_MAX >> 20));
    }
    let cut = ["incomplete", "end of file", "connection", "reset", "closed", "unexpected eof", "error reading a body"];
    if cut.iter().any(|c| cause.contains(c)) {
        return Trouble::new(Outcome::Unreachable, format!("the connection was cut: {cause}"));
    }
    if status >= 400 {
        return by_status(status);
    }
    Trouble::new(Outcome::Malformed, format!("HTTP {status} with a body that cannot be read: {cause}"))
}

fn is_throttling(code: &str) -> bool {
    const CODES: [&str; 6] = [
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "SlowDown",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
    ];
    code.contains("Throttl") || code.contains("TooManyRequests") || CODES.contains(&code)
}

fn is_denial(code: &str) -> bool {
    const CODES: [&str; 14] = [
        "UnauthorizedOperation",
        "UnauthorizedException",
        "NotAuthorized",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "OptInRequired",
        "SubscriptionRequiredException",
        "RequestExpired",
        "RequestTimeTooSkewed",
    ];
    code.starts_with("AccessDenied")
        || code.starts_with("ExpiredToken")
        || code.starts_with("MissingAuthenticationToken")
        || CODES.contains(&code)
}

fn denial(code: &str) -> &'static str {
    match code {
        c if c.starts_with("ExpiredToken") => "the session's token has expired",
        "RequestExpired" | "RequestTimeTooSkewed" => "the clock of this machine is too far off",
        "InvalidSignatureException" | "SignatureDoesNotMatch" => "the signature was refused (wrong secret, or a clock that is off)",
        "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" => "the access key is not known",
        _ => "access denied",
    }
}

fn mentions_credentials<E: Error + 'static, R: std::fmt::Debug>(error: &SdkError<E, R>) -> bool {
    causes(error).iter().any(|c| c.contains("credentials") || c.contains("identity"))
}

fn innermost<E: Error + 'static, R: std::fmt::Debug>(error: &SdkError<E, R>) -> String {
    causes(error).pop().unwrap_or_else(|| "no cause given".to_owned())
}

fn causes<E: Error + 'static, R: std::fmt::Debug>(error: &SdkError<E, R>) -> Vec<String> {
    let mut all = Vec::new();
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(inner) = cause {
        all.push(inner.to_string());
        cause = inner.source();
    }
    all
}
