//! Moments: UTC, RFC 3339 on the wire, cut to milliseconds when made, so that a value saved and read back is equal.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::{Duration, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::KnownFormat, schema::SchemaFormat, schema::Type},
};

/// A moment in UTC with millisecond precision (what BSON dates hold; PostgreSQL holds more).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// The wall clock. Handlers call this once and hand the value to the domain, which has no clock.
    pub fn now() -> Self {
        Self::from(OffsetDateTime::now_utc())
    }

    /// 1970.
    pub const EPOCH: Self = Self(OffsetDateTime::UNIX_EPOCH);

    /// Milliseconds since 1970, or `None` outside the years that RFC 3339 can write.
    pub fn from_unix_millis(millis: i64) -> Option<Self> {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok().map(Self::from)
    }

    /// Milliseconds since 1970.
    pub fn unix_millis(self) -> i64 {
        i64::try_from(self.0.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
    }

    /// Seconds since 1970, as JWTs count.
    pub fn unix_seconds(self) -> i64 {
        self.0.unix_timestamp()
    }

    /// This moment plus `duration`; stays at the latest moment there is instead of overflowing.
    #[must_use]
    pub fn plus(self, duration: std::time::Duration) -> Self {
        let duration = Duration::try_from(duration).unwrap_or(Duration::MAX);
        Self(self.0.saturating_add(duration))
    }

    /// This moment less `duration`.
    #[must_use]
    pub fn minus(self, duration: std::time::Duration) -> Self {
        let duration = Duration::try_from(duration).unwrap_or(Duration::MAX);
        Self(self.0.saturating_sub(duration))
    }

    /// The same moment in the `time` crate's type, which the PostgreSQL driver speaks.
    pub fn to_offset(self) -> OffsetDateTime {
        self.0
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(moment: OffsetDateTime) -> Self {
        let utc = moment.to_offset(UtcOffset::UTC);
        Self(utc.replace_millisecond(utc.millisecond()).unwrap_or(utc))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.format(&Rfc3339).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        OffsetDateTime::parse(&text, &Rfc3339).map(Self::from).map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples(["2026-11-22T09:30:00.125Z"])
            .into()
    }
}

impl ToSchema for Timestamp {
    fn name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_cut_to_milliseconds_and_survives_the_wire() {
        let moment = Timestamp::from(OffsetDateTime::from_unix_timestamp_nanos(1_700_000_000_123_456_789).unwrap());
        let wire = serde_json::to_string(&moment).unwrap();
        assert_eq!(wire, "\"2023-11-14T22:13:20.123Z\"");
        assert_eq!(serde_json::from_str::<Timestamp>(&wire).unwrap(), moment);
        assert_eq!(Timestamp::from_unix_millis(moment.unix_millis()), Some(moment));
    }

    #[test]
    fn adding_too_much_stays_at_the_latest_moment() {
        let moment = Timestamp::from_unix_millis(0).unwrap();
        assert!(moment.plus(std::time::Duration::MAX) > moment);
    }
}
