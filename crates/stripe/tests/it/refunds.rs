//! Refunds.

use serde_json::json;
use stripe::{RefundStatus, StripeError};
use stripe_double::CallFault;

use crate::support::{Shop, failure, money};

#[tokio::test]
async fn money_is_given_back_in_parts_and_then_all_that_is_left() {
    let shop = Shop::open().await;
    let paid = shop.confirmed("pm_card_visa").await;
    let part = Some(money(500, "USD"));
    let first = shop.stripe.create_refund("r1", &paid.id, part, &[("return_id", "9")]).await.unwrap();
    assert_eq!(
        (first.amount, first.currency.as_str(), first.status.clone()),
        (500, "usd", Some(RefundStatus::Succeeded))
    );
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

#[tokio::test]
async fn a_refund_whose_status_is_null_or_a_new_word_is_read() {
    for (said, read) in [(json!(null), None), (json!("on_hold"), Some(RefundStatus::Other("on_hold".into())))] {
        let shop = Shop::open().await;
        let paid = shop.confirmed("pm_card_visa").await;
        let members = json!({"status": said}).as_object().unwrap().clone();
        shop.fault("/v1/refunds", (1, 1), CallFault::Alter { members });
        assert_eq!(shop.stripe.create_refund("r", &paid.id, None, &[]).await.unwrap().status, read);
        assert_eq!(shop.stripe.list_refunds(&paid.id).await.unwrap().data[0].status, read);
    }
}

#[tokio::test]
async fn all_refunds_of_a_payment_are_listed_however_many_and_one_that_cannot_be_read_hides_none() {
    let shop = Shop::open().await;
    let paid = shop.confirmed("pm_card_visa").await;
    let mut made = Vec::new();
    for nth in 0..205 {
        made.insert(
            0,
            shop.stripe.create_refund(&format!("{nth}"), &paid.id, Some(money(1, "USD")), &[]).await.unwrap().id,
        );
    }
    // The last of the first page: the next one begins behind it all the same.
    let odd = made.remove(99);
    shop.double.control(&format!("objects/{odd}"), json!({"members": {"amount": {}}})).unwrap();
    let listed = shop.stripe.list_refunds(&paid.id).await.unwrap();
    assert_eq!(listed.data.into_iter().map(|refund| refund.id).collect::<Vec<_>>(), made);
    assert_eq!((listed.unreadable.len(), listed.unreadable[0].id.as_deref()), (1, Some(odd.as_str())));
    assert_eq!(shop.answers("/v1/refunds").len(), 205 + 3);
}
