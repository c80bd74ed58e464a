//! What a vendor's webhook comes to, whichever vendor it is.

use std::fmt;

use common::{
    contact::{Email, Phone},
    timestamp::Timestamp,
};

use crate::{
    notifications::domain::{Channel, DeliveryEvent, EventKey},
    providers::Name,
    suppressions::domain::Reason,
};

/// One thing that a vendor reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The vendor's own name for it, with the vendor's name in front: by this a repetition is known.
    pub id: String,
    /// Who reports it.
    pub provider: Name,
    /// When it happened, as the vendor says.
    pub at: Timestamp,
    /// Which of our messages it is about, and what happened to it. `None` where it is none that we know of.
    pub news: Option<(EventKey, DeliveryEvent)>,
    /// What it means for later messages.
    pub changes: Vec<Change>,
}

/// What a report changes about an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing is sent to it any more.
    Suppress {
        /// To what.
        address: Address,
        /// Why.
        reason: Reason,
    },
    /// Its owner wants messages again: what they stopped themselves goes on.
    Lift {
        /// To what.
        address: Address,
    },
}

/// Where a message goes.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// A mailbox.
    Email(Email),
    /// A telephone.
    Phone(Phone),
}

impl Address {
    /// The channel that it belongs to.
    pub fn channel(&self) -> Channel {
        match self {
            Self::Email(_) => Channel::Email,
            Self::Phone(_) => Channel::Sms,
        }
    }

    /// The same for all spellings of an address: capitals make no other mailbox.
    pub fn one_spelling(&self) -> String {
        match self {
            Self::Email(email) => email.as_str().to_lowercase(),
            Self::Phone(phone) => phone.e164().to_owned(),
        }
    }
}

/// Shows nobody's address.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.channel())
    }
}

/// The message that a vendor names by the event's id that we gave it; `None` for anything else that it says there.
pub fn key(event_id: Option<&str>, channel: Channel) -> Option<EventKey> {
    Some(EventKey { event_id: event_id?.parse().ok()?, channel })
}
