//! Events, read as a list and received as webhooks.

use common::timestamp::Timestamp;
use stripe::{Event, EventId, List, webhook};

use crate::support::{Shop, money};

const NOW: i64 = 1_800_000_000;

async fn newer(shop: &Shop, after: Option<&EventId>) -> List<Event> {
    shop.stripe.list_events(after).await.unwrap()
}

fn kinds(page: &List<Event>) -> Vec<&str> {
    page.data.iter().map(|event| event.kind.as_str()).collect()
}

#[tokio::test]
async fn events_are_read_from_where_the_reader_stopped() {
    let shop = Shop::open().await;
    let ordered = shop.ordered("pm_card_visa").await;
    let seen = newer(&shop, None).await;
    assert_eq!(kinds(&seen), ["payment_intent.created"]);
    shop.stripe.confirm_payment_intent("pay", &ordered.id).await.unwrap();
    let news = newer(&shop, Some(&seen.data[0].id)).await;
    assert_eq!(kinds(&news), ["payment_intent.succeeded", "charge.succeeded"]);
    assert!(!news.has_more);
    assert!(newer(&shop, Some(&news.data[0].id)).await.data.is_empty());
}

#[tokio::test]
async fn a_reader_who_is_far_behind_catches_up_page_by_page_and_misses_nothing() {
    let shop = Shop::open().await;
    shop.customer().await;
    let mut last = newer(&shop, None).await.data[0].id.clone();
    for number in 0..130 {
        shop.stripe.create_customer(&format!("customer {number}"), &[]).await.unwrap();
    }
    let mut read = Vec::new();
    for (count, has_more) in [(100, true), (30, false), (0, false)] {
        let page = newer(&shop, Some(&last)).await;
        assert_eq!((page.data.len(), page.has_more), (count, has_more));
        last = page.data.first().map_or(last, |newest| newest.id.clone());
        read.extend(page.data.into_iter().rev().map(|event| event.object()["id"].clone()));
    }
    let mut made: Vec<_> = shop.double.all("customer").iter().map(|customer| customer["id"].clone()).collect();
    made.pop();
    made.reverse();
    assert_eq!(read, made);
}

#[tokio::test]
async fn each_event_of_a_payment_says_which_one_it_is_about() {
    let shop = Shop::open().await;
    let paid = shop.confirmed("pm_card_visa").await;
    shop.stripe.create_refund("refund", &paid.id, Some(money(500, "USD")), &[]).await.unwrap();
    let events = newer(&shop, None).await;
    assert_eq!(
        kinds(&events),
        ["charge.refunded", "refund.created", "payment_intent.succeeded", "charge.succeeded", "payment_intent.created"]
    );
    assert!(events.data.iter().all(|event| event.payment_intent().as_ref() == Some(&paid.id)));
    let disputed =
        shop.stripe.create_payment_intent("d", &crate::support::order("pm_card_createDispute")).await.unwrap();
    shop.stripe.confirm_payment_intent("d/pay", &disputed.id).await.unwrap();
    let events = newer(&shop, Some(&events.data[0].id)).await;
    let dispute = events.data.iter().find(|event| event.kind == "charge.dispute.created").unwrap();
    assert_eq!(dispute.payment_intent(), Some(disputed.id.clone()));
    let charge = shop.stripe.retrieve_payment_intent(&disputed.id).await.unwrap().latest_charge.unwrap();
    assert!(charge.disputed);
    shop.customer().await;
    assert_eq!(newer(&shop, None).await.data[0].payment_intent(), None, "a customer is no payment");
}

#[tokio::test]
async fn an_event_that_stripe_signed_is_verified() {
    let shop = Shop::open().await;
    let paid = shop.confirmed("pm_card_visa").await;
    let event = shop.double.all("event").remove(0);
    let body = event.to_string().into_bytes();
    let header = stripe_double::sign("whsec_ours", NOW, &body);
    let now = Timestamp::from_unix_millis(NOW * 1000).unwrap();
    webhook::verify(&body, &header, &["whsec_old", "whsec_ours"], now).unwrap();
    let read = Event::read(&body).unwrap();
    assert_eq!((read.id.as_str(), read.payment_intent()), (event["id"].as_str().unwrap(), Some(paid.id)));
    assert_eq!(read.object(), &event["data"]["object"]);
    let forged = stripe_double::sign("whsec_theirs", NOW, &body);
    let refused = webhook::verify(&body, &forged, &["whsec_ours"], now).unwrap_err();
    assert_eq!(refused, webhook::WebhookError::Mismatch);
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_passed_over_and_the_others_are_read() {
    let shop = Shop::open().await;
    shop.confirmed("pm_card_visa").await;
    let odd = shop.double.all("event")[1]["id"].as_str().unwrap().to_owned();
    shop.double.control(&format!("objects/{odd}"), serde_json::json!({"members": {"type": null}})).unwrap();
    let events = newer(&shop, None).await;
    assert_eq!(kinds(&events), ["payment_intent.succeeded", "payment_intent.created"]);
    assert_eq!(events.unreadable.iter().map(ToString::to_string).collect::<Vec<_>>(), [format!("event {odd}")]);
}
