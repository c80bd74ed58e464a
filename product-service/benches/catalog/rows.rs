//! What is asked, by the service's route and by the driver.

use futures_util::TryStreamExt;
use mongodb::{
    Collection,
    bson::{Document, doc},
    error::Result,
    options::Hint,
};
use product_service::search::{
    domain::{ProductQuery, SearchParams, Sort},
    store::{counting, filter, index, order},
};
use testkit::{Answer, mongo::Mongo};

use crate::catalogue::{Catalogue, any, words};

/// What the service reads for a page of 20: one more says whether there is a next one.
const PAGE: i64 = 21;
/// What it ranks by relevance.
const CANDIDATES: i64 = 200;

/// One way of reading the catalogue.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// One question of this kind.
    pub(crate) ask: fn(&Catalogue, &mut fastrand::Rng) -> Asked,
}

/// A question, for both ways.
pub(crate) struct Asked {
    pub(crate) path: String,
    query: Query,
}

enum Query {
    Slug(String),
    List(ProductQuery),
    Facets(ProductQuery),
}

pub(crate) const ROWS: [Row; 6] = [
    Row { name: "one product by slug", ask: by_slug },
    Row { name: "page of 20, newest", ask: |_, _| listed("/products", SearchParams::default()) },
    Row { name: "page of 20, category and attribute", ask: filtered },
    Row { name: "page of 20, tag, price range, cheapest first", ask: cheapest },
    Row { name: "search, a word and the beginning of another", ask: search },
    Row { name: "page of 20 in a category, with facets", ask: facets },
];

fn by_slug(catalogue: &Catalogue, random: &mut fastrand::Rng) -> Asked {
    let slug = any(&catalogue.slugs, random).clone();
    Asked { path: format!("/products/{slug}"), query: Query::Slug(slug) }
}

fn filtered(catalogue: &Catalogue, random: &mut fastrand::Rng) -> Asked {
    let id = any(&catalogue.categories, random);
    let path = format!("/products?category_id={id}&attributes=Organic:true");
    let attributes = Some("Organic:true".to_owned());
    listed(&path, SearchParams { category_id: Some(id.parse().unwrap()), attributes, ..SearchParams::default() })
}

fn cheapest(_: &Catalogue, random: &mut fastrand::Rng) -> Asked {
    let min = random.i64(300..10_000);
    let path = format!("/products?tags=gift&currency=USD&price_min={min}&price_max=20000&sort=price");
    let (tags, currency) = (Some("gift".to_owned()), Some("USD".to_owned()));
    let (price_min, price_max, sort) = (Some(min), Some(20_000), Some(Sort::Price));
    listed(&path, SearchParams { tags, currency, price_min, price_max, sort, ..SearchParams::default() })
}

fn search(_: &Catalogue, random: &mut fastrand::Rng) -> Asked {
    let (material, kind) = words(random);
    let q = format!("{material} {}", &kind[..kind.len().min(3)]);
    listed(&format!("/products?q={}", q.replace(' ', "+")), SearchParams { q: Some(q), ..SearchParams::default() })
}

fn facets(catalogue: &Catalogue, random: &mut fastrand::Rng) -> Asked {
    let id = any(&catalogue.categories, random);
    let query = SearchParams { category_id: Some(id.parse().unwrap()), ..SearchParams::default() }.read().unwrap();
    Asked { path: format!("/products?category_id={id}&facets=true"), query: Query::Facets(query) }
}

fn listed(path: &str, wanted: SearchParams) -> Asked {
    Asked { path: path.to_owned(), query: Query::List(wanted.read().unwrap()) }
}

/// How many products an answer has.
pub(crate) fn items(answer: &Answer) -> usize {
    answer.json()["items"].as_array().map_or(1, Vec::len)
}

/// The driver, with nothing around it.
pub(crate) struct Driver(Collection<Document>);

impl Driver {
    pub(crate) async fn new(mongo: &Mongo) -> Self {
        Self(mongo.database().await.collection("products"))
    }

    /// How many of the documents it found a page has.
    pub(crate) async fn find(&self, asked: &Asked) -> Result<usize> {
        let found = match &asked.query {
            Query::Slug(slug) => self.0.find_one(doc! { "slug": slug }).await?.into_iter().count(),
            Query::List(query) => self.list(query).await?,
            Query::Facets(query) => tokio::try_join!(self.list(query), self.count(query))?.0,
        };
        Ok(found.min(20))
    }

    async fn list(&self, query: &ProductQuery) -> Result<usize> {
        let limit = if query.sort == Sort::Relevance { CANDIDATES } else { PAGE };
        let find = self.0.find(filter(query, None)).sort(order(query)).hint(Hint::Name(index(query)));
        let batch = u32::try_from(limit).unwrap();
        let found: Vec<Document> = find.limit(limit).batch_size(batch).await?.try_collect().await?;
        Ok(found.len())
    }

    async fn count(&self, query: &ProductQuery) -> Result<usize> {
        let counted = self.0.aggregate(counting(query)).hint(Hint::Name(index(query)));
        let counted: Vec<Document> = counted.await?.try_collect().await?;
        Ok(counted.len())
    }
}
