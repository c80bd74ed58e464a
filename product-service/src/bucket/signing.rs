//! What others may do in the bucket for a while, signed with AWS Signature Version 4: upload by a form, download by an
//! address.
//!
//! A presigned PUT cannot say how large a body may be; a POST policy can, and the bucket refuses whatever is not exactly
//! what was signed. See "Creating a POST policy", "Authenticating requests in browser-based uploads using POST" and
//! "Authenticating requests: using query parameters" in Amazon S3's API reference.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac::{self, HMAC_SHA256, Key},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use common::timestamp::Timestamp;
use serde_json::{Value, json};

use super::object::Terms;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Who signs, and for which bucket.
pub(super) struct Signer<'a> {
    /// The bucket.
    pub(super) bucket: &'a str,
    /// Where it is.
    pub(super) region: &'a str,
    /// Names the secret.
    pub(super) access_key_id: &'a str,
    /// Signs.
    pub(super) secret_access_key: &'a str,
    /// Of a role, whose keys are good only together with it.
    pub(super) session_token: Option<&'a str>,
}

impl Signer<'_> {
    /// The fields that the form must have, in any order, before its `file`. What they bind: this bucket, this key, this
    /// type, at most this size, until the terms end.
    pub(super) fn fields(&self, terms: &Terms<'_>, now: Timestamp) -> BTreeMap<String, String> {
        let (day, moment) = amz_date(now);
        let credential = format!("{}/{}", self.access_key_id, self.scope(&day));
        let mut fields = BTreeMap::from([
            ("key", terms.key.to_owned()),
            ("Content-Type", terms.content_type.to_owned()),
            ("Cache-Control", terms.cache_control.to_owned()),
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
        conditions.push(json!(["content-length-range", 1, terms.size]));
        let policy = json!({ "expiration": terms.expires_at, "conditions": conditions });
        let policy = STANDARD.encode(policy.to_string());
        fields.insert("x-amz-signature", self.sign(&policy, &day));
        fields.insert("policy", policy);
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The address at which anybody reads an object for so long, in whole seconds. `base` is the bucket's own address; the
    /// key needs no encoding.
    pub(super) fn address(&self, base: &str, key: &str, valid_for: Duration, now: Timestamp) -> String {
        let (day, moment) = amz_date(now);
        let scope = self.scope(&day);
        let mut query = BTreeMap::from([
            ("X-Amz-Algorithm", ALGORITHM.to_owned()),
            ("X-Amz-Credential", format!("{}/{scope}", self.access_key_id)),
            ("X-Amz-Date", moment.clone()),
            ("X-Amz-Expires", valid_for.as_secs().to_string()),
            ("X-Amz-SignedHeaders", "host".to_owned()),
        ]);
        if let Some(token) = self.session_token {
            query.insert("X-Amz-Security-Token", token.to_owned());
        }
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let query = query.join("&");
        let host_and_path = base.split_once("://").map_or(base, |(_, rest)| rest);
        let (host, path) = host_and_path.split_once('/').unwrap_or((host_and_path, ""));
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        let request = format!("GET\n{path}/{key}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
        let request = hex(digest(&SHA256, request.as_bytes()).as_ref());
        let signature = self.sign(&format!("{ALGORITHM}\n{moment}\n{scope}\n{request}"), &day);
        format!("{base}/{key}?{query}&X-Amz-Signature={signature}")
    }

    fn scope(&self, day: &str) -> String {
        format!("{day}/{}/s3/aws4_request", self.region)
    }

    /// The signature of a text, with the key of one day, region and service.
    fn sign(&self, text: &str, day: &str) -> String {
        let mut key = format!("AWS4{}", self.secret_access_key).into_bytes();
        for part in [day, self.region, "s3", "aws4_request", text] {
            key = hmac::sign(&Key::new(HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
        }
        hex(&key)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// Percent-encoded but for RFC 3986's unreserved characters, as the signature asks for.
fn encoded(value: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => text.push(char::from(byte)),
            // Writing to a string does not fail.
            _ => drop(write!(text, "%{byte:02X}")),
        }
        text
    })
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

    fn terms() -> Terms<'static> {
        Terms {
            key: "products/1/2.png",
            content_type: "image/png",
            cache_control: "no-store",
            size: 77,
            expires_at: now().plus(Duration::from_mins(10)),
        }
    }

    fn policy(fields: &BTreeMap<String, String>) -> Value {
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
        let signature = signer(None).sign(&policy, "20151229");
        assert_eq!(signature, "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e");
    }

    #[test]
    fn the_policy_binds_bucket_key_type_size_and_expiry() {
        let terms = terms();
        let policy = policy(&signer(None).fields(&terms, now()));
        assert_eq!(policy["expiration"], terms.expires_at.to_string());
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
        let fields = signer(Some("token")).fields(&terms(), now());
        let policy = policy(&fields);
        assert_eq!(fields["x-amz-security-token"], "token");
        for (name, value) in fields.iter().filter(|(name, _)| !["policy", "x-amz-signature"].contains(&name.as_str())) {
            assert!(
                policy["conditions"].as_array().unwrap().contains(&json!({ name: value })),
                "{name} not in {policy}"
            );
        }
    }

    /// The example of Amazon S3's API reference, "Authenticating requests: using query parameters".
    #[test]
    fn the_address_is_that_of_amazons_example() {
        let moment = Timestamp::from_unix_millis(1_369_353_600_000).unwrap();
        let base = "https://examplebucket.s3.amazonaws.com";
        let address = signer(None).address(base, "test.txt", Duration::from_hours(24), moment);
        let expected = "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
                        &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
                        &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
                        &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        assert_eq!(address, expected);
        let with_token = signer(Some("a+b/c=")).address(base, "test.txt", Duration::from_hours(24), moment);
        assert!(with_token.contains("&X-Amz-Security-Token=a%2Bb%2Fc%3D&"), "{with_token}");
    }
}
