//! What the stack answers, and how AWS writes an error in each of its protocols.

use bytes::Bytes;
use ciborium::Value as Cbor;
use serde_json::{Value, json};

use super::request::{Protocol, Request, Service};

/// A body before it is written.
#[derive(Debug, Clone)]
pub(super) enum Body {
    Json(Value),
    Cbor(Cbor),
    Bytes(Bytes),
}

/// An answer before it is written.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
}

/// What a service answers: a result, or an error by AWS's own code.
pub(super) type Answer = Result<Reply, Failure>;

/// An AWS error before it takes the shape of its protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// An operation that the service does not have.
    pub(super) fn unknown_operation(request: &Request) -> Self {
        let what = format!("operation {} is not simulated", request.operation);
        let code = match request.service {
            Service::Sts => "InvalidAction",
            _ => "UnknownOperationException",
        };
        Self::new(if request.protocol == Protocol::Rest { 404 } else { 400 }, code, what)
    }
}

impl Reply {
    pub(super) fn new(status: u16, content_type: &str, body: Body) -> Self {
        Self { status, headers: vec![("content-type".to_owned(), content_type.to_owned())], body }
    }

    pub(super) fn json(status: u16, value: Value) -> Self {
        Self::new(status, "application/json", Body::Json(value))
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A result in a request's own JSON protocol.
    pub(super) fn result(protocol: Protocol, value: Value) -> Self {
        match protocol {
            Protocol::AwsJson(content_type) => Self::new(200, content_type, Body::Json(value)),
            _ => Self::json(200, value),
        }
    }

    /// An XML result of the query protocol: `<OpResponse><OpResult>…`.
    pub(super) fn xml(namespace: &str, operation: &str, result: &str, request_id: &str) -> Self {
        let text = format!(
            "<{operation}Response xmlns=\"{namespace}\">\n<{operation}Result>\n{result}</{operation}Result>\n\
             <ResponseMetadata>\n<RequestId>{request_id}</RequestId>\n</ResponseMetadata>\n</{operation}Response>\n"
        );
        Self::new(200, "text/xml", Body::Bytes(text.into()))
    }

    /// An error in the shape that the protocol gives it.
    pub(super) fn failure(protocol: Protocol, failure: &Failure, request_id: &str) -> Self {
        let Failure { status, code, message } = failure;
        let fault = if *status >= 500 { "Receiver" } else { "Sender" };
        match protocol {
            Protocol::AwsJson(content_type) => Self::new(*status, content_type, Body::Json(json!({ "__type": code, "message": message }))),
            Protocol::Rest => {
                let kind = if *status >= 500 { "Service" } else { "User" };
                let body = json!({ "Type": kind, "message": message });
                Self::json(*status, body).with("x-amzn-errortype", code)
            }
            Protocol::Cbor => {
                let pairs = [("__type", code), ("message", message)];
                let map = pairs.map(|(k, v)| (Cbor::Text(k.to_owned()), Cbor::Text(v.clone())));
                Self::new(*status, "application/cbor", Body::Cbor(Cbor::Map(map.into())))
                    .with("smithy-protocol", "rpc-v2-cbor")
                    .with("x-amzn-query-error", &format!("{};{fault}", query_code(code)))
            }
            Protocol::Query(namespace) => {
                let (code, message) = (escape(query_code(code)), escape(message));
                let text = format!(
                    "<ErrorResponse xmlns=\"{namespace}\">\n<Error>\n<Type>{fault}</Type>\n<Code>{code}</Code>\n\
                     <Message>{message}</Message>\n</Error>\n<RequestId>{request_id}</RequestId>\n</ErrorResponse>\n"
                );
                Self::new(*status, "text/xml", Body::Bytes(text.into()))
            }
            Protocol::Gateway => Self::json(*status, json!({ "message": message })).with("x-amzn-errortype", code),
        }
    }

    /// The body as it goes over the wire.
    pub(super) fn bytes(&self) -> Bytes {
        match &self.body {
            Body::Json(value) => value.to_string().into(),
            Body::Cbor(value) => {
                let mut out = Vec::new();
                // Writing to memory cannot fail; an empty body would only show as a malformed answer.
                ciborium::into_writer(value, &mut out).unwrap_or_default();
                out.into()
            }
            Body::Bytes(bytes) => bytes.clone(),
        }
    }
}

/// The query protocol's older name for an error.
fn query_code(code: &str) -> &str {
    match code {
        "InvalidParameterValueException" => "InvalidParameterValue",
        "InvalidParameterCombinationException" => "InvalidParameterCombination",
        "MissingRequiredParameterException" => "MissingParameter",
        "InternalServiceFault" => "InternalServiceError",
        "ThrottlingException" => "Throttling",
        "AccessDeniedException" => "AccessDenied",
        "ExpiredTokenException" => "ExpiredToken",
        other => other,
    }
}

/// Text inside XML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
