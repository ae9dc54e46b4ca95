use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};

use super::*;

/// A chain that never comes to an end, as one that waits for the instance metadata service.
#[derive(Debug)]
struct Never;

impl ProvideCredentials for Never {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(std::future::pending())
    }
}

/// A chain whose credentials last an hour.
#[derive(Debug, Default)]
struct Hourly(Arc<AtomicUsize>);

impl ProvideCredentials for Hourly {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let n = self.0.fetch_add(1, Ordering::SeqCst);
        let expiry = std::time::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
        future::ProvideCredentials::ready(Ok(Credentials::new(format!("key-{n}"), "secret", None, Some(expiry), "test")))
    }
}

#[tokio::test]
async fn without_credentials_five_callers_know_within_two_seconds() {
    let memo: Memo<u32> = Memo::default();
    let begun = Instant::now();
    let look = || async {
        let chain = SharedCredentialsProvider::new(Never);
        let found = tokio::time::timeout(CREDENTIALS_WITHIN, keys::Keys::resolve(chain)).await;
        found.unwrap_or_else(|_| Err(keys::too_slow())).map(|_| 1)
    };
    let (a, b, c, d, e) = tokio::join!(memo.get(look()), memo.get(look()), memo.get(look()), memo.get(look()), memo.get(look()));
    for found in [a, b, c, d, e] {
        assert_eq!(found.unwrap_err().outcome, Outcome::NoCredentials);
    }
    assert!(begun.elapsed() <= CREDENTIALS_WITHIN + Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn credentials_that_expire_are_looked_for_again_and_others_are_not() {
    let asked = Arc::new(AtomicUsize::new(0));
    let keys = keys::Keys::resolve(SharedCredentialsProvider::new(Hourly(asked.clone()))).await.unwrap();
    assert_eq!(keys.provide_credentials().await.unwrap().access_key_id(), "key-0", "found first, used first");
    assert_eq!(keys.provide_credentials().await.unwrap().access_key_id(), "key-1", "the SDK asks again when they are about to expire");
    assert_eq!(asked.load(Ordering::SeqCst), 2);

    let lasting = SharedCredentialsProvider::new(Credentials::new("k", "s", None, None, "test"));
    let keys = keys::Keys::resolve(lasting).await.unwrap();
    for _ in 0..2 {
        assert_eq!(keys.provide_credentials().await.unwrap().access_key_id(), "k");
    }
}

#[test]
fn an_empty_chain_says_so_with_its_innermost_cause() {
    let nothing = keys::explain(&CredentialsError::not_loaded("the credential provider was not enabled"));
    assert_eq!(
        (nothing.outcome, nothing.reason.as_str()),
        (Outcome::NoCredentials, "no AWS credentials found: the credential provider was not enabled")
    );
    let broken = keys::explain(&CredentialsError::provider_error("SSO session has expired"));
    assert!(broken.reason.contains("SSO session has expired"), "{}", broken.reason);
}

#[tokio::test]
async fn a_configuration_with_its_own_keys_reads_nothing_of_the_surroundings() {
    let clock: Clock = Arc::new(|| "2026-11-24T02:13:07Z".parse().unwrap());
    let mut settings = Settings::new(clock);
    settings.endpoint = Some("http://127.0.0.1:9".to_owned());
    settings.credentials = Some(("AKIDEXAMPLE".to_owned(), "the-secret".to_owned()));
    assert!(!format!("{settings:?}").contains("the-secret"));
    let aws = Aws::new(settings);
    let begun = Instant::now();
    let (near, far) = (aws.sdk("us-east-1").await.unwrap(), aws.sdk("eu-central-1").await.unwrap());
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(near.region().map(Region::as_ref), Some("us-east-1"));
    assert_eq!(far.region().map(Region::as_ref), Some("eu-central-1"));
    assert_eq!(far.endpoint_url(), Some("http://127.0.0.1:9"));
    let who = aws.identity("us-east-1").await.unwrap_err();
    assert_eq!(who.outcome, Outcome::Unreachable, "{who}");
}

#[tokio::test]
async fn a_profile_that_does_not_exist_is_no_credentials() {
    let mut settings = Settings::new(Arc::new(|| "2026-11-24T02:13:07Z".parse().unwrap()));
    settings.profile = Some("blotter-test-no-such-profile".to_owned());
    let begun = Instant::now();
    let none = Aws::new(settings).sdk("us-east-1").await.unwrap_err();
    assert_eq!(none.outcome, Outcome::NoCredentials);
    assert!(none.reason.contains("blotter-test-no-such-profile"), "{none}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}
