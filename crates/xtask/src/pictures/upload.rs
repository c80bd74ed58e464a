//! Uploads the pictures of the demo catalogue as a frontend for staff does: asks for an upload form, posts it to the bucket, and
//! completes the upload.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Picture;
use crate::api::Api;
use crate::catalogue;

/// Products worked on at a time. The images of one product are uploaded one after the other, which gives them their order.
const AT_ONCE: usize = 8;
const BOUNDARY: &str = "pictures-of-the-demo-catalogue";

/// Uploads the pictures that products of the demo catalogue lack, and restores files that the bucket lost. Returns how many
/// images are new.
pub(crate) async fn missing(api: &str, password: &str) -> Result<usize> {
    let (catalogue, pictures) = (catalogue::read()?, super::read()?);
    let api = &Api::log_in(api, password).await?;
    let shown = api.all("/admin/products").await?;
    let shown = shown.into_iter().filter(|product| product["status"] != "archived");
    let shown: HashMap<String, Value> =
        shown.filter_map(|product| Some((product["slug"].as_str()?.to_owned(), product))).collect();
    let work = catalogue.products.iter().filter_map(|product| Some((product, shown.get(&product.slug)?)));
    let pictures = &pictures;
    let new = stream::iter(work).map(async |(product, shown)| {
        let new = async { complete(api, shown, pictures.of(product)?).await };
        new.await.with_context(|| format!("the images of {}", product.slug))
    });
    new.buffer_unordered(AT_ONCE).try_fold(0, async |sum, new| Ok(sum + new)).await
}

async fn complete(api: &Api, product: &Value, wanted: &[Picture]) -> Result<usize> {
    let id = product["id"].as_str().context("it has no id")?;
    let shown = product["images"].as_array().context("it has no list of images")?;
    let mut new = 0;
    for picture in wanted {
        let alt = picture.alt.as_str();
        let done = if let Some(image) = shown.iter().find(|image| image["alt"] == alt) {
            restore(api, image, picture).await
        } else {
            new += 1;
            upload(api, id, picture).await
        };
        done.with_context(|| format!("{alt:?}"))?;
    }
    Ok(new)
}

/// Writes the file again where an image has lost it: the stand-in for S3 forgets everything when it ends, MongoDB does not.
async fn restore(api: &Api, image: &Value, picture: &Picture) -> Result<()> {
    let url = image["url"].as_str().context("the image has no url")?;
    // Not HEAD: moto refuses it without credentials, also where GET is public.
    let seen = api.http.get(url).header("range", "bytes=0-0").send().await?.status();
    if seen != StatusCode::NOT_FOUND {
        return Ok(());
    }
    let file = picture.png()?;
    let answer = api.http.put(url).header("content-type", "image/png").body(file).send().await?;
    ensure!(answer.status().is_success(), "the bucket lost {url} and refused the file again: {}", answer.status());
    Ok(())
}

async fn upload(api: &Api, product_id: &str, picture: &Picture) -> Result<()> {
    let png = picture.png()?;
    let new = json!({ "content_type": "image/png", "size": png.len(), "alt": picture.alt });
    let form = api.call(Method::POST, &format!("/admin/products/{product_id}/images"), Some(new)).await?;
    let url = form["url"].as_str().context("the form has no url")?;
    let request = api.http.post(url).header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
    let answer = request.body(multipart(&form["fields"], &png)?).send().await?;
    if !answer.status().is_success() {
        bail!("the bucket answered {}: {}", answer.status(), answer.text().await?);
    }
    let image = form["image_id"].as_str().context("the form has no image_id")?;
    api.call(Method::POST, &format!("/uploads/{image}/complete"), None).await.map(drop)
}

/// The body of the form (RFC 7578): its fields, then the file.
fn multipart(fields: &Value, file: &[u8]) -> Result<Vec<u8>> {
    let begin = |name: &str| format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"");
    let mut body = Vec::new();
    for (name, value) in fields.as_object().context("the form has no fields")? {
        let value = value.as_str().with_context(|| format!("the form's {name} is not a string"))?;
        body.extend(format!("{}\r\n\r\n{value}\r\n", begin(name)).into_bytes());
    }
    body.extend(format!("{}; filename=\"image.png\"\r\nContent-Type: image/png\r\n\r\n", begin("file")).into_bytes());
    body.extend(file);
    body.extend(format!("\r\n--{BOUNDARY}--\r\n").into_bytes());
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use axum::Json;
    use axum::body::Bytes;
    use axum::extract::State;
    use axum::http::{Method, Uri};
    use axum::response::{IntoResponse as _, Response};

    use super::*;

    const TEE: &str = "organic-cotton-t-shirt";
    const HOOK: &str = "brass-wall-hook";

    /// product-service and the bucket in a few lines.
    #[derive(Default)]
    struct Shop {
        base: String,
        /// Images by product, whose slug is its id here.
        images: BTreeMap<String, Vec<Value>>,
        granted: Vec<(String, Value)>,
        bucket: BTreeMap<String, Bytes>,
        bucket_is_closed: bool,
    }

    impl Shop {
        fn answer(&mut self, method: &Method, path: &str, body: &Bytes) -> Result<Value, StatusCode> {
            let json: Value = serde_json::from_slice(body).unwrap_or_default();
            let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
            match (method.as_str(), &parts[..]) {
                ("POST", ["auth", "login"]) => Ok(json!({ "access_token": "token" })),
                ("GET", ["admin", "products"]) => Ok(self.products()),
                ("POST", ["admin", "products", id, "images"]) => {
                    self.granted.push(((*id).to_owned(), json));
                    let image = (self.granted.len() - 1).to_string();
                    Ok(json!({ "image_id": image, "url": format!("{}/bucket", self.base), "fields": { "key": image } }))
                }
                ("POST", ["bucket"]) if self.bucket_is_closed => Err(StatusCode::FORBIDDEN),
                ("POST", ["bucket"]) => {
                    let (key, file) = parts_of(body);
                    self.bucket.insert(key, file);
                    Ok(Value::Null)
                }
                ("PUT", ["bucket", key]) => {
                    self.bucket.insert((*key).to_owned(), body.clone());
                    Ok(Value::Null)
                }
                ("GET", ["bucket", key]) => self.bucket.get(*key).map(|_| Value::Null).ok_or(StatusCode::NOT_FOUND),
                ("POST", ["uploads", image, "complete"]) => {
                    let (product, granted) = self.granted[image.parse::<usize>().unwrap()].clone();
                    assert_eq!(granted["size"], self.bucket[*image].len());
                    let url = format!("{}/bucket/{image}", self.base);
                    let shown = json!({ "id": image, "url": url, "alt": granted["alt"] });
                    self.images.get_mut(&product).unwrap().push(shown.clone());
                    Ok(shown)
                }
                _ => Err(StatusCode::METHOD_NOT_ALLOWED),
            }
        }

        fn products(&self) -> Value {
            let of = |(id, images): (&String, &Vec<Value>)| json!({ "id": id, "slug": id, "status": "active", "images": images });
            let mut items: Vec<Value> = self.images.iter().map(of).collect();
            items.push(json!({ "id": "old", "slug": TEE, "status": "archived", "images": [] }));
            items.push(json!({ "id": "own", "slug": "own-product", "status": "active", "images": [] }));
            json!({ "items": items, "next_cursor": null })
        }
    }

    fn parts_of(form: &[u8]) -> (String, Bytes) {
        let text = String::from_utf8_lossy(form).into_owned();
        let parts: Vec<&str> = text.split(&format!("--{BOUNDARY}")).collect();
        assert_eq!((parts.len(), parts[0], parts[3]), (4, "", "--\r\n"));
        let (head, key) = parts[1].split_once("\r\n\r\n").unwrap();
        assert!(head.contains("name=\"key\"") && parts[2].contains("name=\"file\""));
        let begin = form.windows(4).position(|window| window == b"\x89PNG").unwrap();
        let end = form.len() - format!("\r\n--{BOUNDARY}--\r\n").len();
        (key.trim_end().to_owned(), Bytes::copy_from_slice(&form[begin..end]))
    }

    type Shared = Arc<Mutex<Shop>>;

    async fn serve(State(shop): State<Shared>, method: Method, uri: Uri, body: Bytes) -> Response {
        match shop.lock().unwrap().answer(&method, uri.path(), &body) {
            Ok(answer) => Json(answer).into_response(),
            Err(status) => status.into_response(),
        }
    }

    async fn open() -> (String, Shared) {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let images = [TEE, HOOK].map(|slug| (slug.to_owned(), Vec::new())).into();
        let shop = Arc::new(Mutex::new(Shop { base: base.clone(), images, ..Shop::default() }));
        let router = axum::Router::new().fallback(serve).with_state(Arc::clone(&shop));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (base, shop)
    }

    fn alts(shop: &Shared, slug: &str) -> Vec<String> {
        shop.lock().unwrap().images[slug].iter().map(|image| image["alt"].as_str().unwrap().to_owned()).collect()
    }

    const TEES: [&str; 3] = [
        "White T-shirt: Organic Cotton T-Shirt",
        "Navy T-shirt: Organic Cotton T-Shirt",
        "Sage T-shirt: Organic Cotton T-Shirt",
    ];

    #[tokio::test]
    async fn every_picture_is_uploaded_once_however_often_the_catalogue_is_loaded() {
        let (base, shop) = open().await;
        assert_eq!(missing(&base, "password").await.unwrap(), 4);
        assert_eq!(missing(&base, "password").await.unwrap(), 0);
        assert_eq!(alts(&shop, TEE), TEES);
        assert_eq!(alts(&shop, HOOK), ["Brass hook: Brass Wall Hook"]);
        let shop = shop.lock().unwrap();
        assert_eq!((shop.granted.len(), shop.bucket.len()), (4, 4));
        assert!(shop.granted.iter().all(|(_, granted)| granted["content_type"] == "image/png"));
    }

    #[tokio::test]
    async fn a_file_that_the_bucket_lost_is_restored_at_its_address() {
        let (base, shop) = open().await;
        missing(&base, "password").await.unwrap();
        let before = std::mem::take(&mut shop.lock().unwrap().bucket);
        assert_eq!(missing(&base, "password").await.unwrap(), 0);
        assert_eq!(shop.lock().unwrap().bucket, before);
        assert_eq!(alts(&shop, TEE), TEES);
    }

    #[tokio::test]
    async fn a_failure_names_the_product_and_what_the_bucket_said() {
        let (base, shop) = open().await;
        missing(&base, "password").await.unwrap();
        {
            let mut shop = shop.lock().unwrap();
            shop.images.get_mut(HOOK).unwrap().clear();
            shop.bucket_is_closed = true;
        }
        let error = format!("{:#}", missing(&base, "password").await.unwrap_err());
        assert!(error.starts_with("the images of brass-wall-hook: \"Brass hook: Brass Wall Hook\": "), "{error}");
        assert!(error.contains("403"), "{error}");
    }
}
