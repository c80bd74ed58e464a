//! The route that lists and searches products. Each page is one query.

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

/// Query parameters of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Words to search for, in any order; the last word may be incomplete. At most 200 characters; words after the tenth are
    /// ignored.
    #[param(max_length = 200, example = "cotton te")]
    q: Option<String>,
    /// Only products in this category or its descendants.
    category_id: Option<CategoryId>,
    /// Only products of this brand; case makes no difference.
    #[param(example = "Bodega")]
    brand: Option<String>,
    /// Only products with all of these tags, separated by commas.
    #[param(pattern = "[^,]", example = "organic,summer")]
    tags: Option<String>,
    /// Only products with all of these attributes, as `name:value`, separated by commas. An attribute with a list matches by
    /// any of its values.
    #[param(pattern = "^,*[^,:]+:[^,]+(,+[^,:]+:[^,]+)*,*$", example = "Material:cotton,Organic:true")]
    attributes: Option<String>,
    /// Currency of the price filters and of `sort=price`; one that the shop sells in. Only products with a price in it are
    /// listed.
    #[param(pattern = "^[A-Z]{3}$", example = "USD")]
    currency: Option<String>,
    /// Only products whose lowest price is at least this, in minor units.
    #[param(minimum = 0, example = 1000)]
    price_min: Option<i64>,
    /// Only products whose lowest price is at most this, in minor units.
    #[param(minimum = 0, example = 5000)]
    price_max: Option<i64>,
    /// Only products that can be ordered. Follows the stock within minutes.
    #[serde(default)]
    #[param(required = false)]
    in_stock: bool,
    /// Whether to answer `facets`.
    #[serde(default)]
    #[param(required = false)]
    facets: bool,
    /// Order of the list: by default `relevance` with `q`, and `newest` without.
    #[param(inline)]
    sort: Option<Sort>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 100, default = 20, example = 20)]
    limit: Option<u32>,
    /// `next_cursor` of the page before, unchanged.
    cursor: Option<String>,
}

/// One page of the products that were found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"items": [], "next_cursor": null}))]
struct FoundProducts {
    /// The page. Send `next_cursor` as `cursor` for the next page; it is `null` on the last page.
    #[serde(flatten)]
    page: Page<ProductView>,
    /// Values by which the list can be filtered further, if `facets` was asked for; counted over the first 10,000 products of
    /// the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    facets: Option<Vec<Facet>>,
}

/// List or search the products on sale
///
/// A product must match all filters. Case, accents and simple plurals make no difference. Relevance ranks the first 200
/// products that match.
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
