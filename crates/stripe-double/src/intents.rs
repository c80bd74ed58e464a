//! What PaymentIntents and SetupIntents have in common.

use serde_json::{Map, Value, json};

use crate::{
    addresses,
    form::{Metadata, Params},
    refusal::Refusal,
    world::Answer,
};

/// What a call says about an intent that takes no money: `description`, ..., and metadata.
pub(crate) fn details(params: &mut Params) -> Result<(Map<String, Value>, Metadata), Refusal> {
    let mut details = Map::new();
    for name in ["description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix"] {
        if let Some(value) = params.settable(name)? {
            details.insert(name.to_owned(), value);
        }
    }
    if let Some(usage) = params.word("setup_future_usage", &["on_session", "off_session"])? {
        details.insert("setup_future_usage".to_owned(), json!(usage));
    }
    if let Some(shipping) = addresses::shipping(params, &["carrier", "name", "phone", "tracking_number"])? {
        details.insert("shipping".to_owned(), shipping);
    }
    Ok((details, params.metadata()?))
}

/// Stripe takes no `payment_method_types` since 2026-09-30.endive; cards are what this double knows anyway.
pub(crate) fn refuse_payment_method_types(params: &mut Params) -> Result<(), Refusal> {
    let name = "payment_method_types";
    if params.texts(name)?.is_none() {
        return Ok(());
    }
    let message = "The `payment_method_types` parameter is no longer supported. Use dynamic payment methods, or \
                   `allowed_payment_method_types` or `excluded_payment_method_types`.";
    Err(Refusal::invalid(Some("payment_method_types_no_longer_supported"), Some(name), message).unsaved())
}

/// `automatic_payment_methods`: what was given, or what Stripe takes since 2023-08-16 where nothing is said.
pub(crate) fn automatic_payment_methods(params: &mut Params) -> Answer {
    refuse_payment_method_types(params)?;
    let Some(mut automatic) = params.below("automatic_payment_methods")? else {
        return Ok(json!({ "allow_redirects": "always", "enabled": true }));
    };
    let is_enabled = automatic.flag("enabled")?;
    let redirects = automatic.word("allow_redirects", &["always", "never"])?;
    automatic.finish()?;
    let is_enabled = is_enabled.ok_or_else(|| Refusal::missing("automatic_payment_methods[enabled]"))?;
    let redirects = redirects.unwrap_or_else(|| "always".to_owned());
    Ok(if is_enabled { json!({ "allow_redirects": redirects, "enabled": true }) } else { Value::Null })
}

/// Requires a `return_url` for confirmation, unless redirects are excluded.
pub(crate) fn check_return_url(intent: &Value, return_url: Option<&str>) -> Result<(), Refusal> {
    let automatic = &intent["automatic_payment_methods"];
    if automatic["enabled"] == true && automatic["allow_redirects"] == "always" && return_url.is_none() {
        let kind = if intent["object"] == "setup_intent" { "SetupIntent" } else { "PaymentIntent" };
        let message = format!(
            "This {kind} is configured to accept payment methods enabled in your Dashboard. Because some of these payment \
             methods might redirect your customer off of your page, you must provide a `return_url`. If you don't want to \
             accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and \
             `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents."
        );
        return Err(Refusal::invalid(None, Some("return_url"), message));
    }
    Ok(())
}

/// The action of the cardholder, with its address.
pub(crate) fn next_action(id: &str, return_url: Option<&str>) -> Value {
    match return_url {
        Some(return_url) => json!({
            "type": "redirect_to_url",
            "redirect_to_url": {
                "return_url": return_url, "url": format!("https://hooks.stripe.com/3d_secure_2/hosted?intent={id}")
            }
        }),
        None => json!({
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {
                "type": "stripe_3ds2_fingerprint", "three_d_secure_2_source": format!("src_{}", crate::world::random(24))
            }
        }),
    }
}
