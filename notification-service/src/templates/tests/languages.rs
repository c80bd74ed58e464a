//! Languages, locales, time zones and the forms of addresses.

use super::*;

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
