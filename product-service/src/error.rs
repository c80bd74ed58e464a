//! All failures of this service, and the one place that maps them to problems. It wraps what rules refuse (the `Refused` beside
//! each rule) and what drivers and clients report; no `domain` names this file.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use common::{
    problem::{FieldError, Problem},
    sku::Sku,
};
use http::StatusCode;
use platform::{client::CallError, config::SecretError};
use serde_json::Value;

use crate::{
    bucket::Failure,
    categories::domain::{MAX_CATEGORIES, MAX_DEPTH, Refused as CategoryRefused},
    ids::{OrderId, ProductId},
    images::domain::{MAX_IMAGES, RefusalCode},
    inventory::domain::MAX_ON_HAND,
    mongo_error::{is_outage, note_refusal},
    products::domain::{MAX_VARIANTS, Refused as ProductRefused},
    reservations::domain::Refused as ReservationRefused,
};

/// A failure of product-service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule of products refuses.
    #[error(transparent)]
    Product(#[from] ProductRefused),
    /// A rule of categories refuses.
    #[error(transparent)]
    Category(#[from] CategoryRefused),
    /// A rule of reservations refuses.
    #[error(transparent)]
    Reservation(#[from] ReservationRefused),
    /// It does not exist, or the caller may not see it.
    #[error("not found")]
    NotFound,
    /// Another product has the slug.
    #[error("another product has the slug")]
    ProductSlugTaken,
    /// Another product has one of the SKUs.
    #[error("another product has one of the SKUs")]
    SkuTaken,
    /// Orders hold units of the variant.
    #[error("orders hold units of the variant")]
    VariantReserved,
    /// Other requests changed the categories in every attempt; nothing was changed.
    #[error("other requests changed the categories in every attempt; nothing was changed")]
    CategoriesContended,
    /// Other requests changed the product in every attempt; nothing was changed.
    #[error("other requests changed the product in every attempt; nothing was changed")]
    ProductContended,
    /// These fields refer to something that does not exist.
    #[error("invalid input: {} fields", .0.len())]
    InvalidInput(Vec<FieldError>),
    /// Orders have reserved more units than would be on hand.
    #[error("orders have reserved more than would be on hand")]
    BelowReserved,
    /// More units would be on hand than are allowed.
    #[error("more than {MAX_ON_HAND} would be on hand")]
    TooManyOnHand,
    /// Another request is making the same adjustment.
    #[error("another request is making the adjustment")]
    AdjustmentInProgress,
    /// The caller used the idempotency key for something else.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The return was sent with other lines before.
    #[error("the return was sent with other lines before")]
    ReturnDiffers,
    /// Another request changed it after the client read it.
    #[error("the resource was changed since it was read")]
    Stale,
    /// The product has as many images as it may have, uploads in progress included.
    #[error("the product has the maximum number of images, uploads in progress included")]
    TooManyImages,
    /// Nothing has arrived in the bucket yet.
    #[error("nothing has been uploaded yet")]
    NotUploaded,
    /// The uploaded file cannot be published.
    #[error("the image was refused: {reason}")]
    ImageRefused {
        /// Why, for programs.
        code: Option<RefusalCode>,
        /// Why, for people.
        reason: String,
    },
    /// The import ended before its file did; the text says why, for people.
    #[error("the import has failed: {0}")]
    ImportFailed(String),
    /// Some SKUs have too few units; nothing was reserved.
    #[error("not enough in stock of {}", skus(.0))]
    OutOfStock(Vec<Shortage>),
    /// Attempts in flight, which may be rolled back, hold the last units; nothing was reserved.
    #[error("attempts in flight hold the last units")]
    StockContended,
    /// A problem that a shared part has made.
    #[error("{}", .0.kind())]
    Problem(Problem),
    /// The database failed, or could not be reached.
    #[error("MongoDB: {0}")]
    Mongo(mongodb::error::Error),
    /// A document in the database does not have the form that this service writes.
    #[error("a document cannot be read: {0}")]
    Corrupt(mongodb::bson::error::Error),
    /// A product in the database without a slug.
    #[error("product {0} has no slug")]
    MissingSlug(ProductId),
    /// A reservation in the database without what its state needs.
    #[error("reservation {0} lacks fields that its state requires")]
    IncompleteReservation(OrderId),
    /// The URI of the database could not be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A call to the bucket failed.
    #[error(transparent)]
    Bucket(#[from] Failure),
    /// notification-service did not accept a low-stock alert.
    #[error(transparent)]
    LowStockAlert(CallError),
}

/// A line of a reservation whose SKU has too few units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// SKU of the line.
    pub sku: Sku,
    /// Index of the first line of this SKU in the request.
    pub line: usize,
    /// Number of units that can be reserved.
    pub available: i64,
}

fn skus(short: &[Shortage]) -> String {
    short.iter().map(|line| line.sku.as_str()).collect::<Vec<_>>().join(", ")
}

/// `Retry-After` of what another request is about to finish.
const ABOUT_TO_END: Duration = Duration::from_secs(1);

impl From<Error> for Problem {
    #[expect(clippy::too_many_lines, reason = "an arm a failure; in parts it would need a wildcard")]
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound
            | Error::Product(ProductRefused::NotFound)
            | Error::Category(CategoryRefused::NotFound)
            | Error::Reservation(ReservationRefused::NotFound) => Self::not_found(),
            Error::ProductSlugTaken => {
                Self::conflict("slug_taken", "The slug is taken", "Another product has this slug.")
            }
            Error::SkuTaken | Error::Product(ProductRefused::SkuTaken) => {
                Self::conflict("sku_taken", "The SKU is taken", "Another product has one of these SKUs.")
            }
            Error::Product(ProductRefused::Archived) => {
                Self::conflict("archived", "The product is archived", "Restore the product first; it becomes a draft.")
            }
            Error::Product(ProductRefused::TooManyVariants) => {
                let detail = format!("A product has at most {MAX_VARIANTS} variants.");
                Self::conflict("too_many_variants", "Too many variants", detail)
            }
            Error::Product(ProductRefused::LastVariant) => Self::conflict(
                "last_variant",
                "The last variant cannot be removed",
                "A product has at least one variant. Archive the product instead.",
            ),
            Error::VariantReserved => Self::conflict(
                "variant_reserved",
                "The variant is reserved",
                "Orders have reserved units of this variant. Set its stock to 0, and remove it when these orders are closed.",
            ),
            Error::Category(CategoryRefused::CategorySlugTaken) => {
                Self::conflict("slug_taken", "The slug is taken", "Another category has this slug.")
            }
            Error::Category(CategoryRefused::TooManyCategories) => {
                let detail = format!("A shop has at most {MAX_CATEGORIES} categories.");
                Self::conflict("too_many_categories", "Too many categories", detail)
            }
            Error::Category(CategoryRefused::CategoryCircle) => Self::conflict(
                "category_circle",
                "A category cannot be inside itself",
                "A category cannot be inside itself or inside one of its descendants.",
            ),
            Error::Category(CategoryRefused::TooDeep) => {
                parent_refused("too_deep", format!("must not make the tree deeper than {MAX_DEPTH} levels"))
            }
            Error::Category(CategoryRefused::UnknownParent) => {
                parent_refused("unknown_category", "is not a category of this shop".to_owned())
            }
            Error::Category(CategoryRefused::CategoryInUse) => Self::conflict(
                "category_in_use",
                "The category is in use",
                "Products or other categories are in it. Move them first.",
            ),
            Error::CategoriesContended => Self::conflict(
                "categories_contended",
                "Other requests are changing the categories",
                "Nothing was changed. Send the request again shortly.",
            )
            .with_retry_after(ABOUT_TO_END),
            Error::ProductContended => Self::conflict(
                "product_contended",
                "Other requests are changing the product",
                "Nothing was changed. Send the request again shortly.",
            )
            .with_retry_after(ABOUT_TO_END),
            Error::InvalidInput(errors)
            | Error::Product(ProductRefused::InvalidInput(errors))
            | Error::Category(CategoryRefused::UnknownCategories(errors)) => Self::invalid_input(errors),
            Error::BelowReserved => Self::conflict(
                "below_reserved",
                "Fewer on hand than reserved",
                "Orders have reserved more units than would be on hand.",
            ),
            Error::TooManyOnHand => {
                let detail = format!("At most {MAX_ON_HAND} of a SKU can be on hand.");
                Self::conflict("too_many_on_hand", "Too many on hand", detail)
            }
            Error::AdjustmentInProgress => Self::conflict(
                "adjustment_in_progress",
                "The adjustment is in progress",
                "Another request is making this adjustment. Repeat this request to get its answer.",
            )
            .with_retry_after(ABOUT_TO_END),
            Error::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The idempotency key was used for another request",
                "Use a new key for each adjustment; reuse a key only to repeat the same request.",
            ),
            Error::ReturnDiffers => Self::conflict(
                "return_differs",
                "The return has other lines",
                "This return was already sent with other lines.",
            ),
            Error::Stale => Self::stale(),
            Error::TooManyImages => {
                let detail =
                    format!("A product has at most {MAX_IMAGES} images, uploads in progress included. Remove one first.");
                Self::conflict("too_many_images", "Too many images", detail)
            }
            Error::NotUploaded => Self::conflict(
                "not_uploaded",
                "Not uploaded yet",
                "No file has arrived. Post the form with the file first; create a new upload if the form has expired.",
            ),
            Error::ImageRefused { code, reason } => {
                let code = code.map_or(Value::Null, |code| code.as_str().into());
                Self::conflict("image_refused", "The image is refused", reason).with_member("reason_code", code)
            }
            Error::ImportFailed(reason) => Self::conflict("import_failed", "The import has failed", reason),
            Error::OutOfStock(short) => Self::conflict(
                "out_of_stock",
                "Not enough in stock",
                "Nothing was reserved; `errors` lists the lines that are short.",
            )
            .with_errors(short.iter().map(Shortage::field).collect()),
            Error::Reservation(ReservationRefused::ReservationDiffers) => Self::conflict(
                "reservation_differs",
                "The reservation differs",
                "This order has a reservation with other lines or in another currency.",
            ),
            Error::Reservation(ReservationRefused::ReservationInProgress) => Self::conflict(
                "reservation_in_progress",
                "The reservation is in progress",
                "Another request is reserving stock for this order.",
            )
            .with_retry_after(ABOUT_TO_END),
            Error::StockContended => Self::conflict(
                "stock_contended",
                "Other orders hold the last units",
                "Nothing was reserved. Orders in progress hold the last units and may still release them: send the request again shortly.",
            )
            .with_retry_after(ABOUT_TO_END),
            Error::Reservation(ReservationRefused::ReservationReleased) => {
                Self::conflict("reservation_released", "The reservation was released", "The reservation of this order was released.")
            }
            Error::Reservation(ReservationRefused::ReservationCommitted) => {
                Self::conflict("reservation_committed", "The reservation was committed", "The reservation of this order was committed.")
            }
            Error::Problem(problem) => problem,
            Error::Mongo(error) if is_outage(&error) => Self::unavailable(error),
            Error::Mongo(error) => Self::internal(error),
            Error::Secret(error) => Self::unavailable(error),
            Error::Bucket(error @ Failure::Unavailable(_)) => Self::unavailable(error),
            error @ (Error::Bucket(_) | Error::Corrupt(_) | Error::MissingSlug(_) | Error::IncompleteReservation(_)) => Self::internal(error),
            Error::LowStockAlert(error) => error.into(),
        }
    }
}

fn parent_refused(code: &'static str, message: String) -> Problem {
    Problem::invalid_input(vec![FieldError::new("/parent_id", code, message)])
}

impl Shortage {
    fn field(&self) -> FieldError {
        let pointer = format!("/lines/{}/quantity", self.line);
        let message = format!("exceeds the {} available units of {}", self.available, self.sku);
        FieldError::new(pointer, "out_of_stock", message).of_sku(&self.sku)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<mongodb::error::Error> for Error {
    fn from(error: mongodb::error::Error) -> Self {
        note_refusal(&error);
        Self::Mongo(error)
    }
}

/// `#[from]` would make it a cause as well; the text has it already, and a log would show it twice.
impl From<mongodb::bson::error::Error> for Error {
    fn from(error: mongodb::bson::error::Error) -> Self {
        Self::Corrupt(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_are_changing_is_to_be_asked_for_again_and_is_no_outage() {
        for (error, kind) in
            [(Error::CategoriesContended, "categories_contended"), (Error::ProductContended, "product_contended")]
        {
            let answer = error.into_response();
            let problem = answer.extensions().get::<Problem>().unwrap();
            assert_eq!((answer.status(), problem.kind()), (StatusCode::CONFLICT, kind));
        }
    }

    #[test]
    fn a_change_of_primary_is_an_outage_and_a_bad_command_is_our_mistake() {
        let command = |code: i32| {
            let answer = mongodb::bson::doc! { "code": code, "codeName": "", "errmsg": "" };
            let error: mongodb::error::CommandError = mongodb::bson::deserialize_from_document(answer).unwrap();
            Problem::from(Error::Mongo(mongodb::error::ErrorKind::Command(error).into())).status().as_u16()
        };
        // NotWritablePrimary, InterruptedDueToReplStateChange, ShutdownInProgress, MaxTimeMSExpired.
        for code in [10_107, 11_602, 91, 50] {
            assert_eq!(command(code), 503, "{code}");
        }
        // BadValue, Unauthorized, CommandNotFound.
        for code in [2, 13, 59] {
            assert_eq!(command(code), 500, "{code}");
        }
        // AuthenticationFailed: a password that was replaced, and is fetched anew by the next statement.
        assert_eq!(command(18), 503);
    }
}
