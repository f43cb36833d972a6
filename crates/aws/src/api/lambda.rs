//! Lambda: the REST-JSON API of 2015-03-31 and the later dated paths, mapped onto the catalog and the invoker.
//!
//! Each file maps one operation or a tight group of them and nothing more: what is valid, and what changes, is decided
//! by `ebb_invoker::catalog`. Shapes are those of the public model (`lambda/2015-03-31/service-2.json`, 2026-11).

mod account;
mod aliases;
mod code_signing;
mod concurrency;
mod configuration;
mod create;
mod errors;
mod event_invoke;
mod event_sources;
mod functions;
mod invoke;
mod invoke_stream;
mod layers;
mod packages;
mod pages;
mod permissions;
mod runtime_settings;
mod tags;
#[cfg(test)]
mod tests;
mod update;
mod urls;
mod versions;

use std::str::FromStr;

use ebb_invoker::Invoker;
use ebb_invoker::catalog::{Catalog, CatalogError, Target, Violations};
use ebb_model::limits;
use ebb_sources::mapping::Mappings;
use http::Method;

use crate::wire::credentials::KeyRing;
use crate::wire::{Api, ApiBuilder, AwsError, Call};

/// The largest request with a package in it: 50 MiB in base64, and room for the rest. The service's own number, as its
/// error message gives it (observed 2025).
const PACKAGE_BODY_BYTES: usize = 70_167_211;
/// A payload, and room to read one that is too large to its end, so that the refusal says so.
const PAYLOAD_BODY_BYTES: usize = 3 * limits::SYNC_PAYLOAD_BYTES;

/// What the operations work on. Cheap to clone.
#[derive(Clone)]
pub struct Lambda {
    /// Runs functions, and knows what is deployed.
    pub invoker: Invoker,
    /// Signs the addresses of packages.
    pub keys: KeyRing,
    /// Where function URLs are.
    pub edge: EdgeAddress,
    /// Feeds functions from queues.
    pub mappings: Mappings,
}

/// The public side of the edge, for the addresses of function URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeAddress {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The domain under which hosts of functions stand, such as `localhost`.
    pub domain: String,
    /// The port; left out of addresses where it is the scheme's own.
    pub port: u16,
}

impl EdgeAddress {
    /// `http://ID.lambda-url.REGION.DOMAIN:PORT/`
    #[must_use]
    pub fn function_url(&self, id: &str, region: &ebb_model::Region) -> String {
        let Self { scheme, domain, port } = self;
        let host = format!("{id}.lambda-url.{region}.{domain}");
        match (*scheme, *port) {
            ("http", 80) | ("https", 443) => format!("{scheme}://{host}/"),
            _ => format!("{scheme}://{host}:{port}/"),
        }
    }
}

impl Lambda {
    fn catalog(&self) -> &Catalog {
        self.invoker.catalog()
    }

    /// The function that the path names, with the qualifier of the query.
    fn target(&self, call: &Call) -> Result<Target, CatalogError> {
        self.catalog().locate(call.path.get("FunctionName"), call.context.query.get("Qualifier"))
    }

    /// The function that the path names, of an operation that has no `Qualifier`.
    fn function(&self, call: &Call) -> Result<Target, CatalogError> {
        self.catalog().locate(call.path.get("FunctionName"), None)
    }
}

/// A parameter of the query that is not text.
///
/// # Errors
/// `ValidationException` where it cannot be read.
fn query_value<T: FromStr>(call: &Call, name: &str, at: &str) -> Result<Option<T>, AwsError> {
    match call.context.query.get(name) {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => {
                let violations = Violations::one(at, text, "Member must be a valid value of its type");
                Err(CatalogError::Validation(violations).into())
            }
        },
    }
}

/// The service, as a table.
#[must_use]
pub fn api(lambda: Lambda) -> Api {
    let builder = Api::rest_json("lambda", "ServiceException", lambda);
    let builder = functions_table(builder);
    let builder = configuration_table(builder);
    let builder = mappings_table(builder);
    let builder = layers_table(builder);
    let builder = code_signing_table(builder);
    unbuilt_table(builder).build()
}

fn functions_table(builder: ApiBuilder<Lambda>) -> ApiBuilder<Lambda> {
    const FUNCTIONS: &str = "/2015-03-31/functions";
    const FUNCTION: &str = "/2015-03-31/functions/{FunctionName}";
    builder
        .route(Method::POST, FUNCTIONS, "CreateFunction", create::create_function)
        .body_limit(PACKAGE_BODY_BYTES)
        .route(Method::GET, FUNCTIONS, "ListFunctions", functions::list_functions)
        .route(Method::GET, FUNCTION, "GetFunction", functions::get_function)
        .route(Method::DELETE, FUNCTION, "DeleteFunction", functions::delete_function)
        .route(Method::PUT, "/2015-03-31/functions/{FunctionName}/code", "UpdateFunctionCode", update::code)
        .body_limit(PACKAGE_BODY_BYTES)
        .route(
            Method::GET,
            "/2015-03-31/functions/{FunctionName}/configuration",
            "GetFunctionConfiguration",
            functions::get_function_configuration,
        )
        .route(
            Method::PUT,
            "/2015-03-31/functions/{FunctionName}/configuration",
            "UpdateFunctionConfiguration",
            update::configuration,
        )
        .route(Method::POST, "/2015-03-31/functions/{FunctionName}/invocations", "Invoke", invoke::invoke)
        .body_limit(PAYLOAD_BODY_BYTES)
        .route(
            Method::POST,
            "/2021-11-15/functions/{FunctionName}/response-streaming-invocations",
            "InvokeWithResponseStream",
            invoke_stream::invoke_with_response_stream,
        )
        .body_limit(PAYLOAD_BODY_BYTES)
        .route(
            Method::POST,
            "/2014-11-13/functions/{FunctionName}/invoke-async",
            "InvokeAsync",
            invoke::invoke_async,
        )
        .route(
            Method::POST,
            "/2015-03-31/functions/{FunctionName}/versions",
            "PublishVersion",
            versions::publish,
        )
        .route(
            Method::GET,
            "/2015-03-31/functions/{FunctionName}/versions",
            "ListVersionsByFunction",
            versions::list,
        )
        .route(Method::POST, "/2015-03-31/functions/{FunctionName}/aliases", "CreateAlias", aliases::create)
        .route(Method::GET, "/2015-03-31/functions/{FunctionName}/aliases", "ListAliases", aliases::list)
        .route(Method::GET, "/2015-03-31/functions/{FunctionName}/aliases/{Name}", "GetAlias", aliases::get)
        .route(
            Method::PUT,
            "/2015-03-31/functions/{FunctionName}/aliases/{Name}",
            "UpdateAlias",
            aliases::update,
        )
        .route(
            Method::DELETE,
            "/2015-03-31/functions/{FunctionName}/aliases/{Name}",
            "DeleteAlias",
            aliases::delete,
        )
        .route(Method::GET, packages::PATH, "DownloadPackage", packages::download)
}

fn configuration_table(builder: ApiBuilder<Lambda>) -> ApiBuilder<Lambda> {
    const POLICY: &str = "/2015-03-31/functions/{FunctionName}/policy";
    const URL: &str = "/2021-10-31/functions/{FunctionName}/url";
    const EVENT_INVOKE: &str = "/2019-09-25/functions/{FunctionName}/event-invoke-config";
    const RESERVED: &str = "/2017-10-31/functions/{FunctionName}/concurrency";
    const PROVISIONED: &str = "/2019-09-30/functions/{FunctionName}/provisioned-concurrency";
    const TAGS: &str = "/2017-03-31/tags/{Resource+}";
    const RUNTIME: &str = "/2021-07-20/functions/{FunctionName}/runtime-management-config";
    const RECURSION: &str = "/2024-08-31/functions/{FunctionName}/recursion-config";
    builder
        .route(Method::POST, POLICY, "AddPermission", permissions::add)
        .route(Method::GET, POLICY, "GetPolicy", permissions::get)
        .route(
            Method::DELETE,
            "/2015-03-31/functions/{FunctionName}/policy/{StatementId}",
            "RemovePermission",
            permissions::remove,
        )
        .route(Method::POST, URL, "CreateFunctionUrlConfig", urls::create)
        .route(Method::GET, URL, "GetFunctionUrlConfig", urls::get)
        .route(Method::PUT, URL, "UpdateFunctionUrlConfig", urls::update)
        .route(Method::DELETE, URL, "DeleteFunctionUrlConfig", urls::delete)
        .route(Method::GET, "/2021-10-31/functions/{FunctionName}/urls", "ListFunctionUrlConfigs", urls::list)
        .route(Method::PUT, EVENT_INVOKE, "PutFunctionEventInvokeConfig", event_invoke::put)
        .route(Method::POST, EVENT_INVOKE, "UpdateFunctionEventInvokeConfig", event_invoke::update)
        .route(Method::GET, EVENT_INVOKE, "GetFunctionEventInvokeConfig", event_invoke::get)
        .route(Method::DELETE, EVENT_INVOKE, "DeleteFunctionEventInvokeConfig", event_invoke::delete)
        .route(
            Method::GET,
            "/2019-09-25/functions/{FunctionName}/event-invoke-config/list",
            "ListFunctionEventInvokeConfigs",
            event_invoke::list,
        )
        .route(Method::PUT, RESERVED, "PutFunctionConcurrency", concurrency::put_reserved)
        .route(Method::DELETE, RESERVED, "DeleteFunctionConcurrency", concurrency::delete_reserved)
        .route(
            Method::GET,
            "/2019-09-30/functions/{FunctionName}/concurrency",
            "GetFunctionConcurrency",
            concurrency::get_reserved,
        )
        .route(Method::PUT, PROVISIONED, "PutProvisionedConcurrencyConfig", concurrency::put_provisioned)
        .route(Method::GET, PROVISIONED, "GetProvisionedConcurrencyConfig", concurrency::get_provisioned)
        .route(
            Method::DELETE,
            PROVISIONED,
            "DeleteProvisionedConcurrencyConfig",
            concurrency::delete_provisioned,
        )
        .route(
            Method::GET,
            "/2019-09-30/functions/{FunctionName}/provisioned-concurrency?List=ALL",
            "ListProvisionedConcurrencyConfigs",
            concurrency::list_provisioned,
        )
        .route(Method::GET, "/2016-08-19/account-settings", "GetAccountSettings", account::settings)
        .route(Method::GET, TAGS, "ListTags", tags::list)
        .route(Method::POST, TAGS, "TagResource", tags::tag)
        .route(Method::DELETE, TAGS, "UntagResource", tags::untag)
        .route(Method::GET, RUNTIME, "GetRuntimeManagementConfig", runtime_settings::get_management)
        .route(Method::PUT, RUNTIME, "PutRuntimeManagementConfig", runtime_settings::put_management)
        .route(Method::GET, RECURSION, "GetFunctionRecursionConfig", runtime_settings::get_recursion)
        .route(Method::PUT, RECURSION, "PutFunctionRecursionConfig", runtime_settings::put_recursion)
}

fn layers_table(builder: ApiBuilder<Lambda>) -> ApiBuilder<Lambda> {
    const VERSIONS: &str = "/2018-10-31/layers/{LayerName}/versions";
    const VERSION: &str = "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}";
    const POLICY: &str = "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy";
    builder
        .route(Method::GET, "/2018-10-31/layers", "ListLayers", layers::list)
        .route(
            Method::GET,
            "/2018-10-31/layers?find=LayerVersion",
            "GetLayerVersionByArn",
            layers::get_by_arn,
        )
        .route(Method::POST, VERSIONS, "PublishLayerVersion", layers::publish)
        .body_limit(PACKAGE_BODY_BYTES)
        .route(Method::GET, VERSIONS, "ListLayerVersions", layers::list_versions)
        .route(Method::GET, VERSION, "GetLayerVersion", layers::get)
        .route(Method::DELETE, VERSION, "DeleteLayerVersion", layers::delete)
        .route(Method::POST, POLICY, "AddLayerVersionPermission", layers::add_permission)
        .route(Method::GET, POLICY, "GetLayerVersionPolicy", layers::get_policy)
        .route(
            Method::DELETE,
            "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy/{StatementId}",
            "RemoveLayerVersionPermission",
            layers::remove_permission,
        )
}

fn code_signing_table(builder: ApiBuilder<Lambda>) -> ApiBuilder<Lambda> {
    const CONFIG: &str = "/2020-04-22/code-signing-configs/{CodeSigningConfigArn}";
    const OF_FUNCTION: &str = "/2020-06-30/functions/{FunctionName}/code-signing-config";
    builder
        .unbuilt(Method::POST, "/2020-04-22/code-signing-configs", "CreateCodeSigningConfig")
        .route(Method::GET, "/2020-04-22/code-signing-configs", "ListCodeSigningConfigs", code_signing::list)
        .route(Method::GET, CONFIG, "GetCodeSigningConfig", code_signing::missing)
        .route(Method::PUT, CONFIG, "UpdateCodeSigningConfig", code_signing::missing)
        .route(Method::DELETE, CONFIG, "DeleteCodeSigningConfig", code_signing::missing)
        .route(
            Method::GET,
            "/2020-04-22/code-signing-configs/{CodeSigningConfigArn}/functions",
            "ListFunctionsByCodeSigningConfig",
            code_signing::missing,
        )
        .route(Method::GET, OF_FUNCTION, "GetFunctionCodeSigningConfig", code_signing::of_function)
        .route(Method::PUT, OF_FUNCTION, "PutFunctionCodeSigningConfig", code_signing::put)
        .route(Method::DELETE, OF_FUNCTION, "DeleteFunctionCodeSigningConfig", code_signing::delete)
}

fn mappings_table(builder: ApiBuilder<Lambda>) -> ApiBuilder<Lambda> {
    const MAPPINGS: &str = "/2015-03-31/event-source-mappings";
    const MAPPING: &str = "/2015-03-31/event-source-mappings/{UUID}";
    builder
        .route(Method::POST, MAPPINGS, "CreateEventSourceMapping", event_sources::create)
        .route(Method::GET, MAPPINGS, "ListEventSourceMappings", event_sources::list)
        .route(Method::GET, MAPPING, "GetEventSourceMapping", event_sources::get)
        .route(Method::PUT, MAPPING, "UpdateEventSourceMapping", event_sources::update)
        .route(Method::DELETE, MAPPING, "DeleteEventSourceMapping", event_sources::delete)
}

/// What the service has and ebb does not: refused by name.
fn unbuilt_table(builder: ApiBuilder<Lambda>) -> ApiBuilder<Lambda> {
    const SCALING: &str = "/2025-11-30/functions/{FunctionName}/function-scaling-config";
    const PROVIDER: &str = "/2025-11-30/capacity-providers/{CapacityProviderName}";
    const DURABLE: &str = "/2025-12-01/durable-executions/{DurableExecutionArn}";
    const RESOURCE_POLICY: &str = "/2026-07-09/resource-policy/{ResourceArn+}";
    builder
        .unbuilt(Method::GET, SCALING, "GetFunctionScalingConfig")
        .unbuilt(Method::PUT, SCALING, "PutFunctionScalingConfig")
        .unbuilt(Method::POST, "/2025-11-30/capacity-providers", "CreateCapacityProvider")
        .unbuilt(Method::GET, "/2025-11-30/capacity-providers", "ListCapacityProviders")
        .unbuilt(Method::GET, PROVIDER, "GetCapacityProvider")
        .unbuilt(Method::PUT, PROVIDER, "UpdateCapacityProvider")
        .unbuilt(Method::DELETE, PROVIDER, "DeleteCapacityProvider")
        .unbuilt(
            Method::GET,
            "/2025-11-30/capacity-providers/{CapacityProviderName}/function-versions",
            "ListFunctionVersionsByCapacityProvider",
        )
        .unbuilt(
            Method::POST,
            "/2025-12-01/durable-execution-callbacks/{CallbackId}/fail",
            "SendDurableExecutionCallbackFailure",
        )
        .unbuilt(
            Method::POST,
            "/2025-12-01/durable-execution-callbacks/{CallbackId}/heartbeat",
            "SendDurableExecutionCallbackHeartbeat",
        )
        .unbuilt(
            Method::POST,
            "/2025-12-01/durable-execution-callbacks/{CallbackId}/succeed",
            "SendDurableExecutionCallbackSuccess",
        )
        .unbuilt(Method::GET, DURABLE, "GetDurableExecution")
        .unbuilt(Method::DELETE, DURABLE, "DeleteDurableExecution")
        .unbuilt(
            Method::POST,
            "/2025-12-01/durable-executions/{DurableExecutionArn}/checkpoint",
            "CheckpointDurableExecution",
        )
        .unbuilt(
            Method::GET,
            "/2025-12-01/durable-executions/{DurableExecutionArn}/history",
            "GetDurableExecutionHistory",
        )
        .unbuilt(
            Method::POST,
            "/2025-12-01/durable-executions/{DurableExecutionArn}/pause",
            "PauseDurableExecution",
        )
        .unbuilt(
            Method::POST,
            "/2025-12-01/durable-executions/{DurableExecutionArn}/resume",
            "ResumeDurableExecution",
        )
        .unbuilt(
            Method::GET,
            "/2025-12-01/durable-executions/{DurableExecutionArn}/state",
            "GetDurableExecutionState",
        )
        .unbuilt(
            Method::POST,
            "/2025-12-01/durable-executions/{DurableExecutionArn}/stop",
            "StopDurableExecution",
        )
        .unbuilt(
            Method::GET,
            "/2025-12-01/functions/{FunctionName}/durable-executions",
            "ListDurableExecutionsByFunction",
        )
        .unbuilt(Method::GET, RESOURCE_POLICY, "GetResourcePolicy")
        .unbuilt(Method::PUT, RESOURCE_POLICY, "PutResourcePolicy")
        .unbuilt(Method::DELETE, RESOURCE_POLICY, "DeleteResourcePolicy")
}
