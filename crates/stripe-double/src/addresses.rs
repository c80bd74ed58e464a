//! Addresses and shipping details: what is not given is null, and what Stripe does not know is refused.

use serde_json::{Map, Value};

use crate::{form::Params, refusal::Refusal};

const ADDRESS: [&str; 6] = ["city", "country", "line1", "line2", "postal_code", "state"];

/// `address[...]`
pub(crate) fn address(params: &mut Params) -> Result<Option<Value>, Refusal> {
    let Some(mut below) = params.below("address")? else { return Ok(None) };
    let address = members(&mut below, &ADDRESS)?;
    below.finish()?;
    Ok(Some(Value::Object(address)))
}

/// `shipping[...]`, with an address and these members.
pub(crate) fn shipping(params: &mut Params, names: &[&str]) -> Result<Option<Value>, Refusal> {
    with_address(params, "shipping", names)
}

/// `billing_details[...]`
pub(crate) fn billing_details(params: &mut Params) -> Result<Option<Value>, Refusal> {
    with_address(params, "billing_details", &["email", "name", "phone", "tax_id"])
}

fn with_address(params: &mut Params, name: &str, names: &[&str]) -> Result<Option<Value>, Refusal> {
    let Some(mut below) = params.below(name)? else { return Ok(None) };
    let address = address(&mut below)?;
    let mut given = members(&mut below, names)?;
    below.finish()?;
    let nowhere = || Value::Object(ADDRESS.map(|name| (name.to_owned(), Value::Null)).into_iter().collect());
    given.insert("address".to_owned(), address.unwrap_or_else(nowhere));
    Ok(Some(Value::Object(given)))
}

fn members(params: &mut Params, names: &[&str]) -> Result<Map<String, Value>, Refusal> {
    let member = |name: &&str| Ok(((*name).to_owned(), params.settable(name)?.unwrap_or_default()));
    names.iter().map(member).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_given_is_null_and_what_is_not_known_is_refused() {
        let read = |encoded: &str| shipping(&mut Params::read(encoded.as_bytes()).unwrap(), &["name", "phone"]);
        let address = json!({"city": "Bonn", "country": null, "line1": null, "line2": null, "postal_code": null,
            "state": null});
        let expected = json!({"address": address, "name": "Ada", "phone": null});
        assert_eq!(read("shipping[name]=Ada&shipping[address][city]=Bonn").unwrap(), Some(expected));
        assert_eq!(read("name=Ada").unwrap(), None);
        for unknown in ["shipping[nmae]=Ada", "shipping[address][town]=Bonn"] {
            assert_eq!(read(unknown).unwrap_err().body()["error"]["code"], "parameter_unknown");
        }
    }
}
