//! The state that all rooms share: clients, the table, the shop and time limits, read from the environment. Routes and triggers,
//! which know every room, are in the crate's root.

use std::time::Duration;

use axum::extract::FromRef;
use common::auth::{FETCH_FLOOR, Keys, Verifier};
use platform::{config::Env, fingerprint::Fingerprints};

use crate::{
    aws::{Aws, Limits},
    dynamo::Dynamo,
    notifications::domain::Caps,
    providers::Providers,
    schema::TableOwner,
    sqs::Queues,
    templates::Shop,
    webhooks::settings::Webhooks,
};

/// How long a request may take. One that hangs is answered 503 within three seconds.
pub const DEADLINE: Duration = Duration::from_millis(2_800);

/// The state that handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// Verifies access tokens.
    pub verifier: Verifier,
    /// The DynamoDB table of notifications and suppressions.
    pub db: Dynamo,
    /// Whether this service or a CDK stack creates the table.
    pub table_owner: TableOwner,
    /// The providers of mail and text messages.
    pub providers: Providers,
    /// The shop's name, address and time zone, as messages show them.
    pub shop: Shop,
    /// Computes the keyed hashes of addresses, by which messages are counted and suppressed.
    pub fingerprints: Fingerprints,
    /// The settings that verify the webhooks of vendors.
    pub webhooks: Webhooks,
    /// The public address of the shop's API: vendors post webhooks below it, and links to unsubscribe begin with it.
    pub public_url: String,
    /// The limits of messages by recipient and by country.
    pub caps: Caps,
    /// The queue whose messages wake this service, and the one for dead letters.
    pub queues: Queues,
    /// How often a message of the queue is received before it goes to the dead-letter queue.
    pub max_receives: u32,
    /// For how long a message that no provider accepts is tried again.
    pub keep_trying: Duration,
    /// Time limits of the steps of a request.
    pub limits: Limits,
    /// How long a request may take.
    pub deadline: Duration,
}

impl FromRef<App> for Verifier {
    fn from_ref(app: &App) -> Self {
        app.verifier.clone()
    }
}

impl App {
    /// Reads the settings, for a service with these time limits. Tests of races on a busy machine need longer ones.
    pub fn configure_within(env: &mut Env, limits: Limits) -> Option<Self> {
        let issuer = env.url("ISSUER");
        let audience = env.parsed_or("AUDIENCE", "bodega".to_owned());
        let jwks = env.url("JWKS_URL");
        let shop = Shop::configure(env);
        let table = env.text("NOTIFICATION_TABLE");
        let table_owner = env.parsed_or("TABLE_OWNER", TableOwner::Service);
        let fingerprints = Fingerprints::configure(env);
        let public_url = env.url_or("PUBLIC_URL", issuer.as_deref().unwrap_or_default());
        let webhooks = Webhooks::configure(env, public_url.as_deref().unwrap_or_default());
        let caps = Caps::configure(env);
        let max_receives = env.number_or("QUEUE_GIVE_UP_AFTER", 20, 1..=1_000);
        let keep_trying = env.number_or("KEEP_TRYING_HOURS", 72, 1..=720).map(Duration::from_hours);
        let aws = Aws::configure(env, limits);
        let providers = Providers::configure(env, &aws);
        let queues = Queues::configure(env, &aws);
        let keys = Keys::fetched(jwks?, FETCH_FLOOR);
        env.is_complete().then_some(Self {
            verifier: Verifier::new(&issuer?, &audience?, keys),
            providers: providers?,
            db: Dynamo::new(aws, table?),
            table_owner: table_owner?,
            shop: shop?,
            fingerprints: fingerprints?,
            webhooks: webhooks?,
            public_url: public_url?,
            caps: caps?,
            queues: queues?,
            max_receives: max_receives?,
            keep_trying: keep_trying?,
            limits,
            deadline: DEADLINE,
        })
    }
}
