//! Which function a request means.

use std::sync::Arc;

use ebb_model::{
    Function, FunctionName, FunctionReference, FunctionVersion, InvalidName, InvalidReference, Qualifier,
    Version,
};

use super::{Catalog, CatalogError, NotFound, Violations};

/// The pattern of a function's name wherever an existing function is meant.
pub(super) const REFERENCE_PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";
/// The pattern where a function is made.
const NEW_NAME_PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?";
const QUALIFIER_PATTERN: &str = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+";

/// A function of this account and region, and what follows its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: FunctionName,
    /// The version or alias that was asked for.
    pub qualifier: Option<Qualifier>,
}

impl Target {
    /// The reference that an invocation carries.
    #[must_use]
    pub fn reference(&self) -> FunctionReference {
        FunctionReference { qualifier: self.qualifier.clone(), ..FunctionReference::named(self.name.clone()) }
    }

    /// What settings of the unqualified function are kept under: the qualifier, else `$LATEST`.
    pub(super) fn key(&self) -> Qualifier {
        self.qualifier.clone().unwrap_or(Qualifier::Version(Version::Latest))
    }
}

impl Catalog {
    /// Reads a name, a partial ARN or an ARN, with the separate `Qualifier` parameter where there is one.
    /// The function need not exist.
    ///
    /// # Errors
    /// [`CatalogError::Validation`] for a malformed one, [`NotFound`] where it cannot exist here, and
    /// [`CatalogError::InvalidParameter`] where the two qualifiers differ.
    pub fn locate(&self, reference: &str, qualifier: Option<&str>) -> Result<Target, CatalogError> {
        let mut violations = Violations::new();
        if let Some(text) = qualifier {
            violations.length("qualifier", text, &(1..=128));
            let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'$');
            let holds = text == "$LATEST.PUBLISHED" || text.bytes().all(legal);
            violations.pattern("qualifier", text, QUALIFIER_PATTERN, holds);
        }
        if names_no_region(reference) {
            violations.pattern("functionName", reference, REFERENCE_PATTERN, false);
            return Err(CatalogError::Validation(violations));
        }
        let parsed = match FunctionReference::parse(reference) {
            Ok(parsed) => parsed,
            Err(error) => return Err(self.unreadable(reference, qualifier, &error, violations)),
        };
        violations.finish()?;
        if let Some(region) = parsed.region.as_ref().filter(|region| *region != self.region()) {
            let (asked, served) = (region.to_string(), self.region().to_string());
            return Err(NotFound::Region { asked, served }.into());
        }
        if let Some(account) = parsed.account.as_ref().filter(|account| *account != self.account()) {
            return Err(CatalogError::OtherAccount(account.to_string()));
        }
        let qualifier = match qualifier.map(Qualifier::parse).transpose() {
            Ok(qualifier) => qualifier,
            Err(error) => {
                let arn = format!("{}:{}", self.arn(&parsed.name, None), error.value);
                return Err(NotFound::Function(arn).into());
            }
        };
        let located =
            parsed.with_qualifier(qualifier).map_err(|error| CatalogError::invalid(error.to_string()))?;
        Ok(Target { name: located.name, qualifier: located.qualifier })
    }

    /// A name that is too long is a function that does not exist; anything else that cannot be read is malformed.
    fn unreadable(
        &self,
        reference: &str,
        qualifier: Option<&str>,
        error: &InvalidReference,
        mut violations: Violations,
    ) -> CatalogError {
        if let InvalidReference::Part(part) = error
            && is_long_name(part)
            && violations.is_empty()
        {
            let suffix = qualifier.map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
            let (region, account) = (self.region(), self.account());
            return NotFound::Function(format!(
                "arn:aws:lambda:{region}:{account}:function:{}{suffix}",
                part.value
            ))
            .into();
        }
        violations.pattern("functionName", reference, REFERENCE_PATTERN, false);
        CatalogError::Validation(violations)
    }

    /// Reads the name of a function that is to be made.
    ///
    /// # Errors
    /// [`CatalogError::Validation`] or [`CatalogError::InvalidParameter`] where it is malformed.
    pub fn new_name(&self, text: &str) -> Result<FunctionName, CatalogError> {
        let mut violations = Violations::new();
        violations.length("functionName", text, &(1..=140));
        if names_no_region(text) {
            violations.pattern("functionName", text, NEW_NAME_PATTERN, false);
            return Err(CatalogError::Validation(violations));
        }
        match FunctionReference::parse(text) {
            Ok(_) => {
                violations.finish()?;
                self.locate(text, None).map(|target| target.name)
            }
            Err(InvalidReference::Part(part)) if is_long_name(&part) => {
                violations.finish()?;
                let mut violations = Violations::new();
                violations.length("functionName", &part.value, &(1..=64));
                Err(CatalogError::InvalidParameter(violations.to_string()))
            }
            // The pattern has no word on the length of a qualifier.
            Err(InvalidReference::Part(part)) if is_long_qualifier(&part) && !violations.is_empty() => {
                Err(CatalogError::Validation(violations))
            }
            Err(_) => {
                violations.pattern("functionName", text, NEW_NAME_PATTERN, false);
                Err(CatalogError::Validation(violations))
            }
        }
    }

    /// The function, and the version that the qualifier stands for: an alias gives the version that gets most of its
    /// traffic by configuration, its primary one.
    ///
    /// # Errors
    /// [`NotFound::Function`] with the ARN that was asked for.
    pub fn version(&self, target: &Target) -> Result<(Arc<Function>, Arc<FunctionVersion>), CatalogError> {
        let missing = || self.no_target(target);
        let function = self.snapshot().function(&target.name).cloned().ok_or_else(missing)?;
        let version = match &target.qualifier {
            None => Version::Latest,
            Some(Qualifier::Version(version)) => *version,
            Some(Qualifier::Alias(alias)) => function.aliases.get(alias).ok_or_else(missing)?.version,
        };
        let version = version_of(&function, version).cloned().ok_or_else(missing)?;
        Ok((function, version))
    }

    /// The function did not turn out to have what was asked for.
    pub(super) fn no_target(&self, target: &Target) -> CatalogError {
        NotFound::Function(self.arn(&target.name, target.qualifier.as_ref()).to_string()).into()
    }

    /// Checks that a version or alias exists, where the service tells a missing alias from a missing version.
    pub(super) fn qualifier_exists(&self, function: &Function, target: &Target) -> Result<(), CatalogError> {
        match &target.qualifier {
            Some(Qualifier::Alias(alias)) if !function.aliases.contains_key(alias) => {
                Err(self.no_alias(target).into())
            }
            Some(Qualifier::Version(version)) if version_of(function, *version).is_none() => {
                Err(self.no_target(target))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn no_alias(&self, target: &Target) -> NotFound {
        NotFound::AliasArn(self.arn(&target.name, target.qualifier.as_ref()).to_string())
    }
}

/// Whether a name has the right form and is only too long.
fn is_long_name(part: &InvalidName) -> bool {
    part.what == "function name"
        && part.value.len() > 64
        && part.value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn is_long_qualifier(part: &InvalidName) -> bool {
    part.what == "qualifier"
        && part.value.len() > 128
        && part.value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Whether a reference is an ARN whose region has not the form that the service's pattern asks for.
fn names_no_region(reference: &str) -> bool {
    let mut parts = reference.split(':');
    parts.next() == Some("arn") && parts.nth(2).is_some_and(|region| !is_region(region))
}

/// `(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}`
fn is_region(text: &str) -> bool {
    let letters = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let parts: Vec<&str> = text.strip_prefix("eusc-").unwrap_or(text).split('-').collect();
    let (country, rest) = match parts.as_slice() {
        [country, special, rest @ ..]
            if rest.len() == 2
                && (*special == "gov"
                    || (special.starts_with("iso") && special.len() <= 4 && letters(special))) =>
        {
            (*country, rest)
        }
        [country, rest @ ..] => (*country, rest),
        [] => return false,
    };
    let [area, number] = rest else { return false };
    country.len() == 2
        && letters(country)
        && letters(area)
        && number.len() == 1
        && number.as_bytes()[0].is_ascii_digit()
}

/// A version of a function by number.
pub(super) fn version_of(function: &Function, version: Version) -> Option<&Arc<FunctionVersion>> {
    match version {
        Version::Latest => Some(&function.latest),
        Version::Published(number) => function.versions.get(&number),
    }
}
