//! The keys of issuers of tokens, found through their OpenID configuration and kept for a while.
//!
//! Source: OpenID Connect Discovery 1.0, section 4; API Gateway developer guide, "Control access to HTTP APIs with JWT
//! authorizers" (2026-11): keys may be kept for two hours.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ebb_model::Timestamp;
use ebb_sources::https::{self, HttpsClient};
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::jwt::Key;

/// How long keys are good for.
const KEPT: Duration = Duration::from_hours(2);
/// How soon an issuer may be asked again for a key that it did not have, so that no sender of tokens can make us ask
/// without end.
const AGAIN: Duration = Duration::from_secs(1);
/// How long an issuer may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// The most that an issuer may say.
const ANSWER_BYTES: usize = 1024 * 1024;
/// Issuers that are remembered.
const ISSUERS: usize = 1000;

/// The keys of all issuers that were asked.
#[derive(Debug, Default)]
pub(crate) struct Issuers {
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Debug, Clone)]
struct Known {
    keys: Arc<[Key]>,
    at: Timestamp,
}

#[derive(Deserialize)]
struct Configuration {
    jwks_uri: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

impl Issuers {
    /// The keys of an issuer that a token may be signed with: the one of this name, or all where it has none.
    ///
    /// # Errors
    /// A text for the log where the issuer cannot be asked.
    pub(crate) async fn keys(
        &self,
        client: &HttpsClient,
        issuer: &str,
        name: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<Key>, String> {
        let of = |known: &Known| -> Vec<Key> {
            let fits = |key: &&Key| name.is_none() || key.kid.as_deref() == name;
            known.keys.iter().filter(fits).cloned().collect()
        };
        let known = self.lock().get(issuer).filter(|known| now.since(known.at) < KEPT).cloned();
        if let Some(known) = &known {
            let keys = of(known);
            if !keys.is_empty() || now.since(known.at) < AGAIN {
                return Ok(keys);
            }
        }
        let keys = tokio::time::timeout(DEADLINE, asked(client, issuer))
            .await
            .map_err(|_| format!("{issuer} did not answer in {} seconds", DEADLINE.as_secs()))??;
        let known = Known { keys: keys.into(), at: now };
        let found = of(&known);
        let mut all = self.lock();
        if all.len() >= ISSUERS {
            all.clear();
        }
        all.insert(issuer.to_owned(), known);
        Ok(found)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Known>> {
        // Nothing is left half done while it is held.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn asked(client: &HttpsClient, issuer: &str) -> Result<Vec<Key>, String> {
    let about = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let configuration: Configuration = document(client, &about).await?;
    let set: KeySet = document(client, &configuration.jwks_uri).await?;
    // Keys of kinds that we do not know are none of ours.
    Ok(set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect())
}

async fn document<T: DeserializeOwned>(client: &HttpsClient, url: &str) -> Result<T, String> {
    let about = |error: &dyn std::fmt::Display| format!("{url}: {error}");
    let uri: Uri = url.parse().map_err(|error| about(&error))?;
    let request = Request::get(uri).header("accept", "application/json").body(Full::new(Bytes::new()));
    let answer = client.request(request.map_err(|error| about(&error))?).await;
    let answer = answer.map_err(|error| about(&https::chain(&error)))?;
    if !answer.status().is_success() {
        return Err(about(&format!("it answered {}", answer.status())));
    }
    let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| about(&error))?.to_bytes();
    serde_json::from_slice(&body).map_err(|error| about(&error))
}
