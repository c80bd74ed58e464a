use serde_json::json;

use super::*;

fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_795_771_805_000).unwrap()
}

fn upload() -> Upload {
    let new = NewImage { content_type: MediaType::Png, size: 100, alt: "A tee".into() };
    Upload::grant("01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d".parse().unwrap(), new, now())
}

fn images(count: usize) -> Vec<Image> {
    (0..count).map(|_| upload().image).collect()
}

fn listed(image: &Image, alt: &str) -> ListedImage {
    ListedImage { id: image.id, alt: alt.into() }
}

#[test]
fn an_image_is_announced_with_a_kind_a_size_and_a_text() {
    let errors = Fields::read::<NewImage>(json!({
        "content_type": "image/svg+xml", "size": MAX_SIZE + 1, "alt": "x".repeat(251)
    }));
    let errors: Vec<String> =
        errors.unwrap_err().iter().map(|error| format!("{} {}", error.pointer, error.code)).collect();
    assert_eq!(errors, ["/content_type unknown_content_type", "/size out_of_range", "/alt too_long"]);
    let decoration = json!({"content_type": "image/webp", "size": MAX_SIZE, "alt": ""});
    assert!(Fields::read::<NewImage>(decoration).is_ok());
    assert!(Fields::read::<NewImage>(json!({"content_type": "image/webp", "size": 0, "alt": ""})).is_err());
}

#[test]
fn a_key_names_its_product_and_image_and_only_ours_do() {
    let upload = upload();
    assert_eq!(parse_key(&upload.image.key), Some((ObjectKind::Published, upload.product_id, upload.image.id)));
    assert_eq!(parse_key(&upload.uploaded_key()), Some((ObjectKind::Uploaded, upload.product_id, upload.image.id)));
    assert_ne!(upload.uploaded_key(), upload.image.key);
    let id = upload.image.id;
    for other in [
        String::new(),
        "products/".into(),
        format!("products/{id}.png"),
        format!("products/{id}/{id}"),
        format!("products/{id}/{id}.svg"),
        format!("products/{id}/{id}.png/x"),
        format!("exports/{id}/{id}.png"),
        format!("/products/{id}/{id}.png"),
    ] {
        assert_eq!(parse_key(&other), None, "{other}");
    }
}

#[test]
fn an_object_is_taken_when_it_has_the_size_and_type_that_were_announced() {
    let upload = upload();
    let object = |size: i64, content_type: &str| {
        let content_type = (!content_type.is_empty()).then(|| content_type.to_owned());
        Object { size, content_type, e_tag: None, bytes: b"\xff\xd8\xff\xe0".to_vec() }
    };
    assert_eq!(upload.accepts(&object(100, "image/png")), Ok(()));
    assert_eq!(upload.accepts(&object(1, "image/png")), Ok(()));
    assert_eq!(upload.accepts(&object(101, "image/png")), Err(Mismatch::Size { has: 101, most: 100 }));
    assert_eq!(upload.accepts(&object(0, "image/png")), Err(Mismatch::Size { has: 0, most: 100 }));
    for other in ["image/jpeg", "text/html", "image/png; x=1", ""] {
        assert_eq!(upload.accepts(&object(9, other)), Err(Mismatch::ContentType(MediaType::Png)), "{other}");
    }
    assert_eq!(upload.cleaned(&object(4, "image/png")), Err(Mismatch::Content(MediaType::Png)));
    assert_eq!(upload.cleaned(&object(101, "image/png")), Err(Mismatch::Size { has: 101, most: 100 }));
}

#[test]
fn nothing_is_deleted_while_a_form_could_upload_it_anew() {
    let upload = upload();
    assert!(upload.due_at.unwrap() > upload.expires_at);
    assert!(Upload::forgotten_at(now()) > upload.expires_at);
}

#[test]
fn a_list_orders_describes_and_removes() {
    let current = images(3);
    let list = ImageList { images: vec![listed(&current[2], "Back"), listed(&current[0], "")] };
    let arranged = list.arrange(&current).unwrap();
    let expected =
        [Image { alt: "Back".into(), ..current[2].clone() }, Image { alt: String::new(), ..current[0].clone() }];
    assert_eq!(arranged.images, expected);
    assert_eq!(arranged.removed, [current[1].id]);
}

#[test]
fn a_list_names_each_image_once_and_none_of_another_product() {
    let current = images(1);
    let foreign = images(1);
    let list = ImageList { images: vec![listed(&current[0], ""), listed(&foreign[0], "")] };
    let errors = list.arrange(&current).unwrap_err();
    assert_eq!(
        (errors.len(), errors[0].pointer.as_str(), errors[0].code.as_str()),
        (1, "/images/1/id", "unknown_image")
    );
    let id = current[0].id.to_string();
    let twice = json!({"images": [{"id": id, "alt": ""}, {"id": id, "alt": "Front"}]});
    let errors = Fields::read::<ImageList>(twice).unwrap_err();
    assert_eq!((errors[0].pointer.as_str(), errors[0].code.as_str()), ("/images/1/id", "not_distinct"));
}
