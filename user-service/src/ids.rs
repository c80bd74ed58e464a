//! The id of an account, which most rooms use. Pure; imports no room.

use common::id::Id;

/// Marks the id of an account.
#[derive(Debug)]
pub enum UserMarker {}
/// The id of an account.
pub type UserId = Id<UserMarker>;
