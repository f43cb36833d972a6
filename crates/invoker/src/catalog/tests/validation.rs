//! What requests may say, and the messages for what they may not.

use super::*;

async fn check(change: impl FnOnce(&mut NewFunction), expected: &str) {
    let fixture = Fixture::new().await;
    let mut new = new_function("f");
    change(&mut new);
    let result = fixture.catalog.create(new).await;
    assert_eq!(shown(result), expected);
}

async fn check_settings(change: impl FnOnce(&mut SettingsInput), expected: &str) {
    check(|new| change(&mut new.settings), expected).await;
}

#[tokio::test]
async fn numbers_out_of_range_are_violations() {
    let low = "Validation: 1 validation error detected: Value '64' at 'memorySize' failed to satisfy constraint: \
               Member must have value greater than or equal to 128";
    check_settings(|s| s.memory_mib = Some(64), low).await;
    let high = "Validation: 1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: \
                Member must have value less than or equal to 900";
    check_settings(|s| s.timeout_seconds = Some(901), high).await;
    let disk = "Validation: 1 validation error detected: Value '10241' at 'ephemeralStorage.size' failed to satisfy \
                constraint: Member must have value less than or equal to 10240";
    check_settings(|s| s.ephemeral_storage_mib = Some(10_241), disk).await;
}

#[tokio::test]
async fn several_violations_come_together() {
    let both = "Validation: 2 validation errors detected: Value '0' at 'timeout' failed to satisfy constraint: Member \
                must have value greater than or equal to 1; Value 'Sometimes' at 'tracingConfig.mode' failed to \
                satisfy constraint: Member must satisfy enum value set: [Active, PassThrough]";
    let change = |s: &mut SettingsInput| {
        s.timeout_seconds = Some(0);
        s.tracing = Some("Sometimes".to_owned());
    };
    check_settings(change, both).await;
}

#[tokio::test]
async fn texts_must_match_their_patterns() {
    let role = r"Validation: 1 validation error detected: Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+";
    check_settings(|s| s.role = Some("r1".to_owned()), role).await;
    check_settings(|s| s.role = Some("arn:aws:iam::000000000000:role/path/to/r".to_owned()), "ok").await;
    let two = "Validation: 1 validation error detected: Value '[x86_64, arm64]' at 'architectures' failed to satisfy \
               constraint: Member must have length less than or equal to 1";
    check_settings(|s| s.architectures = Some(vec!["x86_64".into(), "arm64".into()]), two).await;
}

#[tokio::test]
async fn runtimes_are_those_that_ebb_knows() {
    let retired = "InvalidParameter: The runtime parameter of nodejs12.x is no longer supported for creating or \
                   updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating \
                   functions.";
    check_settings(|s| s.runtime = Some("nodejs12.x".to_owned()), retired).await;
    for stood_in in ["nodejs14.x", "python3.8", "java8.al2", "go1.x", "provided"] {
        check_settings(|s| s.runtime = Some(stood_in.to_owned()), "ok").await;
    }
    let fixture = Fixture::new().await;
    let mut new = new_function("f");
    new.settings.runtime = Some("cobol85".to_owned());
    let message = shown(fixture.catalog.create(new).await);
    assert!(
        message.starts_with("InvalidParameter: Value cobol85 at 'runtime' failed to satisfy"),
        "{message}"
    );
    let mandatory = "InvalidParameter: Runtime and Handler are mandatory parameters for functions created with \
                     deployment packages.";
    check_settings(|s| s.handler = None, mandatory).await;
}

#[tokio::test]
async fn environments_are_checked() {
    let variables = |pairs: &[(&str, &str)]| {
        Some(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>())
    };
    let reserved = "InvalidParameter: Lambda was unable to configure your environment variables because the \
                    environment variables you have provided contains reserved keys that are currently not supported \
                    for modification. Reserved keys used in this request: AWS_REGION";
    check_settings(|s| s.environment = variables(&[("AWS_REGION", "x"), ("OK", "1")]), reserved).await;
    let fits = "x".repeat(4096 - r#"{"BIG":""}"#.len());
    check_settings(|s| s.environment = variables(&[("BIG", &fits)]), "ok").await;
    let more = format!("{fits}x");
    let measured = format!(
        "InvalidParameter: Lambda was unable to configure your environment variables because the environment \
         variables you have provided exceeded the 4KB limit. String measured: {{\"BIG\":\"{more}\"}}"
    );
    check_settings(|s| s.environment = variables(&[("BIG", &more)]), &measured).await;
    let fixture = Fixture::new().await;
    let mut new = new_function("f");
    new.settings.environment = variables(&[("1BAD", "secret")]);
    let message = shown(fixture.catalog.create(new).await);
    assert!(message.contains("at 'environment.variables'") && !message.contains("secret"), "{message}");
}

#[tokio::test]
async fn code_must_be_a_zip_from_somewhere() {
    let nothing = "InvalidParameter: Please provide a source for function code.";
    check(|new| new.code = None, nothing).await;
    let fixture = Fixture::new().await;
    let mut new = new_function("f");
    new.code = Some(CodeSource::Zip(Bytes::from_static(b"not a zip")));
    let message = shown(fixture.catalog.create(new).await);
    let expected =
        "InvalidParameter: Could not unzip uploaded file. Please check your file, then try to upload again.";
    assert!(message.starts_with(expected), "{message}");
    let bucket = "NotBuilt: Error occurred while GetObject. ebb has no buckets yet, so code at S3Bucket b, S3Key k \
                  cannot be read; send the package as ZipFile.";
    let object = CodeSource::Object { bucket: "b".into(), key: "k".into(), version: None };
    check(|new| new.code = Some(object), bucket).await;
    let image =
        "InvalidParameter: Please don't provide ImageUri when creating a function with packageType Zip.";
    check(|new| new.code = Some(CodeSource::Image("i".into())), image).await;
    let package_type = "Validation: 1 validation error detected: Value 'Tar' at 'packageType' failed to satisfy \
                        constraint: Member must satisfy enum value set: [Image, Zip]";
    check(|new| new.package_type = Some("Tar".into()), package_type).await;
}

#[tokio::test]
async fn objects_are_read_through_the_port() {
    struct Bucket;
    impl CodeObjects for Bucket {
        fn get<'a>(
            &'a self,
            _bucket: &'a str,
            key: &'a str,
            _version: Option<&'a str>,
        ) -> Boxed<'a, Result<Bytes, CodeObjectError>> {
            Box::pin(async move {
                match key {
                    "code.zip" => Ok(zip(&[("app.py", "from a bucket")])),
                    _ => Err(CodeObjectError::Refused {
                        code: "NoSuchKey".into(),
                        message: "The specified key does not exist.".into(),
                    }),
                }
            })
        }
    }
    let fixture = Fixture::new().await;
    fixture.catalog.set_code_objects(Box::new(Bucket));
    let from = |key: &str| NewFunction {
        code: Some(CodeSource::Object { bucket: "b".into(), key: key.into(), version: None }),
        ..new_function("f")
    };
    let missing = "InvalidParameter: Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The \
                   specified key does not exist.";
    assert_eq!(shown(fixture.catalog.create(from("other")).await), missing);
    assert_eq!(shown(fixture.catalog.create(from("code.zip")).await), "ok");
}

#[tokio::test]
async fn tags_have_rules() {
    let tags =
        |count: usize| (0..count).map(|n| (format!("k{n}"), "v".to_owned())).collect::<BTreeMap<_, _>>();
    check(|new| new.tags = tags(50), "ok").await;
    check(|new| new.tags = tags(51), "InvalidParameter: Number of tags exceeds resource tag limit.").await;
}

#[tokio::test]
async fn levels_of_logging_follow_its_format() {
    let cases = [
        (("Text", None), (None, None)),
        (("JSON", None), (Some("INFO"), Some("INFO"))),
        (("JSON", Some("DEBUG")), (Some("DEBUG"), Some("INFO"))),
    ];
    for ((format, level), expected) in cases {
        let fixture = Fixture::new().await;
        let mut new = new_function("f");
        new.settings.logging = Some(LoggingInput {
            format: Some(format.to_owned()),
            application_level: level.map(str::to_owned),
            ..LoggingInput::default()
        });
        let (_, version) = fixture.catalog.create(new).await.unwrap();
        let name = |level: Option<ebb_model::LogLevel>| {
            level.map(|level| serde_json::to_value(level).unwrap().as_str().unwrap().to_owned())
        };
        let logging = &version.settings.logging;
        let levels = (name(logging.application_level), name(logging.system_level));
        assert_eq!((levels.0.as_deref(), levels.1.as_deref()), expected, "{format} {level:?}");
    }
}

#[tokio::test]
async fn plain_text_has_no_levels() {
    let refused = "InvalidParameter: LogLevel is not supported when LogFormat is set to \"Text\". Remove LogLevel from \
                   your request or change the LogFormat to \"JSON\" and try again.";
    for format in [None, Some("Text".to_owned())] {
        let level = LoggingInput {
            application_level: Some("DEBUG".into()),
            format: format.clone(),
            ..Default::default()
        };
        check_settings(|s| s.logging = Some(level), refused).await;
        let level = LoggingInput { system_level: Some("WARN".into()), format, ..Default::default() };
        check_settings(|s| s.logging = Some(level), refused).await;
    }
}
