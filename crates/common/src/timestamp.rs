//! Moments: UTC, RFC 3339 on the wire with three digits of milliseconds, so that they sort as text, cut to milliseconds
//! when made, so that a value saved and read back is equal.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::{
    Duration, OffsetDateTime, UtcOffset,
    format_description::{StaticFormatDescription, well_known::Rfc3339},
    macros::{datetime, format_description},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::KnownFormat, schema::SchemaFormat, schema::Type},
};

use crate::input::Refusal;

/// The format of every moment, with a fixed length. `time`'s RFC 3339 omits trailing zeros, and `22.1Z` sorts after
/// `22.15Z`.
const WRITTEN: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// The first and the last moment that RFC 3339 can write in UTC.
const FIRST: OffsetDateTime = datetime!(0000-01-01 00:00:00 UTC);
const LAST: OffsetDateTime = datetime!(9999-12-31 23:59:59.999 UTC);

/// A moment in UTC with millisecond precision (what BSON dates hold; PostgreSQL holds more), of the years 0 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// The wall clock. Handlers call this once and hand the value to the domain, which has no clock.
    pub fn now() -> Self {
        Self::from(OffsetDateTime::now_utc())
    }

    /// 1 January 1970.
    pub const EPOCH: Self = Self(OffsetDateTime::UNIX_EPOCH);

    /// Milliseconds since 1970, or `None` outside the years that RFC 3339 can write.
    pub fn from_unix_millis(millis: i64) -> Option<Self> {
        Self::checked(OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()?)
    }

    /// Milliseconds since 1970.
    pub fn unix_millis(self) -> i64 {
        i64::try_from(self.0.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
    }

    /// Seconds since 1970, as JWTs count.
    pub fn unix_seconds(self) -> i64 {
        self.0.unix_timestamp()
    }

    /// The moment, cut to milliseconds; `None` outside the years 0 to 9999 in UTC, where a moment with another offset
    /// may be.
    fn checked(moment: OffsetDateTime) -> Option<Self> {
        let utc = moment.checked_to_offset(UtcOffset::UTC).filter(|utc| (0..=9999).contains(&utc.year()))?;
        Some(Self(utc.replace_millisecond(utc.millisecond()).unwrap_or(utc)))
    }

    /// This moment plus `duration`, at most the latest moment that can be written.
    #[must_use]
    pub fn plus(self, duration: std::time::Duration) -> Self {
        let duration = Duration::try_from(duration).unwrap_or(Duration::MAX);
        Self::from(self.0.saturating_add(duration))
    }

    /// This moment minus `duration`, at least the earliest moment that can be written.
    #[must_use]
    pub fn minus(self, duration: std::time::Duration) -> Self {
        let duration = Duration::try_from(duration).unwrap_or(Duration::MAX);
        Self::from(self.0.saturating_sub(duration))
    }

    /// The same moment in the `time` crate's type, which the PostgreSQL driver speaks.
    pub fn to_offset(self) -> OffsetDateTime {
        self.0
    }
}

/// Converts moments of clocks and stores; one out of range becomes the nearest that can be written.
impl From<OffsetDateTime> for Timestamp {
    fn from(moment: OffsetDateTime) -> Self {
        let end = if moment < OffsetDateTime::UNIX_EPOCH { FIRST } else { LAST };
        Self::checked(moment).unwrap_or(Self(end))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.format(WRITTEN).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

/// Reads every form of RFC 3339.
impl FromStr for Timestamp {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok().and_then(Self::checked);
        moment.ok_or_else(|| Refusal::new("invalid_timestamp", "must be a moment such as 2026-11-22T09:30:00.125Z"))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("A moment in UTC, always with three digits of milliseconds."))
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
    fn what_is_written_has_three_digits_of_milliseconds_and_sorts_as_text() {
        let millis = [0, 1, 10, 100, 120, 123, 150, 999, 1_000, 60_000, 1_700_000_000_100, 253_402_300_799_999];
        let written: Vec<String> = millis.map(|ms| Timestamp::from_unix_millis(ms).unwrap().to_string()).into();
        assert_eq!(written[0], "1970-01-01T00:00:00.000Z");
        assert_eq!(written[3], "1970-01-01T00:00:00.100Z");
        assert_eq!(written[10], "2023-11-14T22:13:20.100Z");
        assert_eq!(written[11], "9999-12-31T23:59:59.999Z");
        assert!(written.is_sorted(), "{written:?}");
        assert!(written.iter().all(|text| text.len() == "2026-11-22T09:30:00.125Z".len()), "{written:?}");
    }

    fn read(text: &str) -> Option<String> {
        serde_json::from_str::<Timestamp>(&format!("\"{text}\"")).ok().map(|moment| moment.to_string())
    }

    #[test]
    fn every_form_of_rfc_3339_is_read_and_one_is_written() {
        for (text, written) in [
            ("2026-11-22T09:30:00Z", "2026-11-22T09:30:00.000Z"),
            ("2026-11-22T09:30:00.1Z", "2026-11-22T09:30:00.100Z"),
            ("2026-11-22T09:30:00.1259999+01:00", "2026-11-22T08:30:00.125Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(written), "{text}");
        }
    }

    #[test]
    fn a_moment_that_utc_cannot_write_is_refused_and_never_a_panic() {
        for text in [
            "0000-01-01T00:00:00+23:59",
            "0000-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-23:59",
            "9999-12-31T23:59:00-00:01",
            "-0001-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "+262142-12-31T23:59:59Z",
            "",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        for millis in [i64::MIN, i64::MAX, 253_402_300_800_000, -62_167_219_200_001] {
            assert_eq!(Timestamp::from_unix_millis(millis), None, "{millis}");
        }
    }

    #[test]
    fn adding_or_taking_too_much_stays_at_the_last_or_first_moment() {
        let moment = Timestamp::from_unix_millis(0).unwrap();
        assert_eq!(moment.plus(std::time::Duration::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(moment.minus(std::time::Duration::MAX).to_string(), "0000-01-01T00:00:00.000Z");
        let far = datetime!(-9999-01-01 00:00 -23:59);
        assert_eq!(Timestamp::from(far).to_string(), "0000-01-01T00:00:00.000Z");
    }
}
