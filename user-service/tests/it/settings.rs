use platform::{Service, config::Env};
use testkit::tokens;
use user_service::App;

#[test]
fn every_setting_that_is_missing_or_malformed_is_named_at_once() {
    let mut env = Env::from_pairs([("STRIPE_API_BASE", "ftp://hunter2")]);
    assert!(App::configure(&mut env).is_none());
    let report = env.report();
    for name in [
        "ISSUER",
        "API_BASE_URL",
        "SIGNING_KEYS",
        "USER_DATABASE_URL",
        "FINGERPRINT_KEY",
        "STRIPE_API_BASE",
        "STRIPE_SECRET_KEY",
    ] {
        assert!(report.contains(name), "{name}: {report}");
    }
    assert!(!report.contains("hunter2"), "{report}");
}

#[test]
fn cards_are_kept_at_stripe_itself_unless_the_settings_say_otherwise() {
    let mut env = Env::from_pairs([
        ("ISSUER", tokens::ISSUER),
        ("API_BASE_URL", "http://127.0.0.1:9"),
        ("USER_DATABASE_URL", "postgres://127.0.0.1:9/none"),
        ("SIGNING_KEYS", "hunter2"),
        ("FINGERPRINT_KEY", "hunter2 hunter2 hunter2 hunter2 hunter2"),
        ("STRIPE_SECRET_KEY", "sk_test_hunter2"),
    ]);
    let app = format!("{:?}", App::configure(&mut env).unwrap());
    assert!(app.contains("https://api.stripe.com"), "{app}");
    assert!(!app.contains("hunter2"), "a secret is shown: {app}");
}
