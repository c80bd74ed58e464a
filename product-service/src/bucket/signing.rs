//! The form with which a client uploads one file to the bucket, signed with AWS Signature Version 4.
//!
//! A presigned PUT cannot say how large a body may be; a POST policy can, and the bucket refuses whatever is not exactly
//! what was signed. See "Creating a POST policy" and "Authenticating requests in browser-based uploads using POST" in Amazon
//! S3's API reference. AWS's SDK makes no such policy; its crate for signatures signs ours.

use std::collections::BTreeMap;

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use base64::{Engine, engine::general_purpose::STANDARD};
use common::timestamp::Timestamp;
use serde_json::{Value, json};

use super::object::PostPolicy;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The credentials, and the bucket that they sign for.
pub(super) struct Signer<'a> {
    /// The bucket.
    pub(super) bucket: &'a str,
    /// The region of the bucket.
    pub(super) region: &'a str,
    /// Identifies the secret key.
    pub(super) access_key_id: &'a str,
    /// The secret key.
    pub(super) secret_access_key: &'a str,
    /// The session token of a role, whose keys are valid only together with it.
    pub(super) session_token: Option<&'a str>,
}

impl Signer<'_> {
    /// The fields that the form must have, in any order, before its `file`. What they bind: this bucket, this key, this
    /// type, at most this size, until the policy expires.
    pub(super) fn fields(&self, policy: &PostPolicy<'_>, now: Timestamp) -> BTreeMap<String, String> {
        let (day, moment) = amz_date(now);
        let credential = format!("{}/{day}/{}/s3/aws4_request", self.access_key_id, self.region);
        let mut fields = BTreeMap::from([
            ("key", policy.key.to_owned()),
            ("Content-Type", policy.content_type.to_owned()),
            ("Cache-Control", policy.cache_control.to_owned()),
            ("x-amz-algorithm", ALGORITHM.to_owned()),
            ("x-amz-credential", credential),
            ("x-amz-date", moment),
        ]);
        if let Some(token) = self.session_token {
            fields.insert("x-amz-security-token", token.to_owned());
        }
        // The bucket refuses a form with any field that has no condition.
        let mut conditions: Vec<Value> = fields.iter().map(|(name, value)| json!({ (*name): value })).collect();
        conditions.push(json!({ "bucket": self.bucket }));
        conditions.push(json!(["content-length-range", 1, policy.size]));
        let policy = json!({ "expiration": policy.expires_at, "conditions": conditions });
        let policy = STANDARD.encode(policy.to_string());
        fields.insert("x-amz-signature", self.sign(&policy, now));
        fields.insert("policy", policy);
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The signature of a text, with the key of one day, region and service.
    fn sign(&self, text: &str, now: Timestamp) -> String {
        let key = generate_signing_key(self.secret_access_key, now.to_offset().into(), self.region, "s3");
        calculate_signature(key, text.as_bytes())
    }
}

/// A moment as Signature Version 4 writes it: the day alone, and to the second.
fn amz_date(now: Timestamp) -> (String, String) {
    let now = now.to_offset();
    let day = format!("{:04}{:02}{:02}", now.year(), u8::from(now.month()), now.day());
    let moment = format!("{day}T{:02}{:02}{:02}Z", now.hour(), now.minute(), now.second());
    (day, moment)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn signer(session_token: Option<&str>) -> Signer<'_> {
        Signer {
            bucket: "images",
            region: "us-east-1",
            access_key_id: "AKIAIOSFODNN7EXAMPLE",
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            session_token,
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_unix_millis(1_795_771_805_000).unwrap()
    }

    fn policy() -> PostPolicy<'static> {
        PostPolicy {
            key: "products/1/2.png",
            content_type: "image/png",
            cache_control: "no-store",
            size: 77,
            expires_at: now().plus(Duration::from_mins(10)),
        }
    }

    fn signed_policy(fields: &BTreeMap<String, String>) -> Value {
        serde_json::from_slice(&STANDARD.decode(&fields["policy"]).unwrap()).unwrap()
    }

    /// The example of Amazon S3's API reference, "POST object examples".
    #[test]
    fn the_signature_is_that_of_amazons_example() {
        let lines = [
            r#"{ "expiration": "2015-12-30T12:00:00.000Z","#,
            r#"  "conditions": ["#,
            r#"    {"bucket": "sigv4examplebucket"},"#,
            r#"    ["starts-with", "$key", "user/user1/"],"#,
            r#"    {"acl": "public-read"},"#,
            r#"    {"success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},"#,
            r#"    ["starts-with", "$Content-Type", "image/"],"#,
            r#"    {"x-amz-meta-uuid": "14365123651274"},"#,
            r#"    {"x-amz-server-side-encryption": "AES256"},"#,
            r#"    ["starts-with", "$x-amz-meta-tag", ""],"#,
            "",
            r#"    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},"#,
            r#"    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},"#,
            r#"    {"x-amz-date": "20151229T000000Z" }"#,
            "  ]",
            "}",
        ];
        let policy = STANDARD.encode(lines.join("\r\n"));
        let signature = signer(None).sign(&policy, Timestamp::from_unix_millis(1_451_347_200_000).unwrap());
        assert_eq!(signature, "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e");
    }

    #[test]
    fn the_policy_binds_bucket_key_type_size_and_expiry() {
        let asked = policy();
        let policy = signed_policy(&signer(None).fields(&asked, now()));
        assert_eq!(policy["expiration"], asked.expires_at.to_string());
        for condition in [
            json!({"bucket": "images"}),
            json!({"key": "products/1/2.png"}),
            json!({"Content-Type": "image/png"}),
            json!(["content-length-range", 1, 77]),
            json!({"x-amz-date": "20261127T093005Z"}),
        ] {
            assert!(policy["conditions"].as_array().unwrap().contains(&condition), "{condition} not in {policy}");
        }
    }

    #[test]
    fn every_field_but_the_policy_and_its_signature_is_bound_and_the_session_token_with_them() {
        let fields = signer(Some("token")).fields(&policy(), now());
        let policy = signed_policy(&fields);
        assert_eq!(fields["x-amz-security-token"], "token");
        for (name, value) in fields.iter().filter(|(name, _)| !["policy", "x-amz-signature"].contains(&name.as_str())) {
            assert!(
                policy["conditions"].as_array().unwrap().contains(&json!({ name: value })),
                "{name} not in {policy}"
            );
        }
    }
}
