//! `/v1/payment_intents/search`: <https://docs.stripe.com/search>, of which `metadata['name']:'value'`. Stripe's index
//! lags behind by up to a minute; this one as long as is configured.

use serde_json::{Value, json};

use super::KIND;
use crate::{
    form::Params,
    paging,
    refusal::Refusal,
    world::{Answer, World, number, text},
};

pub(crate) fn search(world: &World, mut params: Params) -> Answer {
    let query = params.required("query")?;
    let (limit, page) = (paging::limit(&mut params)?, params.text("page")?);
    params.finish()?;
    let Some((name, value)) = metadata(&query) else {
        let message = "The double of Stripe understands metadata['name']:'value' only.".to_owned();
        return Err(Refusal::invalid_parameter("query", message));
    };
    let is_indexed = |intent: &Value| number(intent, "created").saturating_add(world.search_lag) <= world.now;
    let is_found = |intent: &&Value| intent["metadata"][&name] == value && is_indexed(intent);
    let found: Vec<&Value> = world.all(KIND).filter(is_found).collect();
    let start = match &page {
        // A page is named after the last one before it.
        Some(last) => found.iter().position(|intent| text(intent, "id") == last).map_or(found.len(), |at| at + 1),
        None => 0,
    };
    let rest = &found[start..];
    let data = &rest[..rest.len().min(limit)];
    let has_more = rest.len() > limit;
    let next_page = data.last().filter(|_| has_more).map(|last| last["id"].clone());
    Ok(json!({
        "object": "search_result", "data": data, "has_more": has_more, "next_page": next_page,
        "url": "/v1/payment_intents/search"
    }))
}

/// The name and value of `metadata['name']:'value'` or the same with double quotes.
fn metadata(query: &str) -> Option<(String, String)> {
    let (name, rest) = quoted(query.trim().strip_prefix("metadata[")?)?;
    let (value, rest) = quoted(rest.strip_prefix("]:")?)?;
    rest.is_empty().then_some((name, value))
}

/// A text in quotes, in which a backslash protects what follows; and what comes after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    let mut chars = text.char_indices().skip(1);
    let mut inside = String::new();
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => inside.push(chars.next()?.1),
            _ if char == quote => return Some((inside, &text[at + 1..])),
            _ => inside.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_a_member_of_metadata_and_its_value() {
        let pair = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        assert_eq!(metadata("metadata['order']:'a b'"), pair("order", "a b"));
        assert_eq!(metadata(r#"metadata["order"]:"it's""#), pair("order", "it's"));
        assert_eq!(metadata(r"metadata['o']:'it\'s'"), pair("o", "it's"));
        for other in
            ["status:'succeeded'", "metadata['a']:'b' AND metadata['c']:'d'", "metadata['a'", "metadata[a]:'b'"]
        {
            assert_eq!(metadata(other), None, "{other}");
        }
    }
}
