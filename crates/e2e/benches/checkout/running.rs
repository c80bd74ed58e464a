//! A whole shop of one build: its four services as functions, its double of Stripe, and stores of its own.

use std::{
    net::SocketAddr,
    path::Path,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::extract::Request;
use e2e::{Functions, Gateway, Owner, PASSWORD, Settings, Storefront, StripeKeys};
use serde_json::{Value, json};
use testkit::{mongo::Mongo, postgres::Postgres};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    time::sleep,
};

/// The services, in the order in which they are printed.
pub(crate) const SERVICES: [(Owner, &str); 4] = [
    (Owner::Users, "user-service"),
    (Owner::Products, "product-service"),
    (Owner::Transactions, "transaction-service"),
    (Owner::Notifications, "notification-service"),
];
const KEYS: StripeKeys<'static> = StripeKeys { secret_key: "sk_test_bench", webhook_secret: "whsec_bench" };
const ADMIN: &str = "admin@shop.example";
/// The gateway is quiet once no request came for so long.
const QUIET: Duration = Duration::from_millis(200);

/// A running shop. Everything of it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) name: String,
    pub(crate) front: Storefront,
    functions: Vec<Functions>,
    traffic: Arc<Traffic>,
    _stripe: Child,
    _stores: (Postgres, Postgres, Mongo),
}

/// What passes the gateway.
#[derive(Debug, Default)]
struct Traffic {
    began: AtomicU64,
    ended: AtomicU64,
}

impl Running {
    /// Opens it, with so many instances of each service.
    pub(crate) async fn open(name: &str, programs: &Path, instances: usize) -> Self {
        let stores = (testkit::postgres::empty().await, testkit::postgres::empty().await, testkit::mongo::fresh());
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (stripe, stripe_base) = start_stripe(programs, &address).await;
        let mut settings = e2e::settings(&address, &stripe_base, KEYS);
        settings.push(("USER_DATABASE_URL", stores.0.url.clone()));
        settings.push(("TRANSACTION_DATABASE_URL", stores.1.url.clone()));
        settings.push(("MONGODB_URI", stores.2.uri.clone()));
        settings.extend(e2e::UNLIMITED.map(|(name, value)| (name, value.to_owned())));
        let secret = set_up(programs, settings.clone()).await;
        settings.push(("TRANSACTION_SERVICE_CLIENT_SECRET", secret));
        let (gateway, traffic) = (Gateway::default(), Arc::<Traffic>::default());
        let mut functions = Vec::new();
        for (owner, service) in SERVICES {
            let started = Functions::start(programs, service, &settings, instances).await;
            functions.push(started.clone());
            let traffic = Arc::clone(&traffic);
            gateway.answer(owner, move |request: Request| {
                let (traffic, function) = (Arc::clone(&traffic), started.clone());
                async move {
                    traffic.began.fetch_add(1, Ordering::SeqCst);
                    let answer = function.answer(request).await;
                    traffic.ended.fetch_add(1, Ordering::SeqCst);
                    answer
                }
            });
        }
        tokio::spawn(gateway.listen(listener));
        let front = Storefront::new(address, stripe_base);
        Self { name: name.to_owned(), front, functions, traffic, _stripe: stripe, _stores: stores }
    }

    /// The token of an admin.
    pub(crate) async fn staff(&self) -> String {
        self.front.log_in(ADMIN, PASSWORD).await
    }

    /// Waits until everything is done that was left for after the answers: messages to siblings, and Stripe's events.
    pub(crate) async fn settle(&self) {
        loop {
            let began = self.traffic.began.load(Ordering::SeqCst);
            sleep(QUIET).await;
            for function in &self.functions {
                function.finish().await;
            }
            let ended = self.traffic.ended.load(Ordering::SeqCst);
            if began == ended && began == self.traffic.began.load(Ordering::SeqCst) {
                return;
            }
        }
    }

    /// What each of [`SERVICES`] has used so far.
    pub(crate) fn processor_times(&self) -> [Duration; SERVICES.len()] {
        std::array::from_fn(|nth| self.functions[nth].processor_time())
    }
}

/// Migrates every store, and registers those who are there from the beginning. The secret of transaction-service.
async fn set_up(programs: &Path, mut settings: Settings) -> String {
    // There is none yet, and a service does not start without.
    settings.push(("TRANSACTION_SERVICE_CLIENT_SECRET", "none yet".to_owned()));
    for (_, service) in SERVICES {
        e2e::run_once(programs, service, &settings, "migrate", json!({"direction": "up"})).await;
    }
    let admin = json!({"command": "create_admin", "email": ADMIN, "password": PASSWORD});
    e2e::run_once(programs, "user-service", &settings, "admin", admin).await;
    let client = e2e::create_transaction_client();
    let client: Value = e2e::run_once(programs, "user-service", &settings, "admin", client).await;
    client["client_secret"].as_str().unwrap_or_else(|| panic!("{client}")).to_owned()
}

/// The build's own double, which plays the version of Stripe's API that the build asks for.
async fn start_stripe(programs: &Path, shop: &str) -> (Child, String) {
    // Free a moment ago, and the double listens at once.
    let port = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port();
    let mut command = Command::new(programs.join("stripe-double"));
    command.env("STRIPE_DOUBLE_PORT", port.to_string());
    command.env("STRIPE_SECRET_KEY", KEYS.secret_key).env("STRIPE_WEBHOOK_SECRET", KEYS.webhook_secret);
    command.env("STRIPE_WEBHOOK_URL", format!("{shop}/webhooks/stripe"));
    let mut double = command.stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let base = format!("http://127.0.0.1:{port}");
    let state = format!("{base}/_double/state");
    while reqwest::get(&state).await.is_err() {
        assert_eq!(double.try_wait().unwrap(), None, "the double of Stripe has ended");
        sleep(QUIET / 10).await;
    }
    (double, base)
}
