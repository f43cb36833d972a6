use super::*;

fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Description, ProjectError>) {
    let folder = crate::project::tests::folder(files);
    let description = describe(folder.path(), &folder.path().join("host.json"));
    (folder, description)
}

#[test]
fn an_app_has_the_settings_of_its_files() {
    let (_folder, description) = project(&[
        ("host.json", "{ \"version\": \"2.0\", // the version\n \"functionTimeout\": \"00:01:30\" }"),
        (
            "local.settings.json",
            r#"{ "IsEncrypted": false, "Values": { "FUNCTIONS_WORKER_RUNTIME": "node", "GREETING": "hi", "N": 1 } }"#,
        ),
        ("package.json", r#"{ "main": "src/functions/*.js" }"#),
    ]);
    let function = &description.unwrap().functions[0];
    assert_eq!(function.timeout, 90);
    assert_eq!((function.environment["GREETING"].as_str(), function.environment["N"].as_str()), ("hi", "1"));
    assert_eq!(function.runtime.as_deref(), Some("http"));
}

#[test]
fn the_language_is_what_settings_and_files_say() {
    let check = |files: &[(&str, &str)], expected: Option<&str>| {
        let mut all = vec![("host.json", "{}")];
        all.extend_from_slice(files);
        let found = project(&all).1.map(|it| it.functions[0].environment["FUNCTIONS_WORKER_RUNTIME"].clone());
        assert_eq!(found.ok().as_deref(), expected, "{files:?}");
    };
    check(&[("package.json", "{}")], Some("node"));
    check(&[("function_app.py", ""), ("package.json", "{}")], Some("python"));
    check(&[("local.settings.json", r#"{ "Values": { "FUNCTIONS_WORKER_RUNTIME": "dotnet" } }"#)], None);
    check(&[], None);
}

#[test]
fn a_build_is_run_where_its_result_is_not_there() {
    let check = |files: &[(&str, &str)], expected: Option<&str>| {
        let mut all = vec![("host.json", "{}")];
        all.extend_from_slice(files);
        let description = project(&all).1.unwrap();
        assert_eq!(description.functions[0].build.as_deref(), expected, "{files:?}");
    };
    let package = r#"{ "main": "dist/src/{index,functions/*}.js", "scripts": { "build": "tsc" } }"#;
    check(&[("package.json", package)], Some("npm run build"));
    check(&[("package.json", package), ("dist/src/index.js", "")], None);
    check(&[("package.json", r#"{ "main": "src/functions/*.js" }"#)], None);
}

#[test]
fn a_custom_handler_is_a_server() {
    let host = r#"{ "customHandler": {
        "description": { "defaultExecutablePath": "handler", "arguments": ["--port", "a b"] },
        "enableForwardingHttpRequest": true } }"#;
    let (_folder, description) = project(&[("host.json", host), ("handler", "#!/bin/sh\n")]);
    let description = description.unwrap();
    let Source::Files(generated) = &description.functions[0].source else { panic!("files") };
    assert!(generated[".ebb/start.sh"].contains("FUNCTIONS_CUSTOMHANDLER_PORT=$PORT ./handler --port 'a b'"));
    let (_folder, refused) = project(&[("host.json", r#"{ "customHandler": { "description": {} } }"#)]);
    assert!(refused.unwrap_err().to_string().contains("custom handler"));
}
