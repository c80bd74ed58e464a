use std::{path::PathBuf, time::Duration};

use axum::{Router, routing::get};
use common::{
    http::{UNMATCHED, with_middleware},
    problem::{FieldError, Problem},
};
use http::Method;
use platform::{
    metrics::{self, Metric, Metrics, NAMESPACE},
    telemetry::with_metrics,
};
use serde_json::{Value, json};
use testkit::{
    Client,
    emf::{self, Datum},
    logs::Captured,
};
use tracing::subscriber::DefaultGuard;

use crate::{PATIENCE, function::Sample};

/// A router, and what it writes while the guards live.
struct Measured {
    client: Client,
    captured: Captured,
    _logging: DefaultGuard,
    /// While there is just one subscriber, tracing asks the thread that comes first to a line whether anybody listens, and
    /// believes it for ever.
    _second: tracing::Dispatch,
}

impl Measured {
    fn start(level: &str, metrics: Metrics, deadline: Duration) -> Self {
        let captured = Captured::default();
        let subscriber = with_metrics("user-service", level, metrics, captured.writer());
        let logging = tracing::subscriber::set_default(subscriber);
        let second = tracing::Dispatch::new(with_metrics("user-service", "debug", Metrics::Emf, std::io::sink));
        let routes = Router::new()
            .route("/things/{name}", get(async || "a thing"))
            .route("/refused", get(async || Problem::invalid_input(vec![FieldError::new("/a", "b", "c")])))
            .route("/broken", get(async || Problem::internal("broken")))
            .route("/panics", get(async || -> &'static str { panic!("on purpose") }))
            .route("/hangs", get(std::future::pending::<&'static str>));
        Self { client: Client::new(with_middleware(routes, deadline)), captured, _logging: logging, _second: second }
    }

    /// The metrics of the one request, by their dimensions.
    fn of(&self, dimensions: &[(&str, &str)]) -> Vec<(String, f64)> {
        let lines = self.captured.lines();
        let measured: Vec<&Value> = lines.iter().filter(|line| line.get("_aws").is_some()).collect();
        assert_eq!(measured.len(), 1, "one line a request: {lines:?}");
        let data = emf::data(measured[0]);
        data.iter().for_each(assert_listed);
        let wanted = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let of = |datum: Datum| (datum.dimensions == wanted).then_some((datum.name, datum.value));
        let found = data.into_iter().filter_map(of);
        // The latency and whether it was the process's first request differ from run to run.
        found
            .filter(|(name, _)| name != "ColdStart")
            .map(|(name, value)| if name == "Latency" { (name, 0.0) } else { (name, value) })
            .collect()
    }
}

/// What alarms are made of says that there is such a metric.
fn assert_listed(datum: &Datum) {
    let of_service = |listed: &Value| {
        let dimensions: Vec<Value> = datum.dimensions.keys().map(|name| json!(name)).collect();
        let sets = listed["dimensions"].as_array().unwrap().iter().map(|set| {
            let mut set = set.as_array().unwrap().clone();
            set.sort_by_key(Value::to_string);
            set
        });
        listed["service"] == datum.dimensions["service"]
            && listed["name"] == datum.name
            && listed["unit"] == datum.unit
            && sets.into_iter().any(|set| set == dimensions)
    };
    assert_eq!(datum.namespace, NAMESPACE);
    assert!(list().iter().any(of_service), "{datum:?} is not in the list");
}

fn list() -> Vec<Value> {
    Metric::ALL.into_iter().flat_map(Metric::described).collect()
}

#[test]
fn infra_knows_every_metric() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/metrics.json");
    let lines: Vec<String> = list().iter().map(|metric| format!("  {metric}")).collect();
    let expected = format!("[\n{}\n]\n", lines.join(",\n"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &expected).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(committed, expected, "run `UPDATE=1 cargo test -p platform --test it -- metrics` and commit the file");
}

#[tokio::test]
async fn a_request_is_one_line_that_is_its_metrics_too() {
    let cases = [
        ("/things/jane", 200, "GET /things/{name}", None),
        ("/refused", 422, "GET /refused", Some("ClientErrors")),
        ("/broken", 500, "GET /broken", Some("ServerErrors")),
        ("/panics", 500, "GET /panics", Some("ServerErrors")),
        ("/hangs", 503, "GET /hangs", Some("ServerErrors")),
        ("/nowhere/jane", 404, UNMATCHED, Some("ClientErrors")),
    ];
    for (path, status, route, error) in cases {
        let deadline = if path == "/hangs" { Duration::from_millis(50) } else { PATIENCE };
        let measured = Measured::start("off", Metrics::EmfByRoute, deadline);
        measured.client.get(path).send().await.expect(status);
        let count = |name: &str| f64::from(u8::from(error == Some(name)));
        let of_service = [
            ("Requests", 1.0),
            ("Latency", 0.0),
            ("ClientErrors", count("ClientErrors")),
            ("ServerErrors", count("ServerErrors")),
        ];
        let named =
            |pairs: &[(&str, f64)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect::<Vec<_>>();
        assert_eq!(measured.of(&[("service", "user-service")]), named(&of_service), "{path}");
        let mut of_route = vec![("Latency", 0.0)];
        of_route.extend(error.map(|error| (error, 1.0)));
        assert_eq!(measured.of(&[("service", "user-service"), ("route", route)]), named(&of_route), "{path}");
        assert!(!measured.captured.text().contains("jane"), "{}", measured.captured.text());
    }
}

#[tokio::test]
async fn metrics_by_route_are_a_choice_as_each_is_paid_for() {
    let measured = Measured::start("info", Metrics::Emf, PATIENCE);
    measured.client.get("/broken").send().await.expect(500);
    assert_eq!(measured.of(&[("service", "user-service")]).len(), 4);
    assert_eq!(measured.of(&[("service", "user-service"), ("route", "GET /broken")]), []);
    assert_eq!(measured.captured.lines()[0]["route"], "GET /broken", "a search of the log finds it");
}

#[tokio::test]
async fn whatever_a_scanner_asks_for_is_one_route() {
    let measured = Measured::start("info", Metrics::Emf, PATIENCE);
    for path in ["/", "/wp-login.php", "/.env", "/things", "/things/a/b", "/Things/a", "/%00", "/things/a/b/c"] {
        measured.client.get(path).send().await.expect(404);
    }
    for method in ["PUT", "TRACE", "PROPFIND", "X-MADE-UP", "get"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        measured.client.request(method, "/things/jane").send().await.expect(405);
    }
    measured.client.request(Method::OPTIONS, "/things/jane").send().await.expect(204);
    let lines = measured.captured.lines();
    assert_eq!(lines.len(), 14);
    assert!(lines.iter().all(|line| line["route"] == UNMATCHED), "{lines:?}");
}

#[tokio::test]
async fn without_metrics_a_request_is_a_log_line_as_the_level_wants_it() {
    for (level, lines) in [("info", 1), ("warn", 0)] {
        let measured = Measured::start(level, Metrics::Off, PATIENCE);
        measured.client.get("/things/jane").send().await.expect(200);
        metrics::count(Metric::OrdersPaid);
        let logged = measured.captured.lines();
        assert_eq!(logged.len(), lines, "{logged:?}");
        let of_metrics = |name: &String| name.starts_with(char::is_uppercase) || name == "_aws";
        assert!(logged.iter().all(|line| !line.as_object().unwrap().keys().any(of_metrics)), "{logged:?}");
    }
}

#[test]
fn what_happens_in_the_business_has_lines_of_its_own_however_little_is_logged() {
    for level in ["info", "error", "off"] {
        let captured = Captured::default();
        let subscriber = with_metrics("transaction-service", level, Metrics::Emf, captured.writer());
        tracing::subscriber::with_default(subscriber, || {
            let _span = tracing::info_span!("request", request_id = "gateway-id-1").entered();
            metrics::count(Metric::OrdersPaid);
            metrics::record_in("JPY".parse().unwrap(), Metric::Revenue, 1_620);
            metrics::record(Metric::OutboxAge, 0);
        });
        let data: Vec<Datum> = captured.lines().iter().flat_map(emf::data).collect();
        data.iter().for_each(assert_listed);
        let told = data
            .iter()
            .map(|datum| (datum.name.as_str(), datum.dimensions.get("currency").map(String::as_str), datum.value));
        let expected = [("OrdersPaid", None, 1.0), ("Revenue", Some("JPY"), 1_620.0), ("OutboxAge", None, 0.0)];
        assert_eq!(told.collect::<Vec<_>>(), expected, "{level}");
        assert_eq!(captured.lines().len(), 3, "one line each");
    }
}

#[tokio::test]
async fn a_process_counts_its_first_request_as_a_cold_start_and_its_metrics_are_a_setting() {
    let requests = async |settings: &[(&str, &str)]| {
        let service = Sample::start(settings).await;
        for _ in 0..2 {
            service.request("GET", "/ping/jane", &json!({})).await;
        }
        crate::until("both are logged", async || service.log().len() >= 2).await;
        service.log()
    };
    let lines = requests(&[]).await;
    let cold: Vec<bool> =
        lines.iter().map(|line| emf::data(line).iter().any(|datum| datum.name == "ColdStart")).collect();
    assert_eq!(cold, [true, false], "{lines:?}");
    assert!(lines.iter().all(|line| line["cold_start"] == (line["ColdStart"] == 1)), "{lines:?}");
    let lines = requests(&[("METRICS", "off")]).await;
    assert!(lines.iter().all(|line| emf::data(line).is_empty()), "{lines:?}");
    let wrong = crate::function::output(crate::function::command(&[("METRICS", "on")])).await;
    assert!(String::from_utf8_lossy(&wrong.stdout).contains("METRICS must be off, emf or emf-by-route"), "{wrong:?}");
}
