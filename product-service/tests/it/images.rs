use std::time::Duration;

use common::timestamp::Timestamp;
use futures_util::future::{join_all, try_join_all};
use mongodb::bson::{Bson, DateTime, Document, doc};
use serde_json::json;

use crate::{
    Shop,
    bucket::FaultMode,
    image_fixture::{Form, ImageFixture, PHOTO, PNG, created},
    staff, tag,
};

const AFTER_THE_FORM: Duration = Duration::from_mins(71);
const TOMORROW: Duration = Duration::from_hours(25);

#[tokio::test]
async fn a_completed_upload_is_the_last_of_the_products_images_and_is_public() {
    let fixture = ImageFixture::open().await;
    let first = fixture.show().await;
    let before = fixture.product().await;
    let form = fixture.upload().await;
    assert_eq!(fixture.shown().await, [first.image_id.as_str()], "not before it is completed");
    let image = fixture.complete(&form).await.expect(200).json();
    let url = format!("https://images.shop.example/{}", form.published());
    let expected = json!({"id": form.image_id, "url": url, "alt": "A picture", "content_type": "image/png"});
    assert_eq!(image, expected);

    let product = fixture.product().await;
    assert_eq!(product["images"][1], expected);
    assert_eq!(product["version"].as_i64(), before["version"].as_i64().map(|version| version + 1));
    let listing = fixture.shop.client.get("/products").send().await.expect(200).json();
    assert_eq!(listing["items"][0], product);
    assert_eq!(fixture.state(&form).await["state"], "attached");

    assert_eq!(fixture.complete(&form).await.expect(200).json(), image, "repeating it changes nothing");
    assert_eq!(fixture.product().await, product);
}

#[tokio::test]
async fn an_upload_is_not_complete_before_something_has_arrived() {
    let fixture = ImageFixture::open().await;
    let form = fixture.form("image/png", PNG.len()).await;
    assert_eq!(fixture.complete(&form).await.expect(409).problem(), "not_uploaded");
    assert_eq!(fixture.state(&form).await["state"], "pending");
    assert_eq!(form.post(PNG).await, 204);
    fixture.complete(&form).await.expect(200);
}

/// Refused for good, with a reason for people; gone from the bucket; its slot is free again; the product is unchanged.
async fn assert_refused(fixture: &ImageFixture, form: &Form, code: &str, reason: &str) {
    let before = fixture.product().await;
    for _ in 0..2 {
        let answer = fixture.complete(form).await.expect(409);
        assert_eq!(answer.problem(), "image_refused");
        assert_eq!((&answer.json()["detail"], &answer.json()["reason_code"]), (&json!(reason), &json!(code)));
    }
    let state = fixture.state(form).await;
    assert_eq!((&state["state"], &state["reason"]), (&json!("refused"), &json!(reason)));
    assert_eq!(state["reason_code"], code);
    assert!(!fixture.bucket.file(form.key()).exists());
    assert_eq!(fixture.seen_at(&form.published()), None);
    assert_eq!(fixture.free_slots().await, 10);
    assert_eq!(fixture.product().await, before);
}

#[tokio::test]
async fn a_png_that_claims_to_be_a_jpeg_is_refused() {
    let fixture = ImageFixture::open().await;
    let form = fixture.form("image/jpeg", PNG.len()).await;
    assert_eq!(form.post(PNG).await, 204, "the bucket does not look inside");
    assert_refused(&fixture, &form, "wrong_content", "The content of the file is not image/jpeg.").await;
}

#[tokio::test]
async fn whatever_came_past_the_policy_is_refused_by_its_size_and_type() {
    let fixture = ImageFixture::open().await;
    let large = fixture.upload().await;
    std::fs::write(fixture.bucket.file(large.key()), [PNG, b"!"].concat()).unwrap();
    let reason = format!("The file has {} bytes, and 1 to {} were announced.", PNG.len() + 1, PNG.len());
    assert_refused(&fixture, &large, "wrong_size", &reason).await;

    // Written beside the server: it knows no type of this one.
    let untyped = fixture.form("image/png", PNG.len()).await;
    let file = fixture.bucket.file(untyped.key());
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, PNG).unwrap();
    let reason = "The file was not uploaded as image/png, the announced type.";
    assert_refused(&fixture, &untyped, "wrong_content_type", reason).await;
}

#[tokio::test]
async fn a_file_that_no_browser_should_show_is_refused_with_a_code() {
    let fixture = ImageFixture::open().await;
    let mut huge = PNG.to_vec();
    huge[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let sum = crc32(&huge[12..29]);
    huge[29..33].copy_from_slice(&sum.to_be_bytes());
    let detail = "The image has 60000 x 60000 pixels. A side may have 16384 at most, and an image 50000000 in all.";
    let missing = "The end of the file is missing. Upload the whole file.";
    for (file, code, reason) in [(&PNG[..40], "truncated", missing), (&huge, "too_many_points", detail)] {
        let form = fixture.form("image/png", file.len()).await;
        assert_eq!(form.post(file).await, 204);
        assert_refused(&fixture, &form, code, reason).await;
    }
}

#[tokio::test]
async fn a_png_whose_data_are_no_picture_is_refused() {
    let fixture = ImageFixture::open().await;
    let at = PNG.windows(4).position(|name| name == b"IDAT").unwrap();
    let end = PNG.windows(4).position(|name| name == b"IEND").unwrap() - 4;
    let data = &PNG[at + 4..end - 4];
    let with = |data: &[u8]| {
        let chunk = [b"IDAT", data].concat();
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&PNG[..at - 4], &length, &chunk, &crc32(&chunk).to_be_bytes(), &PNG[end..]].concat()
    };
    let missing = "The end of the file is missing. Upload the whole file.";
    let broken = |what: &str| format!("The file has {what}. Save the image again and upload the new file.");
    for (file, code, reason) in [
        (with(b"<script>alert(1)</script>"), "malformed", broken("compressed data that cannot be read")),
        (with(b""), "truncated", missing.to_owned()),
        (with(&data[..data.len() / 2]), "truncated", missing.to_owned()),
        (with(&[data, b"<script>"].concat()), "malformed", broken("bytes behind the compressed data")),
    ] {
        let form = fixture.form("image/png", file.len()).await;
        assert_eq!(form.post(&file).await, 204);
        assert_refused(&fixture, &form, code, &reason).await;
    }
}

/// As PNG has it, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}

#[tokio::test]
async fn the_public_gets_the_picture_and_nothing_else_that_was_in_the_file() {
    let fixture = ImageFixture::open().await;
    let page = b"<!DOCTYPE html><script>alert(1)</script>";
    for (kind, file) in [
        ("image/jpeg", PHOTO),
        ("image/png", include_bytes!("../images/photo.png")),
        ("image/webp", include_bytes!("../images/photo.webp")),
        ("image/avif", include_bytes!("../images/photo.avif")),
    ] {
        let file = [file, &page[..]].concat();
        let form = fixture.form(kind, file.len()).await;
        assert_eq!(form.post(&file).await, 204);
        assert_eq!(fixture.seen_at(&form.published()), None, "{kind}: not public before it is cleaned");
        let image = fixture.complete(&form).await.expect(200).json();
        let seen = fixture.seen_at(&form.published()).unwrap();
        for word in [&b"SECRET"[..], b"script"] {
            assert!(file.windows(word.len()).any(|window| window == word));
            assert!(!seen.windows(word.len()).any(|window| window == word), "{kind}");
        }
        assert_eq!(image["content_type"], kind);
        assert!(!fixture.bucket.file(form.key()).exists(), "{kind}: what was uploaded is gone");

        let address =
            fixture.app().bucket.presigned_urls(&[&form.published()], Duration::from_mins(1), Timestamp::now()).await;
        let answer = reqwest::get(&address.unwrap()[0]).await.unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), kind);
        assert_eq!(header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(answer.bytes().await.unwrap(), seen);
    }
    assert_eq!(fixture.bucket.objects(), 4);
}

#[tokio::test]
async fn the_buckets_notification_completes_an_upload_as_a_call_does() {
    let fixture = ImageFixture::open().await;
    let form = fixture.upload().await;
    for _ in 0..2 {
        assert_eq!(fixture.deliver(&[("1", created(form.key()))]).await, Vec::<String>::new());
        assert_eq!(fixture.shown().await, [form.image_id.as_str()]);
    }
    fixture.complete(&form).await.expect(200);
}

#[tokio::test]
async fn calls_and_notifications_that_come_at_once_attach_an_image_once() {
    let fixture = ImageFixture::open().await;
    let before = fixture.product().await["version"].as_i64().unwrap();
    let forms = try_join_all((0..4).map(|_| async { Ok::<_, ()>(fixture.upload().await) })).await.unwrap();
    join_all(forms.iter().flat_map(|form| [form, form]).map(|form| async {
        let event = created(form.key());
        let message = [("1", event)];
        let (answer, failures) = tokio::join!(fixture.complete(form), fixture.deliver(&message));
        answer.expect(200);
        assert_eq!(failures, Vec::<String>::new());
    }))
    .await;
    let mut shown = fixture.shown().await;
    shown.sort();
    let mut expected: Vec<String> = forms.iter().map(|form| form.image_id.clone()).collect();
    expected.sort();
    assert_eq!(shown, expected);
    assert_eq!(fixture.product().await["version"].as_i64().unwrap(), before + 4);
}

#[tokio::test]
async fn only_messages_that_may_succeed_later_come_again() {
    let fixture = ImageFixture::open().await;
    let (good, bad) = (fixture.upload().await, fixture.form("image/jpeg", PNG.len()).await);
    assert_eq!(bad.post(PNG).await, 204);
    let unknown = format!("uploads/{0}/{0}.png", fixture.product_id);
    let never_arrived = fixture.form("image/png", 9).await;
    let messages = [
        ("good", created(good.key())),
        ("bad", created(bad.key())),
        ("not ours", created("exports/2026.csv")),
        ("unknown", created(&unknown)),
        ("gone", created(never_arrived.key())),
        ("no JSON", "hello".to_owned()),
        ("no notification", json!({"hello": 1}).to_string()),
        ("set up", json!({"Service": "Amazon S3", "Event": "s3:TestEvent"}).to_string()),
    ];
    let not_understood = ["no JSON", "no notification"];
    fixture.bucket.set_mode(FaultMode::Broken);
    let again = fixture.deliver(&messages).await;
    assert_eq!(again, ["good", "bad", "unknown", "gone", "no JSON", "no notification"]);
    fixture.bucket.set_mode(FaultMode::None);
    fixture.shop.network.cut();
    assert_eq!(fixture.deliver(&messages[5..]).await, not_understood);
    assert_eq!(fixture.deliver(&messages[..1]).await, ["good"]);
    fixture.shop.network.heal();
    assert_eq!(fixture.deliver(&messages).await, not_understood);
    assert_eq!(fixture.shown().await, [good.image_id.as_str()]);
    assert_eq!(fixture.state(&bad).await["state"], "refused");
    assert_eq!(fixture.bucket.objects(), 1);
}

#[tokio::test]
async fn what_is_uploaded_again_while_the_form_is_good_is_never_seen() {
    let fixture = ImageFixture::open().await;
    let form = fixture.show().await;
    let (product, seen) = (fixture.product().await, fixture.seen_at(&form.published()));
    let again = b"<script>alert(1)</script>";
    for file in [&again[..], PNG] {
        assert_eq!(form.post(file).await, 204, "the form is still good");
        assert_eq!(fixture.deliver(&[("1", created(form.key()))]).await, Vec::<String>::new());
        assert!(!fixture.bucket.file(form.key()).exists());
        fixture.complete(&form).await.expect(200);
    }
    // Where the queue hears of nothing, the sweep looks after it when the form has expired.
    assert_eq!(form.post(again).await, 204);
    fixture.complete(&form).await.expect(200);
    assert_eq!(fixture.sweep_after(AFTER_THE_FORM).await.kept, 1);
    assert_eq!((fixture.product().await, fixture.seen_at(&form.published())), (product, seen));
    assert_eq!((fixture.bucket.objects(), fixture.uploads().await), (1, 1));
    assert_eq!(fixture.sweep_after(TOMORROW).await, product_service::images::Swept::default(), "once is enough");
}

#[tokio::test]
async fn of_two_files_uploaded_one_after_the_other_the_first_that_was_published_stays() {
    let fixture = ImageFixture::open().await;
    let form = fixture.form("image/jpeg", PHOTO.len()).await;
    assert_eq!(form.post(PHOTO).await, 204);
    // It is published, and the network goes before the product hears of it.
    fixture.shop.network.cut_after(1);
    drop(fixture.complete(&form).await);
    fixture.shop.network.heal();
    let first = fixture.seen_at(&form.published()).expect("it was published");
    assert_eq!(fixture.shown().await, Vec::<String>::new());
    let other = include_bytes!("../images/plain.jpg");
    assert_eq!(form.post(other).await, 204);
    fixture.complete(&form).await.expect(200);
    assert_eq!(fixture.seen_at(&form.published()), Some(first), "caches may have it already, for a year");
    assert_eq!(fixture.bucket.objects(), 1);
}

#[tokio::test]
async fn a_published_file_without_an_upload_is_deleted_when_the_bucket_notifies() {
    let fixture = ImageFixture::open().await;
    let (shown, late) = (fixture.show().await, fixture.upload().await);
    fixture.sweep_after(AFTER_THE_FORM).await;
    // A request that hung since then publishes after all.
    let file = fixture.bucket.file(&late.published());
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, PNG).unwrap();
    let messages = [("1", created(&late.published())), ("2", created(&shown.published()))];
    assert_eq!(fixture.deliver(&messages).await, Vec::<String>::new());
    assert_eq!((file.exists(), fixture.seen_at(&shown.published()).is_some()), (false, true));
}

#[tokio::test]
async fn the_notification_is_understood_whichever_way_it_comes_and_what_is_not_goes_to_the_dead_letter_queue() {
    let fixture = ImageFixture::open().await;
    let forms = [fixture.upload().await, fixture.upload().await, fixture.upload().await];
    let by_topic = |message: &str| {
        let topic = "arn:aws:sns:eu-central-1:123456789012:images";
        json!({"Type": "Notification", "MessageId": "1", "TopicArn": topic, "Message": message}).to_string()
    };
    let bridged = json!({
        "version": "0", "id": "1", "detail-type": "Object Created", "source": "aws.s3", "resources": [],
        "detail": {"bucket": {"name": "images"}, "object": {"key": forms[2].key(), "size": 1}, "reason": "PostObject"}
    });
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "images"}).to_string();
    let messages = [
        ("raw", created(forms[0].key())),
        ("by topic", by_topic(&created(forms[1].key()))),
        ("by EventBridge", bridged.to_string()),
        ("set up", test.clone()),
        ("set up by topic", by_topic(&test)),
        ("no JSON", "hello".to_owned()),
        ("another's", json!({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}).to_string()),
        ("to be confirmed", json!({"Type": "SubscriptionConfirmation", "Message": "Confirm"}).to_string()),
    ];
    assert_eq!(fixture.deliver(&messages).await, ["no JSON", "another's", "to be confirmed"]);
    let mut shown = fixture.shown().await;
    shown.sort();
    assert_eq!(shown, forms.each_ref().map(|form| form.image_id.clone()));
}

#[tokio::test]
async fn images_are_ordered_described_and_removed_by_one_list() {
    let fixture = ImageFixture::open().await;
    let (a, b, c) = (fixture.show().await, fixture.show().await, fixture.show().await);
    let pending = fixture.upload().await;
    let version = fixture.product().await["version"].as_i64().unwrap();
    let answer = fixture.arrange(&[(&c, "From behind"), (&a, "")]).await.expect(200);
    assert_eq!(answer.header("etag"), tag(&answer.json(), version + 1));
    assert_eq!(answer.json(), fixture.product().await);
    assert_eq!(fixture.shown().await, [c.image_id.clone(), a.image_id.clone()]);
    assert_eq!(
        (&answer.json()["images"][0]["alt"], &answer.json()["images"][1]["alt"]),
        (&json!("From behind"), &json!(""))
    );

    assert_eq!(fixture.free_slots().await, 7, "the removed one's is free, the pending one keeps its own");
    fixture.complete(&b).await.expect(404);
    fixture.complete(&pending).await.expect(200);
    assert!(fixture.seen_at(&b.published()).is_some(), "until it is swept");
    let swept = fixture.sweep_after(AFTER_THE_FORM).await;
    assert_eq!((swept.deleted, swept.kept), (1, 3));
    assert_eq!(fixture.seen_at(&b.published()), None);
    assert_eq!((fixture.bucket.objects(), fixture.uploads().await), (3, 3));
}

#[tokio::test]
async fn a_list_names_images_of_its_product_only_and_each_once() {
    let fixture = ImageFixture::open().await;
    let shown = fixture.show().await;
    let pending = fixture.upload().await;
    let answer = fixture.arrange(&[(&shown, ""), (&pending, "")]).await.expect(422);
    assert_eq!(answer.refused_fields(), ["/images/1/id unknown_image"]);
    let answer = fixture.arrange(&[(&shown, ""), (&shown, "")]).await.expect(422);
    assert_eq!(answer.refused_fields(), ["/images/1/id not_distinct"]);
    assert_eq!(fixture.shown().await, [shown.image_id]);
    let unknown = "/admin/products/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d/images";
    fixture.shop.client.put(unknown).token(&staff()).json(&json!({"images": []})).send().await.expect(404);
}

#[tokio::test]
async fn a_list_is_taken_for_the_version_it_was_made_for() {
    let fixture = ImageFixture::open().await;
    let (a, b) = (fixture.show().await, fixture.show().await);
    let tag = fixture.shop.client.get("/products/a").send().await.expect(200).header("etag").to_owned();
    let c = fixture.show().await;
    let stale = fixture.arrange_if(&[(&b, ""), (&a, "")], &tag).await.expect(412);
    assert_eq!(stale.problem(), "stale");
    assert_eq!(fixture.shown().await.len(), 3, "the image that was not seen is not removed");
    let tag = fixture.shop.client.get("/products/a").send().await.expect(200).header("etag").to_owned();
    fixture.arrange_if(&[(&c, ""), (&b, ""), (&a, "")], &tag).await.expect(200);

    let tag = fixture.shop.client.get("/products/a").send().await.expect(200).header("etag").to_owned();
    let (only_a, only_b) = ([(&a, "one")], [(&b, "other")]);
    let (one, other) = tokio::join!(fixture.arrange_if(&only_a, &tag), fixture.arrange_if(&only_b, &tag));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    assert_eq!(fixture.shown().await.len(), 1);
}

#[tokio::test]
async fn an_upload_that_is_never_completed_is_swept_with_its_object_and_makes_room() {
    let fixture = ImageFixture::open().await;
    let (orphan, shown) = (fixture.upload().await, fixture.show().await);
    fixture.form("image/png", 9).await;
    assert_eq!(fixture.free_slots().await, 7);
    assert_eq!(fixture.sweep_after(Duration::from_mins(11)).await.deleted, 0, "a slow upload is waited for");
    let swept = tokio::join!(
        fixture.sweep_after(AFTER_THE_FORM),
        fixture.sweep_after(AFTER_THE_FORM),
        fixture.sweep_after(AFTER_THE_FORM)
    );
    assert_eq!(swept.0.failed + swept.1.failed + swept.2.failed, 0);
    assert_eq!(fixture.free_slots().await, 9);
    assert_eq!((fixture.bucket.objects(), fixture.uploads().await), (1, 1));
    fixture.complete(&orphan).await.expect(404);
    assert_eq!(fixture.shown().await, [shown.image_id]);
}

#[tokio::test]
async fn what_arrives_after_its_upload_was_swept_is_deleted() {
    let fixture = ImageFixture::open().await;
    let late = fixture.form("image/png", PNG.len()).await;
    fixture.sweep_after(AFTER_THE_FORM).await;
    assert_eq!(late.post(PNG).await, 204);
    assert_eq!(fixture.deliver(&[("1", created(late.key()))]).await, Vec::<String>::new());
    assert_eq!(fixture.bucket.objects(), 0);
}

#[tokio::test]
async fn a_refused_upload_is_forgotten_after_a_day_with_whatever_came_after_it() {
    let fixture = ImageFixture::open().await;
    let form = fixture.form("image/jpeg", PNG.len()).await;
    form.post(PNG).await;
    fixture.complete(&form).await.expect(409);
    assert_eq!(form.post(PNG).await, 204);
    assert_eq!(fixture.sweep_after(AFTER_THE_FORM).await.deleted, 0);
    assert_eq!(fixture.sweep_after(TOMORROW).await.deleted, 1);
    assert_eq!((fixture.bucket.objects(), fixture.uploads().await), (0, 0));
}

#[tokio::test]
async fn the_sweep_goes_on_when_the_bucket_is_back() {
    let fixture = ImageFixture::open().await;
    fixture.upload().await;
    fixture.bucket.set_mode(FaultMode::Broken);
    let swept = fixture.sweep_after(AFTER_THE_FORM).await;
    assert_eq!((swept.failed, swept.deleted), (1, 0));
    fixture.bucket.set_mode(FaultMode::None);
    assert_eq!(fixture.sweep_after(AFTER_THE_FORM).await.deleted, 1);
    assert_eq!((fixture.bucket.objects(), fixture.uploads().await), (0, 0));
}

/// Cuts the network after every possible number of commands of each step; whatever is left, a repeat and the sweep put
/// right: what is in the list is in the bucket, and nothing else is.
#[tokio::test]
async fn a_crash_between_any_two_commands_leaves_no_hole_in_the_list_and_no_orphan_in_the_bucket() {
    for step in ["complete", "refuse", "remove", "sweep"] {
        for commands in 0..5 {
            let fixture = ImageFixture::open().await;
            let kept = fixture.show().await;
            let form = match step {
                "remove" => fixture.show().await,
                "refuse" => {
                    let form = fixture.form("image/jpeg", PNG.len()).await;
                    form.post(PNG).await;
                    form
                }
                _ => fixture.upload().await,
            };
            fixture.shop.network.cut_after(commands);
            match step {
                "remove" => drop(fixture.arrange(&[(&kept, "")]).await),
                "sweep" => {
                    let later = Timestamp::now().plus(AFTER_THE_FORM);
                    drop(product_service::images::sweep(fixture.app(), later).await);
                }
                _ => drop(fixture.complete(&form).await),
            }
            fixture.shop.network.heal();
            let case = format!("{step} cut after {commands}");
            for _ in 0..2 {
                fixture.sweep_after(TOMORROW).await;
            }
            let shown = fixture.shown().await;
            assert_eq!(shown[0], kept.image_id, "{case}");
            if ["refuse", "sweep"].contains(&step) {
                assert_eq!(shown.len(), 1, "{case}");
            }
            assert!(!fixture.bucket.file(form.key()).exists(), "{case}");
            assert_eq!(fixture.seen_at(&form.published()).is_some(), shown.contains(&form.image_id), "{case}");
            assert_eq!((fixture.bucket.objects(), fixture.uploads().await), (shown.len(), shown.len()), "{case}");
            assert_eq!(fixture.free_slots().await, 10 - shown.len(), "{case}");
        }
    }
}

/// The same where it is the bucket that answers no more after every possible number of requests.
#[tokio::test]
async fn a_bucket_that_breaks_between_any_two_requests_leaves_no_hole_and_no_orphan_and_nothing_uncleaned() {
    for step in ["complete", "notice", "refuse", "sweep"] {
        for requests in 0..5 {
            let fixture = ImageFixture::open().await;
            let kept = fixture.show().await;
            let form = fixture.form("image/jpeg", PHOTO.len()).await;
            form.post(if step == "refuse" { &PHOTO[..400] } else { PHOTO }).await;
            fixture.bucket.set_mode(FaultMode::BrokenAfter(requests));
            match step {
                "sweep" => drop(fixture.sweep_after(AFTER_THE_FORM).await),
                "notice" => drop(fixture.deliver(&[("1", created(form.key()))]).await),
                _ => drop(fixture.complete(&form).await),
            }
            fixture.bucket.set_mode(FaultMode::None);
            let case = format!("{step} broken after {requests}");
            if let Some(seen) = fixture.seen_at(&form.published()) {
                assert!(!seen.windows(6).any(|window| window == b"SECRET"), "{case}");
            }
            if ["complete", "notice"].contains(&step) {
                fixture.complete(&form).await.expect(200);
            }
            for _ in 0..2 {
                fixture.sweep_after(TOMORROW).await;
            }
            let shown = fixture.shown().await;
            let expected = if ["complete", "notice"].contains(&step) { 2 } else { 1 };
            assert_eq!((shown.len(), &shown[0]), (expected, &kept.image_id), "{case}");
            assert_eq!((fixture.bucket.objects(), fixture.uploads().await), (expected, expected), "{case}");
            assert_eq!(fixture.seen_at(&form.published()).is_some(), expected == 2, "{case}");
        }
    }
}

/// What a server that dies inside a command may leave: the first writes of the list and not the rest.
#[tokio::test]
async fn a_command_that_a_dying_server_left_half_done_is_finished_or_undone() {
    let fixture = ImageFixture::open().await;
    let database = fixture.shop.mongo.database().await;
    let (products, uploads) = (database.collection::<Document>("products"), database.collection::<Document>("uploads"));
    let set = async |form: &Form, fields: Document| {
        uploads.update_one(doc! { "_id": &form.image_id }, doc! { "$set": fields }).await.unwrap();
    };
    let long_ago = DateTime::from_millis(0);
    // In the list, and not noted as such; noted as to be removed, and not removed.
    let (attached, removed) = (fixture.show().await, fixture.show().await);
    set(&attached, doc! { "state": "pending", "due_at": long_ago }).await;
    set(&removed, doc! { "due_at": long_ago }).await;
    // Refused, and still in the list; saved, and without a slot.
    let (refused, slotless) = (fixture.show().await, fixture.upload().await);
    set(&refused, doc! { "state": "refused", "reason": "", "due_at": long_ago }).await;
    set(&slotless, doc! { "due_at": long_ago }).await;
    products.update_one(doc! {}, doc! { "$pull": { "image_slots": &slotless.image_id } }).await.unwrap();
    fixture.complete(&slotless).await.expect(404);

    let swept = fixture.sweep_after(Duration::ZERO).await;
    assert_eq!((swept.kept, swept.deleted, swept.failed), (2, 2, 0));
    assert_eq!(fixture.shown().await, [attached.image_id.clone(), removed.image_id.clone()]);
    assert_eq!((fixture.bucket.objects(), fixture.uploads().await, fixture.free_slots().await), (2, 2, 8));
    assert_eq!(fixture.sweep_after(TOMORROW).await, product_service::images::Swept::default(), "nothing is in doubt");
}

#[tokio::test]
async fn a_product_from_before_there_were_images_reads_and_takes_them() {
    let fixture = ImageFixture::open().await;
    let products = fixture.shop.mongo.database().await.collection::<Document>("products");
    products.update_one(doc! {}, doc! { "$unset": { "images": "", "image_slots": "" } }).await.unwrap();
    assert_eq!(fixture.product().await["images"], json!([]));
    fixture.arrange(&[]).await.expect(200);
    products.update_one(doc! {}, doc! { "$unset": { "images": "", "image_slots": "" } }).await.unwrap();
    let form = fixture.show().await;
    assert_eq!(fixture.shown().await, [form.image_id]);
}

#[tokio::test]
async fn the_database_itself_refuses_an_eleventh_image() {
    let fixture = ImageFixture::open().await;
    let products = fixture.shop.mongo.database().await.collection::<Document>("products");
    for (list, item) in [
        ("image_slots", Bson::from("x")),
        ("images", doc! { "id": "x", "key": "x", "content_type": "image/png", "alt": "" }.into()),
    ] {
        let eleven: Vec<Bson> = vec![item; 11];
        let refused = products.update_one(doc! {}, doc! { "$set": { list: eleven } }).await;
        assert!(refused.is_err(), "{list}");
    }
    let svg = doc! { "id": "x", "key": "x", "content_type": "image/svg+xml", "alt": "" };
    assert!(products.update_one(doc! {}, doc! { "$set": { "images": [svg] } }).await.is_err());
}

#[tokio::test]
async fn the_sweep_looks_only_at_uploads_in_doubt_by_an_index() {
    let shop = Shop::open().await;
    let filter = doc! { "due_at": { "$lte": DateTime::now() } };
    assert_eq!(
        product_service::images::store::due_filter(Timestamp::EPOCH),
        doc! { "due_at": { "$lte": DateTime::from_millis(0) } }
    );
    let find = doc! { "find": "uploads", "filter": filter, "sort": { "due_at": 1 } };
    let database = shop.mongo.database().await;
    let plan: Document = database.run_command(doc! { "explain": find, "verbosity": "queryPlanner" }).await.unwrap();
    let plan = plan.get_document("queryPlanner").unwrap().get("winningPlan").unwrap().to_string();
    assert!(plan.contains("IXSCAN") && !plan.contains("COLLSCAN") && !plan.contains("SORT"), "{plan}");
}
