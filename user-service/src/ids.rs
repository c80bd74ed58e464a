//! The id of an account, which every room uses. Pure; imports no room.

use common::id::Id;

/// Labels ids of accounts.
#[derive(Debug)]
pub enum User {}

/// The id of an account.
pub type UserId = Id<User>;
