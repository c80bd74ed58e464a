//! Applying the reports of vendors.

use std::collections::HashMap;

use common::{contact::Channel, timestamp::Timestamp};
use futures_util::{TryStreamExt, stream};

use super::report::{Change, Report};
use crate::{
    app::App,
    error::Error,
    suppressions::{
        domain::{Reason, Scope, SuppressionId},
        store::{self, SuppressionRequest},
    },
};

/// How many groups of reports are applied concurrently: SendGrid sends hundreds in one request.
const AT_ONCE: usize = 32;

/// The longest id of a report: vendors' ids have less than a hundred characters, and a key of the table at most 2,048 bytes.
const MAX_ID: usize = 1_000;

/// Applies reports, each once. When one fails the request fails, and the vendor repeats all; those that were applied are recognised.
pub(super) async fn all(app: &App, reports: Vec<Report>, now: Timestamp) -> Result<(), Error> {
    let has_name = |report: &Report| {
        let is_short = report.id.len() <= MAX_ID;
        if !is_short {
            tracing::error!(provider = %report.provider, bytes = report.id.len(), "vendor report ignored: its id is too long");
        }
        is_short
    };
    let reports: Vec<Report> = reports.into_iter().filter(has_name).collect();
    let in_turn = |reports: Vec<Report>| async move {
        for report in &reports {
            apply(app, report, now).await?;
        }
        Ok(())
    };
    stream::iter(by_address(reports).into_iter().map(Ok)).try_for_each_concurrent(AT_ONCE, in_turn).await
}

/// Groups reports by the address that they change, in their order. Applied concurrently, reports of one address would conflict:
/// each writes the same item in a transaction. (A report of SES may have several addresses, but arrives alone.)
fn by_address(reports: Vec<Report>) -> Vec<Vec<Report>> {
    let mut groups: Vec<Vec<Report>> = Vec::new();
    let mut of_address: HashMap<String, usize> = HashMap::new();
    for report in reports {
        let next = groups.len();
        let place = match report.changes.first() {
            Some(Change::Suppress { address, .. } | Change::Lift { address }) => {
                *of_address.entry(address.one_spelling()).or_insert(next)
            }
            None => next,
        };
        match groups.get_mut(place) {
            Some(group) => group.push(report),
            None => groups.push(vec![report]),
        }
    }
    groups
}

/// Changes the suppressions before the event is recorded: when recording fails, the vendor's repetition finds them applied.
async fn apply(app: &App, report: &Report, now: Timestamp) -> Result<(), Error> {
    for (at, change) in report.changes.iter().enumerate() {
        let name = format!("{}#{at}", report.id);
        if make(app, report, change, &name, now).await? {
            let (channel, what) = described(change);
            tracing::info!(%channel, change = what, report = report.id, "suppression changed after a vendor's report");
        }
    }
    if let Some((key, event)) = report.delivery_event {
        let (event_id, channel) = (key.event_id, key.channel);
        let kind = event.kind.as_str();
        if app.db.record_event(key, event).await.map_err(Error::Store)? {
            tracing::info!(%event_id, %channel, kind, provider = %event.provider, "delivery event recorded");
        } else {
            tracing::info!(%event_id, %channel, kind, provider = %event.provider, "delivery event ignored: already recorded, or older than the latest");
        }
    }
    Ok(())
}

async fn make(app: &App, report: &Report, change: &Change, name: &str, now: Timestamp) -> Result<bool, Error> {
    let made = match change {
        Change::Suppress { address, reason } => {
            let (channel, recipient) = (address.channel(), app.fingerprint(address).await?);
            let (reason, provider, since) = (*reason, Some(report.provider), report.at);
            let request = SuppressionRequest { channel, recipient, reason, provider, since, note: None };
            store::suppress(&app.db, &request, Some(name), now).await
        }
        Change::Lift { address } => {
            let (channel, recipient) = (address.channel(), app.fingerprint(address).await?);
            let id = SuppressionId { channel, recipient, scope: Scope::Everything };
            store::remove_reason(&app.db, id, Reason::Stop, Some(name), now).await
        }
    };
    made.map_err(Error::Store)
}

fn described(change: &Change) -> (Channel, &'static str) {
    match change {
        Change::Suppress { address, reason } => (address.channel(), reason.as_str()),
        Change::Lift { address } => (address.channel(), "start"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{providers::Name, suppressions::domain::Address};

    #[test]
    fn reports_that_change_one_address_are_applied_one_after_the_other_and_others_at_once() {
        let report = |id: &str, address: Option<&str>| {
            let address = address.map(|address| Address::Email(address.parse().unwrap()));
            let suppress = |address| Change::Suppress { address, reason: Reason::HardBounce };
            let changes = address.map(suppress).into_iter().collect();
            Report { id: id.into(), provider: Name::Sendgrid, at: Timestamp::EPOCH, delivery_event: None, changes }
        };
        let (ada, loud, bob) = (Some("ada@example.com"), Some("ADA@example.com"), Some("bob@example.com"));
        let reports = [("1", ada), ("2", None), ("3", bob), ("4", loud), ("5", None), ("6", ada)];
        let groups = by_address(reports.map(|(id, address)| report(id, address)).into());
        let ids: Vec<Vec<&str>> =
            groups.iter().map(|group| group.iter().map(|report| report.id.as_str()).collect()).collect();
        assert_eq!(ids, [vec!["1", "4", "6"], vec!["2"], vec!["3"], vec!["5"]]);
    }
}
