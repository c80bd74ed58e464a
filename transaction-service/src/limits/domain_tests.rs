use uuid::Uuid;

use super::*;
use crate::orders::domain::{Outcome, tests::order};

fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_800_000_000_000).unwrap()
}

fn limits() -> Limits {
    let caller = Ceiling { open_orders: 3, held_units: 10, declines: 4 };
    let source = Ceiling { open_orders: 30, held_units: 100, declines: 40 };
    Limits { caller, source, declines_per_order: 2, window: Duration::from_hours(1) }
}

fn count(kind: Kind, open_orders: i64, held_units: i64, declines: i64) -> Count {
    let declines_until = (declines > 0).then(|| now().plus(Duration::from_mins(10)));
    Count { kind, open_orders, held_units, declines, declines_until }
}

fn refused(count: Count, units: i64) -> Option<Limit> {
    limits().check(&[count], units, now()).err().map(|exceeded| exceeded.limit)
}

#[test]
fn an_attempt_is_taken_up_to_each_limit_and_not_beyond() {
    let under_way = Some(Limit::Declines(UNDER_WAY));
    for (open, held, declined, units, expected) in [
        (0, 0, 0, 10, None),
        (0, 0, 0, 11, Some(Limit::HeldUnits)),
        (2, 9, 0, 1, None),
        (2, 9, 0, 2, Some(Limit::HeldUnits)),
        (3, 3, 0, 1, Some(Limit::OpenOrders)),
        (1, 1, 2, 1, None),
        (2, 2, 2, 1, under_way),
        (0, 0, 3, 1, None),
        (1, 1, 3, 1, under_way),
        (0, 0, 4, 1, Some(Limit::Declines(Duration::from_mins(10)))),
        (3, 3, 9, 1, Some(Limit::Declines(Duration::from_mins(10)))),
    ] {
        for kind in [Kind::User, Kind::Guest, Kind::Recipient] {
            let found = refused(count(kind, open, held, declined), units);
            assert_eq!(found, expected, "{open} open, {held} held, {declined} declined, {units} more");
        }
        assert_eq!(refused(count(Kind::Source, open, held, declined), units), None, "an address may have more");
    }
}

#[test]
fn declines_count_until_their_window_ends() {
    let mut count = count(Kind::User, 0, 0, 9);
    count.declines_until = Some(now());
    assert_eq!(refused(count, 1), None);
    count.declines_until = Some(now().plus(Duration::from_millis(1)));
    assert_eq!(refused(count, 1), Some(Limit::Declines(Duration::from_millis(1))));
}

#[test]
fn the_counter_without_room_is_named_whichever_it_is() {
    let free = Count::of_nothing;
    for kind in [Kind::User, Kind::Guest, Kind::Recipient, Kind::Source] {
        let counts = [free(Kind::Guest), count(kind, 30, 30, 0), free(Kind::Source)];
        let most = if kind == Kind::Source { 30 } else { 3 };
        let exceeded = Exceeded { limit: Limit::OpenOrders, by: kind, most };
        assert_eq!(limits().check(&counts, 1, now()), Err(exceeded));
    }
}

#[test]
fn a_user_and_a_guest_of_one_id_are_counted_apart() {
    let id = Uuid::from_u128(7);
    assert_ne!(owner_key(Owner::User(id)), owner_key(Owner::Guest(id)));
    let counters = Counters { owner: Owner::Guest(id), recipient: Some([1; 16]), source: None };
    let each: Vec<_> = counters.each().collect();
    assert_eq!(each, [(Kind::Guest, id.into_bytes()), (Kind::Recipient, [1; 16])]);
}

#[test]
fn an_order_is_counted_until_it_is_closed_and_a_saved_card_that_is_declined_counts_once_more() {
    let saved = || Method::Saved { customer: "cus_1".parse().unwrap(), payment_method: "pm_1".parse().unwrap() };
    let failure = crate::orders::domain::Failure { code: "generic_decline".into(), message: "Declined.".into() };
    let secret = crate::orders::domain::ClientSecret("pi_1_secret_2".into());
    for (method, is_saved) in [(saved(), true), (Method::Client, false)] {
        for (outcome, closes, declined) in [
            (Outcome::RequiresAction(secret.clone()), false, false),
            (Outcome::Paid, true, false),
            (Outcome::Failed(failure.clone()), true, is_saved),
            (Outcome::Cancelled, true, false),
            (Outcome::Expired, true, false),
        ] {
            let before = order(State::Pending, method.clone());
            let after = before.after(outcome, now()).unwrap().unwrap();
            assert_eq!(Change::between(&before, &after), Change { closes, declined }, "{:?}", after.state);
            let refunded = after.with_refunds(0, true, now());
            assert_eq!(Change::between(&after, &refunded), Change::default(), "closed before");
        }
    }
}

#[test]
fn a_counter_is_stored_under_the_name_of_its_kind() {
    let names = [Kind::User, Kind::Guest, Kind::Recipient, Kind::Source].map(Kind::as_str);
    assert_eq!(names, ["user", "guest", "recipient", "source"]);
    let exceeded = Exceeded { limit: Limit::Declines(Duration::ZERO), by: Kind::Source, most: 4 };
    assert_eq!(exceeded.to_string(), "limit exceeded: declined payments per source, at most 4");
}
