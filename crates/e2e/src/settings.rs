//! Settings of the services of a shop.

use platform::{Service, config::Env};
use testkit::tokens;

/// Limits that no crowd of a proof or benchmark meets. What it costs to count is paid all the same.
pub const UNLIMITED: [(&str, &str); 16] = [
    ("LOGIN_LIMIT", "1000000"),
    ("LOGIN_LIMIT_PER_SOURCE", "1000000"),
    ("REGISTRATION_LIMIT", "1000000"),
    ("REGISTRATION_LIMIT_PER_SOURCE", "1000000"),
    ("GUEST_LIMIT_PER_SOURCE", "1000000"),
    ("SETUP_LIMIT", "1000000"),
    ("SETUP_LIMIT_PER_SOURCE", "1000000"),
    ("OPEN_ORDERS_PER_OWNER", "1000000"),
    ("HELD_UNITS_PER_OWNER", "1000000"),
    ("DECLINES_PER_OWNER", "1000000"),
    ("OPEN_ORDERS_PER_SOURCE", "1000000"),
    ("HELD_UNITS_PER_SOURCE", "1000000"),
    ("DECLINES_PER_SOURCE", "1000000"),
    ("ORDER_MAILS_PER_RECIPIENT", "1000"),
    ("ACCOUNT_MAILS_PER_RECIPIENT", "1000"),
    ("CODE_MAILS_PER_RECIPIENT", "1000"),
];

/// What each service runs with, beside what only its process knows.
pub type Settings = Vec<(&'static str, String)>;

/// The secrets that a shop shares with its Stripe.
#[derive(Debug, Clone, Copy)]
pub struct StripeKeys<'a> {
    /// What the shop presents to Stripe.
    pub secret_key: &'a str,
    /// What Stripe signs its events with.
    pub webhook_secret: &'a str,
}

/// What the services of a shop at `address` run with, apart from stores and client secrets. 8 % tax; shipping for 5.00 USD.
pub fn settings(address: &str, stripe_base: &str, keys: StripeKeys<'_>) -> Settings {
    let mut settings: Settings = vec![
        ("ISSUER", address.to_owned()),
        ("JWKS_URL", format!("{address}/.well-known/jwks.json")),
        ("API_BASE_URL", address.to_owned()),
        ("SIGNING_KEYS", tokens::signing_key_base64()),
        ("FINGERPRINT_KEY", "a key for tests, of 32 characters and more".to_owned()),
        ("STRIPE_API_BASE", stripe_base.to_owned()),
        ("STRIPE_SECRET_KEY", keys.secret_key.to_owned()),
        ("STRIPE_WEBHOOK_SECRET", keys.webhook_secret.to_owned()),
        ("CURRENCIES", "USD".to_owned()),
        ("SHIPPING_RATES", "USD:500".to_owned()),
        ("TAX_RATE", "8".to_owned()),
        ("REDUCED_TAX_RATE", "4".to_owned()),
        ("MAIL_PROVIDERS", "log".to_owned()),
        // The name in earlier commits, which benchmarks start beside this tree.
        ("MAIL_PROVIDER", "log".to_owned()),
        ("MAIL_FROM", "Bodega <shop@bodega.example>".to_owned()),
        ("SHOP_NAME", "Bodega".to_owned()),
        ("SHOP_URL", "https://shop.example".to_owned()),
        ("NOTIFICATION_TABLE", format!("notifications-{}", uuid::Uuid::new_v4())),
        ("IMAGE_BUCKET", "images".to_owned()),
        ("IMAGE_BASE_URL", "https://images.bodega.example".to_owned()),
    ];
    for (name, value) in [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]
    {
        settings.push((name, value.to_owned()));
    }
    settings.push(("AWS_ENDPOINT_URL", testkit::stores::aws_endpoint()));
    settings
}

/// A service configured as its process would be.
pub fn configure<S: Service>(settings: &Settings) -> S {
    let mut env = Env::from_pairs(settings.iter().map(|(name, value)| (*name, value.clone())));
    S::configure(&mut env).unwrap_or_else(|| panic!("{}", env.report()))
}
