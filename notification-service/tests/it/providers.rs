//! What each vendor is sent. The vendors' doubles check it against the vendors' descriptions.

use std::time::Duration;

use notification_service::{
    aws::{Aws, Limits},
    event::EventId,
    providers::{OutgoingMail, OutgoingText, Providers},
    templates::Mail,
};
use platform::config::Env;
use vendor_doubles::{Record, Vendor};

use crate::failover::{ProviderFixture, in_time};

const EVENT: &str = "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d";
const UNSUBSCRIBE: &str = "https://shop.example/unsubscribe/abc";

async fn send_mail(fixture: &ProviderFixture, unsubscribe: Option<&str>) -> Record {
    let mail = Mail { subject: "Grüße".into(), text: "Schöne Söckchen".into(), html: "<p>Söckchen</p>".into() };
    let (to, event_id) = ("ada@example.com".parse().unwrap(), EVENT.parse::<EventId>().unwrap());
    let outgoing = OutgoingMail { event_id, template: "order_shipped", to: &to, mail: &mail, unsubscribe };
    fixture.providers.send_mail(&outgoing, in_time(Duration::from_secs(20))).await.unwrap();
    fixture.doubles.records().pop().unwrap()
}

async fn send_text(fixture: &ProviderFixture) -> Record {
    let (to, event_id) = ("+442079460000".parse().unwrap(), EVENT.parse::<EventId>().unwrap());
    let text = "Bodega: on its way & soon there.";
    let outgoing = OutgoingText { event_id, template: "order_shipped", to: &to, text, asked_before: None };
    fixture.providers.send_text(&outgoing, in_time(Duration::from_secs(20))).await.unwrap();
    fixture.doubles.records().pop().unwrap()
}

#[tokio::test]
async fn each_provider_of_mail_is_sent_the_same_text_html_headers_and_tags() {
    for (provider, from) in [("ses", "\"Bodega\" <shop@bodega.example>"), ("sendgrid", "Bodega <shop@bodega.example>")]
    {
        let fixture = ProviderFixture::open(provider, "", &[]).await;
        let record = send_mail(&fixture, None).await;
        assert_eq!((record.from.as_str(), record.to.as_str()), (from, "ada@example.com"));
        assert_eq!(record.subject.as_deref(), Some("Grüße"));
        assert_eq!((record.text.as_str(), record.html.as_deref()), ("Schöne Söckchen", Some("<p>Söckchen</p>")));
        let headers: Vec<_> = record.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(headers, [("Auto-Submitted", "auto-generated"), ("X-Bodega-Event", EVENT)]);
        let tags: Vec<_> = record.tags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(tags, [("channel", "email"), ("event_id", EVENT), ("template", "order_shipped")]);
    }
}

#[tokio::test]
async fn what_can_be_unsubscribed_says_so_for_one_click() {
    for provider in ["ses", "sendgrid"] {
        let fixture = ProviderFixture::open(provider, "", &[]).await;
        let record = send_mail(&fixture, Some(UNSUBSCRIBE)).await;
        assert_eq!(record.headers["List-Unsubscribe"], format!("<{UNSUBSCRIBE}>"));
        assert_eq!(record.headers["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click");
    }
}

#[tokio::test]
async fn ses_is_told_the_configuration_set_where_there_is_one() {
    let fixture = ProviderFixture::open("ses", "", &[("SES_CONFIGURATION_SET", "shop")]).await;
    assert_eq!(send_mail(&fixture, None).await.set.as_deref(), Some("shop"));
    let fixture = ProviderFixture::open("ses", "", &[]).await;
    assert_eq!(send_mail(&fixture, None).await.set, None);
}

#[tokio::test]
async fn twilio_is_told_where_to_say_what_became_of_a_text() {
    let fixture = ProviderFixture::open("log", "twilio", &[("PUBLIC_URL", "https://shop.example/")]).await;
    let record = send_text(&fixture).await;
    assert_eq!((record.from.as_str(), record.to.as_str()), ("Bodega", "+442079460000"));
    assert_eq!(record.text, "Bodega: on its way & soon there.");
    let callback = format!("https://shop.example/webhooks/twilio?event_id={EVENT}");
    assert_eq!(record.callback.as_deref(), Some(callback.as_str()));
    let fixture = ProviderFixture::open("log", "twilio", &[("ISSUER", "https://api.example")]).await;
    let callback = format!("https://api.example/webhooks/twilio?event_id={EVENT}");
    assert_eq!(send_text(&fixture).await.callback, Some(callback));
}

#[tokio::test]
async fn twilio_takes_a_messaging_service_and_a_key() {
    let fixture = ProviderFixture::open("log", "twilio", &[]).await;
    let service = format!("MG{}", "0a".repeat(16));
    let account = fixture.doubles.twilio();
    let settings = [
        ("MAIL_PROVIDERS", "log"),
        ("MAIL_FROM", crate::FROM),
        ("AWS_REGION", "us-east-1"),
        ("SMS_PROVIDERS", "twilio"),
        ("TWILIO_API_BASE", fixture.doubles.base(Vendor::Twilio)),
        ("TWILIO_ACCOUNT_SID", &account.account_sid),
        ("TWILIO_API_KEY_SID", &account.key_sid),
        ("TWILIO_API_KEY_SECRET", &account.key_secret),
        ("TWILIO_MESSAGING_SERVICE_SID", &service),
    ];
    let mut env = Env::from_pairs(settings);
    let aws = Aws::configure(&mut env, Limits::PRODUCTION);
    let providers = Providers::configure(&mut env, &aws).unwrap_or_else(|| panic!("{}", env.report()));
    let record = send_text(&ProviderFixture { providers, doubles: fixture.doubles }).await;
    assert_eq!((record.set, record.from.as_str()), (Some(service), ""));
}

#[test]
fn what_a_list_names_has_to_be_set_and_nothing_else_has() {
    let report = |settings: &[(&'static str, &str)]| {
        let all = [("MAIL_FROM", crate::FROM), ("AWS_REGION", "us-east-1")];
        let mut env = Env::from_pairs(all.iter().chain(settings).copied());
        let aws = Aws::configure(&mut env, Limits::PRODUCTION);
        assert_eq!(Providers::configure(&mut env, &aws).is_some(), env.is_complete());
        env.report()
    };
    let is_complete = |settings| report(settings).starts_with("cannot start, 0 setting(s)");
    assert!(is_complete(&[("MAIL_PROVIDERS", "log")]));
    assert!(is_complete(&[("MAIL_PROVIDER", "ses")]), "the name of earlier releases");
    let wrong = report(&[
        ("MAIL_PROVIDERS", "sendgrid,ses"),
        ("SENDGRID_API_BASE", "hunter2"),
        ("SMS_PROVIDERS", "twilio"),
        ("TWILIO_ACCOUNT_SID", "hunter2"),
        ("TWILIO_FROM", "hunter2 hunter2"),
        ("PUBLIC_URL", "hunter2"),
    ]);
    for name in [
        "SENDGRID_API_BASE must be an address",
        "SENDGRID_API_KEY is missing",
        "TWILIO_ACCOUNT_SID must be AC and 32",
        "TWILIO_AUTH_TOKEN is missing",
        "TWILIO_FROM must be a number",
        "PUBLIC_URL must be an address",
    ] {
        assert!(wrong.contains(name), "{name}: {wrong}");
    }
    assert!(!wrong.contains("hunter2"), "{wrong}");
    let key = report(&[("MAIL_PROVIDERS", "log"), ("SMS_PROVIDERS", "twilio,log"), ("TWILIO_API_KEY_SID", "SK1")]);
    assert!(key.contains("TWILIO_API_KEY_SID must be SK") && key.contains("TWILIO_API_KEY_SECRET is missing"), "{key}");
    assert!(report(&[]).contains("MAIL_PROVIDERS is missing"));
    assert!(report(&[("MAIL_PROVIDERS", "twilio")]).contains("MAIL_PROVIDERS must be ses, sendgrid or log"));
    assert!(
        report(&[("MAIL_PROVIDERS", "log"), ("SMS_PROVIDERS", "ses")]).contains("SMS_PROVIDERS must be twilio or log")
    );
}

#[tokio::test]
async fn providers_show_no_secrets() {
    let fixture = ProviderFixture::open("sendgrid,ses", "twilio", &[]).await;
    let shown = format!("{:?}", fixture.providers);
    for secret in [fixture.doubles.sendgrid_key(), &fixture.doubles.twilio().auth_token] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
