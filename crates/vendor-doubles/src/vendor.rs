//! Who is played.

use std::{fmt, str::FromStr};

use serde::Serialize;

/// Who is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Vendor {
    /// SendGrid.
    Sendgrid,
    /// Twilio.
    Twilio,
    /// Amazon SES.
    Ses,
}

impl Vendor {
    pub(crate) const ALL: [Self; 3] = [Self::Sendgrid, Self::Twilio, Self::Ses];

    /// As control routes name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sendgrid => "sendgrid",
            Self::Twilio => "twilio",
            Self::Ses => "ses",
        }
    }
}

impl FromStr for Vendor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|vendor| vendor.as_str() == text).ok_or(())
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
