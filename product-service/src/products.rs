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
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::domain::{NewProduct, Product, ProductId, ProductKey, ProductOption, Slug, Status, Variant};
use crate::{
    App,
    bucket::Bucket,
    categories::{self, domain::CategoryId},
    error::Error,
    images::ImageView,
    store::Store,
};

pub mod domain;
pub mod store;

/// What shared caches may do with the public catalogue: serve it for a minute, and once more while they fetch anew.
pub(crate) const CATALOGUE_CACHE: HeaderValue =
    HeaderValue::from_static("public, max-age=0, s-maxage=60, stale-while-revalidate=60");

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_products)).routes(routes!(get_product)).routes(routes!(create_product))
}

/// A product as everybody sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Product, example = json!({
    "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "title": "Organic cotton tee", "slug": "organic-cotton-tee",
    "description": "Midweight, pre-shrunk.", "status": "active", "category_ids": [],
    "options": [{"name": "Size", "values": ["S", "M"]}],
    "variants": [{"sku": "TEE-ORG-S", "options": {"Size": "S"}, "prices": [{"amount": 1999, "currency": "USD"}]}],
    "images": [{
        "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d",
        "url": "https://images.shop.example/products/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d.jpg",
        "alt": "The tee from the front", "content_type": "image/jpeg"
    }],
    "version": 1, "created_at": "2026-11-22T09:30:00.125Z", "updated_at": "2026-11-22T09:30:00.125Z"
}))]
pub(crate) struct ProductView {
    /// Names it for ever.
    id: ProductId,
    /// What it is called.
    title: String,
    /// For its address; unique across the shop.
    slug: Slug,
    /// What there is to say about it.
    description: String,
    /// Whether shoppers see it.
    status: Status,
    /// The categories it is in.
    category_ids: Vec<CategoryId>,
    /// How its variants differ.
    options: Vec<ProductOption>,
    /// What can be bought.
    variants: Vec<Variant>,
    /// What it looks like, in the order to show them.
    images: Vec<ImageView>,
    /// Grows by one with every change; also the `ETag`.
    version: i64,
    /// When it was made.
    created_at: Timestamp,
    /// When it was changed last.
    updated_at: Timestamp,
}

impl ProductView {
    /// The product, with its images where the public finds them.
    pub(crate) fn new(product: Product, bucket: &Bucket) -> Self {
        let Product { id, title, slug, description, status, category_ids, options, variants, .. } = product;
        let Product { images, version, created_at, updated_at, .. } = product;
        let images = images.into_iter().map(|image| ImageView::new(image, bucket)).collect();
        Self {
            id,
            title,
            slug,
            description,
            status,
            category_ids,
            options,
            variants,
            images,
            version,
            created_at,
            updated_at,
        }
    }
}

/// List the products on sale, newest first
#[utoipa::path(get, path = "/products", tag = "products", params(PageQuery),
    responses((status = OK, body = Page<ProductView>, example = json!({"items": [], "next_cursor": null}))))]
async fn list_products(
    State(store): State<Store>,
    State(bucket): State<Bucket>,
    Query(query): Query<PageQuery>,
) -> Result<Response, Error> {
    let (limit, after) = query.read::<ProductId>()?;
    let products = store::newest(&store, after, limit + 1).await?;
    let page = Page::new(products, limit, |product| product.id);
    let page = page.map(|product| ProductView::new(product, &bucket));
    Ok(([(header::CACHE_CONTROL, CATALOGUE_CACHE)], Json(page)).into_response())
}

/// Read a product on sale, by id or slug
#[utoipa::path(get, path = "/products/{product}", tag = "products",
    params(("product" = String, Path, description = "The product's id or slug.", example = "organic-cotton-tee")),
    responses((status = OK, body = ProductView)))]
async fn get_product(
    State(store): State<Store>,
    State(bucket): State<Bucket>,
    Path(product): Path<String>,
) -> Result<Response, Error> {
    let found = store::find(&store, &ProductKey::from(product)).await?;
    let product = found.filter(Product::is_on_sale).ok_or(Error::NotFound)?;
    let version = product.version;
    Ok(([(header::CACHE_CONTROL, CATALOGUE_CACHE)], Versioned { body: ProductView::new(product, &bucket), version })
        .into_response())
}

/// Make a product with its variants
///
/// 409 when the slug or a SKU is taken.
#[utoipa::path(post, path = "/admin/products", tag = "products", security(("token" = ["catalog:write"])),
    request_body = NewProduct,
    responses((status = CREATED, body = ProductView),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`slug_taken` or `sku_taken`.")))]
async fn create_product(
    State(store): State<Store>,
    State(bucket): State<Bucket>,
    _: Caller<CatalogWrite>,
    Json(new): Json<NewProduct>,
) -> Result<Created<ProductView>, Error> {
    let known = categories::store::known(&store, &new.category_ids).await?;
    if let Some(unknown) = new.category_ids.iter().position(|id| !known.contains(id)) {
        let pointer = format!("/category_ids/{unknown}");
        let message = "is not a category of this shop".to_owned();
        return Err(Error::InvalidInput(vec![FieldError { pointer, code: "unknown_category".into(), message }]));
    }
    let product = Product::create(new, Timestamp::now());
    store::insert(&store, &product).await?;
    let location = format!("/products/{}", product.slug);
    Ok(Created { location, body: ProductView::new(product, &bucket) })
}
