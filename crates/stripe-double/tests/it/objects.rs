//! The shape of objects, as far as callers read it.

use serde_json::Value;

use crate::support::{Fixture, id};

/// Members that Stripe documents for each object and that its examples show.
const MEMBERS: [(&str, &[&str]); 5] = [
    (
        "payment_intent",
        &[
            "amount",
            "amount_capturable",
            "amount_received",
            "canceled_at",
            "cancellation_reason",
            "capture_method",
            "client_secret",
            "created",
            "currency",
            "customer",
            "description",
            "last_payment_error",
            "latest_charge",
            "livemode",
            "metadata",
            "next_action",
            "payment_method",
            "processing",
            "receipt_email",
            "setup_future_usage",
            "status",
        ],
    ),
    (
        "charge",
        &[
            "amount",
            "amount_captured",
            "amount_refunded",
            "balance_transaction",
            "billing_details",
            "captured",
            "created",
            "currency",
            "customer",
            "disputed",
            "failure_code",
            "failure_message",
            "livemode",
            "outcome",
            "paid",
            "payment_intent",
            "payment_method",
            "payment_method_details",
            "refunded",
            "status",
        ],
    ),
    (
        "refund",
        &[
            "amount",
            "balance_transaction",
            "charge",
            "created",
            "currency",
            "metadata",
            "payment_intent",
            "reason",
            "receipt_number",
            "status",
        ],
    ),
    ("payment_method", &["billing_details", "card", "created", "customer", "livemode", "metadata", "type"]),
    ("event", &["api_version", "created", "data", "livemode", "pending_webhooks", "request", "type"]),
];

#[tokio::test]
async fn objects_have_their_members_and_know_what_they_are() {
    let fixture = Fixture::open().await;
    let paid = fixture.paid("pm_card_visa").await;
    fixture.done("refunds", &[("payment_intent", &id(&paid))]).await;
    for (kind, members) in MEMBERS {
        for object in fixture.double.all(kind) {
            assert_eq!(object["object"], kind);
            assert_eq!(object.get("livemode").unwrap_or(&Value::Bool(false)), &Value::Bool(false));
            for member in members {
                assert!(object.get(member).is_some(), "{kind} has no {member}");
            }
        }
    }
}

#[tokio::test]
async fn ids_begin_as_stripes_do_and_are_never_the_same() {
    let fixture = Fixture::open().await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let paid = fixture.paid("pm_card_createDispute").await;
        let unpaid = fixture.paid("pm_card_visa").await;
        fixture.done("refunds", &[("payment_intent", &id(&unpaid))]).await;
        fixture.done("setup_intents", &[("customer", &fixture.customer().await)]).await;
        assert_eq!(paid["status"], "succeeded");
    }
    for (kind, prefix) in [
        ("customer", "cus_"),
        ("payment_method", "pm_"),
        ("payment_intent", "pi_"),
        ("setup_intent", "seti_"),
        ("charge", "ch_"),
        ("refund", "re_"),
        ("dispute", "du_"),
        ("event", "evt_"),
        ("balance_transaction", "txn_"),
    ] {
        let ids: Vec<String> = fixture.double.all(kind).iter().map(id).collect();
        assert!(ids.len() >= 2 && ids.iter().all(|id| id.starts_with(prefix)), "{kind}");
        seen.extend(ids);
    }
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), count);
}
