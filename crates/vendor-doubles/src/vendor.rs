//! The vendors.

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// A vendor.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Vendor {
    /// SendGrid.
    Sendgrid,
    /// Twilio.
    Twilio,
    /// Amazon SES.
    Ses,
}

impl Vendor {
    /// As control routes name it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
