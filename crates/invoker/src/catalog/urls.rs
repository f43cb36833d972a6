//! Function URLs.

use ebb_model::{
    Function, FunctionArn, FunctionUrl, InvokeMode, Qualifier, RequestId, UrlAuth, UrlCors, Version,
};

use super::commit::Edited;
use super::{Catalog, CatalogError, NotFound, Target, Violations};

const QUALIFIER_PATTERN: &str = r"((?!^\d+$)^[0-9a-zA-Z-_]+$)";
const NO_FUNCTION: NotFound = NotFound::Unnamed("Function does not exist");
const NO_RESOURCE: NotFound = NotFound::Unnamed("The resource you requested does not exist.");

/// Settings of a function URL; what is absent stays, or is as the service has it.
#[derive(Debug, Clone, Default)]
pub struct UrlChange {
    /// `AuthType`; required for a new one.
    pub auth: Option<String>,
    /// `InvokeMode`; `BUFFERED` for a new one.
    pub mode: Option<String>,
    /// `Cors`; replaces all, and takes it away where it says nothing.
    pub cors: Option<UrlCors>,
}

/// A function URL, and what it invokes.
#[derive(Debug, Clone, PartialEq)]
pub struct UrlConfig {
    /// What it invokes.
    pub arn: FunctionArn,
    /// The URL.
    pub url: FunctionUrl,
}

struct CheckedChange {
    auth: Option<UrlAuth>,
    mode: Option<InvokeMode>,
}

impl Catalog {
    /// Makes the URL of a function or alias.
    ///
    /// # Errors
    /// Broken constraints, [`NotFound`], and [`CatalogError::Conflict`] where there is one.
    pub async fn create_url(&self, target: &Target, change: &UrlChange) -> Result<UrlConfig, CatalogError> {
        let mut violations = url_target(target);
        if change.auth.is_none() {
            violations.missing("authType");
        }
        let checked = change.check(violations)?;
        self.url_function(target, NO_FUNCTION)?;
        let arn = self.arn(&target.name, target.qualifier.as_ref());
        let now = self.now();
        let url = FunctionUrl {
            id: RequestId::random().uuid().simple().to_string(),
            auth: checked.auth.unwrap_or(UrlAuth::AwsIam),
            mode: checked.mode.unwrap_or(InvokeMode::Buffered),
            mode_named: checked.mode.is_some(),
            cors: change.cors.clone().filter(|cors| *cors != UrlCors::default()),
            created: now,
            last_modified: now,
        };
        let edit = |function: &mut Function| {
            if function.urls.contains_key(&target.key()) {
                return Err(CatalogError::Conflict(format!(
                    "Failed to create function url config for [functionArn = {arn}]. Error message:  \
                     FunctionUrlConfig exists for this Lambda function"
                )));
            }
            function.urls.insert(target.key(), url.clone());
            Ok(Edited::Changed(()))
        };
        self.change(&target.name, edit).await?;
        Ok(UrlConfig { arn, url })
    }

    /// Changes a URL; its address stays.
    ///
    /// # Errors
    /// As [`Catalog::create_url`].
    pub async fn update_url(&self, target: &Target, change: &UrlChange) -> Result<UrlConfig, CatalogError> {
        let checked = change.check(url_target(target))?;
        self.url_function(target, NO_FUNCTION)?;
        let edit = |function: &mut Function| {
            let url = function.urls.get_mut(&target.key()).ok_or(NO_RESOURCE)?;
            url.auth = checked.auth.unwrap_or(url.auth);
            url.mode = checked.mode.unwrap_or(url.mode);
            url.mode_named |= checked.mode.is_some();
            if let Some(cors) = &change.cors {
                url.cors = Some(cors.clone()).filter(|cors| *cors != UrlCors::default());
            }
            url.last_modified = self.now();
            Ok(Edited::Changed(url.clone()))
        };
        let (_, url) = self.change(&target.name, edit).await?;
        Ok(UrlConfig { arn: self.arn(&target.name, target.qualifier.as_ref()), url })
    }

    /// Takes a URL away.
    ///
    /// # Errors
    /// [`NotFound`].
    pub async fn delete_url(&self, target: &Target) -> Result<(), CatalogError> {
        url_target(target).finish()?;
        self.url_function(target, NO_RESOURCE)?;
        let edit = |function: &mut Function| {
            function.urls.remove(&target.key()).ok_or(NO_RESOURCE)?;
            Ok(Edited::Changed(()))
        };
        self.change(&target.name, edit).await.map(|_| ())
    }

    /// The URL of a function or alias.
    ///
    /// # Errors
    /// [`NotFound`].
    pub fn url(&self, target: &Target) -> Result<UrlConfig, CatalogError> {
        url_target(target).finish()?;
        let function = self.url_function(target, NO_RESOURCE)?;
        let url = function.urls.get(&target.key()).cloned().ok_or(NO_RESOURCE)?;
        Ok(UrlConfig { arn: self.arn(&target.name, target.qualifier.as_ref()), url })
    }

    /// Every URL of a function, the unqualified one first.
    ///
    /// # Errors
    /// [`NotFound`].
    pub fn urls(&self, target: &Target) -> Result<Vec<UrlConfig>, CatalogError> {
        let function = self.snapshot().function(&target.name).cloned().ok_or(NO_FUNCTION)?;
        let config = |(qualifier, url): (&Qualifier, &FunctionUrl)| UrlConfig {
            arn: self.arn(&target.name, Some(qualifier).filter(|key| !is_unqualified(key))),
            url: url.clone(),
        };
        Ok(function.urls.iter().map(config).collect())
    }

    fn url_function(
        &self,
        target: &Target,
        missing: NotFound,
    ) -> Result<std::sync::Arc<Function>, CatalogError> {
        let function = self.snapshot().function(&target.name).cloned();
        let Some(function) = function else { return Err(missing.into()) };
        match &target.qualifier {
            Some(Qualifier::Alias(alias)) if !function.aliases.contains_key(alias) => Err(missing.into()),
            _ => Ok(function),
        }
    }
}

impl UrlChange {
    fn check(&self, mut violations: Violations) -> Result<CheckedChange, CatalogError> {
        let auth = self.auth.as_ref().and_then(|text| {
            violations.choice("authType", text, &[("NONE", UrlAuth::None), ("AWS_IAM", UrlAuth::AwsIam)])
        });
        let mode = self.mode.as_ref().and_then(|text| {
            let modes = [("RESPONSE_STREAM", InvokeMode::ResponseStream), ("BUFFERED", InvokeMode::Buffered)];
            violations.choice("invokeMode", text, &modes)
        });
        if let Some(age) = self.cors.as_ref().and_then(|cors| cors.max_age) {
            violations.range("cors.maxAge", i64::from(age), &(0..=86_400));
        }
        violations.finish()?;
        Ok(CheckedChange { auth, mode })
    }
}

/// A URL hangs on a function or an alias, never on a version.
fn url_target(target: &Target) -> Violations {
    let mut violations = Violations::new();
    if let Some(qualifier @ Qualifier::Version(_)) = &target.qualifier {
        violations.pattern("qualifier", &qualifier.to_string(), QUALIFIER_PATTERN, false);
    }
    violations
}

fn is_unqualified(key: &Qualifier) -> bool {
    matches!(key, Qualifier::Version(Version::Latest))
}
