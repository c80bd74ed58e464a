//! Images at home: moto takes them as S3 would, and serves them in public as the CDN does.

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::home::from_env;
use crate::settings::Settings;

/// Makes the bucket in the stand-in for S3, and says where its images are seen. An account of the environment is
/// left as it is, and its images are where `IMAGE_BASE_URL` says.
pub(crate) async fn make_bucket(settings: &mut Settings) -> Result<()> {
    let name = settings.get("IMAGE_BUCKET").context("IMAGE_BUCKET is not set")?;
    let bucket = format!("{}/{name}", settings.get("AWS_ENDPOINT_URL").context("AWS_ENDPOINT_URL is not set")?);
    if from_env("AWS_ENDPOINT_URL").is_none() {
        let readable = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{name}/products/*")
        }]});
        let http = reqwest::Client::new();
        let made = http.put(&bucket).send().await?.status();
        let opened = http.put(format!("{bucket}?policy")).json(&readable).send().await?.status();
        if !made.is_success() || !opened.is_success() {
            bail!("S3 did not make the bucket ({made}) or open it ({opened})");
        }
    }
    settings.set("IMAGE_BASE_URL", from_env("IMAGE_BASE_URL").unwrap_or(bucket));
    Ok(())
}
