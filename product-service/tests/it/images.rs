use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use mongodb::bson::{Bson, DateTime, Document, doc};
use serde_json::json;

use crate::{
    Shop,
    bucket::Mood,
    gallery::{Form, Gallery, PNG, created},
    staff, tag,
};

const AFTER_THE_FORM: Duration = Duration::from_mins(71);
const TOMORROW: Duration = Duration::from_hours(25);

#[tokio::test]
async fn a_completed_upload_is_the_last_of_the_products_images_and_everybody_sees_it() {
    let gallery = Gallery::open().await;
    let first = gallery.show().await;
    let before = gallery.product().await;
    let form = gallery.upload().await;
    assert_eq!(gallery.shown().await, [first.image_id.as_str()], "not before it is completed");
    let image = gallery.complete(&form).await.expect(200).json();
    let url = format!("https://images.shop.example/{}", form.key());
    let expected = json!({"id": form.image_id, "url": url, "alt": "A picture", "content_type": "image/png"});
    assert_eq!(image, expected);

    let product = gallery.product().await;
    assert_eq!(product["images"][1], expected);
    assert_eq!(product["version"].as_i64(), before["version"].as_i64().map(|version| version + 1));
    let listing = gallery.shop.client.get("/products").send().await.expect(200).json();
    assert_eq!(listing["items"][0], product);
    assert_eq!(gallery.state(&form).await["state"], "attached");

    assert_eq!(gallery.complete(&form).await.expect(200).json(), image, "repeating it changes nothing");
    assert_eq!(gallery.product().await, product);
}

#[tokio::test]
async fn an_upload_is_not_complete_before_something_has_arrived() {
    let gallery = Gallery::open().await;
    let form = gallery.form("image/png", PNG.len()).await;
    assert_eq!(gallery.complete(&form).await.expect(409).problem(), "not_uploaded");
    assert_eq!(gallery.state(&form).await["state"], "pending");
    assert_eq!(form.post(PNG).await, 204);
    gallery.complete(&form).await.expect(200);
}

/// Refused for good, with a reason for people; gone from the bucket; its slot is free again; the product is unchanged.
async fn assert_refused(gallery: &Gallery, form: &Form, reason: &str) {
    let before = gallery.product().await;
    for _ in 0..2 {
        let answer = gallery.complete(form).await.expect(409);
        assert_eq!(answer.problem(), "image_refused");
        assert_eq!(answer.json()["detail"], reason);
    }
    let state = gallery.state(form).await;
    assert_eq!((&state["state"], &state["reason"]), (&json!("refused"), &json!(reason)));
    assert!(!gallery.bucket.file(form.key()).exists());
    assert_eq!(gallery.free_slots().await, 10);
    assert_eq!(gallery.product().await, before);
}

#[tokio::test]
async fn a_png_that_claims_to_be_a_jpeg_is_refused() {
    let gallery = Gallery::open().await;
    let form = gallery.form("image/jpeg", PNG.len()).await;
    assert_eq!(form.post(PNG).await, 204, "the bucket does not look inside");
    assert_refused(&gallery, &form, "The file is no image/jpeg, whatever it says.").await;
}

#[tokio::test]
async fn whatever_came_past_the_policy_is_refused_by_its_size_and_type() {
    let gallery = Gallery::open().await;
    let large = gallery.upload().await;
    std::fs::write(gallery.bucket.file(large.key()), [PNG, b"!"].concat()).unwrap();
    let reason = format!("The file has {} bytes, and 1 to {} were announced.", PNG.len() + 1, PNG.len());
    assert_refused(&gallery, &large, &reason).await;

    // Written beside the server: it knows no type of this one.
    let untyped = gallery.form("image/png", PNG.len()).await;
    let file = gallery.bucket.file(untyped.key());
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, PNG).unwrap();
    assert_refused(&gallery, &untyped, "The file was not uploaded as image/png, which was announced.").await;
}

#[tokio::test]
async fn the_buckets_notification_completes_an_upload_as_a_call_does() {
    let gallery = Gallery::open().await;
    let form = gallery.upload().await;
    for _ in 0..2 {
        assert_eq!(gallery.deliver(&[("1", created(form.key()))]).await, Vec::<String>::new());
        assert_eq!(gallery.shown().await, [form.image_id.as_str()]);
    }
    gallery.complete(&form).await.expect(200);
}

#[tokio::test]
async fn calls_and_notifications_that_come_at_once_attach_an_image_once() {
    let gallery = Gallery::open().await;
    let before = gallery.product().await["version"].as_i64().unwrap();
    let forms = try_join_all((0..4).map(|_| async { Ok::<_, ()>(gallery.upload().await) })).await.unwrap();
    join_all(forms.iter().flat_map(|form| [form, form]).map(|form| async {
        let event = created(form.key());
        let message = [("1", event)];
        let (answer, failures) = tokio::join!(gallery.complete(form), gallery.deliver(&message));
        answer.expect(200);
        assert_eq!(failures, Vec::<String>::new());
    }))
    .await;
    let mut shown = gallery.shown().await;
    shown.sort();
    let mut expected: Vec<String> = forms.iter().map(|form| form.image_id.clone()).collect();
    expected.sort();
    assert_eq!(shown, expected);
    assert_eq!(gallery.product().await["version"].as_i64().unwrap(), before + 4);
}

#[tokio::test]
async fn only_messages_that_may_succeed_later_come_again() {
    let gallery = Gallery::open().await;
    let (good, bad) = (gallery.upload().await, gallery.form("image/jpeg", PNG.len()).await);
    assert_eq!(bad.post(PNG).await, 204);
    let unknown = format!("products/{0}/{0}.png", gallery.product_id);
    let never_arrived = gallery.form("image/png", 9).await;
    let messages = [
        ("good", created(good.key())),
        ("bad", created(bad.key())),
        ("not ours", created("exports/2026.csv")),
        ("nobody's", created(&unknown)),
        ("gone", created(never_arrived.key())),
        ("no JSON", "hello".to_owned()),
        ("no notification", json!({"hello": 1}).to_string()),
        ("set up", json!({"Service": "Amazon S3", "Event": "s3:TestEvent"}).to_string()),
    ];
    gallery.bucket.becomes(Mood::Broken);
    assert_eq!(gallery.deliver(&messages).await, ["good", "bad", "nobody's", "gone"]);
    gallery.bucket.becomes(Mood::Well);
    gallery.shop.network.cut();
    assert_eq!(gallery.deliver(&messages[5..]).await, Vec::<String>::new());
    assert_eq!(gallery.deliver(&messages[..1]).await, ["good"]);
    gallery.shop.network.heal();
    assert_eq!(gallery.deliver(&messages).await, Vec::<String>::new());
    assert_eq!(gallery.shown().await, [good.image_id.as_str()]);
    assert_eq!(gallery.state(&bad).await["state"], "refused");
    assert_eq!(gallery.bucket.objects(), 1);
}

#[tokio::test]
async fn an_image_that_was_exchanged_after_it_was_looked_at_leaves_the_list() {
    let gallery = Gallery::open().await;
    let (kept, exchanged) = (gallery.show().await, gallery.show().await);
    let script = b"<script>alert(1)</script>";
    assert_eq!(exchanged.post(script).await, 204, "the form is still good");
    assert_eq!(gallery.deliver(&[("1", created(exchanged.key()))]).await, Vec::<String>::new());
    assert_eq!(gallery.shown().await, [kept.image_id.as_str()]);
    assert!(!gallery.bucket.file(exchanged.key()).exists());
    assert_eq!(gallery.complete(&exchanged).await.expect(409).problem(), "image_refused");

    // And once more: nothing of it stays in the bucket.
    assert_eq!(exchanged.post(PNG).await, 204);
    gallery.deliver(&[("2", created(exchanged.key()))]).await;
    assert_eq!(gallery.bucket.objects(), 1);
}

#[tokio::test]
async fn images_are_ordered_described_and_removed_by_one_list() {
    let gallery = Gallery::open().await;
    let (a, b, c) = (gallery.show().await, gallery.show().await, gallery.show().await);
    let pending = gallery.upload().await;
    let version = gallery.product().await["version"].as_i64().unwrap();
    let answer = gallery.arrange(&[(&c, "From behind"), (&a, "")]).await.expect(200);
    assert_eq!(answer.header("etag"), tag(&answer.json(), version + 1));
    assert_eq!(answer.json(), gallery.product().await);
    assert_eq!(gallery.shown().await, [c.image_id.clone(), a.image_id.clone()]);
    assert_eq!(
        (&answer.json()["images"][0]["alt"], &answer.json()["images"][1]["alt"]),
        (&json!("From behind"), &json!(""))
    );

    assert_eq!(gallery.free_slots().await, 7, "the removed one's is free, the pending one keeps its own");
    gallery.complete(&b).await.expect(404);
    gallery.complete(&pending).await.expect(200);
    assert!(gallery.bucket.file(b.key()).exists(), "until it is swept");
    assert_eq!(gallery.sweep_after(AFTER_THE_FORM).await.deleted, 1);
    assert!(!gallery.bucket.file(b.key()).exists());
    assert_eq!((gallery.bucket.objects(), gallery.uploads().await), (3, 3));
}

#[tokio::test]
async fn a_list_names_images_of_its_product_only_and_each_once() {
    let gallery = Gallery::open().await;
    let shown = gallery.show().await;
    let pending = gallery.upload().await;
    let answer = gallery.arrange(&[(&shown, ""), (&pending, "")]).await.expect(422);
    assert_eq!(answer.refused_fields(), ["/images/1/id unknown_image"]);
    let answer = gallery.arrange(&[(&shown, ""), (&shown, "")]).await.expect(422);
    assert_eq!(answer.refused_fields(), ["/images/1/id not_distinct"]);
    assert_eq!(gallery.shown().await, [shown.image_id]);
    let nobody = "/admin/products/01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d/images";
    gallery.shop.client.put(nobody).token(&staff()).json(&json!({"images": []})).send().await.expect(404);
}

#[tokio::test]
async fn a_list_is_taken_for_the_version_it_was_made_for() {
    let gallery = Gallery::open().await;
    let (a, b) = (gallery.show().await, gallery.show().await);
    let tag = gallery.shop.client.get("/products/a").send().await.expect(200).header("etag").to_owned();
    let c = gallery.show().await;
    let stale = gallery.arrange_if(&[(&b, ""), (&a, "")], &tag).await.expect(412);
    assert_eq!(stale.problem(), "stale");
    assert_eq!(gallery.shown().await.len(), 3, "the image that was not seen is not removed");
    let tag = gallery.shop.client.get("/products/a").send().await.expect(200).header("etag").to_owned();
    gallery.arrange_if(&[(&c, ""), (&b, ""), (&a, "")], &tag).await.expect(200);

    let tag = gallery.shop.client.get("/products/a").send().await.expect(200).header("etag").to_owned();
    let (only_a, only_b) = ([(&a, "one")], [(&b, "other")]);
    let (one, other) = tokio::join!(gallery.arrange_if(&only_a, &tag), gallery.arrange_if(&only_b, &tag));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    assert_eq!(gallery.shown().await.len(), 1);
}

#[tokio::test]
async fn an_upload_that_nobody_completes_is_swept_with_its_object_and_makes_room() {
    let gallery = Gallery::open().await;
    let (orphan, shown) = (gallery.upload().await, gallery.show().await);
    gallery.form("image/png", 9).await;
    assert_eq!(gallery.free_slots().await, 7);
    assert_eq!(gallery.sweep_after(Duration::from_mins(11)).await.deleted, 0, "a slow upload is waited for");
    let swept = tokio::join!(
        gallery.sweep_after(AFTER_THE_FORM),
        gallery.sweep_after(AFTER_THE_FORM),
        gallery.sweep_after(AFTER_THE_FORM)
    );
    assert_eq!(swept.0.failed + swept.1.failed + swept.2.failed, 0);
    assert_eq!(gallery.free_slots().await, 9);
    assert_eq!((gallery.bucket.objects(), gallery.uploads().await), (1, 1));
    gallery.complete(&orphan).await.expect(404);
    assert_eq!(gallery.shown().await, [shown.image_id]);
}

#[tokio::test]
async fn what_arrives_after_its_upload_was_swept_is_deleted() {
    let gallery = Gallery::open().await;
    let late = gallery.form("image/png", PNG.len()).await;
    gallery.sweep_after(AFTER_THE_FORM).await;
    assert_eq!(late.post(PNG).await, 204);
    assert_eq!(gallery.deliver(&[("1", created(late.key()))]).await, Vec::<String>::new());
    assert_eq!(gallery.bucket.objects(), 0);
}

#[tokio::test]
async fn a_refused_upload_is_forgotten_after_a_day_with_whatever_came_after_it() {
    let gallery = Gallery::open().await;
    let form = gallery.form("image/jpeg", PNG.len()).await;
    form.post(PNG).await;
    gallery.complete(&form).await.expect(409);
    assert_eq!(form.post(PNG).await, 204);
    assert_eq!(gallery.sweep_after(AFTER_THE_FORM).await.deleted, 0);
    assert_eq!(gallery.sweep_after(TOMORROW).await.deleted, 1);
    assert_eq!((gallery.bucket.objects(), gallery.uploads().await), (0, 0));
}

#[tokio::test]
async fn the_sweep_goes_on_when_the_bucket_is_back() {
    let gallery = Gallery::open().await;
    gallery.upload().await;
    gallery.bucket.becomes(Mood::Broken);
    let swept = gallery.sweep_after(AFTER_THE_FORM).await;
    assert_eq!((swept.failed, swept.deleted), (1, 0));
    gallery.bucket.becomes(Mood::Well);
    assert_eq!(gallery.sweep_after(AFTER_THE_FORM).await.deleted, 1);
    assert_eq!((gallery.bucket.objects(), gallery.uploads().await), (0, 0));
}

/// Cuts the network after every possible number of commands of each step; whatever is left, a repeat and the sweep put
/// right: what is in the list is in the bucket, and nothing else is.
#[tokio::test]
async fn a_crash_between_any_two_commands_leaves_no_hole_in_the_list_and_no_orphan_in_the_bucket() {
    for step in ["complete", "refuse", "remove", "sweep"] {
        for commands in 0..5 {
            let gallery = Gallery::open().await;
            let kept = gallery.show().await;
            let form = match step {
                "remove" => gallery.show().await,
                "refuse" => {
                    let form = gallery.form("image/jpeg", PNG.len()).await;
                    form.post(PNG).await;
                    form
                }
                _ => gallery.upload().await,
            };
            gallery.shop.network.cut_after(commands);
            match step {
                "remove" => drop(gallery.arrange(&[(&kept, "")]).await),
                "sweep" => {
                    let later = common::timestamp::Timestamp::now().plus(AFTER_THE_FORM);
                    drop(product_service::images::sweep(gallery.app(), later).await);
                }
                _ => drop(gallery.complete(&form).await),
            }
            gallery.shop.network.heal();
            let case = format!("{step} cut after {commands}");
            for _ in 0..2 {
                gallery.sweep_after(TOMORROW).await;
            }
            let shown = gallery.shown().await;
            assert_eq!(shown[0], kept.image_id, "{case}");
            if ["refuse", "sweep"].contains(&step) {
                assert_eq!(shown.len(), 1, "{case}");
            }
            assert_eq!(gallery.bucket.file(form.key()).exists(), shown.contains(&form.image_id), "{case}");
            assert_eq!((gallery.bucket.objects(), gallery.uploads().await), (shown.len(), shown.len()), "{case}");
            assert_eq!(gallery.free_slots().await, 10 - shown.len(), "{case}");
        }
    }
}

/// What a server that dies inside a command may leave: the first writes of the list and not the rest.
#[tokio::test]
async fn a_command_that_a_dying_server_left_half_done_is_finished_or_undone() {
    let gallery = Gallery::open().await;
    let database = gallery.shop.mongo.database().await;
    let (products, uploads) = (database.collection::<Document>("products"), database.collection::<Document>("uploads"));
    let set = async |form: &Form, fields: Document| {
        uploads.update_one(doc! { "_id": &form.image_id }, doc! { "$set": fields }).await.unwrap();
    };
    let long_ago = DateTime::from_millis(0);
    // In the list, and not noted as such; noted as to be removed, and not removed.
    let (attached, removed) = (gallery.show().await, gallery.show().await);
    set(&attached, doc! { "state": "pending", "due_at": long_ago }).await;
    set(&removed, doc! { "due_at": long_ago }).await;
    // Refused, and still in the list; saved, and without a slot.
    let (refused, slotless) = (gallery.show().await, gallery.upload().await);
    set(&refused, doc! { "state": "refused", "reason": "", "due_at": long_ago }).await;
    set(&slotless, doc! { "due_at": long_ago }).await;
    products.update_one(doc! {}, doc! { "$pull": { "image_slots": &slotless.image_id } }).await.unwrap();
    gallery.complete(&slotless).await.expect(404);

    let swept = gallery.sweep_after(Duration::ZERO).await;
    assert_eq!((swept.kept, swept.deleted, swept.failed), (2, 2, 0));
    assert_eq!(gallery.shown().await, [attached.image_id.clone(), removed.image_id.clone()]);
    assert_eq!((gallery.bucket.objects(), gallery.uploads().await, gallery.free_slots().await), (2, 2, 8));
    assert_eq!(gallery.sweep_after(TOMORROW).await, product_service::images::Swept::default(), "nothing is in doubt");
}

#[tokio::test]
async fn a_product_from_before_there_were_images_reads_and_takes_them() {
    let gallery = Gallery::open().await;
    let products = gallery.shop.mongo.database().await.collection::<Document>("products");
    products.update_one(doc! {}, doc! { "$unset": { "images": "", "image_slots": "" } }).await.unwrap();
    assert_eq!(gallery.product().await["images"], json!([]));
    gallery.arrange(&[]).await.expect(200);
    products.update_one(doc! {}, doc! { "$unset": { "images": "", "image_slots": "" } }).await.unwrap();
    let form = gallery.show().await;
    assert_eq!(gallery.shown().await, [form.image_id]);
}

#[tokio::test]
async fn the_database_itself_refuses_an_eleventh_image() {
    let gallery = Gallery::open().await;
    let products = gallery.shop.mongo.database().await.collection::<Document>("products");
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
        product_service::images::store::due_filter(common::timestamp::Timestamp::EPOCH),
        doc! { "due_at": { "$lte": DateTime::from_millis(0) } }
    );
    let find = doc! { "find": "uploads", "filter": filter, "sort": { "due_at": 1 } };
    let database = shop.mongo.database().await;
    let plan: Document = database.run_command(doc! { "explain": find, "verbosity": "queryPlanner" }).await.unwrap();
    let plan = plan.get_document("queryPlanner").unwrap().get("winningPlan").unwrap().to_string();
    assert!(plan.contains("IXSCAN") && !plan.contains("COLLSCAN") && !plan.contains("SORT"), "{plan}");
}
