//! Names of collections, and of those indexes that queries name. What the collections look like is in `schema`. This file may
//! use `common` only.

use common::money::Currency;

/// Products.
pub(crate) const PRODUCTS: &str = "products";
/// The tree of categories.
pub(crate) const CATEGORIES: &str = "categories";
/// Stock by SKU.
pub(crate) const STOCK: &str = "stock";
/// The audit log of stock: changes other than by sales.
pub(crate) const ADJUSTMENTS: &str = "adjustments";
/// The lines of returns.
pub(crate) const RETURNS: &str = "returns";
/// Reservations by order.
pub(crate) const RESERVATIONS: &str = "reservations";

/// Uploads of images.
pub(crate) const UPLOADS: &str = "uploads";

/// Imports.
pub(crate) const IMPORTS: &str = "imports";
/// Refused lines of imports.
pub(crate) const IMPORT_ERRORS: &str = "import_errors";
/// Exports.
pub(crate) const EXPORTS: &str = "exports";

/// Slugs are unique among products that are not archived.
pub(crate) const PRODUCT_SLUG: &str = "product_living_slug";
/// SKUs are unique.
pub(crate) const PRODUCT_SKU: &str = "product_sku";

/// Products with a term, newest first.
pub(crate) const PRODUCT_FOUND_NEWEST: &str = "product_found_newest";
/// Products with a term, by title.
pub(crate) const PRODUCT_FOUND_TITLE: &str = "product_found_title";

/// Products with a term, by their lowest price in a currency.
pub(crate) fn product_found_price(currency: Currency) -> String {
    format!("product_found_{currency}")
}
