//! Text messages: their words and their segments.

use super::*;

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
        let text = Composer::new(&shop_in_berlin(), "de-DE".parse().unwrap(), LANGUAGES[0]).text(&message);
        assert_eq!(text.as_deref(), Some(english));
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
