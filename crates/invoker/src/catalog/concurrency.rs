//! Reserved and provisioned concurrency.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ebb_model::{Function, FunctionArn, FunctionName, Qualifier, Timestamp, Version, limits};

use super::commit::Edited;
use super::{Catalog, CatalogError, NotFound, Target, Violations};

const NOT_A_FUNCTION: &str = "This operation is permitted on Lambda functions only. Aliases and versions do not \
                              support this operation. Please specify either a function name or an unqualified \
                              function ARN.";

/// Instances that are kept warm for a version or alias.
#[derive(Debug, Clone, PartialEq)]
pub struct ProvisionedConcurrency {
    /// The version or alias.
    pub arn: FunctionArn,
    /// How many were asked for.
    pub requested: u32,
    /// How many there are.
    pub available: u32,
    /// Where that stands.
    pub status: ProvisionedStatus,
    /// When it was last set.
    pub last_modified: Timestamp,
}

/// How far instances are warm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProvisionedStatus {
    /// Not all of them yet.
    InProgress,
    /// All of them.
    Ready,
    /// They cannot be started; says why.
    Failed(String),
}

/// What the invoker has said of the instances that it keeps warm. Not kept: they die with the server.
#[derive(Default)]
pub(super) struct ProvisionedReports(Mutex<HashMap<(FunctionName, Qualifier), Report>>);

/// Instances that are warm, and why there are not more.
type Report = (u32, Option<String>);

impl Catalog {
    /// Sets concurrency aside for a function, or limits it to that; the same number twice.
    ///
    /// # Errors
    /// [`NotFound`], and [`CatalogError::InvalidParameter`] where it does not fit the account or what is provisioned.
    pub async fn set_reserved_concurrency(
        &self,
        target: &Target,
        value: Option<i64>,
    ) -> Result<Option<u32>, CatalogError> {
        if target.qualifier.is_some() {
            return Err(CatalogError::invalid(NOT_A_FUNCTION));
        }
        let latest = Qualifier::Version(Version::Latest);
        let missing = || NotFound::Function(self.arn(&target.name, Some(&latest)).to_string());
        let function = self.snapshot().function(&target.name).cloned();
        let Some(_) = function else {
            return Err(if value.is_some() { missing().into() } else { self.no_function(&target.name) });
        };
        let mut violations = Violations::new();
        if let Some(value) = value.filter(|value| *value < 0) {
            violations.add(
                "reservedConcurrentExecutions",
                value,
                "Member must have value greater than or equal to 0",
            );
        }
        violations.finish()?;
        let value = value.map(|value| u32::try_from(value).unwrap_or(u32::MAX));
        // Checked against every other function, so no other may change meanwhile.
        let _account = self.inner.locks.account().await;
        if let Some(value) = value {
            self.check_reserved(&target.name, value)?;
        }
        let edit = |function: &mut Function| {
            function.reserved_concurrency = value;
            Ok(Edited::Changed(()))
        };
        self.change(&target.name, edit).await?;
        Ok(value)
    }

    fn check_reserved(&self, name: &FunctionName, value: u32) -> Result<(), CatalogError> {
        let snapshot = self.snapshot();
        let others: u64 =
            snapshot.functions.values().filter(|other| other.name != *name).map(|f| set_aside(f)).sum();
        let minimum = limits::MIN_UNRESERVED_CONCURRENCY;
        if others + u64::from(value) + u64::from(minimum) > u64::from(limits::ACCOUNT_CONCURRENCY) {
            return Err(CatalogError::invalid(format!(
                "Specified ReservedConcurrentExecutions for function decreases account's \
                 UnreservedConcurrentExecution below its minimum value of [{minimum}]."
            )));
        }
        let provisioned: u32 =
            snapshot.function(name).map_or(0, |function| function.provisioned_concurrency.values().sum());
        if provisioned > value {
            return Err(CatalogError::invalid(format!(
                " ReservedConcurrentExecutions  {value} should not be lower than function's total provisioned \
                 concurrency [{provisioned}]."
            )));
        }
        Ok(())
    }

    /// What is left of the account's concurrency for functions that have none set aside.
    #[must_use]
    pub fn unreserved_concurrency(&self) -> u32 {
        let reserved: u64 = self.snapshot().functions.values().map(|function| set_aside(function)).sum();
        limits::ACCOUNT_CONCURRENCY.saturating_sub(u32::try_from(reserved).unwrap_or(u32::MAX))
    }

    /// Asks for instances of a version or alias to be kept warm.
    ///
    /// # Errors
    /// [`NotFound`], broken constraints and limits, and [`CatalogError::Conflict`] where the version has some through
    /// another name.
    pub async fn set_provisioned_concurrency(
        &self,
        target: &Target,
        requested: i64,
    ) -> Result<ProvisionedConcurrency, CatalogError> {
        if requested < 1 {
            let constraint = "Member must have value greater than or equal to 1";
            return Err(CatalogError::Validation(Violations::one(
                "provisionedConcurrentExecutions",
                requested,
                constraint,
            )));
        }
        if !is_published(target) {
            return Err(CatalogError::invalid(
                "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
            ));
        }
        self.provisionable(target)?;
        let requested = u32::try_from(requested).unwrap_or(u32::MAX);
        let _account = self.inner.locks.account().await;
        let edit = |function: &mut Function| {
            let key = target.key();
            check_overlap(function, &key)?;
            check_not_restored(function, &key)?;
            self.check_provisioned(function, &key, requested)?;
            function.provisioned_concurrency.insert(key.clone(), requested);
            function.provisioned_modified.insert(key, self.now());
            Ok(Edited::Changed(()))
        };
        let (function, ()) = self.change(&target.name, edit).await?;
        Ok(self.provisioned_of(&function, &target.key(), requested))
    }

    fn check_provisioned(
        &self,
        function: &Function,
        key: &Qualifier,
        requested: u32,
    ) -> Result<(), CatalogError> {
        let others: u32 =
            function.provisioned_concurrency.iter().filter(|(other, _)| *other != key).map(|(_, n)| *n).sum();
        let total = others.saturating_add(requested);
        if let Some(reserved) = function.reserved_concurrency {
            if total > reserved {
                return Err(CatalogError::invalid(
                    "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for \
                     function",
                ));
            }
            return Ok(());
        }
        let unreserved = self.unreserved_concurrency().saturating_add(others_of(function));
        if total > unreserved {
            return Err(CatalogError::invalid(format!(
                "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency \
                 [{unreserved}]."
            )));
        }
        let minimum = limits::MIN_UNRESERVED_CONCURRENCY;
        if unreserved.saturating_sub(total) < minimum {
            return Err(CatalogError::invalid(format!(
                "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below \
                 its minimum value of [{minimum}]."
            )));
        }
        Ok(())
    }

    /// No longer keeps instances of a version or alias warm; none were kept is as good.
    ///
    /// # Errors
    /// [`NotFound`].
    pub async fn delete_provisioned_concurrency(&self, target: &Target) -> Result<(), CatalogError> {
        if !is_published(target) {
            return Err(not_published());
        }
        self.provisionable(target)?;
        let edit = |function: &mut Function| {
            let key = target.key();
            function.provisioned_modified.remove(&key);
            match function.provisioned_concurrency.remove(&key) {
                Some(_) => Ok(Edited::Changed(())),
                None => Ok(Edited::Same(())),
            }
        };
        self.change(&target.name, edit).await.map(|_| ())
    }

    /// The instances that are kept warm for a version or alias.
    ///
    /// # Errors
    /// [`NotFound`], and [`CatalogError::ProvisionedConcurrencyNotFound`] where it has none.
    pub fn provisioned_concurrency(&self, target: &Target) -> Result<ProvisionedConcurrency, CatalogError> {
        if !is_published(target) {
            return Err(not_published());
        }
        let function = self.provisionable(target)?;
        let key = target.key();
        let requested =
            function.provisioned_concurrency.get(&key).ok_or(CatalogError::ProvisionedConcurrencyNotFound)?;
        Ok(self.provisioned_of(&function, &key, *requested))
    }

    /// All the instances that are kept warm for a function.
    ///
    /// # Errors
    /// [`NotFound`].
    pub fn provisioned_concurrencies(
        &self,
        target: &Target,
    ) -> Result<Vec<ProvisionedConcurrency>, CatalogError> {
        let function = self.function(&target.name)?;
        let all = function.provisioned_concurrency.iter();
        Ok(all.map(|(key, requested)| self.provisioned_of(&function, key, *requested)).collect())
    }

    /// Called by whoever keeps instances warm: how many of a version or alias are, and why more cannot be started.
    pub fn report_provisioned(
        &self,
        name: &FunctionName,
        qualifier: &Qualifier,
        available: u32,
        failure: Option<String>,
    ) {
        let mut reports = self.inner.provisioned.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.clone(), qualifier.clone());
        if available == 0 && failure.is_none() {
            reports.remove(&key);
        } else {
            reports.insert(key, (available, failure));
        }
    }

    fn provisioned_of(&self, function: &Function, key: &Qualifier, requested: u32) -> ProvisionedConcurrency {
        let reports = self.inner.provisioned.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (available, failure) =
            reports.get(&(function.name.clone(), key.clone())).cloned().unwrap_or_default();
        let available = available.min(requested);
        let status = match failure {
            _ if available == requested => ProvisionedStatus::Ready,
            Some(reason) => ProvisionedStatus::Failed(reason),
            None => ProvisionedStatus::InProgress,
        };
        ProvisionedConcurrency {
            arn: self.arn(&function.name, Some(key)),
            requested,
            available,
            status,
            last_modified: function
                .provisioned_modified
                .get(key)
                .copied()
                .unwrap_or(function.latest.last_modified),
        }
    }

    fn provisionable(&self, target: &Target) -> Result<std::sync::Arc<Function>, CatalogError> {
        let function = self.snapshot().function(&target.name).cloned();
        match (function, &target.qualifier) {
            (Some(function), _) => self.qualifier_exists(&function, target).map(|()| function),
            (None, Some(Qualifier::Alias(_))) => Err(self.no_alias(target).into()),
            (None, _) => Err(self.no_target(target)),
        }
    }
}

/// One version has its provisioned concurrency under one name only: its number, or one alias.
fn check_overlap(function: &Function, key: &Qualifier) -> Result<(), CatalogError> {
    match key {
        Qualifier::Alias(name) => {
            let version = function.aliases.get(name).map(|alias| Qualifier::Version(alias.version));
            if version.is_some_and(|version| function.provisioned_concurrency.contains_key(&version)) {
                return Err(CatalogError::Conflict(
                    "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
                        .to_owned(),
                ));
            }
        }
        Qualifier::Version(version) => {
            let through_alias = function.provisioned_concurrency.keys().any(|other| match other {
                Qualifier::Alias(name) => {
                    function.aliases.get(name).is_some_and(|alias| alias.version == *version)
                }
                Qualifier::Version(_) => false,
            });
            if through_alias {
                return Err(CatalogError::Conflict(
                    "Version is pointed by a Provisioned Concurrency alias".to_owned(),
                ));
            }
        }
    }
    Ok(())
}

/// Source: the Lambda developer guide, "Improving startup performance with Lambda SnapStart", supported features
/// (2026-11). The words are ours.
fn check_not_restored(function: &Function, key: &Qualifier) -> Result<(), CatalogError> {
    let alias = match key {
        Qualifier::Alias(name) => function.aliases.get(name),
        Qualifier::Version(_) => None,
    };
    let direct = match key {
        Qualifier::Version(version) => Some(*version),
        Qualifier::Alias(_) => alias.map(|alias| alias.version),
    };
    let weighted = alias.into_iter().flat_map(|alias| alias.weights.keys().copied());
    let is_restored = |version| match version {
        Version::Published(number) => {
            function.versions.get(&number).is_some_and(|version| version.is_restored())
        }
        Version::Latest => false,
    };
    if direct.into_iter().chain(weighted).any(is_restored) {
        return Err(CatalogError::invalid(
            "Provisioned Concurrency Configs cannot be applied to function versions with SnapStart.",
        ));
    }
    Ok(())
}

fn is_published(target: &Target) -> bool {
    !matches!(target.key(), Qualifier::Version(Version::Latest))
}

fn not_published() -> CatalogError {
    CatalogError::invalid("The function resource provided must be an alias or a published version.")
}

/// What a function takes out of the account's pool: what it reserved, else what it has provisioned.
pub(crate) fn set_aside(function: &Function) -> u64 {
    let provisioned: u32 = function.provisioned_concurrency.values().sum();
    u64::from(function.reserved_concurrency.unwrap_or(provisioned))
}

fn others_of(function: &Function) -> u32 {
    u32::try_from(set_aside(function)).unwrap_or(u32::MAX)
}
