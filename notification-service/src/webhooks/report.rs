//! The content of a webhook, in one form for all vendors.

use common::{contact::Channel, timestamp::Timestamp};

use crate::{
    event::EventKey,
    notifications::domain::DeliveryEvent,
    providers::Name,
    suppressions::domain::{Address, Reason},
};

/// A report of a vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The vendor's name and its id of the report, by which a repetition is recognised.
    pub id: String,
    /// The vendor.
    pub provider: Name,
    /// When it happened, as the vendor says.
    pub at: Timestamp,
    /// The message that it is about, with the event. `None` where it names none of our messages.
    pub delivery_event: Option<(EventKey, DeliveryEvent)>,
    /// The changes of suppressions that follow from it.
    pub changes: Vec<Change>,
}

/// A change of an address's suppressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The address is suppressed.
    Suppress {
        /// The address.
        address: Address,
        /// The reason.
        reason: Reason,
    },
    /// The owner sent START: the reason `stop` is removed.
    Lift {
        /// The address.
        address: Address,
    },
}

/// The message with the event id that a vendor returns; `None` where that is not an id.
pub fn key(event_id: Option<&str>, channel: Channel) -> Option<EventKey> {
    Some(EventKey { event_id: event_id?.parse().ok()?, channel })
}
