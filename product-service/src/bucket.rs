//! The bucket that holds images and files of products: its settings, a client that is made on first use, and what its failures
//! mean.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use aws_sdk_s3::{
    Client,
    config::{ProvideCredentials, timeout::TimeoutConfig},
    error::{ProvideErrorMetadata, SdkError},
    presigning::PresigningConfig,
    primitives::ByteStream,
};
use common::{cause::chain, timestamp::Timestamp};
use platform::{
    aws::{AwsConfig, timeouts, two_tries},
    config::Env,
};
use tokio::sync::OnceCell;

use self::{
    object::{Object, PostPolicy, PresignedPost, Range},
    signing::Signer,
};

pub mod object;
mod signing;

/// How long one call may take, with its second try. A request makes two, and two round trips to the database.
const CALL_TIMEOUT: Duration = Duration::from_millis(900);
/// How long a call that carries a part of a large file may take, with its second try. No request makes one.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(8);

/// The bucket. Cheap to clone; clones share the client.
#[derive(Clone)]
pub struct Bucket(Arc<Inner>);

struct Inner {
    name: String,
    public_base: String,
    aws: AwsConfig,
    endpoint: Option<String>,
    client: OnceCell<Client>,
}

/// Shows no credentials.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.0.name)
    }
}

impl Bucket {
    /// Reads `IMAGE_BUCKET`, `IMAGE_BASE_URL`, what [`AwsConfig`] reads, and `AWS_ENDPOINT_URL_S3` where it is set.
    pub fn configure(env: &mut Env) -> Option<Self> {
        let name = env.text("IMAGE_BUCKET");
        let public_base = env.url("IMAGE_BASE_URL");
        let aws = AwsConfig::configure(env);
        let endpoint = aws.endpoint(env, "AWS_ENDPOINT_URL_S3");
        Some(Self(Arc::new(Inner { name: name?, public_base: public_base?, aws, endpoint, client: OnceCell::new() })))
    }

    /// The name of the bucket.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The public URL of an object, at the CDN.
    pub fn public_url(&self, key: &str) -> String {
        format!("{}/{key}", self.0.public_base)
    }

    /// The presigned form for an upload, signed with the current credentials.
    pub async fn presigned_post(&self, policy: &PostPolicy<'_>, now: Timestamp) -> Result<PresignedPost, Failure> {
        let missing = || Failure::Refused("there are no credentials".into());
        let provider = self.0.aws.credentials_provider().await.ok_or_else(missing)?;
        let credentials = provider.provide_credentials().await;
        let credentials = credentials.map_err(|error| Failure::Unavailable(chain(&error)))?;
        let signer = Signer {
            bucket: &self.0.name,
            region: self.0.aws.region(),
            access_key_id: credentials.access_key_id(),
            secret_access_key: credentials.secret_access_key(),
            session_token: credentials.session_token(),
        };
        Ok(PresignedPost { url: self.url(), fields: signer.fields(policy, now) })
    }

    /// Presigned URLs of these objects, which need no token and are good for `valid_for`, in whole seconds. Makes no call to
    /// the bucket.
    pub async fn presigned_urls(
        &self,
        keys: &[&str],
        valid_for: Duration,
        now: Timestamp,
    ) -> Result<Vec<String>, Failure> {
        let settings = PresigningConfig::builder().start_time(now.to_offset().into()).expires_in(valid_for).build();
        let settings = settings.map_err(|error| Failure::Refused(error.to_string()))?;
        let mut urls = Vec::with_capacity(keys.len());
        for key in keys {
            let call = self.client().await.get_object().bucket(&self.0.name).key(*key);
            let request = call.presigned(settings.clone()).await.map_err(|error| Failure::of(&error))?;
            urls.push(request.uri().to_owned());
        }
        Ok(urls)
    }

    /// Size, type and `ETag` of an object; `None` when it does not exist.
    pub async fn head(&self, key: &str) -> Result<Option<Object>, Failure> {
        match self.client().await.head_object().bucket(&self.0.name).key(key).send().await {
            Ok(head) => {
                let size = head.content_length.unwrap_or_default();
                Ok(Some(Object { size, content_type: head.content_type, e_tag: head.e_tag, bytes: Vec::new() }))
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(Failure::of(&error)),
        }
    }

    /// A whole object of at most `most` bytes; a larger one without its bytes. `None` when it does not exist.
    pub async fn get(&self, key: &str, most: i64) -> Result<Option<Object>, Failure> {
        let call = self.client().await.get_object().bucket(&self.0.name).key(key);
        let mut found = match call.customize().config_override(for_transfers()).send().await {
            Ok(found) => found,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(Failure::of(&error)),
        };
        let size = found.content_length.unwrap_or_default();
        let mut object =
            Object { size, content_type: found.content_type.take(), e_tag: found.e_tag.take(), bytes: vec![] };
        let Some(count) = usize::try_from(size).ok().filter(|_| size <= most) else { return Ok(Some(object)) };
        // Reserved at once: a buffer that grows by doubling takes up to three times as much memory.
        object.bytes.reserve_exact(count);
        let read = async {
            while let Some(chunk) = found.body.try_next().await? {
                object.bytes.extend_from_slice(&chunk);
            }
            Ok(object)
        };
        let too_slow = |_| Failure::Unavailable("the object came too slowly".to_owned());
        let read: Result<Object, aws_sdk_s3::primitives::ByteStreamError> =
            tokio::time::timeout(TRANSFER_TIMEOUT, read).await.map_err(too_slow)?;
        read.map(Some).map_err(|error| Failure::Unavailable(chain(&error)))
    }

    /// Writes an object that the public can read. An object that exists under the key stays as it is.
    pub async fn publish(&self, key: &str, content_type: &str, cache: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        let call = self.client().await.put_object().bucket(&self.0.name).key(key).content_type(content_type);
        let call = call.cache_control(cache).if_none_match("*").body(ByteStream::from(bytes));
        match call.customize().config_override(for_transfers()).send().await {
            Err(error) if !is_there(&error) => Err(Failure::of(&error)),
            _ => Ok(()),
        }
    }

    /// `count` bytes of a large object from an offset, fewer at its end; `None` when it does not exist.
    pub async fn get_range(&self, key: &str, offset: i64, count: i64) -> Result<Option<Range>, Failure> {
        let range = format!("bytes={offset}-{}", offset + count - 1);
        let call = self.client().await.get_object().bucket(&self.0.name).key(key).range(range);
        let object = match call.customize().config_override(for_transfers()).send().await {
            Ok(object) => object,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(Failure::of(&error)),
        };
        let too_slow = |_| Failure::Unavailable("the object came too slowly".to_owned());
        let body = tokio::time::timeout(TRANSFER_TIMEOUT, object.body.collect()).await.map_err(too_slow)?;
        let bytes = body.map_err(|error| Failure::Unavailable(chain(&error)))?.to_vec();
        Ok(Some(Range { bytes, e_tag: object.e_tag }))
    }

    /// Writes an object, or overwrites the one under the key.
    pub async fn put(&self, key: &str, content_type: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        let call = self.client().await.put_object().bucket(&self.0.name).key(key).content_type(content_type);
        let put = call.body(ByteStream::from(bytes)).customize().config_override(for_transfers()).send().await;
        put.map(|_| ()).map_err(|error| Failure::of(&error))
    }

    /// Writes an empty object, for the notification that the bucket sends about it. Has the short timeout, because requests
    /// call this.
    pub async fn put_marker(&self, key: &str) -> Result<(), Failure> {
        let put = self.client().await.put_object().bucket(&self.0.name).key(key).send().await;
        put.map(|_| ()).map_err(|error| Failure::of(&error))
    }

    /// Deletes an object; succeeds when it does not exist.
    pub async fn delete(&self, key: &str) -> Result<(), Failure> {
        let deleted = self.client().await.delete_object().bucket(&self.0.name).key(key).send().await;
        deleted.map(|_| ()).map_err(|error| Failure::of(&error))
    }

    /// The URL of the bucket. A configured endpoint gets the bucket in its path: a stand-in's host has no subdomains.
    fn url(&self) -> String {
        let Inner { name, aws, endpoint, .. } = &*self.0;
        match endpoint {
            Some(endpoint) => format!("{endpoint}/{name}"),
            None => format!("https://{name}.s3.{}.amazonaws.com", aws.region()),
        }
    }

    /// The client tries each call twice within its timeout: all calls can be repeated.
    async fn client(&self) -> &Client {
        let make = || async {
            let mut config = aws_sdk_s3::config::Builder::from(self.0.aws.shared().await)
                .retry_config(two_tries())
                .timeout_config(timeouts(CALL_TIMEOUT, CALL_TIMEOUT / 2))
                .force_path_style(self.0.endpoint.is_some());
            config.set_endpoint_url(self.0.endpoint.clone());
            Client::from_conf(config.build())
        };
        self.0.client.get_or_init(make).await
    }
}

fn for_transfers() -> aws_sdk_s3::config::Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CALL_TIMEOUT / 2)
        .operation_attempt_timeout(TRANSFER_TIMEOUT / 2)
        .operation_timeout(TRANSFER_TIMEOUT)
        .build();
    aws_sdk_s3::config::Builder::new().timeout_config(timeouts)
}

/// A missing object. The bucket says so only to who may list it; to others it says 403.
fn is_absent<E>(error: &SdkError<E>) -> bool {
    matches!(error, SdkError::ServiceError(service) if service.raw().status().as_u16() == 404)
}

/// An object exists under the key already.
fn is_there<E>(error: &SdkError<E>) -> bool {
    matches!(error, SdkError::ServiceError(service) if service.raw().status().as_u16() == 412)
}

/// Why a call to the bucket failed. The text goes into logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The bucket did not answer, failed, or is overloaded; a later retry may succeed.
    #[error("the bucket is unavailable: {0}")]
    Unavailable(String),
    /// The bucket refused the call; a retry fails until an operator changes settings or permissions.
    #[error("the bucket refused: {0}")]
    Refused(String),
}

impl Failure {
    fn of<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> Self {
        match error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                let words = format!("{} (status {status})", error.code().unwrap_or("no code"));
                // S3 says "slow down" with 503, and 409 where two write one key at once.
                if status < 500 && status != 429 && status != 409 {
                    Self::Refused(words)
                } else {
                    Self::Unavailable(words)
                }
            }
            SdkError::ConstructionFailure(_) => Self::Refused(chain(error)),
            _ => Self::Unavailable(chain(error)),
        }
    }
}

#[cfg(test)]
mod tests;
