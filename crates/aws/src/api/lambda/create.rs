//! `CreateFunction`, and the members that it shares with the updates.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ebb_invoker::catalog::{CodeSource, LoggingInput, NewFunction, SettingsInput};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::Lambda;
use super::configuration::FunctionConfiguration;
use crate::wire::{AwsError, Body, Call, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateFunctionRequest {
    function_name: Option<String>,
    code: Option<CodeMember>,
    package_type: Option<String>,
    publish: Option<bool>,
    tags: Option<BTreeMap<String, String>>,
    code_signing_config_arn: Option<String>,
    #[serde(flatten)]
    settings: SettingsMembers,
}

/// Where code is: a structure of `CreateFunction`, members of `UpdateFunctionCode`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CodeMember {
    zip_file: Option<String>,
    #[serde(rename = "S3Bucket")]
    s3_bucket: Option<String>,
    #[serde(rename = "S3Key")]
    s3_key: Option<String>,
    #[serde(rename = "S3ObjectVersion")]
    s3_object_version: Option<String>,
    image_uri: Option<String>,
}

impl CodeMember {
    /// The one source that was given.
    pub(super) fn source(self) -> Result<Option<CodeSource>, AwsError> {
        if let Some(text) = self.zip_file {
            let bytes = STANDARD.decode(text.as_bytes()).map_err(|error| {
                AwsError::client("SerializationException", format!("ZipFile is not base64: {error}"))
            })?;
            return Ok(Some(CodeSource::Zip(Bytes::from(bytes))));
        }
        Ok(match (self.s3_bucket, self.s3_key, self.image_uri) {
            (Some(bucket), Some(key), _) => {
                Some(CodeSource::Object { bucket, key, version: self.s3_object_version })
            }
            (_, _, Some(uri)) => Some(CodeSource::Image(uri)),
            _ => None,
        })
    }
}

/// The members that configure a function.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SettingsMembers {
    runtime: Option<String>,
    role: Option<String>,
    handler: Option<String>,
    description: Option<String>,
    timeout: Option<i64>,
    memory_size: Option<i64>,
    architectures: Option<Vec<String>>,
    layers: Option<Vec<String>>,
    environment: Option<EnvironmentMember>,
    ephemeral_storage: Option<SizeMember>,
    tracing_config: Option<ModeMember>,
    dead_letter_config: Option<TargetMember>,
    snap_start: Option<ApplyMember>,
    logging_config: Option<LoggingMember>,
    vpc_config: Option<Value>,
    file_system_configs: Option<Value>,
    image_config: Option<Value>,
    #[serde(rename = "KMSKeyArn")]
    kms_key_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EnvironmentMember {
    variables: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SizeMember {
    size: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ModeMember {
    mode: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TargetMember {
    target_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApplyMember {
    apply_on: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LoggingMember {
    log_format: Option<String>,
    application_log_level: Option<String>,
    system_log_level: Option<String>,
    log_group: Option<String>,
}

impl SettingsMembers {
    /// The same for the catalog.
    pub(super) fn input(self) -> SettingsInput {
        let mut stored = BTreeMap::new();
        let mut keep = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                stored.insert(name.to_owned(), value);
            }
        };
        keep("VpcConfig", self.vpc_config.map(vpc_config));
        keep("FileSystemConfigs", self.file_system_configs.map(absent_if_empty));
        keep(
            "ImageConfigResponse",
            self.image_config.map(|config| serde_json::json!({ "ImageConfig": config })),
        );
        keep("KMSKeyArn", self.kms_key_arn.map(|arn| if arn.is_empty() { Value::Null } else { arn.into() }));
        SettingsInput {
            runtime: self.runtime,
            handler: self.handler,
            role: self.role,
            description: self.description,
            timeout_seconds: self.timeout,
            memory_mib: self.memory_size,
            ephemeral_storage_mib: self.ephemeral_storage.and_then(|storage| storage.size),
            environment: self.environment.map(|environment| environment.variables.unwrap_or_default()),
            layers: self.layers,
            architectures: self.architectures,
            tracing: self.tracing_config.and_then(|config| config.mode),
            logging: self.logging_config.map(|logging| LoggingInput {
                format: logging.log_format,
                application_level: logging.application_log_level,
                system_level: logging.system_log_level,
                group: logging.log_group,
            }),
            dead_letter: self.dead_letter_config.map(|config| config.target_arn.unwrap_or_default()),
            snap_start: self.snap_start.and_then(|snap_start| snap_start.apply_on),
            // Servers are no runtimes of this API, and an instance of it takes one event at a time.
            server: None,
            instance_concurrency: None,
            inspect: None,
            stored,
        }
    }
}

/// The service answers with the VPC that the subnets are in; ebb has none. A setting without subnets is shown empty.
fn vpc_config(mut config: Value) -> Value {
    let Some(members) = config.as_object_mut() else { return Value::Null };
    for name in ["SubnetIds", "SecurityGroupIds"] {
        if !members.get(name).is_some_and(Value::is_array) {
            members.insert(name.to_owned(), Value::Array(Vec::new()));
        }
    }
    members.insert("VpcId".to_owned(), "".into());
    config
}

fn absent_if_empty(list: Value) -> Value {
    if list.as_array().is_some_and(Vec::is_empty) { Value::Null } else { list }
}

pub(super) async fn create_function(lambda: Lambda, call: Call) -> Result<Response<Body>, AwsError> {
    let request: CreateFunctionRequest = call.json()?;
    if let Some(arn) = request.code_signing_config_arn {
        return Err(ebb_invoker::catalog::CatalogError::CodeSigningConfigNotFound(arn).into());
    }
    let new = NewFunction {
        name: request.function_name.unwrap_or_default(),
        settings: request.settings.input(),
        code: request.code.map(CodeMember::source).transpose()?.flatten(),
        package_type: request.package_type,
        tags: request.tags.unwrap_or_default(),
        publish: request.publish.unwrap_or(false),
        app: None,
    };
    let (_, version) = lambda.catalog().create(new).await?;
    // Without the version also where one was published (recorded 2025).
    let arn = lambda.catalog().arn(&version.name, None);
    json_response(StatusCode::CREATED, &FunctionConfiguration::new(&version, &arn))
}
