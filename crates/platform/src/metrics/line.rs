//! The log lines of requests and business metrics. The line of a request is assembled by hand, in the log's own buffer
//! and from pieces that are rendered once, because it is written on every request; metrics add a copy of a few hundred
//! bytes.

use std::fmt::{self, Write};

use common::{http::REQUEST, timestamp::Timestamp};
use tracing::{
    Event,
    field::{Field, Visit},
};

use super::{Metric, Metrics, directive};

/// Writes the line of a request: its log fields and its metrics.
#[derive(Debug)]
pub(crate) struct RequestLine {
    service: &'static str,
    directives: Option<Directives>,
}

/// The directives that follow the time in `_aws`, for each kind of request.
#[derive(Debug)]
struct Directives {
    /// For any request, and for the first of a process.
    warm: String,
    cold: String,
    /// By route: success, 4xx and 5xx.
    fine: String,
    client_error: String,
    server_error: String,
}

impl Directives {
    fn new(by_route: bool) -> Self {
        let service = |metrics: &[Metric]| format!(r#","CloudWatchMetrics":[{}"#, directive(&[&["service"]], metrics));
        let route = |metrics: &[Metric]| {
            if by_route {
                format!(",{}]}}}}\n", directive(&[&["service", "route"]], metrics))
            } else {
                "]}}\n".to_owned()
            }
        };
        let all = [Metric::Requests, Metric::Latency, Metric::ClientErrors, Metric::ServerErrors, Metric::ColdStart];
        Self {
            warm: service(&all[..4]),
            cold: service(&all),
            fine: route(&[Metric::Latency]),
            client_error: route(&[Metric::Latency, Metric::ClientErrors]),
            server_error: route(&[Metric::Latency, Metric::ServerErrors]),
        }
    }
}

impl RequestLine {
    pub(crate) fn new(service: &'static str, metrics: Metrics) -> Self {
        let directives = match metrics {
            Metrics::Off => None,
            Metrics::Emf => Some(Directives::new(false)),
            Metrics::EmfByRoute => Some(Directives::new(true)),
        };
        Self { service, directives }
    }

    pub(crate) fn is_of(event: &Event<'_>) -> bool {
        event.metadata().target() == REQUEST
    }

    pub(crate) fn write(&self, out: &mut dyn Write, event: &Event<'_>) -> fmt::Result {
        let now = Timestamp::now();
        write!(out, r#"{{"timestamp":"{now}","level":"{}","service":"#, event.metadata().level())?;
        text(out, self.service)?;
        let mut members = Members { out, written: Ok(()), status: 0, latency: 0, is_cold: false };
        event.record(&mut members);
        let Members { out, written, status, latency, is_cold } = members;
        written?;
        let Some(directives) = &self.directives else { return out.write_str("}\n") };
        let (client, server, by_route) = match status {
            500.. => (0, 1, &directives.server_error),
            400.. => (1, 0, &directives.client_error),
            _ => (0, 0, &directives.fine),
        };
        out.write_str(r#","Requests":1,"Latency":"#)?;
        number(out, latency)?;
        out.write_str(if client == 1 { r#","ClientErrors":1"# } else { r#","ClientErrors":0"# })?;
        out.write_str(if server == 1 { r#","ServerErrors":1"# } else { r#","ServerErrors":0"# })?;
        if is_cold {
            out.write_str(r#","ColdStart":1"#)?;
        }
        out.write_str(r#","_aws":{"Timestamp":"#)?;
        number(out, u64::try_from(now.unix_millis()).unwrap_or_default())?;
        out.write_str(if is_cold { &directives.cold } else { &directives.warm })?;
        out.write_str(by_route)
    }
}

/// Writes an event's fields as members, and keeps the values of those that are metrics.
struct Members<'a> {
    out: &'a mut dyn Write,
    written: fmt::Result,
    status: u64,
    latency: u64,
    is_cold: bool,
}

impl Members<'_> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut dyn Write) -> fmt::Result) {
        if self.written.is_ok() {
            self.written = self.name(field).and_then(|()| value(self.out));
        }
    }

    /// Field names come from this code and need no escapes.
    fn name(&mut self, field: &Field) -> fmt::Result {
        self.out.write_str(",\"")?;
        self.out.write_str(field.name())?;
        self.out.write_str("\":")
    }
}

impl Visit for Members<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |out| text(out, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "status" => self.status = value,
            "latency_ms" => self.latency = value,
            _ => {}
        }
        self.member(field, |out| number(out, value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "cold_start" {
            self.is_cold = value;
        }
        self.member(field, |out| out.write_str(if value { "true" } else { "false" }));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // The message is always the same.
            return self.member(field, |out| out.write_str(r#""request""#));
        }
        self.member(field, |out| text(out, &format!("{value:?}")));
    }
}

/// Writes a JSON string. Text that needs escapes is rare; `serde_json` writes it.
fn text(out: &mut dyn Write, text: &str) -> fmt::Result {
    if text.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        return out.write_str(&serde_json::Value::from(text).to_string());
    }
    out.write_char('"')?;
    out.write_str(text)?;
    out.write_char('"')
}

/// Writes a number without the formatter, which costs more than the digits.
fn number(out: &mut dyn Write, number: u64) -> fmt::Result {
    out.write_str(itoa::Buffer::new().format(number))
}

/// A business metric, read from its event.
#[derive(Debug, Default)]
pub(crate) struct Business {
    metric: Option<Metric>,
    value: i64,
    currency: Option<String>,
}

impl Business {
    pub(crate) fn is_of(event: &Event<'_>) -> bool {
        event.metadata().target() == super::TARGET
    }

    pub(crate) fn write(service: &str, out: &mut dyn Write, event: &Event<'_>) -> fmt::Result {
        let mut business = Self::default();
        event.record(&mut business);
        let Self { metric: Some(metric), value, currency } = business else { return Ok(()) };
        let now = Timestamp::now();
        write!(out, r#"{{"timestamp":"{now}","level":"INFO","service":"{service}","{}":{value}"#, metric.name())?;
        if let Some(currency) = currency {
            write!(out, r#","currency":"{currency}""#)?;
        }
        let dimensions = metric.dimensions();
        let dimensions: Vec<_> = dimensions.iter().map(Vec::as_slice).collect();
        let (time, directive) = (now.unix_millis(), directive(&dimensions, &[metric]));
        writeln!(out, r#","_aws":{{"Timestamp":{time},"CloudWatchMetrics":[{directive}]}}}}"#)
    }
}

impl Visit for Business {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "metric" {
            self.metric = usize::try_from(value).ok().and_then(|place| Metric::ALL.get(place)).copied();
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "value" {
            self.value = value;
        }
    }

    /// Reads the code of a currency.
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "currency" {
            self.currency = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_are_json() {
        for value in [0, 7, 10, 1_796_040_000_000, u64::MAX] {
            let mut out = String::new();
            number(&mut out, value).unwrap();
            assert_eq!(out, value.to_string());
        }
        for value in ["", "GET /a/{b}", "\"\\\n\u{0}\u{1f}", "é😀", "\u{7f}"] {
            let mut out = String::new();
            text(&mut out, value).unwrap();
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), value);
        }
    }
}
