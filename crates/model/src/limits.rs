//! The limits that ebb shares with Lambda. Source: the Lambda developer guide, "Lambda quotas" (2026-11).

use std::ops::RangeInclusive;
use std::time::Duration;

/// Memory of a function, in MiB.
pub const MEMORY_MIB: RangeInclusive<u32> = 128..=10_240;
/// Timeout of a function, in seconds.
pub const TIMEOUT_SECONDS: RangeInclusive<u32> = 1..=900;
/// Size of `/tmp`, in MiB.
pub const EPHEMERAL_STORAGE_MIB: RangeInclusive<u32> = 512..=10_240;
/// Memory that buys one whole core, in MiB.
pub const MEMORY_MIB_PER_CORE: u32 = 1_769;
/// A synchronous request's payload, in bytes (6 MB as the service counts it: 6 MiB, less nothing).
pub const SYNC_PAYLOAD_BYTES: usize = 6 * 1024 * 1024;
/// What the service adds to [`SYNC_PAYLOAD_BYTES`] for responses before it refuses them.
pub const RESPONSE_SLACK_BYTES: usize = 100;
/// An asynchronous event, in bytes.
pub const ASYNC_PAYLOAD_BYTES: usize = 1024 * 1024;
/// A streamed response, in bytes.
pub const STREAMED_RESPONSE_BYTES: usize = 200 * 1024 * 1024;
/// A zip sent in a request, in bytes.
pub const ZIP_UPLOAD_BYTES: usize = 50 * 1024 * 1024;
/// Code and layers of a function once unpacked, in bytes.
pub const UNZIPPED_BYTES: u64 = 250 * 1024 * 1024;
/// All keys and values of a function's environment, in bytes.
pub const ENVIRONMENT_BYTES: usize = 4 * 1024;
/// Layers of a function.
pub const LAYERS: usize = 5;
/// Simultaneous invocations in an account.
pub const ACCOUNT_CONCURRENCY: u32 = 1_000;
/// What must stay unreserved of [`ACCOUNT_CONCURRENCY`].
pub const MIN_UNRESERVED_CONCURRENCY: u32 = 100;
/// How long initialisation may take before the first invocation.
pub const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// The tail of the log that an `Invoke` may ask for, in bytes.
pub const LOG_TAIL_BYTES: usize = 4 * 1024;
/// One log event, in bytes.
pub const LOG_EVENT_BYTES: usize = 256 * 1024;
/// Time that an accepted asynchronous event may wait, by default.
pub const MAX_EVENT_AGE: Duration = Duration::from_secs(6 * 60 * 60);
