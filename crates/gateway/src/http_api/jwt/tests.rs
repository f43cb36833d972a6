//! Tokens made with a key of our own.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;

use super::*;

struct Issuer {
    pair: EcdsaKeyPair,
    key: Key,
}

fn issuer() -> Issuer {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref();
    let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
    let key = json!({ "kty": "EC", "crv": "P-256", "kid": "k", "x": part(1..33), "y": part(33..65) });
    Issuer { pair, key: serde_json::from_value(key).unwrap() }
}

impl Issuer {
    fn token(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

#[test]
fn a_signature_is_that_of_the_key_over_the_whole_token() {
    let (own, other) = (issuer(), issuer());
    let token = own.token(&json!({ "alg": "ES256", "kid": "k" }), &json!({ "sub": "me" }));
    let read = Token::read(&token).unwrap();
    assert_eq!(read.key_id(), Some("k"));
    read.check_signature(&own.key).unwrap();
    assert!(read.check_signature(&other.key).is_err());
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let forged = URL_SAFE_NO_PAD.encode(json!({ "sub": "you" }).to_string());
    let forged = format!("{header}.{forged}.{signature}");
    assert!(Token::read(&forged).unwrap().check_signature(&own.key).is_err());
    for alg in ["none", "HS256", "RS256", "ES384"] {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": alg }).to_string());
        let token = format!("{header}.{claims}.{signature}");
        assert!(Token::read(&token).unwrap().check_signature(&own.key).is_err(), "{alg}");
    }
    for text in ["", "a.b.c", "a.b", "...", "e30.e30"] {
        assert!(Token::read(text).is_err(), "{text:?}");
    }
}

#[test]
fn claims_are_checked_against_issuer_audience_and_time() {
    let issuer = issuer();
    let wanted = JwtConfiguration { audience: vec!["a".into(), "b".into()], issuer: "https://i".into() };
    let good = json!({ "iss": "https://i", "aud": "b", "exp": 1000, "iat": 10, "nbf": 10 });
    for (change, now, expected) in [
        (json!({}), 100, None),
        (json!({ "aud": ["x", "a"] }), 100, None),
        (json!({ "aud": null, "client_id": "a" }), 100, None),
        (json!({ "aud": "x", "client_id": "a" }), 100, Some("audience")),
        (json!({ "aud": [] }), 100, Some("audience")),
        (json!({ "iss": "https://j" }), 100, Some("issuer")),
        (json!({}), 1000, Some("expired")),
        (json!({ "exp": null }), 100, Some("no expiry")),
        (json!({}), 9, Some("not valid yet")),
        (json!({ "nbf": 200 }), 100, Some("not valid yet")),
    ] {
        let mut claims = good.clone();
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let token = issuer.token(&json!({ "alg": "ES256" }), &claims);
        let checked = Token::read(&token).unwrap().check_claims(&wanted, Timestamp(now * 1000));
        match (checked, expected) {
            (Ok(()), None) => {}
            (Err(error), Some(words)) => assert!(error.0.contains(words), "{change}: {error}"),
            (checked, _) => panic!("{change}: {checked:?}"),
        }
    }
}

#[test]
fn scopes_and_shown_claims() {
    let issuer = issuer();
    let claims = json!({ "scope": "read write", "n": 5, "groups": ["a", "b"], "ok": true, "sub": "me" });
    let token = issuer.token(&json!({ "alg": "ES256" }), &claims);
    let token = Token::read(&token).unwrap();
    assert_eq!(token.scopes(), ["read", "write"]);
    let shown = json!({ "scope": "read write", "n": "5", "groups": "[a b]", "ok": "true", "sub": "me" });
    assert_eq!(Value::Object(token.shown_claims()), shown);
}
