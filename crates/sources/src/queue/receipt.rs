//! Receipt handles: what proves that a message was received, and when.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ebb_model::Timestamp;
use ebb_store::Receipt;

use super::{Queue, QueueError};

/// Says what the handle is, so that other texts are told apart.
const MARK: &str = "ebb1";

/// A receipt handle: the queue, the message, which time it was received, and when that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptHandle(String);

impl ReceiptHandle {
    pub(super) fn new(queue: &Queue, receipt: Receipt, received: Timestamp) -> Self {
        // Of one length, so that none begins another.
        let text =
            format!("{MARK} {} {} {:06} {}", queue.uid, receipt.id, receipt.receives, received.millis());
        Self(URL_SAFE_NO_PAD.encode(text))
    }

    /// The text that clients send back.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a handle of this queue.
    pub(super) fn read(queue: &Queue, text: &str) -> Result<Receipt, QueueError> {
        Self::read_with_time(queue, text).map(|(receipt, _)| receipt)
    }

    /// Reads a handle of this queue, and when the message was received; handles of earlier releases do not say that.
    pub(super) fn read_with_time(
        queue: &Queue,
        text: &str,
    ) -> Result<(Receipt, Option<Timestamp>), QueueError> {
        let decoded = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let receipt = decoded.and_then(|decoded| {
            let mut parts = decoded.split(' ');
            let right = parts.next() == Some(MARK) && parts.next() == Some(queue.uid.as_str());
            let (id, receives) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            let received = parts.next().map(str::parse).transpose().ok()?.map(Timestamp);
            right.then_some((Receipt { id, receives }, received))
        });
        receipt.ok_or_else(|| QueueError::ReceiptHandle(text.to_owned()))
    }
}
