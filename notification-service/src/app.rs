//! What the rooms share: clients, the table, the shop, and how long things may take, read from the environment. Rooms take their
//! part from here; routes and triggers, which know every room, are in the crate's root.

use std::time::Duration;

use axum::extract::FromRef;
use common::auth::{FETCH_FLOOR, Keys, Verifier};
use platform::{config::Env, fingerprint::Fingerprints};

use crate::{
    aws::{Aws, Limits},
    dynamo::Store,
    notifications::domain::Caps,
    providers::Providers,
    schema::TableOwner,
    sqs::Queues,
    templates::Shop,
    webhooks::settings::Webhooks,
};

/// How long a request may take. All of ours are short; what hangs is a 503 within three seconds.
pub const DEADLINE: Duration = Duration::from_millis(2_800);

/// What handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// Judges access tokens.
    pub verifier: Verifier,
    /// Which events were told.
    pub store: Store,
    /// Who makes the table.
    pub table_owner: TableOwner,
    /// Carry what is sent.
    pub providers: Providers,
    /// What messages say of the shop.
    pub shop: Shop,
    /// Hashes the addresses that mails are counted by.
    pub fingerprints: Fingerprints,
    /// Verifies what vendors report.
    pub webhooks: Webhooks,
    /// What vendors call, and links to unsubscribe begin with.
    pub public_url: String,
    /// How much one recipient, and one country, gets.
    pub caps: Caps,
    /// The queue whose messages wake this service, and the one for dead letters.
    pub queues: Queues,
    /// After how many receives a message is given up.
    pub give_up_after: u32,
    /// For how long a message that no provider takes is tried again.
    pub keep_trying: Duration,
    /// How long the steps of a request may take.
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
    /// Reads the settings, for a service with these limits. (Races of many clients on one busy machine are about how
    /// often a mail is sent, not about time.)
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
        let give_up_after = env.number_or("QUEUE_GIVE_UP_AFTER", 20, 1..=1_000);
        let keep_trying = env.number_or("KEEP_TRYING_HOURS", 72, 1..=720).map(Duration::from_hours);
        let aws = Aws::configure(env, limits);
        let providers = Providers::configure(env, &aws);
        let queues = Queues::configure(env, &aws);
        let keys = Keys::fetched(jwks?, FETCH_FLOOR);
        env.is_complete().then_some(Self {
            verifier: Verifier::new(&issuer?, &audience?, keys),
            providers: providers?,
            store: Store::new(aws, table?),
            table_owner: table_owner?,
            shop: shop?,
            fingerprints: fingerprints?,
            webhooks: webhooks?,
            public_url: public_url?,
            caps: caps?,
            queues: queues?,
            give_up_after: give_up_after?,
            keep_trying: keep_trying?,
            limits,
            deadline: DEADLINE,
        })
    }
}
