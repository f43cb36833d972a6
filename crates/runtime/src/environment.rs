//! The environment of an instance's processes. Pure.
//!
//! Source: the Lambda developer guide, "Defined runtime environment variables" (2026-11), and what the managed
//! runtimes set.

use std::collections::BTreeMap;

use ebb_invoker::InstanceSpec;
use ebb_model::{Credentials, LogFormat, LogLevel, RuntimeFamily, TracingMode};

/// Where the Runtime API listens in every instance, and the fixed address that clients read.
pub(crate) const RUNTIME_API_PORT: u16 = 9001;
/// Where the control API listens in every instance, on its loopback address.
pub const CONTROL_API_PORT: u16 = 9002;
/// Where the code is.
pub(crate) const TASK_ROOT: &str = "/var/task";

/// Variables that extensions do not get. Source: the Lambda developer guide, "Using the Lambda Extensions API",
/// "Environment variables".
const RUNTIME_ONLY: &[&str] = &[
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_AWS_XRAY_DAEMON_ADDRESS",
    "_AWS_XRAY_DAEMON_PORT",
    "_HANDLER",
];

/// An environment, by name.
pub(crate) type Environment = BTreeMap<String, String>;

/// What the runtime process gets. `level` is the part of the interpreter's version that its folders are named by.
pub(crate) fn of_runtime(spec: &InstanceSpec, level: Option<u16>) -> Environment {
    let settings = &spec.version.settings;
    let mut environment = of_boot(settings.runtime.family(), level);
    let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
    if settings.tracing == TracingMode::Active {
        // Nothing listens there: the SDK's segments go nowhere, and nothing fails.
        set("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000".into());
        set("_AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1".into());
        set("_AWS_XRAY_DAEMON_PORT", "2000".into());
    }
    set("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR".into());
    environment.extend(own(spec));
    environment.extend(reserved(spec));
    environment
}

/// What a boot gets that has no function yet.
pub(crate) fn of_boot(family: RuntimeFamily, level: Option<u16>) -> Environment {
    let mut environment = Environment::new();
    let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
    set("LANG", "en_US.UTF-8".into());
    set("TZ", ":UTC".into());
    set("PATH", "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin".into());
    set("LD_LIBRARY_PATH", LIBRARY_PATH.into());
    set("PWD", TASK_ROOT.into());
    set("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{CONTROL_API_PORT}"));
    for (name, value) in search_paths(family, level) {
        set(name, value);
    }
    environment
}

/// What a server gets: the variables of Cloud Run, and where and with which key the control API is reached. None of
/// those by which programs know Lambda, which would have them wait for its events.
/// Source: the Cloud Run documentation, "Container runtime contract", "Environment variables".
pub(crate) fn of_server(spec: &InstanceSpec, port: u16) -> Environment {
    let version = &spec.version;
    let region = spec.arn.region.to_string();
    let revision = version.version.to_string().trim_start_matches('$').to_ascii_lowercase();
    let mut environment = Environment::new();
    let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
    set("LANG", "C.UTF-8".into());
    set("HOME", "/tmp".into());
    set("PATH", "/var/lang/bin:/usr/local/bin:/usr/bin:/bin".into());
    set("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{CONTROL_API_PORT}"));
    environment.extend(own(spec));
    let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
    set("PORT", port.to_string());
    set("K_SERVICE", version.name.to_string());
    set("K_REVISION", format!("{}-{revision}", version.name));
    set("K_CONFIGURATION", version.name.to_string());
    if version.settings.runtime.family() == RuntimeFamily::Workerd {
        // What a binding of `version_metadata` tells; workers see no variables of the process.
        let digest = version.code.digest.to_string();
        set("EBB_VERSION_ID", id_of(digest.get(..32).unwrap_or_default()));
        set("EBB_VERSION_TIMESTAMP", version.last_modified.to_rfc3339());
    }
    set("AWS_REGION", region.clone());
    set("AWS_DEFAULT_REGION", region);
    environment.extend(keys(&spec.credentials));
    environment
}

/// 32 hexadecimal digits in the form of a UUID.
fn id_of(digits: &str) -> String {
    let mut rest = digits;
    let mut parts = Vec::new();
    for length in [8, 4, 4, 4] {
        let (part, others) = rest.split_at_checked(length).unwrap_or((rest, ""));
        parts.push(part);
        rest = others;
    }
    parts.push(rest);
    parts.join("-")
}

/// What a component gets: its own variables, and where and with which key the control API is reached. It has no shell, no
/// folders and no port that the usual others could be about.
pub(crate) fn of_component(spec: &InstanceSpec) -> Environment {
    let settings = &spec.version.settings;
    let region = spec.arn.region.to_string();
    let mut environment = own(spec);
    let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
    set("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{CONTROL_API_PORT}"));
    set("AWS_REGION", region.clone());
    set("AWS_DEFAULT_REGION", region);
    set("AWS_LAMBDA_FUNCTION_NAME", spec.version.name.to_string());
    set("AWS_LAMBDA_FUNCTION_VERSION", spec.version.version.to_string());
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", settings.memory_mib.to_string());
    environment.extend(keys(&spec.credentials));
    environment
}

/// The function's own variables. The URL of a queue names the host that whoever asked for it reached; from inside it is at
/// the control API, and the SDK for JavaScript sends to the host of the URL, whatever its endpoint is.
fn own(spec: &InstanceSpec) -> Environment {
    let of_account = format!("/{}/", spec.arn.account);
    let inside = |value: &String| match queue_of(value, &of_account) {
        Some(queue) => format!("http://127.0.0.1:{CONTROL_API_PORT}{of_account}{queue}"),
        None => value.clone(),
    };
    spec.version.settings.environment.iter().map(|(name, value)| (name.clone(), inside(value))).collect()
}

/// The queue's name, where a value is the URL of one: `http://HOST/ACCOUNT/QUEUE`.
fn queue_of<'a>(value: &'a str, of_account: &str) -> Option<&'a str> {
    let address = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://"))?;
    let queue = address.get(address.find('/')?..)?.strip_prefix(of_account)?;
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!queue.is_empty() && queue.chars().all(is_of_name)).then_some(queue)
}

/// What an external extension's process gets.
pub(crate) fn of_extension(runtime: &Environment) -> Environment {
    let mut environment = runtime.clone();
    environment.retain(|name, _| !RUNTIME_ONLY.contains(&name.as_str()));
    environment
}

const LIBRARY_PATH: &str =
    "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib";

fn search_paths(family: RuntimeFamily, level: Option<u16>) -> Vec<(&'static str, String)> {
    let level = |named: u16| level.unwrap_or(named);
    match family {
        RuntimeFamily::Node(named) => vec![(
            "NODE_PATH",
            format!(
                "/opt/nodejs/node{named}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:\
                 /var/runtime:/var/task"
            ),
        )],
        RuntimeFamily::Python(_) => vec![("PYTHONPATH", "/var/runtime".into())],
        RuntimeFamily::Ruby(named) => {
            let abi = level(named);
            vec![
                ("GEM_PATH", format!("/var/task/vendor/bundle/ruby/3.{abi}.0:/opt/ruby/gems/3.{abi}.0")),
                ("RUBYLIB", "/var/task:/var/runtime/lib:/opt/ruby/lib".into()),
            ]
        }
        RuntimeFamily::Java(_)
        | RuntimeFamily::Custom
        | RuntimeFamily::Http
        | RuntimeFamily::Deno
        | RuntimeFamily::Workerd
        | RuntimeFamily::Wasm => Vec::new(),
    }
}

/// The variables that a function's own settings cannot change.
fn reserved(spec: &InstanceSpec) -> Environment {
    let settings = &spec.version.settings;
    let region = spec.arn.region.to_string();
    let mut environment = Environment::new();
    let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
    set("_HANDLER", settings.handler.clone());
    set("AWS_REGION", region.clone());
    set("AWS_DEFAULT_REGION", region);
    if settings.runtime.family() != RuntimeFamily::Custom {
        set("AWS_EXECUTION_ENV", format!("AWS_Lambda_{}", settings.runtime));
    }
    set("AWS_LAMBDA_FUNCTION_NAME", spec.version.name.to_string());
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", settings.memory_mib.to_string());
    set("AWS_LAMBDA_FUNCTION_VERSION", spec.version.version.to_string());
    set("AWS_LAMBDA_INITIALIZATION_TYPE", spec.initialization.into());
    set("AWS_LAMBDA_LOG_GROUP_NAME", spec.logs.group().into());
    set("AWS_LAMBDA_LOG_STREAM_NAME", spec.logs.name().into());
    // The service sets neither for the text format (recorded 2026).
    if settings.logging.format == LogFormat::Json {
        set("AWS_LAMBDA_LOG_FORMAT", "JSON".into());
        if let Some(level) = settings.logging.application_level {
            set("AWS_LAMBDA_LOG_LEVEL", log_level(level).into());
        }
    }
    if settings.shares_a_boot() {
        // As in Lambda Managed Instances; the AWS SDK for JavaScript reads it.
        set("AWS_LAMBDA_MAX_CONCURRENCY", settings.instance_concurrency.to_string());
    }
    set("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{RUNTIME_API_PORT}"));
    set("LAMBDA_TASK_ROOT", TASK_ROOT.into());
    set("LAMBDA_RUNTIME_DIR", "/var/runtime".into());
    environment.extend(keys(&spec.credentials));
    environment
}

fn keys(credentials: &Credentials) -> Environment {
    let mut environment = Environment::new();
    let mut set = |name: &str, value: &str| environment.insert(name.to_owned(), value.to_owned());
    set("AWS_ACCESS_KEY_ID", &credentials.access_key_id.0);
    set("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.expose());
    if let Some(token) = &credentials.session_token {
        set("AWS_SESSION_TOKEN", token.expose());
    }
    environment
}

fn log_level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Trace => "TRACE",
        LogLevel::Debug => "DEBUG",
        LogLevel::Info => "INFO",
        LogLevel::Warn => "WARN",
        LogLevel::Error => "ERROR",
        LogLevel::Fatal => "FATAL",
    }
}

#[cfg(test)]
mod tests;
