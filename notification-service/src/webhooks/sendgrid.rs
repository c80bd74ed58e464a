//! SendGrid's event webhook: ECDSA on P-256 with SHA-256 over the timestamp followed by the raw body.

use std::{fmt, str::FromStr};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use common::{contact::Channel, input::Refusal, timestamp::Timestamp};
use http::{HeaderMap, HeaderName};
use serde::Deserialize;

use super::{
    invalid::InvalidWebhook,
    report::{Change, Report, key},
};
use crate::{
    notifications::domain::{DeliveryEvent, EventKind},
    providers::Name,
    suppressions::domain::{Address, Reason},
};

/// The signature: base64 of DER.
pub const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-email-event-webhook-signature");
/// When it was made, in seconds since 1970.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("x-twilio-email-event-webhook-timestamp");

/// How old a signature may be, in seconds, and how far our clocks may differ.
const TOLERANCE: u64 = 600;

/// The key that SendGrid shows in its settings: base64 of a DER-encoded `SubjectPublicKeyInfo`.
#[derive(Clone)]
pub struct VerificationKey(ParsedPublicKey);

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerificationKey(..)")
    }
}

impl FromStr for VerificationKey {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal = || Refusal::new("invalid_key", "must be the verification key that SendGrid shows, in base64");
        let der = STANDARD.decode(text.trim()).map_err(|_| refusal())?;
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, der).map_err(|_| refusal())?;
        Ok(Self(key))
    }
}

impl VerificationKey {
    /// Verifies that SendGrid signed this body within the tolerance.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), InvalidWebhook> {
        let signature = super::header(headers, &SIGNATURE).ok_or(InvalidWebhook::Malformed)?;
        let timestamp = super::header(headers, &TIMESTAMP).ok_or(InvalidWebhook::Malformed)?;
        let signature = STANDARD.decode(signature).map_err(|_| InvalidWebhook::Malformed)?;
        let signed = [timestamp.as_bytes(), body].concat();
        self.0.verify_sig(&signed, &signature).map_err(|_| InvalidWebhook::Mismatch)?;
        let seconds: i64 = timestamp.parse().map_err(|_| InvalidWebhook::Malformed)?;
        if now.unix_seconds().abs_diff(seconds) > TOLERANCE {
            return Err(InvalidWebhook::OutsideTolerance);
        }
        Ok(())
    }
}

/// One event of the list. Other members, such as user agents of recipients, are not read.
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
struct Event {
    event: String,
    sg_event_id: Option<String>,
    timestamp: Option<i64>,
    email: Option<String>,
    /// The type of a bounce: `bounce` is permanent, `blocked` is not.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Why SendGrid dropped it.
    reason: Option<String>,
    /// Our event id, which was sent along with the mail.
    event_id: Option<String>,
}

/// The reports of a verified body, and the number of events that are ignored because they are unknown or unreadable.
pub fn read(body: &[u8]) -> Result<(Vec<Report>, usize), serde_json::Error> {
    let all: Vec<serde_json::Value> = serde_json::from_slice(body)?;
    let count = all.len();
    let reports: Vec<Report> =
        all.into_iter().filter_map(|event| report(serde_json::from_value(event).ok()?)).collect();
    let left_out = count - reports.len();
    Ok((reports, left_out))
}

fn report(event: Event) -> Option<Report> {
    let at = Timestamp::from_unix_millis(event.timestamp?.checked_mul(1_000)?)?;
    let is_permanent = event.kind.as_deref() != Some("blocked");
    let dropped = dropped(event.reason.as_deref().unwrap_or_default());
    let (kind, reason) = match event.event.as_str() {
        "delivered" => (EventKind::Delivered, None),
        "deferred" => (EventKind::Delayed, None),
        "bounce" if is_permanent => (EventKind::HardBounced, Some(Reason::HardBounce)),
        "bounce" => (EventKind::SoftBounced, None),
        "dropped" => (EventKind::Failed, dropped),
        "spamreport" => (EventKind::Complained, Some(Reason::Complaint)),
        _ => return None,
    };
    let address = event.email.as_deref().and_then(|email| email.parse().ok()).map(Address::Email);
    let about = key(event.event_id.as_deref(), Channel::Email);
    Some(Report {
        id: format!("sendgrid#{}", event.sg_event_id?),
        provider: Name::Sendgrid,
        at,
        delivery_event: about.map(|about| (about, DeliveryEvent { kind, at, provider: Name::Sendgrid })),
        changes: address
            .zip(reason)
            .map(|(address, reason)| Change::Suppress { address, reason })
            .into_iter()
            .collect(),
    })
}

/// The reason for which SendGrid dropped a mail: the address is on its own suppression list.
fn dropped(reason: &str) -> Option<Reason> {
    match reason {
        "Bounced Address" => Some(Reason::HardBounce),
        "Spam Reporting Address" => Some(Reason::Complaint),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn only(event: &serde_json::Value) -> Option<Report> {
        read(json!([event]).to_string().as_bytes()).unwrap().0.pop()
    }

    fn event(kind: &str) -> serde_json::Value {
        json!({"event": kind, "sg_event_id": "e1", "timestamp": 1_800_000_000, "email": "ada@example.com",
            "event_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "channel": "email", "sg_message_id": "m.1"})
    }

    #[test]
    fn what_is_for_good_suppresses_and_what_may_pass_does_not() {
        let with = |kind: &str, name: &str, value: &str| {
            let mut event = event(kind);
            event[name] = json!(value);
            only(&event).unwrap()
        };
        for (report, kind, reason) in [
            (with("delivered", "response", "250 OK"), EventKind::Delivered, None),
            (with("deferred", "attempt", "5"), EventKind::Delayed, None),
            (with("bounce", "type", "bounce"), EventKind::HardBounced, Some(Reason::HardBounce)),
            (with("bounce", "status", "5.1.1"), EventKind::HardBounced, Some(Reason::HardBounce)),
            (with("bounce", "type", "blocked"), EventKind::SoftBounced, None),
            (with("spamreport", "x", "y"), EventKind::Complained, Some(Reason::Complaint)),
            (with("dropped", "reason", "Bounced Address"), EventKind::Failed, Some(Reason::HardBounce)),
            (with("dropped", "reason", "Spam Reporting Address"), EventKind::Failed, Some(Reason::Complaint)),
            (with("dropped", "reason", "Invalid SMTPAPI header"), EventKind::Failed, None),
        ] {
            assert_eq!(report.delivery_event.as_ref().map(|(_, event)| event.kind), Some(kind));
            let found = report.changes.iter().find_map(|change| match change {
                Change::Suppress { reason, .. } => Some(*reason),
                Change::Lift { .. } => None,
            });
            assert_eq!(found, reason, "{kind:?}");
        }
    }

    #[test]
    fn what_is_no_event_of_ours_is_counted_and_left_out() {
        let mut strange = event("bounce");
        strange["email"] = json!({"not": "text"});
        let list = json!([event("delivered"), event("open"), event("group_unsubscribe"), 7, {}, strange]);
        let (reports, left_out) = read(list.to_string().as_bytes()).unwrap();
        assert_eq!((reports.len(), left_out), (1, 5));
        assert!(read(b"{}").is_err());
        assert!(read(b"").is_err());
        assert_eq!(read(b"[]\r\n").unwrap().0.len(), 0);
    }

    #[test]
    fn a_mail_that_is_not_ours_is_still_a_reason_to_suppress() {
        let mut event = event("bounce");
        event["event_id"] = json!("not one of ours");
        let report = only(&event).unwrap();
        assert!(report.delivery_event.is_none());
        assert_eq!(report.changes.len(), 1);
    }
}
