//! Giving money back.

use stripe::{RefundStatus, StripeError};

use crate::support::{Shop, failure, money};

#[tokio::test]
async fn money_is_given_back_in_parts_and_then_all_that_is_left() {
    let shop = Shop::open().await;
    let paid = shop.confirmed("pm_card_visa").await;
    let part = Some(money(500, "USD"));
    let first = shop.stripe.create_refund("r1", &paid.id, part, &[("return_id", "9")]).await.unwrap();
    assert_eq!((first.amount, first.currency.as_str(), first.status), (500, "usd", RefundStatus::Succeeded));
    assert_eq!(first.payment_intent.as_ref(), Some(&paid.id));
    assert_eq!(shop.double.all("refund")[0]["metadata"]["return_id"], "9");
    let rest = shop.stripe.create_refund("r2", &paid.id, None, &[]).await.unwrap();
    assert_eq!(rest.amount, 1500);
    let listed = shop.stripe.list_refunds(&paid.id).await.unwrap();
    assert_eq!(listed.data.iter().map(|refund| &refund.id).collect::<Vec<_>>(), [&rest.id, &first.id]);
    assert!(!listed.has_more);
    let charge = shop.stripe.retrieve_payment_intent(&paid.id).await.unwrap().latest_charge.unwrap();
    assert!(charge.refunded);
    assert_eq!((charge.amount_captured, charge.amount_refunded), (2000, 2000));
}

#[tokio::test]
async fn more_than_was_taken_is_never_given_back() {
    let shop = Shop::open().await;
    let paid = shop.confirmed("pm_card_visa").await;
    let too_much = failure(shop.stripe.create_refund("r1", &paid.id, Some(money(2001, "USD")), &[])).await;
    assert!(matches!(&too_much, StripeError::Invalid(invalid) if invalid.param.as_deref() == Some("amount")));
    shop.stripe.create_refund("r2", &paid.id, None, &[]).await.unwrap();
    let again = failure(shop.stripe.create_refund("r3", &paid.id, None, &[])).await;
    assert!(
        matches!(&again, StripeError::Invalid(invalid) if invalid.code.as_deref() == Some("charge_already_refunded"))
    );
    assert_eq!(shop.stripe.list_refunds(&paid.id).await.unwrap().data.len(), 1);
}

#[tokio::test]
async fn the_same_key_gives_the_same_refund() {
    let shop = Shop::open().await;
    let paid = shop.confirmed("pm_card_visa").await;
    let refund = async || shop.stripe.create_refund("r", &paid.id, Some(money(500, "USD")), &[]).await.unwrap().id;
    assert_eq!(refund().await, refund().await);
    assert_eq!(shop.double.all("refund").len(), 1);
}

#[tokio::test]
async fn what_was_not_paid_cannot_be_given_back() {
    let shop = Shop::open().await;
    let ordered = shop.ordered("pm_card_visa").await;
    assert!(matches!(failure(shop.stripe.create_refund("r", &ordered.id, None, &[])).await, StripeError::Invalid(_)));
    let nothing = "pi_none".parse().unwrap();
    assert!(matches!(failure(shop.stripe.create_refund("s", &nothing, None, &[])).await, StripeError::NotFound));
}
