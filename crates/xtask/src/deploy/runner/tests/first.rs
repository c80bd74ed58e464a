//! Checks before a stage is made from nothing.

use super::*;

#[tokio::test]
async fn a_stage_that_lives_has_no_first_day_unless_that_is_asked_for() {
    let double = Double::new("user-service/release|fedcba9");
    let error = double.runner(None).step(&Step::Fresh).await.unwrap_err();
    assert!(format!("{error:#}").contains("dev lives: its user-service runs fedcba9"), "{error:#}");
    let mut runner = double.runner(None);
    runner.wanted.again = true;
    runner.step(&Step::Fresh).await.unwrap();
    Double::new("").runner(None).step(&Step::Fresh).await.unwrap();
}

#[tokio::test]
async fn an_account_without_room_for_reserved_concurrency_stops_with_the_request_to_make() {
    // Four services of the double with 20 each, and 100 that are not reserved.
    for (has, is_enough) in [("10", false), ("179", false), ("180", true), ("1000", true)] {
        let double = Double::new(&format!("get-account-settings|{has}"));
        let outcome = double.runner(None).step(&Step::Room).await;
        assert_eq!(outcome.is_ok(), is_enough, "{has}");
        let Err(error) = outcome else { continue };
        let asked = "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 \
                     --desired-value 1000 --region eu-central-1";
        assert!(format!("{error:#}").contains(asked), "{error:#}");
    }
}
