//! Routes of products: public reads, and changes by staff.

mod batch;
pub mod domain;
pub(crate) mod flow;
pub mod shelving;
pub mod store;
pub(crate) mod view;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    auth::{Caller, scopes::CatalogWrite},
    etag::{IfMatch, IfNoneMatch, Versioned},
    extract::{Created, Path, Query},
    input::Json,
    page::{List, Page, PageQuery},
    problem::ProblemBody,
    routes,
    routes::Routes,
    sku::Sku,
    timestamp::Timestamp,
};
use http::header;
use serde::Deserialize;
use utoipa::IntoParams;

use self::{
    domain::{Change, NewProduct, Product, ProductKey, ProductPatch, Status, Variant, VariantPatch},
    view::ProductView,
};
use crate::{
    app::App,
    caching::{CATALOGUE_CACHE, NO_STORE},
    categories::{domain::must_exist, store as category_store},
    error::Error,
    ids::ProductId,
};

const LIST: List<ProductId> = List::new("/admin/products");

pub(crate) fn routes() -> Routes<App> {
    Routes::new()
        .merge(batch::routes())
        .routes(routes!(get_product))
        .routes(routes!(list_all_products, create_product))
        .routes(routes!(get_any_product, patch_product))
        .routes(routes!(archive_product))
        .routes(routes!(restore_product))
        .routes(routes!(add_variant))
        .routes(routes!(patch_variant, remove_variant))
}

/// Read a product on sale, by id or slug
#[utoipa::path(get, path = "/products/{product}", tag = "products",
    params(("product" = String, Path, description = "The product's id or slug.", example = "organic-cotton-tee"), IfNoneMatch),
    responses((status = OK, body = ProductView, headers(("ETag" = String, description = "Identifies the version that is answered, for `If-Match`; its form may change."))),
        (status = NOT_MODIFIED, description = "`If-None-Match` names the current version.")))]
async fn get_product(
    State(app): State<App>,
    Path(product): Path<String>,
    known: IfNoneMatch,
) -> Result<Response, Error> {
    let found = store::find(&app.db, &ProductKey::from(product)).await?;
    let product = found.filter(Product::is_on_sale).ok_or(Error::NotFound)?;
    let versioned = Versioned { tag: product.tag(), body: ProductView::new(product, &app.bucket) };
    Ok(([(header::CACHE_CONTROL, CATALOGUE_CACHE)], versioned.unless_known(&known)).into_response())
}

/// Query parameters of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StaffQuery {
    /// Only products in this state.
    status: Option<Status>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 100, default = 20, example = 20)]
    limit: Option<u32>,
    /// `next_cursor` of the page before, unchanged.
    cursor: Option<String>,
}

/// List all products, drafts and archived ones too, newest first
#[utoipa::path(get, path = "/admin/products", tag = "products", security(("token" = ["catalog:write"])),
    params(StaffQuery), responses((status = OK, body = Page<ProductView>, example = json!({"items": [], "next_cursor": null}))))]
async fn list_all_products(
    State(app): State<App>,
    _: Caller<CatalogWrite>,
    Query(query): Query<StaffQuery>,
) -> Result<Response, Error> {
    let (limit, after) = LIST.read(&PageQuery::new(query.limit, query.cursor))?;
    let products = store::all(&app.db, query.status, after, limit + 1).await?;
    let page = LIST.page(products, limit, |product| product.id);
    let page = page.map(|product| ProductView::new(product, &app.bucket));
    Ok(([(header::CACHE_CONTROL, NO_STORE)], Json(page)).into_response())
}

/// Create a product with its variants
#[utoipa::path(post, path = "/admin/products", tag = "products", security(("token" = ["catalog:write"])),
    request_body = NewProduct,
    responses((status = CREATED, body = ProductView, headers(("ETag" = String, description = "Identifies the version that is answered, for `If-Match`; its form may change."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`slug_taken`, `sku_taken`, or `categories_contended`, with `Retry-After`: other requests are changing the categories.")))]
async fn create_product(
    State(app): State<App>,
    _: Caller<CatalogWrite>,
    Json(new): Json<NewProduct>,
) -> Result<Created<Versioned<ProductView>>, Error> {
    let tree = category_store::tree(&app.db).await?;
    must_exist(&tree, &new.category_ids)?;
    let product = Product::create(new, Timestamp::now());
    shelving::insert(&app.db, &product, &tree).await?;
    let location = format!("/products/{}", product.slug);
    let body = Versioned { tag: product.tag(), body: ProductView::new(product, &app.bucket) };
    Ok(Created { location, body })
}

/// Read any product, by id
#[utoipa::path(get, path = "/admin/products/{product_id}", tag = "products", security(("token" = ["catalog:write"])),
    params(("product_id" = ProductId, Path)), responses((status = OK, body = ProductView, headers(("ETag" = String, description = "Identifies the version that is answered, for `If-Match`; its form may change.")))))]
async fn get_any_product(
    State(app): State<App>,
    _: Caller<CatalogWrite>,
    Path(id): Path<ProductId>,
) -> Result<Response, Error> {
    let product = store::find(&app.db, &ProductKey::Id(id)).await?.ok_or(Error::NotFound)?;
    Ok(answer(product, &app))
}

/// Change a product
///
/// Variants and images have routes of their own. Honours `If-Match`.
#[utoipa::path(patch, path = "/admin/products/{product_id}", tag = "products", security(("token" = ["catalog:write"])),
    params(("product_id" = ProductId, Path), IfMatch), request_body = ProductPatch,
    responses((status = OK, body = ProductView, headers(("ETag" = String, description = "Identifies the new version, for `If-Match`."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`slug_taken`; `archived`: restore it first; or, with `Retry-After`, `product_contended` or \
                `categories_contended`: other requests are changing the product or the categories."),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: it was changed after the version in `If-Match`.")))]
async fn patch_product(
    State(app): State<App>,
    _: Caller<CatalogWrite>,
    Path(id): Path<ProductId>,
    if_match: IfMatch,
    Json(patch): Json<ProductPatch>,
) -> Result<Response, Error> {
    let tree = category_store::tree(&app.db).await?;
    must_exist(&tree, patch.category_ids.as_deref().unwrap_or_default())?;
    let product = flow::change(&app.db, id, &if_match, &Change::Patch(Box::new(patch))).await?;
    Ok(answer(product, &app))
}

/// Archive a product
///
/// Takes it off sale. Another product may have its slug; its SKUs stay taken. Orders that hold units of it are not affected.
/// Idempotent.
#[utoipa::path(post, path = "/admin/products/{product_id}/archive", tag = "products",
    security(("token" = ["catalog:write"])), params(("product_id" = ProductId, Path), IfMatch),
    responses((status = OK, body = ProductView, headers(("ETag" = String, description = "Identifies the new version, for `If-Match`."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`product_contended`, with `Retry-After`: other requests are changing the product."),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: it was changed after the version in `If-Match`.")))]
async fn archive_product(
    State(app): State<App>,
    _: Caller<CatalogWrite>,
    Path(id): Path<ProductId>,
    if_match: IfMatch,
) -> Result<Response, Error> {
    let product = flow::change(&app.db, id, &if_match, &Change::Archive).await?;
    Ok(answer(product, &app))
}

/// Restore an archived product as a draft
///
/// A product that is not archived stays as it is.
#[utoipa::path(post, path = "/admin/products/{product_id}/restore", tag = "products",
    security(("token" = ["catalog:write"])), params(("product_id" = ProductId, Path), IfMatch),
    responses((status = OK, body = ProductView, headers(("ETag" = String, description = "Identifies the new version, for `If-Match`."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`slug_taken`: another product has its slug now; change the slug of one of the two; \
                or `product_contended`, with `Retry-After`: other requests are changing the product."),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: it was changed after the version in `If-Match`.")))]
async fn restore_product(
    State(app): State<App>,
    _: Caller<CatalogWrite>,
    Path(id): Path<ProductId>,
    if_match: IfMatch,
) -> Result<Response, Error> {
    let product = flow::change(&app.db, id, &if_match, &Change::Restore).await?;
    Ok(answer(product, &app))
}

/// Add a variant to a product
#[utoipa::path(post, path = "/admin/products/{product_id}/variants", tag = "products",
    security(("token" = ["catalog:write"])), params(("product_id" = ProductId, Path), IfMatch), request_body = Variant,
    responses((status = OK, body = ProductView, headers(("ETag" = String, description = "Identifies the new version, for `If-Match`."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`sku_taken`, `too_many_variants`, or `product_contended`, with `Retry-After`: other requests are changing the product."),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: it was changed after the version in `If-Match`.")))]
async fn add_variant(
    State(app): State<App>,
    _: Caller<CatalogWrite>,
    Path(id): Path<ProductId>,
    if_match: IfMatch,
    Json(variant): Json<Variant>,
) -> Result<Response, Error> {
    let product = flow::change(&app.db, id, &if_match, &Change::AddVariant(variant)).await?;
    Ok(answer(product, &app))
}

/// Change a variant
///
/// Prices of existing orders and reservations stay. Honours `If-Match`.
#[utoipa::path(patch, path = "/admin/products/{product_id}/variants/{sku}", tag = "products",
    security(("token" = ["catalog:write"])), params(("product_id" = ProductId, Path), ("sku" = Sku, Path), IfMatch),
    request_body = VariantPatch,
    responses((status = OK, body = ProductView, headers(("ETag" = String, description = "Identifies the new version, for `If-Match`."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`product_contended`, with `Retry-After`: other requests are changing the product."),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: it was changed after the version in `If-Match`.")))]
async fn patch_variant(
    State(app): State<App>,
    _: Caller<CatalogWrite>,
    Path((id, sku)): Path<(ProductId, Sku)>,
    if_match: IfMatch,
    Json(patch): Json<VariantPatch>,
) -> Result<Response, Error> {
    let product = flow::change(&app.db, id, &if_match, &Change::PatchVariant(sku, patch)).await?;
    Ok(answer(product, &app))
}

/// Remove a variant and its stock
///
/// 409 while orders hold units of it.
#[utoipa::path(delete, path = "/admin/products/{product_id}/variants/{sku}", tag = "products",
    security(("token" = ["catalog:write"])), params(("product_id" = ProductId, Path), ("sku" = Sku, Path), IfMatch),
    responses((status = OK, body = ProductView, headers(("ETag" = String, description = "Identifies the new version, for `If-Match`."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`variant_reserved`; `last_variant`: archive the product instead; or `product_contended`, with `Retry-After`: \
                other requests are changing the product."),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: it was changed after the version in `If-Match`.")))]
async fn remove_variant(
    State(app): State<App>,
    _: Caller<CatalogWrite>,
    Path((id, sku)): Path<(ProductId, Sku)>,
    if_match: IfMatch,
) -> Result<Response, Error> {
    let product = flow::change(&app.db, id, &if_match, &Change::RemoveVariant(sku)).await?;
    Ok(answer(product, &app))
}

fn answer(product: Product, app: &App) -> Response {
    let versioned = Versioned { tag: product.tag(), body: ProductView::new(product, &app.bucket) };
    ([(header::CACHE_CONTROL, NO_STORE)], versioned).into_response()
}
