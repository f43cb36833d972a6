//! What tests of this crate start from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ebb_invoker::{InstanceSpec, LogStream};
use ebb_model::{
    AccessKeyId, AccountId, Architecture, Code, Credentials, Digest, FunctionArn, FunctionName,
    FunctionState, FunctionVersion, LogFormat, LoggingSettings, PackageType, Region, RevisionId, RuntimeName,
    SecretAccessKey, Settings, SystemClock, Timestamp, TracingMode, UpdateState, Version,
};
use ebb_store::logs::LogStore;

/// A version of a function `f` with a handler `app.handler`.
pub(crate) fn version(runtime: &str) -> FunctionVersion {
    let name = FunctionName::parse("f").expect("valid");
    FunctionVersion {
        name,
        version: Version::parse("$LATEST").expect("valid"),
        settings: Settings {
            runtime: RuntimeName::parse(runtime).expect("known"),
            handler: "app.handler".into(),
            role: "arn:aws:iam::000000000000:role/r".into(),
            description: String::new(),
            timeout_seconds: 3,
            memory_mib: 128,
            ephemeral_storage_mib: 512,
            environment: BTreeMap::new(),
            layers: Vec::new(),
            architecture: Architecture::X86_64,
            tracing: TracingMode::PassThrough,
            logging: LoggingSettings {
                format: LogFormat::Text,
                application_level: None,
                system_level: None,
                group: "/aws/lambda/f".into(),
            },
            dead_letter: None,
            snap_start: false,
            environment_emptied: false,
            server: None,
            instance_concurrency: 1,
            stored: BTreeMap::new(),
        },
        code: Code { digest: Digest::of(b""), size: 0, package: PackageType::Zip },
        revision: RevisionId::random(),
        last_modified: Timestamp(0),
        state: FunctionState::Active,
        update: UpdateState::Successful,
    }
}

/// An instance of that version.
pub(crate) fn spec(version: FunctionVersion, code: PathBuf, logs: Arc<LogStream>) -> InstanceSpec {
    InstanceSpec {
        state: None,
        arn: FunctionArn {
            region: Region::parse("eu-west-3").expect("valid"),
            account: AccountId::parse("000000000000").expect("valid"),
            name: version.name.clone(),
            qualifier: None,
        },
        version: Arc::new(version),
        code,
        layers: Vec::new(),
        credentials: Credentials {
            access_key_id: AccessKeyId("ASIAEXAMPLE".into()),
            secret_access_key: SecretAccessKey::new("secret".into()),
            session_token: Some(SecretAccessKey::new("token".into())),
        },
        logs,
        initialization: "on-demand",
    }
}

/// A log stream on a folder of its own.
pub(crate) fn log_stream(version: &FunctionVersion) -> (tempfile::TempDir, Arc<LogStream>) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = LogStore::open(folder.path().to_owned(), Arc::new(SystemClock)).expect("a store");
    (folder, Arc::new(LogStream::open(store, version, Timestamp(0))))
}
