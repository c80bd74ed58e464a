//! Reads several variants at once, for carts, with one query.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{extract::Query, input::Json, money::Money, problem::Problem, routes, routes::Routes, sku::Sku};
use http::header;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{domain::Product, store};
use crate::{app::App, caching::CATALOGUE_CACHE, error::Error, ids::ProductId, mongo::Mongo, slug::Slug};

/// Most SKUs of one request: as many as a cart has lines.
const MAX_SKUS: usize = 100;

/// The route of this file.
pub(super) fn routes() -> Routes<App> {
    Routes::new().routes(routes!(find_variants))
}

/// Query parameters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct VariantsQuery {
    /// Up to 100 SKUs, separated by commas.
    #[param(
        pattern = "^[A-Z0-9]+(-[A-Z0-9]+)*(,[A-Z0-9]+(-[A-Z0-9]+)*)*$",
        example = "TEE-ORG-NAVY-M,OUT-FLASK-500-STL"
    )]
    skus: String,
}

impl VariantsQuery {
    fn read(&self) -> Result<BTreeSet<Sku>, Problem> {
        let skus: Result<BTreeSet<Sku>, _> = self.skus.split(',').map(str::parse).collect();
        let skus = skus.map_err(|_| Problem::invalid_parameter("skus", "must be SKUs, separated by commas"))?;
        if skus.len() > MAX_SKUS {
            return Err(Problem::invalid_parameter("skus", &format!("must be at most {MAX_SKUS}")));
        }
        Ok(skus)
    }
}

/// Variants that are on sale.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"items": [{
    "sku": "TEE-ORG-S", "product_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "slug": "organic-cotton-tee",
    "title": "Organic cotton tee", "options": {"Size": "S"}, "prices": [{"amount": 1999, "currency": "USD"}],
    "compare_at_prices": []
}]}))]
struct Variants {
    /// The variants, sorted by SKU. SKUs that are unknown or not on sale are left out.
    items: Vec<VariantOnSale>,
}

/// A variant with what a cart shows of its product.
#[derive(Debug, Serialize, ToSchema)]
struct VariantOnSale {
    /// SKU of the variant.
    sku: Sku,
    /// The product that it is a variant of.
    product_id: ProductId,
    /// Slug of the product.
    slug: Slug,
    /// Title of the product.
    title: String,
    /// A value for each of the product's options, by name.
    options: BTreeMap<String, String>,
    /// Prices, at most one for each currency.
    prices: Vec<Money>,
    /// Former prices, to show struck through.
    compare_at_prices: Vec<Money>,
}

/// Read several variants on sale at once, by SKU
#[utoipa::path(get, path = "/products/variants", tag = "products", params(VariantsQuery),
    responses((status = OK, body = Variants)))]
async fn find_variants(State(db): State<Mongo>, Query(query): Query<VariantsQuery>) -> Result<Response, Error> {
    let wanted = query.read()?;
    let found = store::with_skus(&db, &wanted.iter().collect::<Vec<_>>()).await?;
    let mut items: Vec<VariantOnSale> =
        found.into_iter().filter(Product::is_on_sale).flat_map(|product| variants_of(product, &wanted)).collect();
    items.sort_unstable_by(|one, other| one.sku.cmp(&other.sku));
    Ok(([(header::CACHE_CONTROL, CATALOGUE_CACHE)], Json(Variants { items })).into_response())
}

fn variants_of(product: Product, wanted: &BTreeSet<Sku>) -> Vec<VariantOnSale> {
    let Product { id, slug, title, variants, .. } = product;
    let wanted = variants.into_iter().filter(|variant| wanted.contains(&variant.sku));
    wanted
        .map(|variant| VariantOnSale {
            sku: variant.sku,
            product_id: id,
            slug: slug.clone(),
            title: title.clone(),
            options: variant.options,
            prices: variant.prices,
            compare_at_prices: variant.compare_at_prices,
        })
        .collect()
}
