//! Data that a stranger wrote: escaped, on one line, and without links to other pages.

use super::*;

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
fn names_addresses_and_titles_decide_their_own_direction() {
    let mail = of(Template::OrderConfirmation, "en", |data| {
        data["order"]["shipping_address"]["name"] = json!("ליאור כהן");
        data["order"]["lines"][0]["title"] = json!("חולצה");
    });
    assert!(mail.html.contains("<div dir=\"auto\">ליאור כהן</div>"), "{}", mail.html);
    assert!(mail.html.contains("<span dir=\"auto\">חולצה</span>"), "{}", mail.html);
}

#[test]
fn a_shop_whose_name_has_special_letters_is_escaped_too() {
    let shop = Shop::new("Müller <& Söhne>".parse().unwrap(), "https://shop.example");
    let mail = mail(&changed(Template::AccountCreated, |_| {}), &shop, &"en".parse().unwrap()).unwrap();
    assert_eq!(mail.subject, "Welcome to Müller <& Söhne>");
    assert!(mail.html.contains("Welcome to Müller &#60;&#38; Söhne&#62;"), "{}", mail.html);
    assert!(mail.text.contains("Welcome to Müller <& Söhne>\n"), "{}", mail.text);
}
