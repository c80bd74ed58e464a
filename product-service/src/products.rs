//! Products: made by staff, read by everybody.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    auth::{Caller, scopes::CatalogWrite},
    etag::Versioned,
    extract::{Created, Path, Query},
    input::Json,
    page::{Page, PageQuery},
    problem::{FieldError, ProblemBody},
    timestamp::Timestamp,
};
use http::{HeaderValue, header};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::domain::{NewProduct, Product, ProductId, ProductKey};
use crate::{App, categories, error::Error, store::Store};

pub mod domain;
pub mod store;

/// What shared caches may do with the public catalogue: serve it for a minute, and once more while they fetch anew.
pub(crate) const CATALOGUE_CACHE: HeaderValue =
    HeaderValue::from_static("public, max-age=0, s-maxage=60, stale-while-revalidate=60");

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_products)).routes(routes!(get_product)).routes(routes!(create_product))
}

/// List the products on sale, newest first
#[utoipa::path(get, path = "/products", tag = "products", params(PageQuery),
    responses((status = OK, body = Page<Product>, example = json!({"items": [], "next_cursor": null}))))]
async fn list_products(State(store): State<Store>, Query(query): Query<PageQuery>) -> Result<Response, Error> {
    let (limit, after) = query.read::<ProductId>()?;
    let products = store::newest(&store, after, limit + 1).await?;
    let page = Page::new(products, limit, |product| product.id);
    Ok(([(header::CACHE_CONTROL, CATALOGUE_CACHE)], Json(page)).into_response())
}

/// Read a product on sale, by id or slug
#[utoipa::path(get, path = "/products/{product}", tag = "products",
    params(("product" = String, Path, description = "The product's id or slug.", example = "organic-cotton-tee")),
    responses((status = OK, body = Product)))]
async fn get_product(State(store): State<Store>, Path(product): Path<String>) -> Result<Response, Error> {
    let found = store::find(&store, &ProductKey::from(product)).await?;
    let product = found.filter(Product::is_on_sale).ok_or(Error::NotFound)?;
    let version = product.version;
    Ok(([(header::CACHE_CONTROL, CATALOGUE_CACHE)], Versioned { body: product, version }).into_response())
}

/// Make a product with its variants
///
/// 409 when the slug or a SKU is taken.
#[utoipa::path(post, path = "/admin/products", tag = "products", security(("token" = ["catalog:write"])),
    request_body = NewProduct,
    responses((status = CREATED, body = Product),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`slug_taken` or `sku_taken`.")))]
async fn create_product(
    State(store): State<Store>,
    _: Caller<CatalogWrite>,
    Json(new): Json<NewProduct>,
) -> Result<Created<Product>, Error> {
    let known = categories::store::known(&store, &new.category_ids).await?;
    if let Some(unknown) = new.category_ids.iter().position(|id| !known.contains(id)) {
        let pointer = format!("/category_ids/{unknown}");
        let message = "is not a category of this shop".to_owned();
        return Err(Error::InvalidInput(vec![FieldError { pointer, code: "unknown_category".into(), message }]));
    }
    let product = Product::create(new, Timestamp::now());
    store::insert(&store, &product).await?;
    Ok(Created { location: format!("/products/{}", product.slug), body: product })
}
