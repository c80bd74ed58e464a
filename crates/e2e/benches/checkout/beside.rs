//! What an order costs in processor time: the four services of two builds as processes, each behind a gateway of its own,
//! in one run and in turns. Stores, the doubles, the gateway and the clients are other processes, and do not count.

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use e2e::{
    Shopper,
    usage::{median, middle_half},
};

use crate::{
    orders::{SKUS, buy, customers, measure, sku},
    running::{Running, SERVICES},
};

/// Each orders, waits for the answer, and orders again.
const CLIENTS: usize = 4;
/// More than clients, as an instance is not free while it works on after an answer.
const INSTANCES: usize = 5;
/// In each round so many orders are made in each way at each build.
const ORDERS: usize = 200;
const ROUNDS: usize = 12;
/// The most that an order may cost, as a share of what it costs the other build.
const MOST: f64 = 1.05;

/// Milliseconds of processor time for one order, for each of [`SERVICES`].
type Cost = [f64; SERVICES.len()];

/// How an order is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Payment {
    SavedCard,
    Frontend,
}

impl Payment {
    const ALL: [Self; 2] = [Self::Frontend, Self::SavedCard];

    fn text(self) -> &'static str {
        match self {
            Self::SavedCard => "POST /orders, paid with a saved card",
            Self::Frontend => "POST /orders, to be paid in the frontend",
        }
    }
}

/// One build, and those who order there.
struct Side {
    shop: Running,
    customers: Vec<Shopper>,
    /// For each of [`Payment::ALL`], what each round cost.
    costs: [Vec<Cost>; 2],
    again: AtomicUsize,
}

/// Compares two builds by the programs in these folders.
pub(crate) async fn compare(tree: &Path, commit: &str, other: &Path) {
    let mut sides = Vec::new();
    for (name, programs) in [("this tree", tree), (commit, other)] {
        sides.push(Side::open(name, programs).await);
    }
    println!(
        "processor time of the four services for one order, in ms; {CLIENTS} clients, {INSTANCES} instances of each \
         service, {ROUNDS} rounds of {ORDERS} orders in turns, medians of the rounds"
    );
    for side in &mut sides {
        // Every instance fetches keys and tokens first, and opens its connections.
        for payment in Payment::ALL {
            side.order(payment, ORDERS).await;
        }
    }
    for round in 0..ROUNDS {
        for turn in 0..sides.len() {
            let nth = (round + turn) % sides.len();
            let side = &mut sides[nth];
            side.renew_tokens();
            for (kind, payment) in Payment::ALL.into_iter().enumerate() {
                let cost = side.order(payment, ORDERS).await;
                side.costs[kind].push(cost);
            }
        }
    }
    let [tree, other] = sides.as_slice() else { return };
    let ratios: Vec<f64> = (0..Payment::ALL.len()).map(|kind| print(kind, tree, other)).collect();
    for side in &sides {
        println!(
            "{}: {} requests were sent again after a 409 or 503",
            side.shop.name,
            side.again.load(Ordering::Relaxed)
        );
    }
    for (payment, ratio) in Payment::ALL.into_iter().zip(ratios) {
        let answer = if ratio <= MOST { "yes" } else { "NO" };
        println!("target: at most {MOST} of {commit}, {}: {answer} ({ratio:.3})", payment.text());
    }
}

impl Side {
    async fn open(name: &str, programs: &Path) -> Self {
        let shop = Running::open(name, programs, INSTANCES).await;
        let staff = shop.staff().await;
        for nth in 0..SKUS {
            shop.front.sell(&staff, &sku(nth), 1_000_000).await;
        }
        let customers = customers(&shop.front, CLIENTS).await;
        Self { shop, customers, costs: Default::default(), again: AtomicUsize::new(0) }
    }

    /// Tokens are good for 15 minutes, which may be less than all rounds take.
    fn renew_tokens(&mut self) {
        for customer in &mut self.customers {
            customer.token = self.shop.front.token(&format!("user:{}", customer.owner()), "profile cart orders");
        }
    }

    /// What one of so many orders costs, with all that follows it.
    async fn order(&self, payment: Payment, orders: usize) -> Cost {
        let shoppers = match payment {
            Payment::SavedCard => self.customers.clone(),
            Payment::Frontend => (0..CLIENTS).map(|_| self.shop.front.anonymous()).collect(),
        };
        self.shop.settle().await;
        let before = self.shop.processor_times();
        measure(CLIENTS, orders, |client| buy(&shoppers[client], &self.again)).await;
        self.shop.settle().await;
        let after = self.shop.processor_times();
        let each = |used: Duration| used.as_secs_f64() * 1000.0 / f64::from(u32::try_from(orders).unwrap());
        std::array::from_fn(|nth| each(after[nth].saturating_sub(before[nth])))
    }

    fn median(&self, kind: usize, of: impl Fn(&Cost) -> f64) -> f64 {
        median(self.costs[kind].iter().map(of))
    }
}

/// The table of one way to pay; the ratio of all four services together.
fn print(kind: usize, tree: &Side, other: &Side) -> f64 {
    let what = Payment::ALL[kind].text();
    println!("\n{what:<44} {:>12} {:>12} {:>8}  half of the rounds", tree.shop.name, other.shop.name, "ratio");
    let row = |what: &str, of: &dyn Fn(&Cost) -> f64| {
        let rounds = tree.costs[kind].iter().zip(&other.costs[kind]);
        // A service that has no part in this is not compared.
        let ratios: Vec<f64> =
            rounds.filter(|(_, other)| of(other) > 0.0).map(|(tree, other)| of(tree) / of(other)).collect();
        let ((low, high), ratio) = (middle_half(ratios.clone()), median(ratios));
        let (tree, other) = (tree.median(kind, of), other.median(kind, of));
        println!("{what:<44} {tree:>12.2} {other:>12.2} {ratio:>8.3}  {low:.3} to {high:.3}");
        ratio
    };
    for (nth, (_, service)) in SERVICES.into_iter().enumerate() {
        row(&format!("  {service}"), &|cost| cost[nth]);
    }
    row("  all four", &|cost| cost.iter().sum())
}
