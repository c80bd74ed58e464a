use common::id::Id;

use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_700_000_000_000 + millis).unwrap()
}

fn usd() -> Currency {
    "USD".parse().unwrap()
}

fn line(sku: &str, quantity: u32) -> LineItem {
    LineItem { sku: sku.parse().unwrap(), quantity }
}

fn reservation(state: State) -> Reservation {
    let hold = (state != State::Void).then(|| Id::new(at(0)));
    Reservation {
        order_id: Id::new(at(0)),
        state,
        currency: Some(usd()),
        basket: vec![line("A", 1)],
        lines: Vec::new(),
        hold,
        decision: None,
        lease_until: at(10_000),
        expires_at: at(86_400_000),
        created_at: at(0),
        updated_at: at(0),
    }
}

/// A step or the refusal's name, to compare whole tables.
fn said<T: std::fmt::Debug>(result: Result<T, Refused>) -> String {
    match result {
        Ok(step) => format!("{step:?}"),
        Err(error) => format!("{error:?}"),
    }
}

#[test]
fn the_state_table_holds_for_reserve() {
    let same = [line("A", 1)];
    let other = [line("A", 2)];
    let table = [
        (State::Void, at(0), "Replace", "Replace"),
        (State::Reserving, at(9_999), "ReservationInProgress", "ReservationInProgress"),
        (State::Reserving, at(10_000), "Unwind", "Unwind"),
        (State::Held, at(0), "Answer", "ReservationDiffers"),
        (State::Committed, at(0), "Answer", "ReservationDiffers"),
        (State::Released, at(0), "ReservationReleased", "ReservationReleased"),
    ];
    for (state, now, on_same, on_other) in table {
        let reservation = reservation(state);
        assert_eq!(said(reservation.on_reserve(&same, usd(), now)), on_same, "{state:?}, same lines");
        assert_eq!(said(reservation.on_reserve(&other, usd(), now)), on_other, "{state:?}, other lines");
    }
}

#[test]
fn another_currency_is_another_reservation() {
    let found = reservation(State::Held).on_reserve(&[line("A", 1)], "EUR".parse().unwrap(), at(0));
    assert_eq!(said(found), "ReservationDiffers");
}

#[test]
fn the_state_table_holds_for_commit_and_release() {
    let table = [
        (None, "NotFound", "Bury"),
        (Some(State::Void), "NotFound", "Bury"),
        (Some(State::Reserving), "ReservationInProgress", "End"),
        (Some(State::Held), "Move", "Move"),
        (Some(State::Committed), "Answer", "ReservationCommitted"),
        (Some(State::Released), "ReservationReleased", "Answer"),
    ];
    for (state, on_commit, on_release) in table {
        assert_eq!(said(Reservation::on_decision(state, Decision::Commit)), on_commit, "{state:?}, commit");
        assert_eq!(said(Reservation::on_decision(state, Decision::Release)), on_release, "{state:?}, release");
    }
}

#[test]
fn a_hold_is_applied_only_for_the_attempt_that_made_the_reservation() {
    let table = [
        (State::Reserving, Verdict::Pending),
        (State::Void, Verdict::Discarded),
        (State::Held, Verdict::Applied),
        (State::Committed, Verdict::Applied),
        (State::Released, Verdict::Applied),
    ];
    for (state, own) in table {
        let reservation = reservation(state);
        let movement = |id| reservation.movement(id, MovementKind::Hold, &line("A", 1), at(0));
        let mine = reservation.hold.unwrap_or_else(|| Id::new(at(1)));
        assert_eq!(reservation.verdict(&movement(mine)), own, "{state:?}");
        assert_eq!(reservation.verdict(&movement(Id::new(at(2)))), Verdict::Discarded, "{state:?}, another attempt");
    }
}

#[test]
fn an_attempt_that_a_release_ended_has_no_hold_that_is_applied() {
    let ended = Reservation { hold: None, ..reservation(State::Released) };
    let movement = ended.movement(Id::new(at(0)), MovementKind::Hold, &line("A", 1), at(0));
    assert_eq!(ended.verdict(&movement), Verdict::Discarded);
}

#[test]
fn of_several_decisions_only_the_recorded_one_is_applied() {
    for (state, kind, loser) in [
        (State::Committed, MovementKind::Commit, MovementKind::Release),
        (State::Released, MovementKind::Release, MovementKind::Commit),
    ] {
        let decided = Reservation { decision: Some(Id::new(at(5))), ..reservation(state) };
        let movement = |id, kind| decided.movement(id, kind, &line("A", 1), at(0));
        let id = decided.decision.unwrap();
        assert_eq!(decided.verdict(&movement(id, kind)), Verdict::Applied);
        assert_eq!(decided.verdict(&movement(Id::new(at(6)), kind)), Verdict::Discarded);
        assert_eq!(decided.verdict(&movement(Id::new(at(6)), loser)), Verdict::Discarded);
        let open = reservation(State::Held);
        assert_eq!(open.verdict(&movement(id, kind)), Verdict::Pending);
    }
}

#[test]
fn lines_of_one_sku_are_summed_and_sorted() {
    let lines = vec![line("B", 2), line("A", 1), line("B", 3)];
    let request = ReservationRequest { currency: usd(), lines };
    assert_eq!(request.basket(), [line("A", 1), line("B", 5)]);
    assert_eq!(request.position(&"B".parse().unwrap()), 0);
    assert_eq!(request.position(&"A".parse().unwrap()), 1);
}

#[test]
fn states_and_movements_are_written_as_they_are_read() {
    for state in [State::Reserving, State::Void, State::Held, State::Committed, State::Released] {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
    for kind in [MovementKind::Hold, MovementKind::Commit, MovementKind::Release] {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
}
