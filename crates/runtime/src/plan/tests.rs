use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::interpreters::Version;
use crate::testing;

/// A package or layer with these files; those named in `executable` may be executed.
fn folder(files: &[&str], executable: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(&path, "").expect("a file");
        let mode = if executable.contains(name) { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    }
    folder
}

fn spec(runtime: &str, code: &Path, layers: &[&Path]) -> InstanceSpec {
    let version = testing::version(runtime);
    let (_folder, logs) = testing::log_stream(&version);
    let mut spec = testing::spec(version, code.to_owned(), logs);
    spec.layers = layers.iter().map(|layer| (*layer).to_owned()).collect();
    spec
}

fn python() -> Managed {
    let version = Version { major: 3, minor: 12, patch: 1 };
    let program = PathBuf::from("/home/u/.pyenv/versions/3.12.1/bin/python3.12");
    let binds = vec![PathBuf::from("/home/u/.pyenv/versions/3.12.1")];
    let interpreter = Interpreter { version, program, binds };
    let sdk = Some((PathBuf::from("/data/runtimes/sdk/python"), "/var/runtime/python"));
    Managed { language: Language::Python, interpreter, boot: "/data/boots/python".into(), sdk }
}

fn planned(spec: &InstanceSpec, managed: Option<&Managed>) -> Result<Plan, String> {
    plan(spec, managed, Network::Loopback).map_err(|report| format!("{}: {}", report.kind, report.message))
}

#[test]
fn the_processor_share_follows_memory() {
    let check = |memory_mib, millis| assert_eq!(cpu_millis(memory_mib), millis, "{memory_mib} MiB");
    check(1769, 1000);
    check(128, 73);
    check(3538, 2000);
    check(10_240, 5789);
}

#[test]
fn a_custom_runtime_is_the_packages_bootstrap_or_a_layers() {
    let check = |package: &tempfile::TempDir, layer: &tempfile::TempDir, expected: Result<&str, &str>| {
        let spec = spec("provided.al2023", package.path(), &[layer.path()]);
        match (planned(&spec, None), expected) {
            (Ok(plan), Ok(path)) => assert_eq!(plan.runtime.path, Path::new(path)),
            (Err(said), Err(message)) => assert_eq!(said, format!("Runtime.InvalidEntrypoint: {message}")),
            (seen, expected) => panic!("{seen:?} is not {expected:?}"),
        }
    };
    let empty = folder(&["x"], &[]);
    let plain = folder(&["bootstrap"], &[]);
    let good = folder(&["bootstrap"], &["bootstrap"]);
    check(&good, &good, Ok("/var/task/bootstrap"));
    check(&empty, &good, Ok("/opt/bootstrap"));
    check(&plain, &good, Err("fork/exec /var/task/bootstrap: permission denied"));
    check(&empty, &empty, Err("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"));
}

#[test]
fn extensions_are_the_executable_files_of_the_layers() {
    let package = folder(&["bootstrap"], &["bootstrap"]);
    let lower =
        folder(&["extensions/a", "extensions/b", "extensions/c/d"], &["extensions/a", "extensions/b"]);
    let upper = folder(&["extensions/b", "other"], &[]);
    let plan = planned(&spec("provided.al2023", package.path(), &[lower.path(), upper.path()]), None)
        .expect("a plan");
    assert_eq!(plan.extensions.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(plan.extensions["a"].path, Path::new("/opt/extensions/a"));
    assert!(!plan.extensions["a"].environment.contains_key("_HANDLER"));
}

#[test]
fn a_managed_runtime_is_an_interpreter_with_a_boot() {
    let package = folder(&["app.py"], &[]);
    let plan = planned(&spec("python3.12", package.path(), &[]), Some(&python())).expect("a plan");
    assert!(plan.boot);
    assert_eq!(plan.runtime.path, python().interpreter.program);
    assert_eq!(plan.runtime.arguments, ["-S", "/var/runtime/boot/boot.py"]);
    assert_eq!(plan.runtime.environment["EBB_BOOT_FD"], "3");
    let targets: Vec<_> =
        plan.sandbox.mounts.iter().map(|mount| mount.target().display().to_string()).collect();
    for target in [
        "/var/task",
        "/var/runtime/boot",
        "/var/runtime/python",
        "/home/u/.pyenv/versions/3.12.1",
        "/var/lang/bin/python3",
    ] {
        assert!(targets.iter().any(|seen| seen == target), "{target} in {targets:?}");
    }
    assert!(!targets.iter().any(|target| target == "/opt"), "there are no layers");
    assert_eq!(plan.sandbox.limits.memory_bytes, 128 * 1024 * 1024);
    assert_eq!(plan.sandbox.limits.cpu_millis, None, "not limited while it initialises");
}

#[test]
fn a_wrapper_script_gets_the_command_that_it_wraps() {
    let package = folder(&["app.py"], &[]);
    let mut spec = spec("python3.12", package.path(), &[]);
    let mut version = (*spec.version).clone();
    version.settings.environment.insert(WRAPPER_VARIABLE.into(), "/opt/wrap".into());
    spec.version = version.into();
    let plan = planned(&spec, Some(&python())).expect("a plan");
    assert_eq!(plan.runtime.path, Path::new("/opt/wrap"));
    let interpreter = python().interpreter.program.display().to_string();
    assert_eq!(plan.runtime.arguments, [interpreter.as_str(), "-S", "/var/runtime/boot/boot.py"]);
}

#[test]
fn host_names_are_short_and_plain() {
    assert_eq!(host_name("my_function"), "ebb-my-function");
    assert!(host_name(&"x".repeat(64)).len() <= 64);
}
