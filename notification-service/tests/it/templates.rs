use notification_service::{openapi, templates::Template};
use serde_json::{Value, json};
use strum::VariantArray;
use testkit::{Answer, tokens};
use uuid::Uuid;

use crate::Fixture;

fn staff() -> String {
    tokens::user(Uuid::now_v7(), "notifications:manage")
}

async fn get(fixture: &Fixture, path: &str) -> Answer {
    fixture.client.get(path).token(&staff()).send().await
}

async fn preview(fixture: &Fixture, body: &Value) -> Answer {
    fixture.client.post("/admin/templates/preview").token(&staff()).json(body).send().await
}

#[tokio::test]
async fn staff_see_which_templates_there_are_and_how_each_can_be_sent() {
    let fixture = Fixture::open().await;
    let list = get(&fixture, "/admin/templates").await.expect(200).json();
    assert_eq!(list["languages"], json!(["en", "de"]));
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), Template::VARIANTS.len());
    let named = |name: &str| items.iter().find(|item| item["template"] == name).unwrap();
    assert_eq!(named("order_shipped")["channels"], json!(["email", "sms"]));
    assert_eq!(named("invoice")["channels"], json!(["email"]));
    assert_eq!((&named("password_reset")["kept"], &named("direct")["transactional"]), (&json!(false), &json!(false)));
    let other = tokens::user(Uuid::now_v7(), "orders:manage users:manage");
    fixture.client.get("/admin/templates").token(&other).send().await.expect(403);
}

#[tokio::test]
async fn the_sample_of_every_template_is_taken_as_it_is_and_fits_its_schema() {
    let fixture = Fixture::open().await;
    for &template in Template::VARIANTS {
        let path = format!("/admin/templates/{}", template.as_str());
        let mut sample = get(&fixture, &format!("{path}/sample")).await.expect(200).json();
        let schema = get(&fixture, &format!("{path}/schema")).await.expect(200).json();
        let data = sample["data"].as_object().unwrap();
        let described = match schema["$ref"].as_str() {
            Some(to) => &schema["$defs"][to.strip_prefix("#/$defs/").unwrap()]["properties"],
            None => &Value::Null,
        };
        assert!(data.keys().all(|member| described[member].is_object()), "{template:?}: {described}");
        assert!(!schema.to_string().contains("#/components/"), "{template:?}: {schema}");
        sample["event_id"] = json!(Uuid::now_v7());
        sample["channels"] = json!(["email"]);
        assert_eq!(fixture.status(&sample).await, "sent", "{template:?}");
    }
    for path in ["/admin/templates/newsletter/sample", "/admin/templates/Direct/schema"] {
        get(&fixture, path).await.expect(404);
    }
}

#[tokio::test]
async fn a_preview_shows_the_sample_or_other_data_to_a_reader_of_any_language_and_sends_nothing() {
    let fixture = Fixture::open().await;
    let before = fixture.network.seen().len();
    let shown = preview(&fixture, &json!({"template": "order_shipped", "locale": "de-DE"})).await.expect(200).json();
    assert_eq!(shown["subject"], "Ein Teil Ihrer Bestellung bei Bodega ist unterwegs");
    assert!(shown["html"].as_str().unwrap().contains("<html lang=\"de\""));
    assert!(shown["text"].as_str().unwrap().contains("Sendungsnummer: 00340434161094042557\n"));
    let sms = json!({"encoding": "gsm7", "segments": 1, "text": "Bodega: Ihr Paket ist unterwegs mit DHL. \
        https://shop.example/orders/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e/parcels/1"});
    assert_eq!(shown["sms"], sms);
    let with_pictures = preview(&fixture, &json!({"template": "order_confirmation"})).await.expect(200).json();
    assert!(with_pictures["html"].as_str().unwrap().contains("<img src=\"https://images.example/"));
    let data = json!({"text": "Grüße – wir melden uns."});
    let direct =
        preview(&fixture, &json!({"template": "direct", "locale": "pl", "data": data})).await.expect(200).json();
    assert_eq!(direct["subject"], "A message from Bodega");
    assert_eq!((&direct["sms"]["encoding"], &direct["sms"]["segments"]), (&json!("ucs2"), &json!(1)));
    let none = preview(&fixture, &json!({"template": "invoice"})).await.expect(200).json();
    assert_eq!(none["sms"], Value::Null);
    assert_eq!(fixture.network.seen().len(), before, "{:?}", fixture.network.seen());
}

#[tokio::test]
async fn a_preview_of_words_that_only_a_mail_has_room_for_counts_the_segments_that_a_text_would_have() {
    let fixture = Fixture::open().await;
    let data = json!({"subject": "About your return", "text": "word ".repeat(400)});
    let shown = preview(&fixture, &json!({"template": "direct", "data": data})).await.expect(200).json();
    assert_eq!(shown["subject"], "About your return");
    assert!(shown["text"].as_str().unwrap().contains("word word"), "{shown}");
    assert!(shown["sms"]["segments"].as_u64().unwrap() > 6, "{shown}");
}

#[tokio::test]
async fn a_preview_refuses_what_a_notification_refuses() {
    let fixture = Fixture::open().await;
    for (body, fields) in [
        (json!({}), vec!["/template missing"]),
        (json!({"template": "newsletter", "data": 7}), vec!["/template unknown_template"]),
        (json!({"template": "direct", "locale": "en_GB"}), vec!["/locale invalid_locale"]),
        (json!({"template": "password_changed", "data": {}}), vec!["/data/at missing"]),
        (
            json!({"template": "verify_email", "data": {"link": "https://evil.example/"}}),
            vec!["/data/link foreign_link"],
        ),
    ] {
        assert_eq!(preview(&fixture, &body).await.expect(422).refused_fields(), fields, "{body}");
    }
}

#[tokio::test]
async fn a_link_to_elsewhere_is_refused_before_a_lease_is_acquired() {
    let fixture = Fixture::open().await;
    let mut body = notification_service::templates::sample(Template::PasswordReset);
    body["event_id"] = json!(Uuid::now_v7());
    body["data"]["link"] = json!("https://shop.example.evil.example/account/reset");
    assert_eq!(fixture.send(&body).await.expect(422).refused_fields(), ["/data/link foreign_link"]);
    assert_eq!(fixture.item(&body).await, None);
    let mut picture = notification_service::templates::sample(Template::OrderConfirmation);
    picture["event_id"] = json!(Uuid::now_v7());
    picture["data"]["order"]["lines"][0]["image"] = json!("https://evil.example/pixel.png");
    let refused = fixture.send(&picture).await.expect(422).refused_fields();
    assert_eq!(refused, ["/data/order/lines/0/image foreign_link"]);
    assert_eq!(fixture.item(&picture).await, None);
}

/// Generated clients have a type for each template, distinguished by `template`.
#[test]
fn every_template_is_a_case_of_the_description_with_its_sample_for_an_example() {
    let document = serde_json::to_value(openapi()).unwrap();
    let schemas = &document["components"]["schemas"];
    let notification = &schemas["Notification"];
    assert_eq!(notification["discriminator"]["propertyName"], "template");
    assert_eq!(notification["oneOf"].as_array().unwrap().len(), Template::VARIANTS.len());
    for &template in Template::VARIANTS {
        let to = notification["discriminator"]["mapping"][template.as_str()].as_str().unwrap();
        let case = &schemas[to.strip_prefix("#/components/schemas/").unwrap()];
        assert_eq!(case["properties"]["template"]["enum"], json!([template.as_str()]));
        assert_eq!(case["examples"], json!([notification_service::templates::sample(template)]));
        assert_eq!(case["additionalProperties"], false, "{template:?}");
    }
}
