use common::input::{Fields, FromFields};
use serde_json::{Value, json};
use strum::VariantArray;

use super::{words::LANGUAGES, *};
use crate::{
    locale::{Locale, Zone},
    segments::{Encoding, count},
};

/// Of a request only what it tells.
struct NotificationOutcome(Message);

impl FromFields for NotificationOutcome {
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
    Fields::read::<NotificationOutcome>(request).map(|NotificationOutcome(message)| message).map_err(errors)
}

/// The sample of a template, changed.
fn changed(template: Template, change: impl FnOnce(&mut Value)) -> Message {
    let mut request = sample(template);
    change(&mut request["data"]);
    read(request).unwrap()
}

fn written(message: &Message, locale: &str) -> Mail {
    mail(message, &shop(), &locale.parse().unwrap()).unwrap()
}

fn of(template: Template, locale: &str, change: impl FnOnce(&mut Value)) -> Mail {
    written(&changed(template, change), locale)
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

#[test]
fn a_confirmation_says_in_plain_text_what_was_ordered_what_it_cost_and_where_it_goes() {
    let expected = "\
Thank you for your order

Your payment has arrived, and we are getting everything ready.

See your order:
https://shop.example/orders/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e

Order: 01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e
Placed on: 11/22/2026

2 x Organic cotton tee
    Colour: Navy, Size: M
    SKU TEE-ORG-NAVY-M, EUR\u{a0}617.28 each
    EUR\u{a0}1,234.56

1 x Mug
    EUR\u{a0}9.00

Subtotal: EUR\u{a0}1,243.56
Shipping: EUR\u{a0}4.90
Tax: EUR\u{a0}0.00
Total: EUR\u{a0}1,248.46

It goes to:

    Ada Lovelace
    Unter den Linden 1
    c/o Babbage
    10117 Berlin
    Germany

Something is not right? Answer this mail, and name the order's number.

Dates and times are of the time zone Europe/Berlin.

Bodega
https://shop.example
";
    let mail = of(Template::OrderConfirmation, "en-US", in_euros);
    assert_eq!(mail.text, expected);
    assert_eq!(mail.subject, "Your Bodega order is confirmed");
}

#[test]
fn a_confirmation_says_it_in_german_to_those_who_read_german() {
    let expected = "\
Vielen Dank für Ihre Bestellung

Ihre Zahlung ist eingegangen, und wir machen alles bereit.

Bestellung ansehen:
https://shop.example/orders/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e

Bestellung: 01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e
Bestellt am: 22.11.2026

2 x Organic cotton tee
    Colour: Navy, Size: M
    Art.-Nr. TEE-ORG-NAVY-M, je 617,28\u{a0}€
    1.234,56\u{a0}€

1 x Mug
    9,00\u{a0}€

Zwischensumme: 1.243,56\u{a0}€
Versand: 4,90\u{a0}€
Steuern: 0,00\u{a0}€
Gesamtbetrag: 1.248,46\u{a0}€

Lieferadresse:

    Ada Lovelace
    Unter den Linden 1
    c/o Babbage
    10117 Berlin
    Deutschland

Etwas stimmt nicht? Antworten Sie auf diese E-Mail und nennen Sie die
Bestellnummer.

Alle Daten und Uhrzeiten gelten in der Zeitzone Europe/Berlin.

Bodega
https://shop.example
";
    let mail = of(Template::OrderConfirmation, "de-DE", in_euros);
    assert_eq!(mail.text, expected);
    assert_eq!(mail.subject, "Ihre Bestellung bei Bodega ist bestätigt");
}

#[test]
fn a_parcel_is_followed_from_its_mail() {
    let expected = "\
Your parcel is on its way

A part of your order has left us. What is in this parcel is listed
below; the rest comes by itself.

Follow your parcel:
https://parcels.example/track?n=00340434161094042557

Order: BO-2026-1042
Placed on: 22/11/2026
Carrier: DHL
Tracking number: 00340434161094042557
Expected on: 25/11/2026

In this parcel:

1 x Organic cotton tee
    Colour: Navy, Size: M

See your order:
https://shop.example/orders/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e

It goes to:

    Ada Lovelace
    12 St James's Square
    LONDON
    SW1Y 4JH
    United Kingdom

Questions? Answer this mail, and name the order's number.

Dates and times are of the time zone Europe/Berlin.

Bodega
https://shop.example
";
    let mail = of(Template::OrderShipped, "en-GB", |data| {
        data["shipment"]["tracking_link"] = json!("https://parcels.example/track?n=00340434161094042557");
    });
    assert_eq!(mail.text, expected);
    assert_eq!(mail.subject, "A part of your Bodega order is on its way");
    let whole = of(Template::OrderShipped, "en-GB", |data| {
        data["shipment"] = json!({"carrier": "DHL"});
    });
    assert_eq!(whole.subject, "Your Bodega order is on its way");
    assert!(whole.text.contains("Everything you ordered has left us.\n\nSee your order:\n"), "{}", whole.text);
    assert!(!whole.text.contains("Follow your parcel") && whole.text.contains("2 x Organic cotton tee"));
}

#[test]
fn a_receipt_of_a_withdrawal_has_its_content_with_day_time_and_zone() {
    let mail = of(Template::WithdrawalReceived, "de-DE", |_| {});
    assert_eq!(mail.subject, "Bodega hat Ihren Widerruf erhalten");
    for said in [
        "Eingegangen: 01.12.2026, 21:05\n",
        "Erklärt von: Ada Lovelace\n",
        "Bestellung: BO-2026-1042\n",
        "Betroffene Artikel:\n\n1 x Organic cotton tee\n    Colour: Navy, Size: M\n",
        "in der Zeitzone Europe/Berlin",
    ] {
        assert!(mail.text.contains(said), "{said}: {}", mail.text);
    }
    let whole = of(Template::WithdrawalReceived, "en", |data| {
        data["withdrawal"].as_object_mut().unwrap().remove("items");
    });
    assert!(whole.text.contains("What it is about: The whole order\n"), "{}", whole.text);
}

#[test]
fn a_link_that_lets_in_stands_on_the_button_and_says_how_long_it_works() {
    for template in [Template::VerifyEmail, Template::PasswordReset, Template::StaffInvited, Template::GuestOrderLink] {
        assert!(!template.may_be_kept());
        let link = "https://shop.example/x?token=a-b&next=/c";
        let mail = of(template, "en-US", |data| {
            data["link"] = json!(link);
            data["expires_at"] = json!("2026-11-22T22:30:00Z");
        });
        assert!(mail.text.contains(&format!(":\n{link}\n")), "{}", mail.text);
        assert!(mail.html.contains("href=\"https://shop.example/x?token=a-b&#38;next=/c\""), "{}", mail.html);
        assert!(mail.text.contains("This link works until: 11/22/2026, 11:30 PM\n"), "{}", mail.text);
    }
}

#[test]
fn both_forms_of_a_mail_say_the_same_of_an_order() {
    for template in Template::VARIANTS.iter().copied().filter(|template| template.is_about_an_order()) {
        let mail = of(template, "de-DE", |data| {
            in_euros(data);
            for part in ["shipment", "returned", "withdrawal"] {
                if let Some(part) = data.get_mut(part) {
                    part.as_object_mut().unwrap().remove("items");
                }
            }
        });
        for said in [
            "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e",
            "22.11.2026",
            "Organic cotton tee",
            "Colour: Navy, Size: M",
            "TEE-ORG-NAVY-M",
            "617,28\u{a0}€",
            "1.234,56\u{a0}€",
            "1.248,46\u{a0}€",
            "4,90\u{a0}€",
        ] {
            assert!(mail.text.contains(said), "{template:?}, text: {said}: {}", mail.text);
            assert!(mail.html.contains(said), "{template:?}, HTML: {said}");
        }
        assert!(!mail.text.contains("+4930123456") && !mail.html.contains("+4930123456"), "the phone is nobody's need");
    }
}

#[test]
fn what_people_wrote_is_escaped_in_html_left_alone_in_text_and_never_a_link() {
    let nasty = "<script>alert('x')</script> & \"Söhne\" <a href='https://evil.example'>https://evil.example</a>";
    let escaped = "&#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62; &#38; &#34;Söhne&#34; &#60;a href";
    let of_order = |data: &mut Value| {
        data["order"]["lines"][0]["title"] = json!(nasty);
        data["order"]["lines"][0]["image"] = json!("https://images.example/tee.png?a=1&b=2");
        data["order"]["lines"][0]["options"] = json!({"<b>Size</b>": "<i>M</i>"});
        data["order"]["shipping_address"]["name"] = json!("<a href=x>Ada</a> \" onclick=x");
    };
    let mut mails = vec![
        of(Template::OrderConfirmation, "en", of_order),
        of(Template::PaymentFailed, "en", |data| data["order"]["reason"] = json!(nasty)),
        of(Template::OrderShipped, "en", |data| {
            data["shipment"]["carrier"] = json!("<i>DHL</i>");
            data["shipment"]["items"][0]["title"] = json!(nasty);
        }),
        of(Template::LowStock, "en", |data| data["stock"]["title"] = json!(nasty)),
        of(Template::Direct, "en", |data| {
            data["subject"] = json!("<b>Hello</b>");
            data["text"] = json!(nasty);
        }),
    ];
    for mail in &mails {
        for raw in ["<script", "<b>", "<i>", "<a href=x", "<a href='"] {
            assert!(!mail.html.contains(raw), "{raw}: {}", mail.html);
        }
        assert!(mail.html.contains(escaped), "{}", mail.html);
        assert!(folded(nasty).lines().all(|line| mail.text.contains(line.trim())), "{}", mail.text);
    }
    mails.push(of(Template::NewSignIn, "en", |data| {
        data["device"] = json!("<b>Firefox</b> \"x\"");
        data["place"] = json!("<i>Berlin</i>");
    }));
    mails.push(of(Template::WithdrawalReceived, "en", |data| data["withdrawal"]["name"] = json!("<i>Ada</i>")));
    for Mail { html, .. } in mails {
        assert!(!html.contains("<b>") && !html.contains("<i>"), "{html}");
        let links = html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        for link in links {
            assert!(link.starts_with("https://shop.example"), "{link}");
        }
        let pictures = html.split("src=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        for picture in pictures {
            assert_eq!(picture, "https://images.example/tee.png?a=1&#38;b=2");
        }
        assert!(!html.contains("onclick=x\"") && !html.contains("\" onclick"), "{html}");
    }
}

#[test]
fn nothing_of_a_strangers_making_begins_a_header_turns_a_line_around_or_names_a_page() {
    let refused = |template: Template, pointer: &str, value: &str| {
        let mut request = sample(template);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        request.pointer_mut(&format!("/data{parent}")).unwrap()[name] = json!(value);
        read(request).map(drop).unwrap_err()
    };
    let everywhere = [
        (Template::OrderConfirmation, "/order/lines/0/title"),
        (Template::OrderConfirmation, "/order/number"),
        (Template::PaymentFailed, "/order/reason"),
        (Template::OrderShipped, "/shipment/carrier"),
        (Template::OrderShipped, "/shipment/tracking_number"),
        (Template::OrderShipped, "/shipment/items/0/title"),
        (Template::WithdrawalReceived, "/withdrawal/name"),
        (Template::NewSignIn, "/device"),
        (Template::NewSignIn, "/place"),
        (Template::Invoice, "/invoice/number"),
        (Template::LowStock, "/stock/title"),
        (Template::Direct, "/subject"),
    ];
    for (template, pointer) in everywhere {
        for (value, code) in
            [("Ada\r\nBcc: eve@evil.example", "control_character"), ("Ada\u{202e}moc.live", "invisible_character")]
        {
            assert_eq!(refused(template, pointer, value), [format!("/data{pointer} {code}")], "{value:?}");
        }
    }
    for (template, pointer) in [
        (Template::WithdrawalReceived, "/withdrawal/name"),
        (Template::NewSignIn, "/device"),
        (Template::NewSignIn, "/place"),
    ] {
        for value in ["evil.example/win", "https://evil.example", "www.evil.example"] {
            assert_eq!(refused(template, pointer, value), [format!("/data{pointer} web_address")], "{value}");
        }
    }
    for pointer in ["/order/number", "/order/link"] {
        let codes = refused(Template::OrderConfirmation, pointer, "https://evil.example\" onclick=\"x");
        assert_eq!(codes.len(), 1, "{codes:?}");
    }
}

#[test]
fn a_link_to_elsewhere_is_refused_by_its_pointer_and_never_written() {
    let evil = "https://evil.example/account";
    for (template, pointer) in [
        (Template::OrderConfirmation, "/order/link"),
        (Template::OrderConfirmation, "/order/lines/1/image"),
        (Template::OrderShipped, "/shipment/tracking_link"),
        (Template::VerifyEmail, "/link"),
        (Template::PasswordReset, "/link"),
        (Template::StaffInvited, "/link"),
        (Template::GuestOrderLink, "/link"),
        (Template::GuestOrderLink, "/order/link"),
        (Template::Invoice, "/invoice/link"),
    ] {
        let message = changed(template, |data| {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            data.pointer_mut(parent).unwrap()[name] = json!(evil);
        });
        let errors = message.check(&shop(), false).unwrap_err();
        let errors: Vec<String> = errors.iter().map(|e| format!("{} {}", e.pointer, e.code)).collect();
        assert_eq!(errors, [format!("/data{pointer} foreign_link")]);
        assert!(matches!(mail(&message, &shop(), &"en".parse().unwrap()), Err(RenderError::Refused(_))), "{pointer}");
        assert!(matches!(text(&message, &shop(), &"en".parse().unwrap()), Err(RenderError::Refused(_))), "{pointer}");
    }
}

#[test]
fn no_line_of_plain_text_has_more_than_72_columns_but_for_words_that_are_longer() {
    let long = "A very long title of many words that goes on ".repeat(4);
    let mails =
        every_mail().into_iter().chain([Template::OrderConfirmation, Template::PaymentFailed].map(|template| {
            let mail = of(template, "de", |data| {
                data["order"]["lines"][0]["title"] = json!(long.trim());
                data["order"]["lines"][0]["options"] = json!({"Words": &long[..90]});
                if template == Template::PaymentFailed {
                    data["order"]["reason"] = json!("Your bank said no, and it did not say why. ".repeat(5).trim());
                }
            });
            (template.as_str().to_owned(), mail)
        }));
    for (name, mail) in mails {
        for line in mail.text.lines() {
            let is_one_word = !line.trim_start().contains(' ');
            assert!(line.chars().count() <= 72 || is_one_word, "{name}: {line}");
        }
        assert!(!mail.text.contains("\n\n\n") && mail.text.ends_with('\n'), "{name}: {}", mail.text);
    }
}

#[test]
fn a_failed_payment_gives_its_reason_and_none_where_none_is_known() {
    let mail = of(Template::PaymentFailed, "en", |_| {});
    assert!(mail.text.contains("\n\nYour card was declined.\n\nNo money was taken"), "{}", mail.text);
    assert!(mail.html.contains(">Your card was declined.</p>"), "{}", mail.html);
    let mail = of(Template::PaymentFailed, "en", |data| {
        data["order"].as_object_mut().unwrap().remove("reason");
    });
    assert!(mail.text.starts_with("Your payment did not go through\n\nNo money was taken"), "{}", mail.text);
    assert!(!mail.html.contains("margin:0 0 16px;\"></p>"), "{}", mail.html);
}

#[test]
fn a_cancelled_order_says_what_comes_back_and_shows_no_codes() {
    let sold_out = of(Template::OrderCancelled, "de-DE", in_euros);
    assert!(sold_out.text.contains("Ein bestellter Artikel war ausverkauft"), "{}", sold_out.text);
    let other = of(Template::OrderCancelled, "de-DE", |data| {
        in_euros(data);
        data["order"]["reason"] = json!("fraud_suspected");
    });
    for mail in [&sold_out, &other] {
        let text = mail.text.replace('\n', " ");
        assert!(text.contains("den gesamten Betrag von 1.248,46\u{a0}€ auf dem Weg"), "{}", mail.text);
        assert!(!mail.text.contains("sold_out") && !mail.html.contains("sold_out"));
    }
    for text in [&other.text, &other.html] {
        assert!(!text.contains("fraud") && !text.contains("ausverkauft"), "{text}");
    }
}

#[test]
fn mails_about_accounts_say_what_happened_and_nothing_of_anybody() {
    let [created, exists] = [Template::AccountCreated, Template::AccountExists].map(|it| of(it, "en", |_| {}));
    assert_eq!(created.subject, "Welcome to Bodega");
    assert!(created.text.contains("An account was opened with this e-mail address."), "{}", created.text);
    assert_eq!(exists.subject, "You already have an account at Bodega");
    assert!(exists.text.replace('\n', " ").contains("which has one already. Nothing was changed"), "{}", exists.text);
    let [old, new] =
        ["old", "new"].map(|side| of(Template::EmailChanged, "en", |data| data["recipient_is"] = json!(side)));
    assert_eq!(old.subject, "Your Bodega account has another e-mail address");
    assert!(!old.text.contains("/account"), "the old address has no business there: {}", old.text);
    assert_eq!(new.subject, "This is now the e-mail address of your Bodega account");
    for mail in [created, exists, old, new] {
        assert!(!mail.text.contains("ada@example.com") && !mail.html.contains("ada@example.com"));
    }
}

#[test]
fn a_login_is_told_with_day_time_device_and_place() {
    let mail = of(Template::NewSignIn, "en-GB", |_| {});
    let facts = "When: 22/11/2026, 10:30\nDevice: Firefox on Windows\nPlace: Berlin, Germany\n";
    assert!(mail.text.contains(facts), "{}", mail.text);
    assert!(mail.text.contains("Dates and times are of the time zone Europe/Berlin."), "{}", mail.text);
    assert!(!of(Template::AccountCreated, "en", |_| {}).text.contains("time zone"), "there is no date in it");
}

#[test]
fn staff_hear_what_runs_low_and_how_many_are_left() {
    let expected = "\
Few are left of Tee <b>

Product: Tee <b>
SKU: TEE-M
Can still be sold: 3
You wanted to hear at: 5

You hear of it once, and again when it has been filled up and runs low
another time.

Bodega
https://shop.example
";
    let mail = of(Template::LowStock, "en", |data| {
        data["stock"] = json!({"sku": "TEE-M", "title": "Tee <b>", "available": 3, "low_stock_at": 5});
    });
    assert_eq!(mail.subject, "Bodega: 3 left of TEE-M");
    assert_eq!(mail.text, expected);
    assert!(mail.html.contains("Few are left of Tee &#60;b&#62;"), "{}", mail.html);
}

#[test]
fn what_staff_write_keeps_its_lines_and_paragraphs() {
    let mail = of(Template::Direct, "en", |data| data["text"] = json!("Hello Ada,\r\n\r\nfirst\nsecond\n\n\nBye"));
    assert_eq!(mail.subject, "About your return");
    assert!(mail.text.contains("\n\nHello Ada,\n\nfirst\nsecond\n\nBye\n\nYou can answer"), "{}", mail.text);
    assert!(mail.html.contains(">first<br>second</p>"), "{}", mail.html);
    let plain = of(Template::Direct, "de", |data| drop(data.as_object_mut().unwrap().remove("subject")));
    assert_eq!(plain.subject, "Eine Nachricht von Bodega");
    assert_eq!(sms(Template::Direct, "de", |data| data["text"] = json!("Hallo")), "Hallo");
    let long = changed(Template::Direct, |data| data["text"] = json!("a".repeat(919)));
    assert!(long.check(&shop(), false).is_ok());
    let errors = long.check(&shop(), true).unwrap_err();
    assert_eq!((&*errors[0].pointer, &*errors[0].code), ("/data/text", "too_long"));
}

#[test]
fn every_mail_is_one_whole_small_page_with_one_heading_in_its_readers_language() {
    for (name, Mail { subject, text, html }) in every_mail() {
        let (template, language) = name.split_once(' ').unwrap();
        assert!(subject.lines().count() == 1 && !subject.is_empty(), "{name}: {subject}");
        assert!(subject.contains("Bodega") || template == "direct", "{name}: {subject}");
        assert!(text.contains("Bodega\nhttps://shop.example\n") && !text.contains("{{"), "{name}: {text}");
        assert!(
            html.starts_with(&format!("<!DOCTYPE html>\n<html lang=\"{language}\" dir=\"ltr\">")),
            "{name}: {html}"
        );
        assert!(html.trim_end().ends_with("</html>") && html.len() < 100_000, "{name}: {}", html.len());
        for tag in ["table", "tr", "td", "p", "span", "h1", "h2", "a", "div", "style"] {
            let opened = html.matches(&format!("<{tag} ")).count() + html.matches(&format!("<{tag}>")).count();
            assert_eq!(opened, html.matches(&format!("</{tag}>")).count(), "{name} {tag}: {html}");
        }
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
        for there in ["prefers-color-scheme: dark", "name=\"color-scheme\" content=\"light dark\"", "display:none"] {
            assert!(html.contains(there), "{name}: {there}");
        }
        for absent in ["<link", "@import", "<script", "url(", "<form"] {
            assert!(!html.contains(absent), "{name}: {absent}");
        }
        // A finger needs 44 points: a line of 24 and twice 10 around it.
        for button in html.split("<a class=\"button\"").skip(1) {
            let style = button.split('>').next().unwrap();
            assert!(style.contains("padding:10px 24px") && style.contains("line-height:24px"), "{name}: {style}");
        }
        assert_eq!(html.matches("<img").count(), html.matches("alt=\"").count(), "{name}");
    }
}

#[test]
fn no_word_of_english_is_left_in_german_mails() {
    let german = every_mail().into_iter().filter(|(name, _)| name.ends_with(" de") && !name.starts_with("direct"));
    for (name, mail) in german {
        for word in [" the ", " your ", " you ", "Order:", " and ", "Questions", "Dates", "Total", "See ", "Tax"] {
            assert!(!mail.text.contains(word) && !mail.subject.contains(word), "{name}, {word:?}: {}", mail.text);
        }
    }
}

#[test]
fn who_reads_no_language_of_ours_reads_english_with_their_own_money_and_days() {
    let mail = of(Template::OrderConfirmation, "fr-FR", in_euros);
    assert_eq!(mail.subject, "Your Bodega order is confirmed");
    assert!(mail.text.contains("Total: 1\u{202f}248,46\u{a0}€\n") && mail.text.contains("Placed on: 22/11/2026\n"));
    assert!(mail.html.contains("<html lang=\"en\""));
    for locale in ["de", "de-AT", "de-Latn-CH-1996", "DE-de-u-co-phonebk"] {
        assert!(of(Template::AccountCreated, locale, |_| {}).html.contains("<html lang=\"de\""), "{locale}");
    }
}

#[test]
fn days_are_those_of_the_shops_time_zone() {
    let placed = |zone: &str, at: &str| {
        let message = changed(Template::OrderConfirmation, |data| data["order"]["placed_at"] = json!(at));
        let zone = zone.parse::<Zone>().unwrap();
        mail(&message, &shop().in_zone(zone), &"en-GB".parse().unwrap()).unwrap().text
    };
    let text = placed("America/New_York", "2026-11-23T03:00:00Z");
    assert!(text.contains("Placed on: 22/11/2026\n") && text.contains("time zone America/New_York."), "{text}");
    let text = placed("UTC", "2026-11-23T03:00:00Z");
    assert!(text.contains("Placed on: 23/11/2026\n") && text.contains("time zone UTC."), "{text}");
}

#[test]
fn pictures_have_their_product_for_a_text_and_an_order_of_a_hundred_lines_stays_below_100_kb() {
    let mail = of(Template::OrderConfirmation, "en", |data| {
        let line = &mut data["order"]["lines"][0];
        line["image"] = json!("https://images.example/0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b/tee.png");
        let line = line.clone();
        data["order"]["lines"] = vec![line; 100].into();
    });
    let picture = "<img src=\"https://images.example/0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b/tee.png\" width=\"60\" \
        height=\"60\" alt=\"Organic cotton tee\"";
    assert_eq!(mail.html.matches(picture).count(), 100, "{}", mail.html);
    assert!(mail.html.len() < 100_000, "{}", mail.html.len());
}

#[test]
fn names_addresses_and_titles_decide_their_own_direction() {
    let mail = of(Template::OrderConfirmation, "en", |data| {
        data["order"]["shipping_address"]["name"] = json!("ליאור כהן");
        data["order"]["lines"][0]["title"] = json!("חולצה");
    });
    assert!(mail.html.contains("<div dir=\"auto\">ליאור כהן</div>"), "{}", mail.html);
    assert!(mail.html.contains("<span dir=\"auto\">חולצה</span>"), "{}", mail.html);
}

#[test]
fn an_address_is_written_by_the_custom_of_where_it_goes_and_its_country_in_the_mails_language() {
    let address = json!({"name": "Tarō Yamada", "line1": "1-1 Marunouchi", "city": "Chiyoda-ku", "region": "Tokyo",
        "postal_code": "100-0005", "country": "JP"});
    for (locale, country) in [("en-GB", "Japan"), ("fr-FR", "Japan"), ("de-AT", "Japan"), ("de-DE", "Schweiz")] {
        let mail = of(Template::OrderConfirmation, locale, |data| {
            data["order"]["shipping_address"] = address.clone();
            if country == "Schweiz" {
                data["order"]["shipping_address"]["country"] = json!("CH");
            }
        });
        assert!(mail.text.contains(&format!("\n    {country}\n")), "{locale}: {}", mail.text);
        assert!(mail.html.contains(&format!("<div dir=\"auto\">{country}</div>")), "{locale}: {}", mail.html);
        assert!(mail.text.contains("Chiyoda-ku") && mail.text.contains("100-0005"), "{locale}: {}", mail.text);
    }
}

#[test]
fn a_shop_whose_name_has_special_letters_is_escaped_too() {
    let shop = Shop::new("Müller <& Söhne>".parse().unwrap(), "https://shop.example");
    let mail = mail(&changed(Template::AccountCreated, |_| {}), &shop, &"en".parse().unwrap()).unwrap();
    assert_eq!(mail.subject, "Welcome to Müller <& Söhne>");
    assert!(mail.html.contains("Welcome to Müller &#60;&#38; Söhne&#62;"), "{}", mail.html);
    assert!(mail.text.contains("Welcome to Müller <& Söhne>\n"), "{}", mail.text);
}

#[test]
fn text_messages_say_it_word_for_word() {
    for (template, english, german) in [
        (
            Template::OrderConfirmation,
            "Bodega: Thank you, your order of 1.248,46 € is confirmed. \
             https://shop.example/orders/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e",
            "Bodega: Danke, Ihre Bestellung über 1.248,46 € ist bestätigt. \
             https://shop.example/orders/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e",
        ),
        (
            Template::PaymentFailed,
            "Bodega: Your payment did not go through, and no money was taken. You can order again: https://shop.example",
            "Bodega: Ihre Zahlung ist fehlgeschlagen, nichts wurde abgebucht. Neu bestellen: https://shop.example",
        ),
        (
            Template::PaymentActionRequired,
            "Bodega: Please confirm your payment of 1.248,46 € by 22.11.2026, 11:00 (Europe/Berlin): \
             https://shop.example/orders/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e",
            "Bodega: Bitte bestätigen Sie die Zahlung von 1.248,46 € bis 22.11.2026, 11:00 (Europe/Berlin): \
             https://shop.example/orders/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e",
        ),
        (
            Template::OrderShipped,
            "Bodega: Your parcel is on its way with DHL. \
             https://shop.example/orders/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e/parcels/1",
            "Bodega: Ihr Paket ist unterwegs mit DHL. \
             https://shop.example/orders/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e/parcels/1",
        ),
    ] {
        // English words with the money of a German locale: as a reader of Dutch in Germany would get them.
        assert_eq!(sms(template, "de-DE", in_euros), german);
        let message = changed(template, in_euros);
        let pen = Composer::new(&shop_in_berlin(), "de-DE".parse().unwrap(), LANGUAGES[0]).text(&message);
        assert_eq!(pen.as_deref(), Some(english));
    }
}

fn shop_in_berlin() -> Shop {
    shop()
}

/// How many segments each text message has at most, in whatever locale and currency, in English and in German. An amount, a
/// sign or a space outside GSM's alphabet would more than double all of these.
const SEGMENTS: [(Template, [usize; 2]); 7] = [
    (Template::OrderConfirmation, [1, 1]),
    (Template::PaymentFailed, [1, 1]),
    (Template::OrderCancelled, [1, 1]),
    (Template::PaymentActionRequired, [2, 2]),
    (Template::OrderShipped, [1, 1]),
    (Template::OrderDelivered, [1, 1]),
    (Template::OrderRefunded, [1, 1]),
];

#[test]
fn text_messages_stay_in_gsms_alphabet_and_in_their_segments_in_every_locale_and_currency() {
    let with_sms: Vec<Template> = Template::VARIANTS.iter().copied().filter(|template| template.has_sms()).collect();
    let counted: Vec<Template> = SEGMENTS.iter().map(|(template, _)| *template).collect();
    assert!(with_sms.iter().all(|it| counted.contains(it) || *it == Template::Direct), "each is counted");
    let shop = shop_in_berlin();
    for (template, expected) in SEGMENTS {
        let mut most = [0; 2];
        for currency in ["EUR", "GBP", "USD", "JPY", "INR", "PLN", "KWD", "CHF", "TRY", "UAH", "VND"] {
            let message = changed(template, |data| {
                in_euros(data);
                data["order"]["total"] = json!({"amount": 123_450, "currency": currency});
                if let Some(refund) = data.get_mut("refund") {
                    refund["amount"] = data_money(currency);
                }
            });
            for (name, locale) in Locale::all() {
                for (words, most) in LANGUAGES.iter().zip(&mut most) {
                    let text = Composer::new(&shop, locale, *words).text(&message).unwrap();
                    let count = count(&text);
                    assert_eq!(count.encoding, Encoding::Gsm7, "{template:?} {name} {currency}: {text}");
                    *most = count.segments.max(*most);
                }
            }
        }
        assert_eq!(most, expected, "{template:?}");
    }
}

fn data_money(currency: &str) -> Value {
    json!({"amount": 123_450, "currency": currency})
}

#[test]
fn templates_without_a_text_message_have_none_and_the_others_have_one() {
    for &template in Template::VARIANTS {
        let text = text(&changed(template, |_| {}), &shop(), &"en".parse().unwrap()).unwrap();
        assert_eq!(text.is_some(), template.has_sms(), "{template:?}");
        assert_eq!(template.as_str().parse(), Ok(template));
        assert_eq!(changed(template, |_| {}).template(), template);
    }
}

#[test]
fn what_a_template_lacks_or_does_not_take_is_named() {
    for &template in Template::VARIANTS {
        let mut request = sample(template);
        request["data"]["surprise"] = json!(1);
        assert_eq!(read(request).unwrap_err(), ["/data/surprise unknown_field"], "{template:?}");
        let mut request = sample(template);
        request["data"] = json!({});
        let required = match template {
            Template::AccountCreated | Template::AccountExists => vec![],
            Template::LowStock => vec!["/data/stock missing"],
            Template::OrderShipped => vec!["/data/order missing", "/data/shipment missing"],
            Template::OrderRefunded => vec!["/data/order missing", "/data/refund missing"],
            Template::ReturnReceived => vec!["/data/order missing", "/data/returned missing"],
            Template::WithdrawalReceived => vec!["/data/order missing", "/data/withdrawal missing"],
            Template::GuestOrderLink => vec!["/data/order missing", "/data/link missing"],
            Template::Invoice => vec!["/data/order missing", "/data/invoice missing"],
            Template::VerifyEmail | Template::PasswordReset | Template::StaffInvited => vec!["/data/link missing"],
            Template::PasswordChanged | Template::NewSignIn => vec!["/data/at missing"],
            Template::EmailChanged => vec!["/data/at missing", "/data/recipient_is missing"],
            Template::Direct => vec!["/data/text missing"],
            _ => vec!["/data/order missing"],
        };
        assert_eq!(read(request).map(drop).err().unwrap_or_default(), required, "{template:?}");
    }
}

#[test]
fn a_template_has_the_name_that_requests_and_the_table_have() {
    let names = [
        "order_confirmation",
        "payment_failed",
        "order_cancelled",
        "account_created",
        "account_exists",
        "low_stock",
        "payment_action_required",
        "order_shipped",
        "order_delivered",
        "order_refunded",
        "return_received",
        "withdrawal_received",
        "verify_email",
        "password_reset",
        "password_changed",
        "new_sign_in",
        "email_changed",
        "staff_invited",
        "guest_order_link",
        "invoice",
        "direct",
    ];
    assert_eq!(<Template as strum::VariantNames>::VARIANTS, names);
    for &template in Template::VARIANTS {
        assert_eq!(template.as_str().parse(), Ok(template));
    }
}
