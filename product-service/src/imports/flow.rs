//! The steps of running an import. The queue and the sweep share them; each can be repeated, and several processes may try the
//! same one.

use std::{collections::HashMap, time::Instant};

use common::timestamp::Timestamp;
use futures_util::FutureExt;

use super::{
    apply::{ImportLine, apply, find_known},
    domain::{
        Batch, CHUNK_SIZE, Chunk, Import, ImportId, MAX_REPORTED, Outcome, Refused, State, key, mismatch, parse_key,
    },
    store,
};
use crate::{
    app::App,
    bucket::object::PresignedPost,
    categories::store as category_store,
    error::Error,
    jobs::{self, SWEEP_LIMIT, Swept},
    products::domain::Product,
    slug::Slug,
};

/// Grants an import.
pub(super) async fn grant(app: &App, now: Timestamp) -> Result<(Import, PresignedPost), Error> {
    let import = Import::grant(now);
    // Signed before it is saved: without credentials there is nothing to undo.
    let form = app.bucket.presigned_post(&import.policy(&key(import.id)), now).await?;
    store::insert(&app.db, &import).await?;
    Ok((import, form))
}

/// Starts an import whose file has arrived; one that was started before stays as it is.
pub(super) async fn start(app: &App, id: ImportId, now: Timestamp) -> Result<Import, Error> {
    let import = store::find(&app.db, id).await?.ok_or(Error::NotFound)?;
    if import.state == State::Pending {
        let object = app.bucket.head(&key(id)).await?.ok_or(Error::NotUploaded)?;
        match mismatch(&object) {
            None => store::set_running(&app.db, id, object.size, object.e_tag, now).await?,
            Some(reason) => store::set_failed(&app.db, id, &reason, now).await?,
        }
        return store::find(&app.db, id).await?.ok_or(Error::NotFound);
    }
    Ok(import)
}

/// Handles the bucket's notification that a file has arrived: runs its import until `until` at most. Answers whether the import
/// has ended.
pub(crate) async fn on_object_created(app: &App, object: &str, until: Instant, now: Timestamp) -> Result<bool, Error> {
    let Some(id) = parse_key(object) else { return Ok(true) };
    match start(app, id, now).await {
        Ok(import) if import.state.is_over() => Ok(true),
        Ok(_) => work(app, id, until, now).await,
        // No import has the file, or it was deleted meanwhile: a retry would change nothing.
        Err(Error::NotUploaded | Error::NotFound) => {
            tracing::info!(import_id = %id, "bucket notification ignored: import or file deleted");
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

/// Runs imports whose lease is free, within a limit of time; several sweeps may run at once.
pub async fn sweep(app: &App, now: Timestamp) -> Result<Swept, Error> {
    let waiting = store::find_waiting(&app.db, now, SWEEP_LIMIT).await?;
    Ok(jobs::sweep("import", waiting, |id, until| work(app, id, until, now).boxed()).await)
}

/// Runs an import until `until`, at least one batch of it. Answers whether the import has ended.
pub async fn work(app: &App, id: ImportId, until: Instant, now: Timestamp) -> Result<bool, Error> {
    let Some(import) = store::acquire_lease(&app.db, id, now).await? else {
        let import = store::find(&app.db, id).await?;
        return Ok(import.is_none_or(|import| import.state.is_over()));
    };
    let mut worker = Worker { app, import, until, began: Instant::now(), now };
    while let Some(bytes) = worker.read_chunk().await? {
        if !worker.work_off(&bytes).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Runs an import whose lease it holds.
struct Worker<'a> {
    app: &'a App,
    import: Import,
    until: Instant,
    began: Instant,
    /// The time at which it began.
    now: Timestamp,
}

impl Worker<'_> {
    /// The next chunk of the file; `None` when the import has ended.
    async fn read_chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let offset = self.import.position.offset;
        let count = CHUNK_SIZE.min(self.import.size.unwrap_or(0) - offset);
        if self.import.state.is_over() || count <= 0 {
            return Ok(None);
        }
        let failed = match self.app.bucket.get_range(&key(self.import.id), offset, count).await? {
            Some(chunk) if chunk.e_tag != self.import.e_tag => "The file was replaced while it was imported.",
            Some(chunk) => return Ok(Some(chunk.bytes)),
            None => "The file was deleted before all of it was imported.",
        };
        let after = Import { state: State::Failed, reason: Some(failed.to_owned()), ..self.import.clone() };
        self.save(after, &[]).await?;
        Ok(None)
    }

    /// Applies all whole lines of a chunk; `false` when the time is over, or another process has acquired the lease.
    async fn work_off(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        let begins_at = self.import.position.offset;
        loop {
            let from = usize::try_from(self.import.position.offset - begins_at).unwrap_or(usize::MAX);
            let rest = bytes.get(from..).unwrap_or_default();
            let read_to = begins_at + i64::try_from(bytes.len()).unwrap_or(i64::MAX);
            let is_last = self.import.size.is_some_and(|size| read_to >= size);
            // Lines that a process before may have begun to apply come first, and count as what it had planned.
            let limit = Some(self.import.planned.len()).filter(|planned| *planned > 0);
            let batch = Batch::read(Chunk { bytes: rest, is_last }, self.import.position, limit);
            if batch.end == self.import.position {
                return Ok(true);
            }
            if !Box::pin(self.work_off_batch(batch)).await? {
                return Ok(false);
            }
            if !self.import.state.is_over() && Instant::now() >= self.until {
                store::release_lease(&self.app.db, &self.import, self.moment()).await?;
                return Ok(false);
            }
        }
    }

    /// Applies a batch, at least one line of it; `false` when another process has acquired the lease.
    async fn work_off_batch(&mut self, batch: Batch) -> Result<bool, Error> {
        let tree = category_store::tree(&self.app.db).await?;
        let lines: Vec<ImportLine> = batch.lines.into_iter().map(|line| ImportLine::new(line, &tree)).collect();
        let mut known = find_known(self.app, &lines).await?;
        if self.import.planned.is_empty() && !self.plan(&lines, &known).await? {
            return Ok(false);
        }
        let mut after = Import { position: batch.end, ..self.import.clone() };
        let mut refused = Vec::new();
        let mut next = lines.into_iter().enumerate().peekable();
        while let Some((at, line)) = next.next() {
            let found = match line.product {
                Ok(new) => {
                    let known = known.remove(&new.slug);
                    Box::pin(apply(self.app, &tree, new, known, self.moment())).await?
                }
                Err(errors) => Err(errors),
            };
            let outcome = *found.as_ref().unwrap_or(&Outcome::Refused);
            if let Err(errors) = found
                && after.counts.refused < MAX_REPORTED
            {
                refused.push(Refused::new(line.end.line, errors));
            }
            after.counts.add(Outcome::counted(self.import.planned.get(at).copied(), outcome));
            if next.peek().is_some() && Instant::now() >= self.until {
                after.position = line.end;
                break;
            }
        }
        if after.ends_at(after.position) {
            after.state = State::Done;
        }
        self.save(after, &refused).await
    }

    /// Saves the planned outcomes of the lines if any of them changes a product; `false` when another process has acquired the
    /// lease.
    async fn plan(&mut self, lines: &[ImportLine], known: &HashMap<Slug, Product>) -> Result<bool, Error> {
        let planned: Vec<Outcome> = lines.iter().map(|line| line.outcome(known, self.moment())).collect();
        let writes = planned.iter().any(|outcome| matches!(outcome, Outcome::Created | Outcome::Changed));
        if writes && !store::set_planned(&self.app.db, &self.import, &planned).await? {
            return Ok(false);
        }
        self.import.planned = planned;
        Ok(true)
    }

    /// Saves the progress of the import; `false` when another process has acquired the lease.
    async fn save(&mut self, after: Import, refused: &[Refused]) -> Result<bool, Error> {
        let after = Import { updated_at: self.moment(), planned: Vec::new(), ..after };
        if !store::advance(&self.app.db, &self.import, &after, refused).await? {
            return Ok(false);
        }
        self.import = after;
        Ok(true)
    }

    fn moment(&self) -> Timestamp {
        self.now.plus(self.began.elapsed())
    }
}
