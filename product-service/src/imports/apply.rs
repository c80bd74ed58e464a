//! Applies a line of an import to the catalogue.

use std::collections::HashMap;

use common::{
    problem::{FieldError, Problem},
    sku::Sku,
    timestamp::Timestamp,
};

use super::domain::{LineContent, Outcome, ParsedLine, Position};
use crate::{
    app::App,
    categories::domain::{Refused as CategoryRefused, Tree},
    error::Error,
    mongo::Backoff,
    mongo_error::is_invalid,
    products::{
        domain::{Change, NewProduct, Product, ProductKey, Refused as ProductRefused, Status},
        flow as product_flow, shelving, store as product_store,
    },
    slug::Slug,
};

/// A line that is not blank.
pub(super) struct ImportLine {
    /// The position after the line.
    pub(super) end: Position,
    /// The product that the line describes, with the categories of this shop; or why it is refused.
    pub(super) product: Result<NewProduct, Vec<FieldError>>,
}

impl ImportLine {
    pub(super) fn new(line: ParsedLine, tree: &Tree) -> Self {
        let product = match line.content {
            LineContent::Product(product) => product.resolved(tree),
            LineContent::Refused(errors) => Err(errors),
        };
        Self { end: line.end, product }
    }

    /// The outcome of the line, unless another request changes its product meanwhile.
    pub(super) fn outcome(&self, known: &HashMap<Slug, Product>, now: Timestamp) -> Outcome {
        let Ok(new) = &self.product else { return Outcome::Refused };
        let Some(product) = known.get(&new.slug) else { return Outcome::Created };
        match product.after(Change::Replace(Box::new(new.clone())), now) {
            Ok(next) if next.version == product.version => Outcome::Unchanged,
            Ok(_) => Outcome::Changed,
            Err(_) => Outcome::Refused,
        }
    }
}

/// The products with the slugs of these lines, in one query.
pub(super) async fn find_known(app: &App, lines: &[ImportLine]) -> Result<HashMap<Slug, Product>, Error> {
    let slugs: Vec<&Slug> = lines.iter().filter_map(|line| line.product.as_ref().ok()).map(|new| &new.slug).collect();
    let found = product_store::with_slugs(&app.db, &slugs).await?;
    Ok(found.into_iter().map(|product| (product.slug.clone(), product)).collect())
}

/// Creates or changes the product of a line; the inner error is what is wrong with the line.
pub(super) async fn apply(
    app: &App,
    tree: &Tree,
    new: NewProduct,
    known: Option<Product>,
    now: Timestamp,
) -> Result<Result<Outcome, Vec<FieldError>>, Error> {
    let skus: Vec<Sku> = new.variants.iter().map(|variant| variant.sku.clone()).collect();
    let slug = new.slug.to_string();
    match save_product(app, tree, new, known, now).await {
        Ok(outcome) => Ok(Ok(outcome)),
        Err(Error::SkuTaken) => Ok(Err(taken(app, &slug, &skus).await?)),
        Err(error) if is_the_lines_own(&error) => Ok(Err(reasons(error))),
        Err(error) => Err(error),
    }
}

/// Creates or changes a product, and starts over when another request changes it at the same time.
async fn save_product(
    app: &App,
    tree: &Tree,
    new: NewProduct,
    mut known: Option<Product>,
    now: Timestamp,
) -> Result<Outcome, Error> {
    let mut backoff = Backoff::default();
    loop {
        if let Some(product) = &known {
            let next = product.after(Change::Replace(Box::new(new.clone())), now)?;
            if next.version == product.version {
                return Ok(Outcome::Unchanged);
            }
            if product_flow::save(&app.db, product, &next, tree).await? {
                return Ok(Outcome::Changed);
            }
        } else {
            let product = Product::create(new.clone(), now);
            match shelving::insert(&app.db, &product, tree).await {
                Ok(()) => return Ok(Outcome::Created),
                Err(Error::ProductSlugTaken) => {}
                Err(error) => return Err(error),
            }
        }
        if !backoff.wait().await {
            return Err(Error::ProductContended);
        }
        known = product_store::find(&app.db, &ProductKey::Slug(new.slug.to_string())).await?;
    }
}

/// An error for each of these SKUs that another product has.
async fn taken(app: &App, slug: &str, skus: &[Sku]) -> Result<Vec<FieldError>, Error> {
    let others = product_store::with_skus(&app.db, &skus.iter().collect::<Vec<_>>()).await?;
    // One that is archived may have the same slug.
    let is_other = |product: &&Product| product.slug.to_string() != slug || product.status == Status::Archived;
    let others: Vec<&Product> = others.iter().filter(is_other).collect();
    let is_taken = |sku: &Sku| others.iter().any(|other| other.has_sku(sku));
    let errors: Vec<FieldError> = skus
        .iter()
        .enumerate()
        .filter(|(_, sku)| is_taken(sku))
        .map(|(at, _)| FieldError {
            pointer: format!("/variants/{at}/sku"),
            code: "sku_taken".into(),
            message: "is the SKU of another product".into(),
            sku: None,
        })
        .collect();
    // None when the other product has lost the SKU meanwhile.
    Ok(if errors.is_empty() { reasons(Error::SkuTaken) } else { errors })
}

/// Whether the failure is the line's: another try would fail in the same way.
fn is_the_lines_own(error: &Error) -> bool {
    match error {
        Error::Product(ProductRefused::InvalidInput(_))
        | Error::Category(CategoryRefused::UnknownCategories(_))
        | Error::VariantReserved
        | Error::ProductContended => true,
        Error::Mongo(error) => is_invalid(error),
        _ => false,
    }
}

/// The errors that the API would answer.
fn reasons(error: Error) -> Vec<FieldError> {
    let problem = Problem::from(error);
    if !problem.errors().is_empty() {
        // A line has its categories under another name; one may be deleted while the line is worked off.
        let renamed = |error: &FieldError| FieldError {
            pointer: error.pointer.replacen("/category_ids", "/categories", 1),
            ..error.clone()
        };
        return problem.errors().iter().map(renamed).collect();
    }
    vec![FieldError::new("", problem.kind(), problem.detail())]
}
