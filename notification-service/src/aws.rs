//! Clients of AWS that are made on first use, how long their calls may take, and what their failures mean.

use std::{error::Error, sync::Arc, time::Duration};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::config::retry::RetryConfig;
use common::cause::chain;
use platform::{
    aws::{AwsConfig, timeouts, two_tries},
    config::Env,
};
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
    /// What is wrong is noted in `env`.
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

    /// The client for DynamoDB. It tries twice within its limit: a conditional write recognises its own first try.
    pub async fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.0.dynamodb.get_or_init(|| self.patient_dynamodb(self.0.limits.store)).await
    }

    /// A client for DynamoDB whose calls may take so long; for work that no shopper waits for.
    pub async fn patient_dynamodb(&self, limit: Duration) -> aws_sdk_dynamodb::Client {
        let mut config = aws_sdk_dynamodb::config::Builder::from(self.0.config.shared().await)
            .retry_config(two_tries())
            .timeout_config(timeouts(limit, limit / 2));
        config.set_endpoint_url(self.0.dynamodb_endpoint.clone());
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// The client for SES. It tries once: to SES a second try is a second mail.
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
