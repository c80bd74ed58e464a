//! How products are indexed, how a query is read, and how results are ranked.
//!
//! Everything that a product can be filtered by is a *term* on its document: one array of prefixed strings, so that one
//! index serves every filter and any number of them together. Products that are not on sale have none.

use std::collections::BTreeSet;

use common::{input::Refusal, money::Currency, problem::Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::{folded, words};
use crate::{
    categories::domain::Tree,
    ids::{CategoryId, ProductId},
    products::domain::{AttributeValue, Product},
};

/// How many words of a description are indexed.
const DESCRIPTION_WORDS: usize = 200;
/// The longest `q`, in characters.
const MAX_QUERY: usize = 200;
const MAX_WORDS: usize = 10;
const MAX_FILTERS: usize = 10;

/// The term of every product on sale.
const ON_SALE: &str = "*";

/// The terms of a product, each once; none unless it is on sale.
pub fn terms(product: &Product, tree: &Tree) -> Vec<String> {
    if !product.is_on_sale() {
        return Vec::new();
    }
    let mut terms = BTreeSet::from([ON_SALE.to_owned()]);
    for id in &product.category_ids {
        terms.insert(in_category(*id));
        terms.extend(tree.ancestors(*id).into_iter().map(|ancestor| in_category(ancestor.id)));
    }
    terms.extend(product.brand.as_deref().map(of_brand));
    terms.extend(product.tags.iter().map(|tag| with_tag(tag)));
    for (name, value) in &product.attributes {
        terms.extend(value.values().iter().map(|value| with_attribute(name, value)));
    }
    for (name, value) in product.variants.iter().flat_map(|variant| &variant.options) {
        terms.insert(with_attribute(name, value));
    }
    let texts = [product.title.clone()].into_iter().chain(product.brand.clone()).chain(product.tags.clone());
    let texts = texts.chain(values(product));
    terms.extend(texts.flat_map(|text| words(&text).map(|word| with_word(&word)).collect::<Vec<_>>()));
    terms.extend(words(&product.description).take(DESCRIPTION_WORDS).map(|word| with_word(&word)));
    terms.into_iter().collect()
}

/// The filter that takes the values of a facet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FacetKind {
    /// The filter `category_id`.
    Category,
    /// The filter `brand`.
    Brand,
    /// The filter `tags`.
    Tag,
    /// The filter `attributes`, which takes attributes and options.
    Attribute,
}

/// A value of a product by which lists can be filtered, as staff wrote it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FacetValue {
    /// The filter.
    pub kind: FacetKind,
    /// Name of the attribute; empty for other filters.
    pub name: String,
    /// The value.
    pub value: String,
}

/// Values by which a list can be filtered further, most frequent first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"kind": "attribute", "name": "Material", "values": [{"value": "cotton", "count": 7}]}))]
pub struct Facet {
    /// The filter that takes the values.
    pub kind: FacetKind,
    /// Name of the attribute; `null` for other filters.
    #[schema(required)]
    pub name: Option<String>,
    /// At most 50 values.
    pub values: Vec<FacetCount>,
}

/// A value, and the number of products that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FacetCount {
    /// The value for the filter.
    pub value: String,
    /// Number of products of the list that have the value.
    pub count: i64,
}

/// Most values of one facet.
const MAX_FACET_VALUES: usize = 50;

/// All values of a product by which lists can be filtered.
pub fn facet_values(product: &Product, tree: &Tree) -> Vec<FacetValue> {
    if !product.is_on_sale() {
        return Vec::new();
    }
    let value = |kind, name: &str, value: &str| FacetValue { kind, name: name.to_owned(), value: value.to_owned() };
    let above = |id: &CategoryId| -> Vec<CategoryId> {
        std::iter::once(*id).chain(tree.ancestors(*id).into_iter().map(|ancestor| ancestor.id)).collect()
    };
    let categories =
        product.category_ids.iter().flat_map(above).map(|id| value(FacetKind::Category, "", &id.to_string()));
    let brand = product.brand.iter().map(|brand| value(FacetKind::Brand, "", brand));
    let tags = product.tags.iter().map(|tag| value(FacetKind::Tag, "", tag));
    let attributes = product.attributes.iter().flat_map(|(name, attribute)| {
        attribute.values().into_iter().map(move |one| value(FacetKind::Attribute, name, &one))
    });
    let options = product.variants.iter().flat_map(|variant| &variant.options);
    let options = options.map(|(name, one)| value(FacetKind::Attribute, name, one));
    let all: BTreeSet<FacetValue> = categories.chain(brand).chain(tags).chain(attributes).chain(options).collect();
    all.into_iter().collect()
}

/// Facets of the values that were counted, most frequent first.
pub fn facets(counted: Vec<(FacetValue, i64)>) -> Vec<Facet> {
    let mut facets: Vec<Facet> = Vec::new();
    for (FacetValue { kind, name, value }, count) in counted {
        let name = (kind == FacetKind::Attribute).then_some(name);
        let counted = FacetCount { value, count };
        match facets.iter_mut().find(|facet| facet.kind == kind && facet.name == name) {
            Some(facet) if facet.values.len() < MAX_FACET_VALUES => facet.values.push(counted),
            Some(_) => {}
            None => facets.push(Facet { kind, name, values: vec![counted] }),
        }
    }
    facets.sort_by(|one, other| (one.kind, &one.name).cmp(&(other.kind, &other.name)));
    facets
}

/// The values of its attributes, and of its options as far as a variant has them: `red`, `500 ml`.
fn values(product: &Product) -> impl Iterator<Item = String> + '_ {
    let options = product.variants.iter().flat_map(|variant| variant.options.values().cloned());
    product.attributes.values().flat_map(AttributeValue::values).chain(options)
}

fn in_category(id: CategoryId) -> String {
    format!("c:{id}")
}

fn of_brand(brand: &str) -> String {
    format!("b:{}", folded(brand))
}

fn with_tag(tag: &str) -> String {
    format!("t:{}", folded(tag))
}

fn with_attribute(name: &str, value: &str) -> String {
    format!("a:{}:{}", folded(name), folded(value))
}

fn with_word(word: &str) -> String {
    format!("w:{word}")
}

/// Order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ProductSort)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Newest first.
    Newest,
    /// By title, alphabetically.
    Title,
    /// Cheapest first, in `currency`.
    Price,
    /// Best match with `q` first.
    Relevance,
}

/// The parameters of a search, as the query string has them.
#[derive(Debug, Clone, Default)]
pub struct SearchParams {
    /// Words.
    pub q: Option<String>,
    /// A category.
    pub category_id: Option<CategoryId>,
    /// A brand.
    pub brand: Option<String>,
    /// Tags, separated by commas.
    pub tags: Option<String>,
    /// Attributes as `name:value`, separated by commas.
    pub attributes: Option<String>,
    /// Currency of the prices.
    pub currency: Option<String>,
    /// The lowest price.
    pub price_min: Option<i64>,
    /// The highest price.
    pub price_max: Option<i64>,
    /// Only products that can be ordered.
    pub in_stock: bool,
    /// Order of the list.
    pub sort: Option<Sort>,
}

/// A valid query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductQuery {
    /// Terms that a product must all have; at least one, unless there is a prefix.
    pub terms: Vec<String>,
    /// The beginning of a term that a product must have, too: the last word, which the shopper may not have typed to its end.
    pub prefix: Option<String>,
    /// Currency and range for filter and order; only products with a price in it are listed.
    pub price: Option<PriceRange>,
    /// Only products that can be ordered.
    pub in_stock: bool,
    /// Order of the list.
    pub sort: Sort,
    /// All words of the query; the last one may be incomplete.
    pub words: Vec<String>,
}

/// Prices from and to, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceRange {
    /// Currency of the prices.
    pub currency: Currency,
    /// The lowest.
    pub min: Option<i64>,
    /// The highest.
    pub max: Option<i64>,
}

impl SearchParams {
    /// Reads the parameters; the problem is a 400 that says which one is wrong.
    pub fn read(self) -> Result<ProductQuery, Problem> {
        let refused = Problem::invalid_parameter;
        let query = self.q.unwrap_or_default();
        if query.chars().count() > MAX_QUERY {
            return Err(refused("q", "must have at most 200 characters"));
        }
        let found: Vec<String> = words(&query).take(MAX_WORDS).collect();
        let mut terms: BTreeSet<String> = self.category_id.map(in_category).into_iter().collect();
        terms.extend(self.brand.as_deref().map(of_brand));
        let listed = |list: Option<String>| -> Vec<String> {
            list.iter().flat_map(|list| list.split(',')).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let (has_tags, has_attributes) = (self.tags.is_some(), self.attributes.is_some());
        let (tags, attributes) = (listed(self.tags), listed(self.attributes));
        // A list of commas alone would filter nothing.
        for (name, is_empty) in
            [("tags", has_tags && tags.is_empty()), ("attributes", has_attributes && attributes.is_empty())]
        {
            if is_empty {
                return Err(refused(name, "must name at least one, or be left out"));
            }
        }
        if tags.len() + attributes.len() > MAX_FILTERS {
            let name = if attributes.is_empty() { "tags" } else { "attributes" };
            return Err(refused(name, "must be at most 10, with tags and attributes together"));
        }
        terms.extend(tags.iter().map(|tag| with_tag(tag)));
        for attribute in attributes {
            let pair = attribute.split_once(':').filter(|(name, value)| !name.is_empty() && !value.is_empty());
            let (name, value) = pair.ok_or_else(|| refused("attributes", "must be name:value, separated by commas"))?;
            terms.insert(with_attribute(name, value));
        }
        // A query that ends in a blank has all its words typed to their ends.
        let is_open = query.ends_with(char::is_alphanumeric);
        let (whole, last) = if is_open { found.split_at(found.len().saturating_sub(1)) } else { (&found[..], &[][..]) };
        terms.extend(whole.iter().map(|word| with_word(word)));
        let prefix = last.first().map(|word| with_word(word));
        // Without a letter or digit in it nothing is found: no product has this term.
        if !query.trim().is_empty() && found.is_empty() {
            terms.insert(with_word(""));
        }
        if terms.is_empty() && prefix.is_none() {
            terms.insert(ON_SALE.to_owned());
        }
        let currency = self.currency.as_deref().map(str::parse::<Currency>).transpose();
        let currency = currency.map_err(|_: Refusal| refused("currency", "must be an ISO 4217 code"))?;
        let sort = self.sort.unwrap_or(if found.is_empty() { Sort::Newest } else { Sort::Relevance });
        let needs_currency = self.price_min.is_some() || self.price_max.is_some() || sort == Sort::Price;
        for (name, price) in [("price_min", self.price_min), ("price_max", self.price_max)] {
            if price.is_some_and(|price| price < 0) {
                return Err(refused(name, "must not be negative"));
            }
        }
        if self.price_min.zip(self.price_max).is_some_and(|(min, max)| min > max) {
            return Err(refused("price_max", "must not be below price_min"));
        }
        if needs_currency && currency.is_none() {
            return Err(refused("currency", "must be given where prices are asked for"));
        }
        if sort == Sort::Relevance && found.is_empty() {
            return Err(refused("sort", "by relevance needs words to search for, in q"));
        }
        let range = |currency| PriceRange { currency, min: self.price_min, max: self.price_max };
        let price = currency.map(range);
        let terms = terms.into_iter().collect();
        Ok(ProductQuery { terms, prefix, price, in_stock: self.in_stock, sort, words: found })
    }
}

/// How well a product matches the words; a higher number is a better match. A word in the title counts above one in brand
/// or tags, that above one in an attribute, and that above one in the description; a whole word above its beginning.
pub fn relevance(product: &Product, wanted: &[String]) -> u32 {
    let tags: Vec<String> =
        product.tags.iter().chain(&product.brand).flat_map(|tag| words(tag).collect::<Vec<_>>()).collect();
    let attributes: Vec<String> = values(product).flat_map(|value| words(&value).collect::<Vec<_>>()).collect();
    let title: Vec<String> = words(&product.title).collect();
    let description: Vec<String> = words(&product.description).take(DESCRIPTION_WORDS).collect();
    let fields = [(&title, 1000), (&tags, 100), (&attributes, 30), (&description, 10)];
    let best = |word: &String| {
        let weight = |(found, weight): &(&Vec<String>, u32)| match found {
            found if found.contains(word) => *weight,
            found if found.iter().any(|found| found.starts_with(word)) => weight * 6 / 10,
            _ => 0,
        };
        fields.iter().map(weight).max().unwrap_or_default()
    };
    // Of two that have all words in their titles, the shorter title is more about them.
    let brevity = 20_u32.saturating_sub(u32::try_from(title.len()).unwrap_or(20));
    wanted.iter().map(best).sum::<u32>() + brevity
}

/// The position of an item in a list: the next page begins after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cursor {
    /// Of a list by age: the id.
    Newest(ProductId),
    /// Of a list by title: title and id.
    Title(String, ProductId),
    /// Of a list by price: amount and id.
    Price(i64, ProductId),
    /// Of a list by relevance: the number of items before and at the position.
    Relevance(usize),
}

impl Cursor {
    /// Whether the cursor is one of a list with this order.
    pub fn is_of(&self, sort: Sort) -> bool {
        matches!(
            (self, sort),
            (Self::Newest(_), Sort::Newest)
                | (Self::Title(..), Sort::Title)
                | (Self::Price(..), Sort::Price)
                | (Self::Relevance(_), Sort::Relevance)
        )
    }
}

/// The sort key of a title.
pub fn title_key(title: &str) -> String {
    folded(title)
}

/// The lowest price of a product in each of its currencies.
pub fn lowest_prices(product: &Product) -> Vec<(Currency, i64)> {
    let mut lowest: Vec<(Currency, i64)> = Vec::new();
    for price in product.variants.iter().flat_map(|variant| &variant.prices) {
        match lowest.iter_mut().find(|(currency, _)| *currency == price.currency) {
            Some((_, amount)) => *amount = (*amount).min(price.amount),
            None => lowest.push((price.currency, price.amount)),
        }
    }
    lowest
}

#[cfg(test)]
mod tests;
