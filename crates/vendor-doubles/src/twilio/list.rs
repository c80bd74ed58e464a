//! The list of messages: newest first, by recipient, sender and the day on which they were sent, in pages.

use serde_json::{Value, json};
use time::{Date, OffsetDateTime, macros::format_description};

use super::{DESCRIPTION, is_message, refusal, resource, sent_at};
use crate::{
    incoming::{Incoming, Reply},
    options::TwilioAccount,
    records::Record,
    state::State,
};

/// The items of a page.
const PAGE_SIZE: usize = 50;
const MOST_ON_A_PAGE: usize = 1_000;

/// What is asked for.
#[derive(Debug, Default)]
struct Query {
    to: Option<String>,
    from: Option<String>,
    /// The comparison (`=`, `<`, `>`; a day is within either) and the day.
    days: Vec<(char, Date)>,
    page_size: Option<usize>,
    page: usize,
    /// The message behind which the page begins.
    after: Option<String>,
}

pub(super) fn read(account: &TwilioAccount, state: &State, call: &Incoming) -> Result<Reply, Reply> {
    let query = Query::parse(call.query.as_deref().unwrap_or_default())?;
    let all: Vec<&Record> =
        state.records.iter().rev().filter(|record| is_message(record) && query.fits(record)).collect();
    let start = match &query.after {
        Some(sid) => all.iter().position(|record| record.id == *sid).map_or(all.len(), |at| at + 1),
        None => 0,
    };
    let size = query.page_size.unwrap_or(PAGE_SIZE);
    let page: Vec<&Record> = all.iter().skip(start).take(size).copied().collect();
    let address = |page: usize, token: Option<&str>| {
        let mut text = form_urlencoded::Serializer::new(String::new());
        let kept = form_urlencoded::parse(call.query.as_deref().unwrap_or_default().as_bytes());
        text.extend_pairs(kept.filter(|(name, _)| !["Page", "PageToken", "PageSize"].contains(&&**name)));
        text.append_pair("PageSize", &size.to_string()).append_pair("Page", &page.to_string());
        token.map(|token| text.append_pair("PageToken", &format!("PA{token}")));
        format!("{}?{}", call.path, text.finish())
    };
    let has_more = start + page.len() < all.len();
    let next = page.last().filter(|_| has_more).map(|last| address(query.page + 1, Some(&last.id)));
    let messages: Vec<Value> = page.iter().map(|record| resource(account, record)).collect();
    let body = json!({
        "messages": messages, "page": query.page, "page_size": size, "start": query.page * size,
        "end": query.page * size + messages.len().saturating_sub(1), "first_page_uri": address(0, None),
        "next_page_uri": next, "previous_page_uri": null, "uri": address(query.page, query.after.as_deref())
    });
    Ok(Reply { status: 200, headers: Vec::new(), body })
}

impl Query {
    fn parse(text: &str) -> Result<Self, Reply> {
        let known: Vec<&str> =
            DESCRIPTION.part("query").as_array().into_iter().flatten().filter_map(|p| p["name"].as_str()).collect();
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let bad = || refusal(400, 20001, &format!("Parameter {name} is not valid"));
            if !known.contains(&&*name) {
                return Err(bad());
            }
            let value = value.into_owned();
            match &*name {
                "To" => query.to = Some(value),
                "From" => query.from = Some(value),
                "PageSize" => {
                    let size = value.parse().ok().filter(|size| (1..=MOST_ON_A_PAGE).contains(size));
                    query.page_size = Some(size.ok_or_else(bad)?);
                }
                "Page" => query.page = value.parse().map_err(|_| bad())?,
                "PageToken" => query.after = Some(value.strip_prefix("PA").ok_or_else(bad)?.to_owned()),
                date => {
                    // The comparison stands at the end of the name; in `DateSent=<=2026-11-30` it begins the value.
                    let (from_value, day) = match value.strip_prefix("<=").or_else(|| value.strip_prefix(">=")) {
                        Some(day) => (value.chars().next(), day),
                        None => (None, value.as_str()),
                    };
                    let comparison = from_value.or_else(|| date.chars().last().filter(|c| "<>".contains(*c)));
                    query.days.push((comparison.unwrap_or('='), day_of(day).ok_or_else(bad)?));
                }
            }
        }
        Ok(query)
    }

    /// A message that was not sent yet has no day.
    fn fits(&self, record: &Record) -> bool {
        let is_on = |day: &(char, Date)| {
            let sent = sent_at(record).map(OffsetDateTime::date);
            sent.is_some_and(|sent| match day.0 {
                '<' => sent <= day.1,
                '>' => sent >= day.1,
                _ => sent == day.1,
            })
        };
        self.to.as_ref().is_none_or(|to| *to == record.to)
            && self.from.as_ref().is_none_or(|from| *from == record.from)
            && self.days.iter().all(is_on)
    }
}

fn day_of(text: &str) -> Option<Date> {
    Date::parse(text.get(..10)?, format_description!("[year]-[month]-[day]")).ok()
}
