//! What leads to functions: versions, aliases, permissions, mappings, URLs, asynchronous settings.

use ebb_invoker::catalog::{
    AliasChange, CatalogError, EventInvokeChange, NewAlias, NewPermission, Publish, Target, UrlChange,
    UrlConfig,
};
use ebb_model::{FunctionArn, Qualifier, UrlCors};
use ebb_sources::mapping::{Mapping, MappingChange, MappingError};
use serde_json::Value as Json;

use super::super::Inner;
use super::super::record::MadeResource;
use super::functions::target;
use super::{Made, Message, Properties, Wanted, said};

/// Nothing to delete is as good as deleted.
fn gone<T>(result: Result<T, CatalogError>) -> Result<(), Message> {
    match result {
        Ok(_) | Err(CatalogError::NotFound(_)) => Ok(()),
        Err(error) => Err(said(error)),
    }
}

/// A function, version or alias, by name or ARN and a qualifier of its own.
fn qualified(inner: &Inner, reference: &str, qualifier: Option<&str>) -> Result<Target, Message> {
    inner.services.catalog.locate(reference, qualifier).map_err(said)
}

pub(super) async fn create_version(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let catalog = &inner.services.catalog;
    let target = target(&own.required("FunctionName")?)?;
    let publish =
        Publish { description: own.text("Description"), code_sha256: own.text("CodeSha256"), revision: None };
    let (_, version) = catalog.publish_version(&target, &publish).await.map_err(said)?;
    let qualifier = Qualifier::Version(version.version);
    let arn = catalog.arn(&target.name, Some(&qualifier)).to_string();
    let published = Target { name: target.name, qualifier: Some(qualifier) };
    if let Err(message) = provision(inner, &published, &own).await {
        gone(catalog.delete(&published).await)?;
        return Err(message);
    }
    Ok(Made::new(arn.clone(), [("Version", version.version.to_string()), ("FunctionArn", arn)]))
}

/// Keeps instances of a version or alias ready, where its properties ask for it; else keeps none.
async fn provision(inner: &Inner, target: &Target, own: &Properties<'_>) -> Result<(), Message> {
    let catalog = &inner.services.catalog;
    match own.inner("ProvisionedConcurrencyConfig").number("ProvisionedConcurrentExecutions")? {
        Some(count) => catalog.set_provisioned_concurrency(target, count).await.map(drop).map_err(said),
        None => gone(catalog.delete_provisioned_concurrency(target).await),
    }
}

pub(super) async fn delete_version(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let target = qualified(inner, &made.physical, None)?;
    gone(inner.services.catalog.delete(&target).await)
}

fn weights(own: &Properties<'_>) -> Option<std::collections::BTreeMap<String, f64>> {
    let listed = own.inner("RoutingConfig").list("AdditionalVersionWeights");
    let pair = |one: &Json| {
        let one = Properties::of(one);
        Some((one.text("FunctionVersion")?, one.text("FunctionWeight")?.parse().ok()?))
    };
    Some(listed.iter().filter_map(pair).collect())
}

pub(super) async fn create_alias(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let target = target(&own.required("FunctionName")?)?;
    let new = NewAlias {
        name: own.required("Name")?,
        version: own.required("FunctionVersion")?,
        description: own.text("Description").unwrap_or_default(),
        weights: weights(&own),
    };
    inner.services.catalog.create_alias(&target.name, &new).await.map_err(said)?;
    if let Err(message) =
        provision(inner, &qualified(inner, target.name.as_str(), Some(&new.name))?, &own).await
    {
        gone(inner.services.catalog.delete_alias(&target.name, &new.name).await)?;
        return Err(message);
    }
    Ok(alias_made(inner, &target, &new.name))
}

pub(super) async fn update_alias(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let own = wanted.properties();
    let (target, name) = alias_of(before)?;
    let change = AliasChange {
        version: own.text("FunctionVersion"),
        description: Some(own.text("Description").unwrap_or_default()),
        weights: weights(&own),
        revision: None,
    };
    inner.services.catalog.update_alias(&target.name, &name, &change).await.map_err(said)?;
    provision(inner, &qualified(inner, target.name.as_str(), Some(&name))?, &own).await?;
    Ok(alias_made(inner, &target, &name))
}

fn alias_made(inner: &Inner, target: &Target, name: &str) -> Made {
    let arn = format!("{}:{name}", inner.services.catalog.arn(&target.name, None));
    Made::new(arn.clone(), [("AliasArn", arn)])
}

fn alias_of(made: &MadeResource) -> Result<(Target, String), Message> {
    let name = made.physical.rsplit(':').next().unwrap_or_default().to_owned();
    Ok((target(&made.physical)?, name))
}

pub(super) async fn delete_alias(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let (target, name) = alias_of(made)?;
    gone(inner.services.catalog.delete_alias(&target.name, &name).await)
}

pub(super) async fn create_permission(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let target = qualified(inner, &own.required("FunctionName")?, None)?;
    let new = NewPermission {
        statement_id: wanted.name.clone(),
        action: own.required("Action")?,
        principal: own.required("Principal")?,
        source_arn: own.text("SourceArn"),
        source_account: own.text("SourceAccount"),
        event_source_token: own.text("EventSourceToken"),
        function_url_auth_type: own.text("FunctionUrlAuthType"),
        principal_org_id: own.text("PrincipalOrgID"),
        invoked_via_function_url: own.boolean("InvokedViaFunctionUrl")?,
        revision: None,
    };
    inner.services.catalog.add_permission(&target, &new).await.map_err(said)?;
    Ok(Made::new(wanted.name.clone(), [("Id", wanted.name.clone())]))
}

pub(super) async fn delete_permission(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let function = Properties::of(&made.properties).required("FunctionName")?;
    let target = qualified(inner, &function, None)?;
    gone(inner.services.catalog.remove_permission(&target, &made.physical, None).await)
}

fn mapping_change(own: &Properties<'_>) -> Result<MappingChange, Message> {
    let filters = own.inner("FilterCriteria").list("Filters");
    let filters = filters.iter().filter_map(|filter| Properties::of(filter).document("Pattern")).collect();
    let responses = own.texts("FunctionResponseTypes").unwrap_or_default();
    Ok(MappingChange {
        function: Some(own.required("FunctionName")?),
        enabled: Some(own.boolean("Enabled")?.unwrap_or(true)),
        batch_size: Some(own.small("BatchSize")?.unwrap_or(10)),
        window_seconds: Some(own.small("MaximumBatchingWindowInSeconds")?.unwrap_or(0)),
        filters: Some(filters),
        reports_failures: Some(responses.iter().any(|one| one == "ReportBatchItemFailures")),
        maximum_concurrency: Some(own.inner("ScalingConfig").small("MaximumConcurrency")?),
    })
}

pub(super) async fn create_mapping(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let source = own.required("EventSourceArn")?;
    let made = inner.services.mappings.create(&source, mapping_change(&own)?, own.tags()).await;
    made.map(|mapping| mapping_made(inner, &mapping)).map_err(said)
}

pub(super) async fn update_mapping(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let change = mapping_change(&wanted.properties())?;
    let changed = inner.services.mappings.update(&before.physical, change).await;
    changed.map(|mapping| mapping_made(inner, &mapping)).map_err(said)
}

fn mapping_made(inner: &Inner, mapping: &Mapping) -> Made {
    let catalog = &inner.services.catalog;
    let (region, account) = (catalog.region(), catalog.account());
    let arn = format!("arn:aws:lambda:{region}:{account}:event-source-mapping:{}", mapping.id);
    Made::new(mapping.id.clone(), [("Id", mapping.id.clone()), ("EventSourceMappingArn", arn)])
}

pub(super) async fn delete_mapping(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    match inner.services.mappings.delete(&made.physical).await {
        Ok(_) | Err(MappingError::NotFound(_)) => Ok(()),
        Err(error) => Err(said(error)),
    }
}

pub(super) async fn set_event_invoke(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let (function, qualifier) = (own.required("FunctionName")?, own.required("Qualifier")?);
    let target = qualified(inner, &function, Some(&qualifier))?;
    let destination = |name: &str| {
        let arn = own.inner("DestinationConfig").inner(name).text("Destination");
        arn.map(Some)
    };
    let change = EventInvokeChange {
        max_event_age_seconds: own.number("MaximumEventAgeInSeconds")?,
        max_retry_attempts: own.number("MaximumRetryAttempts")?,
        on_success: destination("OnSuccess"),
        on_failure: destination("OnFailure"),
    };
    inner.services.catalog.set_event_invoke(&target, &change, false).await.map_err(said)?;
    Ok(Made::new(format!("{function}|{qualifier}"), []))
}

pub(super) async fn delete_event_invoke(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let (function, qualifier) = made.physical.split_once('|').unwrap_or((&made.physical, "$LATEST"));
    let target = qualified(inner, function, Some(qualifier))?;
    gone(inner.services.catalog.delete_event_invoke(&target).await)
}

fn url_change(own: &Properties<'_>) -> Result<UrlChange, Message> {
    let cors = own.inner("Cors");
    Ok(UrlChange {
        auth: own.text("AuthType"),
        mode: Some(own.text("InvokeMode").unwrap_or_else(|| "BUFFERED".to_owned())),
        cors: Some(UrlCors {
            allow_credentials: cors.boolean("AllowCredentials")?,
            allow_headers: cors.texts("AllowHeaders"),
            allow_methods: cors.texts("AllowMethods"),
            allow_origins: cors.texts("AllowOrigins"),
            expose_headers: cors.texts("ExposeHeaders"),
            max_age: cors.small("MaxAge")?,
        }),
    })
}

pub(super) async fn create_url(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let (function, qualifier) = (own.required("TargetFunctionArn")?, own.text("Qualifier"));
    let target = qualified(inner, &function, qualifier.as_deref())?;
    let made = inner.services.catalog.create_url(&target, &url_change(&own)?).await;
    made.map(|url| url_made(inner, &url)).map_err(said)
}

pub(super) async fn update_url(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let target = qualified(inner, &before.physical, None)?;
    let changed = inner.services.catalog.update_url(&target, &url_change(&wanted.properties())?).await;
    changed.map(|url| url_made(inner, &url)).map_err(said)
}

fn url_made(inner: &Inner, config: &UrlConfig) -> Made {
    let arn: &FunctionArn = &config.arn;
    let region = inner.services.catalog.region();
    let port = if inner.port == 80 { String::new() } else { format!(":{}", inner.port) };
    let url = format!("http://{}.lambda-url.{region}.{}{port}/", config.url.id, inner.domain);
    Made::new(arn.to_string(), [("FunctionArn", arn.to_string()), ("FunctionUrl", url)])
}

pub(super) async fn delete_url(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let target = qualified(inner, &made.physical, None)?;
    gone(inner.services.catalog.delete_url(&target).await)
}
