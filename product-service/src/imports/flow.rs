//! The steps of working off an import. The queue and the sweep share them; each can be repeated, and several may do it at
//! once.

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
    jobs::{self, SWEEP_LIMIT, SweepReport},
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

/// Begins an import whose file has arrived; one that began before stays as it is.
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

/// Deals with a file that the bucket says has arrived: works it off until it is over or the time is. Whether nothing is
/// left to do.
pub(crate) async fn on_object_created(app: &App, object: &str, until: Instant, now: Timestamp) -> Result<bool, Error> {
    let Some(id) = parse_key(object) else { return Ok(true) };
    match start(app, id, now).await {
        Ok(import) if import.state.is_over() => Ok(true),
        Ok(_) => work(app, id, until, now).await,
        // Nobody's, or deleted in between: asking again changes nothing.
        Err(Error::NotUploaded | Error::NotFound) => {
            tracing::info!(import_id = %id, "import or its file gone");
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

/// Works off imports that nobody works on, within a limit of time; may run many at once.
pub async fn sweep(app: &App, now: Timestamp) -> Result<SweepReport, Error> {
    let waiting = store::find_waiting(&app.db, now, SWEEP_LIMIT).await?;
    Ok(jobs::sweep("import", waiting, |id, until| work(app, id, until, now).boxed()).await)
}

/// Works an import off until it is over or the time is, at least one batch of it. Whether it is over.
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

/// Whoever has an import's last attempt.
struct Worker<'a> {
    app: &'a App,
    import: Import,
    until: Instant,
    began: Instant,
    /// When it began.
    now: Timestamp,
}

impl Worker<'_> {
    /// The file from the import's place on; `None` when the import is over.
    async fn read_chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let offset = self.import.position.offset;
        let count = CHUNK_SIZE.min(self.import.size.unwrap_or(0) - offset);
        if self.import.state.is_over() || count <= 0 {
            return Ok(None);
        }
        let failed = match self.app.bucket.get_range(&key(self.import.id), offset, count).await? {
            Some(chunk) if chunk.e_tag != self.import.e_tag => "The file was exchanged while it was worked off.",
            Some(chunk) => return Ok(Some(chunk.bytes)),
            None => "The file was deleted before it was worked off.",
        };
        let after = Import { state: State::Failed, reason: Some(failed.to_owned()), ..self.import.clone() };
        self.save(after, &[]).await?;
        Ok(None)
    }

    /// Works off all whole lines of a part; false when the time is over, or somebody else has taken the import.
    async fn work_off(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        let begins_at = self.import.position.offset;
        loop {
            let from = usize::try_from(self.import.position.offset - begins_at).unwrap_or(usize::MAX);
            let rest = bytes.get(from..).unwrap_or_default();
            let read_to = begins_at + i64::try_from(bytes.len()).unwrap_or(i64::MAX);
            let is_last = self.import.size.is_some_and(|size| read_to >= size);
            // What somebody before had begun with is worked off first, and counted as what that was to do.
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

    /// Works off a batch, at least one line of it; false when somebody else has taken the import.
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

    /// Saves what the lines are to do, if that is anything; false when somebody else has taken the import.
    async fn plan(&mut self, lines: &[ImportLine], known: &HashMap<Slug, Product>) -> Result<bool, Error> {
        let planned: Vec<Outcome> = lines.iter().map(|line| line.outcome(known, self.moment())).collect();
        let writes = planned.iter().any(|outcome| matches!(outcome, Outcome::Created | Outcome::Changed));
        if writes && !store::set_planned(&self.app.db, &self.import, &planned).await? {
            return Ok(false);
        }
        self.import.planned = planned;
        Ok(true)
    }

    /// Saves how far the import has come; false when somebody else has taken it.
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
