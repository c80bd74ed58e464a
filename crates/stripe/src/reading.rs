//! Members of Stripe's answers that have more forms than one.

use serde::{Deserialize, Deserializer};

/// A reference that Stripe writes as an id, or as the object itself when it was asked to expand it.
pub(crate) fn reference<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Reference<T> {
        Id(T),
        Object { id: T },
    }
    let reference = Option::<Reference<T>>::deserialize(deserializer)?;
    Ok(reference.map(|(Reference::Id(id) | Reference::Object { id })| id))
}

/// A member that may be `null` where Stripe's types say that it is not.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
