use common::input::Fields;
use serde_json::{Value, json};

use super::*;
use crate::notifications::domain::Notification;

fn write(notification: &Notification, shop: &str) -> Mail {
    let shop = Shop { name: shop.parse().unwrap() };
    mail(&notification.message, &shop, &notification.recipient.locale).unwrap()
}

const TEMPLATES: [&str; 6] =
    ["order_confirmation", "payment_failed", "order_cancelled", "account_created", "account_exists", "low_stock"];

fn order() -> Value {
    json!({
        "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e", "placed_at": "2026-11-22T09:30:00.125Z",
        "lines": [
            {"title": "Organic cotton tee", "options": {"Size": "M", "Colour": "Navy"}, "quantity": 2,
             "total": {"amount": 123_456, "currency": "EUR"}},
            {"title": "Mug", "options": {}, "quantity": 1, "total": {"amount": 900, "currency": "EUR"}}
        ],
        "subtotal": {"amount": 124_356, "currency": "EUR"}, "shipping": {"amount": 490, "currency": "EUR"},
        "tax": {"amount": 0, "currency": "EUR"}, "total": {"amount": 124_846, "currency": "EUR"},
        "shipping_address": {"name": "Ada Lovelace", "line1": "Unter den Linden 1", "line2": "c/o Babbage",
            "city": "Berlin", "postal_code": "10117", "country": "DE", "phone": "+4930123456"}
    })
}

fn mail_of(template: &str, locale: &str, order: Option<Value>) -> Mail {
    let mut body = json!({
        "event_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "template": template,
        "recipient": {"email": "ada@example.com", "locale": locale}
    });
    if let Some(order) = order {
        body["data"] = json!({ "order": order });
    }
    if template == "low_stock" {
        body["data"] = json!({"stock": {"sku": "TEE-M", "title": "Tee <b>", "available": 3, "low_stock_at": 5}});
    }
    let notification = Fields::read::<Notification>(body).unwrap_or_else(|errors| panic!("{errors:?}"));
    write(&notification, "Bodega")
}

fn of_order(template: &str, change: impl FnOnce(&mut Value)) -> Mail {
    let mut order = order();
    change(&mut order);
    mail_of(template, "de-DE", Some(order))
}

fn every_mail() -> Vec<Mail> {
    let is_about_an_order = |template: &&str| !template.starts_with("account") && *template != "low_stock";
    let about = |template: &&str| is_about_an_order(template).then(order);
    TEMPLATES.iter().map(|template| mail_of(template, "de-DE", about(template))).collect()
}

#[test]
fn a_confirmation_says_in_plain_text_what_was_ordered_what_it_cost_and_where_it_goes() {
    let expected = "\
Thank you for your order at Bodega.

Your payment has arrived, and we are getting everything ready.

Order 01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e
Placed on 22.11.2026

2 x Organic cotton tee
    Colour: Navy, Size: M
    1.234,56\u{a0}€

1 x Mug
    9,00\u{a0}€

Subtotal: 1.243,56\u{a0}€
Shipping: 4,90\u{a0}€
Tax: 0,00\u{a0}€
Total: 1.248,46\u{a0}€

It goes to:

    Ada Lovelace
    Unter den Linden 1
    c/o Babbage
    Berlin 10117
    DE

Something is not right? Answer this mail, and name the order's number.
";
    let mail = mail_of("order_confirmation", "de-DE", Some(order()));
    assert_eq!(mail.text, expected);
    assert_eq!(mail.subject, "Your Bodega order is confirmed");
}

#[test]
fn both_forms_of_a_mail_say_the_same_of_an_order() {
    for template in ["order_confirmation", "payment_failed", "order_cancelled"] {
        let mail = of_order(template, |_| {});
        for said in [
            "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e",
            "22.11.2026",
            "Organic cotton tee",
            "Colour: Navy, Size: M",
            "1.234,56\u{a0}€",
            "1.248,46\u{a0}€",
            "4,90\u{a0}€",
        ] {
            assert!(mail.text.contains(said), "{template}, text: {said}");
            assert!(mail.html.contains(said), "{template}, HTML: {said}");
        }
        assert!(!mail.text.contains("+4930123456") && !mail.html.contains("+4930123456"), "the phone is nobody's need");
    }
}

#[test]
fn what_people_wrote_is_escaped_in_html_and_left_alone_in_text() {
    let nasty = "<script>alert('x')</script> & \"Söhne\"";
    let mail = of_order("order_confirmation", |order| {
        order["lines"][0]["title"] = json!(nasty);
        order["lines"][0]["options"] = json!({"<b>Size</b>": "<i>M</i>"});
        order["shipping_address"]["name"] = json!("<a href=x>Ada</a>");
    });
    for raw in ["<script", "<b>", "<i>", "<a href"] {
        assert!(!mail.html.contains(raw), "{raw}: {}", mail.html);
    }
    assert!(
        mail.html.contains("&#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62; &#38; &#34;Söhne&#34;"),
        "{}",
        mail.html
    );
    assert!(mail.text.contains(nasty), "{}", mail.text);
    let mail = of_order("payment_failed", |order| order["reason"] = json!(nasty));
    assert!(!mail.html.contains("<script") && mail.html.contains("&#60;script"), "{}", mail.html);
}

#[test]
fn no_line_of_plain_text_has_more_than_72_columns() {
    let long = "A very long title of many words that goes on ".repeat(4);
    let mails = every_mail().into_iter().chain(["order_confirmation", "payment_failed"].map(|template| {
        of_order(template, |order| {
            order["lines"][0]["title"] = json!(long.trim());
            order["lines"][0]["options"] = json!({"Words": &long[..90]});
            if template == "payment_failed" {
                order["reason"] = json!("Your bank said no, and it did not say why. ".repeat(5).trim());
            }
        })
    }));
    for mail in mails {
        for line in mail.text.lines() {
            assert!(line.chars().count() <= 72, "{line}");
        }
    }
}

#[test]
fn a_failed_payment_gives_its_reason_and_none_where_none_is_known() {
    let mail = of_order("payment_failed", |order| order["reason"] = json!("Your card was declined."));
    assert!(mail.text.contains("\n\nYour card was declined.\n\nNo money was taken"), "{}", mail.text);
    assert!(mail.html.contains(">Your card was declined.</p>"), "{}", mail.html);
    let mail = of_order("payment_failed", |_| {});
    assert!(mail.text.starts_with("Your payment to Bodega did not go through.\n\nNo money was taken"), "{}", mail.text);
    assert!(!mail.html.contains("<p style=\"margin:0 0 16px;\"></p>"), "{}", mail.html);
}

#[test]
fn a_cancelled_order_says_what_comes_back_and_shows_no_codes() {
    let sold_out = of_order("order_cancelled", |order| order["reason"] = json!("sold_out"));
    assert!(sold_out.text.contains("Something you ordered was sold out"), "{}", sold_out.text);
    assert!(sold_out.html.contains("was sold out"), "{}", sold_out.html);
    let other = of_order("order_cancelled", |order| order["reason"] = json!("fraud_suspected"));
    for mail in [&sold_out, &other] {
        assert!(mail.text.contains("1.248,46\u{a0}€, the way it came"), "{}", mail.text);
        assert!(!mail.text.contains("sold_out") && !mail.html.contains("sold_out"));
    }
    assert!(!other.text.contains("fraud") && !other.text.contains("sold out"), "{}", other.text);
    assert!(!other.html.contains("fraud") && !other.html.contains("sold out"), "{}", other.html);
}

#[test]
fn mails_about_accounts_say_what_happened_and_nothing_of_anybody() {
    let [created, exists] = ["account_created", "account_exists"].map(|template| mail_of(template, "en", None));
    assert_eq!(created.subject, "Welcome to Bodega");
    assert!(created.text.contains("An account was opened with this e-mail address."), "{}", created.text);
    assert_eq!(exists.subject, "You already have an account at Bodega");
    assert!(exists.text.contains("which has one already. Nothing was changed"), "{}", exists.text);
    for mail in [created, exists] {
        assert!(!mail.text.contains("ada@example.com") && !mail.html.contains("ada@example.com"));
    }
}

#[test]
fn staff_hear_what_runs_low_and_how_many_are_left() {
    let mail = mail_of("low_stock", "en", None);
    assert_eq!(mail.subject, "Bodega: 3 left of TEE-M");
    let expected = "\
Few are left of Tee <b> at Bodega.

SKU TEE-M
Can still be sold: 3
You wanted to hear at 5 or fewer.

You hear of it once, and again when it has been filled up and runs low
another time.
";
    assert_eq!(mail.text, expected);
    assert!(mail.html.contains("Few are left of Tee &#60;b&#62;"), "{}", mail.html);
}

#[test]
fn every_mail_names_the_shop_in_a_subject_of_one_line_and_is_one_whole_page() {
    for mail in every_mail() {
        assert!(mail.subject.contains("Bodega") && mail.subject.lines().count() == 1, "{}", mail.subject);
        assert!(mail.text.contains("Bodega"), "{}", mail.text);
        assert!(mail.html.starts_with("<!DOCTYPE html>") && mail.html.trim_end().ends_with("</html>"), "{}", mail.html);
        for tag in ["table", "tr", "td", "p", "span", "h1", "h2"] {
            let opened =
                mail.html.matches(&format!("<{tag} ")).count() + mail.html.matches(&format!("<{tag}>")).count();
            assert_eq!(opened, mail.html.matches(&format!("</{tag}>")).count(), "{tag}: {}", mail.html);
        }
        assert!(!mail.text.contains("\n\n\n") && !mail.text.contains("{{"), "{}", mail.text);
    }
}

#[test]
fn a_shop_whose_name_has_special_letters_is_escaped_too() {
    let body = json!({
        "event_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "template": "account_created",
        "recipient": {"email": "ada@example.com"}
    });
    let notification = Fields::read::<Notification>(body).unwrap();
    let mail = write(&notification, "Müller <& Söhne>");
    assert_eq!(mail.subject, "Welcome to Müller <& Söhne>");
    assert!(mail.html.contains("Welcome to Müller &#60;&#38; Söhne&#62;"), "{}", mail.html);
    assert!(mail.text.contains("Welcome to Müller <& Söhne>."), "{}", mail.text);
}
