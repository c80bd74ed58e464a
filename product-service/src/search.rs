//! Finding products: filters, words, and the order of what is found. Each page is one query.

pub mod domain;
pub mod store;
pub mod words;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    extract::Query,
    input::Json,
    page::{List, Page, PageQuery},
    problem::Problem,
    routes,
    routes::Routes,
};
use http::header;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::domain::{Cursor, Facet, SearchParams, Sort};
use crate::{app::App, caching::CATALOGUE_CACHE, error::Error, ids::CategoryId, products::view::ProductView};

const LIST: List<Cursor> = List::new("/products");

pub(crate) fn routes() -> Routes<App> {
    Routes::new().routes(routes!(list_products))
}

/// What is listed, and which page of it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Words to search for, in any order; of the last one its beginning is enough. At most 200 characters, of which the first
    /// ten words count.
    #[param(max_length = 200, example = "cotton te")]
    q: Option<String>,
    /// Those in this category, or in any that stands in it.
    category_id: Option<CategoryId>,
    /// Those of this brand, in whatever case.
    #[param(example = "Bodega")]
    brand: Option<String>,
    /// Those with all of these tags, separated by commas.
    #[param(pattern = "[^,]", example = "organic,summer")]
    tags: Option<String>,
    /// Those with all of these attributes, as `name:value`, separated by commas. Of a list, one value is enough.
    #[param(pattern = "^,*[^,:]+:[^,]+(,+[^,:]+:[^,]+)*,*$", example = "Material:cotton,Organic:true")]
    attributes: Option<String>,
    /// What prices are in; one that the shop sells in. Lists only what has a price in it.
    #[param(pattern = "^[A-Z]{3}$", example = "USD")]
    currency: Option<String>,
    /// Those whose lowest price is this or above, in minor units.
    #[param(minimum = 0, example = 1000)]
    price_min: Option<i64>,
    /// Those whose lowest price is this or below, in minor units.
    #[param(minimum = 0, example = 5000)]
    price_max: Option<i64>,
    /// Those only of which something can be ordered. Follows the stock within minutes.
    #[serde(default)]
    #[param(required = false)]
    in_stock: bool,
    /// Whether to count by what the list can be narrowed down.
    #[serde(default)]
    #[param(required = false)]
    facets: bool,
    /// By what they are ordered: `newest` unless words are searched for, which is by `relevance`.
    #[param(inline)]
    sort: Option<Sort>,
    /// How many items at most.
    #[param(minimum = 1, maximum = 100, default = 20, example = 20)]
    limit: Option<u32>,
    /// Where the page starts: `next_cursor` of the page before, unchanged.
    cursor: Option<String>,
}

/// Products that were found, one page of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"items": [], "next_cursor": null}))]
struct FoundProducts {
    /// The page. `next_cursor` is handed back as `cursor` to read on; `null` on the last page.
    #[serde(flatten)]
    page: Page<ProductView>,
    /// By what the whole list can be narrowed down, where it was asked for; counted over its first 10,000 products.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    facets: Option<Vec<Facet>>,
}

/// List or search the products on sale
///
/// All filters hold together. Case, accents and simple plurals make no difference. By relevance, the first 200 that are
/// found are ranked.
#[utoipa::path(get, path = "/products", tag = "products", params(ListQuery),
    responses((status = OK, body = FoundProducts)))]
async fn list_products(State(app): State<App>, Query(query): Query<ListQuery>) -> Result<Response, Error> {
    let ListQuery { q, category_id, brand, tags, attributes, currency, price_min, price_max, in_stock, .. } = query;
    let (limit, after) = LIST.read(&PageQuery::new(query.limit, query.cursor))?;
    let (sort, with_facets) = (query.sort, query.facets);
    let query =
        SearchParams { q, category_id, brand, tags, attributes, currency, price_min, price_max, in_stock, sort }
            .read()?;
    if after.as_ref().is_some_and(|after| !after.is_of(query.sort)) {
        return Err(Problem::invalid_parameter("cursor", "is one of a list in another order").into());
    }
    if query.price.is_some_and(|price| !app.currencies.0.contains(&price.currency)) {
        return Err(Problem::invalid_parameter("currency", "is none that the shop sells in").into());
    }
    let counting = async { if with_facets { store::facets(&app.db, &query).await.map(Some) } else { Ok(None) } };
    let (found, facets) = tokio::try_join!(store::find(&app.db, &query, after.as_ref(), limit + 1), counting)?;
    let page = LIST
        .page(found, limit, |(cursor, _)| cursor.clone())
        .map(|(_, product)| ProductView::new(product, &app.bucket));
    Ok(([(header::CACHE_CONTROL, CATALOGUE_CACHE)], Json(FoundProducts { page, facets })).into_response())
}
