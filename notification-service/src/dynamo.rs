//! The one table in DynamoDB, with the helpers by which the stores of all rooms read and write items and transactions.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        transact_write_items::TransactWriteItemsError,
        update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    },
    types::{AttributeValue, CancellationReason, TableStatus},
};
use common::timestamp::Timestamp;

use crate::aws::{Aws, Failure};

/// The table of this service, with its client. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Dynamo {
    aws: Aws,
    table: String,
}

impl Dynamo {
    /// The table named `table`.
    pub fn new(aws: Aws, table: String) -> Self {
        Self { aws, table }
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The clients of AWS.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// The client, whose calls have the time limit of a request's step.
    pub(crate) async fn client(&self) -> &aws_sdk_dynamodb::Client {
        self.aws.dynamodb().await
    }

    /// Fails unless the table exists and accepts writes.
    pub async fn ping(&self) -> Result<(), Failure> {
        let described = self.client().await.describe_table().table_name(&self.table).send().await;
        match described.map_err(|error| Failure::of(&error))?.table.and_then(|table| table.table_status) {
            Some(TableStatus::Active | TableStatus::Updating) => Ok(()),
            _ => Err(Failure::Unavailable("the table is not ready".into())),
        }
    }
}

/// An item of a table.
pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn text(value: &impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

pub(crate) fn number(value: impl Into<i64>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

pub(crate) fn text_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub(crate) fn number_of(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// A timestamp, stored in milliseconds since 1970.
pub(crate) fn timestamp_of(item: &Item, name: &str) -> Option<Timestamp> {
    Timestamp::from_unix_millis(number_of(item, name)?)
}

/// The error of a write that lacks a member DynamoDB requires: a mistake in this program.
pub(crate) fn incomplete(error: impl std::error::Error) -> Failure {
    Failure::Refused(error.to_string())
}

/// How often a write that conflicted with a transaction is repeated, and the mean pause between tries. A request that is
/// repeated while its first try is ending writes the same item in a transaction.
const CONFLICTS: usize = 2;
const PAUSE: Duration = Duration::from_millis(30);

/// The code of a write that conflicted with another transaction.
pub(crate) const CONFLICT: &str = "TransactionConflict";

/// Whether a write may be repeated, because it conflicted with a transaction that is about to end. Pauses before it says so.
pub(crate) async fn may_repeat(conflicts: &mut usize, code: Option<&str>) -> bool {
    let is_conflict = code.is_some_and(|code| code.contains(CONFLICT));
    if !is_conflict || *conflicts >= CONFLICTS {
        return false;
    }
    *conflicts += 1;
    tokio::time::sleep(PAUSE.mul_f64(0.5 + fastrand::f64())).await;
    true
}

/// Makes a conditional update; `false` when its condition failed.
pub(crate) async fn update_if(update: UpdateItemFluentBuilder) -> Result<bool, Failure> {
    let mut conflicts = 0;
    loop {
        let Err(error) = update.clone().send().await else { return Ok(true) };
        if let Some(UpdateItemError::ConditionalCheckFailedException(_)) = error.as_service_error() {
            return Ok(false);
        }
        if !may_repeat(&mut conflicts, error.code()).await {
            return Err(Failure::of(&error));
        }
    }
}

/// The reasons for which a transaction was cancelled, in the order of its writes; `None` for any other error.
pub(crate) fn cancellations(error: &SdkError<TransactWriteItemsError>) -> Option<&[CancellationReason]> {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            Some(cancelled.cancellation_reasons())
        }
        _ => None,
    }
}

/// Whether the condition of a transaction's write failed.
pub(crate) fn is_condition_failed(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

/// Classifies a cancelled transaction none of whose conditions failed. `Ok` when it only conflicted with other transactions, so
/// that it may be repeated.
pub(crate) fn only_conflicts(reasons: &[CancellationReason]) -> Result<(), Failure> {
    let codes = || reasons.iter().filter_map(CancellationReason::code).filter(|code| *code != "None");
    match codes().find(|code| *code != CONFLICT) {
        None if codes().next().is_some() => Ok(()),
        Some(code @ ("ThrottlingError" | "ProvisionedThroughputExceeded")) => {
            Err(Failure::Unavailable(code.to_owned()))
        }
        code => Err(Failure::Refused(format!("the transaction was cancelled: {}", code.unwrap_or("no reason")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_repeated_only_after_conflicts_with_other_transactions() {
        let judged = |codes: &[&str]| {
            let reasons: Vec<_> = codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect();
            only_conflicts(&reasons)
        };
        assert_eq!(judged(&["None", CONFLICT]), Ok(()));
        for busy in ["ThrottlingError", "ProvisionedThroughputExceeded"] {
            assert_eq!(judged(&["None", busy]), Err(Failure::Unavailable(busy.into())));
            assert_eq!(judged(&[CONFLICT, busy]), Err(Failure::Unavailable(busy.into())));
        }
        for codes in [&["ValidationError", CONFLICT][..], &["None", "None"], &[]] {
            assert!(matches!(judged(codes), Err(Failure::Refused(_))), "{codes:?}");
        }
    }
}
