//! The data of mails about accounts.

use std::str::FromStr;

use common::{
    contact::AddressLine,
    input::{Fields, FromFields, Refusal},
    timestamp::Timestamp,
};
use utoipa::ToSchema;

use super::Link;

/// The data of `verify_email`, `password_reset` and `staff_invited`.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct LinkData {
    /// Link to the page of the shop where it is done; must be below `SHOP_URL`.
    pub link: Link,
    /// When the link expires.
    pub expires_at: Option<Timestamp>,
}

impl FromFields for LinkData {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let link = fields.text("link");
        let expires_at = fields.optional_text("expires_at");
        Some(Self { link: link?, expires_at: expires_at? })
    }
}

/// The data of `password_changed`.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct MomentData {
    /// When it happened.
    pub at: Timestamp,
}

impl FromFields for MomentData {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        fields.text("at").map(|at| Self { at })
    }
}

/// The data of `new_sign_in`.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct SignInData {
    /// When it happened.
    pub at: Timestamp,
    /// Description of the device. The person who signs in may have chosen it, so it must not contain a web address.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$",
        examples("Firefox on Windows"))]
    pub device: Option<AddressLine>,
    /// Approximate location. Must not contain a web address.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$",
        examples("Berlin, Germany"))]
    pub place: Option<AddressLine>,
}

impl FromFields for SignInData {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let at = fields.text("at");
        let device = fields.optional_text("device");
        let place = fields.optional_text("place");
        Some(Self { at: at?, device: device?, place: place? })
    }
}

/// The data of `email_changed`.
#[derive(Clone, PartialEq, Eq, ToSchema)]
pub struct EmailChangedData {
    /// When it happened.
    pub at: Timestamp,
    /// Which of the two addresses this mail goes to. Neither mail shows the other address.
    pub recipient_is: Side,
}

impl FromFields for EmailChangedData {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let at = fields.text("at");
        let recipient_is = fields.text("recipient_is");
        Some(Self { at: at?, recipient_is: recipient_is? })
    }
}

/// One of the two addresses of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case", as = EmailChangedSide)]
pub enum Side {
    /// The address that the account had.
    Old,
    /// The address that it has now.
    New,
}

impl FromStr for Side {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "old" => Ok(Self::Old),
            "new" => Ok(Self::New),
            _ => Err(Refusal::new("unknown_side", "must be old or new")),
        }
    }
}
