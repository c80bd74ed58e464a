//! Mails and text messages, rendered from the samples of their templates.

use common::input::{Fields, FromFields};
use serde_json::{Value, json};
use strum::VariantArray;

use super::{words::LANGUAGES, *};
use crate::{
    locale::{Locale, Zone},
    segments::{Encoding, count},
};

mod accounts_and_staff;
mod data;
mod hostile_data;
mod languages;
mod layout;
mod orders;
mod text_messages;

/// The message of a request; its other members are ignored.
struct SampleMessage(Message);

impl FromFields for SampleMessage {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        for name in ["event_id", "recipient", "channels"] {
            fields.ignore(name);
        }
        let template = fields.text::<Template>("template")?;
        fields.object_by("data", |data| Message::read(template, data)).map(Self)
    }
}

fn shop() -> Shop {
    let bases = |text: &str| text.parse::<BaseUrls>().unwrap();
    let shop = Shop::new("Bodega".parse().unwrap(), "https://shop.example");
    let shop = shop.with_bases(bases("https://images.example"), bases("https://parcels.example/track"));
    shop.in_zone("Europe/Berlin".parse().unwrap())
}

fn read(request: Value) -> Result<Message, Vec<String>> {
    let errors = |errors: FieldErrors| errors.iter().map(|e| format!("{} {}", e.pointer, e.code)).collect();
    Fields::read::<SampleMessage>(request).map(|SampleMessage(message)| message).map_err(errors)
}

/// The sample of a template, changed.
fn changed(template: Template, change: impl FnOnce(&mut Value)) -> Message {
    let mut request = sample(template);
    change(&mut request["data"]);
    read(request).unwrap()
}

fn rendered(message: &Message, locale: &str) -> Mail {
    mail(message, &shop(), &locale.parse().unwrap()).unwrap()
}

fn of(template: Template, locale: &str, change: impl FnOnce(&mut Value)) -> Mail {
    rendered(&changed(template, change), locale)
}

fn sms(template: Template, locale: &str, change: impl FnOnce(&mut Value)) -> String {
    text(&changed(template, change), &shop(), &locale.parse().unwrap()).unwrap().unwrap()
}

/// An order in euros to Berlin.
fn in_euros(data: &mut Value) {
    let order = &mut data["order"];
    order.as_object_mut().unwrap().remove("number");
    let money = |amount: i64| json!({"amount": amount, "currency": "EUR"});
    order["lines"][0]["total"] = money(123_456);
    order["lines"][0]["unit_price"] = money(61_728);
    order["lines"][1] = json!({"title": "Mug", "options": {}, "quantity": 1, "total": money(900)});
    for (name, amount) in [("subtotal", 124_356), ("shipping", 490), ("tax", 0), ("total", 124_846)] {
        order[name] = money(amount);
    }
    order["shipping_address"] = json!({"name": "Ada Lovelace", "line1": "Unter den Linden 1", "line2": "c/o Babbage",
        "city": "Berlin", "postal_code": "10117", "country": "DE", "phone": "+4930123456"});
}

/// Every mail in every language, from its sample.
fn every_mail() -> Vec<(String, Mail)> {
    let locales = LANGUAGES.iter().map(|words| words.tag());
    let all = locales.flat_map(|locale| Template::VARIANTS.iter().map(move |&template| (template, locale)));
    all.map(|(template, locale)| (format!("{} {locale}", template.as_str()), of(template, locale, |_| {}))).collect()
}
