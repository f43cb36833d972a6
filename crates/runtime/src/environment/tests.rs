use std::path::PathBuf;

use ebb_model::FunctionVersion;

use super::*;
use crate::testing;

fn environment(version: FunctionVersion) -> Environment {
    let (_folder, logs) = testing::log_stream(&version);
    of_runtime(&testing::spec(version, PathBuf::new(), logs), None)
}

#[test]
fn the_documented_variables_are_set() {
    let environment = environment(testing::version("python3.12"));
    let check = |name: &str, expected: &str| {
        assert_eq!(environment.get(name).map(String::as_str), Some(expected), "{name}");
    };
    check("_HANDLER", "app.handler");
    check("TZ", ":UTC");
    check("LANG", "en_US.UTF-8");
    check("AWS_REGION", "eu-west-3");
    check("AWS_DEFAULT_REGION", "eu-west-3");
    check("AWS_EXECUTION_ENV", "AWS_Lambda_python3.12");
    check("AWS_LAMBDA_FUNCTION_NAME", "f");
    check("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
    check("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128");
    check("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
    check("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/f");
    check("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001");
    check("AWS_ENDPOINT_URL", "http://127.0.0.1:9002");
    check("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE");
    check("AWS_SECRET_ACCESS_KEY", "secret");
    check("AWS_SESSION_TOKEN", "token");
    check("LAMBDA_TASK_ROOT", "/var/task");
    check("LAMBDA_RUNTIME_DIR", "/var/runtime");
    check("PYTHONPATH", "/var/runtime");
    assert!(environment["AWS_LAMBDA_LOG_STREAM_NAME"].contains("/[$LATEST]"));
    for absent in ["AWS_LAMBDA_LOG_LEVEL", "AWS_LAMBDA_LOG_FORMAT"] {
        assert!(!environment.contains_key(absent), "{absent}");
    }
}

#[test]
fn the_functions_own_variables_change_what_is_not_reserved() {
    let mut version = testing::version("nodejs20.x");
    for (name, value) in
        [("MINE", "a = b"), ("TZ", "Europe/Oslo"), ("AWS_REGION", "mars"), ("NODE_PATH", "/x")]
    {
        version.settings.environment.insert(name.into(), value.into());
    }
    version.settings.logging.format = LogFormat::Json;
    version.settings.logging.application_level = Some(LogLevel::Debug);
    let environment = environment(version);
    assert_eq!(environment["MINE"], "a = b");
    assert_eq!(environment["TZ"], "Europe/Oslo");
    assert_eq!(environment["NODE_PATH"], "/x");
    assert_eq!(environment["AWS_REGION"], "eu-west-3");
    assert_eq!(environment["AWS_LAMBDA_LOG_FORMAT"], "JSON");
    assert_eq!(environment["AWS_LAMBDA_LOG_LEVEL"], "DEBUG");
}

#[test]
fn urls_of_queues_lead_to_the_control_api() {
    let mut version = testing::version("nodejs20.x");
    let account = "000000000000";
    let same = [
        "http://127.0.0.1:9440/other/jobs".to_owned(),
        format!("http://127.0.0.1:9440/{account}/"),
        format!("http://127.0.0.1:9440/{account}/jobs/more"),
        format!("see http://127.0.0.1:9440/{account}/jobs"),
    ];
    for (index, value) in same.iter().enumerate() {
        version.settings.environment.insert(format!("SAME_{index}"), value.clone());
    }
    for (name, host) in [("OWN", "http://127.0.0.1:9440"), ("FIFO", "https://ebb.example")] {
        version.settings.environment.insert(name.into(), format!("{host}/{account}/jobs.fifo"));
    }
    let environment = environment(version);
    for (index, value) in same.iter().enumerate() {
        assert_eq!(environment[&format!("SAME_{index}")], *value);
    }
    for name in ["OWN", "FIFO"] {
        assert_eq!(environment[name], format!("http://127.0.0.1:9002/{account}/jobs.fifo"));
    }
}

#[test]
fn extensions_do_not_get_what_is_only_for_the_runtime() {
    let mut version = testing::version("provided.al2023");
    version.settings.environment.insert("MINE".into(), "1".into());
    let runtime = environment(version);
    assert!(!runtime.contains_key("AWS_EXECUTION_ENV"), "custom runtimes have none");
    let extension = of_extension(&runtime);
    assert!(runtime.contains_key("_HANDLER") && !extension.contains_key("_HANDLER"));
    assert!(!extension.contains_key("LAMBDA_TASK_ROOT"));
    assert_eq!(extension["MINE"], "1");
    assert_eq!(extension["AWS_LAMBDA_RUNTIME_API"], "127.0.0.1:9001");
}
