//! The configuration of AWS clients: endpoint, region and credentials. It is loaded on first use, so that no
//! certificate is parsed and no network is used before a request needs it.

use std::{fmt, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use tokio::sync::OnceCell;

use crate::config::Env;

/// Region, credentials and endpoint of AWS. Cheap to clone; clones share the loaded configuration.
#[derive(Clone)]
pub struct AwsConfig(Arc<Inner>);

struct Inner {
    region: String,
    credentials: Option<Credentials>,
    endpoint: Option<String>,
    shared: OnceCell<SdkConfig>,
}

/// Leaves out the credentials.
impl fmt::Debug for AwsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwsConfig({})", self.0.region)
    }
}

impl AwsConfig {
    /// Reads `AWS_REGION` and the optional `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
    /// `AWS_SESSION_TOKEN` (the SDK's own names). Without keys the SDK uses its default chain of credentials.
    ///
    /// Invalid settings are noted in `env`; the configuration is then unusable, and the other settings are still
    /// checked.
    pub fn configure(env: &mut Env) -> Self {
        let region = env.text("AWS_REGION").unwrap_or_default();
        let endpoint = optional_url(env, "AWS_ENDPOINT_URL");
        Self(Arc::new(Inner { region, credentials: credentials(env), endpoint, shared: OnceCell::new() }))
    }

    /// The endpoint of one of AWS's services: that of the setting `own` (such as `AWS_ENDPOINT_URL_S3`), or the common
    /// one. `None` leaves it to the SDK.
    pub fn endpoint(&self, env: &mut Env, own: &str) -> Option<String> {
        optional_url(env, own).or_else(|| self.0.endpoint.clone())
    }

    /// The region, such as `eu-central-1`.
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// The provider of credentials, for requests that are signed without a client.
    pub async fn credentials_provider(&self) -> Option<SharedCredentialsProvider> {
        self.shared().await.credentials_provider()
    }

    /// The configuration that all clients share: region and credentials.
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

/// For calls that can be repeated: two attempts, 50 ms apart.
pub fn two_tries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(50))
}

/// A whole call takes `operation` at most, each of its attempts `attempt`.
pub fn timeouts(operation: Duration, attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(attempt)
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}

/// Reads a URL that may be absent.
fn optional_url(env: &mut Env, name: &str) -> Option<String> {
    env.optional(name).and_then(|_| env.url(name))
}

fn credentials(env: &Env) -> Option<Credentials> {
    let (id, secret) = (env.optional("AWS_ACCESS_KEY_ID")?, env.optional("AWS_SECRET_ACCESS_KEY")?);
    Some(Credentials::new(id, secret, env.optional("AWS_SESSION_TOKEN"), None, "settings"))
}
