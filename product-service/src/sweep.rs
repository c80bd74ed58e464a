//! What the `sweep` trigger does: finishes or unwinds what a crash left half way, and follows what requests did. Bounded, and
//! safe to run many at once.

use common::timestamp::Timestamp;
use platform::{TriggerError, sweep::SweepReport};
use serde_json::Value;

use crate::{
    adjustments,
    app::{App, NAME},
    categories, exports, images, imports, inventory, reservations,
};

/// One sweep; says what it did.
pub async fn run(app: &App) -> Result<Value, TriggerError> {
    let now = Timestamp::now();
    let mut report = SweepReport::of(NAME);
    report.note("swept", reservations::sweep(&app.db, now).await);
    report.note("followed", categories::finish_tree_changes(&app.db, now).await);
    report.note("images", images::sweep(app, now).await);
    report.note("adjusted", adjustments::sweep(&app.db, now).await);
    report.note("stock", inventory::sweep(app, now).await);
    // Those that may take long come last.
    report.note("imports", imports::sweep(app, now).await);
    report.note("exports", exports::sweep(app, now).await);
    report.finish()
}
