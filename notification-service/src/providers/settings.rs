//! The lists of providers, read from the settings.

use std::str::FromStr;

use common::input::Refusal;
use platform::config::Env;

use super::{MailProvider, TextProvider, domain::Name, sendgrid::Sendgrid, ses::Ses, twilio::Twilio};
use crate::{aws::Aws, mailbox::Mailbox};

/// Reads `MAIL_FROM`, `MAIL_PROVIDERS`, and the settings of the providers that it names.
pub(super) fn mail(env: &mut Env, aws: &Aws) -> Option<Vec<MailProvider>> {
    let from = env.parsed::<Mailbox>("MAIL_FROM");
    let MailNames(names) = env.parsed::<MailNames>(name_of_the_list(env))?;
    let providers = names.into_iter().map(|name| match name {
        Name::Ses => Ses::configure(env, aws, from.clone()).map(MailProvider::Ses),
        Name::Sendgrid => Sendgrid::configure(env, from.clone()).map(MailProvider::Sendgrid),
        Name::Twilio | Name::Log => from.as_ref().map(|_| MailProvider::Log),
    });
    // All are read before the first failure is returned, so that one start reports every wrong setting.
    providers.collect::<Vec<_>>().into_iter().collect()
}

/// `MAIL_PROVIDER` is the former name of the setting.
fn name_of_the_list(env: &Env) -> &'static str {
    if env.optional("MAIL_PROVIDERS").is_none() && env.optional("MAIL_PROVIDER").is_some() {
        tracing::warn!(
            "MAIL_PROVIDER is deprecated and will be ignored by the next release: rename it to MAIL_PROVIDERS"
        );
        return "MAIL_PROVIDER";
    }
    "MAIL_PROVIDERS"
}

/// Reads `SMS_PROVIDERS`, and the settings of the providers that it names.
pub(super) fn texts(env: &mut Env) -> Option<Vec<TextProvider>> {
    let TextNames(names) = env.parsed_or("SMS_PROVIDERS", TextNames(Vec::new()))?;
    if names.is_empty() {
        tracing::info!("SMS_PROVIDERS is empty: text messages are refused");
    }
    let providers = names.into_iter().map(|name| match name {
        Name::Twilio => Twilio::configure(env).map(TextProvider::Twilio),
        Name::Ses | Name::Sendgrid | Name::Log => Some(TextProvider::Log),
    });
    providers.collect::<Vec<_>>().into_iter().collect()
}

/// Providers of mail, in their order.
#[derive(Debug, PartialEq, Eq)]
struct MailNames(Vec<Name>);

/// Providers of texts, in their order.
#[derive(Debug, PartialEq, Eq)]
struct TextNames(Vec<Name>);

impl FromStr for MailNames {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal =
            || Refusal::new("unknown_provider", "must be ses, sendgrid or log, or several of them, each once");
        names(text, &[Name::Ses, Name::Sendgrid, Name::Log]).map(Self).ok_or_else(refusal)
    }
}

impl FromStr for TextNames {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal = || Refusal::new("unknown_provider", "must be twilio or log, or both, each once");
        names(text, &[Name::Twilio, Name::Log]).map(Self).ok_or_else(refusal)
    }
}

/// `None` where a name is not in `known` or stands twice.
fn names(text: &str, known: &[Name]) -> Option<Vec<Name>> {
    let mut names = Vec::new();
    for word in text.split(',') {
        let name = word.trim().parse().ok().filter(|name| known.contains(name) && !names.contains(name))?;
        names.push(name);
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_its_order_and_has_each_name_once() {
        let mail = |text: &str| text.parse::<MailNames>().map(|MailNames(names)| names).ok();
        assert_eq!(mail("ses,sendgrid"), Some(vec![Name::Ses, Name::Sendgrid]));
        assert_eq!(mail(" sendgrid , ses "), Some(vec![Name::Sendgrid, Name::Ses]));
        for text in ["", "ses,", "ses,ses", "twilio", "SES", "ses;log"] {
            assert_eq!(mail(text), None, "{text}");
        }
        assert_eq!("twilio,log".parse(), Ok(TextNames(vec![Name::Twilio, Name::Log])));
        assert!("ses".parse::<TextNames>().is_err());
    }
}
