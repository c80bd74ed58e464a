//! Ids that several nouns name. The id of one noun alone stands in that noun's `domain`.
//!
//! Each id has a marker of its own, so that the id of an order cannot be passed where a product's is meant. This file may use
//! `common` only.

use common::id::Id;

/// Marks the id of a product.
#[derive(Debug)]
pub enum ProductMarker {}
/// The id of a product.
pub type ProductId = Id<ProductMarker>;

/// Marks the id of a category.
#[derive(Debug)]
pub enum CategoryMarker {}
/// The id of a category.
pub type CategoryId = Id<CategoryMarker>;

/// Marks the id of an order, which transaction-service keeps.
#[derive(Debug)]
pub enum OrderMarker {}
/// The id of an order, and of its reservation.
pub type OrderId = Id<OrderMarker>;
