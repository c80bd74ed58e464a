//! Which providers there are, and in which order.

use std::str::FromStr;

use common::input::Refusal;
use platform::config::Env;

use super::{MailProvider, TextProvider, domain::Name, sendgrid::Sendgrid, ses::Ses, twilio::Twilio};
use crate::{aws::Aws, sender::Sender};

/// Reads `MAIL_FROM`, `MAIL_PROVIDERS`, and what those that it names need.
pub(super) fn mail(env: &mut Env, aws: &Aws) -> Option<Vec<MailProvider>> {
    let from = env.parsed::<Sender>("MAIL_FROM");
    let MailNames(names) = env.parsed::<MailNames>(name_of_the_list(env))?;
    let providers = names.into_iter().map(|name| match name {
        Name::Ses => Ses::configure(env, aws, from.clone()).map(MailProvider::Ses),
        Name::Sendgrid => Sendgrid::configure(env, from.clone()).map(MailProvider::Sendgrid),
        Name::Twilio | Name::Log => from.as_ref().map(|_| MailProvider::Log),
    });
    // All are looked at, so that everything that is wrong is said at once.
    providers.collect::<Vec<_>>().into_iter().collect()
}

/// `MAIL_PROVIDER` named the one provider of earlier releases.
fn name_of_the_list(env: &Env) -> &'static str {
    if env.optional("MAIL_PROVIDERS").is_none() && env.optional("MAIL_PROVIDER").is_some() {
        tracing::warn!("MAIL_PROVIDER is read for the last release; call the setting MAIL_PROVIDERS");
        return "MAIL_PROVIDER";
    }
    "MAIL_PROVIDERS"
}

/// Reads `SMS_PROVIDERS`, and what those that it names need.
pub(super) fn texts(env: &mut Env) -> Option<Vec<TextProvider>> {
    let TextNames(names) = env.parsed_or("SMS_PROVIDERS", TextNames(Vec::new()))?;
    if names.is_empty() {
        tracing::info!("SMS_PROVIDERS names none: SMS are refused");
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

/// `None` where a name is unknown here or comes twice.
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
