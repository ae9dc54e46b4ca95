//! What a client asked for: the service, the operation and the protocol, told from target, path and form.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::http::request::Parts;
use serde_json::Value;

/// The services that live behind the one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    Lambda,
    Logs,
    Sfn,
    Ses,
    CloudWatch,
    Sts,
    /// The stack's own HTTP API.
    Http,
}

impl Service {
    /// The name used in call logs and fault rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lambda => "lambda",
            Self::Logs => "logs",
            Self::Sfn => "sfn",
            Self::Ses => "ses",
            Self::CloudWatch => "cloudwatch",
            Self::Sts => "sts",
            Self::Http => "http",
        }
    }
}

/// How request and reply are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// AWS JSON 1.0 or 1.1; the text is the content type.
    AwsJson(&'static str),
    /// REST with JSON.
    Rest,
    /// Smithy RPC v2 with CBOR.
    Cbor,
    /// Form in, XML out; the text is the XML namespace.
    Query(&'static str),
    /// The HTTP API behind an API Gateway.
    Gateway,
}

/// One request, read to its end.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) service: Service,
    /// `GetAlias`; for the HTTP API `GET /prod/…`.
    pub(super) operation: String,
    pub(super) protocol: Protocol,
    pub(super) method: String,
    /// As sent, still percent-encoded.
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    /// The region that the request was signed for.
    pub(super) region: Option<String>,
    pub(super) signed: bool,
    /// `X-Amz-Date`, as sent.
    pub(super) signed_at: Option<String>,
    pub(super) form: BTreeMap<String, String>,
    pub(super) body: Bytes,
}

const JSON_1_0: &str = "application/x-amz-json-1.0";
const JSON_1_1: &str = "application/x-amz-json-1.1";
const STS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const CLOUDWATCH: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";
const GRANITE: &str = "/service/GraniteServiceVersion20100801/operation/";

impl Request {
    /// Recognises a request by its target, path or form.
    pub(super) fn new(parts: &Parts, body: Bytes) -> Self {
        let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok());
        let path = parts.uri.path().to_owned();
        let form = match header("content-type") {
            Some(kind) if kind.starts_with("application/x-www-form-urlencoded") => pairs(&String::from_utf8_lossy(&body)),
            _ => BTreeMap::new(),
        };
        let authorization = header("authorization").unwrap_or_default();
        let (service, protocol, operation) = route(header("x-amz-target"), parts.method.as_str(), &path, &form);
        Self {
            service,
            operation,
            protocol,
            method: parts.method.to_string(),
            query: pairs(parts.uri.query().unwrap_or_default()),
            path,
            region: scope_region(authorization),
            signed: authorization.starts_with("AWS4-HMAC-SHA256 "),
            signed_at: header("x-amz-date").map(str::to_owned),
            form,
            body,
        }
    }

    /// The path's segments, decoded.
    pub(super) fn segments(&self) -> Vec<String> {
        self.path.split('/').filter(|s| !s.is_empty()).map(|s| decode(s, false)).collect()
    }

    /// The body as JSON; an empty one is `{}`.
    pub(super) fn json(&self) -> Option<Value> {
        if self.body.is_empty() {
            return Some(Value::Object(serde_json::Map::new()));
        }
        serde_json::from_slice(&self.body).ok()
    }
}

fn route(target: Option<&str>, method: &str, path: &str, form: &BTreeMap<String, String>) -> (Service, Protocol, String) {
    if let Some((prefix, operation)) = target.and_then(|t| t.split_once('.')) {
        let (service, protocol) = match prefix {
            "Logs_20140328" => (Service::Logs, Protocol::AwsJson(JSON_1_1)),
            "AWSStepFunctions" => (Service::Sfn, Protocol::AwsJson(JSON_1_0)),
            "GraniteServiceVersion20100801" => (Service::CloudWatch, Protocol::AwsJson(JSON_1_0)),
            _ => (Service::Http, Protocol::Gateway),
        };
        return (service, protocol, operation.to_owned());
    }
    if let Some(operation) = path.strip_prefix(GRANITE) {
        return (Service::CloudWatch, Protocol::Cbor, operation.to_owned());
    }
    if let Some(action) = form.get("Action") {
        return match form.get("Version").map(String::as_str) {
            Some("2010-08-01") => (Service::CloudWatch, Protocol::Query(CLOUDWATCH), action.clone()),
            _ => (Service::Sts, Protocol::Query(STS), action.clone()),
        };
    }
    let segments: Vec<_> = path.split('/').filter(|s| !s.is_empty()).collect();
    if let Some(operation) = lambda_operation(method, &segments) {
        return (Service::Lambda, Protocol::Rest, operation.to_owned());
    }
    match (method, segments.as_slice()) {
        ("GET", ["v2", "email", "account"]) => (Service::Ses, Protocol::Rest, "GetAccount".to_owned()),
        ("POST" | "PUT", ["v2", "email", "account", "details"]) => (Service::Ses, Protocol::Rest, "PutAccountDetails".to_owned()),
        (_, ["v2", "email", ..]) => (Service::Ses, Protocol::Rest, "Unknown".to_owned()),
        _ => (Service::Http, Protocol::Gateway, format!("{method} {path}")),
    }
}

fn lambda_operation(method: &str, segments: &[&str]) -> Option<&'static str> {
    let rest = segments.strip_prefix(&["2015-03-31", "functions"])?;
    Some(match (method, rest) {
        ("GET", [_]) => "GetFunction",
        ("GET", [_, "configuration"]) => "GetFunctionConfiguration",
        ("GET", [_, "versions"]) => "ListVersionsByFunction",
        ("GET", [_, "aliases"]) => "ListAliases",
        ("GET", [_, "aliases", _]) => "GetAlias",
        ("PUT", [_, "aliases", _]) => "UpdateAlias",
        _ => "Unknown",
    })
}

/// The region in `Credential=KEY/20261124/us-east-1/lambda/aws4_request`.
fn scope_region(authorization: &str) -> Option<String> {
    let scope = authorization.split("Credential=").nth(1)?.split(',').next()?;
    scope.split('/').nth(2).map(str::to_owned)
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let parts = text.split('&').filter(|p| !p.is_empty());
    parts.map(|p| p.split_once('=').unwrap_or((p, ""))).map(|(k, v)| (decode(k, true), decode(v, true))).collect()
}

/// Undoes percent-encoding; in forms and queries `+` is a space.
fn decode(text: &str, form: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let escaped = || u8::from_str_radix(text.get(i + 1..i + 3)?, 16).ok();
        match (bytes[i], escaped()) {
            (b'%', Some(byte)) => {
                out.push(byte);
                i += 2;
            }
            (b'+', _) if form => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        i += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(build: hyper::http::request::Builder, body: &'static str) -> Request {
        let (parts, ()) = build.body(()).unwrap().into_parts();
        Request::new(&parts, Bytes::from_static(body.as_bytes()))
    }

    fn told(r: &Request) -> (Service, Protocol, &str) {
        (r.service, r.protocol, r.operation.as_str())
    }

    #[test]
    fn requests_are_recognised_by_target_path_and_form() {
        let post = || hyper::Request::builder().method("POST").uri("/");
        let logs = request(post().header("X-Amz-Target", "Logs_20140328.FilterLogEvents"), "{}");
        assert_eq!(told(&logs), (Service::Logs, Protocol::AwsJson(JSON_1_1), "FilterLogEvents"));
        let form = post().header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        let sts = request(form, "Action=GetCallerIdentity&Version=2011-06-15&x=a+b%2Fc");
        assert_eq!(told(&sts), (Service::Sts, Protocol::Query(STS), "GetCallerIdentity"));
        assert_eq!(sts.form["x"], "a b/c");
        let cbor = request(hyper::Request::builder().method("POST").uri(format!("{GRANITE}ListMetrics")), "");
        assert_eq!(told(&cbor), (Service::CloudWatch, Protocol::Cbor, "ListMetrics"));
        let uri = "/2015-03-31/functions/arn%3Aaws%3Alambda/aliases/prod?a=%20b";
        let alias = request(hyper::Request::builder().method("PUT").uri(uri), "{}");
        assert_eq!(told(&alias), (Service::Lambda, Protocol::Rest, "UpdateAlias"));
        assert_eq!((alias.segments()[2].as_str(), alias.query["a"].as_str()), ("arn:aws:lambda", " b"));
        let status = request(hyper::Request::builder().uri("/prod/beak/system/status"), "");
        assert_eq!(told(&status), (Service::Http, Protocol::Gateway, "GET /prod/beak/system/status"));
    }

    #[test]
    fn the_region_is_read_from_the_signature() {
        let signature = "AWS4-HMAC-SHA256 Credential=AKID/20261124/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=00";
        assert_eq!(scope_region(signature).as_deref(), Some("eu-west-1"));
        assert_eq!(scope_region("Bearer x"), None);
    }
}
