//! What happens to asynchronous events.

use ebb_model::{EventInvokeConfig, Function, FunctionArn, FunctionReference, limits};

use super::commit::Edited;
use super::{Catalog, CatalogError, NotFound, Target, Violations};

const DESTINATION_PATTERN: &str = r"$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)";
const NO_FUNCTION: NotFound = NotFound::Unnamed("The function doesn't exist.");

/// A destination that a request names; `Some(None)` is one that was named with nothing in it.
pub type Destination = Option<Option<String>>;

/// Asynchronous settings that a request gives.
#[derive(Debug, Clone, Default)]
pub struct EventInvokeChange {
    /// `MaximumEventAgeInSeconds`.
    pub max_event_age_seconds: Option<i64>,
    /// `MaximumRetryAttempts`.
    pub max_retry_attempts: Option<i64>,
    /// `DestinationConfig.OnSuccess`.
    pub on_success: Destination,
    /// `DestinationConfig.OnFailure`.
    pub on_failure: Destination,
}

impl Catalog {
    /// Sets the asynchronous settings of a function, version or alias: all of them, or with `keep` only those given.
    ///
    /// # Errors
    /// [`NotFound`], broken constraints, and [`CatalogError::InvalidParameter`] for impossible destinations.
    pub async fn set_event_invoke(
        &self,
        target: &Target,
        change: &EventInvokeChange,
        keep: bool,
    ) -> Result<(FunctionArn, EventInvokeConfig), CatalogError> {
        change.check_shape()?;
        if change.is_empty() {
            return Err(CatalogError::invalid(
                "You must specify at least one of error handling or destination setting.",
            ));
        }
        let function = self.snapshot().function(&target.name).cloned().ok_or(NO_FUNCTION)?;
        self.qualifier_exists(&function, target).map_err(|_| NO_FUNCTION)?;
        self.check_destinations(target, change)?;
        let key = target.key();
        let arn = self.arn(&target.name, Some(&key));
        let edit = |function: &mut Function| {
            let present = function.event_invoke.get(&key);
            if keep && present.is_none() {
                return Err(NotFound::EventInvokeConfig(arn.to_string()).into());
            }
            let mut config = present.filter(|_| keep).cloned().unwrap_or_else(|| EventInvokeConfig {
                max_event_age_seconds: None,
                max_retry_attempts: None,
                on_success: None,
                on_failure: None,
                last_modified: self.now(),
            });
            change.apply(&mut config);
            config.last_modified = self.now();
            function.event_invoke.insert(key.clone(), config.clone());
            Ok(Edited::Changed(config))
        };
        let (_, config) = self.change(&target.name, edit).await?;
        Ok((arn, config))
    }

    /// The asynchronous settings of a function, version or alias.
    ///
    /// # Errors
    /// [`NotFound::EventInvokeConfig`].
    pub fn event_invoke(&self, target: &Target) -> Result<(FunctionArn, EventInvokeConfig), CatalogError> {
        let key = target.key();
        let arn = self.arn(&target.name, Some(&key));
        let snapshot = self.snapshot();
        let config = snapshot.function(&target.name).and_then(|function| function.event_invoke.get(&key));
        match config {
            Some(config) => Ok((arn, config.clone())),
            None => Err(NotFound::EventInvokeConfig(arn.to_string()).into()),
        }
    }

    /// All asynchronous settings of a function.
    ///
    /// # Errors
    /// [`NotFound`].
    pub fn event_invokes(
        &self,
        target: &Target,
    ) -> Result<Vec<(FunctionArn, EventInvokeConfig)>, CatalogError> {
        let function = self.snapshot().function(&target.name).cloned().ok_or(NO_FUNCTION)?;
        let configs = function.event_invoke.iter();
        Ok(configs.map(|(key, config)| (self.arn(&target.name, Some(key)), config.clone())).collect())
    }

    /// Takes asynchronous settings away.
    ///
    /// # Errors
    /// [`NotFound::EventInvokeConfig`].
    pub async fn delete_event_invoke(&self, target: &Target) -> Result<(), CatalogError> {
        self.event_invoke(target)?;
        let key = target.key();
        let edit = |function: &mut Function| match function.event_invoke.remove(&key) {
            Some(_) => Ok(Edited::Changed(())),
            None => Ok(Edited::Same(())),
        };
        self.change(&target.name, edit).await.map(|_| ())
    }

    fn check_destinations(&self, target: &Target, change: &EventInvokeChange) -> Result<(), CatalogError> {
        for arn in [&change.on_success, &change.on_failure].into_iter().flatten().flatten() {
            let service = arn.split(':').nth(2).unwrap_or_default();
            match service {
                "" | "sqs" | "sns" | "events" => {}
                "s3" if change.on_failure == Some(Some(arn.clone())) => {}
                "lambda" => self.check_function_destination(target, arn)?,
                _ => return Err(CatalogError::invalid(change.refused())),
            }
        }
        Ok(())
    }

    fn check_function_destination(&self, target: &Target, arn: &str) -> Result<(), CatalogError> {
        let invalid = || CatalogError::invalid(format!("The destination ARN {arn} is invalid."));
        let named = FunctionReference::parse(arn).map_err(|_| invalid())?;
        if named.name == target.name {
            return Err(CatalogError::invalid("You can't specify the function as a destination for itself."));
        }
        let snapshot = self.snapshot();
        let function = snapshot.function(&named.name).ok_or_else(invalid)?;
        let place = Target { name: named.name, qualifier: named.qualifier };
        self.qualifier_exists(function, &place).map_err(|_| invalid())
    }
}

impl EventInvokeChange {
    fn is_empty(&self) -> bool {
        self.max_event_age_seconds.is_none()
            && self.max_retry_attempts.is_none()
            && self.on_success.is_none()
            && self.on_failure.is_none()
    }

    fn check_shape(&self) -> Result<(), CatalogError> {
        let mut violations = Violations::new();
        let longest = u32::try_from(limits::MAX_EVENT_AGE.as_secs()).unwrap_or(u32::MAX);
        if let Some(age) = self.max_event_age_seconds {
            violations.range("maximumEventAgeInSeconds", age, &(60..=longest));
        }
        if let Some(attempts) = self.max_retry_attempts {
            violations.range("maximumRetryAttempts", attempts, &(0..=2));
        }
        for (at, destination) in [
            ("destinationConfig.onSuccess.destination", &self.on_success),
            ("destinationConfig.onFailure.destination", &self.on_failure),
        ] {
            if let Some(Some(arn)) = destination {
                violations.pattern(at, arn, DESTINATION_PATTERN, is_destination(arn));
            }
        }
        violations.finish()
    }

    fn apply(&self, config: &mut EventInvokeConfig) {
        let number = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
        if let Some(age) = self.max_event_age_seconds {
            config.max_event_age_seconds = Some(number(age));
        }
        if let Some(attempts) = self.max_retry_attempts {
            config.max_retry_attempts = Some(number(attempts));
        }
        for (given, place) in
            [(&self.on_success, &mut config.on_success), (&self.on_failure, &mut config.on_failure)]
        {
            if let Some(destination) = given {
                *place = destination.clone().filter(|arn| !arn.is_empty());
            }
        }
    }

    /// The service prints the structure that it was given.
    fn refused(&self) -> String {
        let show = |name: &str, destination: &Destination| match destination {
            None => "null".to_owned(),
            Some(arn) => format!("{name}(destination={})", arn.as_deref().unwrap_or("null")),
        };
        format!(
            "The provided destination config DestinationConfig(onSuccess={}, onFailure={}) is invalid.",
            show("OnSuccess", &self.on_success),
            show("OnFailure", &self.on_failure)
        )
    }
}

fn is_destination(text: &str) -> bool {
    if text.is_empty() || text.starts_with("kafka://") {
        return true;
    }
    match text.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", partition, service, region, account, _] => {
            partition.starts_with("aws")
                && !service.is_empty()
                && service.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && (region.is_empty() || ebb_model::Region::parse(region).is_ok())
                && (account.is_empty() || ebb_model::AccountId::parse(account).is_ok())
        }
        _ => false,
    }
}
