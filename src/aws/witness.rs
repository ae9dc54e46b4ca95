//! Sees each attempt of a call: which endpoint answered, what its clock said; and caps what it may send.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use chrono::DateTime;
use http_body_util::Limited;
use serde::de::IgnoredAny;

use super::Clock;
use crate::record::time::Timestamp;

/// No answer of a service that we ask is anywhere near this long.
pub(super) const BODY_MAX: usize = 16 << 20;

/// What was seen of the last attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Scheme, host and port that were asked.
    pub endpoint: Option<String>,
    /// The answer's `Date` header.
    pub server_date: Option<String>,
    /// The server's clock minus ours, in milliseconds, whole seconds.
    pub skew_ms: Option<i64>,
    /// Attempts that were sent.
    pub attempts: u32,
    /// HTTP status of the last answer.
    pub status: Option<u16>,
    /// The names in the last answer, where it was a JSON object: the SDK's types say `false`, zero or an empty
    /// list for what was not there.
    pub members: Option<BTreeSet<String>>,
}

/// An interceptor for the calls of one client; clones share what they saw.
#[derive(Clone)]
pub struct Witness {
    clock: Clock,
    seen: Arc<Mutex<Seen>>,
}

impl Witness {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, seen: Arc::default() }
    }

    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Whether the last answer had this member; true also where the answer was no JSON.
    pub fn has(&self, member: &str) -> bool {
        self.members.as_ref().is_none_or(|m| m.contains(member))
    }
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl Intercept for Witness {
    fn name(&self) -> &'static str {
        "Witness"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let uri = context.request().uri();
        let (scheme, rest) = uri.split_once("://").unwrap_or(("https", uri));
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let mut seen = self.lock();
        seen.endpoint = Some(format!("{scheme}://{authority}"));
        seen.attempts += 1;
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        let date = response.headers().get("date").map(str::to_owned);
        {
            let mut seen = self.lock();
            seen.skew_ms = date.as_deref().and_then(|d| skew_ms(d, (self.clock)()));
            seen.server_date = date;
            seen.status = Some(response.status().as_u16());
            seen.members = None;
        }
        let body = std::mem::replace(response.body_mut(), SdkBody::taken());
        *response.body_mut() = SdkBody::from_body_1_x(Limited::new(body, BODY_MAX));
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        let members: Option<BTreeMap<String, IgnoredAny>> = serde_json::from_slice(body).ok();
        self.lock().members = members.map(|m| m.into_keys().collect());
        Ok(())
    }
}

/// The clock behind a `Date` header minus ours, in whole seconds: the header has no more.
pub fn skew_ms(date: &str, now: Timestamp) -> Option<i64> {
    let server = DateTime::parse_from_rfc2822(date).ok()?.timestamp_millis();
    Some((server - now.millis()) / 1000 * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_without_fractions_is_no_skew() {
        let now: Timestamp = "2026-11-24T02:13:07.900Z".parse().unwrap();
        assert_eq!(skew_ms("Tue, 24 Nov 2026 02:13:07 GMT", now), Some(0));
        assert_eq!(skew_ms("Tue, 24 Nov 2026 02:33:08 GMT", now), Some(1_200_000));
        assert_eq!(skew_ms("Tue, 24 Nov 2026 02:12:00 GMT", now), Some(-67_000));
        assert_eq!(skew_ms("yesterday", now), None);
    }
}
