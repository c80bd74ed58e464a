//! Accepted messages as pages for a developer's browser: a list of mails and SMS, and each of them.
//!
//! The pages have no scripts. The shop's text is escaped; the HTML of a mail is in a sandboxed frame, whose pictures are fetched
//! from this machine only.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::{StatusCode, header};
use time::{format_description::well_known::Rfc3339, macros::format_description};

use crate::{records::Record, vendor::Vendor};

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src http://127.0.0.1:* data:; \
                      frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "inbox.html")]
struct Page<'a> {
    /// Newest first.
    rows: Vec<Row<'a>>,
    open: Option<Row<'a>>,
}

struct Row<'a> {
    record: &'a Record,
    vendor: &'static str,
    /// Of the day.
    at: String,
    moment: String,
    /// A mail's subject; of an SMS the whole text.
    line: &'a str,
    is_open: bool,
}

impl<'a> Row<'a> {
    fn of(record: &'a Record, open: Option<&str>) -> Self {
        let vendor = match record.vendor {
            Vendor::Sendgrid => "SendGrid",
            Vendor::Twilio => "Twilio",
            Vendor::Ses => "SES",
        };
        Self {
            record,
            vendor,
            at: record.at.format(format_description!("[hour]:[minute]:[second]")).unwrap_or_default(),
            moment: record.at.replace_nanosecond(0).unwrap_or(record.at).format(&Rfc3339).unwrap_or_default(),
            line: record.subject.as_deref().unwrap_or(&record.text),
            is_open: open == Some(record.id.as_str()),
        }
    }

    fn is_sms(&self) -> bool {
        self.record.vendor == Vendor::Twilio
    }

    /// The event of a message: from a tag of a mail, or from the callback of a text.
    fn event(&self) -> Option<&str> {
        let from_callback = || self.record.callback.as_deref()?.split_once("event_id=").map(|(_, id)| id);
        self.record.tags.get("event_id").map(String::as_str).or_else(from_callback)
    }
}

/// The list, with one message opened.
pub(crate) fn show(records: &[Record], open: Option<&str>) -> Response {
    let rows = records.iter().rev().map(|record| Row::of(record, open)).collect();
    let found = open.and_then(|id| records.iter().find(|record| record.id == id));
    let status = if found.is_none() && open.is_some() { StatusCode::NOT_FOUND } else { StatusCode::OK };
    match (Page { rows, open: found.map(|record| Row::of(record, open)) }).render() {
        Ok(page) => {
            let headers = [(header::CONTENT_SECURITY_POLICY, POLICY), (header::REFERRER_POLICY, "no-referrer")];
            (status, headers, Html(page)).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
