//! The configuration of a function, from what a request says about it.

use std::collections::BTreeMap;

use ebb_model::{
    Architecture, FunctionName, INSPECT_VARIABLE, LayerReference, LayerVersionArn, RuntimeFamily,
    RuntimeName, ServerSettings, Settings, TracingMode, UnknownRuntime, limits,
};
use serde_json::Value;

use super::{Catalog, CatalogError, Violations, environment, logging};

/// What a request says about the configuration of a function; nothing is said by what is absent.
///
/// Values are as they came: this is where they are checked, with the messages of the service, for every caller.
#[derive(Debug, Clone, Default)]
pub struct SettingsInput {
    /// `Runtime`.
    pub runtime: Option<String>,
    /// `Handler`.
    pub handler: Option<String>,
    /// `Role`.
    pub role: Option<String>,
    /// `Description`.
    pub description: Option<String>,
    /// `Timeout`, in seconds.
    pub timeout_seconds: Option<i64>,
    /// `MemorySize`, in MiB.
    pub memory_mib: Option<i64>,
    /// `EphemeralStorage.Size`, in MiB.
    pub ephemeral_storage_mib: Option<i64>,
    /// `Environment.Variables`; replaces all.
    pub environment: Option<BTreeMap<String, String>>,
    /// `Layers`, as ARNs of layer versions, lowest first; replaces all.
    pub layers: Option<Vec<String>>,
    /// `Architectures`.
    pub architectures: Option<Vec<String>>,
    /// `TracingConfig.Mode`.
    pub tracing: Option<String>,
    /// `LoggingConfig`.
    pub logging: Option<LoggingInput>,
    /// `DeadLetterConfig.TargetArn`; empty takes it away.
    pub dead_letter: Option<String>,
    /// `SnapStart.ApplyOn`.
    pub snap_start: Option<String>,
    /// How a server gets its events. Only who says this may choose a runtime that is a server: the Lambda API has none.
    pub server: Option<ServerSettings>,
    /// How many events an instance takes at a time; the Lambda API has no such setting for what ebb runs.
    pub instance_concurrency: Option<u32>,
    /// The port where a debugger reaches it, which counts where the environment is said.
    pub inspect: Option<u16>,
    /// Settings that are kept and returned only, by their API name; null takes one away.
    pub stored: BTreeMap<String, Value>,
}

/// What a request says about logging.
#[derive(Debug, Clone, Default)]
pub struct LoggingInput {
    /// `LogFormat`.
    pub format: Option<String>,
    /// `ApplicationLogLevel`.
    pub application_level: Option<String>,
    /// `SystemLogLevel`.
    pub system_level: Option<String>,
    /// `LogGroup`.
    pub group: Option<String>,
}

const ROLE_PATTERN: &str = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+";
const LAYER_PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)";
const ARN_PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()";
const TRACING: &[(&str, TracingMode)] =
    &[("Active", TracingMode::Active), ("PassThrough", TracingMode::PassThrough)];
const SNAP_START: &[(&str, bool)] = &[("PublishedVersions", true), ("None", false)];

/// Runtimes that the service itself has stopped creating functions for, and that nothing here runs.
const RETIRED: &[&str] = &[
    "nodejs",
    "nodejs4.3",
    "nodejs6.10",
    "nodejs8.10",
    "nodejs10.x",
    "nodejs12.x",
    "python2.7",
    "python3.6",
    "dotnetcore1.0",
    "dotnetcore2.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "ruby2.5",
    "ruby2.7",
];

impl SettingsInput {
    /// Notes every constraint of the service's model that is broken.
    fn check_shape(&self, violations: &mut Violations) {
        if let Some(role) = &self.role {
            violations.pattern("role", role, ROLE_PATTERN, is_role(role));
        }
        if let Some(handler) = &self.handler {
            // The handler of a server is a command.
            let (most, spaced) = if self.server.is_some() { (4096, true) } else { (128, false) };
            violations.length("handler", handler, &(0..=most));
            let holds = spaced || !handler.contains(char::is_whitespace);
            violations.pattern("handler", handler, r"[^\s]+", holds);
        }
        if let Some(description) = &self.description {
            violations.length("description", description, &(0..=256));
        }
        if let Some(seconds) = self.timeout_seconds {
            violations.range("timeout", seconds, &limits::TIMEOUT_SECONDS);
        }
        if let Some(size) = self.memory_mib {
            violations.range("memorySize", size, &limits::MEMORY_MIB);
        }
        if let Some(size) = self.ephemeral_storage_mib {
            violations.range("ephemeralStorage.size", size, &limits::EPHEMERAL_STORAGE_MIB);
        }
        if let Some(variables) = &self.environment {
            environment::check_names(variables, violations);
        }
        if let Some(target) = &self.dead_letter {
            let holds = target.is_empty() || target.starts_with("arn:");
            violations.pattern("deadLetterConfig.targetArn", target, ARN_PATTERN, holds);
        }
        if let Some(vpc) = self.stored.get("VpcConfig") {
            check_vpc(vpc, violations);
        }
        if let Some(layers) = &self.layers
            && layers.iter().any(|arn| LayerVersionArn::parse(arn).is_err())
        {
            let constraint = format!(
                "Member must satisfy constraint: [Member must have length less than or equal to 2048, Member must \
                 have length greater than or equal to 1, Member must satisfy regular expression pattern: \
                 {LAYER_PATTERN}, Member must not be null]"
            );
            violations.add("layers", format!("[{}]", layers.join(", ")), &constraint);
        }
    }
}

impl Catalog {
    /// The settings of a new function.
    pub(super) fn new_settings(
        &self,
        name: &FunctionName,
        input: &SettingsInput,
    ) -> Result<Settings, CatalogError> {
        let mut violations = Violations::new();
        let Some(role) = &input.role else {
            violations.missing("role");
            return Err(CatalogError::Validation(violations));
        };
        let (Some(runtime), Some(handler)) = (&input.runtime, &input.handler) else {
            input.check_shape(&mut violations);
            violations.finish()?;
            return Err(CatalogError::invalid(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
            ));
        };
        let standard = Settings {
            // Overwritten below; an unknown one is reported after every broken constraint, as the service does.
            runtime: RuntimeName::parse(runtime)
                .or_else(|_| RuntimeName::parse("provided.al2023"))
                .map_err(|error| CatalogError::InvalidParameter(error.to_string()))?,
            handler: handler.clone(),
            role: role.clone(),
            description: String::new(),
            timeout_seconds: 3,
            memory_mib: *limits::MEMORY_MIB.start(),
            ephemeral_storage_mib: *limits::EPHEMERAL_STORAGE_MIB.start(),
            environment: BTreeMap::new(),
            layers: Vec::new(),
            architecture: Architecture::X86_64,
            tracing: TracingMode::PassThrough,
            logging: logging::standard(name),
            dead_letter: None,
            snap_start: false,
            environment_emptied: false,
            server: None,
            instance_concurrency: 1,
            stored: BTreeMap::new(),
        };
        self.applied(standard, input)
    }

    /// These settings with what the request says about them.
    pub(super) fn applied(
        &self,
        mut settings: Settings,
        input: &SettingsInput,
    ) -> Result<Settings, CatalogError> {
        let mut violations = Violations::new();
        input.check_shape(&mut violations);
        apply_choices(&mut settings, input, &mut violations);
        if let Some(logging) = &input.logging {
            logging::apply(&mut settings.logging, logging, &mut violations);
        }
        violations.finish()?;
        if let Some(logging) = &input.logging {
            logging::check_levels(&settings.logging, logging)?;
        }
        if let Some(runtime) = &input.runtime {
            settings.runtime = parse_runtime(runtime, input.server.is_some())?;
        }
        if let Some(server) = &input.server {
            settings.server = Some(server.clone());
        }
        if !settings.runtime.family().may_be_server() {
            settings.server = None;
        } else if settings.runtime.family() == RuntimeFamily::Wasm {
            // What is a component needs no more said about it than its runtime.
            settings.server.get_or_insert_with(ServerSettings::of_components);
        }
        settings.instance_concurrency = instance_concurrency(&settings, input)?;
        apply_values(&mut settings, input);
        if let Some(variables) = &input.environment {
            environment::check(variables)?;
            settings.environment.clone_from(variables);
            settings.environment_emptied = variables.is_empty();
            let debugged = input.inspect.map(|port| (INSPECT_VARIABLE.to_owned(), port.to_string()));
            settings.environment.extend(debugged);
        }
        if let Some(layers) = &input.layers {
            settings.layers = self.resolve_layers(layers)?;
        }
        Ok(settings)
    }

    fn resolve_layers(&self, arns: &[String]) -> Result<Vec<LayerReference>, CatalogError> {
        if arns.len() > limits::LAYERS {
            return Err(CatalogError::invalid(format!(
                "Cannot reference more than {} layers.",
                limits::LAYERS
            )));
        }
        let snapshot = self.snapshot();
        let mut references: Vec<LayerReference> = Vec::with_capacity(arns.len());
        for text in arns {
            let arn =
                LayerVersionArn::parse(text).map_err(|error| CatalogError::invalid(error.to_string()))?;
            if arn.layer.region != *self.region() {
                return Err(CatalogError::invalid(format!(
                    "Layers are not in the same region as the function. Layers are expected to be in region {}.",
                    self.region()
                )));
            }
            if let Some(other) = references.iter().find(|other| other.arn.layer == arn.layer) {
                return Err(CatalogError::invalid(format!(
                    "Two different versions of the same layer are not allowed to be referenced in the same function. \
                     {} and {arn} are versions of the same layer.",
                    other.arn
                )));
            }
            let found =
                snapshot.layers.get(&arn.layer.name).and_then(|layer| layer.versions.get(&arn.version));
            let Some(layer) = found.filter(|layer| layer.arn == arn) else {
                return Err(CatalogError::invalid(format!("Layer version {arn} does not exist.")));
            };
            references.push(LayerReference { arn, digest: layer.digest, size: layer.size });
        }
        Ok(references)
    }
}

/// Source: the public model of Lambda (2026-11), `SubnetIds` and `SecurityGroupIds`.
fn check_vpc(vpc: &Value, violations: &mut Violations) {
    for (member, at, prefix, pattern) in [
        ("SubnetIds", "vpcConfig.subnetIds", "subnet-", "subnet-[0-9a-z]*"),
        ("SecurityGroupIds", "vpcConfig.securityGroupIds", "sg-", "sg-[0-9a-zA-Z]*"),
    ] {
        let ids: Vec<&str> = vpc[member].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let right = |id: &&str| {
            id.strip_prefix(prefix).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphanumeric()))
        };
        if !ids.iter().all(right) {
            let constraint = format!(
                "Member must satisfy constraint: [Member must have length less than or equal to 1024, Member must have \
                 length greater than or equal to 0, Member must satisfy regular expression pattern: {pattern}]"
            );
            violations.add(at, format!("[{}]", ids.join(", ")), &constraint);
        }
    }
}

fn apply_choices(settings: &mut Settings, input: &SettingsInput, violations: &mut Violations) {
    if let Some(architectures) = &input.architectures
        && let Some(architecture) = parse_architecture(architectures, violations)
    {
        settings.architecture = architecture;
    }
    if let Some(mode) = &input.tracing
        && let Some(mode) = violations.choice("tracingConfig.mode", mode, TRACING)
    {
        settings.tracing = mode;
    }
    if let Some(on) = &input.snap_start
        && let Some(on) = violations.choice("snapStart.applyOn", on, SNAP_START)
    {
        settings.snap_start = on;
    }
}

/// Values that [`SettingsInput::check_shape`] has checked.
fn apply_values(settings: &mut Settings, input: &SettingsInput) {
    let number =
        |value: Option<i64>, present: u32| value.and_then(|v| u32::try_from(v).ok()).unwrap_or(present);
    settings.timeout_seconds = number(input.timeout_seconds, settings.timeout_seconds);
    settings.memory_mib = number(input.memory_mib, settings.memory_mib);
    settings.ephemeral_storage_mib = number(input.ephemeral_storage_mib, settings.ephemeral_storage_mib);
    for (text, place) in [
        (&input.handler, &mut settings.handler),
        (&input.role, &mut settings.role),
        (&input.description, &mut settings.description),
    ] {
        if let Some(text) = text {
            place.clone_from(text);
        }
    }
    if let Some(target) = &input.dead_letter {
        settings.dead_letter = Some(target.clone()).filter(|target| !target.is_empty());
    }
    for (name, value) in &input.stored {
        match value {
            Value::Null => settings.stored.remove(name),
            value => settings.stored.insert(name.clone(), value.clone()),
        };
    }
}

/// Reads the list of architectures, which has one member.
pub(super) fn parse_architecture(texts: &[String], violations: &mut Violations) -> Option<Architecture> {
    let shown = format!("[{}]", texts.join(", "));
    match texts {
        [] => {
            violations.add("architectures", shown, "Member must have length greater than or equal to 1");
            None
        }
        [one] if one == "x86_64" => Some(Architecture::X86_64),
        [one] if one == "arm64" => Some(Architecture::Arm64),
        [_] => {
            violations.add(
                "architectures",
                shown,
                "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must \
                 not be null]",
            );
            None
        }
        _ => {
            violations.add("architectures", shown, "Member must have length less than or equal to 1");
            None
        }
    }
}

/// How many events an instance takes at a time; one where a runtime was chosen that takes no more.
fn instance_concurrency(settings: &Settings, input: &SettingsInput) -> Result<u32, CatalogError> {
    let takes_several = settings.runtime.family().takes_several_events();
    match input.instance_concurrency {
        Some(events) if events > 1 && !takes_several => Err(CatalogError::invalid(format!(
            "Instances of {} take one event at a time. Instance concurrency is for Node.js, Python and servers.",
            settings.runtime
        ))),
        Some(events) => Ok(events.max(1)),
        None if takes_several => Ok(settings.instance_concurrency),
        None => Ok(1),
    }
}

fn parse_runtime(text: &str, server: bool) -> Result<RuntimeName, CatalogError> {
    let needs_server = |family: RuntimeFamily| family.is_server() && family != RuntimeFamily::Wasm;
    let known = RuntimeName::parse(text).and_then(|name| match needs_server(name.family()) && !server {
        true => Err(UnknownRuntime(text.to_owned())),
        false => Ok(name),
    });
    known.map_err(|error| {
        if RETIRED.contains(&text) {
            return CatalogError::invalid(format!(
                "The runtime parameter of {text} is no longer supported for creating or updating AWS Lambda \
                 functions. We recommend you use a supported runtime while creating or updating functions."
            ));
        }
        CatalogError::InvalidParameter(error.to_string())
    })
}

fn is_role(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&b);
    match text.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", partition, "iam", "", account, resource] => {
            (partition.is_empty() || partition.starts_with("aws"))
                && account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit())
                && resource
                    .strip_prefix("role")
                    .is_some_and(|name| !name.trim_start_matches('/').is_empty() && name.bytes().all(legal))
        }
        _ => false,
    }
}
