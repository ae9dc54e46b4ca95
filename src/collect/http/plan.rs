//! What will be sent: the probe's keys, checked.

use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde_json::{Map, Value, json};

use super::super::NoAnswer;
use super::super::params::Params;
use super::is_safe;

const REDIRECTS: usize = 3;
const REDIRECTS_MAX: usize = 20;
const MAX_BYTES: usize = 1 << 20;
/// A body is held in memory and read as JSON; `attach` is for what is larger.
const MAX_BYTES_MAX: usize = 64 << 20;

/// One request, and how its answer is taken.
pub(super) struct Plan {
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<String>,
    pub(super) redirects: usize,
    pub(super) max_bytes: usize,
}

impl Plan {
    pub(super) fn read(params: Params<'_>) -> Result<Self, NoAnswer> {
        let text = params.required("url")?;
        let url = Url::parse(&text).map_err(|e| NoAnswer::skipped(format!("`url` cannot be read: {e}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(NoAnswer::skipped("`url` is not an http or https address"));
        }
        let method = params.text("method")?.unwrap_or_else(|| "GET".to_owned()).to_ascii_uppercase();
        let method =
            Method::from_bytes(method.as_bytes()).map_err(|_| NoAnswer::skipped(format!("`method` is no HTTP method: `{method}`")))?;
        if !is_safe(&method) && !params.flag("read-only")? {
            return Err(NoAnswer::skipped(format!("a probe changes nothing: {method} needs `read-only = true`")));
        }
        let redirects = params.count("redirects", REDIRECTS)?;
        if redirects > REDIRECTS_MAX {
            return Err(NoAnswer::skipped(format!("`redirects` may be at most {REDIRECTS_MAX}")));
        }
        let max_bytes = params.size("max-bytes", MAX_BYTES)?;
        if !(1..=MAX_BYTES_MAX).contains(&max_bytes) {
            return Err(NoAnswer::skipped(format!("`max-bytes` must be between 1 and {} MiB", MAX_BYTES_MAX >> 20)));
        }
        let mut headers = headers(params)?;
        let body = match params.raw("body") {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(table) => {
                headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
                Some(table.to_string())
            }
        };
        Ok(Self { url, method, headers, body, redirects, max_bytes })
    }

    /// The request as the record keeps it (secrets are taken out of the whole afterwards).
    pub(super) fn describe(&self, url: &str) -> Value {
        let text = |v: &HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned();
        let headers: Map<String, Value> = self.headers.iter().map(|(k, v)| (k.as_str().to_owned(), json!(text(v)))).collect();
        let mut described = json!({"method": self.method.as_str(), "url": url, "redirects": self.redirects, "max_bytes": self.max_bytes});
        if !headers.is_empty() {
            described["headers"] = Value::Object(headers);
        }
        if let Some(body) = &self.body {
            described["body"] = serde_json::from_str(body).unwrap_or_else(|_| json!(body));
        }
        described
    }

    /// Turns the request towards `next`, as browsers do; what proves who we are does not go to another host.
    pub(super) fn redirect(&mut self, status: u16, next: Url) {
        let becomes_get = status == 303 || (matches!(status, 301 | 302) && self.method == Method::POST);
        if becomes_get && self.method != Method::HEAD {
            self.method = Method::GET;
            self.body = None;
            self.headers.remove(CONTENT_TYPE);
            self.headers.remove(CONTENT_LENGTH);
        }
        let origin = |u: &Url| (u.scheme().to_owned(), u.host_str().map(str::to_owned), u.port_or_known_default());
        if origin(&self.url) != origin(&next) {
            self.headers.remove(AUTHORIZATION);
            self.headers.remove(COOKIE);
            let telling: Vec<HeaderName> = self.headers.keys().filter(|k| is_telling(k)).cloned().collect();
            telling.iter().for_each(|k| drop(self.headers.remove(k)));
        }
        self.url = next;
    }
}

fn is_telling(name: &HeaderName) -> bool {
    ["key", "token", "secret", "auth", "password", "session"].iter().any(|w| name.as_str().contains(w))
}

fn headers(params: Params<'_>) -> Result<HeaderMap, NoAnswer> {
    let mut headers = HeaderMap::new();
    for (name, value) in params.table("headers")? {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| NoAnswer::skipped(format!("`headers` has a name that is none: `{name}`")))?;
        let value =
            HeaderValue::from_str(&value).map_err(|_| NoAnswer::skipped(format!("header `{name}` has a value that cannot be sent")))?;
        headers.insert(key, value);
    }
    Ok(headers)
}
