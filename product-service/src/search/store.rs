//! Every query that searches products.

use futures_util::TryStreamExt;
use mongodb::{
    bson::{Bson, Document, doc},
    options::Hint,
};
use serde::Deserialize;

use super::domain::{self, Cursor, Facet, FacetValue, ProductQuery, Sort, lowest_prices, relevance, title_key};
use crate::{
    collections,
    error::Error,
    ids::ProductId,
    mongo::Mongo,
    products::{domain::Product, store as product_store},
};

/// How many products facets are counted over.
const COUNTED: i64 = 10_000;
/// Most values of all facets together.
const VALUES: i64 = 500;
/// How many products are ranked by relevance.
const CANDIDATES: usize = 200;

/// Up to `limit` products after a cursor, each with its own cursor.
pub async fn find(
    db: &Mongo,
    query: &ProductQuery,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Vec<(Cursor, Product)>, Error> {
    if query.sort == Sort::Relevance {
        return ranked(db, query, after, limit).await;
    }
    let found = product_store::select(db, filter(query, after), order(query), Some(index(query)), limit).await?;
    Ok(found.into_iter().map(|product| (cursor_of(query, &product), product)).collect())
}

async fn ranked(
    db: &Mongo,
    query: &ProductQuery,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Vec<(Cursor, Product)>, Error> {
    let (filter, order) = (filter(query, None), order(query));
    let mut found = product_store::select(db, filter, order, Some(index(query)), CANDIDATES).await?;
    found.sort_by_cached_key(|product| std::cmp::Reverse((relevance(product, &query.words), product.id.to_string())));
    let skipped = if let Some(Cursor::Relevance(skipped)) = after { *skipped } else { 0 };
    let ranked = found.into_iter().enumerate().skip(skipped).take(limit);
    Ok(ranked.map(|(nth, product)| (Cursor::Relevance(nth + 1), product)).collect())
}

/// How often each value is there in a whole list, most frequent first; counted over its first 10,000 products.
pub async fn facets(db: &Mongo, query: &ProductQuery) -> Result<Vec<Facet>, Error> {
    let products = db.collection::<Document>(collections::PRODUCTS).await?;
    let counted = products.aggregate(counting(query)).hint(Hint::Name(index(query))).with_type::<Counted>().await?;
    let counted: Vec<Counted> = counted.try_collect().await?;
    Ok(domain::facets(counted.into_iter().map(|counted| (counted.value, counted.count)).collect()))
}

/// The aggregation that counts facets.
pub fn counting(query: &ProductQuery) -> Vec<Document> {
    vec![
        doc! { "$match": filter(query, None) },
        doc! { "$limit": COUNTED },
        doc! { "$project": { "_id": 0, "facets": 1 } },
        doc! { "$unwind": "$facets" },
        doc! { "$group": { "_id": "$facets", "count": { "$sum": 1 } } },
        doc! { "$sort": { "count": -1, "_id": 1 } },
        doc! { "$limit": VALUES },
    ]
}

#[derive(Deserialize)]
struct Counted {
    #[serde(rename = "_id")]
    value: FacetValue,
    count: i64,
}

/// The filter of a query; the test that asks the server to explain it uses the same.
///
/// One term is a plain equality, several are `$all`: either way the index of the order is entered at a term and read in
/// order from there.
pub fn filter(query: &ProductQuery, after: Option<&Cursor>) -> Document {
    let terms = match (&query.terms[..], &query.prefix) {
        ([term], None) => Bson::from(term),
        (terms, prefix) => {
            let mut all = Document::new();
            if !terms.is_empty() {
                all.insert("$all", terms);
            }
            if let Some(prefix) = prefix {
                all.insert("$elemMatch", doc! { "$gte": prefix, "$lt": format!("{prefix}\u{10ffff}") });
            }
            all.into()
        }
    };
    let mut filter = doc! { "terms": terms };
    if let Some(price) = query.price {
        let min = price.min.unwrap_or(0);
        let from = if let Some(Cursor::Price(amount, _)) = after { min.max(*amount) } else { min };
        let mut range = doc! { "$gte": from };
        if let Some(max) = price.max {
            range.insert("$lt", max.saturating_add(1));
        }
        filter.insert(lowest(query), range);
    }
    if query.in_stock {
        filter.insert("in_stock", true);
    }
    match after {
        Some(Cursor::Newest(id)) => {
            filter.insert("_id", doc! { "$lt": id.to_string() });
        }
        Some(Cursor::Title(title, id)) => {
            // Where the index is entered, beside what stands behind the place.
            filter.insert("title_key", doc! { "$gte": title });
            filter.insert("$or", behind("title_key", title, *id));
        }
        Some(Cursor::Price(amount, id)) => {
            filter.insert("$or", behind(&lowest(query), *amount, *id));
        }
        Some(Cursor::Relevance(_)) | None => {}
    }
    filter
}

/// After a value, or after an id among those of the same value.
fn behind(field: &str, value: impl Into<Bson>, id: ProductId) -> Vec<Document> {
    vec![doc! { field: { "$gt": value.into() } }, doc! { "_id": { "$gt": id.to_string() } }]
}

/// The sort order of a query.
pub fn order(query: &ProductQuery) -> Document {
    match query.sort {
        Sort::Title => doc! { "title_key": 1, "_id": 1 },
        Sort::Price => doc! { lowest(query): 1, "_id": 1 },
        // By the beginning of a word alone, candidates come as the index has them: ordering all would have no bound.
        Sort::Relevance if query.terms.is_empty() => Document::new(),
        Sort::Newest | Sort::Relevance => doc! { "_id": -1 },
    }
}

/// The index that goes with the order. Named, since nothing else is better for any filter, and a planner that tries others
/// first would only take longer.
pub fn index(query: &ProductQuery) -> String {
    match (query.sort, query.price) {
        (Sort::Title, _) => collections::PRODUCT_FOUND_TITLE.to_owned(),
        (Sort::Price, Some(price)) => collections::product_found_price(price.currency),
        (Sort::Newest | Sort::Relevance | Sort::Price, _) => collections::PRODUCT_FOUND_NEWEST.to_owned(),
    }
}

fn lowest(query: &ProductQuery) -> String {
    // Only called for queries with a currency.
    query.price.map(|price| format!("lowest.{}", price.currency)).unwrap_or_default()
}

fn cursor_of(query: &ProductQuery, product: &Product) -> Cursor {
    let amount = || {
        let currency = query.price.map(|price| price.currency);
        lowest_prices(product).into_iter().find(|(known, _)| Some(*known) == currency).map(|(_, amount)| amount)
    };
    match query.sort {
        Sort::Title => Cursor::Title(title_key(&product.title), product.id),
        Sort::Price => Cursor::Price(amount().unwrap_or_default(), product.id),
        Sort::Newest | Sort::Relevance => Cursor::Newest(product.id),
    }
}
