//! The id of an account, which every room uses. Pure; imports no room.

use common::id::Id;

/// Marks the id of an account.
#[derive(Debug)]
pub enum UserMarker {}
/// The id of an account.
pub type UserId = Id<UserMarker>;
