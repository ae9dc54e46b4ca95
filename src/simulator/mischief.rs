//! How faults look on the wire: refusals in each service's own words, spoilt bodies, and answers that
//! no HTTP library would write, sent over the bare socket.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use ciborium::Value as Cbor;
use serde_json::{Value, json};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::fault::Fault;
use super::reply::{Body, Failure, Reply};
use super::request::{Protocol, Request, Service};
use super::world::World;
use crate::record::time::Timestamp;

impl Fault {
    /// Whether the call is refused, so that nothing happens in the stack (unless the rule is a late one).
    pub(super) fn refuses(self, request: &Request, server_time: Timestamp) -> bool {
        match self {
            Self::Status(_) | Self::Throttle(_) | Self::Cut | Self::Missing | Self::Html(_) | Self::Denied | Self::Expired => true,
            Self::Skewed(_) => is_skewed(request, server_time),
            _ => false,
        }
    }

    /// By how much the server's clock is off.
    pub(super) fn clock_offset(self) -> i64 {
        if let Self::Skewed(ms) = self { ms } else { 0 }
    }
}

/// Whether the signature's time is more than five minutes away from the server's.
fn is_skewed(request: &Request, server_time: Timestamp) -> bool {
    let signed = request.signed_at.as_deref().and_then(|text| chrono::NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok());
    signed.is_none_or(|at| (at.and_utc() - server_time.utc()).num_minutes().abs() >= 5)
}

/// The error with which a service refuses; nothing for a fault that is no refusal, or not in an API's shape.
pub(super) fn refusal(fault: Fault, request: &Request, world: &World) -> Option<Failure> {
    let protocol = request.protocol;
    let sender = if matches!(protocol, Protocol::AwsJson(_) | Protocol::Cbor) { 400 } else { 403 };
    let gateway = protocol == Protocol::Gateway;
    Some(match fault {
        Fault::Status(status) => Failure::new(status, server_code(request.service, status), "simulated failure"),
        Fault::Throttle(_) => match (protocol, request.service) {
            (Protocol::Gateway, _) => Failure::new(429, "TooManyRequestsException", "Too Many Requests"),
            (Protocol::Rest, _) => Failure::new(429, "TooManyRequestsException", "Rate exceeded"),
            _ => Failure::new(400, "ThrottlingException", "Rate exceeded"),
        },
        Fault::Missing => missing(request, world),
        Fault::Denied if gateway => Failure::new(403, "ForbiddenException", "Forbidden"),
        Fault::Denied => {
            let action = format!("{}:{}", iam_prefix(request.service), request.operation);
            let message = format!(
                "User: {} is not authorized to perform: {action} because no identity-based policy allows the {action} action",
                world.caller.arn
            );
            Failure::new(sender, "AccessDeniedException", message)
        }
        Fault::Expired if gateway => Failure::new(401, "UnauthorizedException", "The incoming token has expired"),
        Fault::Expired => Failure::new(sender, "ExpiredTokenException", "The security token included in the request is expired"),
        Fault::Skewed(_) => {
            let message = "The difference between the request time and the current time is too large.";
            Failure::new(403, "RequestTimeTooSkewed", message)
        }
        _ => return None,
    })
}

fn iam_prefix(service: Service) -> &'static str {
    if service == Service::Sfn { "states" } else { service.name() }
}

fn server_code(service: Service, status: u16) -> &'static str {
    match (service, status) {
        (_, ..500) => "ValidationException",
        (Service::Lambda, _) => "ServiceException",
        (Service::Logs, 503) => "ServiceUnavailableException",
        (Service::CloudWatch, _) => "InternalServiceFault",
        (Service::Http, _) => "InternalServerErrorException",
        (_, 503) => "ServiceUnavailable",
        _ => "InternalFailure",
    }
}

fn missing(request: &Request, world: &World) -> Failure {
    let segments = request.segments();
    let segment = |n: usize| segments.get(n).map(String::as_str).unwrap_or_default();
    match request.service {
        Service::Lambda => {
            let arn = world.names.function_arn(segment(2));
            let message = match segment(4) {
                "" => format!("Function not found: {arn}"),
                alias => format!("Cannot find alias arn: {arn}:{alias}"),
            };
            Failure::new(404, "ResourceNotFoundException", message)
        }
        Service::Logs => Failure::new(400, "ResourceNotFoundException", "The specified log group does not exist."),
        Service::Sfn if request.operation.contains("StateMachine") || request.operation == "ListExecutions" => {
            Failure::new(400, "StateMachineDoesNotExist", "State Machine Does Not Exist")
        }
        Service::Sfn => Failure::new(400, "ExecutionDoesNotExist", "Execution Does Not Exist"),
        Service::Ses => Failure::new(404, "NotFoundException", "The resource does not exist."),
        Service::CloudWatch | Service::Sts => Failure::new(404, "ResourceNotFoundException", "The resource does not exist."),
        Service::Http => Failure::new(404, "NotFoundException", "Not Found"),
    }
}

/// A reply with its body spoilt, for the faults that HTTP itself does not notice.
pub(super) fn spoil(fault: Fault, reply: Reply) -> Reply {
    let body = match fault {
        Fault::Malformed => {
            let whole = reply.bytes();
            let cut = (whole.len() * 2 / 3).min(whole.len().saturating_sub(1));
            Body::Bytes(whole.slice(..cut))
        }
        Fault::WrongTypes => match reply.body {
            Body::Json(value) => Body::Json(other_type(value)),
            Body::Cbor(value) => Body::Cbor(other_cbor_type(value)),
            Body::Bytes(_) => Body::Bytes(Bytes::from_static(b"<Response><Surprise>1</Surprise></Response>\n")),
        },
        Fault::DeepJson(depth) => Body::Bytes(match reply.body {
            Body::Json(_) => format!("{}{}", "[".repeat(depth), "]".repeat(depth)).into(),
            // 0x81: an array of one; 0xf6: null.
            Body::Cbor(_) => [vec![0x81; depth], vec![0xf6]].concat().into(),
            Body::Bytes(_) => format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth)).into(),
        }),
        Fault::InvalidUtf8 => Body::Bytes(not_utf8(&reply)),
        Fault::Html(status) => {
            let page =
                format!("<!DOCTYPE html>\n<html><head><title>{status}</title></head><body><h1>Sorry, we are busy</h1></body></html>\n");
            return Reply::new(status, "text/html; charset=utf-8", Body::Bytes(page.into()));
        }
        _ => return reply,
    };
    Reply { body, ..reply }
}

fn other_type(value: Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => json!({ "surprise": true }),
        Value::Number(n) => json!([n.to_string()]),
        Value::String(text) => json!(text.len()),
        Value::Array(items) => json!({ "items": items.len() }),
        Value::Object(map) => Value::Object(map.into_iter().map(|(k, v)| (k, other_type(v))).collect()),
    }
}

fn other_cbor_type(value: Cbor) -> Cbor {
    match value {
        Cbor::Map(pairs) => Cbor::Map(pairs.into_iter().map(|(k, v)| (k, other_cbor_type(v))).collect()),
        Cbor::Array(items) => Cbor::Integer(items.len().into()),
        Cbor::Text(_) => Cbor::Array(vec![Cbor::Bool(true)]),
        _ => Cbor::Text("surprise".to_owned()),
    }
}

/// The reply's body with bytes in it that no UTF-8 text has.
fn not_utf8(reply: &Reply) -> Bytes {
    if let Body::Cbor(_) = reply.body {
        // A map of one, the key `x`, and a text of the two bytes ff fe.
        return Bytes::from_static(&[0xa1, 0x61, b'x', 0x62, 0xff, 0xfe]);
    }
    let whole = reply.bytes();
    let mark: &[u8] = if let Body::Json(_) = reply.body { b":\"" } else { b"n>" };
    match whole.windows(2).position(|pair| pair == mark) {
        Some(at) => [&whole[..at + 2], b"\xff\xfe", &whole[at + 2..]].concat().into(),
        None => Bytes::from_static(b"{\"x\":\"\xff\xfe\"}"),
    }
}

/// Whether the fault needs the bare socket.
pub(super) fn is_raw(fault: Fault) -> bool {
    use Fault::{Cut, CutBody, Endless, GzipBomb, ManyHeaders, Trickle, TrickleHead, WrongLength};
    matches!(fault, Cut | CutBody | Endless | WrongLength(_) | Trickle(_) | TrickleHead(_) | ManyHeaders(_) | GzipBomb(_))
}

/// Sends `reply` in the wrong way that `fault` names; the caller closes the connection afterwards.
pub(super) async fn send_wrongly(io: &mut (impl AsyncWrite + Unpin), fault: Fault, reply: &Reply) -> io::Result<()> {
    let body = reply.bytes();
    let plain = |length: usize| head(reply, &[("content-length", &length.to_string())]);
    match fault {
        Fault::CutBody => {
            io.write_all(&plain(body.len())).await?;
            io.write_all(&body[..body.len() / 2]).await?;
        }
        Fault::WrongLength(by) => {
            let claimed = usize::try_from(i64::try_from(body.len()).unwrap_or(i64::MAX).saturating_add(by)).unwrap_or(0);
            io.write_all(&plain(claimed)).await?;
            io.write_all(&body).await?;
        }
        Fault::Trickle(every) => {
            io.write_all(&plain(body.len())).await?;
            trickle(io, &body, every).await?;
        }
        Fault::TrickleHead(every) => {
            trickle(io, &plain(body.len()), every).await?;
            trickle(io, &body, every).await?;
        }
        Fault::ManyHeaders(count) => {
            let mut answer = plain(body.len());
            answer.truncate(answer.len() - 2);
            answer.extend((0..count).flat_map(|n| format!("x-noise-{n}: {n}\r\n").into_bytes()));
            answer.extend_from_slice(b"\r\n");
            answer.extend_from_slice(&body);
            io.write_all(&answer).await?;
        }
        Fault::Endless => endless(io, reply, &body).await?,
        Fault::GzipBomb(mib) => bomb(io, reply, mib).await?,
        _ => {}
    }
    io.flush().await
}

fn head(reply: &Reply, more: &[(&str, &str)]) -> Vec<u8> {
    let reason = hyper::StatusCode::from_u16(reply.status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Unknown");
    let mut text = format!("HTTP/1.1 {} {reason}\r\n", reply.status);
    let own = reply.headers.iter().map(|(k, v)| (k.as_str(), v.as_str()));
    for (name, value) in own.chain(more.iter().copied()).chain([("connection", "close")]) {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

async fn trickle(io: &mut (impl AsyncWrite + Unpin), bytes: &[u8], every: Duration) -> io::Result<()> {
    for byte in bytes {
        io.write_all(&[*byte]).await?;
        io.flush().await?;
        tokio::time::sleep(every).await;
    }
    Ok(())
}

/// The body without its last byte, then white space for as long as anybody reads.
async fn endless(io: &mut (impl AsyncWrite + Unpin), reply: &Reply, body: &[u8]) -> io::Result<()> {
    io.write_all(&head(reply, &[("transfer-encoding", "chunked")])).await?;
    chunk(io, &body[..body.len().saturating_sub(1)]).await?;
    let blank = [b' '; 16 * 1024];
    loop {
        chunk(io, &blank).await?;
    }
}

async fn chunk(io: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    io.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).await?;
    io.write_all(bytes).await?;
    io.write_all(b"\r\n").await
}

/// Zero bytes, packed about 158 to 1. The checksum at its end is wrong: nobody should get that far.
async fn bomb(io: &mut (impl AsyncWrite + Unpin), reply: &Reply, mib: u32) -> io::Result<()> {
    io.write_all(&head(reply, &[("transfer-encoding", "chunked"), ("content-encoding", "gzip")])).await?;
    // A gzip header without name or time.
    chunk(io, &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]).await?;
    let [first, turn, last] = deflated_zeros();
    chunk(io, &first).await?;
    let turns = (u64::from(mib) << 20) / (8 * 258);
    let block = turn.repeat(512);
    for _ in 0..=turns / 512 {
        chunk(io, &block).await?;
    }
    chunk(io, &last).await?;
    chunk(io, &[0; 8]).await?;
    io.write_all(b"0\r\n\r\n").await
}

/// One deflate block with fixed codes (RFC 1951, 3.2.6): its beginning, a part that may be repeated, and its end.
/// A zero byte, then copies of 258 bytes from one byte back. A copy takes 13 bits, so 13 bytes hold eight of them.
pub(super) fn deflated_zeros() -> [Vec<u8>; 3] {
    const ONE: bool = true;
    const NIL: bool = false;
    // Last block, fixed codes; then the literal 0, 00110000. Huffman codes go in from their highest bit.
    let begin = [ONE, ONE, NIL, NIL, NIL, ONE, ONE, NIL, NIL, NIL, NIL];
    // Length 258 is code 285, 11000101; distance 1 is 00000.
    let copy = [ONE, ONE, NIL, NIL, NIL, ONE, NIL, ONE, NIL, NIL, NIL, NIL, NIL];
    // The beginning and five bits of a copy fill two bytes; the end completes that copy. End of block is 0000000.
    let first: Vec<_> = begin.iter().chain(&copy[..5]).copied().collect();
    let turn: Vec<_> = copy.iter().cycle().skip(5).take(13 * 8).copied().collect();
    let last: Vec<_> = copy[5..].iter().chain(&[NIL; 7]).copied().collect();
    [pack(&first), pack(&turn), pack(&last)]
}

fn pack(bits: &[bool]) -> Vec<u8> {
    bits.chunks(8).map(|byte| byte.iter().enumerate().fold(0, |sum, (n, bit)| sum | (u8::from(*bit) << n))).collect()
}
