//! Who may call a function: the statements of its resource policies.

use ebb_model::{Function, Policy, Qualifier, RevisionId, Statement, Version};
use serde_json::{Map, Value, json};

use super::commit::Edited;
use super::locate::version_of;
use super::{Catalog, CatalogError, NotFound, Target, Violations, policies};

const ID_PATTERN: &str = "([a-zA-Z0-9-_]+)";
const ACTION_PATTERN: &str = "(lambda:[*]|lambda:[a-zA-Z]+|[*])";

/// A statement to be added.
#[derive(Debug, Clone, Default)]
pub struct NewPermission {
    /// Its id in the policy.
    pub statement_id: String,
    /// As in `lambda:InvokeFunction`.
    pub action: String,
    /// `*`, an account, an ARN or a service.
    pub principal: String,
    /// `SourceArn`: what the call must come from.
    pub source_arn: Option<String>,
    /// `SourceAccount`: whose resource the call must come from.
    pub source_account: Option<String>,
    /// `EventSourceToken`: a token that the caller must have.
    pub event_source_token: Option<String>,
    /// `FunctionUrlAuthType`: the kind of function URL that this is about.
    pub function_url_auth_type: Option<String>,
    /// `PrincipalOrgID`: the organisation that the caller must be in.
    pub principal_org_id: Option<String>,
    /// `InvokedViaFunctionUrl`: whether the call must come through a function URL.
    pub invoked_via_function_url: Option<bool>,
    /// The revision that the caller knows.
    pub revision: Option<String>,
}

impl Catalog {
    /// Adds a statement to the policy of a function, version or alias.
    ///
    /// # Errors
    /// Broken constraints, [`NotFound`], [`CatalogError::Conflict`] where the id is taken, and
    /// [`CatalogError::StaleRevision`].
    pub async fn add_permission(
        &self,
        target: &Target,
        new: &NewPermission,
    ) -> Result<Statement, CatalogError> {
        new.check()?;
        if target.qualifier == Some(Qualifier::Version(Version::Latest)) {
            return Err(CatalogError::invalid("We currently do not support adding policies for $LATEST."));
        }
        let statement = Statement {
            id: new.statement_id.clone(),
            effect: "Allow".to_owned(),
            principal: principal(&new.principal)?,
            action: new.action.clone(),
            resource: self.arn(&target.name, target.qualifier.as_ref()).to_string(),
            condition: new.condition(),
        };
        let edit = |function: &mut Function| {
            self.qualifier_exists(function, target)?;
            check_policy_revision(function, target, new.revision.as_deref())?;
            let key = target.key();
            let revision = RevisionId::random();
            let policy = policies::add(function.policies.get(&key).cloned(), statement.clone(), revision)?;
            function.policies.insert(key, policy);
            touch(function, target, revision);
            Ok(Edited::Changed(()))
        };
        self.change(&target.name, edit).await?;
        Ok(statement)
    }

    /// Takes a statement out of a policy.
    ///
    /// # Errors
    /// [`NotFound`] and [`CatalogError::StaleRevision`].
    pub async fn remove_permission(
        &self,
        target: &Target,
        statement_id: &str,
        known: Option<&str>,
    ) -> Result<(), CatalogError> {
        if !self.snapshot().functions.contains_key(&target.name) {
            return Err(NotFound::PolicyOf(self.arn(&target.name, None).to_string()).into());
        }
        let edit = |function: &mut Function| {
            self.qualifier_exists(function, target)?;
            let key = target.key();
            let present = function.policies.get(&key).ok_or(NotFound::Policy)?;
            let revision = RevisionId::random();
            let left = policies::remove(present, statement_id, revision)?;
            check_policy_revision(function, target, known)?;
            match left {
                Some(policy) => function.policies.insert(key, policy),
                None => function.policies.remove(&key),
            };
            touch(function, target, revision);
            Ok(Edited::Changed(()))
        };
        self.change(&target.name, edit).await.map(|_| ())
    }

    /// The policy of a function, version or alias.
    ///
    /// # Errors
    /// [`NotFound::Unnamed`] where there is none.
    pub fn policy(&self, target: &Target) -> Result<Policy, CatalogError> {
        let snapshot = self.snapshot();
        let function = snapshot.function(&target.name);
        function
            .and_then(|function| function.policies.get(&target.key()).cloned())
            .ok_or_else(|| NotFound::Unnamed("The resource you requested does not exist.").into())
    }
}

impl NewPermission {
    fn check(&self) -> Result<(), CatalogError> {
        let mut violations = Violations::new();
        let word = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        violations.length("statementId", &self.statement_id, &(1..=100));
        violations.pattern("statementId", &self.statement_id, ID_PATTERN, word(&self.statement_id));
        let action = match self.action.strip_prefix("lambda:") {
            Some("*") => true,
            Some(name) => !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic()),
            None => self.action == "*",
        };
        violations.pattern("action", &self.action, ACTION_PATTERN, action);
        let spaceless = !self.principal.is_empty() && !self.principal.contains(char::is_whitespace);
        violations.pattern("principal", &self.principal, r"[^\s]+", spaceless);
        if let Some(account) = &self.source_account {
            let holds = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
            violations.pattern("sourceAccount", account, r"\d{12}", holds);
        }
        if let Some(kind) = &self.function_url_auth_type {
            violations.choice("functionUrlAuthType", kind, &[("NONE", ()), ("AWS_IAM", ())]);
        }
        violations.finish()?;
        if self.function_url_auth_type.is_some() && self.action != "lambda:InvokeFunctionUrl" {
            return Err(CatalogError::invalid(
                "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
            ));
        }
        Ok(())
    }

    /// Conditions in the form that the service gives them (observed 2025).
    fn condition(&self) -> Option<Value> {
        let mut equals = Map::new();
        for (key, value) in [
            ("AWS:SourceAccount", &self.source_account),
            ("lambda:EventSourceToken", &self.event_source_token),
            ("lambda:FunctionUrlAuthType", &self.function_url_auth_type),
            ("aws:PrincipalOrgID", &self.principal_org_id),
        ] {
            if let Some(value) = value {
                equals.insert(key.to_owned(), Value::String(value.clone()));
            }
        }
        let mut condition = Map::new();
        if !equals.is_empty() {
            condition.insert("StringEquals".to_owned(), Value::Object(equals));
        }
        if let Some(arn) = &self.source_arn {
            condition.insert("ArnLike".to_owned(), json!({ "AWS:SourceArn": arn }));
        }
        if let Some(through_url) = self.invoked_via_function_url {
            let bool = json!({ "lambda:InvokedViaFunctionUrl": through_url.to_string() });
            condition.insert("Bool".to_owned(), bool);
        }
        Some(Value::Object(condition))
            .filter(|condition| condition.as_object().is_some_and(|map| !map.is_empty()))
    }
}

/// The principal in the form that policies have it.
pub(super) fn principal(text: &str) -> Result<Value, CatalogError> {
    let service = [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"];
    if text == "*" {
        Ok(json!("*"))
    } else if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        Ok(json!({ "AWS": format!("arn:aws:iam::{text}:root") }))
    } else if text.starts_with("arn:") && (text.contains(":iam::") || text.contains(":sts::")) {
        Ok(json!({ "AWS": text }))
    } else if service.iter().any(|suffix| text.ends_with(suffix)) {
        Ok(json!({ "Service": text }))
    } else {
        Err(CatalogError::invalid(
            "The provided principal was invalid. Please check the principal and try again.",
        ))
    }
}

/// A caller may know the revision of the policy, or of what it hangs on: the service moves both together.
fn check_policy_revision(
    function: &Function,
    target: &Target,
    known: Option<&str>,
) -> Result<(), CatalogError> {
    let Some(known) = known else { return Ok(()) };
    let of_policy = function.policies.get(&target.key()).map(|policy| policy.revision);
    let of_target = match target.key() {
        Qualifier::Version(version) => version_of(function, version).map(|version| version.revision),
        Qualifier::Alias(alias) => function.aliases.get(&alias).map(|alias| alias.revision),
    };
    let matches = [of_policy, of_target].into_iter().flatten().any(|revision| revision.to_string() == known);
    if matches { Ok(()) } else { Err(CatalogError::StaleRevision { read_with: "GetPolicy" }) }
}

/// Moves the revision of what a policy hangs on with it; published versions keep theirs.
fn touch(function: &mut Function, target: &Target, revision: RevisionId) {
    match &target.qualifier {
        None => {
            let mut latest = ebb_model::FunctionVersion::clone(&function.latest);
            latest.revision = revision;
            function.latest = std::sync::Arc::new(latest);
        }
        Some(Qualifier::Alias(name)) => {
            if let Some(alias) = function.aliases.get_mut(name) {
                alias.revision = revision;
            }
        }
        Some(Qualifier::Version(_)) => {}
    }
}
