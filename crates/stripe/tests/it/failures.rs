//! Calls that go wrong on the way, and what is said of their effect.

use std::time::Duration;

use stripe::{NewPaymentIntent, PaymentIntentStatus as Status, StripeError};
use stripe_double::CallFault;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Shop, client, failure, money, order};

/// Too short for an answer that never comes, long enough for one that does.
const HASTE: Duration = Duration::from_secs(1);
const CREATE: &str = "/v1/payment_intents";
const CONFIRM: &str = "/v1/payment_intents/*/confirm";

fn is_unknown(failure: &StripeError) -> bool {
    matches!(failure, StripeError::Unknown(_)) && failure.may_have_had_effect()
}

#[tokio::test]
async fn a_key_gets_the_same_payment_again() {
    let shop = Shop::open().await;
    let (first, again) = (shop.ordered("pm_card_visa").await, shop.ordered("pm_card_visa").await);
    assert_eq!((first.id, first.client_secret), (again.id, again.client_secret));
    assert_eq!(shop.double.all("payment_intent").len(), 1);
}

#[tokio::test]
async fn a_key_that_is_used_for_something_else_is_refused() {
    let shop = Shop::open().await;
    shop.ordered("pm_card_visa").await;
    let other = NewPaymentIntent { amount: money(2100, "USD"), ..order("pm_card_visa") };
    let reused = failure(shop.stripe.create_payment_intent("order", &other)).await;
    assert!(matches!(reused, StripeError::KeyReused(_)) && !reused.may_have_had_effect(), "{reused:?}");
    assert_eq!(shop.double.all("payment_intent").len(), 1);
}

#[tokio::test]
async fn a_call_that_lost_its_answer_is_sent_again_with_its_key_and_charges_once() {
    for fault in [CallFault::Drop, CallFault::DropAfter] {
        let shop = Shop::open().await;
        shop.fault(CONFIRM, (1, 2), fault);
        assert_eq!(shop.confirmed("pm_card_visa").await.status, Status::Succeeded);
        assert_eq!(shop.answers("/confirm"), [0, 0, 200]);
        assert_eq!(shop.charges().len(), 1);
    }
}

#[tokio::test]
async fn a_call_that_lost_every_answer_may_have_had_its_effect() {
    for (fault, charges) in [(CallFault::Drop, 0), (CallFault::DropAfter, 1)] {
        let shop = Shop::open().await;
        let ordered = shop.ordered("pm_card_visa").await;
        shop.fault(CONFIRM, (1, 3), fault.clone());
        let lost = failure(shop.stripe.confirm_payment_intent("pay", &ordered.id)).await;
        assert!(is_unknown(&lost), "{lost:?}");
        assert_eq!((shop.answers("/confirm").len(), shop.charges().len()), (3, charges), "{fault:?}");
        let paid = shop.stripe.confirm_payment_intent("pay", &ordered.id).await.unwrap();
        assert_eq!((paid.status, shop.charges().len()), (Status::Succeeded, 1));
    }
}

#[tokio::test]
async fn a_call_that_hangs_may_have_had_its_effect() {
    for after_effect in [false, true] {
        let shop = Shop::open().await;
        let ordered = shop.ordered("pm_card_visa").await;
        shop.fault(CONFIRM, (1, 1), CallFault::Hang { after_effect });
        let hasty = shop.stripe.clone().within(HASTE);
        let hung = failure(hasty.confirm_payment_intent("pay", &ordered.id)).await;
        assert!(is_unknown(&hung), "{hung:?}");
        let paid = shop.stripe.confirm_payment_intent("pay", &ordered.id).await.unwrap();
        assert_eq!((paid.status, shop.charges().len()), (Status::Succeeded, 1));
    }
}

#[tokio::test]
async fn a_500_may_have_had_its_effect_and_its_key_has_nothing_else_to_say() {
    for (after_effect, charges) in [(false, 0), (true, 1)] {
        let shop = Shop::open().await;
        let ordered = shop.ordered("pm_card_visa").await;
        shop.fault(CONFIRM, (1, 1), CallFault::Error { status: 500, after_effect });
        for _ in 0..2 {
            let broken = failure(shop.stripe.confirm_payment_intent("pay", &ordered.id)).await;
            assert!(is_unknown(&broken), "{broken:?}");
        }
        assert_eq!(shop.answers("/confirm"), [500, 500], "a 500 was sent again by itself");
        let now = shop.stripe.retrieve_payment_intent(&ordered.id).await.unwrap().status;
        assert_eq!((now == Status::Succeeded, shop.charges().len()), (after_effect, charges));
    }
}

/// Stripe answers a key what it answered first for a day: <https://docs.stripe.com/api/idempotent_requests>.
#[tokio::test]
async fn what_makes_an_object_is_done_under_another_key_where_stripe_keeps_a_500() {
    for (after_effect, made) in [(false, 1), (true, 2)] {
        let shop = Shop::open().await;
        shop.fault(CREATE, (1, 1), CallFault::Error { status: 500, after_effect });
        let broken = failure(shop.stripe.create_payment_intent("order", &order("pm_card_visa"))).await;
        assert!(is_unknown(&broken), "{broken:?}");
        assert_eq!(shop.answers(CREATE), [500], "not known yet to be kept");
        let (one, other) = (shop.ordered("pm_card_visa").await, shop.ordered("pm_card_visa").await);
        assert_eq!(one.id, other.id, "all that come later come to one");
        assert_eq!(shop.answers(CREATE), [500, 500, 200, 500, 200]);
        assert_eq!((shop.double.all("payment_intent").len(), shop.charges().len()), (made, 0));
    }
}

#[tokio::test]
async fn an_object_that_is_never_made_is_tried_under_three_keys_and_no_more() {
    let shop = Shop::open().await;
    shop.fault(CREATE, (1, 9), CallFault::Error { status: 500, after_effect: false });
    for answers in [1, 3, 6, 9] {
        let broken = failure(shop.stripe.create_payment_intent("order", &order("pm_card_visa"))).await;
        assert!(is_unknown(&broken), "{broken:?}");
        assert_eq!(shop.answers(CREATE), vec![500; answers]);
    }
}

#[tokio::test]
async fn a_pause_beyond_the_deadline_ends_the_call() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stripe = client(&format!("http://{}", listener.local_addr().unwrap()), "sk_test_double");
    let answer = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 18446744073709551615\r\ncontent-length: 0\r\n\r\n";
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.read_buf(&mut Vec::with_capacity(4096)).await.unwrap();
        socket.write_all(answer.as_bytes()).await.unwrap();
        socket
    };
    let id = "pi_1".parse().unwrap();
    let read = stripe.retrieve_payment_intent(&id);
    let (failed, _) = tokio::join!(failure(read), server);
    assert!(is_unknown(&failed), "{failed:?}");
}

#[tokio::test]
async fn a_read_is_repeated_after_a_500() {
    let shop = Shop::open().await;
    let ordered = shop.ordered("pm_card_visa").await;
    shop.fault("/v1/payment_intents/*", (1, 2), CallFault::Error { status: 500, after_effect: false });
    assert_eq!(shop.stripe.retrieve_payment_intent(&ordered.id).await.unwrap().id, ordered.id);
    assert_eq!(shop.answers(ordered.id.as_str()), [500, 500, 200]);
}

#[tokio::test]
async fn a_rate_limit_has_no_effect_and_is_not_pressed() {
    let shop = Shop::open().await;
    shop.fault(CREATE, (1, 1), CallFault::RateLimit);
    let limited = failure(shop.stripe.create_payment_intent("order", &order("pm_card_visa"))).await;
    assert!(matches!(limited, StripeError::RateLimited) && !limited.may_have_had_effect());
    assert_eq!(shop.answers(CREATE), [429]);
    assert_eq!(shop.ordered("pm_card_visa").await.status, Status::RequiresConfirmation);
}

#[tokio::test]
async fn a_rate_limit_after_a_lost_answer_says_nothing_about_the_effect() {
    let shop = Shop::open().await;
    let ordered = shop.ordered("pm_card_visa").await;
    shop.fault(CONFIRM, (1, 1), CallFault::DropAfter);
    shop.fault(CONFIRM, (2, 1), CallFault::RateLimit);
    let lost = failure(shop.stripe.confirm_payment_intent("pay", &ordered.id)).await;
    assert_eq!((shop.answers("/confirm"), shop.charges().len()), (vec![0, 429], 1));
    assert!(is_unknown(&lost), "{lost:?}");
}

#[tokio::test]
async fn a_key_that_is_in_use_is_waited_for() {
    let shop = Shop::open().await;
    let new = order("pm_card_visa");
    let mut rounds = 0;
    // Until one of two calls arrived while the other was running.
    while !shop.answers(CREATE).contains(&409) {
        assert!(rounds < 20, "no key was ever in use");
        shop.fault(CREATE, (1, 1), CallFault::Delay { ms: 60 });
        let key = format!("order {rounds}");
        let create = async || shop.stripe.create_payment_intent(&key, &new).await.unwrap().id;
        let (one, other) = tokio::join!(create(), create());
        assert_eq!(one, other);
        rounds += 1;
    }
    assert_eq!(shop.double.all("payment_intent").len(), rounds);
}

#[tokio::test]
async fn a_key_that_stays_in_use_is_busy() {
    let shop = Shop::open().await;
    shop.fault(CREATE, (1, 1), CallFault::Delay { ms: 2_000 });
    let new = order("pm_card_visa");
    let create = async || shop.stripe.create_payment_intent("order", &new).await;
    let (one, other) = tokio::join!(create(), create());
    let (made, busy) = if one.is_ok() { (one, other) } else { (other, one) };
    let busy = busy.unwrap_err();
    assert!(matches!(busy, StripeError::Busy) && busy.may_have_had_effect(), "{busy:?}");
    assert_eq!(shop.ordered("pm_card_visa").await.id, made.unwrap().id);
}

#[tokio::test]
async fn a_wrong_secret_key_is_reported_and_has_no_effect() {
    let shop = Shop::open().await;
    let stranger = client(&shop.double.base(), "sk_test_stranger");
    let refused = failure(stranger.create_payment_intent("order", &order("pm_card_visa"))).await;
    assert!(matches!(refused, StripeError::Unauthorized(_)) && !refused.may_have_had_effect(), "{refused:?}");
}

#[tokio::test]
async fn a_stripe_that_is_not_there_may_have_had_the_effect_all_the_same() {
    let shop = Shop::open().await;
    let stripe = shop.stripe.clone().within(HASTE);
    shop.double.stop().await;
    let lost = failure(stripe.create_payment_intent("order", &order("pm_card_visa"))).await;
    assert!(is_unknown(&lost), "{lost:?}");
}

fn refused(status: u16, code: &str, should_retry: Option<bool>) -> CallFault {
    CallFault::Refuse { status, code: Some(code.to_owned()), should_retry }
}

#[tokio::test]
async fn an_object_that_is_in_use_is_waited_for_with_the_same_key() {
    let shop = Shop::open().await;
    let ordered = shop.ordered("pm_card_visa").await;
    shop.fault(CONFIRM, (1, 2), refused(429, "lock_timeout", None));
    let paid = shop.stripe.confirm_payment_intent("pay", &ordered.id).await.unwrap();
    assert_eq!(
        (paid.status, shop.answers("/confirm"), shop.charges().len()),
        (Status::Succeeded, vec![429, 429, 200], 1)
    );
    let calls = shop.double.calls();
    let keys: Vec<_> = calls
        .iter()
        .filter(|call| call.path.ends_with("/confirm"))
        .map(|call| call.idempotency_key.as_deref())
        .collect();
    assert_eq!(keys, [Some("pay"); 3]);
}

#[tokio::test]
async fn an_object_that_stays_in_use_is_busy_after_a_bounded_number_of_attempts() {
    let shop = Shop::open().await;
    let ordered = shop.ordered("pm_card_visa").await;
    shop.fault(CONFIRM, (1, 9), refused(429, "lock_timeout", None));
    let busy = failure(shop.stripe.confirm_payment_intent("pay", &ordered.id)).await;
    assert!(matches!(busy, StripeError::Busy), "{busy:?}");
    assert_eq!(shop.answers("/confirm"), [429; 3]);
    shop.fault("/v1/payment_intents/*", (1, 9), refused(429, "lock_timeout", Some(true)));
    let hasty = shop.stripe.clone().within(Duration::from_millis(40));
    assert!(failure(hasty.retrieve_payment_intent(&ordered.id)).await.may_have_had_effect());
    assert_eq!(shop.answers(ordered.id.as_str()), [429], "the pause is longer than what is left of the deadline");
}

#[tokio::test]
async fn what_stripe_says_of_repeating_holds_whatever_the_status() {
    // Of each: status, code, Stripe-Should-Retry, how often it is sent.
    for (status, code, should_retry, times) in [
        (429, "rate_limit", Some(true), 3),
        (500, "api_error", Some(true), 3),
        (400, "try_later", Some(true), 3),
        (409, "idempotency_key_in_use", Some(false), 1),
        (429, "lock_timeout", Some(false), 1),
        (429, "rate_limit", None, 1),
        (400, "rate_limit", None, 1),
    ] {
        let shop = Shop::open().await;
        let ordered = shop.ordered("pm_card_visa").await;
        shop.fault(CONFIRM, (1, times), refused(status, code, should_retry));
        let answered = shop.stripe.confirm_payment_intent("pay", &ordered.id).await.unwrap_err();
        assert_eq!(shop.answers("/confirm"), vec![status; times], "{status} {code} {should_retry:?}");
        assert_eq!(matches!(answered, StripeError::RateLimited), code == "rate_limit", "{answered:?}");
        let paid = shop.stripe.confirm_payment_intent("pay", &ordered.id).await.unwrap();
        assert_eq!((paid.status, shop.charges().len()), (Status::Succeeded, 1));
    }
}

#[tokio::test]
async fn a_read_that_stripe_says_not_to_repeat_is_not_repeated() {
    let shop = Shop::open().await;
    let ordered = shop.ordered("pm_card_visa").await;
    shop.fault("/v1/payment_intents/*", (1, 9), refused(500, "api_error", Some(false)));
    assert!(is_unknown(&failure(shop.stripe.retrieve_payment_intent(&ordered.id)).await));
    assert_eq!(shop.answers(ordered.id.as_str()), [500]);
}

#[tokio::test]
async fn an_object_of_another_form_had_its_effect_and_is_not_asked_for_again() {
    let shop = Shop::open().await;
    let members = serde_json::json!({"amount": "twenty"}).as_object().unwrap().clone();
    shop.fault(CREATE, (1, 1), CallFault::Alter { members });
    let odd = failure(shop.stripe.create_payment_intent("order", &order("pm_card_visa"))).await;
    assert!(matches!(&odd, StripeError::Unreadable(_)) && odd.may_have_had_effect(), "{odd:?}");
    assert!(!odd.to_string().contains("twenty"), "{odd}");
    assert_eq!(shop.answers(CREATE), [200]);
}
