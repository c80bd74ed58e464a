//! The secret key of Stripe is replaced while the process runs.
//!
//! Only the environment says where AWS is, and that of this process is shared with other tests: what fetches the key is a
//! process of its own, which runs one test of this very program.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::Router;
use platform::config::Env;
use serde_json::json;
use stripe::{Stripe, StripeError};
use stripe_double::{Options, StripeDouble};
use tokio::net::TcpListener;

use crate::support::{PATIENCE, order};

/// Where the child finds Stripe.
const STRIPE: &str = "TEST_STRIPE_OF_CHILD";
const OLD: &str = "sk_test_old";

/// A Parameter Store that answers the old key first, and later this one; and how often it was asked.
async fn parameter_store(later: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (url, asked) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    let router = Router::new().fallback(async move || {
        let value = if count.fetch_add(1, Ordering::Relaxed) == 0 { OLD } else { &later };
        let parameter = json!({"Name": "/shop/stripe", "Type": "SecureString", "Value": value});
        ([("content-type", "application/x-amz-json-1.1")], json!({"Parameters": [parameter]}).to_string())
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}

/// Runs the named test as a child, whose key comes from that store; the statuses of its calls, and how often it fetched.
async fn played(test: &'static str, later: impl FnOnce(&StripeDouble) -> String) -> (Vec<u16>, usize) {
    let double = StripeDouble::start(Options::default()).await;
    let (aws, asked) = parameter_store(later(&double)).await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", &format!("replaced_key::{test}")]).env(STRIPE, double.base()).envs([
        ("AWS_ENDPOINT_URL", aws.as_str()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ]);
    let ran = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
    (double.calls().iter().map(|call| call.status).collect(), asked.load(Ordering::Relaxed))
}

/// In the child: a client whose key is in that store.
fn child() -> Option<Stripe> {
    let base = std::env::var(STRIPE).ok()?;
    let key = Env::from_pairs([("STRIPE_SECRET_KEY", "ssm:/shop/stripe")]).secret("STRIPE_SECRET_KEY").unwrap();
    Some(Stripe::new(base, key).within(PATIENCE))
}

#[tokio::test]
async fn a_key_that_was_replaced_is_fetched_when_it_is_refused_and_the_call_sent_again_with_the_new_one() {
    if let Some(stripe) = child() {
        let made = stripe.create_payment_intent("order", &order("pm_card_visa")).await.unwrap();
        stripe.retrieve_payment_intent(&made.id).await.unwrap();
        return;
    }
    let test = "a_key_that_was_replaced_is_fetched_when_it_is_refused_and_the_call_sent_again_with_the_new_one";
    let (statuses, fetched) = played(test, |double| double.secret_key().to_owned()).await;
    assert_eq!((statuses, fetched), (vec![401, 200, 200], 2), "the new one is kept");
}

#[tokio::test]
async fn a_refused_key_that_was_not_replaced_is_reported_and_not_tried_again() {
    if let Some(stripe) = child() {
        let refused = stripe.create_payment_intent("order", &order("pm_card_visa")).await.unwrap_err();
        assert!(matches!(refused, StripeError::Unauthorized(_)) && !refused.may_have_had_effect(), "{refused:?}");
        return;
    }
    let test = "a_refused_key_that_was_not_replaced_is_reported_and_not_tried_again";
    let (statuses, fetched) = played(test, |_| OLD.to_owned()).await;
    assert_eq!((statuses, fetched), (vec![401], 2));
}
