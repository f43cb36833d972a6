//! Aliases: names for versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_model::{Alias, AliasName, Function, FunctionName, Qualifier, RevisionId, Version};

use super::commit::Edited;
use super::functions::drop_settings_of;
use super::locate::version_of;
use super::{Catalog, CatalogError, NotFound, Target, Violations};

const NAME_PATTERN: &str = "(?!^[0-9]+$)([a-zA-Z0-9-_]+)";
const VERSION_PATTERN: &str = r"(\$LATEST|[0-9]+)";

/// An alias to be made.
#[derive(Debug, Clone, Default)]
pub struct NewAlias {
    /// Its name.
    pub name: String,
    /// The version that it points to.
    pub version: String,
    /// Free text.
    pub description: String,
    /// Shares of another version, by number.
    pub weights: Option<BTreeMap<String, f64>>,
}

/// A change of an alias; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct AliasChange {
    /// The version that it points to.
    pub version: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Shares of another version, by number; replaces all.
    pub weights: Option<BTreeMap<String, f64>>,
    /// The revision that the caller knows.
    pub revision: Option<String>,
}

impl Catalog {
    /// Makes an alias.
    ///
    /// # Errors
    /// [`CatalogError::Conflict`] where it exists, [`NotFound`] where a version does not, and broken constraints.
    pub async fn create_alias(&self, function: &FunctionName, new: &NewAlias) -> Result<Alias, CatalogError> {
        let mut violations = Violations::new();
        violations.length("name", &new.name, &(1..=128));
        let name = AliasName::parse(&new.name).ok();
        if new.name.chars().count() <= 128 {
            violations.pattern("name", &new.name, NAME_PATTERN, name.is_some());
        }
        violations.length("description", &new.description, &(0..=256));
        let version = parse_version("functionVersion", &new.version, &mut violations);
        let weights = parse_weights(new.weights.as_ref(), &mut violations)?;
        violations.finish()?;
        let (Some(name), Some(version)) = (name, version) else {
            return Err(CatalogError::invalid("The alias is malformed."));
        };
        let alias = Alias {
            name,
            version,
            weights: weights.unwrap_or_default(),
            description: new.description.clone(),
            revision: RevisionId::random(),
        };
        if self.snapshot().function(function).is_none() {
            // Named with the version that was meant (recorded 2025).
            let arn = self.arn(function, Some(&Qualifier::Version(version)));
            return Err(NotFound::Function(arn.to_string()).into());
        }
        self.change(function, |function| {
            if function.aliases.contains_key(&alias.name) {
                let qualifier = Qualifier::Alias(alias.name.clone());
                let arn = self.arn(&function.name, Some(&qualifier));
                return Err(CatalogError::Conflict(format!("Alias already exists: {arn}")));
            }
            self.check_alias(function, &alias)?;
            function.aliases.insert(alias.name.clone(), alias.clone());
            Ok(Edited::Changed(()))
        })
        .await?;
        Ok(alias)
    }

    /// Changes an alias.
    ///
    /// # Errors
    /// As [`Catalog::create_alias`], and [`CatalogError::StaleRevision`].
    pub async fn update_alias(
        &self,
        function: &FunctionName,
        name: &str,
        change: &AliasChange,
    ) -> Result<Alias, CatalogError> {
        let mut violations = Violations::new();
        let version =
            change.version.as_ref().and_then(|text| parse_version("functionVersion", text, &mut violations));
        if let Some(description) = &change.description {
            violations.length("description", description, &(0..=256));
        }
        let weights = parse_weights(change.weights.as_ref(), &mut violations)?;
        violations.finish()?;
        let edit = |function: &mut Function| {
            let arn = format!("{}:{name}", self.arn(&function.name, None));
            let present = function.aliases.get(name).ok_or(NotFound::Alias(arn))?;
            if change.revision.as_deref().is_some_and(|known| known != present.revision.to_string()) {
                return Err(CatalogError::StaleRevision { read_with: "GetFunction/GetAlias" });
            }
            let mut alias = present.clone();
            alias.version = version.unwrap_or(alias.version);
            if let Some(description) = &change.description {
                alias.description.clone_from(description);
            }
            if let Some(weights) = &weights {
                alias.weights.clone_from(weights);
            }
            alias.revision = RevisionId::random();
            self.check_alias(function, &alias)?;
            function.aliases.insert(alias.name.clone(), alias.clone());
            Ok(Edited::Changed(alias))
        };
        self.change(function, edit).await.map(|(_, alias)| alias)
    }

    /// Deletes an alias and all that hangs on it; one that does not exist is deleted already.
    ///
    /// # Errors
    /// [`NotFound::Function`].
    pub async fn delete_alias(&self, function: &FunctionName, name: &str) -> Result<(), CatalogError> {
        self.change(function, |function| {
            let Some(alias) = function.aliases.remove(name) else {
                return Ok(Edited::Same(()));
            };
            drop_settings_of(function, &Qualifier::Alias(alias.name));
            Ok(Edited::Changed(()))
        })
        .await?;
        Ok(())
    }

    /// One alias.
    ///
    /// # Errors
    /// [`NotFound::AliasArn`] where the function or the alias does not exist.
    pub fn alias(&self, function: &FunctionName, name: &str) -> Result<Alias, CatalogError> {
        let found =
            self.snapshot().function(function).and_then(|function| function.aliases.get(name).cloned());
        found.ok_or_else(|| NotFound::AliasArn(format!("{}:{name}", self.arn(function, None))).into())
    }

    fn check_alias(&self, function: &Function, alias: &Alias) -> Result<(), CatalogError> {
        for version in std::iter::once(&alias.version).chain(alias.weights.keys()) {
            if version_of(function, *version).is_none() {
                let qualifier = Some(Qualifier::Version(*version));
                return Err(self.no_target(&Target { name: function.name.clone(), qualifier }));
            }
        }
        if alias.weights.is_empty() {
            return Ok(());
        }
        if alias.version == Version::Latest {
            return Err(CatalogError::invalid(
                "$LATEST is not supported for an alias pointing to more than 1 version",
            ));
        }
        if alias.weights.contains_key(&alias.version) {
            return Err(CatalogError::invalid(format!(
                "Invalid function version {0}. Function version {0} is already included in routing configuration.",
                alias.version
            )));
        }
        Ok(())
    }

    /// The aliases of a function, by name; only those that send traffic to `version` where one is given.
    ///
    /// # Errors
    /// [`NotFound::Function`].
    pub fn aliases(
        &self,
        function: &FunctionName,
        version: Option<&str>,
    ) -> Result<Vec<Alias>, CatalogError> {
        let mut violations = Violations::new();
        let version = version.and_then(|text| parse_version("functionVersion", text, &mut violations));
        violations.finish()?;
        let function: Arc<Function> = self.function(function)?;
        let wanted = |alias: &&Alias| {
            version.is_none_or(|version| alias.version == version || alias.weights.contains_key(&version))
        };
        Ok(function.aliases.values().filter(wanted).cloned().collect())
    }
}

fn parse_version(at: &str, text: &str, violations: &mut Violations) -> Option<Version> {
    let version = Version::parse(text).ok();
    violations.pattern(at, text, VERSION_PATTERN, version.is_some());
    version
}

fn parse_weights(
    given: Option<&BTreeMap<String, f64>>,
    violations: &mut Violations,
) -> Result<Option<BTreeMap<Version, f64>>, CatalogError> {
    const AT: &str = "routingConfig.additionalVersionWeights";
    let Some(given) = given else { return Ok(None) };
    let shown = || {
        let pairs: Vec<_> = given.iter().map(|(version, weight)| format!("{version}={weight:?}")).collect();
        format!("{{{}}}", pairs.join(", "))
    };
    let mut weights = BTreeMap::new();
    for (text, weight) in given {
        if !(0.0..=1.0).contains(weight) {
            violations.add(
                AT,
                shown(),
                "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must \
                 have value greater than or equal to 0.0, Member must not be null]",
            );
        }
        match Version::parse(text) {
            Ok(version @ Version::Published(_)) => {
                weights.insert(version, *weight);
            }
            _ => violations.add(
                AT,
                shown(),
                "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must \
                 have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]",
            ),
        }
    }
    if violations.is_empty() && weights.len() > 1 {
        return Err(CatalogError::invalid(
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ));
    }
    Ok(Some(weights))
}
