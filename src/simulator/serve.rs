//! The server: one port, HTTP/1.1, every service behind it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::fault::{Fault, Rule, Trouble, meet};
use super::reply::{Answer, Body, Failure, Reply};
use super::request::{Protocol, Request, Service};
use super::world::World;
use super::{Call, cloudwatch, http_api, lambda, logs, mischief, ses, sfn, sts};
use crate::record::time::Timestamp;

/// What the server and its owner share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) rules: Mutex<Vec<Rule>>,
    pub(super) calls: Mutex<Vec<Call>>,
    pub(super) requests: AtomicU64,
}

/// A lock that is still good after a panic elsewhere: the data behind it is plain.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Accepts connections for ever.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, Arc::clone(&shared)));
        }
    }
}

/// What is to be sent over the bare socket once HTTP has let go of it.
type Takeover = Mutex<Option<(Fault, Reply)>>;

/// Serves one connection until it ends or a fault takes it over.
async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    let takeover: Arc<Takeover> = Arc::default();
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (shared, takeover) = (Arc::clone(&shared), Arc::clone(&takeover));
        async move {
            match handle(&shared, request).await? {
                (Some(fault), reply) if mischief::is_raw(fault) => {
                    *lock(&takeover) = Some((fault, reply));
                    Err(io::Error::other("taken over by a fault"))
                }
                (_, reply) => respond(&reply),
            }
        }
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // How it ends does not matter: clients hang up as they like.
    let _ended = (&mut connection).await;
    let wrong = lock(&takeover).take();
    if let Some((fault, reply)) = wrong {
        let mut stream = connection.into_parts().io.into_inner();
        let _sent = mischief::send_wrongly(&mut stream, fault, &reply).await;
    }
}

fn respond(reply: &Reply) -> io::Result<Response<Full<Bytes>>> {
    let mut response = Response::new(Full::new(reply.bytes()));
    *response.status_mut() = StatusCode::from_u16(reply.status).map_err(io::Error::other)?;
    for (name, value) in &reply.headers {
        let name = hyper::header::HeaderName::from_bytes(name.as_bytes()).map_err(io::Error::other)?;
        let value = hyper::header::HeaderValue::from_str(value).map_err(io::Error::other)?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// No request of any client is larger.
const LARGEST_REQUEST: usize = 16 << 20;

/// Reads, notes and answers one request; tells the fault that its sending still has to suffer.
async fn handle(shared: &Shared, request: hyper::Request<Incoming>) -> io::Result<(Option<Fault>, Reply)> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_REQUEST).collect().await.map_err(io::Error::other)?.to_bytes();
    let request = Request::new(&parts, body);
    let number = shared.requests.fetch_add(1, Ordering::SeqCst);
    let id = format!("{:08x}-b10c-4e00-8000-{:012x}", number ^ 0x5eed_0000, number + 1);
    let (call, trouble) = note(shared, &request);
    if !trouble.late {
        tokio::time::sleep(trouble.latency).await;
    }
    let mut reply = decide(shared, &request, trouble, call, &id);
    if trouble.late {
        tokio::time::sleep(trouble.latency).await;
    }
    if let Some(fault) = trouble.fault {
        reply = mischief::spoil(fault, reply);
    }
    let now = lock(&shared.world).now();
    let offset = trouble.date_offset + trouble.fault.map_or(0, Fault::clock_offset);
    reply = reply.with("date", &http_date(now.plus_millis(offset)));
    if !matches!(trouble.fault, Some(Fault::Html(_))) {
        reply = reply.with("x-amzn-requestid", &id);
    }
    Ok((trouble.fault, reply))
}

/// Writes the call into the log and finds the faults that it meets.
fn note(shared: &Shared, request: &Request) -> (usize, Trouble) {
    let at = lock(&shared.world).now();
    let mut calls = lock(&shared.calls);
    let (operation, region) = (request.operation.clone(), request.region.clone());
    calls.push(Call { service: request.service, operation, at, region, applied: false });
    let number = calls.len() - 1;
    drop(calls);
    (number, meet(&mut lock(&shared.rules), request))
}

/// Lets the call take effect, unless a fault refuses it, and finds the answer.
fn decide(shared: &Shared, request: &Request, trouble: Trouble, call: usize, id: &str) -> Reply {
    let mut world = lock(&shared.world);
    let offset = trouble.fault.map_or(0, Fault::clock_offset);
    let server_time = world.now().plus_millis(offset);
    let refused_by = trouble.fault.filter(|fault| fault.refuses(request, server_time));
    let answer = match refused_by {
        Some(_) if !trouble.late => Ok(Reply::new(200, "application/json", Body::Bytes(Bytes::new()))),
        _ => {
            let answer = dispatch(&mut world, request, id);
            if let Some(call) = lock(&shared.calls).get_mut(call) {
                call.applied = answer.is_ok();
            }
            answer
        }
    };
    let answer = match refused_by.and_then(|fault| mischief::refusal(fault, request, &world)) {
        Some(failure) => Err(failure),
        None => answer,
    };
    let reply = answer.unwrap_or_else(|failure| Reply::failure(request.protocol, &failure, id));
    match trouble.fault {
        Some(Fault::Throttle(Some(seconds))) => reply.with("retry-after", &seconds.to_string()),
        _ => reply,
    }
}

/// Gives the request to its service. Another region is an empty place; an unsigned request gets nowhere.
fn dispatch(world: &mut World, request: &Request, id: &str) -> Answer {
    if request.protocol != Protocol::Gateway && !request.signed {
        let status = if request.protocol == Protocol::Rest { 403 } else { 400 };
        return Err(Failure::new(status, "MissingAuthenticationTokenException", "Missing Authentication Token"));
    }
    let regional = !matches!(request.service, Service::Sts | Service::Http);
    match &request.region {
        Some(region) if regional && *region != world.names.region => serve(&mut world.elsewhere(region), request, id),
        _ => serve(world, request, id),
    }
}

fn serve(world: &mut World, request: &Request, id: &str) -> Answer {
    match request.service {
        Service::Lambda => lambda::answer(world, request),
        Service::Logs => logs::answer(world, request),
        Service::Sfn => sfn::answer(world, request),
        Service::Ses => ses::answer(world, request),
        Service::CloudWatch => cloudwatch::answer(world, request, id),
        Service::Sts => sts::answer(world, request, id),
        Service::Http => http_api::answer(world, request),
    }
}

fn http_date(at: Timestamp) -> String {
    at.utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
