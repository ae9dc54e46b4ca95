//! The connections: TLS always verified, no cookies, no redirects (those are followed by hand), built at first use.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};

use super::super::NoAnswer;
use crate::record::verdict::Outcome;

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// hyper's default of 100 is near what some CDNs send.
const HEADERS_MAX: usize = 256;

/// Two clients, since this machine's own servers are never behind a proxy.
#[derive(Default)]
pub(in crate::collect) struct Clients {
    far: OnceLock<Result<Client, String>>,
    /// For plain `http://` on loopback: needs no certificates either, so that a drill runs anywhere.
    near: OnceLock<Result<Client, String>>,
    /// Certificates trusted besides the system's; for tests of TLS itself.
    #[cfg(test)]
    pub(in crate::collect) roots: Vec<reqwest::Certificate>,
}

impl Clients {
    /// The client for `url`.
    pub(super) fn of(&self, url: &Url) -> Result<&Client, NoAnswer> {
        let client = if is_near(url) {
            let plain = || base().no_proxy().tls_certs_only([]);
            self.near.get_or_init(|| plain().build().map_err(|e| super::fault::innermost(&e)))
        } else {
            self.far.get_or_init(|| self.trusting(base()).build().map_err(|e| super::fault::innermost(&e)))
        };
        client.as_ref().map_err(|e| NoAnswer::new(Outcome::Unreachable, format!("no TLS on this machine: {e}")))
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests trust certificates of their own")]
    fn trusting(&self, builder: ClientBuilder) -> ClientBuilder {
        builder
    }

    #[cfg(test)]
    fn trusting(&self, builder: ClientBuilder) -> ClientBuilder {
        builder.tls_certs_merge(self.roots.clone())
    }
}

fn base() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("blotter/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_WITHIN)
        .http1_max_headers(HEADERS_MAX)
}

fn is_near(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let loopback = host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    url.scheme() == "http" && loopback
}
