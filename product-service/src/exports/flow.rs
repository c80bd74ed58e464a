//! The steps of writing an export. The queue and the sweep share them; each can be repeated, and several may do it at once.

use std::time::Instant;

use common::timestamp::Timestamp;
use futures_util::FutureExt;

use super::{
    domain::{Export, ExportId, FILE_PRODUCTS, FILE_SIZE, File, State, marker_key, parse_marker_key},
    store,
};
use crate::{
    app::App,
    categories::store as category_store,
    error::Error,
    ids::ProductId,
    imports::domain::CONTENT_TYPE,
    jobs::{self, SWEEP_LIMIT, Swept},
    products::{domain::ProductLine, store as product_store},
};

/// How many products one query reads.
const PAGE: usize = 200;
/// Creates an export, and a marker object in the bucket whose notification starts it. Without the marker the sweep starts it.
pub(super) async fn begin(app: &App, now: Timestamp) -> Result<Export, Error> {
    let export = Export::new(now);
    store::insert(&app.db, &export).await?;
    if let Err(error) = app.bucket.put_marker(&marker_key(export.id)).await {
        tracing::warn!(%error, export_id = %export.id, "export marker not written; the sweep starts the export");
    }
    Ok(export)
}

/// Handles the bucket's notification that an object was created: runs the export that a marker names until `until` at most.
/// Answers whether the export is done.
pub(crate) async fn on_object_created(app: &App, object: &str, until: Instant, now: Timestamp) -> Result<bool, Error> {
    match parse_marker_key(object) {
        Some(id) => work(app, id, until, now).await,
        None => Ok(true),
    }
}

/// Runs exports whose lease is free, within a limit of time; several sweeps may run at once.
pub async fn sweep(app: &App, now: Timestamp) -> Result<Swept, Error> {
    let waiting = store::find_waiting(&app.db, now, SWEEP_LIMIT).await?;
    Ok(jobs::sweep("export", waiting, |id, until| work(app, id, until, now).boxed()).await)
}

/// Runs an export until `until`, at least one file of it. Answers whether the export is done.
pub async fn work(app: &App, id: ExportId, until: Instant, now: Timestamp) -> Result<bool, Error> {
    let began = Instant::now();
    let Some(mut export) = store::acquire_lease(&app.db, id, now).await? else {
        let export = store::find(&app.db, id).await?;
        return Ok(export.is_none_or(|export| export.state == State::Done));
    };
    loop {
        let after = Export { updated_at: now.plus(began.elapsed()), ..write_file(app, &export).await? };
        if !store::advance(&app.db, &export, &after).await? {
            return Ok(false);
        }
        export = after;
        if export.state == State::Done {
            return Ok(true);
        }
        if Instant::now() >= until {
            store::release_lease(&app.db, &export, now.plus(began.elapsed())).await?;
            return Ok(false);
        }
    }
}

/// Writes the next file. Answers the export with that file.
async fn write_file(app: &App, export: &Export) -> Result<Export, Error> {
    let Lines { text, products, last, is_end } = read_lines(app, export.after).await?;
    let mut after = export.clone();
    if is_end {
        after.state = State::Done;
    }
    if products > 0 {
        let key = export.next_key();
        let file = File { key, products: count(products), size: count(text.len()) };
        app.bucket.put(&file.key, CONTENT_TYPE, text).await?;
        after.files.push(file);
        after.after = last;
    }
    Ok(after)
}

/// Products, one a line.
struct Lines {
    text: Vec<u8>,
    products: usize,
    last: Option<ProductId>,
    /// There are no more.
    is_end: bool,
}

/// The next products, as many as go into a file.
async fn read_lines(app: &App, after: Option<ProductId>) -> Result<Lines, Error> {
    let tree = category_store::tree(&app.db).await?;
    let mut lines = Lines { text: Vec::new(), products: 0, last: after, is_end: false };
    while !lines.is_end && lines.products < FILE_PRODUCTS && lines.text.len() < FILE_SIZE {
        let page = product_store::unarchived(&app.db, lines.last, PAGE).await?;
        lines.is_end = page.len() < PAGE;
        lines.products += page.len();
        for product in page {
            lines.last = Some(product.id);
            let line = serde_json::to_vec(&ProductLine::new(product, &tree));
            lines.text.extend(line.map_err(common::problem::Problem::internal)?);
            lines.text.push(b'\n');
        }
    }
    Ok(lines)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
