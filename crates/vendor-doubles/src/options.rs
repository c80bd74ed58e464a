//! How the doubles are set up.

use std::time::Duration;

use crate::records;

/// The account that calls Twilio.
#[derive(Debug, Clone)]
pub struct TwilioAccount {
    /// `AC` and 32 digits.
    pub account_sid: String,
    /// Its token.
    pub auth_token: String,
    /// `SK` and 32 digits.
    pub key_sid: String,
    /// Its secret.
    pub key_secret: String,
}

impl Default for TwilioAccount {
    fn default() -> Self {
        let sid = |prefix: &str| format!("{prefix}{}", records::digits(32));
        Self {
            account_sid: sid("AC"),
            auth_token: records::digits(32),
            key_sid: sid("SK"),
            key_secret: records::digits(32),
        }
    }
}

/// How the doubles are set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where SendGrid, Twilio, SES and the control listen on 127.0.0.1; 0 for free ports.
    pub ports: [u16; 4],
    /// The key that callers of SendGrid must present.
    pub sendgrid_key: String,
    /// What callers of Twilio must present.
    pub twilio: TwilioAccount,
    /// The configuration sets that SES knows.
    pub configuration_sets: Vec<String>,
    /// The delay of each answer, after the call's effect.
    pub latency: Duration,
    /// Whether messages are delivered after a moment, with reports to the shop.
    pub delivers: bool,
    /// Where SendGrid posts its events; it posts none without.
    pub sendgrid_webhook: Option<String>,
    /// Where SES publishes its events; it publishes none without.
    pub ses_topic: Option<SesTopic>,
}

/// The topic of SNS to which each configuration set publishes, with one subscription.
#[derive(Debug, Clone)]
pub struct SesTopic {
    /// `arn:aws:sns:us-east-1:000000000000:mail-events`.
    pub arn: String,
    /// Where SNS posts the topic's messages.
    pub webhook: String,
}

impl Default for Options {
    /// Free ports, fresh secrets, no configuration set, no latency, no delivery.
    fn default() -> Self {
        Self {
            ports: [0; 4],
            sendgrid_key: format!("SG.{}.{}", records::digits(22), records::digits(43)),
            twilio: TwilioAccount::default(),
            configuration_sets: Vec::new(),
            latency: Duration::ZERO,
            delivers: false,
            sendgrid_webhook: None,
            ses_topic: None,
        }
    }
}
