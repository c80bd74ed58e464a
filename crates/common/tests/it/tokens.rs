use std::sync::{Arc, Mutex};

use common::{
    auth::{Claims, Keys, LEEWAY, Verifier},
    timestamp::Timestamp,
};
use http::StatusCode;
use jsonwebtoken::jwk::JwkSet;
use serde_json::json;
use testkit::tokens::{AUDIENCE, ISSUER, claims, signer, verifier};

/// Whether a token with these changes, made in this second, is valid in the same second.
async fn is_good(change: impl Fn(&mut Claims, i64)) -> bool {
    loop {
        let now = Timestamp::now().unix_seconds();
        let mut claims = claims("service:tests", "catalog:write");
        change(&mut claims, now);
        let verdict = verifier().verify(&signer().token(&claims)).await;
        if Timestamp::now().unix_seconds() != now {
            // The second has passed meanwhile, and this verdict may be about another.
            continue;
        }
        if let Err(problem) = &verdict {
            assert_eq!(problem.status(), StatusCode::UNAUTHORIZED);
        }
        return verdict.is_ok();
    }
}

#[tokio::test]
async fn a_token_is_accepted_until_thirty_seconds_after_it_expired() {
    assert_eq!(LEEWAY.as_secs(), 30);
    assert!(is_good(|claims, now| claims.exp = now + 1).await);
    assert!(is_good(|claims, now| claims.exp = now - 29).await);
    assert!(!is_good(|claims, now| claims.exp = now - 31).await);
    assert!(!is_good(|claims, _| claims.exp = 0).await);
    assert!(!is_good(|claims, _| claims.exp = -1).await);
}

#[tokio::test]
async fn a_token_is_accepted_from_thirty_seconds_before_it_becomes_valid() {
    assert!(is_good(|claims, now| claims.nbf = now).await);
    assert!(is_good(|claims, now| claims.nbf = now + 29).await);
    assert!(!is_good(|claims, now| claims.nbf = now + 31).await);
    assert!(!is_good(|claims, _| claims.nbf = i64::MAX).await);
}

#[tokio::test]
async fn a_token_without_any_one_of_its_claims_is_refused() {
    let whole = serde_json::to_value(claims("service:tests", "catalog:write")).unwrap();
    let header = signer().header(jsonwebtoken::Algorithm::RS256);
    assert!(verifier().verify(&signer().sign(&header, &whole)).await.is_ok());
    for name in whole.as_object().unwrap().keys() {
        let mut lacking = whole.clone();
        lacking.as_object_mut().unwrap().remove(name);
        let verdict = verifier().verify(&signer().sign(&header, &lacking)).await;
        assert_eq!(verdict.map_err(|problem| problem.status()).err(), Some(StatusCode::UNAUTHORIZED), "{name}");
    }
}

#[tokio::test]
async fn a_token_for_several_audiences_or_with_a_list_of_scopes_is_not_one_of_ours() {
    let header = signer().header(jsonwebtoken::Algorithm::RS256);
    for (name, list) in [("aud", ["bodega", "other"]), ("scope", ["catalog:write", "profile"])] {
        let mut token = serde_json::to_value(claims("service:tests", "catalog:write")).unwrap();
        token[name] = list.as_slice().into();
        assert!(verifier().verify(&signer().sign(&header, &token)).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn only_a_token_that_says_it_is_an_access_token_is_one() {
    let claims = claims("service:tests", "catalog:write");
    let header = signer().header(jsonwebtoken::Algorithm::RS256);
    let is_good = async |typ: Option<&str>| {
        let header = jsonwebtoken::Header { typ: typ.map(str::to_owned), ..header.clone() };
        verifier().verify(&signer().sign(&header, &claims)).await.is_ok()
    };
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert!(is_good(Some(typ)).await, "{typ}");
    }
    for typ in [None, Some("JWT"), Some("id+jwt"), Some("at+jwt "), Some("text/at+jwt"), Some("")] {
        assert!(!is_good(typ).await, "{typ:?}");
    }
}

#[tokio::test]
async fn a_token_with_extensions_that_must_be_understood_is_refused() {
    let claims = claims("service:tests", "catalog:write");
    for crit in [vec!["exp"], vec!["b64"], vec!["made-up"], vec![]] {
        let crit = Some(crit.into_iter().map(str::to_owned).collect());
        let header = jsonwebtoken::Header { crit, ..signer().header(jsonwebtoken::Algorithm::RS256) };
        let refused = verifier().verify(&signer().sign(&header, &claims)).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn crit_is_refused_whatever_it_holds() {
    let claims = claims("service:tests", "catalog:write");
    let header = serde_json::to_value(signer().header(jsonwebtoken::Algorithm::RS256)).unwrap();
    assert!(verifier().verify(&signer().sign_raw(&header, &claims)).await.is_ok());
    for crit in [json!(null), json!(false), json!(0), json!(""), json!({}), json!([null])] {
        let mut header = header.clone();
        header["crit"] = crit.clone();
        let refused = verifier().verify(&signer().sign_raw(&header, &claims)).await.expect_err(&crit.to_string());
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{crit}");
    }
}

/// A verifier with keys that can be replaced.
fn replaceable() -> (Verifier, Arc<Mutex<Arc<JwkSet>>>) {
    let set = Arc::new(Mutex::new(Arc::new(signer().jwks())));
    let of_now = Arc::clone(&set);
    let keys = Keys::own(move || {
        let set = Arc::clone(&of_now.lock().unwrap());
        async move { Ok(set) }
    });
    (Verifier::new(ISSUER, AUDIENCE, keys), set)
}

#[tokio::test]
async fn a_verified_token_is_refused_once_its_key_is_withdrawn_or_replaced_under_its_name() {
    let token = signer().token(&claims("service:tests", "catalog:write"));
    for after in [JwkSet { keys: vec![] }, signer().impostor().jwks()] {
        let (verifier, set) = replaceable();
        for _ in 0..3 {
            assert!(verifier.verify(&token).await.is_ok());
        }
        *set.lock().unwrap() = Arc::new(after);
        let refused = verifier.verify(&token).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        *set.lock().unwrap() = Arc::new(signer().jwks());
        assert!(verifier.verify(&token).await.is_ok());
    }
}

#[tokio::test]
async fn the_signature_of_a_verified_token_does_not_cover_other_claims() {
    let verifier = verifier();
    let (small, large) = (claims("service:tests", "catalog:read"), claims("service:tests", "catalog:write"));
    let [small, large] = [small, large].map(|claims| signer().token(&claims));
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (of_small, of_large) = (parts(&small), parts(&large));
    let mixed = [&of_small[0], &of_large[1], &of_small[2]].map(String::as_str).join(".");
    for token in [&small, &large, &small] {
        assert!(verifier.verify(token).await.is_ok());
    }
    assert_eq!(verifier.verify(&small).await.unwrap().scope, "catalog:read");
    assert_eq!(verifier.verify(&mixed).await.unwrap_err().status(), StatusCode::UNAUTHORIZED);
}
