//! transaction-service is killed (`kill -9`) at every write and every outgoing call of checkout and cancel, on both sides
//! of its effect, and started again. The client sends its request again under its key, or never comes back, and then the
//! sweep finishes or undoes the order. At the end every order, charge, unit, ledger and mail is checked.
//!
//! `cargo xtask prove crash`

#![recursion_limit = "256"]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a proof prints, and stops where it fails")]

mod harness;
mod instance;
mod points;
mod verdict;

use std::{
    collections::BTreeMap,
    iter,
    sync::{Arc, Mutex},
    time::Instant,
};

use testkit::proxy::Side;

use self::{
    harness::{Client, CrashHarness, Outcome, Scenario, Webhooks},
    points::Point,
    verdict::{End, Verdict},
};

/// How many orders there are at least.
const ORDERS: usize = 500;
/// How many shops are open at a time, each with stores and a Stripe of its own.
const SHOPS: usize = 4;

/// One order whose maker is killed.
#[derive(Debug, Clone)]
struct Case {
    point: usize,
    side: Side,
    client: Client,
    webhooks: Webhooks,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let started = Instant::now();
    let mut harnesses = vec![CrashHarness::open().await];
    let mut points = Vec::new();
    for scenario in Scenario::ALL {
        let met = harnesses[0].points(scenario).await;
        points.extend(met.into_iter().map(|point| (scenario, point)));
    }
    print_points(&points);
    for _ in 1..SHOPS {
        harnesses.push(CrashHarness::open().await);
    }
    let (ends, kills) = run(harnesses, &points).await;
    print_table(&points, &ends, kills, started);
}

/// All sides of all points, each with every kind of client, over and over until there are enough.
fn cases(points: usize) -> Vec<Case> {
    let kinds = [(Client::Returns, Webhooks::Late), (Client::Leaves, Webhooks::Lost), (Client::Leaves, Webhooks::Late)];
    let once = (0..points).flat_map(|point| {
        [Side::Before, Side::After].into_iter().flat_map(move |side| {
            kinds.into_iter().map(move |(client, webhooks)| Case { point, side, client, webhooks })
        })
    });
    let once: Vec<Case> = once.collect();
    let rounds = ORDERS.div_ceil(once.len());
    iter::repeat_n(once, rounds).flatten().collect()
}

async fn run(harnesses: Vec<CrashHarness>, points: &[(Scenario, Point)]) -> (Vec<(usize, End)>, usize) {
    let cases = cases(points.len());
    let kills = cases.len();
    let queue = Arc::new(Mutex::new(cases));
    let workers = harnesses.into_iter().map(|harness| {
        let (queue, points) = (Arc::clone(&queue), points.to_vec());
        tokio::spawn(async move { Box::pin(work(harness, &queue, &points)).await })
    });
    let mut ends = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        ends.extend(worker.await.unwrap());
    }
    (ends, kills)
}

async fn work(mut harness: CrashHarness, queue: &Mutex<Vec<Case>>, points: &[(Scenario, Point)]) -> Vec<(usize, End)> {
    let mut outcomes: Vec<(usize, Outcome)> = Vec::new();
    loop {
        let (case, left) = {
            let mut queue = queue.lock().unwrap();
            (queue.pop(), queue.len())
        };
        let Some(case) = case else { break };
        let (scenario, point) = &points[case.point];
        let outcome = harness.play(*scenario, point, case.side, case.client, case.webhooks).await;
        outcomes.push((case.point, outcome));
        if left % 50 == 0 {
            println!("{left} orders to go");
        }
    }
    let verdict = Box::pin(Verdict::of(harness)).await;
    outcomes.into_iter().map(|(point, outcome)| (point, verdict.end(&outcome))).collect()
}

fn print_points(points: &[(Scenario, Point)]) {
    println!("Kill points, each before and after its effect:\n");
    for (nth, (scenario, point)) in points.iter().enumerate() {
        println!("{:>3}  {scenario:<34} {point}", nth + 1);
    }
    println!();
}

fn print_table(points: &[(Scenario, Point)], ends: &[(usize, End)], kills: usize, started: Instant) {
    println!("\n{:>3}  {:<34} {:>6}  ended as", "", "killed at these points", "orders");
    let mut totals = BTreeMap::<&End, usize>::new();
    for (nth, (scenario, _)) in points.iter().enumerate() {
        let here: Vec<&End> = ends.iter().filter(|(point, _)| *point == nth).map(|(_, end)| end).collect();
        let mut tally = BTreeMap::<&End, usize>::new();
        for end in &here {
            *tally.entry(end).or_default() += 1;
            *totals.entry(end).or_default() += 1;
        }
        let tally: Vec<String> = tally.iter().map(|(end, count)| format!("{count} {end}")).collect();
        println!("{:>3}  {:<34} {:>6}  {}", nth + 1, scenario.to_string(), here.len(), tally.join(", "));
    }
    println!("\n{kills} orders, {kills} kills, {} min\n", started.elapsed().as_secs() / 60);
    for (end, count) in totals {
        println!("{count:>5}  {:<28} {}", end.to_string(), end.meaning());
    }
    println!(
        "\nEvery order is there once or not at all, none was charged twice, every ledger sums to zero, the stock is what \
         was sold, and each shopper got one message."
    );
}
