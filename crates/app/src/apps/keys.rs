//! The keys that apps get of the server.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ebb_model::RequestId;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::ShownKey;
use crate::plan::{KeyValue, Plan};

/// Fills the planned keys into the environments of the plan's functions. `kept` are the app's random keys, to which new
/// ones are added. Gives what people are to see.
pub(super) fn fill(plan: &mut Plan, kept: &mut BTreeMap<String, String>, url: &str) -> Vec<ShownKey> {
    let mut shown = Vec::new();
    for key in &plan.keys {
        let given = plan.functions.iter().find_map(|function| function.environment.get(&key.variable));
        let value = match (given, &key.value) {
            (Some(given), _) => given.clone(),
            (None, KeyValue::Random) => kept.entry(key.variable.clone()).or_insert_with(random).clone(),
            (None, KeyValue::Url) => url.to_owned(),
            (None, KeyValue::Token { signed_with, claims }) => {
                let secret = plan.functions.iter().find_map(|function| function.environment.get(signed_with));
                token(secret.map_or("", String::as_str), claims)
            }
        };
        for function in &mut plan.functions {
            function.environment.entry(key.variable.clone()).or_insert_with(|| value.clone());
        }
        if let Some(name) = &key.shown_as {
            shown.push(ShownKey { name: name.clone(), variable: key.variable.clone(), value });
        }
    }
    shown
}

/// 244 random bits.
fn random() -> String {
    [RequestId::random(), RequestId::random()].map(|id| id.uuid().simple().to_string()).concat()
}

/// A JSON Web Token. Source: RFC 7519, and RFC 7515, section 3.1; HS256 of RFC 7518.
fn token(secret: &str, claims: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let mut code = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key of HMAC");
    code.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(code.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{PlannedFunction, PlannedKey};

    /// The example of RFC 7515, appendix A.1, made with another header.
    #[test]
    fn tokens_are_signed_with_hs256() {
        let made = token("your-256-bit-secret", r#"{"sub":"1234567890","name":"John Doe","iat":1516239022}"#);
        assert_eq!(
            made,
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.\
             SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
        );
    }

    #[test]
    fn keys_are_made_once_and_given_to_every_function() {
        let key = |variable: &str, value: KeyValue| PlannedKey {
            variable: variable.to_owned(),
            value,
            shown_as: Some(variable.to_lowercase()),
        };
        let function = |name: &str| PlannedFunction {
            name: name.to_owned(),
            runtime: "deno".to_owned(),
            handler: "x".to_owned(),
            memory: 128,
            timeout: 3,
            environment: BTreeMap::new(),
            routes: Vec::new(),
            stream: true,
            background: false,
            before_files: false,
            except: Vec::new(),
            rate_limit: None,
            front: Vec::new(),
            server: None,
            instance_concurrency: 1,
            inspect: None,
            package: ebb_model::Digest::of(b""),
        };
        let signed = KeyValue::Token { signed_with: "SECRET".to_owned(), claims: "{}".to_owned() };
        let wanted = Plan {
            functions: vec![function("a"), function("b")],
            keys: vec![key("SECRET", KeyValue::Random), key("TOKEN", signed), key("URL", KeyValue::Url)],
            ..Plan::new("app")
        };
        let mut kept = BTreeMap::new();
        let mut first = wanted.clone();
        let shown = fill(&mut first, &mut kept, "http://app.localhost");
        assert_eq!(shown.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["secret", "token", "url"]);
        let mut again = wanted.clone();
        assert_eq!(fill(&mut again, &mut kept, "http://app.localhost"), shown);
        assert_eq!(first.functions[0].environment, first.functions[1].environment);
        assert_eq!(first.functions[0].environment["TOKEN"], token(&kept["SECRET"], "{}"));
        let mut own = wanted;
        own.functions[0].environment.insert("SECRET".to_owned(), "mine".to_owned());
        let shown = fill(&mut own, &mut kept, "");
        assert_eq!((shown[0].value.as_str(), &shown[1].value), ("mine", &token("mine", "{}")));
    }
}
