//! Logs: one JSON object a line on standard output, where Lambda collects it. Fields of the span (the request id) and
//! of the event are side by side at the top level. The line of a request may carry its metrics ([`metrics`]).

use std::{fmt, str::FromStr};

use common::{http::REQUEST, timestamp::Timestamp};
use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{
    filter::Targets,
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter, format::JsonFields, format::Writer, layer,
    },
    layer::SubscriberExt,
    registry::LookupSpan,
};

use crate::metrics::{self, Business, Metrics, RequestLine};

/// The log level: a level (`info`), or a level with exceptions (`info,sqlx=debug`).
#[derive(Debug, Clone)]
pub struct Level(String);

impl Default for Level {
    fn default() -> Self {
        Self("info".into())
    }
}

impl FromStr for Level {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The filter would take a misspelt level for the name of a module, and log nothing else.
        let level = text.split(',').next().unwrap_or_default();
        match (level.parse::<LevelFilter>(), text.parse::<Targets>()) {
            (Ok(_), Ok(_)) => Ok(Self(text.to_owned())),
            _ => Err("must be a level such as info, or a level with exceptions such as info,sqlx=debug"),
        }
    }
}

/// Starts logging for this process, panics included, without metrics: for programs other than the services.
pub fn start(service: &'static str, level: &Level) {
    start_measured(service, level, Metrics::Off);
}

/// Starts logging for this process, panics included.
pub fn start_measured(service: &'static str, level: &Level, metrics: Metrics) {
    // Fails only when a test harness has set a subscriber already; that one is then used.
    let _ = tracing::subscriber::set_global_default(with_metrics(service, &level.0, metrics, std::io::stdout));
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        tracing::error!(location, error = panic.payload_as_str(), "panicked");
    }));
}

/// The subscriber without metrics; tests pass a writer of their own and read the log from it.
pub fn subscriber<W>(service: &'static str, level: &str, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    with_metrics(service, level, Metrics::Off, writer)
}

/// The subscriber with metrics.
pub fn with_metrics<W>(service: &'static str, level: &str, metrics: Metrics, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // The Lambda runtime would log every request with its whole payload, and failures that are logged already where
    // they happen; sqlx would log statements.
    let quiet = "lambda_runtime=error,lambda_runtime::layers::panic=off,lambda_http=warn,sqlx=warn,hyper=warn";
    // The caller's exceptions come last, so that they take precedence. (`EnvFilter` could also filter by fields; it
    // brings a regular expression engine into every binary.)
    let mut filter: Targets = format!("{quiet},{level}").parse().unwrap_or_default();
    filter = match metrics {
        // Metrics are written at every log level.
        Metrics::Emf | Metrics::EmfByRoute => {
            filter.with_target(REQUEST, LevelFilter::INFO).with_target(metrics::TARGET, LevelFilter::INFO)
        }
        Metrics::Off => filter.with_target(metrics::TARGET, LevelFilter::OFF),
    };
    let format = FlatJson { service, request: RequestLine::new(service, metrics) };
    let lines = layer().with_writer(writer).fmt_fields(JsonFields::new()).event_format(format);
    tracing_subscriber::registry().with(lines).with(filter)
}

struct FlatJson {
    service: &'static str,
    request: RequestLine,
}

impl<S, N> FormatEvent<S, N> for FlatJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if RequestLine::is_of(event) {
            return self.request.write(&mut writer, event);
        }
        if Business::is_of(event) {
            return Business::write(self.service, &mut writer, event);
        }
        let mut line = Map::new();
        line.insert("timestamp".into(), Timestamp::now().to_string().into());
        line.insert("level".into(), event.metadata().level().as_str().into());
        line.insert("service".into(), self.service.into());
        for span in context.event_scope().into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<N>>().map_or("", |fields| fields.fields.as_str());
            if let Ok(Value::Object(fields)) = serde_json::from_str(fields) {
                line.extend(fields);
            }
        }
        event.record(&mut Fields(&mut line));
        if *event.metadata().level() <= tracing::Level::WARN {
            line.insert("target".into(), event.metadata().target().into());
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

struct Fields<'a>(&'a mut Map<String, Value>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().into(), value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().into(), value.into());
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().into(), format!("{value:?}").into());
    }
}
