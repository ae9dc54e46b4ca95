//! AWS configuration, identity, and what went wrong: the one place that knows the SDK's runtime.
//!
//! Region and account are the caller's to say; the ambient environment only says who we are (the SDK's
//! default chain). Everything here is built at first use and kept.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Builder as HttpBuilder, ConnectorBuilder, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::sync::Mutex;

use crate::record::time::Timestamp;
use crate::record::verdict::Outcome;

mod keys;
mod trouble;
mod witness;

pub use trouble::{Trouble, trouble};
pub use witness::{Seen, Witness, skew_ms};

/// Nobody waits longer than this to learn that there are no credentials (the SDK alone would wait for the
/// instance metadata service several times over).
pub const CREDENTIALS_WITHIN: Duration = Duration::from_secs(2);
/// STS has this long to say who we are.
const IDENTITY_WITHIN: Duration = Duration::from_secs(5);
/// A failure is remembered this long, so that a command says it once and a long watch recovers.
const FAILURE_KEPT: Duration = Duration::from_secs(30);
/// Tries per call, the first one included.
const ATTEMPTS: u32 = 3;
/// Building a connection takes no longer than this.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Tells the time; a parameter so that a drill can let it pass.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What AWS is asked with.
#[derive(Clone)]
pub struct Settings {
    /// Named profile; wins over keys in the environment and over `AWS_PROFILE`.
    pub profile: Option<String>,
    /// Asked instead of every real AWS endpoint; a drill points it at its simulator.
    pub endpoint: Option<String>,
    /// Access key and secret, instead of the chain; neither environment nor profiles are read then.
    pub credentials: Option<(String, String)>,
    /// Where the time comes from.
    pub clock: Clock,
}

impl Settings {
    /// The AWS chain's own credentials and endpoints.
    pub fn new(clock: Clock) -> Self {
        Self { profile: None, endpoint: None, credentials: None, clock }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credentials = self.credentials.as_ref().map(|_| "***");
        f.debug_struct("Settings")
            .field("profile", &self.profile)
            .field("endpoint", &self.endpoint)
            .field("credentials", &credentials)
            .finish_non_exhaustive()
    }
}

/// Who STS says we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// The caller's ARN.
    pub arn: String,
}

/// The SDK's configuration and identity; cheap to clone, built at first use, shared by all calls.
#[derive(Clone)]
pub struct Aws(Arc<Inner>);

struct Inner {
    settings: Settings,
    http: OnceLock<SharedHttpClient>,
    base: Memo<SdkConfig>,
    identity: Memo<Identity>,
}

impl Aws {
    /// Remembers the settings; nothing is read or asked yet.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(Inner { settings, http: OnceLock::new(), base: Memo::default(), identity: Memo::default() }))
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// A fresh witness for the calls of one client.
    pub fn witness(&self) -> Witness {
        Witness::new(self.0.settings.clock.clone())
    }

    /// The configuration for `region`, with credentials that were found once for all callers.
    ///
    /// Errs with [`Outcome::NoCredentials`] within [`CREDENTIALS_WITHIN`], however many ask at once.
    pub async fn sdk(&self, region: &str) -> Result<SdkConfig, Trouble> {
        let inner = self.0.clone();
        let first = region.to_owned();
        // A task of its own: a caller that gives up does not make the others start again.
        let found = tokio::spawn(async move {
            let make = inner.configure(first);
            inner.base.get(make).await
        });
        let base = found.await.map_err(|_| Trouble::new(Outcome::NoCredentials, "the AWS configuration could not be built"))??;
        Ok(base.into_builder().region(Region::new(region.to_owned())).build())
    }

    /// [`Aws::sdk`], with no call tried twice: for calls that change something.
    ///
    /// # Errors
    /// As [`Aws::sdk`].
    pub async fn once(&self, region: &str) -> Result<SdkConfig, Trouble> {
        Ok(self.sdk(region).await?.into_builder().retry_config(RetryConfig::disabled()).build())
    }

    /// Who we are, from STS in `region`; asked once, and bounded.
    pub async fn identity(&self, region: &str) -> Result<Identity, Trouble> {
        let aws = self.clone();
        let region = region.to_owned();
        let asked = tokio::spawn(async move { aws.0.identity.get(aws.who(&region)).await });
        asked.await.map_err(|_| Trouble::new(Outcome::Malformed, "the answer of STS could not be read"))?
    }

    async fn who(&self, region: &str) -> Result<Identity, Trouble> {
        let config = self.sdk(region).await?;
        let config = aws_sdk_sts::config::Builder::from(&config).interceptor(self.witness()).build();
        let call = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send();
        let answer = tokio::time::timeout(IDENTITY_WITHIN, call)
            .await
            .map_err(|_| Trouble::new(Outcome::Timeout, format!("STS did not answer within {} s", IDENTITY_WITHIN.as_secs())))?
            .map_err(|e| trouble(&e))?;
        match (answer.account, answer.arn) {
            (Some(account), Some(arn)) => Ok(Identity { account, arn }),
            _ => Err(Trouble::new(Outcome::Malformed, "STS named no account")),
        }
    }
}

impl Inner {
    async fn configure(&self, region: String) -> Result<SdkConfig, Trouble> {
        let region = Region::new(region);
        if let Some((key, secret)) = &self.settings.credentials {
            let keys = Credentials::new(key, secret, None, None, "blotter");
            return Ok(self.plain(region, SharedCredentialsProvider::new(keys)));
        }
        let load = async {
            let config = self.load(region).await;
            let chain = config.credentials_provider().ok_or_else(no_provider)?;
            let keys = keys::Keys::resolve(chain).await.map_err(|t| self.named(t))?;
            Ok(config.into_builder().credentials_provider(SharedCredentialsProvider::new(keys)).build())
        };
        tokio::time::timeout(CREDENTIALS_WITHIN, load).await.unwrap_or_else(|_| Err(keys::too_slow()))
    }

    /// Adds what was asked for by name.
    fn named(&self, trouble: Trouble) -> Trouble {
        match &self.settings.profile {
            Some(profile) => Trouble { reason: format!("{} (profile `{profile}`)", trouble.reason), ..trouble },
            None => trouble,
        }
    }

    /// A configuration that neither environment nor profiles can change.
    fn plain(&self, region: Region, keys: SharedCredentialsProvider) -> SdkConfig {
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region)
            .credentials_provider(keys)
            .http_client(self.http())
            .retry_config(retries())
            .timeout_config(timeouts())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .app_name(app_name());
        config.set_endpoint_url(self.settings.endpoint.clone());
        config.build()
    }

    async fn load(&self, region: Region) -> SdkConfig {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(region.clone())
            .http_client(self.http())
            .retry_config(retries())
            .timeout_config(timeouts())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .app_name(app_name());
        if let Some(endpoint) = &self.settings.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(profile) = &self.settings.profile {
            // The default chain would let keys in the environment win over a profile that was asked for by name.
            let provider = ProviderConfig::without_region().with_region(Some(region)).with_http_client(self.http());
            let keys = ProfileFileCredentialsProvider::builder().configure(&provider).profile_name(profile).build();
            loader = loader.profile_name(profile).credentials_provider(keys);
        }
        loader.load().await
    }

    /// One connection pool for every service, without TLS (and its certificates) or proxy for a stand-in on `http://`.
    fn http(&self) -> SharedHttpClient {
        let plain = self.settings.endpoint.as_deref().is_some_and(|e| e.starts_with("http://"));
        self.http.get_or_init(|| if plain { HttpBuilder::new().build_http() } else { https() }).clone()
    }
}

fn https() -> SharedHttpClient {
    HttpBuilder::new().build_with_connector_fn(|settings, components| {
        let mut connector = ConnectorBuilder::default().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|c| c.sleep_impl()));
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(Duration::from_millis(100))
        .with_max_backoff(Duration::from_secs(1))
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_WITHIN).build()
}

fn app_name() -> AppName {
    AppName::new("blotter").unwrap_or_else(|_| unreachable!("the name is a plain word"))
}

fn no_provider() -> Trouble {
    Trouble::new(Outcome::NoCredentials, "the AWS configuration names no source of credentials")
}

/// A value made once for all who ask; a failure is remembered for [`FAILURE_KEPT`].
struct Memo<T>(Mutex<Option<(Instant, Result<T, Trouble>)>>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Memo<T> {
    async fn get(&self, make: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        let mut kept = self.0.lock().await;
        match &*kept {
            Some((_, Ok(value))) => return Ok(value.clone()),
            Some((at, Err(trouble))) if at.elapsed() < FAILURE_KEPT => return Err(trouble.clone()),
            _ => {}
        }
        let made = make.await;
        *kept = Some((Instant::now(), made.clone()));
        made
    }
}

#[cfg(test)]
mod tests;
