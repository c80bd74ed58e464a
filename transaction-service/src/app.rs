//! The state that rooms share: clients, the database and the shop's settings, read from the environment. Routes and
//! triggers, which know every room, are in the crate's root.

use std::time::Duration;

use axum::extract::FromRef;
use common::auth::{FETCH_FLOOR, Keys, Verifier};
use platform::{
    client::{Credentials, ServiceClient},
    config::{Env, Secret},
    fingerprint::Fingerprints,
    outbox::Outbox,
    postgres::Database,
};
use stripe::Stripe;

use crate::{
    cleanups::Cleanups,
    limits::{domain::Limits, settings},
    service_clients::ServiceClients,
    shop_settings::ShopSettings,
    tax::TaxRates,
};

/// The name of the service, in logs and in tokens.
pub(crate) const NAME: &str = "transaction-service";
/// Deadline of a request in seconds unless configured otherwise. A payment takes Stripe seconds; API Gateway waits 30.
const DEADLINE: u64 = 20;

/// The state that handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// Verifies access tokens.
    pub verifier: Verifier,
    /// The database.
    pub database: Database,
    /// Messages to the other services, sent at least once.
    pub outbox: Outbox,
    /// Clients of the other services.
    pub clients: ServiceClients,
    /// The client of Stripe.
    pub stripe: Stripe,
    /// Signing secrets of Stripe's webhooks; several, separated by commas, while one is being replaced.
    pub webhook_secrets: Secret,
    /// Shipping rates, tax rates and the time to pay.
    pub settings: ShopSettings,
    /// Limits of one caller and of one source address.
    pub limits: Limits,
    /// Hashes of e-mail and source addresses, under which limits count.
    pub fingerprints: Fingerprints,
    /// Interrupted attempts whose stock is being released.
    pub cleanups: Cleanups,
    /// Deadline of a request.
    pub deadline: Duration,
}

impl FromRef<App> for Verifier {
    fn from_ref(app: &App) -> Self {
        app.verifier.clone()
    }
}

/// Reads the settings; `None` when one is missing or malformed.
pub(crate) fn configure(env: &mut Env) -> Option<App> {
    let verifier = verifier(env);
    let api = env.url("API_BASE_URL");
    let database = Database::configure(env, "TRANSACTION_DATABASE_URL");
    let secret = env.secret("TRANSACTION_SERVICE_CLIENT_SECRET");
    let stripe_api = env.url_or("STRIPE_API_BASE", stripe::API);
    let stripe_key = env.secret("STRIPE_SECRET_KEY");
    let webhook_secrets = env.secret("STRIPE_WEBHOOK_SECRET");
    let deadline = env.number_or("CHECKOUT_DEADLINE_SECONDS", DEADLINE, 1..=25).map(Duration::from_secs);
    let settings = shop_settings(env, deadline.unwrap_or_default());
    let (limits, fingerprints) = (settings::configure(env), Fingerprints::configure(env));
    let (database, secret) = (database?, secret?);
    let client = ServiceClient::new(api?, Credentials::Client { id: NAME, secret });
    Some(App {
        verifier: verifier?,
        outbox: Outbox::new(database.clone(), client.clone()),
        database,
        clients: ServiceClients::new(client),
        stripe: Stripe::new(stripe_api?, stripe_key?),
        webhook_secrets: webhook_secrets?,
        settings: settings?,
        limits: limits?,
        fingerprints: fingerprints?,
        cleanups: Cleanups::default(),
        deadline: deadline?,
    })
}

fn verifier(env: &mut Env) -> Option<Verifier> {
    let issuer = env.url("ISSUER");
    let audience = env.parsed_or("AUDIENCE", "bodega".to_owned());
    let jwks = env.url("JWKS_URL");
    Some(Verifier::new(&issuer?, &audience?, Keys::fetched(jwks?, FETCH_FLOOR)))
}

fn shop_settings(env: &mut Env, deadline: Duration) -> Option<ShopSettings> {
    let shipping = env.parsed("SHIPPING_RATES");
    let standard = env.parsed("TAX_RATE");
    let reduced = env.optional("REDUCED_TAX_RATE").is_some().then(|| env.parsed("REDUCED_TAX_RATE"));
    // Far below the day after which product-service releases the stock by itself.
    let payment_window = env.number_or("PAYMENT_WINDOW_MINUTES", 30, 1..=720).map(Duration::from_mins)?;
    let reduced = match reduced {
        None => None,
        Some(read) => Some(read?),
    };
    let tax = TaxRates { standard: standard?, reduced };
    // A request that works on an order is over at its deadline.
    Some(ShopSettings { shipping: shipping?, tax, payment_window, lease: deadline + Duration::from_secs(1) })
}
