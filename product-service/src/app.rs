//! What the rooms share: the database, the bucket and the shop's settings, read from the environment. Rooms take their part
//! from here; routes and triggers, which know every room, are in the crate's root.

use std::time::Duration;

use axum::extract::FromRef;
use common::{
    auth::{FETCH_FLOOR, Keys, Verifier},
    contact::Email,
    input::Refusal,
};
use platform::{
    client::{Credentials, ServiceClient},
    config::Env,
};

use crate::{bucket::Bucket, currencies::Currencies, mongo::Mongo};

/// The name of the service, in logs and in tokens.
pub(crate) const NAME: &str = "product-service";
/// How long a request may take. All of ours are short; what hangs is a 503 within three seconds.
const DEADLINE: Duration = Duration::from_millis(2_800);

/// The state that handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// Verifies access tokens.
    pub verifier: Verifier,
    /// The database.
    pub db: Mongo,
    /// The currencies that the shop sells in.
    pub currencies: Currencies,
    /// The bucket for images, imports and exports. Catalogue and checkout work without it, so readiness does not check it.
    pub bucket: Bucket,
    /// The recipient of low-stock alerts; `None` when the shop sends none.
    pub staff: Option<Staff>,
    /// How long a request may take.
    pub deadline: Duration,
}

impl FromRef<App> for Verifier {
    fn from_ref(app: &App) -> Self {
        app.verifier.clone()
    }
}

impl FromRef<App> for Mongo {
    fn from_ref(app: &App) -> Self {
        app.db.clone()
    }
}

impl FromRef<App> for Bucket {
    fn from_ref(app: &App) -> Self {
        app.bucket.clone()
    }
}

/// The recipient of low-stock alerts.
#[derive(Debug, Clone)]
pub struct Staff {
    /// Their e-mail address.
    pub email: Email,
    /// The client for notification-service.
    pub client: ServiceClient,
}

/// Reads the settings; `None` when one is missing or malformed.
pub(crate) fn configure(env: &mut Env) -> Option<App> {
    let issuer = env.url("ISSUER");
    let audience = env.parsed_or("AUDIENCE", "bodega".to_owned());
    let jwks = env.url("JWKS_URL");
    let uri = env.secret("MONGODB_URI");
    let currencies = env.parsed("CURRENCIES");
    let bucket = Bucket::configure(env);
    let staff = staff(env);
    if !env.is_complete() {
        return None;
    }
    let keys = Keys::fetched(jwks?, FETCH_FLOOR);
    let verifier = Verifier::new(&issuer?, &audience?, keys);
    Some(App { verifier, db: Mongo::new(uri?), currencies: currencies?, bucket: bucket?, staff, deadline: DEADLINE })
}

/// `None` unless `STAFF_EMAIL` is set.
fn staff(env: &mut Env) -> Option<Staff> {
    env.optional("STAFF_EMAIL")?;
    let email = env.parsed::<StaffEmail>("STAFF_EMAIL");
    let api = env.url("API_BASE_URL");
    let secret = env.secret("PRODUCT_SERVICE_CLIENT_SECRET");
    let client = ServiceClient::new(api?, Credentials::Client { id: NAME, secret: secret? });
    Some(Staff { email: email?.0, client })
}

struct StaffEmail(Email);

impl std::str::FromStr for StaffEmail {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|refusal: Refusal| refusal.message)
    }
}
