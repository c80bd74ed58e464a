//! Going back, rehearsed: `cargo xtask deploy` brings a transaction-service that answers 500, while shoppers order. The smoke
//! purchase fails, the version before is back, and no order is lost; then a good version is deployed.
//!
//! The shop, its gateway, both versions (each a process of its own, as in Lambda) and the program that deploys are the real
//! ones. `aws`, `cdk`, `npm` and `git` are [one script](aws.sh), in which an alias is a file.
//!
//! `cargo xtask prove rollback`

#![recursion_limit = "256"]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a proof prints, and stops where it fails")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use e2e::{Card, Functions, Owner, Shop, Shopper, UNLIMITED};
use platform::Service;
use serde_json::Value;
use sqlx::query_scalar;
use tokio::{process::Command, time::sleep};

/// What is deployed.
const SERVICE: &str = "transaction-service";
/// Answers every request with 500.
const BROKEN: &str = "broken-service";
const ALIAS: &str = "bodega-dev-transaction-service-http";
const SHOPPERS: usize = 3;
/// Between two orders of a shopper: Stripe's double sends its events one after the other, and the smoke purchase waits its turn.
const BETWEEN_ORDERS: Duration = Duration::from_millis(700);
/// What a schedule does.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(2);
/// How long a shopper repeats a request that failed: longer than a deployment that fails takes.
const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench").map(PathBuf::from);
    let (xtask, programs) = (arguments.next().unwrap(), arguments.next().unwrap());
    let shop = Shop::open_with(&UNLIMITED).await;
    let staff = shop.admin().await;
    shop.sell(&staff, "CUP-1", 100_000).await;
    let aws = Aws::new(&shop.address);
    let [good, broken] = [SERVICE, BROKEN].map(|program| Functions::start(&programs, program, &shop.settings, 3));
    let (good, broken) = (good.await, broken.await);
    // Versions 1 and 3 are the good one.
    let (alias, met, answered) = (aws.folder.join(ALIAS), aws.folder.join("met"), AtomicUsize::new(0));
    shop.gateway.answer(Owner::Transactions, move |request| {
        let version = fs::read_to_string(&alias).unwrap();
        if version.trim() != "2" {
            return good.clone().answer(request);
        }
        // The deployment of a stack takes minutes on AWS: here it ends when shoppers have met what it brought.
        if request.uri().path() == "/orders" && answered.fetch_add(1, Ordering::SeqCst) + 1 == SHOPPERS {
            fs::write(&met, "").unwrap();
        }
        broken.clone().answer(request)
    });

    let transactions = shop.transactions.clone();
    tokio::spawn(async move {
        loop {
            sleep(BETWEEN_SWEEPS).await;
            transactions.sweep().await.unwrap();
        }
    });
    let is_over = Arc::new(AtomicBool::new(false));
    let mut crowd = Vec::new();
    for nth in 0..SHOPPERS {
        let shopper = shop.customer(&format!("ada-{nth}"), Card::Saved).await;
        crowd.push(tokio::spawn(order_until(shopper, Arc::clone(&is_over))));
    }

    let started = Instant::now();
    let failed = aws.deploy(&xtask, "2", &shop).await;
    let seen = started.elapsed();
    assert!(!failed.status.success(), "a broken version was deployed");
    assert!(said(&failed).contains("the versions before serve again"), "{}", said(&failed));
    assert_eq!([aws.version("http"), aws.version("sweep")], ["1", "1"]);
    println!(
        "version 2 answers 500: noticed, and version 1 back, {:.1} s after the deployment began",
        seen.as_secs_f64()
    );

    let mended = aws.deploy(&xtask, "3", &shop).await;
    assert!(mended.status.success(), "{}", said(&mended));
    assert_eq!(aws.version("http"), "3");
    assert!(aws.typed().contains("at-once=transaction-service"), "the deployment after an undo goes by CodeDeploy");
    println!("version 3 is good: deployed at once, and bought from");

    is_over.store(true, Ordering::SeqCst);
    let mut placed = Vec::new();
    let mut refused = 0;
    for shopper in crowd {
        let (orders, failures) = shopper.await.unwrap();
        placed.extend(orders);
        refused += failures;
    }
    nothing_is_lost(&shop, &placed, refused).await;
}

/// Orders one after the other; a request that fails is sent again with its key, as a frontend does. The ids of what was
/// ordered, and how many requests failed.
async fn order_until(shopper: Shopper, is_over: Arc<AtomicBool>) -> (Vec<String>, usize) {
    let (mut placed, mut failures) = (Vec::new(), 0);
    let request = shopper.request(&["CUP-1"]);
    while !is_over.load(Ordering::SeqCst) {
        let key = uuid::Uuid::new_v4().to_string();
        let started = Instant::now();
        let order = loop {
            let (status, body) = shopper.order(&key, &request).await;
            if status == 201 {
                break body;
            }
            assert!(started.elapsed() < PATIENCE, "{status} {}", String::from_utf8_lossy(&body));
            failures += 1;
            sleep(Duration::from_millis(100)).await;
        };
        let order: Value = serde_json::from_slice(&order).unwrap();
        assert_eq!(order["state"], "paid", "{order}");
        placed.push(order["id"].as_str().unwrap().to_owned());
        sleep(BETWEEN_ORDERS).await;
    }
    (placed, failures)
}

/// Each order that was answered is there, once, paid once; and none that was not answered in the end.
async fn nothing_is_lost(shop: &Shop, placed: &[String], refused: usize) {
    assert!(refused > 0, "no shopper met the broken version: nothing was rehearsed");
    assert!(placed.len() >= SHOPPERS, "{placed:?}");
    let mut db = shop.orders.connect().await;
    let paid: Vec<String> = query_scalar("SELECT id::text FROM orders WHERE state = 'paid' AND owner_kind = 'user'")
        .fetch_all(&mut db)
        .await
        .unwrap();
    let lost: Vec<_> = placed.iter().filter(|id| !paid.contains(id)).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert_eq!(paid.len(), placed.len(), "orders that no shopper knows of");
    let open: i64 = query_scalar("SELECT count(*) FROM orders WHERE state IN ('pending', 'requires_action')")
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert_eq!(open, 0, "orders half way");
    // The smoke purchases paid as well: one after the undoing, one of the good version.
    let (charges, _) = shop.charged();
    assert_eq!(charges, placed.len() + 2, "charged otherwise than ordered");
    println!(
        "{} orders placed meanwhile, {refused} requests answered by the broken version and sent again: all orders are there, \
         each charged once",
        placed.len()
    );
}

/// Doubles of the programs that a deployment runs.
struct Aws {
    folder: PathBuf,
    _folder: tempfile::TempDir,
}

impl Aws {
    fn new(address: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().to_path_buf();
        for program in ["aws", "npx", "npm", "node", "git"] {
            write_program(&folder.join(program), include_str!("aws.sh"));
        }
        let bootstrap = folder.join("lambda").join(SERVICE);
        fs::create_dir_all(&bootstrap).unwrap();
        write_program(&bootstrap.join("bootstrap"), "");
        fs::write(folder.join("address"), address).unwrap();
        for trigger in ["http", "sweep"] {
            fs::write(folder.join(format!("bodega-dev-{SERVICE}-{trigger}")), "1").unwrap();
        }
        Self { folder, _folder: place }
    }

    /// `cargo xtask deploy`, which brings this version.
    async fn deploy(&self, xtask: &Path, version: &str, shop: &Shop) -> Output {
        fs::write(self.folder.join("deploys"), version).unwrap();
        let mut deploy = Command::new(xtask);
        deploy.args(["deploy", "--stage", "dev", "--service", SERVICE, "--account", "000000000000", "--artifacts"]);
        deploy.arg(self.folder.join("lambda"));
        let path = format!("{}:{}", self.folder.display(), std::env::var("PATH").unwrap());
        let stripe = [("STRIPE_SECRET_KEY", shop.stripe.secret_key()), ("STRIPE_API_BASE", &shop.stripe_base)];
        deploy.env("PATH", path).envs(stripe).stdin(Stdio::null()).kill_on_drop(true);
        deploy.output().await.unwrap()
    }

    fn version(&self, trigger: &str) -> String {
        fs::read_to_string(self.folder.join(format!("bodega-dev-{SERVICE}-{trigger}"))).unwrap().trim().to_owned()
    }

    fn typed(&self) -> String {
        fs::read_to_string(self.folder.join("typed")).unwrap()
    }
}

fn write_program(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}
