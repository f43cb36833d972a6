//! What the account may use and does use.

use ebb_model::limits;

use super::Catalog;

/// Packages of an account, in bytes. Source: the Lambda developer guide, "Lambda quotas" (2026-11).
const TOTAL_CODE_BYTES: u64 = 75 * 1024 * 1024 * 1024;

/// Limits of an account, and its use of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountSettings {
    /// Packages of all versions and layers, in bytes, at most.
    pub total_code_limit: u64,
    /// Code and layers of one function unpacked, in bytes.
    pub unzipped_limit: u64,
    /// A package in a request, in bytes.
    pub zipped_limit: u64,
    /// Simultaneous invocations.
    pub concurrency: u32,
    /// Those that no function has set aside.
    pub unreserved_concurrency: u32,
    /// Packages of all versions and layers, in bytes.
    pub total_code: u64,
    /// Functions.
    pub functions: u64,
}

impl Catalog {
    /// The limits of the account, and what is used of them.
    #[must_use]
    pub fn account_settings(&self) -> AccountSettings {
        let snapshot = self.snapshot();
        // Each version counts, also where it has the package of another, as it does on the service (recorded 2025).
        let functions = snapshot.functions.values().flat_map(|function| {
            let versions = std::iter::once(&function.latest).chain(function.versions.values());
            versions.map(|version| version.code.size)
        });
        let layers = snapshot.layers.values().flat_map(|layer| layer.versions.values().map(|one| one.size));
        AccountSettings {
            total_code_limit: TOTAL_CODE_BYTES,
            unzipped_limit: limits::UNZIPPED_BYTES,
            zipped_limit: limits::ZIP_UPLOAD_BYTES as u64,
            concurrency: limits::ACCOUNT_CONCURRENCY,
            unreserved_concurrency: self.unreserved_concurrency(),
            total_code: functions.chain(layers).sum(),
            functions: snapshot.functions.len() as u64,
        }
    }
}
