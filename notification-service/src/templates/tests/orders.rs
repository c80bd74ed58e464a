//! Mails about orders: what was ordered, paid, sent and returned.

use super::*;

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
        assert!(!mail.text.contains("+4930123456") && !mail.html.contains("+4930123456"), "no mail shows the phone");
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
