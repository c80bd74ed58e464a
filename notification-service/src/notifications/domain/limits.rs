//! Limits of messages by recipient and by country. Every shopper can enter any address and number; the limits keep their owners
//! from being flooded, and the shop from paying for texts that fraudsters request to get a share of the price ("SMS pumping").

use std::{str::FromStr, time::Duration};

use common::{
    contact::{Channel, CountryCode, Phone},
    input::Refusal,
    timestamp::Timestamp,
};
use platform::{
    config::Env,
    fingerprint::{Fingerprint, hex},
};

use super::State;
use crate::templates::Template;

const HOUR_SECONDS: i64 = 60 * 60;
const DAY_SECONDS: i64 = 24 * HOUR_SECONDS;

/// Mails about orders to one recipient in one day of UTC, unless configured otherwise.
const ORDER_MAILS: u32 = 20;
/// Mails to one recipient in one day of UTC about registrations with the address.
const ACCOUNT_MAILS: u32 = 5;
/// Mails with a link into an account to one recipient in one day of UTC, of each kind.
const CODE_MAILS: u32 = 10;
/// Mails written by staff to one recipient in one day of UTC.
const DIRECT_MAILS: u32 = 20;
/// Texts to one recipient in one day of UTC.
const TEXTS: u32 = 10;
/// Texts to one country in one hour.
const TEXTS_BY_COUNTRY: u32 = 200;

/// The countries to which the shop sends texts, such as `GB,DE`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Countries(Vec<CountryCode>);

impl FromStr for Countries {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let read = |code: &str| code.trim().parse::<CountryCode>();
        let refusal = |_| Refusal::new("unknown_country", "must be codes of countries such as GB,DE");
        text.split(',').map(read).collect::<Result<_, _>>().map(Self).map_err(refusal)
    }
}

/// The limits of a shop.
#[derive(Debug, Clone)]
pub struct Caps {
    order_mails: u32,
    account_mails: u32,
    code_mails: u32,
    direct_mails: u32,
    texts: u32,
    texts_by_country: u32,
    countries: Countries,
}

impl Caps {
    /// Reads `ORDER_MAILS_PER_RECIPIENT`, `ACCOUNT_MAILS_PER_RECIPIENT`, `CODE_MAILS_PER_RECIPIENT`,
    /// `DIRECT_MAILS_PER_RECIPIENT`, `SMS_PER_RECIPIENT`, `SMS_PER_COUNTRY_PER_HOUR` and `SMS_COUNTRIES`.
    pub fn configure(env: &mut Env) -> Option<Self> {
        let order_mails = env.number_or("ORDER_MAILS_PER_RECIPIENT", ORDER_MAILS, 1..=1_000);
        let account_mails = env.number_or("ACCOUNT_MAILS_PER_RECIPIENT", ACCOUNT_MAILS, 1..=1_000);
        let code_mails = env.number_or("CODE_MAILS_PER_RECIPIENT", CODE_MAILS, 1..=1_000);
        let direct_mails = env.number_or("DIRECT_MAILS_PER_RECIPIENT", DIRECT_MAILS, 1..=1_000);
        let texts = env.number_or("SMS_PER_RECIPIENT", TEXTS, 1..=1_000);
        let texts_by_country = env.number_or("SMS_PER_COUNTRY_PER_HOUR", TEXTS_BY_COUNTRY, 1..=100_000);
        // A shop that sends texts must name the countries.
        let countries = match env.optional("SMS_PROVIDERS") {
            Some(_) => env.parsed("SMS_COUNTRIES"),
            None => env.parsed_or("SMS_COUNTRIES", Countries::default()),
        };
        Some(Self {
            order_mails: order_mails?,
            account_mails: account_mails?,
            code_mails: code_mails?,
            direct_mails: direct_mails?,
            texts: texts?,
            texts_by_country: texts_by_country?,
            countries: countries?,
        })
    }

    /// The limit that a mail counts against. Mails that a stranger can cause by entering an address have one (orders,
    /// registrations, links into an account), and those that staff write, since a stolen staff account or a faulty program could
    /// send without end. Each kind of link has its own: registrations of an address must not use up the mails by which its
    /// owner gets back into the account.
    pub fn of_mail(&self, template: Template, recipient: Fingerprint, now: Timestamp) -> Option<Count> {
        let day = now.unix_seconds().div_euclid(DAY_SECONDS);
        let (kind, most, reason) = match template {
            Template::Direct => ("direct", self.direct_mails, Reason::DirectMails),
            Template::AccountCreated | Template::AccountExists => ("account", self.account_mails, Reason::AccountMails),
            Template::VerifyEmail => ("verify", self.code_mails, Reason::CodeMails),
            Template::PasswordReset => ("reset", self.code_mails, Reason::CodeMails),
            template if template.is_about_an_order() => ("recipient", self.order_mails, Reason::OrderMails),
            _ => return None,
        };
        let key = format!("{kind}#{}#{day}", hex(recipient));
        Some(Count { key, most, by: CountBy::Events, kept_for: Duration::from_hours(48), reason })
    }

    /// The country of a number, or why the shop sends no texts to it.
    pub fn country(&self, phone: &Phone) -> Result<CountryCode, Reason> {
        if !phone.takes_texts() {
            return Err(Reason::NoTexts);
        }
        phone.country().filter(|country| self.countries.0.contains(country)).ok_or(Reason::Country)
    }

    /// The limits that a text counts against, or why it is not sent.
    pub fn of_text(&self, phone: &Phone, recipient: Fingerprint, now: Timestamp) -> Result<Vec<Count>, Reason> {
        let country = self.country(phone)?;
        let (day, hour) = (now.unix_seconds().div_euclid(DAY_SECONDS), now.unix_seconds().div_euclid(HOUR_SECONDS));
        let by_recipient = Count {
            key: format!("phone#{}#{day}", hex(recipient)),
            most: self.texts,
            by: CountBy::Events,
            kept_for: Duration::from_hours(48),
            reason: Reason::Texts,
        };
        let by_country = Count {
            key: format!("country#{}#{hour}", country.as_str()),
            most: self.texts_by_country,
            by: CountBy::Number,
            kept_for: Duration::from_hours(2),
            reason: Reason::TextsByCountry,
        };
        Ok(vec![by_recipient, by_country])
    }
}

/// A counter that is incremented when a message's lease is acquired for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The partition key of its item.
    pub key: String,
    /// The limit.
    pub most: u32,
    /// What the item stores.
    pub by: CountBy,
    /// How long the item is kept.
    pub kept_for: Duration,
    /// The reason given for an event beyond the limit.
    pub reason: Reason,
}

/// What the item of a counter stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountBy {
    /// The set of event ids, for small limits: no event is counted twice.
    Events,
    /// A number, where the set would become large.
    Number,
}

/// Why a message is not sent, before any provider is tried. Final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The recipient reached the day's limit of mails about orders.
    OrderMails,
    /// The recipient reached the day's limit of mails about registrations.
    AccountMails,
    /// The recipient reached the day's limit of mails with this kind of link.
    CodeMails,
    /// The recipient reached the day's limit of mails written by staff.
    DirectMails,
    /// The recipient reached the day's limit of texts.
    Texts,
    /// The country reached the hour's limit of texts.
    TextsByCountry,
    /// The shop sends no texts to the country.
    Country,
    /// The number cannot receive texts, or costs a premium.
    NoTexts,
    /// The address is suppressed.
    Suppressed,
}

impl Reason {
    /// The sentence that is stored, logged and published.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderMails => "the recipient has had the day's limit of mails about orders",
            Self::AccountMails => "the recipient has had the day's limit of mails about accounts",
            Self::CodeMails => "the recipient has had the day's limit of mails with such a link",
            Self::DirectMails => "the recipient has had the day's limit of mails written by staff",
            Self::Texts => "the recipient has had the day's limit of texts",
            Self::TextsByCountry => "the country has had the hour's limit of texts",
            Self::Country => "texts do not go to the country",
            Self::NoTexts => "no text reaches such a number",
            Self::Suppressed => "the address is suppressed",
        }
    }

    /// The state of a message that is not sent for this reason.
    pub fn state(self) -> State {
        match self {
            Self::OrderMails
            | Self::AccountMails
            | Self::CodeMails
            | Self::DirectMails
            | Self::Texts
            | Self::TextsByCountry
            | Self::Country => State::Withheld,
            Self::NoTexts => State::Refused,
            Self::Suppressed => State::Suppressed,
        }
    }
}

/// The keys of the suppressions that a message must not have: it is not sent while an item with one of them exists. A recipient
/// who unsubscribed still gets transactional messages.
pub fn suppression_keys(channel: Channel, recipient: Fingerprint, template: Template) -> Vec<String> {
    let everything = format!("suppression#{channel}#{}", hex(recipient));
    let announcements = (!template.is_transactional()).then(|| format!("{everything}#announcements"));
    [Some(everything), announcements].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use strum::VariantArray;

    use super::*;

    fn caps(settings: &[(&str, &str)]) -> Option<Caps> {
        let mut env = Env::from_pairs(settings.iter().copied());
        Caps::configure(&mut env)
    }

    fn phone(text: &str) -> Phone {
        text.parse().unwrap()
    }

    #[test]
    fn texts_go_only_where_the_shop_says() {
        let now = Timestamp::from_unix_millis(1_796_000_000_000).unwrap();
        let none = caps(&[]).unwrap();
        assert_eq!(none.of_text(&phone("+447400123456"), [1; 16], now), Err(Reason::Country));
        let some = caps(&[("SMS_COUNTRIES", "DE, GB")]).unwrap();
        let counts = some.of_text(&phone("+447400123456"), [1; 16], now).unwrap();
        let keys: Vec<&str> = counts.iter().map(|count| count.key.as_str()).collect();
        assert_eq!(keys, [format!("phone#{}#20787", "01".repeat(16)).as_str(), "country#GB#498888"]);
        assert_eq!(counts.iter().map(|count| count.most).collect::<Vec<_>>(), [10, 200]);
        assert_eq!(some.of_text(&phone("+33612345678"), [1; 16], now), Err(Reason::Country));
        // A premium-rate number: its owner is paid for each text.
        assert_eq!(some.of_text(&phone("+449012345678"), [1; 16], now), Err(Reason::NoTexts));
        assert!(caps(&[("SMS_COUNTRIES", "GB,UK")]).is_none());
        assert!(caps(&[("SMS_PROVIDERS", "twilio")]).is_none(), "a shop that sends texts says where to");
        for (name, value) in [("SMS_PER_RECIPIENT", "0"), ("SMS_PER_COUNTRY_PER_HOUR", "100001")] {
            assert!(caps(&[(name, value)]).is_none(), "{name}");
        }
    }

    #[test]
    fn what_a_stranger_can_have_sent_and_what_staff_write_is_counted_each_kind_by_itself() {
        let limits = [
            ("ORDER_MAILS_PER_RECIPIENT", "4"),
            ("ACCOUNT_MAILS_PER_RECIPIENT", "1"),
            ("CODE_MAILS_PER_RECIPIENT", "2"),
            ("DIRECT_MAILS_PER_RECIPIENT", "3"),
        ];
        let (some, usual) = (caps(&limits).unwrap(), caps(&[]).unwrap());
        for &template in Template::VARIANTS {
            let of = |caps: &Caps| caps.of_mail(template, [0; 16], Timestamp::EPOCH);
            let counted = of(&some).map(|count| (count.key, count.most, count.reason));
            let key = |kind: &str| format!("{kind}#{}#0", "00".repeat(16));
            let expected = match template {
                Template::Direct => Some((key("direct"), 3, Reason::DirectMails, 20)),
                Template::AccountCreated | Template::AccountExists => {
                    Some((key("account"), 1, Reason::AccountMails, 5))
                }
                Template::VerifyEmail => Some((key("verify"), 2, Reason::CodeMails, 10)),
                Template::PasswordReset => Some((key("reset"), 2, Reason::CodeMails, 10)),
                Template::OrderConfirmation
                | Template::PaymentFailed
                | Template::OrderCancelled
                | Template::PaymentActionRequired
                | Template::OrderShipped
                | Template::OrderDelivered
                | Template::OrderRefunded
                | Template::ReturnReceived
                | Template::WithdrawalReceived
                | Template::GuestOrderLink
                | Template::Invoice => Some((key("recipient"), 4, Reason::OrderMails, 20)),
                Template::LowStock
                | Template::PasswordChanged
                | Template::NewSignIn
                | Template::EmailChanged
                | Template::StaffInvited => None,
            };
            assert_eq!(of(&usual).map(|count| count.most), expected.as_ref().map(|expected| expected.3));
            assert_eq!(counted, expected.map(|(key, most, reason, _)| (key, most, reason)), "{}", template.as_str());
        }
    }

    #[test]
    fn who_unsubscribed_still_gets_what_is_transactional() {
        let keys = |template| suppression_keys(Channel::Email, [0xab; 16], template);
        let everything = format!("suppression#email#{}", "ab".repeat(16));
        for &template in Template::VARIANTS {
            let expected = if template.is_transactional() {
                vec![everything.clone()]
            } else {
                vec![everything.clone(), format!("{everything}#announcements")]
            };
            assert_eq!(keys(template), expected);
        }
    }
}
