//! The channels of notifications.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::input::{Fields, Refusal};

/// Channel of a notification.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, Display, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Channel {
    /// E-mail.
    Email,
    /// Text message.
    Sms,
}

impl Channel {
    /// The name on the wire and in stores.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl FromStr for Channel {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let known = Self::VARIANTS.iter().copied().find(|channel| channel.as_str() == text);
        known.ok_or_else(|| Refusal::new("unknown_channel", "must be email or sms"))
    }
}

const REPEATED: &str = "repeated";

/// Channels of notifications: e-mail, text message, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Vec<Channel>", into = "Vec<Channel>")]
#[schema(value_type = Vec<Channel>, min_items = 1, max_items = 2, examples(json!(["email", "sms"])))]
pub struct Channels(Set);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Email,
    Sms,
    Both,
}

impl Channels {
    /// E-mail alone.
    pub const EMAIL: Self = Self(Set::Email);

    /// Each channel, e-mail first.
    pub fn each(self) -> &'static [Channel] {
        match self.0 {
            Set::Email => &[Channel::Email],
            Set::Sms => &[Channel::Sms],
            Set::Both => &[Channel::Email, Channel::Sms],
        }
    }

    /// Whether the channel is one of them.
    pub fn contains(self, channel: Channel) -> bool {
        self.each().contains(&channel)
    }

    /// These channels and one more.
    #[must_use]
    pub fn with(self, channel: Channel) -> Self {
        if self.contains(channel) { self } else { Self(Set::Both) }
    }

    /// The names to store.
    pub fn names(self) -> Vec<&'static str> {
        self.each().iter().map(|channel| channel.as_str()).collect()
    }

    /// Reads a member that is a set of channels and may be absent or `null`.
    pub fn read(fields: &mut Fields<'_>, name: &str) -> Option<Option<Self>> {
        let Some(channels) = fields.optional_texts::<Channel>(name, 2)? else { return Some(None) };
        match Self::try_from(channels) {
            Ok(channels) => Some(Some(channels)),
            Err(refusal) if refusal.code == REPEATED => {
                fields.refuse_below(&format!("/{name}/1"), refusal.code, refusal.message)
            }
            Err(refusal) => fields.refuse(name, refusal.code, refusal.message),
        }
    }
}

/// E-mail alone: text messages need consent.
impl Default for Channels {
    fn default() -> Self {
        Self::EMAIL
    }
}

impl TryFrom<Vec<Channel>> for Channels {
    type Error = Refusal;

    fn try_from(channels: Vec<Channel>) -> Result<Self, Refusal> {
        match channels[..] {
            [Channel::Email] => Ok(Self(Set::Email)),
            [Channel::Sms] => Ok(Self(Set::Sms)),
            [Channel::Email, Channel::Sms] | [Channel::Sms, Channel::Email] => Ok(Self(Set::Both)),
            [] => Err(Refusal::new("too_few", "must name at least one channel")),
            [_, _, ..] => Err(Refusal::new(REPEATED, "is named twice")),
        }
    }
}

/// Reads stored names.
impl TryFrom<Vec<String>> for Channels {
    type Error = Refusal;

    fn try_from(names: Vec<String>) -> Result<Self, Refusal> {
        let channels: Result<Vec<Channel>, _> = names.iter().map(|name| name.parse()).collect();
        channels?.try_into()
    }
}

impl From<Channels> for Vec<Channel> {
    fn from(channels: Channels) -> Self {
        channels.each().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::input::FromFields;

    struct Wish(Option<Channels>);

    impl FromFields for Wish {
        fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
            Channels::read(fields, "notify_by").map(Self)
        }
    }

    fn read(notify_by: &Value) -> Result<Value, String> {
        let read = Fields::read::<Wish>(json!({ "notify_by": notify_by }));
        let refused = |errors: crate::problem::FieldErrors| {
            errors.iter().map(|error| format!("{} {}", error.pointer, error.code)).collect::<Vec<_>>().join(", ")
        };
        read.map(|wish| json!(wish.0)).map_err(refused)
    }

    #[test]
    fn channels_are_a_set_that_is_not_empty_and_is_written_in_one_order() {
        assert_eq!(read(&json!(["email"])), Ok(json!(["email"])));
        assert_eq!(read(&json!(["sms"])), Ok(json!(["sms"])));
        assert_eq!(read(&json!(["sms", "email"])), Ok(json!(["email", "sms"])));
        assert_eq!(read(&Value::Null), Ok(Value::Null));
        for (refused, why) in [
            (json!([]), "/notify_by too_few"),
            (json!(["sms", "sms"]), "/notify_by/1 repeated"),
            (json!(["email", "sms", "email"]), "/notify_by too_many"),
            (json!(["pigeon"]), "/notify_by/0 unknown_channel"),
            (json!("sms"), "/notify_by wrong_type"),
        ] {
            assert_eq!(read(&refused), Err(why.to_owned()), "{refused}");
        }
    }

    #[test]
    fn channels_are_read_as_they_are_stored() {
        for channels in [Channels::EMAIL, Channels(Set::Sms), Channels(Set::Both)] {
            let stored: Vec<String> = channels.names().into_iter().map(str::to_owned).collect();
            assert_eq!(Channels::try_from(stored), Ok(channels));
            assert_eq!(serde_json::from_value::<Channels>(json!(channels)).unwrap(), channels);
        }
        assert_eq!(Channels::EMAIL.with(Channel::Sms).names(), ["email", "sms"]);
        assert_eq!(Channels(Set::Sms).with(Channel::Sms).names(), ["sms"]);
    }
}
