//! The profile of an account, and the changes that its owner can make.

use common::{
    contact::{Channel, Channels, Email, PersonName, Phone},
    input::{Fields, FromFields, Patch},
    problem::FieldError,
    timestamp::Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{ids::UserId, roles::Role};

/// An account, as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "email": "ada@example.com", "name": "Ada Lovelace", "phone": null,
    "notify_by": ["email"], "sms_consent_at": null, "role": "customer", "version": 1, "created_at": "2026-11-22T09:30:00.125Z", "updated_at": "2026-11-22T09:30:00.125Z"
}))]
pub struct Profile {
    /// Id of the account; the `sub` claim of its tokens is `user:<id>`.
    pub id: UserId,
    /// E-mail address: the login name, and the recipient of the account's mail.
    pub email: Email,
    /// Full name of the account's owner.
    #[schema(value_type = PersonName)]
    pub name: String,
    /// Phone number in E.164 form, with `;ext=` and an extension if it has one; `null` without a number.
    #[schema(value_type = Option<Phone>, required)]
    pub phone: Option<String>,
    /// Channels for notifications about orders.
    pub notify_by: Channels,
    /// When the owner agreed to text messages to this number; `null` without consent.
    #[schema(required)]
    pub sms_consent_at: Option<Timestamp>,
    /// Role, which decides the scopes of the account's tokens.
    pub role: Role,
    /// Version of the profile; grows by one with every change.
    pub version: i64,
    /// When the account was registered.
    pub created_at: Timestamp,
    /// When the profile was last changed.
    pub updated_at: Timestamp,
}

impl Profile {
    /// Checks the profile that `patch` produced: text messages need a number that takes them.
    pub fn check_texts(&self, patch: &ProfilePatch) -> Result<(), FieldError> {
        if !self.notify_by.contains(Channel::Sms) || !patch.is_about_texts() {
            return Ok(());
        }
        let phone = self.phone.clone().and_then(|phone| Phone::try_from(phone).ok());
        let refuse = |pointer, code, message| Err(FieldError::new(pointer, code, message));
        match (phone, &patch.phone) {
            (Some(phone), _) if phone.takes_texts() => Ok(()),
            (Some(_), Patch::Set(_)) => refuse("/phone", "takes_no_texts", NO_TEXTS),
            (Some(_), Patch::Keep | Patch::Remove) => refuse("/notify_by", "takes_no_texts", NO_TEXTS),
            (None, _) => refuse("/notify_by", "needs_phone", NEEDS_PHONE),
        }
    }
}

const NO_TEXTS: &str =
    "needs a phone number that takes text messages: one that its country assigns, without an extension";
/// The message of `needs_phone`.
pub const NEEDS_PHONE: &str = "can have sms only with a phone number";

/// A change of the caller's own profile: a JSON Merge Patch (RFC 7396).
#[derive(Debug, ToSchema)]
#[schema(example = json!({"name": "Ada King", "phone": "+44 (0)20 7946 0123", "notify_by": ["email", "sms"]}))]
pub struct ProfilePatch {
    /// Full name; unchanged when absent.
    #[schema(value_type = Option<PersonName>, nullable = false)]
    pub name: Option<PersonName>,
    /// Phone number; unchanged when absent. `null` removes it, and the consent to text messages with it.
    #[schema(value_type = Option<Phone>)]
    pub phone: Patch<Phone>,
    /// Channels for notifications about orders; unchanged when absent, `null` means e-mail alone. With `sms` the user
    /// agrees to text messages to their number.
    #[schema(value_type = Option<Channels>)]
    pub notify_by: Patch<Channels>,
}

impl ProfilePatch {
    /// Whether the patch changes nothing.
    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.phone == Patch::Keep && self.notify_by == Patch::Keep
    }
}

impl ProfilePatch {
    /// Whether the patch can change where text messages go.
    pub fn is_about_texts(&self) -> bool {
        self.phone != Patch::Keep || self.notify_by != Patch::Keep
    }

    /// The new channels; `None` keeps the current ones.
    pub fn channels(&self) -> Option<Channels> {
        match (&self.notify_by, &self.phone) {
            (Patch::Set(channels), _) => Some(*channels),
            // Consent ends with the number that it was given for.
            (Patch::Remove, _) | (Patch::Keep, Patch::Remove) => Some(Channels::EMAIL),
            (Patch::Keep, Patch::Keep | Patch::Set(_)) => None,
        }
    }
}

impl FromFields for ProfilePatch {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.replaced_text("name");
        let phone = fields.patch_text("phone");
        let notify_by = fields.patch("notify_by", |fields| Channels::read(fields, "notify_by")?);
        Some(Self { name: name?, phone: phone?, notify_by: notify_by? })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_tells_absent_from_null() {
        let read = |body| Fields::read::<ProfilePatch>(body);
        assert!(read(json!({})).unwrap().is_empty());
        assert_eq!(read(json!({"phone": null})).unwrap().phone, Patch::Remove);
        let errors = read(json!({"name": null, "phone": 5, "role": "admin"})).unwrap_err();
        let found: Vec<_> = errors.iter().map(|e| (e.pointer.as_str(), e.code.as_str())).collect();
        assert_eq!(found, [("/name", "required"), ("/phone", "wrong_type"), ("/role", "unknown_field")]);
    }
}
