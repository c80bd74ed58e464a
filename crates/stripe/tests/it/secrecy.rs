//! Secrets are not logged.

use std::time::Duration;

use stripe::StripeError;
use stripe_double::CallFault;

use crate::support::{Shop, client, failure, order};

fn shown(value: &impl std::fmt::Debug) -> String {
    format!("{value:?} {value:#?}")
}

#[tokio::test]
async fn no_secret_is_shown_by_what_a_call_gives() {
    let shop = Shop::open().await;
    let paid = shop.confirmed("pm_card_visa").await;
    let setup = shop.stripe.create_setup_intent("save", &shop.customer().await, &[]).await.unwrap();
    let shown = shown(&(&shop.stripe, &paid, &setup));
    let secrets =
        [paid.client_secret.as_ref().unwrap().expose(), setup.client_secret.expose(), shop.double.secret_key()];
    for secret in secrets {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains(paid.id.as_str()) && !shown.contains("_secret_"));
}

#[tokio::test]
async fn no_secret_is_shown_by_a_failure() {
    let shop = Shop::open().await;
    let declined = shop.ordered("pm_card_chargeDeclined").await;
    let confirm = async |key| failure(shop.stripe.confirm_payment_intent(key, &declined.id)).await;
    let mut failures: Vec<StripeError> = vec![confirm("declined").await, confirm("no card left").await];
    let path = "/v1/payment_intents/*/confirm";
    shop.fault(path, (1, 3), CallFault::DropAfter);
    failures.push(confirm("lost").await);
    shop.fault(path, (1, 1), CallFault::Error { status: 500, after_effect: false });
    failures.push(confirm("broken").await);
    shop.fault(path, (1, 1), CallFault::Hang { after_effect: false });
    let hasty = shop.stripe.clone().within(Duration::from_millis(500));
    failures.push(failure(hasty.confirm_payment_intent("hung", &declined.id)).await);
    let stranger = client(&shop.double.base(), "sk_test_stranger");
    failures.push(failure(stranger.create_payment_intent("k", &order("pm_card_visa"))).await);
    let unprintable = client(&shop.double.base(), "sk_test_un\nprintable");
    failures.push(failure(unprintable.create_payment_intent("k", &order("pm_card_visa"))).await);
    assert!(matches!(&failures[0], StripeError::Declined(decline) if decline.payment_intent.is_some()));
    assert!(matches!(&failures[1], StripeError::Invalid(invalid) if invalid.payment_intent.is_some()));
    for failure in failures {
        let shown = format!("{failure} {}", shown(&failure));
        for secret in [shop.double.secret_key(), "sk_test_", "_secret_"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
