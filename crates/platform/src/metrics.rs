//! What is counted and measured: lines in the embedded metric format, of which `CloudWatch` makes metrics when it takes the
//! log in ("Specification: Embedded metric format" in its user guide). No call is made.
//!
//! [`Metric`] is the whole list; alarms are made of `infra/metrics.json`, which a test writes from it. A metric has few
//! dimensions of few values each, as each combination is a metric of its own and is paid for: never an id, and never
//! what a client wrote.

mod line;

use std::{fmt::Write, str::FromStr};

use common::money::Currency;
use serde_json::{Value, json};

pub(crate) use self::line::{Business, RequestLine};

/// Under which all metrics are.
pub const NAMESPACE: &str = "Bodega";

/// The target of events that are business metrics; nothing else has it.
pub(crate) const TARGET: &str = "bodega::metric";

/// Whether metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metrics {
    /// The line of a request carries its metrics, and what happens in the business has lines of its own.
    Emf,
    /// The same, and those of requests also by route.
    EmfByRoute,
    /// The line of a request is a log line and nothing more; there are no others.
    Off,
}

impl FromStr for Metrics {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "emf" => Ok(Self::Emf),
            "emf-by-route" => Ok(Self::EmfByRoute),
            "off" => Ok(Self::Off),
            _ => Err("must be off, emf or emf-by-route"),
        }
    }
}

const USERS: &str = "user-service";
const PRODUCTS: &str = "product-service";
const ORDERS: &str = "transaction-service";
const NOTIFICATIONS: &str = "notification-service";

/// Everything that is counted or measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Requests that were answered.
    Requests,
    /// How long answers took, in whole milliseconds. Its sample count by route is the number of requests by route.
    Latency,
    /// Answers of 4xx. By route only where there were any.
    ClientErrors,
    /// Answers of 5xx. By route only where there were any.
    ServerErrors,
    /// Processes that answered their first request.
    ColdStart,
    /// Orders that were saved, paid or not.
    OrdersPlaced,
    /// Orders whose payment was taken.
    OrdersPaid,
    /// What was taken for them, in minor units of their currency.
    Revenue,
    /// Orders whose payment was declined for good, and tries at the frontend that were declined.
    PaymentsDeclined,
    /// Reservations that were refused because too little is in stock.
    OutOfStock,
    /// Reservations that the condition on the stock stopped while they took their units: without it, more would have been
    /// sold than there is. Some of them succeed on their next try, the others end as [`Metric::OutOfStock`].
    OversellPrevented,
    /// How old the oldest message is that the outbox still holds; 0 where it is empty.
    OutboxAge,
    /// Messages that were given up and put away: by the queue in its dead-letter queue, by an outbox in its table.
    DeadLetters,
    /// Orders among those that were booked last whose ledger and payment do not agree.
    LedgerDifference,
}

struct Definition {
    name: &'static str,
    unit: &'static str,
    /// Besides `service`, which all have.
    dimension: Option<&'static str>,
    services: &'static [&'static str],
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Requests,
        Self::Latency,
        Self::ClientErrors,
        Self::ServerErrors,
        Self::ColdStart,
        Self::OrdersPlaced,
        Self::OrdersPaid,
        Self::Revenue,
        Self::PaymentsDeclined,
        Self::OutOfStock,
        Self::OversellPrevented,
        Self::OutboxAge,
        Self::DeadLetters,
        Self::LedgerDifference,
    ];

    /// The one place that says what a metric is called, measured in and told apart by, and who emits it.
    const fn definition(self) -> Definition {
        const HTTP: &[&str] = &[NOTIFICATIONS, PRODUCTS, ORDERS, USERS];
        const ROUTE: Option<&str> = Some("route");
        let (name, unit, dimension, services): (_, _, _, &[&str]) = match self {
            Self::Requests => ("Requests", "Count", None, HTTP),
            Self::Latency => ("Latency", "Milliseconds", ROUTE, HTTP),
            Self::ClientErrors => ("ClientErrors", "Count", ROUTE, HTTP),
            Self::ServerErrors => ("ServerErrors", "Count", ROUTE, HTTP),
            Self::ColdStart => ("ColdStart", "Count", None, HTTP),
            Self::OrdersPlaced => ("OrdersPlaced", "Count", None, &[ORDERS]),
            Self::OrdersPaid => ("OrdersPaid", "Count", None, &[ORDERS]),
            Self::Revenue => ("Revenue", "None", Some("currency"), &[ORDERS]),
            Self::PaymentsDeclined => ("PaymentsDeclined", "Count", None, &[ORDERS]),
            Self::OutOfStock => ("OutOfStock", "Count", None, &[PRODUCTS]),
            Self::OversellPrevented => ("OversellPrevented", "Count", None, &[PRODUCTS]),
            Self::OutboxAge => ("OutboxAge", "Seconds", None, &[ORDERS, USERS]),
            Self::DeadLetters => ("DeadLetters", "Count", None, &[NOTIFICATIONS, ORDERS, USERS]),
            Self::LedgerDifference => ("LedgerDifference", "Count", None, &[ORDERS]),
        };
        Definition { name, unit, dimension, services }
    }

    /// As `CloudWatch` knows it.
    pub const fn name(self) -> &'static str {
        self.definition().name
    }

    /// By which sets of dimensions it can be asked for. Amounts of several currencies have no sum.
    pub fn dimensions(self) -> Vec<Vec<&'static str>> {
        match (self, self.definition().dimension) {
            (_, None) => vec![vec!["service"]],
            (Self::Revenue, Some(dimension)) => vec![vec!["service", dimension]],
            (_, Some(dimension)) => vec![vec!["service"], vec!["service", dimension]],
        }
    }

    /// As `infra/metrics.json` has it: an object for each service.
    pub fn described(self) -> Vec<Value> {
        let Definition { name, unit, services, .. } = self.definition();
        let dimensions = self.dimensions();
        services
            .iter()
            .map(|service| json!({"name": name, "unit": unit, "dimensions": dimensions, "service": service}))
            .collect()
    }
}

/// One element of `CloudWatchMetrics`: these metrics by these dimensions.
fn directive(dimensions: &[&[&str]], metrics: &[Metric]) -> String {
    let metrics = metrics.iter().map(|metric| {
        let Definition { name, unit, .. } = metric.definition();
        json!({ "Name": name, "Unit": unit })
    });
    let mut text = String::new();
    let metrics = Value::Array(metrics.collect());
    let _ = write!(
        text,
        r#"{{"Namespace":"{NAMESPACE}","Dimensions":{dimensions},"Metrics":{metrics}}}"#,
        dimensions = json!(dimensions)
    );
    text
}

/// One more of these.
pub fn count(metric: Metric) {
    record(metric, 1);
}

/// A value of the moment.
pub fn record(metric: Metric, value: i64) {
    tracing::info!(target: TARGET, metric = metric as u64, value);
}

/// An amount, in minor units.
pub fn record_in(currency: Currency, metric: Metric, value: i64) {
    tracing::info!(target: TARGET, metric = metric as u64, value, currency = currency.code());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_each_metric_at_its_place_once() {
        for (place, metric) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(metric as usize, place);
            assert_eq!(Metric::ALL.iter().filter(|other| other.name() == metric.name()).count(), 1);
        }
    }
}
