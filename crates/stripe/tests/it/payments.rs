//! Capturing payments once.

use stripe::{CancellationReason, NewPaymentIntent, PaymentIntentStatus as Status, StripeError};
use stripe_double::Play;

use crate::support::{Shop, failure, money, order};

#[tokio::test]
async fn a_payment_is_made_confirmed_and_read() {
    let shop = Shop::open().await;
    let ordered = shop.ordered("pm_card_visa").await;
    assert_eq!(
        (ordered.status, ordered.amount, ordered.currency.as_str()),
        (Status::RequiresConfirmation, 2000, "usd")
    );
    assert!(shop.charges().is_empty() && ordered.latest_charge.is_none());
    let paid = shop.stripe.confirm_payment_intent("pay", &ordered.id).await.unwrap();
    assert_eq!((paid.status, paid.amount_received), (Status::Succeeded, 2000));
    let charge = paid.latest_charge.unwrap();
    assert_eq!((charge.amount, charge.amount_captured, charge.amount_refunded), (2000, 2000, 0));
    assert!(charge.paid && !charge.disputed && !charge.refunded);
    let read = shop.stripe.retrieve_payment_intent(&ordered.id).await.unwrap();
    assert_eq!((read.status, read.latest_charge.unwrap().id), (Status::Succeeded, charge.id));
    assert_eq!(read.metadata.get("order_id").map(String::as_str), Some("0199-7"));
    assert_eq!(read.client_secret, ordered.client_secret);
}

#[tokio::test]
async fn a_payment_without_a_card_waits_for_the_frontend() {
    let shop = Shop::open().await;
    let customer = shop.customer().await;
    let new = NewPaymentIntent { customer: Some(customer.clone()), payment_method: None, ..order("pm_card_visa") };
    let ordered = shop.stripe.create_payment_intent("order", &new).await.unwrap();
    assert_eq!((ordered.status, ordered.customer), (Status::RequiresPaymentMethod, Some(customer)));
    assert!(ordered.client_secret.unwrap().expose().starts_with(ordered.id.as_str()));
    shop.in_the_frontend("payment_intents", ordered.id.as_str(), "pm_card_visa").await;
    assert_eq!(shop.stripe.retrieve_payment_intent(&ordered.id).await.unwrap().status, Status::Succeeded);
}

#[tokio::test]
async fn each_reason_for_a_cancellation_is_sent_and_read() {
    use CancellationReason::{Abandoned, Automatic, Duplicate, Fraudulent, RequestedByCustomer};
    let shop = Shop::open().await;
    for reason in [RequestedByCustomer, Abandoned, Duplicate, Fraudulent, Automatic] {
        let key = format!("{reason:?}");
        let ordered = shop.stripe.create_payment_intent(&key, &order("pm_card_visa")).await.unwrap();
        let cancelled =
            shop.stripe.cancel_payment_intent(&format!("{key}/cancel"), &ordered.id, &reason).await.unwrap();
        // Reasons that only Stripe gives are not sent.
        assert_eq!(cancelled.cancellation_reason, Some(reason).filter(|reason| *reason != Automatic));
    }
}

#[tokio::test]
async fn what_is_paid_cannot_be_cancelled_and_the_refusal_shows_it() {
    let shop = Shop::open().await;
    let paid = shop.confirmed("pm_card_visa").await;
    let cancelling = shop.stripe.cancel_payment_intent("cancel", &paid.id, &CancellationReason::Abandoned);
    let failure = failure(cancelling).await;
    assert!(!failure.may_have_had_effect());
    let StripeError::Invalid(invalid) = failure else { panic!("{failure:?}") };
    assert_eq!(invalid.code.as_deref(), Some("payment_intent_unexpected_state"));
    assert_eq!(invalid.payment_intent.unwrap().status, Status::Succeeded);
}

#[tokio::test]
async fn a_payment_is_found_by_what_was_noted_on_it() {
    let shop = Shop::open().await;
    let paid = shop.confirmed("pm_card_visa").await;
    let named = NewPaymentIntent { metadata: vec![("order_id", r"O'Neill \ 7".to_owned())], ..order("pm_card_visa") };
    let other = shop.stripe.create_payment_intent("other", &named).await.unwrap();
    for (value, id) in [("0199-7", &paid.id), (r"O'Neill \ 7", &other.id)] {
        let found = shop.stripe.search_payment_intents(("order_id", value)).await.unwrap();
        assert_eq!(found.data.iter().map(|intent| &intent.id).collect::<Vec<_>>(), [id], "{value}");
        assert!(!found.has_more);
    }
    let found = shop.stripe.search_payment_intents(("order_id", "0199-7")).await.unwrap();
    assert_eq!(found.data[0].latest_charge.as_ref().unwrap().amount_captured, 2000);
    let none = shop.stripe.search_payment_intents(("order_id", "0199-8")).await.unwrap();
    assert!(none.data.is_empty() && !none.has_more);
}

#[tokio::test]
async fn amounts_are_sent_in_stripes_units() {
    let shop = Shop::open().await;
    for (ours, theirs) in [(money(1980, "JPY"), 1980), (money(500, "ISK"), 50_000), (money(12_340, "KWD"), 12_340)] {
        let key = ours.currency.to_string();
        let new = NewPaymentIntent { amount: ours, ..order("pm_card_visa") };
        let made = shop.stripe.create_payment_intent(&key, &new).await.unwrap();
        assert_eq!((made.amount, made.currency.to_uppercase()), (theirs, key));
        assert_eq!(stripe::amount::from_stripe(made.amount, ours.currency), ours.amount);
    }
}

#[tokio::test]
async fn a_cardholder_who_approves_has_paid() {
    let shop = Shop::open().await;
    let asked = shop.confirmed("pm_card_threeDSecure2Required").await;
    assert_eq!((asked.status, asked.amount_received), (Status::RequiresAction, 0));
    shop.at_three_d_secure(asked.id.as_str(), Play::Approve);
    let paid = shop.stripe.retrieve_payment_intent(&asked.id).await.unwrap();
    assert_eq!((paid.status, paid.latest_charge.unwrap().amount_captured), (Status::Succeeded, 2000));
}

#[tokio::test]
async fn a_cardholder_who_refuses_has_not_paid() {
    let shop = Shop::open().await;
    let asked = shop.confirmed("pm_card_threeDSecure2Required").await;
    shop.at_three_d_secure(asked.id.as_str(), Play::Refuse);
    let refused = shop.stripe.retrieve_payment_intent(&asked.id).await.unwrap();
    assert_eq!((refused.status, refused.amount_received), (Status::RequiresPaymentMethod, 0));
    let error = refused.last_payment_error.unwrap();
    assert_eq!(error.code.as_deref(), Some("payment_intent_authentication_failure"));
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let shop = Shop::open().await;
    let id = "pi_none".parse().unwrap();
    assert!(matches!(failure(shop.stripe.retrieve_payment_intent(&id)).await, StripeError::NotFound));
    assert!(matches!(failure(shop.stripe.confirm_payment_intent("k", &id)).await, StripeError::NotFound));
}
