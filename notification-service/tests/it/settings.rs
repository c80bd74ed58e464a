use notification_service::App;
use platform::{Service, config::Env};

use crate::settings;

#[test]
fn every_setting_that_is_missing_or_malformed_is_named_at_once() {
    let mut env = Env::from_pairs([
        ("MAIL_PROVIDERS", "pigeon"),
        ("ORDER_MAILS_PER_RECIPIENT", "1001"),
        ("ACCOUNT_MAILS_PER_RECIPIENT", "0"),
        ("CODE_MAILS_PER_RECIPIENT", "many"),
        ("MAIL_FROM", "hunter2"),
        ("SHOP_NAME", "Bodega\r\nBcc: hunter2@example.com"),
        ("AWS_ENDPOINT_URL", "hunter2"),
        ("AWS_ENDPOINT_URL_SESV2", "ftp://hunter2"),
    ]);
    assert!(App::configure(&mut env).is_none());
    let report = env.report();
    for name in [
        "ISSUER is missing",
        "JWKS_URL is missing",
        "NOTIFICATION_TABLE is missing",
        "FINGERPRINT_KEY is missing",
        "ORDER_MAILS_PER_RECIPIENT must be a whole number from 1 to 1000",
        "ACCOUNT_MAILS_PER_RECIPIENT must be a whole number from 1 to 1000",
        "CODE_MAILS_PER_RECIPIENT must be a whole number from 1 to 1000",
        "AWS_REGION is missing",
        "MAIL_PROVIDERS must be ses, sendgrid or log",
        "MAIL_FROM must be of the form",
        "SHOP_NAME must be one line",
        "AWS_ENDPOINT_URL must be an address such as",
        "AWS_ENDPOINT_URL_SESV2 must be an address such as",
    ] {
        assert!(report.contains(name), "{name}: {report}");
    }
    assert!(!report.contains("hunter2"), "{report}");
}

#[test]
fn it_is_configured_without_keys_and_shows_none_that_it_has() {
    let mut all = settings("http://127.0.0.1:9", "notifications", "ses");
    let mut env =
        Env::from_pairs(all.clone().into_iter().filter(|(name, _)| !name.starts_with("AWS") || !name.contains("KEY")));
    assert!(App::configure(&mut env).is_some(), "{}", env.report());
    all.push(("AWS_SESSION_TOKEN", "hunter2".to_owned()));
    all.iter_mut().filter(|(name, _)| name.contains("KEY")).for_each(|(_, value)| *value = "hunter2-".repeat(4));
    let mut env = Env::from_pairs(all);
    let shown = format!("{:?}", App::configure(&mut env).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
}
