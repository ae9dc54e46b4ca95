//! What a failed request comes to, in words for a person.

use std::error::Error;

use reqwest::Url;

use super::super::NoAnswer;
use crate::record::verdict::Outcome;

/// Reads reqwest's error, which wraps hyper's, which wraps the system's.
pub(super) fn explain(error: reqwest::Error, url: &Url) -> NoAnswer {
    let error = error.without_url();
    let cause = innermost(&error);
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    if error.is_builder() {
        return NoAnswer::skipped(format!("the request cannot be sent: {cause}"));
    }
    if let Some(hyper) = hyper_error(&error) {
        if hyper.is_parse_too_large() {
            return NoAnswer::new(Outcome::TooLarge, "the answer has too many headers, or too long ones");
        }
        if hyper.is_parse() {
            return NoAnswer::new(Outcome::Malformed, format!("the answer is not HTTP: {hyper}"));
        }
    }
    let reason = if !error.is_connect() {
        format!("the connection was cut: {cause}")
    } else if error.is_timeout() {
        format!("no connection to {host}:{port} in time")
    } else if chain_contains(&error, "dns error") || chain_contains(&error, "failed to lookup address") {
        format!("the name {host} cannot be resolved: {cause}")
    } else if chain_contains(&error, "certificate") {
        format!("TLS: the certificate of {host} is not to be trusted: {cause}")
    } else if is_tls(&error) {
        format!("TLS with {host}:{port} failed: {cause}")
    } else {
        format!("no connection to {host}:{port}: {cause}")
    };
    NoAnswer::new(Outcome::Unreachable, reason)
}

/// The same for a body that stopped: `got` bytes had come.
pub(super) fn cut(error: reqwest::Error, got: usize) -> NoAnswer {
    let error = error.without_url();
    let hyper = hyper_error(&error);
    let not_http = hyper.is_some_and(|h| h.is_parse()) || chain_contains(&error, "chunk size");
    let cause = innermost(&error);
    if not_http {
        return NoAnswer::new(Outcome::Malformed, format!("the body is not HTTP after {got} bytes: {cause}"));
    }
    NoAnswer::new(Outcome::Unreachable, format!("the connection was cut after {got} bytes of the body: {cause}"))
}

/// The last cause, which is the one that says something.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |e| {
        let e: &'a (dyn Error + 'static) = *e;
        e.source()
    })
}

fn chain_contains(error: &(dyn Error + 'static), words: &str) -> bool {
    chain(error).any(|e| e.to_string().contains(words))
}

fn hyper_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a hyper::Error> {
    chain(error).find_map(|e| e.downcast_ref())
}

fn is_tls(error: &(dyn Error + 'static)) -> bool {
    ["tls", "handshake", "InvalidContentType", "corrupt message", "received fatal alert"].iter().any(|w| chain_contains(error, w))
}
