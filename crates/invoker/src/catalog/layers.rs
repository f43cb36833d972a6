//! Layers: packages that functions share.

use std::sync::Arc;

use ebb_model::{LayerArn, LayerName, LayerVersion, LayerVersionArn, Policy, RevisionId, Statement};
use serde_json::{Value, json};

use super::commit::Edited;
use super::permissions::principal;
use super::{Catalog, CatalogError, CodeSource, Layer, NotFound, Violations, policies};

const NAME_PATTERN: &str =
    r"(arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+";
const VERSION_ARN_PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)";
const ACTION: &str = "lambda:GetLayerVersion";
const NO_RESOURCE: NotFound = NotFound::Unnamed("The resource you requested does not exist.");

/// Runtimes that a layer may say it works with: those of the service, which are more than ebb runs.
const RUNTIMES: &[&str] = &[
    "nodejs",
    "nodejs4.3",
    "nodejs6.10",
    "nodejs8.10",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "nodejs16.x",
    "nodejs18.x",
    "nodejs20.x",
    "nodejs22.x",
    "nodejs24.x",
    "nodejs26.x",
    "nodejs4.3-edge",
    "java8",
    "java8.al2",
    "java11",
    "java17",
    "java21",
    "java25",
    "python2.7",
    "python3.6",
    "python3.7",
    "python3.8",
    "python3.9",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "python3.15",
    "dotnetcore1.0",
    "dotnetcore2.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "dotnet6",
    "dotnet8",
    "dotnet10",
    "go1.x",
    "ruby2.5",
    "ruby2.7",
    "ruby3.2",
    "ruby3.3",
    "ruby3.4",
    "ruby4.0",
    "provided",
    "provided.al2",
    "provided.al2023",
];

/// Where the package of a layer is.
pub type LayerContent = CodeSource;

/// A version of a layer to be published.
#[derive(Debug, Clone)]
pub struct NewLayerVersion {
    /// The layer's name or ARN.
    pub name: String,
    /// Its package; a request without any is refused.
    pub content: Option<LayerContent>,
    /// Free text.
    pub description: String,
    /// License text or identifier.
    pub license: Option<String>,
    /// Runtimes that it works with.
    pub compatible_runtimes: Vec<String>,
    /// Architectures that it works with.
    pub compatible_architectures: Vec<String>,
}

impl Catalog {
    /// Publishes a version of a layer.
    ///
    /// # Errors
    /// Broken constraints and limits.
    pub async fn publish_layer(&self, new: NewLayerVersion) -> Result<Arc<LayerVersion>, CatalogError> {
        let name = self.layer_name(&new.name)?;
        check_new(&new)?;
        let Some(content) = &new.content else {
            return Err(CatalogError::invalid("Please provide a source for the layer's content."));
        };
        let package = self.check_code(content).await?;
        let code = self.keep(package).await?;
        let arn = self.layer_arn(&name);
        let now = self.now();
        self.change_layer(&name, move |layer| {
            let version = Arc::new(LayerVersion {
                arn: LayerVersionArn { layer: arn, version: layer.next_version },
                digest: code.digest,
                size: code.size,
                description: new.description,
                license: new.license,
                compatible_runtimes: new.compatible_runtimes,
                compatible_architectures: new.compatible_architectures,
                created: now,
                policy: None,
            });
            layer.versions.insert(layer.next_version, version.clone());
            layer.next_version += 1;
            Ok(Edited::Changed(version))
        })
        .await
    }

    /// One version of a layer.
    ///
    /// # Errors
    /// [`NotFound`] and [`CatalogError::InvalidParameter`].
    pub fn layer_version(&self, name: &str, version: i64) -> Result<Arc<LayerVersion>, CatalogError> {
        let name = self.layer_name(name)?;
        let version = check_version(version)?;
        self.find_layer(&name, version).ok_or_else(|| NO_RESOURCE.into())
    }

    /// One version of a layer by its ARN.
    ///
    /// # Errors
    /// [`NotFound`] and [`CatalogError::Validation`].
    pub fn layer_version_by_arn(&self, text: &str) -> Result<Arc<LayerVersion>, CatalogError> {
        let mut violations = Violations::new();
        let arn = LayerVersionArn::parse(text);
        violations.pattern("arn", text, VERSION_ARN_PATTERN, arn.is_ok());
        violations.finish()?;
        let found = arn.ok().and_then(|arn| {
            self.find_layer(&arn.layer.name, arn.version).filter(|version| version.arn == arn)
        });
        found.ok_or_else(|| NO_RESOURCE.into())
    }

    /// The versions of a layer, newest first, that work with what is asked for.
    ///
    /// # Errors
    /// [`CatalogError::Validation`]. A layer that does not exist has no versions.
    pub fn layer_versions(
        &self,
        name: &str,
        runtime: Option<&str>,
        architecture: Option<&str>,
    ) -> Result<Vec<Arc<LayerVersion>>, CatalogError> {
        let name = self.layer_name(name)?;
        check_filter(runtime, architecture)?;
        let snapshot = self.snapshot();
        let layer = snapshot.layers.get(&name);
        let versions = layer.into_iter().flat_map(|layer| layer.versions.values().rev());
        Ok(versions.filter(|version| fits(version, runtime, architecture)).cloned().collect())
    }

    /// Every layer by name, with its newest version that works with what is asked for.
    ///
    /// # Errors
    /// [`CatalogError::Validation`].
    pub fn layers(
        &self,
        runtime: Option<&str>,
        architecture: Option<&str>,
    ) -> Result<Vec<(LayerArn, Arc<LayerVersion>)>, CatalogError> {
        check_filter(runtime, architecture)?;
        let snapshot = self.snapshot();
        let newest = |layer: &Arc<Layer>| {
            let version =
                layer.versions.values().rev().find(|version| fits(version, runtime, architecture))?.clone();
            Some((version.arn.layer.clone(), version))
        };
        let mut all: Vec<_> = snapshot.layers.values().filter_map(newest).collect();
        all.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        Ok(all)
    }

    /// Deletes a version of a layer; functions that have it keep it. One that does not exist is deleted already.
    ///
    /// # Errors
    /// [`CatalogError::InvalidParameter`].
    pub async fn delete_layer_version(&self, name: &str, version: i64) -> Result<(), CatalogError> {
        let name = self.layer_name(name)?;
        let version = check_version(version)?;
        self.change_layer(&name, |layer| match layer.versions.remove(&version) {
            Some(_) => Ok(Edited::Changed(())),
            None => Ok(Edited::Same(())),
        })
        .await
    }

    /// Adds a statement to the policy of a layer version.
    ///
    /// # Errors
    /// [`NotFound`], broken constraints, [`CatalogError::Conflict`] and [`CatalogError::StaleRevision`].
    pub async fn add_layer_permission(
        &self,
        layer: &str,
        version: i64,
        permission: &super::NewPermission,
    ) -> Result<(Statement, RevisionId), CatalogError> {
        let name = self.layer_name(layer)?;
        let version = check_version(version)?;
        check_layer_permission(permission)?;
        let present = self.existing_layer(&name, version)?;
        let statement = Statement {
            id: permission.statement_id.clone(),
            effect: "Allow".to_owned(),
            principal: principal(&permission.principal)?,
            action: permission.action.clone(),
            resource: present.arn.to_string(),
            condition: permission
                .principal_org_id
                .as_ref()
                .map(|id| -> Value { json!({ "StringEquals": { "aws:PrincipalOrgID": id } }) }),
        };
        let revision = RevisionId::random();
        let added = statement.clone();
        self.change_layer_policy(&name, version, permission.revision.as_deref(), move |policy| {
            policies::add(policy, added, revision).map(Some)
        })
        .await?;
        Ok((statement, revision))
    }

    /// Takes a statement out of the policy of a layer version.
    ///
    /// # Errors
    /// [`NotFound`] and [`CatalogError::StaleRevision`].
    pub async fn remove_layer_permission(
        &self,
        layer: &str,
        version: i64,
        statement_id: &str,
        known: Option<&str>,
    ) -> Result<(), CatalogError> {
        let name = self.layer_name(layer)?;
        let version = check_version(version)?;
        self.change_layer_policy(&name, version, known, |policy| {
            policies::remove(&policy.ok_or(NotFound::Policy)?, statement_id, RevisionId::random())
        })
        .await
    }

    /// The policy of a layer version.
    ///
    /// # Errors
    /// [`NotFound`].
    pub fn layer_policy(&self, layer: &str, version: i64) -> Result<Policy, CatalogError> {
        let name = self.layer_name(layer)?;
        let version = self.existing_layer(&name, check_version(version)?)?;
        version.policy.clone().ok_or_else(|| NotFound::Policy.into())
    }

    async fn change_layer_policy(
        &self,
        name: &LayerName,
        version: u64,
        known: Option<&str>,
        change: impl FnOnce(Option<Policy>) -> Result<Option<Policy>, CatalogError>,
    ) -> Result<(), CatalogError> {
        self.existing_layer(name, version)?;
        let missing = self.no_layer(name, version);
        self.change_layer(name, |layer| {
            let present = layer.versions.get(&version).ok_or(missing)?;
            let revision = present.policy.as_ref().map(|policy| policy.revision.to_string());
            if known.is_some() && known != revision.as_deref() {
                return Err(CatalogError::StaleRevision { read_with: "GetLayerPolicy" });
            }
            let mut next = LayerVersion::clone(present);
            next.policy = change(next.policy)?;
            layer.versions.insert(version, Arc::new(next));
            Ok(Edited::Changed(()))
        })
        .await
    }

    fn existing_layer(&self, name: &LayerName, version: u64) -> Result<Arc<LayerVersion>, CatalogError> {
        self.find_layer(name, version).ok_or_else(|| self.no_layer(name, version).into())
    }

    fn no_layer(&self, name: &LayerName, version: u64) -> NotFound {
        NotFound::LayerVersion(LayerVersionArn { layer: self.layer_arn(name), version }.to_string())
    }

    fn find_layer(&self, name: &LayerName, version: u64) -> Option<Arc<LayerVersion>> {
        self.snapshot().layers.get(name).and_then(|layer| layer.versions.get(&version).cloned())
    }

    /// The ARN of a layer here.
    #[must_use]
    pub fn layer_arn(&self, name: &LayerName) -> LayerArn {
        LayerArn { region: self.region().clone(), account: self.account().clone(), name: name.clone() }
    }

    fn layer_name(&self, text: &str) -> Result<LayerName, CatalogError> {
        let name = match LayerArn::parse(text) {
            Ok(arn) if arn.region != *self.region() => return Err(NO_RESOURCE.into()),
            Ok(arn) if arn.account != *self.account() => {
                return Err(CatalogError::OtherAccount(arn.account.to_string()));
            }
            Ok(arn) => Ok(arn.name),
            Err(_) => LayerName::parse(text),
        };
        name.map_err(|_| {
            let constraint = format!("Member must satisfy regular expression pattern: {NAME_PATTERN}");
            CatalogError::Validation(Violations::one("layerName", text, &constraint))
        })
    }
}

fn check_new(new: &NewLayerVersion) -> Result<(), CatalogError> {
    let mut violations = Violations::new();
    violations.length("description", &new.description, &(0..=256));
    if let Some(license) = &new.license {
        violations.length("licenseInfo", license, &(0..=512));
    }
    let all_of = |texts: &[String], known: &[&str]| texts.iter().all(|text| known.contains(&text.as_str()));
    let constraint = |known: &[&str]| format!("Member must satisfy enum value set: [{}]", known.join(", "));
    if new.compatible_runtimes.len() > 15 {
        violations.add(
            "compatibleRuntimes",
            format!("[{}]", new.compatible_runtimes.join(", ")),
            "Member must have length less than or equal to 15",
        );
    }
    if !all_of(&new.compatible_runtimes, RUNTIMES) {
        let shown = format!("[{}]", new.compatible_runtimes.join(", "));
        violations.add("compatibleRuntimes", shown, &constraint(RUNTIMES));
    }
    let architectures = ["x86_64", "arm64"];
    if !all_of(&new.compatible_architectures, &architectures) {
        let shown = format!("[{}]", new.compatible_architectures.join(", "));
        violations.add("compatibleArchitectures", shown, &constraint(&architectures));
    }
    violations.finish()
}

fn check_filter(runtime: Option<&str>, architecture: Option<&str>) -> Result<(), CatalogError> {
    let mut violations = Violations::new();
    if let Some(runtime) = runtime {
        let choices: Vec<_> = RUNTIMES.iter().map(|name| (*name, ())).collect();
        violations.choice("compatibleRuntime", runtime, &choices);
    }
    if let Some(architecture) = architecture {
        violations.choice("compatibleArchitecture", architecture, &[("x86_64", ()), ("arm64", ())]);
    }
    violations.finish()
}

fn check_layer_permission(permission: &super::NewPermission) -> Result<(), CatalogError> {
    let mut violations = Violations::new();
    violations.length("statementId", &permission.statement_id, &(1..=100));
    violations.pattern("action", &permission.action, ACTION, permission.action == ACTION);
    violations.finish()
}

fn check_version(version: i64) -> Result<u64, CatalogError> {
    match u64::try_from(version) {
        Ok(version) if version > 0 => Ok(version),
        _ => Err(CatalogError::invalid("Layer Version Cannot be less than 1")),
    }
}

fn fits(version: &LayerVersion, runtime: Option<&str>, architecture: Option<&str>) -> bool {
    let has = |list: &[String], wanted: Option<&str>| {
        wanted.is_none_or(|wanted| list.iter().any(|present| present == wanted))
    };
    has(&version.compatible_runtimes, runtime) && has(&version.compatible_architectures, architecture)
}
