//! What happens some time after a call: refunds that succeed or fail, disputes that are decided. It happens when the clock of
//! the double says so, as a part of the next call or of the advance of the clock.

use crate::{
    disputes, refunds,
    world::{Due, World},
};

/// Lets happen what is due, the oldest first.
pub(crate) fn settle(world: &mut World) {
    while let Some(due) = world.next_due() {
        // One that was settled by hand in the meantime cannot change any more.
        let _ = match due {
            Due::Refund { id, status } => refunds::settle(world, &id, status, None),
            Due::Dispute { id, outcome } => disputes::decide(world, &id, outcome),
        };
    }
}
