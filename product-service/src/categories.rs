//! Routes of categories, and the work that follows when one is moved or deleted.

use std::time::Duration;

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
    timestamp::Timestamp,
};
use http::{StatusCode, header};

use self::domain::{Branch, Category, CategoryKey, CategoryPatch, NewCategory, Refused, Tree};
use crate::{
    app::App,
    caching::CATALOGUE_CACHE,
    error::Error,
    ids::CategoryId,
    mongo::{Backoff, Mongo},
    products::{shelving, store as product_store},
    slug::Slug,
};

pub mod domain;
pub(crate) mod flow;
pub mod store;

/// How long after a move products are reindexed: until then a request that read the tree before the move may save one.
const REINDEXED_FOR: Duration = Duration::from_mins(1);
/// How long after its deletion a category is removed from products: longer than any function runs (15 minutes), so that no
/// process that read the tree before can save a product later.
const CLEANED_FOR: Duration = Duration::from_mins(20);

const LIST: List<Slug> = List::new("/categories");

pub(crate) fn routes() -> Routes<App> {
    Routes::new()
        .routes(routes!(list_categories))
        .routes(routes!(get_category))
        .routes(routes!(create_category))
        .routes(routes!(patch_category, delete_category))
}

/// List all categories, by slug
///
/// `parent_id` and `position` give the place of each in the tree.
#[utoipa::path(get, path = "/categories", tag = "categories", params(PageQuery),
    responses((status = OK, body = Page<Category>, example = json!({"items": [], "next_cursor": null}))))]
async fn list_categories(State(db): State<Mongo>, Query(query): Query<PageQuery>) -> Result<Response, Error> {
    let (limit, after) = LIST.read(&query)?;
    let tree = store::tree(&db).await?;
    let mut categories = tree.categories().to_vec();
    categories.sort_unstable_by(|one, other| one.slug.cmp(&other.slug));
    categories.retain(|category| after.as_ref().is_none_or(|after| category.slug > *after));
    categories.truncate(limit + 1);
    let page = LIST.page(categories, limit, |category| category.slug.clone());
    Ok(([(header::CACHE_CONTROL, CATALOGUE_CACHE)], Json(page)).into_response())
}

/// Read a category, by id or slug, with its ancestors and descendants
#[utoipa::path(get, path = "/categories/{category}", tag = "categories",
    params(("category" = String, Path, description = "The category's id or slug.", example = "coffee"), IfNoneMatch),
    responses((status = OK, body = Branch,
        headers(("ETag" = String, description = "Identifies the version that is answered, for `If-Match`; its form may change.")), example = json!({
        "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "slug": "coffee", "name": "Coffee", "parent_id": null,
        "position": 0, "version": 1, "ancestors": [], "descendants": []
    })), (status = NOT_MODIFIED, description = "`If-None-Match` names the current version.")))]
async fn get_category(
    State(db): State<Mongo>,
    Path(category): Path<String>,
    known: IfNoneMatch,
) -> Result<Response, Error> {
    let tree = store::tree(&db).await?;
    let branch = tree.branch(&CategoryKey::from(category)).ok_or(Error::NotFound)?;
    let versioned = Versioned { tag: tree.branch_tag(branch.category.id), body: branch };
    Ok(([(header::CACHE_CONTROL, CATALOGUE_CACHE)], versioned.unless_known(&known)).into_response())
}

/// Create a category
#[utoipa::path(post, path = "/admin/categories", tag = "categories", security(("token" = ["catalog:write"])),
    request_body = NewCategory,
    responses((status = CREATED, body = Category, headers(("ETag" = String, description = "That of `GET /categories/{category}`, for `If-Match`."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`slug_taken`; `too_many_categories`: a shop has at most 1,000; or `categories_contended`, with `Retry-After`: other \
                requests are changing the categories.")))]
async fn create_category(
    State(db): State<Mongo>,
    _: Caller<CatalogWrite>,
    Json(new): Json<NewCategory>,
) -> Result<Created<Versioned<Category>>, Error> {
    let now = Timestamp::now();
    let (category, tree) = flow::change(&db, |tree| Ok(tree.add(new.clone(), now)?)).await?;
    let location = format!("/categories/{}", category.slug);
    Ok(Created { location, body: Versioned { tag: tree.branch_tag(category.id), body: category } })
}

/// Change a category, or move it with its descendants
///
/// Honours `If-Match` with the `ETag` of this route, or with that of `GET /categories/{category}`, which is stale after a
/// change of any category.
#[utoipa::path(patch, path = "/admin/categories/{category_id}", tag = "categories",
    security(("token" = ["catalog:write"])), params(("category_id" = CategoryId, Path), IfMatch), request_body = CategoryPatch,
    responses((status = OK, body = Category, headers(("ETag" = String, description = "Identifies the new version, for `If-Match`."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`slug_taken`; `category_circle`: the category would be inside itself; or `categories_contended`, with `Retry-After`: \
                other requests are changing the categories."),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: it was changed after the version in `If-Match`.")))]
async fn patch_category(
    State(db): State<Mongo>,
    _: Caller<CatalogWrite>,
    Path(id): Path<CategoryId>,
    if_match: IfMatch,
    Json(patch): Json<CategoryPatch>,
) -> Result<Versioned<Category>, Error> {
    let now = Timestamp::now();
    let (category, _) = flow::change(&db, |tree| {
        must_have_seen(tree, id, &if_match)?;
        Ok(tree.change(id, patch.clone(), now)?)
    })
    .await?;
    // Reindexes one batch of products: all of a small shop. The sweep does the rest.
    finish_tree_changes(&db, now).await?;
    Ok(Versioned { tag: category.tag(), body: category })
}

/// Delete a category
///
/// 409 while products or other categories are in it. Honours `If-Match` as a change does.
#[utoipa::path(delete, path = "/admin/categories/{category_id}", tag = "categories",
    security(("token" = ["catalog:write"])), params(("category_id" = CategoryId, Path), IfMatch),
    responses((status = NO_CONTENT),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`category_in_use`, or `categories_contended`, with `Retry-After`: other requests are changing the categories."),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: it was changed after the version in `If-Match`.")))]
async fn delete_category(
    State(db): State<Mongo>,
    _: Caller<CatalogWrite>,
    Path(id): Path<CategoryId>,
    if_match: IfMatch,
) -> Result<StatusCode, Error> {
    let mut backoff = Backoff::default();
    loop {
        // Most refusals end here, before the tree is changed.
        must_be_empty(&db, id).await?;
        let ((), mut tree) = flow::change(&db, |tree| {
            must_have_seen(tree, id, &if_match)?;
            Ok(tree.begin_removal(id)?)
        })
        .await?;
        if let Err(refused) = must_be_empty(&db, id).await {
            tree.keep(&[id]);
            // Where another request has changed the tree, the mark stays, which is harmless.
            store::save(&db, &mut tree).await?;
            return Err(refused);
        }
        tree.remove(id, Timestamp::now())?;
        if store::save(&db, &mut tree).await? {
            return Ok(StatusCode::NO_CONTENT);
        }
        if !backoff.wait().await {
            return Err(Error::CategoriesContended);
        }
    }
}

/// Refuses to delete a category that has products.
async fn must_be_empty(db: &Mongo, id: CategoryId) -> Result<(), Error> {
    if product_store::is_any_in_category(db, id).await? { Err(Refused::CategoryInUse.into()) } else { Ok(()) }
}

/// Refuses a change whose `If-Match` names neither the current category nor its current branch.
fn must_have_seen(tree: &Tree, id: CategoryId, if_match: &IfMatch) -> Result<(), Error> {
    let seen = tree.get(id).ok_or(Error::NotFound)?.tag();
    Ok(if_match.check(seen).or_else(|_| if_match.check(tree.branch_tag(id)))?)
}

/// Reindexes products of moved categories, and removes deleted categories from products. Answers the number of products that it
/// changed.
pub async fn finish_tree_changes(db: &Mongo, now: Timestamp) -> Result<usize, Error> {
    let tree = store::tree(db).await?;
    let mut settled = tree.clone();
    let followed = reindex_reparented(db, &tree).await?;
    if followed == 0 && tree.reparented.iter().all(|moved| moved.at.plus(REINDEXED_FOR) < now) {
        settled.reparented.clear();
    }
    let deleted: Vec<CategoryId> = tree.deleted.iter().map(|deleted| deleted.id).collect();
    let emptied = shelving::remove_deleted_categories(db, &deleted).await?;
    if emptied == 0 {
        settled.deleted.retain(|deleted| deleted.at.plus(CLEANED_FOR) >= now);
    }
    if settled != tree {
        // Where another request has changed the tree, the next sweep does this.
        store::save(db, &mut settled).await?;
    }
    Ok(followed + emptied)
}

async fn reindex_reparented(db: &Mongo, tree: &Tree) -> Result<usize, Error> {
    if tree.reparented.is_empty() {
        return Ok(0);
    }
    let ids: Vec<CategoryId> = tree.reparented.iter().flat_map(|moved| tree.with_descendants(moved.id)).collect();
    product_store::reindex(db, tree, &ids).await
}
