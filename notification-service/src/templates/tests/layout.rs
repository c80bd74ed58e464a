//! The form of every mail: one small page in HTML, short lines in plain text.

use super::*;

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
