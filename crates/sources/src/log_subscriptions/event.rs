//! The event that functions get: a document, compressed, in base64.
//!
//! Source: CloudWatch Logs user guide, "Subscription filters with AWS Lambda" (2026-11).

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ebb_model::AccountId;
use ebb_store::logs::{Position, Written};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// The event about some of what was written.
pub(super) fn of(
    account: &AccountId,
    written: &Written,
    filter: &str,
    wanted: &[&(Position, String)],
) -> String {
    let event = |(position, message): &&(Position, String)| json!({ "id": position.event_id(), "timestamp": position.timestamp.millis(), "message": message });
    let document = json!({
        "messageType": "DATA_MESSAGE",
        "owner": account.as_str(),
        "logGroup": written.group,
        "logStream": written.stream,
        "subscriptionFilters": [filter],
        "logEvents": wanted.iter().map(event).collect::<Vec<_>>(),
    });
    json!({ "awslogs": { "data": packed(&document) } }).to_string()
}

fn packed(document: &Value) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Nothing that is written to memory fails.
    let written = encoder.write_all(document.to_string().as_bytes());
    let bytes = written.and_then(|()| encoder.finish()).unwrap_or_default();
    STANDARD.encode(bytes)
}
