//! A shop whose vendors are doubles, and which has sent what notification-service's examples name.

use common::contact::Channel;
use std::time::Duration;

use e2e::{Owner, Shop};
use notification_service::{
    App,
    aws::Limits,
    templates::{Template, sample},
    unsubscribe,
};
use platform::config::Env;
use reqwest::Method;
use vendor_doubles::{Options, Vendor, VendorDoubles};

use crate::fixture::Fixture;

/// Limits that no proof meets.
const UNLIMITED: [(&str, &str); 4] = [
    ("DIRECT_MAILS_PER_RECIPIENT", "1000"),
    ("SMS_PER_RECIPIENT", "1000"),
    ("SMS_PER_COUNTRY_PER_HOUR", "100000"),
    ("SMS_COUNTRIES", "DE,GB,US"),
];

const PATIENT: Limits =
    Limits { store: Duration::from_secs(10), acquire_lease: Duration::from_secs(10), send: Duration::from_secs(10) };

pub(crate) async fn open() -> Fixture {
    let vendors = VendorDoubles::start(Options::default()).await;
    let twilio = vendors.twilio();
    let mut settings = vec![
        ("MAIL_PROVIDERS", "ses,sendgrid"),
        ("AWS_ENDPOINT_URL_SESV2", vendors.base(Vendor::Ses)),
        ("SENDGRID_API_BASE", vendors.base(Vendor::Sendgrid)),
        ("SENDGRID_API_KEY", vendors.sendgrid_key()),
        ("SMS_PROVIDERS", "twilio"),
        ("TWILIO_API_BASE", vendors.base(Vendor::Twilio)),
        ("TWILIO_ACCOUNT_SID", &twilio.account_sid),
        ("TWILIO_AUTH_TOKEN", &twilio.auth_token),
        ("TWILIO_FROM", "Bodega"),
        // Webhooks of vendors: invented requests have no valid signature.
        ("SES_TOPIC_ARN", "arn:aws:sns:us-east-1:123456789012:mail-events"),
        ("SENDGRID_WEBHOOK_KEY", vendors.sendgrid_webhook_key()),
    ];
    settings.extend(e2e::UNLIMITED);
    settings.extend(UNLIMITED);
    let shop = Shop::open_with(&settings).await;
    // A busy machine is no fault of the description.
    let patient = Env::from_pairs(shop.settings.iter().map(|(name, value)| (*name, value.clone())));
    let patient = App::configure_within(&mut { patient }, PATIENT).unwrap();
    let patient = App { deadline: Duration::from_secs(30), ..patient };
    shop.gateway.serve(Owner::Notifications, patient);
    let (staff, service) = (shop.admin().await, shop.service_token().await);
    // So the example of an event's id is that of an event that was sent.
    let message = sample(Template::OrderConfirmation);
    shop.ask(Method::POST, "/notifications", &service, Some(message)).await;
    let token = unsubscribe_token(&shop).await;
    // They stop with this value.
    std::mem::forget(vendors);
    Fixture { shop, names: vec![("STAFF_TOKEN", staff), ("SERVICE_TOKEN", service), ("UNSUBSCRIBE_TOKEN", token)] }
}

/// The token in the unsubscribe link of a mail. No other request of this run names its recipient.
async fn unsubscribe_token(shop: &Shop) -> String {
    let app = &shop.notifications;
    let reader = app.fingerprints.recipient(&"reader@example.com".parse().unwrap()).await.unwrap();
    let link = unsubscribe::link(&app.fingerprints, "", Channel::Email, reader).await.unwrap();
    link.rsplit('/').next().unwrap().to_owned()
}
