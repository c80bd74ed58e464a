//! What a vendor's webhook comes to, whichever vendor it is.

use common::{contact::Channel, timestamp::Timestamp};

use crate::{
    event::EventKey,
    notifications::domain::DeliveryEvent,
    providers::Name,
    suppressions::domain::{Address, Reason},
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
    pub delivery_event: Option<(EventKey, DeliveryEvent)>,
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

/// The message that a vendor names by the event's id that we gave it; `None` for anything else that it says there.
pub fn key(event_id: Option<&str>, channel: Channel) -> Option<EventKey> {
    Some(EventKey { event_id: event_id?.parse().ok()?, channel })
}
