use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use common::timestamp::Timestamp;
use product_service::images::domain::{NewImage, Upload};
use serde_json::{Value, json};

use crate::{
    bucket::FaultMode,
    image_fixture::{Form, ImageFixture, PHOTO, PNG},
    staff,
};

#[tokio::test]
async fn the_bucket_takes_what_was_announced_up_to_its_size() {
    let fixture = ImageFixture::open().await;
    let form = fixture.form("image/png", PNG.len() + 1).await;
    assert_eq!(form.post(PNG).await, 204);
    assert_eq!(std::fs::read(fixture.bucket.file(form.key())).unwrap(), PNG);
    let expected = format!("uploads/{}/{}.png", fixture.product_id, form.image_id);
    assert_eq!(form.key(), expected);
    assert_eq!(fixture.seen_at(&form.published()), None, "not public before it is checked");
}

#[tokio::test]
async fn the_bucket_refuses_whatever_is_not_exactly_what_was_signed_and_stores_nothing() {
    let fixture = ImageFixture::open().await;
    let form = fixture.form("image/png", PNG.len()).await;
    let larger = [PNG, b"!"].concat();
    let other_key = form.key().replace(&form.image_id, "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d");
    let cases: [(&str, Form, &[u8]); 14] = [
        ("a public key", form.clone().with("key", &form.published()), PNG),
        ("another type", form.clone().with("Content-Type", "text/html"), PNG),
        ("no type", form.clone().without("Content-Type"), PNG),
        ("too large", form.clone(), &larger),
        ("empty", form.clone(), b""),
        ("another key", form.clone().with("key", &other_key), PNG),
        ("a key above", form.clone().with("key", &format!("x/../{}", form.key())), PNG),
        ("another bucket", Form { url: form.url.replace("/images", "/others"), ..form.clone() }, PNG),
        ("a field that was not signed", form.clone().with("acl", "public-read"), PNG),
        ("another lifetime in caches", form.clone().with("Cache-Control", "max-age=9"), PNG),
        ("a policy that allows more", tampered(&form), &larger),
        ("another signature", form.clone().with("x-amz-signature", &"0".repeat(64)), PNG),
        ("no signature", form.clone().without("x-amz-signature"), PNG),
        ("another day's key", form.clone().with("x-amz-date", "20200101T000000Z"), PNG),
    ];
    for (what, form, file) in cases {
        let status = form.post(file).await;
        assert!((400..500).contains(&status), "{what}: {status}");
        assert_eq!(fixture.bucket.objects(), 0, "{what}");
    }
    assert_eq!(form.post(PNG).await, 204, "the form itself was good all the time");
}

/// The same policy with a larger size, under the old signature.
fn tampered(form: &Form) -> Form {
    let mut policy: Value = serde_json::from_slice(&STANDARD.decode(&form.fields["policy"]).unwrap()).unwrap();
    let range = policy["conditions"].as_array_mut().unwrap().iter_mut().find(|c| c[0] == "content-length-range");
    *range.unwrap() = json!(["content-length-range", 1, 10_000_000]);
    form.clone().with("policy", &STANDARD.encode(policy.to_string()))
}

#[tokio::test]
async fn the_bucket_refuses_an_expired_form() {
    let fixture = ImageFixture::open().await;
    for (minutes, expected) in [(11, 403), (9, 204)] {
        let granted_at = Timestamp::now().minus(Duration::from_mins(minutes));
        let new = NewImage { content_type: "image/png".parse().unwrap(), size: 1_000, alt: String::new() };
        let upload = Upload::grant(fixture.product_id.parse().unwrap(), new, granted_at);
        let form =
            fixture.app().bucket.presigned_post(&upload.policy(&upload.uploaded_key()), granted_at).await.unwrap();
        let form = Form { image_id: upload.image.id.to_string(), url: form.url, fields: form.fields };
        assert_eq!(form.post(PNG).await, expected, "{minutes} minutes old");
    }
}

#[tokio::test]
async fn what_cannot_become_an_image_is_refused_before_anything_is_signed() {
    let fixture = ImageFixture::open().await;
    let bad = fixture.ask("image/svg+xml", 10 * 1024 * 1024 + 1, &"x".repeat(251)).await.expect(422);
    assert_eq!(bad.refused_fields(), ["/content_type unknown_content_type", "/size out_of_range", "/alt too_long"]);
    let unknown = "/admin/products/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d/images";
    let body = json!({"content_type": "image/png", "size": 9, "alt": ""});
    let answer = fixture.shop.client.post(unknown).token(&staff()).json(&body).send().await.expect(404);
    assert_eq!(answer.problem(), "not_found");
    assert_eq!(fixture.uploads().await, 0);
}

#[tokio::test]
async fn a_product_never_has_more_than_ten_images_even_when_sixteen_are_asked_for_at_once() {
    let fixture = ImageFixture::open().await;
    fixture.show().await;
    let answers = futures_util::future::join_all((0..16).map(|_| fixture.ask("image/png", 9, ""))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 9);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (409, "too_many_images"));
    }
    assert_eq!(fixture.uploads().await, 10, "nothing is left of those that were refused");
    fixture.ask("image/png", 9, "").await.expect(409);
}

#[tokio::test]
async fn a_dead_or_hanging_bucket_is_a_503_in_time_and_reading_goes_on() {
    let fixture = ImageFixture::open().await;
    let form = fixture.upload().await;
    for mode in [FaultMode::Broken, FaultMode::Hanging] {
        fixture.bucket.set_mode(mode);
        let started = Instant::now();
        let path = format!("/uploads/{}/complete", form.image_id);
        let answer = fixture.in_a_hurry().post(&path).token(&staff()).send().await.expect(503);
        assert_eq!(answer.problem(), "unavailable");
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        fixture.shop.client.get("/products/a").send().await.expect(200);
        fixture.ask("image/png", 9, "").await.expect(201);
        fixture.bucket.set_mode(FaultMode::None);
    }
    fixture.complete(&form).await.expect(200);
}

#[tokio::test]
async fn a_jpeg_that_is_one_is_taken() {
    let fixture = ImageFixture::open().await;
    let form = fixture.form("image/jpeg", PHOTO.len()).await;
    assert_eq!(form.post(PHOTO).await, 204);
    assert_eq!(fixture.complete(&form).await.expect(200).json()["content_type"], "image/jpeg");
}
