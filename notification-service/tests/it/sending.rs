use serde_json::{Value, json};
use testkit::tokens;

use crate::{Fixture, address, event, outcome, sent};

/// What was asked of SES last.
fn asked_of_ses(fixture: &Fixture) -> Value {
    fixture.network.seen().into_iter().rfind(|seen| seen.operation == "SendEmail").unwrap().body
}

#[tokio::test]
async fn a_mail_arrives_at_ses_with_subject_sender_and_recipient() {
    let fixture = Fixture::open().await;
    let body = event("order_confirmation");
    let answer = fixture.send(&body).await.expect(200);
    assert_eq!(outcome(&answer), sent(&body));
    let mails = fixture.network.mails_to(address(&body)).await;
    let [mail] = &mails[..] else { panic!("{mails:?}") };
    assert_eq!(mail["source"], "\"Bodega\" <shop@bodega.example>");
    assert_eq!(mail["subject"], "Your Bodega order is confirmed");
    let html = mail["body"].as_str().unwrap();
    for said in ["£1,234.56", "£1,248.56", "22/11/2026", "12 St James&#39;s Square", "Organic cotton tee"] {
        assert!(html.contains(said), "{said}: {html}");
    }
}

#[tokio::test]
async fn a_mail_has_text_and_html_in_utf8_and_carries_its_event() {
    let fixture = Fixture::open().await;
    let mut body = event("order_confirmation");
    body["recipient"]["locale"] = json!("de-DE");
    body["data"]["order"]["lines"][0]["title"] = json!("Söckchen");
    fixture.send(&body).await.expect(200);
    let asked = asked_of_ses(&fixture);
    assert_eq!(asked["Destination"], json!({"ToAddresses": [address(&body)]}));
    let simple = &asked["Content"]["Simple"];
    for part in [&simple["Subject"], &simple["Body"]["Text"], &simple["Body"]["Html"]] {
        assert_eq!(part["Charset"], "UTF-8", "{part}");
    }
    let text = simple["Body"]["Text"]["Data"].as_str().unwrap();
    assert!(text.contains("2 x Söckchen\n    Size: M\n    1.234,56\u{a0}GBP\n"), "{text}");
    let headers = json!([
        {"Name": "X-Bodega-Event", "Value": body["event_id"]}, {"Name": "Auto-Submitted", "Value": "auto-generated"}
    ]);
    assert_eq!(simple["Headers"], headers);
    let tags = json!([
        {"Name": "event_id", "Value": body["event_id"]}, {"Name": "channel", "Value": "email"},
        {"Name": "template", "Value": "order_confirmation"}
    ]);
    assert_eq!(asked["EmailTags"], tags);
}

#[tokio::test]
async fn a_title_with_markup_reaches_ses_escaped() {
    let fixture = Fixture::open().await;
    let mut body = event("order_confirmation");
    body["data"]["order"]["lines"][0]["title"] = json!("<script>alert(1)</script>");
    fixture.send(&body).await.expect(200);
    let mails = fixture.network.mails_to(address(&body)).await;
    let html = mails[0]["body"].as_str().unwrap();
    assert!(!html.contains("<script") && html.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "{html}");
}

#[tokio::test]
async fn every_template_is_sent_with_its_own_subject() {
    let fixture = Fixture::open().await;
    for (template, subject) in [
        ("order_confirmation", "Your Bodega order is confirmed"),
        ("payment_failed", "Your payment to Bodega did not go through"),
        ("order_cancelled", "Your Bodega order is cancelled, and your money is on its way back"),
        ("account_created", "Welcome to Bodega"),
        ("account_exists", "You already have an account at Bodega"),
        ("low_stock", "Bodega: 3 left of TEE-M"),
    ] {
        let body = event(template);
        assert_eq!(fixture.status(&body).await, "sent", "{template}");
        assert_eq!(fixture.mails(&body), 1, "{template}");
        assert_eq!(asked_of_ses(&fixture)["Content"]["Simple"]["Subject"]["Data"], subject);
    }
}

#[tokio::test]
async fn without_a_locale_money_and_dates_are_written_as_in_the_united_states() {
    let fixture = Fixture::open().await;
    let mut body = event("order_confirmation");
    body["recipient"].as_object_mut().unwrap().remove("locale");
    fixture.send(&body).await.expect(200);
    let asked = asked_of_ses(&fixture);
    let text = asked["Content"]["Simple"]["Body"]["Text"]["Data"].as_str().unwrap();
    assert!(text.contains("Placed on: 11/22/2026") && text.contains("Total: GBP\u{a0}1,248.56"), "{text}");
}

#[tokio::test]
async fn only_who_may_send_sends() {
    let fixture = Fixture::open().await;
    let body = event("account_created");
    let stranger = tokens::service("transaction-service", "inventory:reserve");
    let answer = fixture.client.post("/notifications").token(&stranger).json(&body).send().await.expect(403);
    assert_eq!(answer.problem(), "forbidden");
    fixture.client.post("/notifications").json(&body).send().await.expect(401);
    assert_eq!(fixture.mails(&body), 0);
    assert_eq!(fixture.item(&body).await, None);
}

#[tokio::test]
async fn a_sending_costs_two_calls_of_dynamodb_and_one_of_ses_and_a_repetition_one_call() {
    let fixture = Fixture::open().await;
    let since =
        |from: usize| fixture.network.seen()[from..].iter().map(|seen| seen.operation.clone()).collect::<Vec<_>>();
    // Also where it is counted.
    for template in ["account_created", "order_confirmation", "low_stock"] {
        let (body, before) = (event(template), fixture.network.seen().len());
        fixture.send(&body).await.expect(200);
        assert_eq!(since(before), ["TransactWriteItems", "SendEmail", "UpdateItem"], "{template}");
        fixture.send(&body).await.expect(200);
        assert_eq!(since(before + 3), ["TransactWriteItems"], "{template}");
        fixture.of_event(&body).await.expect(200);
        assert_eq!(since(before + 4), ["BatchGetItem"], "{template}");
    }
}

#[tokio::test]
async fn an_order_in_a_currency_that_was_withdrawn_since_is_mailed_as_it_was_made() {
    let fixture = Fixture::open().await;
    for (amount, currency) in [(1999, "BGN"), (1312, "KWD"), (1999, "MGA")] {
        let mut body = event("order_confirmation");
        for member in ["subtotal", "shipping", "tax", "total"] {
            body["data"]["order"][member] = json!({"amount": amount, "currency": currency});
        }
        body["data"]["order"]["lines"][0]["total"] = body["data"]["order"]["total"].clone();
        assert_eq!(fixture.status(&body).await, "sent", "{currency}");
    }
    let mut body = event("order_confirmation");
    body["data"]["order"]["total"]["currency"] = json!("ABC");
    assert_eq!(fixture.send(&body).await.expect(422).refused_fields(), ["/data/order/total/currency unknown_currency"]);
}
