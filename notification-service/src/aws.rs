//! The way to AWS: settings, clients that are made on first use, so that no certificate is parsed and no network is
//! touched before a request needs it, and what its failures mean.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::{
    config::Credentials,
    error::{ProvideErrorMetadata, SdkError},
};
use common::cause::chain;
use platform::config::Env;
use tokio::sync::OnceCell;

/// How long the steps of a request may take. Together they fit into its deadline, so that a request knows how each step ended;
/// the channels of a request take these steps side by side.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// One call to DynamoDB, with its second try.
    pub store: Duration,
    /// Claiming: one call, and up to three more where another request was in the way.
    pub claim: Duration,
    /// Handing over, whichever providers are asked.
    pub send: Duration,
}

impl Limits {
    /// What production lives with.
    pub const PRODUCTION: Self = Self {
        store: Duration::from_millis(480),
        claim: Duration::from_millis(700),
        send: Duration::from_millis(1_300),
    };
}

/// Where AWS is and who we are there. Cheap to clone; clones share their clients.
#[derive(Clone)]
pub struct Aws(Arc<Inner>);

struct Inner {
    region: String,
    credentials: Option<Credentials>,
    dynamodb_endpoint: Option<String>,
    ses_endpoint: Option<String>,
    limits: Limits,
    shared: OnceCell<SdkConfig>,
    dynamodb: OnceCell<aws_sdk_dynamodb::Client>,
    ses: OnceCell<aws_sdk_sesv2::Client>,
}

/// Shows no credentials.
impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aws({})", self.0.region)
    }
}

impl Aws {
    /// Reads `AWS_REGION`, and where they are set `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_DYNAMODB`,
    /// `AWS_ENDPOINT_URL_SESV2` (the SDK's own names), `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
    /// `AWS_SESSION_TOKEN`. Without keys the SDK looks for some where it always does.
    ///
    /// What is wrong is noted in `env`, and the way then leads nowhere: the other settings are read all the same.
    pub fn configure(env: &mut Env, limits: Limits) -> Self {
        let region = env.text("AWS_REGION").unwrap_or_default();
        let everywhere = endpoint(env, "AWS_ENDPOINT_URL");
        let dynamodb = endpoint(env, "AWS_ENDPOINT_URL_DYNAMODB");
        let ses = endpoint(env, "AWS_ENDPOINT_URL_SESV2");
        Self(Arc::new(Inner {
            region,
            credentials: credentials(env),
            dynamodb_endpoint: dynamodb.or_else(|| everywhere.clone()),
            ses_endpoint: ses.or(everywhere),
            limits,
            shared: OnceCell::new(),
            dynamodb: OnceCell::new(),
            ses: OnceCell::new(),
        }))
    }

    /// The client for DynamoDB. It tries twice within its limit: a conditional write recognises its own first try.
    pub async fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.0.dynamodb.get_or_init(|| self.patient_dynamodb(self.0.limits.store)).await
    }

    /// A client for DynamoDB whose calls may take so long; for work that no shopper waits for.
    pub async fn patient_dynamodb(&self, limit: Duration) -> aws_sdk_dynamodb::Client {
        let retries = RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(50));
        let mut config = aws_sdk_dynamodb::config::Builder::from(self.shared().await)
            .retry_config(retries)
            .timeout_config(timeouts(limit, limit / 2));
        config.set_endpoint_url(self.0.dynamodb_endpoint.clone());
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// The client for SES. It tries once: to SES a second try is a second mail.
    pub async fn ses(&self) -> &aws_sdk_sesv2::Client {
        let make = || async {
            let mut config = aws_sdk_sesv2::config::Builder::from(self.shared().await)
                .retry_config(RetryConfig::disabled())
                .timeout_config(timeouts(self.0.limits.send, self.0.limits.send));
            config.set_endpoint_url(self.0.ses_endpoint.clone());
            aws_sdk_sesv2::Client::from_conf(config.build())
        };
        self.0.ses.get_or_init(make).await
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
    async fn shared(&self) -> &SdkConfig {
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

fn timeouts(operation: Duration, attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(attempt)
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}

/// An address that may be absent.
fn endpoint(env: &mut Env, name: &str) -> Option<String> {
    env.optional(name).and_then(|_| env.url(name))
}

fn credentials(env: &Env) -> Option<Credentials> {
    let (id, secret) = (env.optional("AWS_ACCESS_KEY_ID")?, env.optional("AWS_SECRET_ACCESS_KEY")?);
    Some(Credentials::new(id, secret, env.optional("AWS_SESSION_TOKEN"), None, "settings"))
}

/// Why AWS did not do what it was asked. The text has no values of ours: it goes into logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It did not answer, broke down, or has too much to do; asking again later is right. When it did not answer, it may
    /// have done it all the same.
    #[error("is unavailable: {0}")]
    Unavailable(String),
    /// It answered that it will not. Asking again is no use before somebody changes something.
    #[error("refused: {0}")]
    Refused(String),
}

impl Failure {
    /// What a call's error means.
    pub fn of<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> Self {
        let words = described(error);
        let is_refusal = match error {
            SdkError::ConstructionFailure(_) => true,
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                status < 500 && status != 429 && !error.code().is_some_and(is_throttling)
            }
            _ => false,
        };
        if is_refusal { Self::Refused(words) } else { Self::Unavailable(words) }
    }
}

/// The codes by which DynamoDB and SES say "later" with a status that says "never".
fn is_throttling(code: &str) -> bool {
    [
        "Throttl",
        "LimitExceeded",
        "TooManyRequests",
        "ProvisionedThroughputExceeded",
        "TransactionConflict",
        "TransactionInProgress",
    ]
    .iter()
    .any(|word| code.contains(word))
}

/// AWS's code, or its status, or else the chain of causes. Never its words: SES names addresses in some of them.
fn described<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> String {
    if let SdkError::ServiceError(service) = error {
        let status = service.raw().status().as_u16();
        return error.code().map_or_else(|| format!("status {status}"), |code| format!("{code} (status {status})"));
    }
    chain(error)
}
