//! Every query that finds products by what they are like.

use futures_util::TryStreamExt;
use mongodb::{
    bson::{Bson, Document, doc},
    options::Hint,
};
use serde::Deserialize;

use super::domain::{self, Facet, FacetValue, Listing, Place, Sort, lowest_prices, relevance, title_key};
use crate::{
    collections,
    error::Error,
    ids::ProductId,
    mongo::Mongo,
    products::{domain::Product, store as product_store},
};

/// Over how many products values are counted.
const COUNTED: i64 = 10_000;
/// How many values are told in all.
const VALUES: i64 = 500;
/// How many are ranked by relevance.
const CANDIDATES: usize = 200;

/// Up to `limit` products after a place, each with the place where it stands itself.
pub async fn find(
    db: &Mongo,
    listing: &Listing,
    after: Option<&Place>,
    limit: usize,
) -> Result<Vec<(Place, Product)>, Error> {
    if listing.sort == Sort::Relevance {
        return ranked(db, listing, after, limit).await;
    }
    let found = product_store::select(db, filter(listing, after), order(listing), Some(index(listing)), limit).await?;
    Ok(found.into_iter().map(|product| (place(listing, &product), product)).collect())
}

async fn ranked(
    db: &Mongo,
    listing: &Listing,
    after: Option<&Place>,
    limit: usize,
) -> Result<Vec<(Place, Product)>, Error> {
    let (filter, order) = (filter(listing, None), order(listing));
    let mut found = product_store::select(db, filter, order, Some(index(listing)), CANDIDATES).await?;
    found.sort_by_cached_key(|product| std::cmp::Reverse((relevance(product, &listing.words), product.id.to_string())));
    let skipped = if let Some(Place::Relevance(skipped)) = after { *skipped } else { 0 };
    let ranked = found.into_iter().enumerate().skip(skipped).take(limit);
    Ok(ranked.map(|(nth, product)| (Place::Relevance(nth + 1), product)).collect())
}

/// How often each value is there in a whole list, most frequent first; counted over its first 10,000 products.
pub async fn facets(db: &Mongo, listing: &Listing) -> Result<Vec<Facet>, Error> {
    let products = db.collection::<Document>(collections::PRODUCTS).await?;
    let counted = products.aggregate(counting(listing)).hint(Hint::Name(index(listing))).with_type::<Counted>().await?;
    let counted: Vec<Counted> = counted.try_collect().await?;
    Ok(domain::facets(counted.into_iter().map(|counted| (counted.value, counted.count)).collect()))
}

/// How they are counted.
pub fn counting(listing: &Listing) -> Vec<Document> {
    vec![
        doc! { "$match": filter(listing, None) },
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

/// What is asked of the server; the test that has it explained uses the same.
///
/// One term is a plain equality, several are `$all`: either way the index of the order is entered at a term and read in
/// order from there.
pub fn filter(listing: &Listing, after: Option<&Place>) -> Document {
    let terms = match (&listing.terms[..], &listing.prefix) {
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
    if let Some(price) = listing.price {
        let min = price.min.unwrap_or(0);
        let from = if let Some(Place::Price(amount, _)) = after { min.max(*amount) } else { min };
        let mut range = doc! { "$gte": from };
        if let Some(max) = price.max {
            range.insert("$lt", max.saturating_add(1));
        }
        filter.insert(lowest(listing), range);
    }
    if listing.in_stock {
        filter.insert("in_stock", true);
    }
    match after {
        Some(Place::Newest(id)) => {
            filter.insert("_id", doc! { "$lt": id.to_string() });
        }
        Some(Place::Title(title, id)) => {
            // Where the index is entered, beside what stands behind the place.
            filter.insert("title_key", doc! { "$gte": title });
            filter.insert("$or", behind("title_key", title, *id));
        }
        Some(Place::Price(amount, id)) => {
            filter.insert("$or", behind(&lowest(listing), *amount, *id));
        }
        Some(Place::Relevance(_)) | None => {}
    }
    filter
}

/// After a value, or after an id among those of the same value.
fn behind(field: &str, value: impl Into<Bson>, id: ProductId) -> Vec<Document> {
    vec![doc! { field: { "$gt": value.into() } }, doc! { "_id": { "$gt": id.to_string() } }]
}

/// The order that is asked of the server.
pub fn order(listing: &Listing) -> Document {
    match listing.sort {
        Sort::Title => doc! { "title_key": 1, "_id": 1 },
        Sort::Price => doc! { lowest(listing): 1, "_id": 1 },
        // By the beginning of a word alone, candidates come as the index has them: ordering all would have no bound.
        Sort::Relevance if listing.terms.is_empty() => Document::new(),
        Sort::Newest | Sort::Relevance => doc! { "_id": -1 },
    }
}

/// The index that goes with the order. Named, since nothing else is better for any filter, and a planner that tries others
/// first would only take longer.
pub fn index(listing: &Listing) -> String {
    match (listing.sort, listing.price) {
        (Sort::Title, _) => collections::PRODUCT_FOUND_TITLE.to_owned(),
        (Sort::Price, Some(price)) => collections::product_found_price(price.currency),
        (Sort::Newest | Sort::Relevance | Sort::Price, _) => collections::PRODUCT_FOUND_NEWEST.to_owned(),
    }
}

fn lowest(listing: &Listing) -> String {
    // Only asked of lists that have one.
    listing.price.map(|price| format!("lowest.{}", price.currency)).unwrap_or_default()
}

fn place(listing: &Listing, product: &Product) -> Place {
    let amount = || {
        let currency = listing.price.map(|price| price.currency);
        lowest_prices(product).into_iter().find(|(known, _)| Some(*known) == currency).map(|(_, amount)| amount)
    };
    match listing.sort {
        Sort::Title => Place::Title(title_key(&product.title), product.id),
        Sort::Price => Place::Price(amount().unwrap_or_default(), product.id),
        Sort::Newest | Sort::Relevance => Place::Newest(product.id),
    }
}
