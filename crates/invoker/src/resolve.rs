//! First stage: which version of which function an invocation means.

use std::sync::Arc;

use ebb_model::{
    Alias, Function, FunctionArn, FunctionReference, FunctionVersion, Invocation, Qualifier, RequestId,
    Version,
};

use crate::Shared;
use crate::catalog::{Catalog, NotReady};
use crate::error::InvokeError;

/// An invocation whose function and version are known.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) invocation: Invocation,
    pub(crate) function: Arc<Function>,
    pub(crate) version: Arc<FunctionVersion>,
    /// As it was invoked: with the qualifier, where there was one.
    pub(crate) invoked: FunctionArn,
}

/// Finds the version, waiting for one that is still being prepared.
///
/// # Errors
/// [`InvokeError::NotFound`] or [`InvokeError::NotReady`].
pub(crate) async fn resolve(shared: &Shared, invocation: Invocation) -> Result<Resolved, InvokeError> {
    let found = find(&shared.catalog, &invocation)?;
    let version = shared.catalog.ready(&found.version).await.map_err(|error| match error {
        NotReady::Gone => InvokeError::NotFound(found.invoked.to_string()),
        NotReady::Pending | NotReady::Failed { .. } => InvokeError::NotReady(error.to_string()),
    })?;
    Ok(Resolved { invocation, function: found.function, version, invoked: found.invoked })
}

/// What an invocation means.
pub(crate) struct Found {
    pub(crate) function: Arc<Function>,
    pub(crate) version: Arc<FunctionVersion>,
    pub(crate) invoked: FunctionArn,
}

/// Finds the version as it is, ready or not.
///
/// # Errors
/// [`InvokeError::NotFound`].
pub(crate) fn find(catalog: &Catalog, invocation: &Invocation) -> Result<Found, InvokeError> {
    let reference = &invocation.function;
    let invoked = asked(catalog, reference);
    // Named with the version that was meant, also where the request named none (recorded 2025).
    let missing = || {
        let latest = Qualifier::Version(Version::Latest);
        let meant =
            FunctionArn { qualifier: Some(invoked.qualifier.clone().unwrap_or(latest)), ..invoked.clone() };
        InvokeError::NotFound(meant.to_string())
    };
    if invoked.account != *catalog.account() || invoked.region != *catalog.region() {
        return Err(missing());
    }
    let snapshot = catalog.snapshot();
    let function = snapshot.functions.get(&reference.name).ok_or_else(missing)?;
    let version = match &reference.qualifier {
        None => Version::Latest,
        Some(Qualifier::Version(version)) => *version,
        Some(Qualifier::Alias(name)) => pick(function.aliases.get(name).ok_or_else(missing)?, invocation.id),
    };
    let version = match version {
        Version::Latest => &function.latest,
        Version::Published(number) => function.versions.get(&number).ok_or_else(missing)?,
    };
    Ok(Found { function: function.clone(), version: version.clone(), invoked })
}

/// The full name of what was asked for.
fn asked(catalog: &Catalog, reference: &FunctionReference) -> FunctionArn {
    FunctionArn {
        region: reference.region.as_ref().unwrap_or_else(|| catalog.region()).clone(),
        account: reference.account.as_ref().unwrap_or_else(|| catalog.account()).clone(),
        name: reference.name.clone(),
        qualifier: reference.qualifier.clone(),
    }
}

/// Which of an alias's versions this request goes to. The random id of the request is the throw of the dice, so that
/// every attempt of one asynchronous event reaches the same version.
fn pick(alias: &Alias, id: RequestId) -> Version {
    // The low 62 bits of a version 4 UUID are random; 53 of them fill an f64.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
    let mut thrown = (id.uuid().as_u128() & ((1 << 53) - 1)) as f64 / (1_u64 << 53) as f64;
    for (version, weight) in &alias.weights {
        if thrown < *weight {
            return *version;
        }
        thrown -= weight;
    }
    alias.version
}

#[cfg(test)]
mod tests;
