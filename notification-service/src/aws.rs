//! Clients of AWS, made on first use, with the time limits of their calls and the meaning of their errors.

use std::{error::Error, sync::Arc, time::Duration};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::config::retry::RetryConfig;
use common::cause::chain;
use platform::{
    aws::{AwsConfig, timeouts, two_tries},
    config::Env,
};
use tokio::sync::OnceCell;

/// Time limits of the steps of a request. Their sum is below the request's deadline, so that each step's result is known in
/// time; the channels of a request take these steps concurrently.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// One call to DynamoDB, with its second try.
    pub store: Duration,
    /// Acquiring the lease of a message: one call, and up to three more where another request interfered.
    pub acquire_lease: Duration,
    /// Sending, over all providers that are tried.
    pub send: Duration,
}

impl Limits {
    /// The limits in production.
    pub const PRODUCTION: Self = Self {
        store: Duration::from_millis(480),
        acquire_lease: Duration::from_millis(700),
        send: Duration::from_millis(1_300),
    };
}

/// The clients of this service. Cheap to clone; clones share their clients.
#[derive(Debug, Clone)]
pub struct Aws(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: AwsConfig,
    dynamodb_endpoint: Option<String>,
    ses_endpoint: Option<String>,
    limits: Limits,
    dynamodb: OnceCell<aws_sdk_dynamodb::Client>,
    ses: OnceCell<aws_sdk_sesv2::Client>,
}

impl Aws {
    /// Reads what [`AwsConfig`] reads, and `AWS_ENDPOINT_URL_DYNAMODB` and `AWS_ENDPOINT_URL_SESV2` where they are set.
    /// Problems are recorded in `env`.
    pub fn configure(env: &mut Env, limits: Limits) -> Self {
        let config = AwsConfig::configure(env);
        Self(Arc::new(Inner {
            dynamodb_endpoint: config.endpoint(env, "AWS_ENDPOINT_URL_DYNAMODB"),
            ses_endpoint: config.endpoint(env, "AWS_ENDPOINT_URL_SESV2"),
            config,
            limits,
            dynamodb: OnceCell::new(),
            ses: OnceCell::new(),
        }))
    }

    /// Region and credentials.
    pub fn config(&self) -> &AwsConfig {
        &self.0.config
    }

    /// The client for DynamoDB. It retries once within its time limit: a conditional write recognises its own first try.
    pub async fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.0.dynamodb.get_or_init(|| self.patient_dynamodb(self.0.limits.store)).await
    }

    /// A client for DynamoDB whose calls may take up to `limit`, for work that no shopper waits for.
    pub async fn patient_dynamodb(&self, limit: Duration) -> aws_sdk_dynamodb::Client {
        let mut config = aws_sdk_dynamodb::config::Builder::from(self.0.config.shared().await)
            .retry_config(two_tries())
            .timeout_config(timeouts(limit, limit / 2));
        config.set_endpoint_url(self.0.dynamodb_endpoint.clone());
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// The client for SES. It never retries: a second call would be a second mail.
    pub async fn ses(&self) -> &aws_sdk_sesv2::Client {
        let make = || async {
            let mut config = aws_sdk_sesv2::config::Builder::from(self.0.config.shared().await)
                .retry_config(RetryConfig::disabled())
                .timeout_config(timeouts(self.0.limits.send, self.0.limits.send));
            config.set_endpoint_url(self.0.ses_endpoint.clone());
            aws_sdk_sesv2::Client::from_conf(config.build())
        };
        self.0.ses.get_or_init(make).await
    }
}

/// A failed call of AWS. The text contains no data of ours, since it is logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// AWS did not answer, failed or throttled; a later try may succeed. Without an answer the call may have had its effect.
    #[error("is unavailable: {0}")]
    Unavailable(String),
    /// AWS refused the call; repeating it unchanged fails again.
    #[error("refused: {0}")]
    Refused(String),
}

impl Failure {
    /// Classifies the error of a call.
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

/// The codes by which DynamoDB and SES throttle with a status of 400.
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

/// AWS's code, or its status, or else the chain of causes. Never its message: some messages of SES contain addresses.
fn described<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> String {
    if let SdkError::ServiceError(service) = error {
        let status = service.raw().status().as_u16();
        return error.code().map_or_else(|| format!("status {status}"), |code| format!("{code} (status {status})"));
    }
    chain(error)
}
