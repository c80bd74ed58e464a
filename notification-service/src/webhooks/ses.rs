//! Events of SES, in the form of a configuration set (`eventType`), which has our tags, and in that of an identity's feedback
//! (`notificationType`), which has not.

use common::{
    contact::{Channel, Email},
    timestamp::Timestamp,
};
use serde::Deserialize;

use super::report::{Change, Report, key};
use crate::{
    notifications::domain::{DeliveryEvent, EventKind},
    providers::Name,
    suppressions::domain::{Address, Reason},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
struct Event {
    #[serde(alias = "notificationType")]
    event_type: String,
    mail: Mail,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
    delivery: Option<Dated>,
    delivery_delay: Option<Dated>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mail {
    timestamp: Timestamp,
    message_id: String,
    #[serde(default)]
    tags: Tags,
}

/// Each tag has a list of values; ours have one.
#[derive(Default, Deserialize)]
struct Tags {
    #[serde(default)]
    event_id: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
struct Bounce {
    bounce_type: String,
    #[serde(default)]
    bounced_recipients: Vec<Recipient>,
    timestamp: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
struct Complaint {
    #[serde(default)]
    complained_recipients: Vec<Recipient>,
    complaint_feedback_type: Option<String>,
    timestamp: Timestamp,
}

#[derive(Deserialize)]
struct Dated {
    timestamp: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    email_address: String,
}

/// The report of a verified message; `None` for events that change nothing, such as clicks.
pub fn read(message: &str) -> Result<Option<Report>, serde_json::Error> {
    let event: Event = serde_json::from_str(message)?;
    Ok(report(event))
}

fn report(event: Event) -> Option<Report> {
    let mail = &event.mail;
    let (kind, at, reason, recipients) = match (event.event_type.as_str(), event.bounce, event.complaint) {
        ("Bounce", Some(bounce), _) if bounce.bounce_type == "Permanent" => {
            // Also an address on SES's own suppression list, to which it did not send.
            (EventKind::HardBounced, bounce.timestamp, Some(Reason::HardBounce), bounce.bounced_recipients)
        }
        ("Bounce", Some(bounce), _) => (EventKind::SoftBounced, bounce.timestamp, None, Vec::new()),
        // The recipient moved it out of the junk folder.
        ("Complaint", _, Some(complaint)) if complaint.complaint_feedback_type.as_deref() == Some("not-spam") => {
            return None;
        }
        ("Complaint", _, Some(complaint)) => {
            let recipients = complaint.complained_recipients;
            (EventKind::Complained, complaint.timestamp, Some(Reason::Complaint), recipients)
        }
        ("Delivery", ..) => (EventKind::Delivered, event.delivery?.timestamp, None, Vec::new()),
        ("DeliveryDelay", ..) => (EventKind::Delayed, event.delivery_delay?.timestamp, None, Vec::new()),
        // SES found a virus. The event has no time of its own.
        ("Reject", ..) => (EventKind::Failed, mail.timestamp, None, Vec::new()),
        _ => return None,
    };
    let about = key(mail.tags.event_id.first().map(String::as_str), Channel::Email);
    let address = |recipient: &Recipient| Some(Address::Email(mailbox(&recipient.email_address)?));
    let changes = match reason {
        Some(reason) => {
            recipients.iter().filter_map(address).map(|address| Change::Suppress { address, reason }).collect()
        }
        None => Vec::new(),
    };
    Some(Report {
        id: format!("ses#{}#{}#{}", mail.message_id, event.event_type, at.unix_millis()),
        provider: Name::Ses,
        at,
        delivery_event: about.map(|about| (about, DeliveryEvent { kind, at, provider: Name::Ses })),
        changes,
    })
}

/// The address of a mailbox such as `Ada <ada@example.com>`: SES repeats the `To` header.
fn mailbox(text: &str) -> Option<Email> {
    let address = match text.trim().strip_suffix('>') {
        Some(named) => named.rsplit_once('<')?.1,
        None => text.trim(),
    };
    address.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(kind: &str, more: &Value) -> Value {
        let mut event = json!({"eventType": kind, "mail": {
            "timestamp": "2026-11-30T09:00:00.000Z", "messageId": "0100019-1", "destination": ["ada@example.com"],
            "tags": {"ses:configuration-set": ["shop"], "event_id": ["01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d"]}
        }});
        for (name, value) in more.as_object().unwrap() {
            event[name] = value.clone();
        }
        event
    }

    fn bounce(kind: &str, sub: &str) -> Value {
        event(
            "Bounce",
            &json!({"bounce": {"bounceType": kind, "bounceSubType": sub, "feedbackId": "f",
            "bouncedRecipients": [{"emailAddress": "Ada <ada@example.com>", "action": "failed", "status": "5.1.1"}],
            "timestamp": "2026-11-30T09:00:05.123Z"}}),
        )
    }

    fn of(event: &Value) -> Option<Report> {
        read(&event.to_string()).unwrap()
    }

    fn reasons(report: &Report) -> Vec<Reason> {
        report
            .changes
            .iter()
            .filter_map(|change| match change {
                Change::Suppress { reason, .. } => Some(*reason),
                Change::Lift { .. } => None,
            })
            .collect()
    }

    #[test]
    fn a_bounce_for_good_suppresses_the_address_it_names() {
        let report = of(&bounce("Permanent", "General")).unwrap();
        assert_eq!(report.delivery_event.as_ref().unwrap().1.kind, EventKind::HardBounced);
        assert_eq!(report.at.to_string(), "2026-11-30T09:00:05.123Z");
        let Change::Suppress { address: Address::Email(address), reason } = &report.changes[0] else { panic!() };
        assert_eq!((address.as_str(), *reason), ("ada@example.com", Reason::HardBounce));
    }

    #[test]
    fn a_bounce_that_may_pass_suppresses_nothing() {
        for kind in ["Transient", "Undetermined"] {
            let report = of(&bounce(kind, "MailboxFull")).unwrap();
            assert_eq!(
                (report.delivery_event.as_ref().unwrap().1.kind, reasons(&report)),
                (EventKind::SoftBounced, vec![])
            );
        }
    }

    #[test]
    fn a_complaint_suppresses_unless_it_says_not_spam() {
        let complaint = |kind: Option<&str>| {
            event(
                "Complaint",
                &json!({"complaint": {"complaintFeedbackType": kind, "feedbackId": "f",
                "complainedRecipients": [{"emailAddress": "ada@example.com"}], "timestamp": "2026-11-30T10:00:00Z"}}),
            )
        };
        for kind in [None, Some("abuse")] {
            assert_eq!(reasons(&of(&complaint(kind)).unwrap()), [Reason::Complaint]);
        }
        assert!(of(&complaint(Some("not-spam"))).is_none());
    }

    #[test]
    fn the_feedback_of_an_identity_is_read_too() {
        let mut event = bounce("Permanent", "NoEmail");
        let kind = event.as_object_mut().unwrap().remove("eventType").unwrap();
        event["notificationType"] = kind;
        event["mail"].as_object_mut().unwrap().remove("tags");
        let report = of(&event).unwrap();
        assert!(report.delivery_event.is_none());
        assert_eq!(reasons(&report), [Reason::HardBounce]);
    }

    #[test]
    fn deliveries_delays_and_rejections_are_events_and_clicks_are_none() {
        let dated = json!({"timestamp": "2026-11-30T09:00:07.000Z"});
        for (event, kind) in [
            (event("Delivery", &json!({"delivery": dated})), EventKind::Delivered),
            (event("DeliveryDelay", &json!({"deliveryDelay": dated})), EventKind::Delayed),
            (event("Reject", &json!({"reject": {"reason": "Bad content"}})), EventKind::Failed),
        ] {
            assert_eq!(of(&event).unwrap().delivery_event.unwrap().1.kind, kind);
        }
        for kind in ["Send", "Open", "Click", "Subscription", "Rendering Failure", "Something new"] {
            assert!(of(&event(kind, &json!({}))).is_none(), "{kind}");
        }
        // The object that its type promises is not there.
        for kind in ["Delivery", "DeliveryDelay", "Bounce", "Complaint"] {
            assert!(of(&event(kind, &json!({}))).is_none(), "{kind}");
        }
    }
}
