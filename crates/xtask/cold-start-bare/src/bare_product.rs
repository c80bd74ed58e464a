//! A product by its slug: one query of MongoDB.

// The MongoDB driver's futures nest more deeply than the compiler looks by default.
#![recursion_limit = "256"]

use cold_start_bare::{answer, setting};
use lambda_http::{Body, Error, Request, Response, run, service_fn};
use mongodb::{
    Client, Collection,
    bson::{Document, doc},
};

async fn find(products: &Collection<Document>, request: &Request) -> Result<Response<Body>, Error> {
    let slug = request.uri().path().rsplit('/').next().unwrap_or_default();
    let found = products.find_one(doc! { "slug": slug }).await?.ok_or("no such product")?;
    answer(200, &serde_json::to_value(&found)?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let client = Client::with_uri_str(setting("MONGODB_URI")?).await?;
    let database = client.default_database().ok_or("MONGODB_URI names no database")?;
    let products = database.collection("products");
    run(service_fn(async |request: Request| find(&products, &request).await)).await
}
