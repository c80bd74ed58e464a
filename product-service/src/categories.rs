//! Categories: the shelves that products stand on, and the order of these.

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

/// So long after a move its products are looked after: a request that read the tree before may save one until then.
const REINDEXED_FOR: Duration = Duration::from_mins(1);
/// So long after it was deleted a category is looked for in products: no function lives longer (15 minutes), and so none that
/// read the tree before can save a product later.
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
/// `parent_id` and `position` say where each stands.
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

/// Read a category, by id or slug, with where it stands and all that stands in it
#[utoipa::path(get, path = "/categories/{category}", tag = "categories",
    params(("category" = String, Path, description = "The category's id or slug.", example = "coffee"), IfNoneMatch),
    responses((status = OK, body = Branch,
        headers(("ETag" = String, description = "Names what is shown and its version, for `If-Match`; its form may change.")), example = json!({
        "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "slug": "coffee", "name": "Coffee", "parent_id": null,
        "position": 0, "version": 1, "ancestors": [], "descendants": []
    })), (status = NOT_MODIFIED, description = "`If-None-Match` names what would be answered.")))]
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

/// Make a category
#[utoipa::path(post, path = "/admin/categories", tag = "categories", security(("token" = ["catalog:write"])),
    request_body = NewCategory,
    responses((status = CREATED, body = Category, headers(("ETag" = String, description = "That of `GET /categories/{category}`, for `If-Match`."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`slug_taken`; `too_many_categories`: 1,000 are the most; or `categories_contended`, with `Retry-After`: others \
                are changing the categories.")))]
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

/// Change a category, or move it with all that stands in it
///
/// Honours `If-Match`, with the tag of this route's answer or with that of `GET /categories/{category}`, which names all that
/// is answered there: it is stale once any category was changed.
#[utoipa::path(patch, path = "/admin/categories/{category_id}", tag = "categories",
    security(("token" = ["catalog:write"])), params(("category_id" = CategoryId, Path), IfMatch), request_body = CategoryPatch,
    responses((status = OK, body = Category, headers(("ETag" = String, description = "Names the new version."))),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`slug_taken`; `category_circle`: it would stand in itself; or `categories_contended`, with `Retry-After`: \
                others are changing the categories."),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: changed since the version in `If-Match`.")))]
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
    // Of a small shop all products follow at once, of a large one the rest with the sweep.
    finish_tree_changes(&db, now).await?;
    Ok(Versioned { tag: category.tag(), body: category })
}

/// Take a category away
///
/// Refused while products or other categories stand in it. Honours `If-Match` as a change does.
#[utoipa::path(delete, path = "/admin/categories/{category_id}", tag = "categories",
    security(("token" = ["catalog:write"])), params(("category_id" = CategoryId, Path), IfMatch),
    responses((status = NO_CONTENT),
        (status = CONFLICT, body = ProblemBody, content_type = "application/problem+json",
            description = "`category_in_use`, or `categories_contended`, with `Retry-After`: others are changing the categories."),
        (status = PRECONDITION_FAILED, body = ProblemBody, content_type = "application/problem+json",
            description = "`stale`: changed since the version in `If-Match`.")))]
async fn delete_category(
    State(db): State<Mongo>,
    _: Caller<CatalogWrite>,
    Path(id): Path<CategoryId>,
    if_match: IfMatch,
) -> Result<StatusCode, Error> {
    let mut backoff = Backoff::default();
    loop {
        // The common refusal, which leaves the tree as it is.
        must_be_empty(&db, id).await?;
        let ((), mut tree) = flow::change(&db, |tree| {
            must_have_seen(tree, id, &if_match)?;
            Ok(tree.begin_removal(id)?)
        })
        .await?;
        if let Err(refused) = must_be_empty(&db, id).await {
            tree.keep(&[id]);
            // A mark that stays because another changed the tree hinders nothing.
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

/// Refuses to delete a category that products stand in.
async fn must_be_empty(db: &Mongo, id: CategoryId) -> Result<(), Error> {
    if product_store::is_any_in_category(db, id).await? { Err(Refused::CategoryInUse.into()) } else { Ok(()) }
}

/// Refuses a change with a tag of neither the category nor its branch as they are now.
fn must_have_seen(tree: &Tree, id: CategoryId, if_match: &IfMatch) -> Result<(), Error> {
    let seen = tree.get(id).ok_or(Error::NotFound)?.tag();
    Ok(if_match.check(seen).or_else(|_| if_match.check(tree.branch_tag(id)))?)
}

/// Has the products of categories that were moved be found where these stand now, and takes categories that were deleted out
/// of products that a request which ended early left in them. Answers how many products it changed.
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
        // Where the tree was changed meanwhile, the next sweep does this.
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
