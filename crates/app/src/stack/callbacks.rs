//! What functions of custom resources answer: each request names an address that only it knows, and the answer is
//! written there.

use std::collections::HashMap;
use std::sync::Mutex;

use ebb_model::RequestId;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use tokio::sync::oneshot;

use super::Stacks;

/// The path below which answers are written.
pub(super) const PATH: &str = "/_ebb/custom-resources/";

/// The longest answer, in bytes. Source: CloudFormation user guide, "Custom resource response objects" (2026-11).
const LONGEST: usize = 4096;

/// The answers that are waited for, by the last part of their address.
#[derive(Default)]
pub(super) struct Callbacks {
    waiting: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
}

/// What a function says that it did.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    /// `SUCCESS` or `FAILED`.
    pub(super) status: String,
    /// Why it failed.
    #[serde(default)]
    pub(super) reason: Option<String>,
    /// What the resource is called.
    #[serde(default)]
    pub(super) physical_resource_id: Option<String>,
    /// What `Fn::GetAtt` gives.
    #[serde(default)]
    pub(super) data: Option<Map<String, Json>>,
}

/// One answer that is waited for; whoever drops it waits no more.
pub(super) struct Expected<'a> {
    callbacks: &'a Callbacks,
    pub(super) token: String,
    pub(super) answer: oneshot::Receiver<Answer>,
}

impl Callbacks {
    /// Expects an answer.
    pub(super) fn expect(&self) -> Expected<'_> {
        let token = RequestId::random().to_string();
        let (sender, answer) = oneshot::channel();
        self.locked().insert(token.clone(), sender);
        Expected { callbacks: self, token, answer }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Answer>>> {
        self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        self.callbacks.locked().remove(&self.token);
    }
}

impl Stacks {
    /// Whether a request writes the answer of a custom resource; nobody signs those.
    #[must_use]
    pub fn is_answer(path: &str) -> bool {
        path.starts_with(PATH)
    }

    /// Takes the answer of a custom resource.
    ///
    /// # Errors
    /// Says for the function why the answer is none.
    pub fn answered(&self, path: &str, body: &[u8]) -> Result<(), &'static str> {
        if body.len() > LONGEST {
            return Err("the response object is longer than 4096 bytes");
        }
        let answer = serde_json::from_slice(body).map_err(|_| "the response object is none")?;
        let token = path.strip_prefix(PATH).unwrap_or_default();
        let waiting = self.inner.callbacks.locked().remove(token);
        let waiting = waiting.ok_or("nobody waits for this response")?;
        // Whoever waited may just have given up.
        waiting.send(answer).map_err(|_| "nobody waits for this response any more")
    }
}
