//! Ids: UUIDs typed by what they identify, so that the id of an address cannot be passed as that of an order.

use std::{fmt, hash::Hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::KnownFormat, schema::SchemaFormat, schema::Type},
};
use uuid::{ContextV7, Timestamp as UuidTime, Uuid};

use crate::{input::refusal::Refusal, timestamp::Timestamp};

/// The id of an `Of`: a UUID, version 7 when the service makes it, so that ids sort by the time they were made.
///
/// `Of` is only a label: the type of the thing itself (`type ImageId = Id<Image>`), or, where the crate has no such
/// type or several rooms name the id, an empty enum (`pub enum OrderMarker {}`).
pub struct Id<Of>(Uuid, PhantomData<fn() -> Of>);

impl<Of> Id<Of> {
    /// A new id for something that is made `now`.
    pub fn new(now: Timestamp) -> Self {
        let millis = now.unix_millis().unsigned_abs();
        let nanos = u32::try_from(millis % 1000).unwrap_or(0) * 1_000_000;
        let time = UuidTime::from_unix(ContextV7::new(), millis / 1000, nanos);
        Self::from(Uuid::new_v7(time))
    }

    /// The bare UUID, for drivers of stores.
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl<Of> From<Uuid> for Id<Of> {
    fn from(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }
}

impl<Of> FromStr for Id<Of> {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        // Only the hyphenated form, so that an id has one spelling.
        let id: Result<uuid::fmt::Hyphenated, _> = text.parse();
        id.map(|id| Self::from(id.into_uuid())).map_err(|_| Refusal::new("invalid_id", "must be a UUID"))
    }
}

impl<Of> fmt::Display for Id<Of> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<Of> fmt::Debug for Id<Of> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// Derives would require that `Of` implements these too.
impl<Of> Clone for Id<Of> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<Of> Copy for Id<Of> {}
impl<Of> PartialEq for Id<Of> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<Of> Eq for Id<Of> {}
impl<Of> PartialOrd for Id<Of> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<Of> Ord for Id<Of> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<Of> Hash for Id<Of> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<Of> Serialize for Id<Of> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, Of> Deserialize<'de> for Id<Of> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl<Of> PartialSchema for Id<Of> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
            .examples(["01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d"])
            .into()
    }
}

impl<Of> ToSchema for Id<Of> {
    fn name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Thing {}

    #[test]
    fn ids_sort_by_the_time_they_were_made() {
        let earlier = Id::<Thing>::new(Timestamp::from_unix_millis(1_700_000_000_001).unwrap());
        let later = Id::<Thing>::new(Timestamp::from_unix_millis(1_700_000_000_002).unwrap());
        assert!(earlier < later);
        assert_eq!(earlier.uuid().get_version_num(), 7);
    }

    #[test]
    fn an_id_has_one_spelling() {
        assert!("01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d".parse::<Id<Thing>>().is_ok());
        for refused in ["", "7", "01938f6e2b7c7d3a9c415f0e8a1b2c3d", "{01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d}"] {
            assert_eq!(refused.parse::<Id<Thing>>().map_err(|refusal| refusal.code), Err("invalid_id"), "{refused}");
        }
    }
}
