//! How a function logs, from what a request says about it.

use ebb_model::{FunctionName, LogFormat, LogLevel, LoggingSettings};

use super::{CatalogError, LoggingInput, Violations};

const FORMATS: &[(&str, LogFormat)] = &[("JSON", LogFormat::Json), ("Text", LogFormat::Text)];
const APPLICATION_LEVELS: &[(&str, LogLevel)] = &[
    ("TRACE", LogLevel::Trace),
    ("DEBUG", LogLevel::Debug),
    ("INFO", LogLevel::Info),
    ("WARN", LogLevel::Warn),
    ("ERROR", LogLevel::Error),
    ("FATAL", LogLevel::Fatal),
];
const SYSTEM_LEVELS: &[(&str, LogLevel)] =
    &[("DEBUG", LogLevel::Debug), ("INFO", LogLevel::Info), ("WARN", LogLevel::Warn)];
const GROUP_PATTERN: &str = r"[\.\-_/#A-Za-z0-9]+";

/// Settings of a function that says nothing about logging.
pub(super) fn standard(name: &FunctionName) -> LoggingSettings {
    LoggingSettings {
        format: LogFormat::Text,
        application_level: None,
        system_level: None,
        group: format!("/aws/lambda/{name}"),
    }
}

/// Refuses levels for plain text, as the service does.
pub(super) fn check_levels(settings: &LoggingSettings, input: &LoggingInput) -> Result<(), CatalogError> {
    let named = input.application_level.is_some() || input.system_level.is_some();
    if named && settings.format == LogFormat::Text {
        return Err(CatalogError::invalid(
            "LogLevel is not supported when LogFormat is set to \"Text\". Remove LogLevel from your request or change \
             the LogFormat to \"JSON\" and try again.",
        ));
    }
    Ok(())
}

/// Applies what the request says. JSON has levels, INFO where none was said; plain text has none.
pub(super) fn apply(settings: &mut LoggingSettings, input: &LoggingInput, violations: &mut Violations) {
    if let Some(format) = &input.format
        && let Some(format) = violations.choice("loggingConfig.logFormat", format, FORMATS)
    {
        settings.format = format;
    }
    if let Some(group) = &input.group {
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'/' | b'#');
        violations.length("loggingConfig.logGroup", group, &(1..=512));
        violations.pattern("loggingConfig.logGroup", group, GROUP_PATTERN, group.bytes().all(legal));
        settings.group.clone_from(group);
    }
    if let Some(level) = &input.application_level {
        settings.application_level =
            violations.choice("loggingConfig.applicationLogLevel", level, APPLICATION_LEVELS);
    }
    if let Some(level) = &input.system_level {
        settings.system_level = violations.choice("loggingConfig.systemLogLevel", level, SYSTEM_LEVELS);
    }
    match settings.format {
        LogFormat::Json => {
            settings.application_level.get_or_insert(LogLevel::Info);
            settings.system_level.get_or_insert(LogLevel::Info);
        }
        LogFormat::Text => {
            settings.application_level = None;
            settings.system_level = None;
        }
    }
}
