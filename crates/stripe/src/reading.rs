//! Members of Stripe's answers that have more than one form.

use serde::{Deserialize, Deserializer};

/// Reads a reference: an id, or the object itself when the call expands it.
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

/// Reads a member that may be `null`, although Stripe's types exclude it.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
