//! Names of collections, and of those indexes that queries name. What the collections look like is in `schema`. This file may
//! use `common` only.

use common::money::Currency;

/// What is sold.
pub(crate) const PRODUCTS: &str = "products";
/// Where it stands.
pub(crate) const CATEGORIES: &str = "categories";
/// How many there are.
pub(crate) const STOCK: &str = "stock";
/// Why that changed other than by sales.
pub(crate) const ADJUSTMENTS: &str = "adjustments";
/// What came back with which return.
pub(crate) const RETURNS: &str = "returns";
/// Who has reserved them.
pub(crate) const RESERVATIONS: &str = "reservations";

/// The images that are being uploaded, or were.
pub(crate) const UPLOADS: &str = "uploads";

/// Files of products that are worked off, or were.
pub(crate) const IMPORTS: &str = "imports";
/// Their lines that were refused.
pub(crate) const IMPORT_ERRORS: &str = "import_errors";
/// Files of products that are written, or were.
pub(crate) const EXPORTS: &str = "exports";

/// One product a slug, archived ones apart: those have none.
pub(crate) const PRODUCT_SLUG: &str = "product_living_slug";
/// One product a SKU.
pub(crate) const PRODUCT_SKU: &str = "product_sku";

/// Products by a term, newest first.
pub(crate) const PRODUCT_FOUND_NEWEST: &str = "product_found_newest";
/// Products by a term, by title.
pub(crate) const PRODUCT_FOUND_TITLE: &str = "product_found_title";

/// Products by a term, by their lowest price in a currency.
pub(crate) fn product_found_price(currency: Currency) -> String {
    format!("product_found_{currency}")
}
