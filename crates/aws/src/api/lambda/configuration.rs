//! `FunctionConfiguration`: how the service shows a version.

use std::collections::BTreeMap;

use ebb_model::{
    Architecture, Digest, FunctionArn, FunctionState, FunctionVersion, LogFormat, LogLevel, Region, Settings,
    TracingMode, UpdateState,
};
use serde::Serialize;
use serde_json::Value;

/// A version, as most operations show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FunctionConfiguration {
    function_name: String,
    function_arn: String,
    runtime: &'static str,
    role: String,
    handler: String,
    code_size: u64,
    code_sha256: String,
    description: String,
    timeout: u32,
    memory_size: u32,
    ephemeral_storage: EphemeralStorage,
    last_modified: String,
    version: String,
    revision_id: String,
    package_type: &'static str,
    architectures: [&'static str; 1],
    tracing_config: TracingConfig,
    snap_start: SnapStart,
    logging_config: LoggingConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<Environment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter_config: Option<DeadLetterConfig>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    layers: Vec<Layer>,
    #[serde(flatten)]
    stored: BTreeMap<String, Value>,
    #[serde(flatten)]
    state: Option<State>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EphemeralStorage {
    size: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TracingConfig {
    mode: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SnapStart {
    apply_on: &'static str,
    optimization_status: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct LoggingConfig {
    log_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_log_level: Option<LogLevel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_log_level: Option<LogLevel>,
    log_group: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    variables: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DeadLetterConfig {
    target_arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Layer {
    arn: String,
    code_size: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RuntimeVersionConfig {
    runtime_version_arn: String,
}

/// What lists leave out: how the version does at this moment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_reason_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_update_status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_update_status_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_update_status_reason_code: Option<String>,
    runtime_version_config: RuntimeVersionConfig,
}

/// The reason that the service gives for `Pending` and `InProgress`.
const CREATING: (&str, &str) = ("The function is being created.", "Creating");

impl FunctionConfiguration {
    /// A version with its state, under the ARN by which it was asked for.
    pub(super) fn new(version: &FunctionVersion, arn: &FunctionArn) -> Self {
        let state = State::of(version, &arn.region);
        Self { state: Some(state), ..Self::listed(version, arn) }
    }

    /// A version as lists show it.
    pub(super) fn listed(version: &FunctionVersion, arn: &FunctionArn) -> Self {
        let settings = &version.settings;
        Self {
            function_name: version.name.to_string(),
            function_arn: arn.to_string(),
            runtime: settings.runtime.as_str(),
            role: settings.role.clone(),
            handler: settings.handler.clone(),
            code_size: version.code.size,
            code_sha256: version.code.digest.to_base64(),
            description: settings.description.clone(),
            timeout: settings.timeout_seconds,
            memory_size: settings.memory_mib,
            ephemeral_storage: EphemeralStorage { size: settings.ephemeral_storage_mib },
            last_modified: version.last_modified.to_lambda_string(),
            version: version.version.to_string(),
            revision_id: version.revision.to_string(),
            package_type: "Zip",
            architectures: [match settings.architecture {
                Architecture::X86_64 => "x86_64",
                Architecture::Arm64 => "arm64",
            }],
            tracing_config: TracingConfig {
                mode: match settings.tracing {
                    TracingMode::PassThrough => "PassThrough",
                    TracingMode::Active => "Active",
                },
            },
            snap_start: SnapStart {
                apply_on: if settings.snap_start { "PublishedVersions" } else { "None" },
                optimization_status: if version.is_restored() { "On" } else { "Off" },
            },
            logging_config: logging(settings),
            environment: Some(&settings.environment)
                .filter(|variables| !variables.is_empty() || settings.environment_emptied)
                .map(|variables| Environment { variables: variables.clone() }),
            dead_letter_config: settings
                .dead_letter
                .clone()
                .map(|target_arn| DeadLetterConfig { target_arn }),
            layers: layers(settings),
            stored: settings.stored.clone(),
            state: None,
        }
    }
}

fn layers(settings: &Settings) -> Vec<Layer> {
    settings.layers.iter().map(|layer| Layer { arn: layer.arn.to_string(), code_size: layer.size }).collect()
}

fn logging(settings: &Settings) -> LoggingConfig {
    let logging = &settings.logging;
    LoggingConfig {
        log_format: match logging.format {
            LogFormat::Text => "Text",
            LogFormat::Json => "JSON",
        },
        application_log_level: logging.application_level,
        system_log_level: logging.system_level,
        log_group: logging.group.clone(),
    }
}

impl State {
    fn of(version: &FunctionVersion, region: &Region) -> Self {
        let (reason, code) = CREATING;
        let creating = || (Some(reason.to_owned()), Some(code.to_owned()));
        let (state, (state_reason, state_reason_code)) = match &version.state {
            FunctionState::Pending => ("Pending", creating()),
            FunctionState::Active => ("Active", (None, None)),
            FunctionState::Failed { code, reason } => ("Failed", (Some(reason.clone()), Some(code.clone()))),
        };
        let (last_update_status, (update_reason, update_code)) = match (&version.state, &version.update) {
            (FunctionState::Pending | FunctionState::Failed { .. }, _) => (None, (None, None)),
            (FunctionState::Active, UpdateState::InProgress) => (Some("InProgress"), creating()),
            (FunctionState::Active, UpdateState::Successful) => (Some("Successful"), (None, None)),
            (FunctionState::Active, UpdateState::Failed { code, reason }) => {
                (Some("Failed"), (Some(reason.clone()), Some(code.clone())))
            }
        };
        // A runtime version has no number here: its id stands for the name of the runtime.
        let id = Digest::of(version.settings.runtime.as_str().as_bytes());
        Self {
            state,
            state_reason,
            state_reason_code,
            last_update_status,
            last_update_status_reason: update_reason,
            last_update_status_reason_code: update_code,
            runtime_version_config: RuntimeVersionConfig {
                runtime_version_arn: format!("arn:aws:lambda:{region}::runtime:{id}"),
            },
        }
    }
}
