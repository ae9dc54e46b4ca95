//! Credentials that were found once, and are looked for again only when they are about to expire.

use std::error::Error;
use std::sync::Mutex;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result as Found, SharedCredentialsProvider, future};

use super::{CREDENTIALS_WITHIN, Trouble};
use crate::record::verdict::Outcome;

/// The first credentials of a chain, handed out once to the SDK's own cache; after that, the chain itself
/// under a time limit (temporary credentials expire).
#[derive(Debug)]
pub(super) struct Keys {
    chain: SharedCredentialsProvider,
    first: Mutex<Option<Credentials>>,
}

impl Keys {
    /// Asks the chain; the caller bounds the time.
    pub(super) async fn resolve(chain: SharedCredentialsProvider) -> Result<Self, Trouble> {
        let first = chain.provide_credentials().await.map_err(|e| explain(&e))?;
        Ok(Self { chain, first: Mutex::new(Some(first)) })
    }

    /// The credentials found first; those that expire are handed out once only.
    fn first(&self) -> Option<Credentials> {
        let mut kept = self.first.lock().ok()?;
        let first = kept.clone()?;
        if first.expiry().is_some() {
            *kept = None;
        }
        Some(first)
    }

    async fn next(&self) -> Found {
        if let Some(first) = self.first() {
            return Ok(first);
        }
        let asked = tokio::time::timeout(CREDENTIALS_WITHIN, self.chain.provide_credentials()).await;
        asked.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(CREDENTIALS_WITHIN)))
    }
}

impl ProvideCredentials for Keys {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.next())
    }
}

/// The chain took too long to say that it has nothing.
pub(super) fn too_slow() -> Trouble {
    let within = CREDENTIALS_WITHIN.as_secs();
    Trouble::new(
        Outcome::NoCredentials,
        format!("no AWS credentials found within {within} s (environment, profile, SSO, container, instance metadata)"),
    )
}

/// Says why a chain found nothing, down to the innermost cause.
pub(super) fn explain(error: &CredentialsError) -> Trouble {
    let mut reason = match error {
        CredentialsError::CredentialsNotLoaded(_) => "no AWS credentials found".to_owned(),
        other => format!("no AWS credentials: {other}"),
    };
    let mut cause = error.source();
    let mut last = String::new();
    while let Some(inner) = cause {
        last = inner.to_string();
        cause = inner.source();
    }
    if !last.is_empty() && !reason.contains(&last) {
        reason = format!("{reason}: {last}");
    }
    Trouble::new(Outcome::NoCredentials, reason)
}
