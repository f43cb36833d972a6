//! Making a function.

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_model::{
    Code, Function, FunctionName, FunctionState, FunctionVersion, RevisionId, Settings, UpdateState, Version,
};

use super::{Catalog, CatalogError, CodeSource, SettingsInput, Violations, tags, versions};

/// A function to be made.
#[derive(Debug, Clone)]
pub struct NewFunction {
    /// Its name, or an ARN that names it.
    pub name: String,
    /// How it runs.
    pub settings: SettingsInput,
    /// Its code; a request without any is refused.
    pub code: Option<CodeSource>,
    /// `PackageType`; `Zip` where absent.
    pub package_type: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether version 1 is published at once.
    pub publish: bool,
    /// The app whose deploy makes it.
    pub app: Option<String>,
}

impl Catalog {
    /// Makes a function and starts to prepare it. Gives the version that was published, else `$LATEST`; it is
    /// `Pending` until it is prepared.
    ///
    /// # Errors
    /// Every broken constraint and limit, and [`CatalogError::Conflict`] where the name is taken.
    pub async fn create(
        &self,
        new: NewFunction,
    ) -> Result<(Arc<Function>, Arc<FunctionVersion>), CatalogError> {
        let name = self.new_name(&new.name)?;
        check_package_type(new.package_type.as_deref(), new.code.as_ref())?;
        let settings = self.new_settings(&name, &new.settings)?;
        tags::check(&new.tags)?;
        let Some(source) = &new.code else {
            return Err(CatalogError::invalid("Please provide a source for function code."));
        };
        if self.snapshot().functions.contains_key(&name) {
            return Err(CatalogError::Conflict(format!("Function already exist: {name}")));
        }
        let package = self.check_code(source).await?;
        self.check_total(package.code, &settings.layers).await?;
        let code = self.keep(package).await?;
        let latest = self.first_version(&name, settings, code);
        let (tags, publish, app) = (new.tags, new.publish, new.app);
        let function = self.add(&name, move |first| make(latest, first, tags, publish, app)).await?;
        self.prepare(&name);
        let version = function.versions.values().next_back().unwrap_or(&function.latest).clone();
        Ok((function, version))
    }

    fn first_version(&self, name: &FunctionName, settings: Settings, code: Code) -> FunctionVersion {
        FunctionVersion {
            name: name.clone(),
            version: Version::Latest,
            settings,
            code,
            revision: RevisionId::random(),
            last_modified: self.now(),
            state: FunctionState::Pending,
            update: UpdateState::Successful,
        }
    }
}

fn make(
    latest: FunctionVersion,
    first_version: u64,
    tags: BTreeMap<String, String>,
    publish: bool,
    app: Option<String>,
) -> Function {
    let mut function = Function {
        name: latest.name.clone(),
        latest: Arc::new(latest),
        versions: BTreeMap::new(),
        next_version: first_version,
        aliases: BTreeMap::new(),
        tags,
        reserved_concurrency: None,
        provisioned_concurrency: BTreeMap::new(),
        provisioned_modified: BTreeMap::new(),
        urls: BTreeMap::new(),
        policies: BTreeMap::new(),
        event_invoke: BTreeMap::new(),
        app,
        stored: BTreeMap::new(),
    };
    if publish {
        versions::publish_into(&mut function, None);
    }
    function
}

fn check_package_type(package_type: Option<&str>, code: Option<&CodeSource>) -> Result<(), CatalogError> {
    let mut violations = Violations::new();
    if let Some(text) = package_type {
        violations.choice("packageType", text, &[("Image", ()), ("Zip", ())]);
    }
    violations.finish()?;
    let image = package_type == Some("Image");
    match code {
        Some(CodeSource::Image(_)) if !image => Err(CatalogError::invalid(
            "Please don't provide ImageUri when creating a function with packageType Zip.",
        )),
        Some(CodeSource::Zip(_) | CodeSource::Object { .. }) if image => Err(CatalogError::invalid(
            "Please provide ImageUri when creating a function with packageType Image.",
        )),
        Some(CodeSource::Image(uri)) => Err(CatalogError::NotBuilt(format!(
            "Functions of PackageType Image are not built yet in ebb (ImageUri {uri}); deploy a zip package instead."
        ))),
        _ => Ok(()),
    }
}
