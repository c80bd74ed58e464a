//! Mails about accounts, and those for and by staff.

use super::*;

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
