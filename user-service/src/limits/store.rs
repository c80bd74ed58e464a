//! Every query of limits.

use common::timestamp::Timestamp;
use sqlx::{PgExecutor, Postgres, postgres::PgArguments, query::QueryScalar};
use time::OffsetDateTime;

use super::domain::{Attempt, MOST_COUNTERS};

/// How many rows one sweep deletes at most.
const BATCH: i64 = 1_000;

/// One counter of an attempt, as a part of a `WITH`: it counts at the time `$1` under kind, key, limit and end of
/// window, which are the given parameters, if the condition holds. The count stops at one above the limit.
macro_rules! step {
    ($name:literal, $kind:literal, $key:literal, $most:literal, $ends:literal, $unless:literal) => {
        concat!(
            $name,
            " AS (INSERT INTO attempts AS known (kind, key, count, window_ends_at)
                 SELECT ",
            $kind,
            "::text, ",
            $key,
            "::bytea, 1, ",
            $ends,
            "::timestamptz
                 WHERE ",
            $kind,
            " IS NOT NULL",
            $unless,
            "
                 ON CONFLICT (kind, key) DO UPDATE SET
                     count = CASE WHEN known.window_ends_at <= $1 THEN 1
                                  ELSE LEAST(known.count, ",
            $most,
            "::int) + 1 END,
                     window_ends_at = CASE WHEN known.window_ends_at <= $1 THEN excluded.window_ends_at
                                           ELSE known.window_ends_at END
                 RETURNING count > ",
            $most,
            "::int AS is_over, window_ends_at)"
        )
    };
}

/// The parts of a `WITH` that counts an attempt and ends in `counted (refused_until)`, for the parameters of
/// [`Binding`]. Each step runs after the one before, and is left out when that one refuses.
macro_rules! counted {
    () => {
        concat!(
            crate::limits::store::step!("first", "$2", "$3", "$4", "$5", ""),
            ", ",
            crate::limits::store::step!(
                "second",
                "$6",
                "$7",
                "$8",
                "$9",
                " AND NOT EXISTS (SELECT FROM first WHERE is_over)"
            ),
            ", ",
            crate::limits::store::step!(
                "third",
                "$10",
                "$11",
                "$12",
                "$13",
                " AND NOT EXISTS (SELECT FROM first WHERE is_over UNION ALL SELECT FROM second WHERE is_over)"
            ),
            ", counted AS (SELECT max(window_ends_at) AS refused_until FROM (
                  SELECT * FROM first UNION ALL SELECT * FROM second UNION ALL SELECT * FROM third) AS step
                  WHERE is_over)"
        )
    };
}

pub(crate) use {counted, step};

/// The parameters of [`counted`], `$1` to `$13`.
#[derive(Debug)]
pub(crate) struct Binding<'a> {
    attempt: &'a Attempt,
    now: Timestamp,
}

impl<'a> Binding<'a> {
    pub(crate) fn new(attempt: &'a Attempt, now: Timestamp) -> Self {
        Self { attempt, now }
    }

    /// The first arguments of a query; its others follow from `$14`.
    pub(crate) fn arguments(&self) -> Result<PgArguments, sqlx::Error> {
        use sqlx::Arguments;
        let mut arguments = PgArguments::default();
        let mut add = || -> Result<(), sqlx::error::BoxDynError> {
            arguments.add(self.now.to_offset())?;
            for counter in self.attempt.counters() {
                arguments.add(counter.map(|counter| counter.kind.as_str()))?;
                arguments.add(counter.map(|counter| counter.key.to_vec()))?;
                arguments.add(counter.map(|counter| counter.most))?;
                arguments.add(counter.map(|counter| self.now.plus(counter.kind.window()).to_offset()))?;
            }
            Ok(())
        };
        add().map_err(sqlx::Error::Encode)?;
        Ok(arguments)
    }
}

const _: () = assert!(MOST_COUNTERS == 3, "the statement has three steps");

/// Counts an attempt in one statement; returns the time until which a counter refuses it, if one does.
pub async fn count(
    db: impl PgExecutor<'_>,
    attempt: &Attempt,
    now: Timestamp,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let count = concat!("WITH ", counted!(), " SELECT refused_until FROM counted");
    let arguments = Binding::new(attempt, now).arguments()?;
    let query: QueryScalar<'_, Postgres, Option<OffsetDateTime>, _> = sqlx::query_scalar_with(count, arguments);
    Ok(query.fetch_one(db).await?.map(Timestamp::from))
}

/// Deletes counters whose window has ended; returns how many.
pub async fn delete_old(db: impl PgExecutor<'_>, now: Timestamp) -> Result<u64, sqlx::Error> {
    // An array is computed once; `IN (SELECT ...)` may be planned to run again for every row, past the limit.
    let delete = "DELETE FROM attempts WHERE ctid = ANY (ARRAY(
                      SELECT ctid FROM attempts WHERE window_ends_at <= $1
                      ORDER BY window_ends_at LIMIT $2 FOR UPDATE SKIP LOCKED))";
    let done = sqlx::query(delete).bind(now.to_offset()).bind(BATCH).execute(db).await?;
    Ok(done.rows_affected())
}
