//! A fresh MongoDB database for every test.

use mongodb::{Client, Database, bson::Document};
use uuid::Uuid;

use crate::stores;

/// A database of the test's own; dropped with this value.
#[derive(Debug)]
pub struct Mongo {
    /// How to reach it, database name included.
    pub uri: String,
    name: String,
}

/// A new, empty database.
pub fn fresh() -> Mongo {
    let server = stores::mongodb_uri();
    let name = format!("test_{}", Uuid::new_v4().simple());
    let (start, options) = server.split_once("/?").unwrap_or((server.trim_end_matches('/'), ""));
    Mongo { uri: format!("{start}/{name}?{options}"), name }
}

impl Mongo {
    /// The database, to check and change data directly.
    pub async fn database(&self) -> Database {
        Client::with_uri_str(&self.uri).await.expect("the test URI is valid").database(&self.name)
    }

    /// Every document of a collection.
    pub async fn all(&self, collection: &str) -> Vec<Document> {
        let mut cursor = self.database().await.collection::<Document>(collection).find(Document::new()).await.unwrap();
        let mut documents = Vec::new();
        while cursor.advance().await.unwrap() {
            documents.push(cursor.deserialize_current().unwrap());
        }
        documents
    }

    /// The same database behind another address, such as a [`crate::Proxy`].
    pub fn uri_through(&self, address: &str) -> String {
        stores::through(&self.uri, address)
    }

    /// The server's host and port.
    pub fn address(&self) -> String {
        stores::host_and_port(&self.uri)
    }
}

impl Drop for Mongo {
    fn drop(&mut self) {
        let (uri, name) = (self.uri.clone(), self.name.clone());
        stores::clean_up(async move {
            if let Ok(client) = Client::with_uri_str(&uri).await {
                let _ = client.database(&name).drop().await;
            }
        });
    }
}
