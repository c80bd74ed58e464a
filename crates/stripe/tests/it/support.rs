//! A shop with a Stripe of its own.

use std::{future::Future, time::Duration};

use common::money::Money;
use platform::config::Env;
use serde_json::{Value, json};
use stripe::{CustomerId, NewPaymentIntent, PaymentIntent, PaymentMethodId, Stripe, StripeError};
use stripe_double::{CallFault, Fault, Options, Play, StripeDouble};

/// Longer than any call takes that is answered, repeats included.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) struct Shop {
    pub(crate) double: StripeDouble,
    pub(crate) stripe: Stripe,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let double = StripeDouble::start(Options::default()).await;
        let stripe = client(&double.base(), double.secret_key()).within(PATIENCE);
        Self { double, stripe }
    }

    /// Lets calls of a path go wrong: `times` of them from the `nth` on.
    pub(crate) fn fault(&self, path: &str, (nth, times): (usize, usize), fault: CallFault) {
        self.double.inject(Fault { method: "*".into(), path: path.into(), key: None, nth, times, fault });
    }

    pub(crate) async fn customer(&self) -> CustomerId {
        self.stripe.create_customer("customer", &[("account", "7")]).await.unwrap().id
    }

    /// A payment that was made with a card of the test set, and is not confirmed.
    pub(crate) async fn ordered(&self, card: &str) -> PaymentIntent {
        self.stripe.create_payment_intent("order", &order(card)).await.unwrap()
    }

    /// One that is confirmed.
    pub(crate) async fn confirmed(&self, card: &str) -> PaymentIntent {
        let ordered = self.ordered(card).await;
        self.stripe.confirm_payment_intent("order/pay", &ordered.id).await.unwrap()
    }

    /// What a frontend does with the client secret of a PaymentIntent or SetupIntent.
    pub(crate) async fn in_the_frontend(&self, kind: &str, id: &str, card: &str) {
        let url = format!("{}/_double/{kind}/{id}/confirm", self.double.base());
        let body = json!({"payment_method": card, "return_url": "https://shop.example/back"}).to_string();
        let sending = common::outbound::client().post(url).timeout(PATIENCE).body(body).send();
        let answer = sending.await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// What the cardholder does at 3-D Secure.
    pub(crate) fn at_three_d_secure(&self, id: &str, play: Play) {
        self.double.play(id, play).unwrap();
    }

    /// Saves a card with a customer.
    pub(crate) async fn save(&self, customer: &CustomerId, card: &str) -> PaymentMethodId {
        let setup = self.stripe.create_setup_intent(&format!("save {card}"), customer, &[]).await.unwrap();
        self.in_the_frontend("setup_intents", setup.id.as_str(), card).await;
        self.stripe.retrieve_setup_intent(&setup.id).await.unwrap().payment_method.unwrap()
    }

    /// The statuses of the calls of a path so far; 0 where no answer was sent.
    pub(crate) fn answers(&self, path: &str) -> Vec<u16> {
        let calls = self.double.calls();
        calls.iter().filter(|call| call.path.ends_with(path)).map(|call| call.status).collect()
    }

    pub(crate) fn charges(&self) -> Vec<Value> {
        self.double.charges()
    }
}

/// A client of the Stripe at `base`.
pub(crate) fn client(base: &str, key: &str) -> Stripe {
    let key = Env::from_pairs([("STRIPE_SECRET_KEY", key)]).secret("STRIPE_SECRET_KEY").unwrap();
    Stripe::new(base, key)
}

pub(crate) fn money(amount: i64, currency: &str) -> Money {
    Money { amount, currency: currency.parse().unwrap() }
}

/// An order of 20.00 USD, paid with a card of the test set.
pub(crate) fn order(card: &str) -> NewPaymentIntent {
    NewPaymentIntent {
        amount: money(2000, "USD"),
        customer: None,
        payment_method: Some(card.parse().unwrap()),
        metadata: vec![("order_id", "0199-7".to_owned())],
    }
}

/// The failure of a call that is not to hang for ever.
pub(crate) async fn failure<T: std::fmt::Debug>(call: impl Future<Output = Result<T, StripeError>>) -> StripeError {
    tokio::time::timeout(PATIENCE * 2, call).await.unwrap().unwrap_err()
}
