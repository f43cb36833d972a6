//! Changing and deleting a function.

use std::sync::Arc;

use ebb_model::{
    Code, Function, FunctionName, FunctionState, FunctionVersion, Qualifier, RevisionId, Settings,
    UpdateState, Version,
};

use super::commit::Edited;
use super::{
    Catalog, CatalogError, CodeSource, NotFound, SettingsInput, Target, Violations, settings, versions,
};

/// New code for a function.
#[derive(Debug, Clone, Default)]
pub struct CodeUpdate {
    /// Where it is.
    pub code: Option<CodeSource>,
    /// `Architectures`.
    pub architectures: Option<Vec<String>>,
    /// Whether a version is published at once.
    pub publish: bool,
    /// Check everything and change nothing.
    pub dry_run: bool,
    /// The revision that the caller knows.
    pub revision: Option<String>,
}

impl Catalog {
    /// Gives a function other code. The answer is the published version where one was asked for, else `$LATEST`.
    ///
    /// # Errors
    /// Every broken constraint and limit, [`CatalogError::StaleRevision`], and [`CatalogError::Conflict`] while another
    /// update is applied.
    pub async fn update_code(
        &self,
        target: &Target,
        update: CodeUpdate,
    ) -> Result<(Arc<Function>, Arc<FunctionVersion>), CatalogError> {
        let mut violations = Violations::new();
        let architecture = update
            .architectures
            .as_ref()
            .and_then(|texts| settings::parse_architecture(texts, &mut violations));
        violations.finish()?;
        let function = self.updatable(&target.name).await?;
        check_revision(&function.latest, update.revision.as_deref())?;
        let source = match &update.code {
            None => return Err(CatalogError::invalid("Please provide a source for function code.")),
            Some(CodeSource::Image(_)) => {
                return Err(CatalogError::invalid(
                    "Please don't provide ImageUri when updating a function with packageType Zip.",
                ));
            }
            Some(source) => source,
        };
        let package = self.check_code(source).await?;
        self.check_total(package.code, &function.latest.settings.layers).await?;
        if update.dry_run {
            let mut trial = FunctionVersion::clone(&function.latest);
            trial.code = package.code;
            trial.settings.architecture = architecture.unwrap_or(trial.settings.architecture);
            return Ok((function, Arc::new(trial)));
        }
        let code = self.keep(package).await?;
        let apply = |settings: &mut Settings, present: &mut Code| {
            *present = code;
            settings.architecture = architecture.unwrap_or(settings.architecture);
            Ok(())
        };
        self.update(&target.name, update.revision.as_deref(), update.publish, apply).await
    }

    /// Changes the configuration of a function.
    ///
    /// # Errors
    /// As [`Catalog::update_code`].
    pub async fn update_settings(
        &self,
        target: &Target,
        input: &SettingsInput,
        revision: Option<&str>,
    ) -> Result<(Arc<Function>, Arc<FunctionVersion>), CatalogError> {
        let function = self.updatable(&target.name).await?;
        check_revision(&function.latest, revision)?;
        let trial = self.applied(function.latest.settings.clone(), input)?;
        if input.layers.is_some() {
            self.check_total(function.latest.code, &trial.layers).await?;
        }
        let apply = |settings: &mut Settings, _: &mut Code| {
            *settings = self.applied(settings.clone(), input)?;
            Ok(())
        };
        self.update(&target.name, revision, false, apply).await
    }

    async fn update(
        &self,
        name: &FunctionName,
        revision: Option<&str>,
        publish: bool,
        apply: impl Fn(&mut Settings, &mut Code) -> Result<(), CatalogError>,
    ) -> Result<(Arc<Function>, Arc<FunctionVersion>), CatalogError> {
        let (function, published) = self
            .change(name, |function| {
                self.refuse_while_updating(&function.latest)?;
                check_revision(&function.latest, revision)?;
                let mut latest = FunctionVersion::clone(&function.latest);
                apply(&mut latest.settings, &mut latest.code)?;
                latest.revision = RevisionId::random();
                latest.last_modified = self.now();
                if matches!(latest.state, FunctionState::Active) {
                    latest.update = UpdateState::InProgress;
                } else {
                    latest.state = FunctionState::Pending;
                }
                function.latest = Arc::new(latest);
                let published = publish.then(|| versions::publish_into(function, None));
                Ok(Edited::Changed(published))
            })
            .await?;
        self.prepare(name);
        let version = published.unwrap_or_else(|| function.latest.clone());
        Ok((function, version))
    }

    /// The function, once its creation has ended: an update waits for that rather than fail.
    async fn updatable(&self, name: &FunctionName) -> Result<Arc<Function>, CatalogError> {
        let function = self.function(name)?;
        if matches!(function.latest.state, FunctionState::Pending) {
            // How it ended shows in the state, which the caller's checks read.
            let _ = self.ready(&function.latest).await;
            return self.function(name);
        }
        Ok(function)
    }

    /// The service changes nothing on a function while it creates or updates it.
    pub(super) fn refuse_while_updating(&self, latest: &FunctionVersion) -> Result<(), CatalogError> {
        let arn = self.arn(&latest.name, None);
        if matches!(latest.update, UpdateState::InProgress) {
            return Err(CatalogError::Conflict(format!(
                "The operation cannot be performed at this time. An update is in progress for resource: {arn}"
            )));
        }
        if matches!(latest.state, FunctionState::Pending) {
            return Err(CatalogError::Conflict(
                "The operation cannot be performed at this time. The function is currently in the following state: \
                 Pending"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Deletes a function, or one published version of it.
    ///
    /// # Errors
    /// [`NotFound::Function`], [`CatalogError::InvalidParameter`] for `$LATEST` and aliases, and
    /// [`CatalogError::Conflict`] for a version that an alias points to.
    pub async fn delete(&self, target: &Target) -> Result<(), CatalogError> {
        match &target.qualifier {
            None => self.remove(&target.name).await,
            Some(Qualifier::Alias(_)) => {
                Err(CatalogError::invalid("Deletion of aliases is not currently supported."))
            }
            Some(Qualifier::Version(Version::Latest)) => {
                Err(CatalogError::invalid("$LATEST version cannot be deleted without deleting the function."))
            }
            Some(Qualifier::Version(Version::Published(number))) => {
                self.delete_version(target, *number).await
            }
        }
    }

    async fn delete_version(&self, target: &Target, number: u64) -> Result<(), CatalogError> {
        let version = Version::Published(number);
        let edit = |function: &mut Function| {
            let users: Vec<_> = function
                .aliases
                .values()
                .filter(|alias| alias.version == version || alias.weights.contains_key(&version))
                .map(|alias| self.arn(&target.name, Some(&Qualifier::Alias(alias.name.clone()))).to_string())
                .collect();
            if !users.is_empty() {
                return Err(CatalogError::Conflict(format!(
                    "Version {number} cannot be deleted because the following aliases reference it: [{}]",
                    users.join(", ")
                )));
            }
            // The service answers a version that does not exist as if it had just been deleted.
            if function.versions.remove(&number).is_none() {
                return Ok(Edited::Same(()));
            }
            drop_settings_of(function, &Qualifier::Version(version));
            Ok(Edited::Changed(()))
        };
        match self.change(&target.name, edit).await {
            Err(CatalogError::NotFound(NotFound::Function(_))) => Err(self.no_function(&target.name)),
            other => other.map(|_| ()),
        }
    }
}

/// Takes away everything that hangs on a version or alias that goes.
pub(super) fn drop_settings_of(function: &mut Function, qualifier: &Qualifier) {
    function.provisioned_concurrency.remove(qualifier);
    function.provisioned_modified.remove(qualifier);
    function.urls.remove(qualifier);
    function.policies.remove(qualifier);
    function.event_invoke.remove(qualifier);
}

/// Refuses a caller that does not know the latest revision.
pub(super) fn check_revision(version: &FunctionVersion, known: Option<&str>) -> Result<(), CatalogError> {
    match known {
        Some(known) if RevisionId::parse(known) != Some(version.revision) => {
            Err(CatalogError::StaleRevision { read_with: "GetFunction/GetAlias" })
        }
        _ => Ok(()),
    }
}
