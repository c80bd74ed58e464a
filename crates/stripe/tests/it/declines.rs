//! Cards that are declined.

use stripe::{PaymentIntentStatus as Status, StripeError};

use crate::support::{Shop, failure};

#[tokio::test]
async fn a_decline_says_why_and_shows_the_payment_as_it_is_now() {
    for (card, code, reason) in [
        ("pm_card_chargeDeclined", "card_declined", Some("generic_decline")),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", Some("insufficient_funds")),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", Some("stolen_card")),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
    ] {
        let shop = Shop::open().await;
        let ordered = shop.ordered(card).await;
        let failure = failure(shop.stripe.confirm_payment_intent("pay", &ordered.id)).await;
        assert!(!failure.may_have_had_effect());
        let StripeError::Declined(decline) = failure else { panic!("{card}: {failure:?}") };
        assert_eq!((decline.code.as_str(), decline.decline_code.as_deref()), (code, reason), "{card}");
        assert!(decline.message.starts_with("Your card") || code == "processing_error", "{}", decline.message);
        let now = decline.payment_intent.unwrap();
        assert_eq!((now.id, now.status, now.amount_received), (ordered.id, Status::RequiresPaymentMethod, 0));
        let error = now.last_payment_error.unwrap();
        assert_eq!((error.code.as_deref(), error.decline_code.as_deref()), (Some(code), reason));
        assert_eq!(shop.charges().len(), 1, "{card} was tried more than once");
    }
}

#[tokio::test]
async fn a_decline_is_repeated_under_its_key_and_nothing_is_tried_again() {
    let shop = Shop::open().await;
    let ordered = shop.ordered("pm_card_chargeDeclinedInsufficientFunds").await;
    for _ in 0..2 {
        let failure = failure(shop.stripe.confirm_payment_intent("pay", &ordered.id)).await;
        assert_eq!(failure.to_string(), "declined: insufficient_funds");
    }
    assert_eq!(shop.charges().len(), 1);
}

#[tokio::test]
async fn a_card_can_be_declined_after_its_holder_approved() {
    let shop = Shop::open().await;
    let asked = shop.confirmed("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds").await;
    assert_eq!(asked.status, Status::RequiresAction);
    assert!(shop.double.play(asked.id.as_str(), stripe_double::Play::Approve).is_err());
    let declined = shop.stripe.retrieve_payment_intent(&asked.id).await.unwrap();
    assert_eq!(declined.status, Status::RequiresPaymentMethod);
    assert_eq!(declined.last_payment_error.unwrap().decline_code.as_deref(), Some("insufficient_funds"));
}
