//! The connection to MongoDB, made on first use, and what all writes share: conditional updates that end an ordered list of
//! writes when their condition does not hold.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{id::Id, timestamp::Timestamp};
use mongodb::{
    Client, Collection, Database, Namespace,
    bson::{DateTime, Document, doc},
    options::{
        ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, UpdateOneModel, WriteConcern, WriteModel,
    },
};
use platform::config::{Derived, Secret};

use crate::{
    error::Error,
    mongo_error::{refused_write, take_refusal},
};

/// How long to look for a server that answers, and to connect to it: less than the deadline of a request.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(2);
/// A function instance serves one request at a time, and a request runs at most two commands at once.
const CONNECTIONS: u32 = 4;

/// A frozen instance gets no notice that its sockets were closed: a connection that was idle for longer than this is not used
/// again.
const TRUSTED_IDLE: Duration = Duration::from_secs(30);

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mongo(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Derived from the URI, and again when the URI has changed.
    database: Derived<Database>,
}

impl Mongo {
    /// The database at `uri`, which names it; nothing is connected yet.
    pub fn new(uri: Secret) -> Self {
        Self(Arc::new(Inner { database: Derived::of(uri) }))
    }

    /// The database. After the server refused the credentials, the URI is fetched again first, because its password may have
    /// been rotated.
    pub async fn database(&self) -> Result<Database, Error> {
        if take_refusal() && self.0.database.was_refused().await {
            tracing::warn!("MongoDB refused the credentials; fetched the rotated ones");
        }
        self.0.database.get(|uri| async move { connect(&uri).await }).await
    }

    /// One of its collections.
    pub async fn collection<T: Send + Sync>(&self, name: &str) -> Result<Collection<T>, Error> {
        Ok(self.database().await?.collection(name))
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.database().await?.run_command(doc! { "ping": 1 }).await?;
        Ok(())
    }

    /// Carries out writes in order, in one command, and stops at the first that fails.
    pub async fn write_in_order(&self, writes: Vec<WriteModel>) -> Result<Written, Error> {
        if writes.is_empty() {
            return Ok(Written::All);
        }
        let database = self.database().await?;
        match database.client().bulk_write(writes).ordered(true).await {
            Ok(_) => Ok(Written::All),
            Err(error) => match refused_write(&error) {
                Some(index) => Ok(Written::Until(index)),
                None => Err(error.into()),
            },
        }
    }

    /// The full name of a collection, for writes that go to several.
    pub async fn namespace(&self, collection: &str) -> Result<Namespace, Error> {
        Ok(self.database().await?.collection::<Document>(collection).namespace())
    }
}

/// How long a request starts over while others change the same document: most of its time.
const RETRY_BUDGET: Duration = Duration::from_millis(1_800);
/// The upper bounds of the first wait and of any wait.
const WAITS: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(64));

/// The budget of one request for starting over after a write conflict.
#[derive(Debug)]
pub struct Backoff {
    until: Instant,
    longest_wait: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { until: Instant::now() + RETRY_BUDGET, longest_wait: WAITS.0 }
    }
}

impl Backoff {
    /// Waits a random time, which may be longer with every call, so that two requests that met do not meet again; `false`,
    /// without waiting, once the budget is spent.
    pub async fn wait(&mut self) -> bool {
        // The last bits of an id are random.
        let (_, random) = Id::<Self>::new(Timestamp::now()).uuid().as_u64_pair();
        let part = u32::try_from(random % 100).unwrap_or_default();
        let wait = self.longest_wait * part / 100;
        self.longest_wait = WAITS.1.min(self.longest_wait * 2);
        if Instant::now() + wait >= self.until {
            return false;
        }
        tokio::time::sleep(wait).await;
        true
    }
}

/// How far an ordered list of writes was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// All of it.
    All,
    /// Up to the write at this index, which failed its condition; it and those after it changed nothing.
    Until(usize),
}

impl Written {
    /// Whether the write at this index was carried out. One write of a list is the decision: where a write after it fails, the
    /// decision stands, and the sweep does the rest.
    pub fn went_past(self, place: usize) -> bool {
        match self {
            Self::All => true,
            Self::Until(refused) => refused > place,
        }
    }
}

/// A conditional update of one document that returns an error when nothing matches, so that an ordered list of writes stops
/// there; a plain update that matches nothing succeeds. It is an upsert that can never insert: the new document would need
/// another `_id` than the filter asks for.
pub fn update_or_fail(namespace: &Namespace, filter: Document, mut update: Document) -> WriteModel {
    update.insert("$setOnInsert", doc! { "_id": "never inserted" });
    update_one(namespace, filter, update, true)
}

/// A conditional update of one document that does nothing when nothing matches.
pub fn update_or_skip(namespace: &Namespace, filter: Document, update: Document) -> WriteModel {
    update_one(namespace, filter, update, false)
}

fn update_one(namespace: &Namespace, filter: Document, update: Document, upsert: bool) -> WriteModel {
    UpdateOneModel::builder().namespace(namespace.clone()).filter(filter).update(update).upsert(upsert).build().into()
}

/// A timestamp as BSON has it, in milliseconds.
pub fn date(moment: Timestamp) -> DateTime {
    DateTime::from_millis(moment.unix_millis())
}

/// A timestamp from BSON.
pub fn timestamp(date: DateTime) -> Timestamp {
    // A date beyond the year 9999 is none that `date` wrote; it counts as long past.
    Timestamp::from_unix_millis(date.timestamp_millis()).unwrap_or(Timestamp::EPOCH)
}

async fn connect(uri: &str) -> Result<Database, Error> {
    let mut options = ClientOptions::parse(uri).await?;
    options.app_name = Some("product-service".into());
    options.server_selection_timeout = Some(SELECTION_TIMEOUT);
    options.connect_timeout = Some(SELECTION_TIMEOUT);
    options.max_pool_size = Some(CONNECTIONS);
    options.max_idle_time = Some(TRUSTED_IDLE);
    // A write that follows from a read must not outlive what was read: no failover may take either of them back.
    options.write_concern = Some(WriteConcern::majority());
    options.read_concern = Some(ReadConcern::majority());
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    // Writes with an unknown outcome are handled by markers, leases and the sweep; a driver that repeats a bulk write by itself
    // would only add cases.
    options.retry_writes = Some(false);
    let name = options.default_database.clone().unwrap_or_else(|| "bodega".into());
    Ok(Client::with_options(options)?.database(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_is_refused_undoes_none_of_those_before_it() {
        assert!(Written::All.went_past(3));
        assert!(Written::Until(4).went_past(3));
        assert!(!Written::Until(3).went_past(3));
        assert!(!Written::Until(0).went_past(0));
    }
}
