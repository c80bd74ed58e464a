//! Categories: flat shelves that products stand on.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    auth::{Caller, scopes::CatalogWrite},
    extract::{Created, Query},
    input::Json,
    page::{Page, PageQuery},
    problem::ProblemBody,
    timestamp::Timestamp,
};
use http::header;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::domain::{Category, NewCategory};
use crate::{
    App,
    error::Error,
    products::{CATALOGUE_CACHE, domain::Slug},
    store::Store,
};

pub mod domain;
pub mod store;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_categories)).routes(routes!(create_category))
}

/// List the categories, by slug
#[utoipa::path(get, path = "/categories", tag = "categories", params(PageQuery),
    responses((status = OK, body = Page<Category>, example = json!({"items": [], "next_cursor": null}))))]
async fn list_categories(State(store): State<Store>, Query(query): Query<PageQuery>) -> Result<Response, Error> {
    let (limit, after) = query.read::<Slug>()?;
    let categories = store::by_slug(&store, after, limit + 1).await?;
    let page = Page::new(categories, limit, |category| category.slug.clone());
    Ok(([(header::CACHE_CONTROL, CATALOGUE_CACHE)], Json(page)).into_response())
}

/// Make a category
///
/// 409 when the slug is taken.
#[utoipa::path(post, path = "/admin/categories", tag = "categories", security(("token" = ["catalog:write"])),
    request_body = NewCategory,
    responses((status = CREATED, body = Category),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`slug_taken`.")))]
async fn create_category(
    State(store): State<Store>,
    _: Caller<CatalogWrite>,
    Json(new): Json<NewCategory>,
) -> Result<Created<Category>, Error> {
    let category = Category::create(new, Timestamp::now());
    store::insert(&store, &category).await?;
    Ok(Created { location: "/categories".into(), body: category })
}
