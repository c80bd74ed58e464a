//! The bucket that holds images and files of products: its settings, a client that is made on first use, and what its failures mean.

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
    object::{Form, Object, Part, Terms},
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

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Where everybody finds an object: at the CDN.
    pub fn public_url(&self, key: &str) -> String {
        format!("{}/{key}", self.0.public_base)
    }

    /// The form by which an upload is made, signed with the credentials that are good now.
    pub async fn form(&self, terms: &Terms<'_>, now: Timestamp) -> Result<Form, Failure> {
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
        Ok(Form { url: self.url(), fields: signer.fields(terms, now) })
    }

    /// The addresses at which anybody reads these objects for so long, in whole seconds. They are signed here, without a call.
    pub async fn addresses(&self, keys: &[&str], valid_for: Duration, now: Timestamp) -> Result<Vec<String>, Failure> {
        let terms = PresigningConfig::builder().start_time(now.to_offset().into()).expires_in(valid_for).build();
        let terms = terms.map_err(|error| Failure::Refused(error.to_string()))?;
        let mut addresses = Vec::with_capacity(keys.len());
        for key in keys {
            let call = self.client().await.get_object().bucket(&self.0.name).key(*key);
            let request = call.presigned(terms.clone()).await.map_err(|error| Failure::of(&error))?;
            addresses.push(request.uri().to_owned());
        }
        Ok(addresses)
    }

    /// What is at a key; `None` when nothing is.
    pub async fn describe(&self, key: &str) -> Result<Option<Object>, Failure> {
        match self.client().await.head_object().bucket(&self.0.name).key(key).send().await {
            Ok(head) => {
                let size = head.content_length.unwrap_or_default();
                Ok(Some(Object { size, content_type: head.content_type, e_tag: head.e_tag, bytes: Vec::new() }))
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(Failure::of(&error)),
        }
    }

    /// A whole object of at most so many bytes; of a larger one all but its bytes. `None` when it is not there.
    pub async fn fetch(&self, key: &str, most: i64) -> Result<Option<Object>, Failure> {
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
        // Room for all of it at once: what grows by doubling takes up to three times as much.
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

    /// Writes an object for everybody, for good: one that is there stays as it is.
    pub async fn publish(&self, key: &str, content_type: &str, cache: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        let call = self.client().await.put_object().bucket(&self.0.name).key(key).content_type(content_type);
        let call = call.cache_control(cache).if_none_match("*").body(ByteStream::from(bytes));
        match call.customize().config_override(for_transfers()).send().await {
            Err(error) if !is_there(&error) => Err(Failure::of(&error)),
            _ => Ok(()),
        }
    }

    /// A part of a large object: so many bytes from an offset, fewer at its end; `None` when it is not there.
    pub async fn part(&self, key: &str, offset: i64, count: i64) -> Result<Option<Part>, Failure> {
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
        Ok(Some(Part { bytes, e_tag: object.e_tag }))
    }

    /// Writes an object, in place of any that is there.
    pub async fn put(&self, key: &str, content_type: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        let call = self.client().await.put_object().bucket(&self.0.name).key(key).content_type(content_type);
        let put = call.body(ByteStream::from(bytes)).customize().config_override(for_transfers()).send().await;
        put.map(|_| ()).map_err(|error| Failure::of(&error))
    }

    /// Makes an empty object, for the notification that the bucket sends of it. Quick: requests do this.
    pub async fn signal(&self, key: &str) -> Result<(), Failure> {
        let put = self.client().await.put_object().bucket(&self.0.name).key(key).send().await;
        put.map(|_| ()).map_err(|error| Failure::of(&error))
    }

    /// Deletes an object; that there is none is as good.
    pub async fn delete(&self, key: &str) -> Result<(), Failure> {
        let deleted = self.client().await.delete_object().bucket(&self.0.name).key(key).send().await;
        deleted.map(|_| ()).map_err(|error| Failure::of(&error))
    }

    /// The bucket's own address. One that was given is used with the bucket in its path: a stand-in's host has no names
    /// below it.
    fn url(&self) -> String {
        let Inner { name, aws, endpoint, .. } = &*self.0;
        match endpoint {
            Some(endpoint) => format!("{endpoint}/{name}"),
            None => format!("https://{name}.s3.{}.amazonaws.com", aws.region()),
        }
    }

    /// It tries twice within its limit: all that it does can be repeated.
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

/// An object that should only be written where there is none.
fn is_there<E>(error: &SdkError<E>) -> bool {
    matches!(error, SdkError::ServiceError(service) if service.raw().status().as_u16() == 412)
}

/// Why the bucket did not do what it was asked. The text goes into logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It did not answer, broke down, or has too much to do; asking again later is right.
    #[error("the bucket is unavailable: {0}")]
    Unavailable(String),
    /// It answered that it will not. Asking again is no use before somebody changes something.
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
