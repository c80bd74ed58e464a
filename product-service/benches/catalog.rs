//! How fast the catalogue is read, at 1,000 and at 100,000 products, beside the MongoDB driver asking the same of the same
//! server in turns, so that the ratios mean something on a noisy machine.
//!
//! `cargo xtask bench catalog`

#![recursion_limit = "256"]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and stops when something is wrong")]

#[path = "catalog/catalogue.rs"]
mod catalogue;
#[path = "catalog/rows.rs"]
mod rows;

use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use platform::{Service, config::Env, trigger::Direction};
use product_service::{App, router};
use testkit::{Answer, Client, mongo::Mongo, tokens};

use self::{
    catalogue::Catalogue,
    rows::{Asked, Driver, ROWS, Row},
};

const SIZES: [usize; 2] = [1_000, 100_000];
const SEED: u64 = 20_261_122;
/// Each way is measured so often, or for so long, whichever comes first; at least so often.
const MOST: usize = 300;
const LONGEST: Duration = Duration::from_secs(20);
const LEAST: usize = 5;
/// How often a question is asked before its row is given up.
const TRIES: usize = 5;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { SIZES.to_vec() } else { sizes };
    let mut all: Vec<(usize, Vec<Measured>)> = Vec::new();
    for size in sizes {
        all.push((size, measure(size).await));
    }
    if let [(few, first), .., (many, last)] = &all[..] {
        print_growth((*few, first), (*many, last));
    }
    println!(
        "\nThe service answers through its router, in this process: parsing, query, and JSON to the last byte. The driver \
         asks the same server for the same documents with the same filter, order, limit and index, and reads them."
    );
}

/// How long each request took, of a row.
struct Measured {
    row: &'static Row,
    service: Vec<Duration>,
    driver: Vec<Duration>,
}

async fn measure(size: usize) -> Vec<Measured> {
    let mongo = testkit::mongo::fresh();
    let app = app(&mongo);
    app.migrate(Direction::Up).await.unwrap();
    let client = Client::new(router(App { deadline: Duration::from_mins(2), ..app.clone() }));
    let started = Instant::now();
    let catalogue = Catalogue::fill(&app, &client, size, SEED).await;
    println!("{size} products on {}, made in {} s", store(&mongo).await, started.elapsed().as_secs());
    println!("{:<46} {:>17} {:>19}", "", "service ms", "driver ms");
    println!("{:<46} {:>8} {:>8} {:>10} {:>8} {:>7} {:>6}", "", "p50", "p99", "p50", "p99", "ratio", "times");
    let driver = Driver::new(&mongo).await;
    let mut measured = Vec::new();
    for row in &ROWS {
        if let Some(found) = take_turns(row, &catalogue, &client, &driver).await {
            found.print();
            measured.push(found);
        } else {
            println!("{:<46} not answered", row.name);
        }
    }
    println!();
    measured
}

/// Both ways in turns, so that whatever else the machine does falls on both.
async fn take_turns(row: &'static Row, catalogue: &Catalogue, client: &Client, driver: &Driver) -> Option<Measured> {
    let mut random = fastrand::Rng::with_seed(SEED);
    let (mut service, mut direct) = (Vec::new(), Vec::new());
    // Connections, plans and caches first.
    let asked = (row.ask)(catalogue, &mut random);
    let items = rows::items(&answered(client, &asked.path).await?.0);
    assert_eq!(items, found(driver, &asked).await?.0, "{} and the driver find different products", asked.path);
    let started = Instant::now();
    while service.len() < LEAST || (service.len() < MOST && started.elapsed() < LONGEST * 2) {
        let asked = (row.ask)(catalogue, &mut random);
        service.push(answered(client, &asked.path).await?.1);
        direct.push(found(driver, &asked).await?.1);
    }
    service.sort_unstable();
    direct.sort_unstable();
    Some(Measured { row, service, driver: direct })
}

/// An answer and how long it took. A stand-in that is busy with the one query may not hear of the next in time, which is
/// a 503: it is asked again, and that is said. None when it never answers.
async fn answered(client: &Client, path: &str) -> Option<(Answer, Duration)> {
    for _ in 0..TRIES {
        let before = Instant::now();
        let answer = client.get(path).send().await;
        let took = before.elapsed();
        if answer.status != 503 {
            return Some((answer.expect(200), took));
        }
        println!("503 after {} ms: {path}", took.as_millis());
    }
    None
}

/// The same of the driver.
async fn found(driver: &Driver, asked: &Asked) -> Option<(usize, Duration)> {
    for _ in 0..TRIES {
        let before = Instant::now();
        match driver.find(asked).await {
            Ok(found) => return Some((found, before.elapsed())),
            Err(error) => println!("the driver, after {} ms: {error}", before.elapsed().as_millis()),
        }
    }
    None
}

impl Measured {
    fn print(&self) {
        let (service, driver) = (&self.service, &self.driver);
        println!(
            "{:<46} {:>8.2} {:>8.2} {:>10.2} {:>8.2} {:>6.2}x {:>6}",
            self.row.name,
            milliseconds(service, 50),
            milliseconds(service, 99),
            milliseconds(driver, 50),
            milliseconds(driver, 99),
            milliseconds(service, 50) / milliseconds(driver, 50),
            service.len(),
        );
    }
}

/// The percentile of what is sorted.
fn milliseconds(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len() - 1);
    sorted[at].as_secs_f64() * 1_000.0
}

fn print_growth((few, first): (usize, &[Measured]), (many, last): (usize, &[Measured])) {
    println!("{:<46} {:>17} {:>19}", format!("growth from {few} to {many} products"), "service", "driver");
    println!("{:<46} {:>8} {:>8} {:>10} {:>8}", "", "p50", "p99", "p50", "p99");
    for before in first {
        let Some(after) = last.iter().find(|after| after.row.name == before.row.name) else { continue };
        let growth = |one: &[Duration], other: &[Duration], percent| {
            format!("{:.2}x", milliseconds(other, percent) / milliseconds(one, percent))
        };
        println!(
            "{:<46} {:>8} {:>8} {:>10} {:>8}",
            before.row.name,
            growth(&before.service, &after.service, 50),
            growth(&before.service, &after.service, 99),
            growth(&before.driver, &after.driver, 50),
            growth(&before.driver, &after.driver, 99),
        );
    }
}

fn app(mongo: &Mongo) -> App {
    let mut env = Env::from_pairs([
        ("ISSUER", tokens::ISSUER),
        ("JWKS_URL", "http://127.0.0.1:9/never-asked"),
        ("MONGODB_URI", mongo.uri.as_str()),
        ("CURRENCIES", "USD"),
        ("IMAGE_BUCKET", "never-asked"),
        ("IMAGE_BASE_URL", "http://127.0.0.1:9"),
        ("AWS_REGION", "us-east-1"),
    ]);
    App { verifier: tokens::verifier(), ..App::configure(&mut env).unwrap() }
}

/// What stands where MongoDB is.
async fn store(mongo: &Mongo) -> String {
    let info: Document = mongo.database().await.run_command(doc! { "buildInfo": 1 }).await.unwrap();
    let version = |name: &str| info.get_str(name).ok();
    let mongodb = version("version").unwrap_or("of unknown version");
    match version("secantusVersion") {
        Some(secantus) => format!("SecantusDB {secantus} in place of MongoDB {mongodb}"),
        None => format!("MongoDB {mongodb}"),
    }
}
