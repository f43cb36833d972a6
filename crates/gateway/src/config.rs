//! What the edge is set up with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ebb_model::{AccountId, Clock, Region, SystemClock, limits};

/// Where the edge is and how much it takes.
#[derive(Clone)]
pub struct GatewayConfig {
    /// The domain under which apps (`NAME.<domain>`) and function URLs (`ID.lambda-url.REGION.<domain>`) live.
    pub domain: String,
    /// Hosts of apps' own, in small letters, and which app each is.
    pub domains: BTreeMap<String, String>,
    /// The region in the hosts of function URLs.
    pub region: Region,
    /// The account that owns the functions.
    pub account: AccountId,
    /// How much one client may ask of it.
    pub limits: Limits,
    /// What time events say it is.
    pub clock: Arc<dyn Clock>,
}

impl GatewayConfig {
    /// The default limits and the machine's clock.
    #[must_use]
    pub fn new(domain: &str, region: Region, account: AccountId) -> Self {
        Self {
            domain: domain.trim_end_matches('.').to_ascii_lowercase(),
            domains: BTreeMap::new(),
            region,
            account,
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl GatewayConfig {
    /// The same with hosts of apps' own: each leads to the app that it names.
    #[must_use]
    pub fn with_domains(mut self, domains: BTreeMap<String, String>) -> Self {
        self.domains = domains.into_iter().map(|(host, app)| (host.to_ascii_lowercase(), app)).collect();
        self
    }
}

/// How much one client may ask of the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; more wait in the listener's backlog.
    pub connections: usize,
    /// Bytes of the path and query; more is 414.
    pub target_bytes: usize,
    /// Bytes of all header names and values; more is 431.
    pub header_bytes: usize,
    /// Bytes of a request's body; more is 413. Source: the Lambda developer guide, "Lambda quotas".
    pub body_bytes: usize,
    /// Bytes of a refused body that are read and thrown away, so that the client gets to read the refusal.
    pub discarded_bytes: usize,
    /// Time for a request's head to arrive, and for a kept-alive connection to stay idle.
    pub head_timeout: Duration,
    /// Time between two pieces of a request's body; more is 408.
    pub body_timeout: Duration,
    /// Time in which a client must read some of what was sent to it; more ends the connection.
    pub write_timeout: Duration,
    /// Time that running requests get at a shutdown.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            target_bytes: 16 * 1024,
            header_bytes: 32 * 1024,
            body_bytes: limits::SYNC_PAYLOAD_BYTES,
            discarded_bytes: 32 * 1024 * 1024,
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(12),
        }
    }
}
