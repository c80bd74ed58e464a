//! The state that the rooms share: the issuer, the clients, the database and the limits, configured by the environment.
//! Routes and triggers, which know every room, are in the crate's root.

use std::{sync::Arc, time::Duration};

use axum::extract::FromRef;
use common::{
    auth::{Subject, Verifier},
    timestamp::Timestamp,
};
use futures_util::FutureExt;
use platform::{
    client::{AccessToken, Credentials, ServiceClient},
    config::Env,
    fingerprint::Fingerprints,
    outbox::Outbox,
    postgres::Database,
};
use stripe::Stripe;

use crate::{
    auth::passwords::Passwords,
    keys::{domain::TOKEN_LIFE, issuer::Issuer, store::KeyStore},
    limits::{Counting, settings},
    service_scopes::ServiceScope,
};

/// The name of the service, in logs and in tokens.
pub(crate) const NAME: &str = "user-service";
/// How long a request may take. All requests are short; one that hangs is answered 503 within three seconds.
const DEADLINE: Duration = Duration::from_millis(2_800);
/// How long one call to Stripe may take; a request that saves its customer's first card makes two.
const STRIPE_DEADLINE: Duration = Duration::from_secs(2);

/// The state that handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// Issues access tokens.
    pub issuer: Issuer,
    /// Verifies access tokens.
    pub verifier: Verifier,
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// Counts attempts that are limited in number.
    pub counting: Counting,
    /// The database.
    pub database: Database,
    /// Messages to notification-service.
    pub outbox: Outbox,
    /// The client of Stripe, which stores the customers' cards.
    pub stripe: Stripe,
    /// How long a request may take.
    pub deadline: Duration,
}

impl FromRef<App> for Verifier {
    fn from_ref(app: &App) -> Self {
        app.verifier.clone()
    }
}

/// Reads the settings; `None` when one is missing or malformed.
pub(crate) fn configure(env: &mut Env) -> Option<App> {
    let name = env.url("ISSUER");
    let audience = env.parsed_or("AUDIENCE", "bodega".to_owned());
    let api = env.url("API_BASE_URL");
    let keys = env.secret("SIGNING_KEYS");
    let database = Database::configure(env, "USER_DATABASE_URL");
    let (fingerprints, limits) = (Fingerprints::configure(env), settings::configure(env));
    let (stripe, stripe_key) = (env.url_or("STRIPE_API_BASE", stripe::API), env.secret("STRIPE_SECRET_KEY"));
    let stripe = Stripe::new(stripe?, stripe_key?).within(STRIPE_DEADLINE);
    let (api, database) = (api?, database?);
    let counting = Counting { fingerprints: fingerprints?, limits: limits? };
    let issuer = Issuer::new(name?, audience?, api.clone(), KeyStore::new(keys?));
    let outbox = Outbox::new(database.clone(), ServiceClient::new(api, own_credentials(issuer.clone())));
    let (verifier, passwords) = (issuer.verifier(), Passwords::default());
    Some(App { issuer, verifier, passwords, counting, database, outbox, stripe, deadline: DEADLINE })
}

/// This service mints its own token, with the one scope that it needs.
fn own_credentials(issuer: Issuer) -> Credentials {
    Credentials::Issuer(Arc::new(move || own_token(issuer.clone()).boxed()))
}

async fn own_token(issuer: Issuer) -> Result<AccessToken, String> {
    let subject = Subject::Service(NAME.to_owned());
    let token = issuer.mint(&subject, ServiceScope::NotificationsSend.as_str(), Timestamp::now()).await;
    let access_token = token.map_err(|error| error.to_string())?;
    Ok(AccessToken { access_token, expires_in: TOKEN_LIFE.as_secs() })
}
