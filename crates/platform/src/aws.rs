//! The way to AWS: where it is, who we are there, and what the clients of a service share. They are made on first use, so that no
//! certificate is parsed and no network is touched before a request needs it.

use std::{fmt, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use tokio::sync::OnceCell;

use crate::config::Env;

/// Region, credentials and address of AWS. Cheap to clone; clones share what was loaded.
#[derive(Clone)]
pub struct AwsConfig(Arc<Inner>);

struct Inner {
    region: String,
    credentials: Option<Credentials>,
    endpoint: Option<String>,
    shared: OnceCell<SdkConfig>,
}

/// Shows no credentials.
impl fmt::Debug for AwsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwsConfig({})", self.0.region)
    }
}

impl AwsConfig {
    /// Reads `AWS_REGION`, and where they are set `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
    /// `AWS_SESSION_TOKEN` (the SDK's own names). Without keys the SDK looks for some where it always does.
    ///
    /// What is wrong is noted in `env`, and the way then leads nowhere: the other settings are read all the same.
    pub fn configure(env: &mut Env) -> Self {
        let region = env.text("AWS_REGION").unwrap_or_default();
        let endpoint = optional_url(env, "AWS_ENDPOINT_URL");
        Self(Arc::new(Inner { region, credentials: credentials(env), endpoint, shared: OnceCell::new() }))
    }

    /// Where one of AWS's services is: at the address in the setting `own` (such as `AWS_ENDPOINT_URL_S3`), or else where all of
    /// them are. `None`: where the SDK knows it to be.
    pub fn endpoint(&self, env: &mut Env, own: &str) -> Option<String> {
        optional_url(env, own).or_else(|| self.0.endpoint.clone())
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// Who says who we are there.
    pub async fn credentials_provider(&self) -> Option<SharedCredentialsProvider> {
        self.shared().await.credentials_provider()
    }

    /// What all clients share: the region and the credentials.
    pub async fn shared(&self) -> &SdkConfig {
        let make = || async {
            let loader = aws_config::defaults(BehaviorVersion::latest()).region(Region::new(self.0.region.clone()));
            match self.0.credentials.clone() {
                Some(credentials) => loader.credentials_provider(credentials).load().await,
                None => loader.load().await,
            }
        };
        self.0.shared.get_or_init(make).await
    }
}

/// For calls that can be repeated: a second try, soon after the first.
pub fn two_tries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(50))
}

/// A whole call takes `operation` at most, each of its tries `attempt`.
pub fn timeouts(operation: Duration, attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(attempt)
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}

/// An address that may be absent.
fn optional_url(env: &mut Env, name: &str) -> Option<String> {
    env.optional(name).and_then(|_| env.url(name))
}

fn credentials(env: &Env) -> Option<Credentials> {
    let (id, secret) = (env.optional("AWS_ACCESS_KEY_ID")?, env.optional("AWS_SECRET_ACCESS_KEY")?);
    Some(Credentials::new(id, secret, env.optional("AWS_SESSION_TOKEN"), None, "settings"))
}
