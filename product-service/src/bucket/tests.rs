//! Addresses that the SDK signs.

use aws_sdk_s3::{
    config::{
        BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents,
        interceptors::BeforeTransmitInterceptorContextMut,
    },
    error::BoxError,
};

use super::*;

/// Takes the name of the operation out of an address before it is signed: the SDK adds it, and Amazon's example has none.
#[derive(Debug)]
struct WithoutOperation;

impl Intercept for WithoutOperation {
    fn name(&self) -> &'static str {
        "WithoutOperation"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.set_uri(request.uri().replace("?x-id=GetObject", ""))?;
        Ok(())
    }
}

fn bucket(session_token: Option<&str>) -> Bucket {
    let (id, secret) = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let credentials = Credentials::new(id, secret, session_token.map(str::to_owned), None, "example");
    let config = aws_sdk_s3::config::Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url("https://s3.amazonaws.com")
        .interceptor(WithoutOperation);
    Bucket(Arc::new(Inner {
        name: "examplebucket".to_owned(),
        public_base: String::new(),
        aws: AwsConfig::configure(&mut Env::from_pairs([("AWS_REGION", "us-east-1")])),
        endpoint: None,
        client: OnceCell::new_with(Some(Client::from_conf(config.build()))),
    }))
}

/// The example of Amazon S3's API reference, "Authenticating requests: using query parameters".
#[tokio::test]
async fn the_address_is_that_of_amazons_example() {
    let moment = Timestamp::from_unix_millis(1_369_353_600_000).unwrap();
    let day = Duration::from_hours(24);
    let expected = "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
                    &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
                    &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
                    &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    assert_eq!(bucket(None).presigned_urls(&["test.txt"], day, moment).await.unwrap(), [expected]);
    let with_token = bucket(Some("a+b/c=")).presigned_urls(&["test.txt"], day, moment).await.unwrap();
    assert!(with_token[0].contains("&X-Amz-Security-Token=a%2Bb%2Fc%3D"), "{with_token:?}");
}
