//! The keys and topics that verify webhooks, read from the settings.

use platform::config::{Env, Secret};

use super::{
    certificates::Certificates,
    sns::{SnsDouble, TopicArn},
    twilio::Secrets,
};
use crate::error::Error;

/// The keys and topics that verify webhooks, `None` for vendors that are not configured. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// The topic to which SES publishes.
    pub(super) topic: Option<TopicArn>,
    /// The certificates of SNS.
    pub(super) certificates: Certificates,
    pub(super) sendgrid: Option<Secret>,
    pub(super) twilio: Option<Twilio>,
}

#[derive(Debug, Clone)]
pub(super) struct Twilio {
    token: Secret,
    shared_key: Option<Secret>,
    pub(super) account: Option<String>,
    /// The public URL that Twilio calls.
    pub(super) address: String,
}

impl Webhooks {
    /// Reads `SES_TOPIC_ARN`, at home `SNS_DOUBLE_URL`, `SENDGRID_WEBHOOK_KEY`, `TWILIO_AUTH_TOKEN`, `TWILIO_WEBHOOK_KEY`
    /// and `TWILIO_ACCOUNT_SID`, all of which may be absent. Vendors call addresses below `public_url`.
    pub fn configure(env: &mut Env, public_url: &str) -> Option<Self> {
        let double = env.at_home::<SnsDouble>("SNS_DOUBLE_URL");
        let topic = match env.optional("SES_TOPIC_ARN") {
            None => None,
            Some(_) => Some(env.parsed::<TopicArn>("SES_TOPIC_ARN")?),
        };
        let topic = match double? {
            Some(double) => topic.map(|topic| topic.played_by(double)),
            None => topic,
        };
        let sendgrid = env.optional_secret("SENDGRID_WEBHOOK_KEY");
        let token = env.optional_secret("TWILIO_AUTH_TOKEN");
        let shared_key = env.optional_secret("TWILIO_WEBHOOK_KEY");
        let account = env.optional("TWILIO_ACCOUNT_SID");
        let address = format!("{public_url}/webhooks/twilio");
        let twilio = token.map(|token| Twilio { token, shared_key, account, address });
        Some(Self { topic, certificates: Certificates::default(), sendgrid, twilio })
    }

    /// The same with another HTTP client for the hosts of SNS. For tests, whose client resolves those hosts to a server of theirs.
    #[must_use]
    pub fn with_client(self, client: reqwest::Client) -> Self {
        Self { certificates: Certificates::default().with_client(client), ..self }
    }
}

impl Twilio {
    pub(super) async fn secrets(&self) -> Result<Secrets, Error> {
        let token = self.token.get().await.map_err(Error::Secret)?;
        let shared_key = match &self.shared_key {
            Some(key) => Some(key.get().await.map_err(Error::Secret)?),
            None => None,
        };
        Ok(Secrets { token, shared_key })
    }
}
