use common::id::Id;

use super::*;
use crate::basket::LineItem;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_700_000_000_000 + millis).unwrap()
}

fn usd() -> Currency {
    "USD".parse().unwrap()
}

fn line(sku: &str, quantity: u32) -> LineItem {
    LineItem { sku: sku.parse().unwrap(), quantity }
}

fn basket_of(quantity: u32) -> Basket {
    Basket { currency: usd(), lines: vec![line("A", quantity)] }
}

fn attempt() -> Attempt {
    let order_id = Id::new(at(0));
    Attempt {
        order_id,
        basket: basket_of(1),
        hold: Id::new(at(0)),
        lease_until: at(10_000),
        expires_at: at(86_400_000),
        begun_at: at(0),
    }
}

fn held() -> Hold {
    Hold { id: Id::new(at(0)), basket: basket_of(1), lines: Vec::new() }
}

fn reservation(state: State) -> Reservation {
    Reservation { order_id: Id::new(at(0)), state, expires_at: at(86_400_000), created_at: at(0), updated_at: at(0) }
}

/// One of each state that lines of the state table are about.
fn states() -> [State; 6] {
    let (committed, released) = (Id::new(at(5)), Id::new(at(5)));
    [
        State::Void,
        State::Reserving(attempt()),
        State::Held(held()),
        State::Committed { hold: held(), decision: committed },
        State::Released { hold: held(), decision: released },
        State::Cancelled { currency: None },
    ]
}

fn movement(id: MovementId, kind: MovementKind) -> StockMovement {
    StockMovement { id, order_id: Id::new(at(0)), kind, quantity: 1, at: at(0) }
}

/// The name of a step or refusal, to compare whole tables.
fn reserve_step(result: Result<ReserveStep<'_>, Refused>) -> String {
    match result {
        Ok(ReserveStep::Answer) => "Answer".into(),
        Ok(ReserveStep::Replace) => "Replace".into(),
        Ok(ReserveStep::Unwind(_)) => "Unwind".into(),
        Err(refused) => format!("{refused:?}"),
    }
}

fn decide_step(result: Result<DecideStep<'_>, Refused>) -> String {
    match result {
        Ok(DecideStep::Answer(_)) => "Answer".into(),
        Ok(DecideStep::Move(..)) => "Move".into(),
        Ok(DecideStep::End(_)) => "End".into(),
        Ok(DecideStep::InsertTombstone { replaces_void }) => format!("InsertTombstone {replaces_void}"),
        Err(refused) => format!("{refused:?}"),
    }
}

#[test]
fn the_state_table_holds_for_reserve() {
    let [void, reserving, held, committed, released, cancelled] = states();
    let table = [
        (void, at(0), "Replace", "Replace"),
        (reserving.clone(), at(9_999), "ReservationInProgress", "ReservationInProgress"),
        (reserving, at(10_000), "Unwind", "Unwind"),
        (held, at(0), "Answer", "ReservationDiffers"),
        (committed, at(0), "Answer", "ReservationDiffers"),
        (released, at(0), "ReservationReleased", "ReservationReleased"),
        (cancelled, at(0), "ReservationReleased", "ReservationReleased"),
    ];
    for (state, now, on_same, on_other) in table {
        let reservation = reservation(state);
        let state = reservation.state.name();
        assert_eq!(reserve_step(reservation.on_reserve(&basket_of(1), now)), on_same, "{state:?}, same lines");
        assert_eq!(reserve_step(reservation.on_reserve(&basket_of(2), now)), on_other, "{state:?}, other lines");
    }
}

#[test]
fn another_currency_is_another_reservation() {
    let basket = Basket { currency: "EUR".parse().unwrap(), ..basket_of(1) };
    let reservation = reservation(State::Held(held()));
    assert_eq!(reserve_step(reservation.on_reserve(&basket, at(0))), "ReservationDiffers");
}

#[test]
fn the_state_table_holds_for_commit_and_release() {
    let [void, reserving, held, committed, released, cancelled] = states();
    let table = [
        (None, "NotFound", "InsertTombstone false"),
        (Some(void), "NotFound", "InsertTombstone true"),
        (Some(reserving), "ReservationInProgress", "End"),
        (Some(held), "Move", "Move"),
        (Some(committed), "Answer", "ReservationCommitted"),
        (Some(released), "ReservationReleased", "Answer"),
        (Some(cancelled), "ReservationReleased", "Answer"),
    ];
    for (state, on_commit, on_release) in table {
        let found = state.map(reservation);
        let on = |decision| decide_step(Reservation::on_decision(found.as_ref(), decision));
        assert_eq!(on(Decision::Commit), on_commit, "{found:?}, commit");
        assert_eq!(on(Decision::Release), on_release, "{found:?}, release");
    }
}

#[test]
fn a_hold_is_applied_only_for_the_attempt_that_made_the_reservation() {
    let hold = held();
    let attempt = Attempt { hold: hold.id, ..attempt() };
    let decision = Id::new(at(5));
    let table = [
        (State::Reserving(attempt), Verdict::Pending),
        (State::Void, Verdict::Discarded),
        (State::Held(hold.clone()), Verdict::Applied),
        (State::Committed { hold: hold.clone(), decision }, Verdict::Applied),
        (State::Released { hold: hold.clone(), decision }, Verdict::Applied),
    ];
    for (state, own) in table {
        let reservation = reservation(state);
        let state = reservation.state.name();
        assert_eq!(reservation.verdict(&movement(hold.id, MovementKind::Hold)), own, "{state:?}");
        let other = reservation.verdict(&movement(Id::new(at(2)), MovementKind::Hold));
        assert_eq!(other, Verdict::Discarded, "{state:?}, another attempt");
    }
}

#[test]
fn an_attempt_that_a_release_ended_has_no_hold_that_is_applied() {
    let attempt = attempt();
    let hold = attempt.hold;
    let ended = attempt.cancelled(at(1));
    assert_eq!((&ended.state, ended.state.name()), (&State::Cancelled { currency: Some(usd()) }, StateName::Released));
    assert_eq!(ended.verdict(&movement(hold, MovementKind::Hold)), Verdict::Discarded);
}

#[test]
fn of_several_decisions_only_the_recorded_one_is_applied() {
    for (decision, loser) in [(Decision::Commit, MovementKind::Release), (Decision::Release, MovementKind::Commit)] {
        let (id, kind) = (Id::new(at(5)), decision.movement());
        let decided = reservation(decision.state(held(), id));
        assert_eq!(decided.state.name(), decision.name());
        assert_eq!(decided.verdict(&movement(id, kind)), Verdict::Applied);
        assert_eq!(decided.verdict(&movement(Id::new(at(6)), kind)), Verdict::Discarded);
        assert_eq!(decided.verdict(&movement(Id::new(at(6)), loser)), Verdict::Discarded);
        let open = reservation(State::Held(held()));
        assert_eq!(open.verdict(&movement(id, kind)), Verdict::Pending);
    }
}

#[test]
fn lines_of_one_sku_are_summed_and_sorted() {
    let lines = vec![line("B", 2), line("A", 1), line("B", 3)];
    let request = ReservationRequest { currency: usd(), lines };
    assert_eq!(request.basket(), Basket { currency: usd(), lines: vec![line("A", 1), line("B", 5)] });
    assert_eq!(request.position(&"B".parse().unwrap()), 0);
    assert_eq!(request.position(&"A".parse().unwrap()), 1);
}

#[test]
fn states_and_movements_are_written_as_they_are_read() {
    for state in StateName::VARIANTS {
        let state: StateName = serde_json::from_value((*state).into()).unwrap();
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
    for kind in [MovementKind::Hold, MovementKind::Commit, MovementKind::Release] {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
}
