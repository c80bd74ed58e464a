//! Customers and the cards that are saved with them.

use stripe::{NewPaymentIntent, PaymentIntentStatus as Status, StripeError};
use stripe_double::Play;

use crate::support::{Shop, failure, order};

#[tokio::test]
async fn a_customer_is_known_by_what_is_noted_alone() {
    let shop = Shop::open().await;
    let customer = shop.customer().await;
    let kept = shop.double.all("customer").remove(0);
    assert_eq!((kept["id"].as_str(), kept["metadata"]["account"].as_str()), (Some(customer.as_str()), Some("7")));
    assert!(kept["email"].is_null() && kept["name"].is_null());
    assert_eq!(shop.customer().await, customer, "the same key made another customer");
}

#[tokio::test]
async fn a_saved_card_is_read_listed_and_pays() {
    let shop = Shop::open().await;
    let customer = shop.customer().await;
    let saved = shop.save(&customer, "pm_card_mastercard").await;
    let read = shop.stripe.retrieve_payment_method(&saved).await.unwrap();
    assert_eq!((read.kind.as_str(), read.customer.as_ref()), ("card", Some(&customer)));
    let card = read.card.unwrap();
    assert_eq!((card.brand.as_str(), card.last4.as_str()), ("mastercard", "4444"));
    assert!((1..=12).contains(&card.exp_month) && card.exp_year > 2000);
    let new = NewPaymentIntent { customer: Some(customer), payment_method: Some(saved), ..order("pm_card_visa") };
    let ordered = shop.stripe.create_payment_intent("order", &new).await.unwrap();
    let paid = shop.stripe.confirm_payment_intent("pay", &ordered.id).await.unwrap();
    assert_eq!(paid.status, Status::Succeeded);
}

#[tokio::test]
async fn saved_cards_are_listed_page_by_page_newest_first() {
    let shop = Shop::open().await;
    let customer = shop.customer().await;
    let mut saved = Vec::new();
    for card in ["pm_card_visa", "pm_card_amex", "pm_card_mastercard"] {
        saved.insert(0, shop.save(&customer, card).await);
    }
    let page = async |after| shop.stripe.list_payment_methods(&customer, 2, after).await.unwrap();
    let first = page(None).await;
    let second = page(Some(&first.data[1].id)).await;
    assert_eq!((first.data.len(), first.has_more, second.has_more), (2, true, false));
    let listed: Vec<_> = first.data.into_iter().chain(second.data).map(|method| method.id).collect();
    assert_eq!(listed, saved);
}

#[tokio::test]
async fn a_detached_card_cannot_be_attached_again() {
    let shop = Shop::open().await;
    let customer = shop.customer().await;
    let saved = shop.save(&customer, "pm_card_visa").await;
    assert_eq!(shop.stripe.detach_payment_method("detach", &saved).await.unwrap().customer, None);
    assert!(shop.stripe.list_payment_methods(&customer, 10, None).await.unwrap().data.is_empty());
    let new = NewPaymentIntent { customer: Some(customer), payment_method: Some(saved), ..order("pm_card_visa") };
    let refused = failure(shop.stripe.create_payment_intent("order", &new)).await;
    assert!(matches!(refused, StripeError::Invalid(_)), "{refused:?}");
}

#[tokio::test]
async fn a_card_is_set_up_for_use_while_its_holder_is_there() {
    let shop = Shop::open().await;
    let customer = shop.customer().await;
    let setup = shop.stripe.create_setup_intent("save", &customer, &[("user_id", "7")]).await.unwrap();
    assert_eq!((setup.status.as_str(), setup.payment_method), ("requires_payment_method", None));
    assert!(setup.client_secret.expose().starts_with(setup.id.as_str()));
    let kept = shop.double.all("setup_intent").remove(0);
    assert_eq!((kept["usage"].as_str(), kept["customer"].as_str()), (Some("on_session"), Some(customer.as_str())));
    assert_eq!(kept["metadata"], serde_json::json!({"user_id": "7"}));
}

#[tokio::test]
async fn no_card_is_saved_by_a_setup_that_was_cancelled_and_one_that_saved_a_card_is_not_cancelled() {
    let shop = Shop::open().await;
    let customer = shop.customer().await;
    let setup = shop.stripe.create_setup_intent("save", &customer, &[]).await.unwrap();
    assert_eq!(shop.stripe.cancel_setup_intent("cancel", &setup.id).await.unwrap().status, "canceled");
    assert_eq!(shop.stripe.cancel_setup_intent("cancel", &setup.id).await.unwrap().status, "canceled", "one key");
    let refused = failure(shop.stripe.cancel_setup_intent("cancel anew", &setup.id)).await;
    assert!(matches!(refused, StripeError::Invalid(_)), "{refused:?}");
    let url = format!("{}/_double/setup_intents/{}/confirm", shop.double.base(), setup.id);
    let card = r#"{"payment_method": "pm_card_visa", "return_url": "https://shop.example/back"}"#;
    assert_eq!(common::outbound::client().post(url).body(card).send().await.unwrap().status(), 400);
    assert!(shop.stripe.list_payment_methods(&customer, 10, None).await.unwrap().data.is_empty());

    shop.save(&customer, "pm_card_visa").await;
    let saved = shop.double.all("setup_intent").into_iter().find(|kept| kept["status"] == "succeeded").unwrap();
    let saved = saved["id"].as_str().unwrap().parse().unwrap();
    let refused = failure(shop.stripe.cancel_setup_intent("too late", &saved)).await;
    assert!(matches!(refused, StripeError::Invalid(_)), "{refused:?}");
}

#[tokio::test]
async fn a_cardholder_approves_or_refuses_that_a_card_is_saved() {
    for (play, status, count) in [(Play::Approve, "succeeded", 1), (Play::Refuse, "requires_payment_method", 0)] {
        let shop = Shop::open().await;
        let customer = shop.customer().await;
        let setup = shop.stripe.create_setup_intent("save", &customer, &[("user_id", "7")]).await.unwrap();
        shop.in_the_frontend("setup_intents", setup.id.as_str(), "pm_card_threeDSecure2Required").await;
        assert_eq!(shop.stripe.retrieve_setup_intent(&setup.id).await.unwrap().status, "requires_action");
        shop.at_three_d_secure(setup.id.as_str(), play);
        let setup = shop.stripe.retrieve_setup_intent(&setup.id).await.unwrap();
        assert_eq!((setup.status.as_str(), setup.payment_method.is_some()), (status, count == 1));
        let listed = shop.stripe.list_payment_methods(&customer, 10, None).await.unwrap();
        assert_eq!(listed.data.len(), count);
    }
}
