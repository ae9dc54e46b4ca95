//! `http`: one request, redirects followed by hand, the body read up to a cap.
//!
//! A status is an answer, whatever it is. Our own choices, each the simplest that loses nothing:
//! - `redirects = 0`: the redirect itself is the answer. More redirects than allowed: `malformed`.
//! - A connection cut before the promised length: `unreachable`, with what had arrived. Bytes beyond the promised
//!   length are not part of the answer (HTTP says where it ends).
//! - A body of a 2xx that calls itself JSON and is not: `malformed`, kept as text. With any other status the status
//!   is the finding: `answered`, the body kept as text, and said so.
//! - Bodies are asked for uncompressed; gzip and deflate are unpacked all the same, up to the cap.

use std::collections::BTreeMap;
use std::time::Instant;

use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, Response, Url};
use serde_json::{Map, Value, json};

use super::{Asking, Found, NoAnswer};
use crate::aws::skew_ms;
use crate::record::verdict::Outcome;
use crate::redact::{Counts, Redactor};

mod body;
mod clients;
mod fault;
mod plan;

pub(super) use clients::Clients;
use plan::Plan;

pub(super) async fn ask(asking: &Asking<'_>) -> Result<Found, NoAnswer> {
    let mut plan = Plan::read(asking.params)?;
    let resource = clean(&plan.url);
    asking.keep(|k| k.source.endpoint = Some(resource.clone()));
    asking.sent(&resource, plan.describe(&resource));

    let begun = Instant::now();
    let response = follow(asking, &mut plan).await?;
    note_source(asking, &response, &plan.url);
    let head = head(&response, &plan.url);
    let status = response.status();
    let headers = response.headers().clone();
    let max = plan.max_bytes;
    let arrived = body::Arrived::default();
    asking.partial_when({
        let (head, headers, arrived) = (head.clone(), headers.clone(), arrived.clone());
        move || finish(head, &mut body::Body::decode(arrived.take(), &headers, max, false), begun)
    });

    let raw = body::read(response, max, &arrived).await;
    let whole = !raw.over && raw.fault.is_none();
    let mut read = body::Body::decode(arrived.take(), &headers, max, whole);
    let result = finish(head, &mut read, begun);

    if let Some(cut) = raw.fault {
        return Err(NoAnswer { result: Some(result), truncated: true, ..cut });
    }
    if raw.over || read.over {
        let reason = format!("the body is larger than `max-bytes` ({})", plan.max_bytes);
        return Err(NoAnswer { outcome: Outcome::TooLarge, reason, result: Some(result), truncated: true });
    }
    if read.false_json && status.is_success() {
        let reason = read.note.unwrap_or_else(|| "the body is not the JSON that it calls itself".to_owned());
        return Err(NoAnswer { outcome: Outcome::Malformed, reason, result: Some(result), truncated: false });
    }
    Ok(Found { result, truncated: false, reason: read.note })
}

/// Sends, and follows redirects; `plan.url` is then where the answer came from.
async fn follow(asking: &Asking<'_>, plan: &mut Plan) -> Result<Response, NoAnswer> {
    let mut followed = 0;
    loop {
        let client = asking.world.http.of(&plan.url)?;
        let mut request = client.request(plan.method.clone(), plan.url.clone()).headers(plan.headers.clone());
        if let Some(body) = &plan.body {
            request = request.body(body.clone());
        }
        let response = request.send().await.map_err(|e| fault::explain(e, &plan.url))?;
        if plan.redirects == 0 || !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(response);
        }
        let Some(location) = response.headers().get(LOCATION) else { return Ok(response) };
        let next = location.to_str().ok().and_then(|l| plan.url.join(l).ok());
        let Some(next) = next.filter(|n| matches!(n.scheme(), "http" | "https")) else {
            let to = String::from_utf8_lossy(location.as_bytes()).into_owned();
            return Err(NoAnswer::new(Outcome::Malformed, format!("a redirect to what is no web address: `{}`", redacted(&to))));
        };
        if followed == plan.redirects {
            let reason = format!("more than {} redirects, the last one to {}", plan.redirects, clean(&next));
            return Err(NoAnswer::new(Outcome::Malformed, reason));
        }
        followed += 1;
        plan.redirect(response.status().as_u16(), next);
    }
}

fn note_source(asking: &Asking<'_>, response: &Response, url: &Url) {
    let date = response.headers().get("date").and_then(|d| d.to_str().ok()).map(str::to_owned);
    let now = asking.now();
    asking.keep(|k| {
        k.source.endpoint = Some(clean(url));
        k.source.skew_ms = date.as_deref().and_then(|d| skew_ms(d, now));
        k.source.server_date = date;
    });
}

fn head(response: &Response, url: &Url) -> Map<String, Value> {
    let mut head = Map::new();
    head.insert("status".to_owned(), json!(response.status().as_u16()));
    head.insert("headers".to_owned(), json!(header_table(response.headers())));
    head.insert("url".to_owned(), json!(clean(url)));
    head
}

/// Lays the body beside the head.
fn finish(mut head: Map<String, Value>, body: &mut body::Body, begun: Instant) -> Value {
    if let Some(encoding) = body.encoding {
        head.insert("body_encoding".to_owned(), json!(encoding));
    }
    if let Some(note) = &body.note {
        head.insert("note".to_owned(), json!(note));
    }
    head.insert("body".to_owned(), body.value.take());
    let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    head.insert("elapsed_ms".to_owned(), json!(elapsed));
    Value::Object(head)
}

/// Lower-case names; a repeated header's values are joined as HTTP joins them.
fn header_table(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut table: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        table.entry(name.as_str().to_owned()).and_modify(|v| *v = format!("{v}, {value}")).or_insert_with(|| value.into_owned());
    }
    table
}

/// A URL as it may be written down: no user, no password, no secret in the query.
fn clean(url: &Url) -> String {
    let mut shown = url.clone();
    // Only URLs without a host refuse this, and those carry no user.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_fragment(None);
    redacted(shown.as_str())
}

fn redacted(text: &str) -> String {
    Redactor::default().redact_text(text, &mut Counts::new()).into_owned()
}

/// Methods that promise to change nothing.
fn is_safe(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

#[cfg(test)]
mod tests;
