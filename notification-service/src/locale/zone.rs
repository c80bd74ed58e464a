//! Time zones by their IANA names. The crate `jiff` embeds the database, since a function's image may have none.

use std::{fmt, str::FromStr};

use common::{input::Refusal, timestamp::Timestamp};
use jiff::tz::TimeZone;
use time::{OffsetDateTime, UtcOffset};

/// A time zone.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// UTC.
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The name in the IANA database.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The local date and time at a moment.
    pub(super) fn local(&self, moment: Timestamp) -> OffsetDateTime {
        let utc = moment.to_offset();
        // jiff's range ends some hours before the last day of 9999; later moments are shown in UTC.
        let seconds = jiff::Timestamp::from_millisecond(moment.unix_millis()).map(|at| self.0.to_offset(at).seconds());
        let offset = seconds.ok().and_then(|seconds| UtcOffset::from_whole_seconds(seconds).ok());
        offset.and_then(|offset| utc.checked_to_offset(offset)).unwrap_or(utc)
    }
}

impl FromStr for Zone {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal = || Refusal::new("unknown_time_zone", "must be a name of the IANA database such as Europe/Berlin");
        TimeZone::get(text).map(Self).map_err(|_| refusal())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The local time in a zone, with its offset from UTC.
    fn shown(zone: &str, moment: &str) -> String {
        let local = zone.parse::<Zone>().unwrap().local(moment.parse().unwrap());
        format!("{} {}:{:02} {}", local.date(), local.hour(), local.minute(), local.offset())
    }

    #[test]
    fn clocks_change_with_the_season_and_the_place() {
        for (zone, moment, clock) in [
            ("UTC", "2026-11-22T23:30:00Z", "2026-11-22 23:30 +00:00:00"),
            ("Europe/Berlin", "2026-11-22T23:30:00Z", "2026-11-23 0:30 +01:00:00"),
            ("Europe/Berlin", "2026-07-22T22:30:00Z", "2026-07-23 0:30 +02:00:00"),
            // The hour that comes twice.
            ("Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25 2:30 +02:00:00"),
            ("Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25 2:30 +01:00:00"),
            ("America/New_York", "2026-11-22T03:30:00Z", "2026-11-21 22:30 -05:00:00"),
            ("Asia/Kathmandu", "2026-11-22T18:15:00Z", "2026-11-23 0:00 +05:45:00"),
            ("Pacific/Kiritimati", "2026-11-22T10:00:00Z", "2026-11-23 0:00 +14:00:00"),
            ("Europe/Berlin", "9999-12-31T23:59:59Z", "9999-12-31 23:59 +00:00:00"),
        ] {
            assert_eq!(shown(zone, moment), clock, "{zone} {moment}");
        }
    }

    #[test]
    fn a_zone_is_named_as_in_the_database() {
        for (text, name) in [
            ("europe/berlin", "Europe/Berlin"),
            ("UTC", "UTC"),
            ("America/Argentina/Ushuaia", "America/Argentina/Ushuaia"),
        ] {
            assert_eq!(text.parse::<Zone>().unwrap().name(), name);
        }
        for text in ["", "Berlin", "CET/CEST", "+01:00", "Europe/Berlin ", "../etc/passwd"] {
            assert!(text.parse::<Zone>().is_err(), "{text:?} was taken");
        }
    }
}
