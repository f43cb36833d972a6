//! The key that signs messages, and its certificate.
//!
//! Made when it is first needed, and kept in the store: every server signs with the same. Source: Amazon SNS developer
//! guide, "Verifying the signatures of Amazon SNS messages" (2026-11).

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ebb_model::Digest;
use ebb_store::{Change, Store, StoreError};
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use rsa::rand_core::OsRng;
use rsa::sha2::Digest as _;
use rsa::sha2::Sha256;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use tokio::sync::Mutex;

use crate::registry::Registry;

/// The one key.
const KEY: &str = "key";
const BITS: usize = 2048;

/// How messages are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignatureVersion {
    /// With SHA-1.
    One,
    /// With SHA-256.
    Two,
}

impl SignatureVersion {
    /// As the attribute of a topic has it.
    pub(super) fn of(attribute: Option<&str>) -> Self {
        if attribute == Some("2") { Self::Two } else { Self::One }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Two => "2",
        }
    }
}

/// The key as it is kept. Fields may be added with a default, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct StoredKey {
    /// PKCS #8, in base64.
    private: String,
    /// PEM.
    certificate: String,
}

/// The key, ready to sign.
pub(super) struct Key {
    private: RsaPrivateKey,
    certificate: String,
    file: String,
}

/// Where the key is had.
pub(super) struct Signer {
    stored: Registry<StoredKey>,
    ready: ArcSwapOption<Key>,
    /// Held while the key is made or read.
    making: Mutex<()>,
}

impl Signer {
    pub(super) async fn open(store: Store) -> Result<Self, StoreError> {
        let stored = Registry::open(store, "topic-signing-key").await?;
        Ok(Self { stored, ready: ArcSwapOption::empty(), making: Mutex::new(()) })
    }

    /// Takes over the key that another server made.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read.
    pub(super) async fn follow(&self, change: Change) -> Result<(), StoreError> {
        self.stored.follow(change).await.map(drop)
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready.load().is_some()
    }

    /// The key, made where there is none.
    pub(super) async fn ready(&self) -> Result<Arc<Key>, StoreError> {
        if let Some(key) = self.ready.load_full() {
            return Ok(key);
        }
        let _making = self.making.lock().await;
        if let Some(key) = self.ready.load_full() {
            return Ok(key);
        }
        let stored = match self.stored.get(KEY) {
            Some(stored) => stored,
            None => {
                let new = blocking(make).await??;
                // Another server may have made one meanwhile: that one stays.
                let kept = self.stored.edit(KEY, |before| {
                    Ok::<_, StoreError>(Some(before.cloned().unwrap_or_else(|| new.clone())))
                });
                kept.await?.ok_or_else(|| failed("the key was not kept"))?
            }
        };
        let key = Arc::new(Key::read(&stored)?);
        self.ready.store(Some(key.clone()));
        Ok(key)
    }

    #[cfg(test)]
    pub(super) fn private_for_tests(&self) -> Vec<u8> {
        STANDARD.decode(&self.stored.get(KEY).expect("a key").private).expect("base64")
    }

    /// The certificate in this file.
    pub(super) fn certificate(&self, file: &str) -> Option<String> {
        let stored = self.stored.get(KEY)?;
        (file_name(&stored.certificate) == file).then(|| stored.certificate.clone())
    }
}

impl Key {
    fn read(stored: &StoredKey) -> Result<Self, StoreError> {
        let der = STANDARD.decode(&stored.private).map_err(failed)?;
        let private = RsaPrivateKey::from_pkcs8_der(&der).map_err(failed)?;
        let certificate = stored.certificate.clone();
        Ok(Self { private, file: file_name(&certificate), certificate })
    }

    /// The name under which the certificate is had.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// The signature of a text, in base64.
    pub(super) async fn sign(
        self: Arc<Self>,
        text: String,
        version: SignatureVersion,
    ) -> Result<String, StoreError> {
        blocking(move || {
            let signed = match version {
                SignatureVersion::One => {
                    let digest = Sha1::digest(text.as_bytes());
                    self.private.sign_with_rng(&mut OsRng, Pkcs1v15Sign::new::<Sha1>(), &digest)
                }
                SignatureVersion::Two => {
                    let digest = Sha256::digest(text.as_bytes());
                    self.private.sign_with_rng(&mut OsRng, Pkcs1v15Sign::new::<Sha256>(), &digest)
                }
            };
            signed.map(|signature| STANDARD.encode(signature)).map_err(failed)
        })
        .await?
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// A new key with a certificate that it signed itself. Takes up to seconds.
fn make() -> Result<StoredKey, StoreError> {
    let private = RsaPrivateKey::new(&mut OsRng, BITS).map_err(failed)?;
    let der = private.to_pkcs8_der().map_err(failed)?;
    let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der.as_bytes().into(), &rcgen::PKCS_RSA_SHA256)
        .map_err(failed)?;
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).map_err(failed)?;
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "ebb topics");
    let certificate = parameters.self_signed(&pair).map_err(failed)?.pem();
    Ok(StoredKey { private: STANDARD.encode(der.as_bytes()), certificate })
}

fn file_name(certificate: &str) -> String {
    format!("SimpleNotificationService-{}.pem", &Digest::of(certificate.as_bytes()).to_string()[..32])
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed { action: "sign a message", message: error.to_string() }
}
