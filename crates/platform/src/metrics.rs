//! Metrics: log lines in the embedded metric format, from which `CloudWatch` extracts metrics ("Specification: Embedded
//! metric format" in its user guide). No call is made.
//!
//! [`Metric`] is the whole list; alarms are built from `infra/metrics.json`, which a test writes from it. A metric has
//! few dimensions with few values each, because each combination is billed as a metric of its own: never an id, and
//! never a client's text.

mod line;

use std::{fmt::Write, str::FromStr};

use common::money::Currency;
use serde_json::{Value, json};

pub(crate) use self::line::{Business, RequestLine};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Bodega";

/// The tracing target of business metrics; no other event has it.
pub(crate) const TARGET: &str = "bodega::metric";

/// Whether metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metrics {
    /// The log line of a request carries its metrics, and business metrics have lines of their own.
    Emf,
    /// As [`Self::Emf`], with the metrics of requests also by route.
    EmfByRoute,
    /// No metrics: the line of a request is a plain log line.
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
    /// The amount captured for paid orders, in minor units of the currency.
    Revenue,
    /// Orders whose payment was finally declined, and declined attempts in the frontend.
    PaymentsDeclined,
    /// Reservations that were refused because too little is in stock.
    OutOfStock,
    /// Reservations that the condition on the stock stopped: without it, more units would have been sold than exist.
    /// Some succeed when they are tried again, the others end as [`Metric::OutOfStock`].
    OversellPrevented,
    /// Age of the oldest message in the outbox; 0 when it is empty.
    OutboxAge,
    /// Messages that were given up: moved to the dead-letter queue, or kept as failed in an outbox.
    DeadLetters,
    /// Recently booked orders whose ledger and payment differ.
    LedgerDifference,
}

struct Definition {
    name: &'static str,
    unit: &'static str,
    /// The dimension besides `service`, which all metrics have.
    dimension: Option<&'static str>,
    services: &'static [&'static str],
}

impl Metric {
    /// All metrics.
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

    /// Name, unit, dimension and emitting services of the metric.
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

    /// The name in `CloudWatch`.
    pub const fn name(self) -> &'static str {
        self.definition().name
    }

    /// The sets of dimensions that it is published with. Revenue has none without currency: amounts of several
    /// currencies have no sum.
    pub fn dimensions(self) -> Vec<Vec<&'static str>> {
        match (self, self.definition().dimension) {
            (_, None) => vec![vec!["service"]],
            (Self::Revenue, Some(dimension)) => vec![vec!["service", dimension]],
            (_, Some(dimension)) => vec![vec!["service"], vec!["service", dimension]],
        }
    }

    /// The entries of `infra/metrics.json`, one for each service.
    pub fn described(self) -> Vec<Value> {
        let Definition { name, unit, services, .. } = self.definition();
        let dimensions = self.dimensions();
        services
            .iter()
            .map(|service| json!({"name": name, "unit": unit, "dimensions": dimensions, "service": service}))
            .collect()
    }
}

/// One element of `CloudWatchMetrics`: these metrics with these dimensions.
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

/// Counts one event.
pub fn count(metric: Metric) {
    record(metric, 1);
}

/// Records a current value.
pub fn record(metric: Metric, value: i64) {
    tracing::info!(target: TARGET, metric = metric as u64, value);
}

/// Records an amount in minor units of the currency.
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
