//! Settings of a function that ebb keeps and returns, and does not act on.

use ebb_model::{Function, FunctionArn, Qualifier, Version};
use serde_json::{Value, json};

use super::commit::Edited;
use super::{Catalog, CatalogError, Target, Violations};

const RECURSION: &str = "RecursiveLoop";
const RUNTIME_MANAGEMENT: &str = "RuntimeManagementConfig";

/// Whether a function may call itself in a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecursiveLoop {
    /// It may.
    Allow,
    /// It is stopped.
    Terminate,
}

/// When a function moves to a newer runtime version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeManagement {
    /// What it is for.
    pub arn: FunctionArn,
    /// `Auto`, `FunctionUpdate` or `Manual`.
    pub update_on: String,
    /// The runtime version that `Manual` keeps.
    pub runtime_version: Option<String>,
}

impl Catalog {
    /// Whether a function may call itself in a loop.
    ///
    /// # Errors
    /// [`super::NotFound`].
    pub fn recursion(&self, target: &Target) -> Result<RecursiveLoop, CatalogError> {
        let function = self.function(&target.name)?;
        match function.stored.get(RECURSION).and_then(Value::as_str) {
            Some("Allow") => Ok(RecursiveLoop::Allow),
            _ => Ok(RecursiveLoop::Terminate),
        }
    }

    /// Says whether a function may call itself in a loop.
    ///
    /// # Errors
    /// [`super::NotFound`] and [`CatalogError::Validation`].
    pub async fn set_recursion(&self, target: &Target, value: &str) -> Result<RecursiveLoop, CatalogError> {
        let mut violations = Violations::new();
        let choices = [("Terminate", RecursiveLoop::Terminate), ("Allow", RecursiveLoop::Allow)];
        let choice = violations.choice("recursiveLoop", value, &choices);
        violations.finish()?;
        let edit = |function: &mut Function| {
            function.stored.insert(RECURSION.to_owned(), json!(value));
            Ok(Edited::Changed(()))
        };
        self.change(&target.name, edit).await?;
        Ok(choice.unwrap_or(RecursiveLoop::Terminate))
    }

    /// When a function or version moves to a newer runtime version.
    ///
    /// # Errors
    /// [`super::NotFound`].
    pub fn runtime_management(&self, target: &Target) -> Result<RuntimeManagement, CatalogError> {
        let (function, _) = self.version(target)?;
        let kept = function.stored.get(RUNTIME_MANAGEMENT).and_then(|all| all.get(target.key().to_string()));
        let text =
            |name: &str| kept.and_then(|kept| kept.get(name)).and_then(Value::as_str).map(str::to_owned);
        Ok(RuntimeManagement {
            arn: self.arn(&target.name, Some(&qualified(target))),
            update_on: text("UpdateRuntimeOn").unwrap_or_else(|| "Auto".to_owned()),
            runtime_version: text("RuntimeVersionArn"),
        })
    }

    /// Says when a function or version moves to a newer runtime version. Runtimes are those of this machine, so
    /// nothing follows from it.
    ///
    /// # Errors
    /// [`super::NotFound`], [`CatalogError::Validation`], and [`CatalogError::InvalidParameter`] where the version does
    /// not fit the mode.
    pub async fn set_runtime_management(
        &self,
        target: &Target,
        update_on: &str,
        runtime_version: Option<&str>,
    ) -> Result<RuntimeManagement, CatalogError> {
        let mut violations = Violations::new();
        let modes = [("Auto", ()), ("Manual", ()), ("FunctionUpdate", ())];
        violations.choice("updateRuntimeOn", update_on, &modes);
        violations.finish()?;
        self.version(target)?;
        match (update_on, runtime_version) {
            ("Manual", None) => {
                return Err(CatalogError::invalid(
                    "RuntimeVersionArn is required when UpdateRuntimeOn is Manual.",
                ));
            }
            ("Auto" | "FunctionUpdate", Some(_)) => {
                return Err(CatalogError::invalid(
                    "RuntimeVersionArn must be absent unless UpdateRuntimeOn is Manual.",
                ));
            }
            _ => {}
        }
        let edit = |function: &mut Function| {
            let all = function.stored.entry(RUNTIME_MANAGEMENT.to_owned()).or_insert_with(|| json!({}));
            all[target.key().to_string()] =
                json!({ "UpdateRuntimeOn": update_on, "RuntimeVersionArn": runtime_version });
            Ok(Edited::Changed(()))
        };
        self.change(&target.name, edit).await?;
        self.runtime_management(target)
    }
}

fn qualified(target: &Target) -> Qualifier {
    target.qualifier.clone().unwrap_or(Qualifier::Version(Version::Latest))
}
