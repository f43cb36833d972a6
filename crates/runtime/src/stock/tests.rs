use super::*;
use crate::interpreters::{Interpreter, Version};
use crate::testing;

fn managed(language: Language) -> Managed {
    let version = Version { major: 3, minor: 12, patch: 1 };
    let interpreter = Interpreter { version, program: "/usr/bin/x".into(), binds: Vec::new() };
    Managed { language, interpreter, boot: "/boot".into(), sdk: None }
}

fn kind(language: Language, variable: &str) -> Option<Kind> {
    let mut version = testing::version("python3.12");
    version.settings.environment.insert(variable.into(), "1".into());
    Kind::booted(&version.settings, &managed(language))
}

#[test]
fn what_an_interpreter_reads_when_it_starts_keeps_a_function_from_the_stock() {
    let check = |variable, can| assert_eq!(kind(Language::Python, variable).is_some(), can, "{variable}");
    check("MINE", true);
    check("NODE_ENV", true);
    check("DATABASE_URL", true);
    check("NODE_OPTIONS", false);
    check("NODE_EXTRA_CA_CERTS", false);
    check("PYTHONPATH", false);
    check("PYTHONHASHSEED", false);
    check("LD_PRELOAD", false);
    check("LC_ALL", false);
    check("TZ", false);
    check("AWS_LAMBDA_EXEC_WRAPPER", false);
}

#[test]
fn kinds_differ_in_what_cannot_be_changed_later() {
    let booted = |managed: &Managed, runtime, tmp_mib| {
        let mut version = testing::version(runtime);
        version.settings.ephemeral_storage_mib = tmp_mib;
        Kind::booted(&version.settings, managed)
    };
    let python = managed(Language::Python);
    assert_eq!(booted(&python, "python3.12", 512), booted(&python, "python3.12", 512));
    assert_ne!(booted(&python, "python3.12", 512), booted(&python, "python3.12", 1024));
    assert_ne!(booted(&python, "python3.12", 512), booted(&python, "python3.11", 512));
    let with_sdk = Managed { sdk: Some(("/sdk".into(), "/var/runtime/python")), ..python.clone() };
    assert_ne!(booted(&python, "python3.12", 512), booted(&with_sdk, "python3.12", 512));
    assert_eq!(booted(&managed(Language::Java), "java17", 512), None, "its heap is sized as it starts");
}

#[test]
fn empty_sandboxes_are_for_functions_of_every_runtime_but_servers_have_their_own() {
    let empty = |runtime| Kind::empty(&testing::version(runtime).settings);
    assert_eq!(empty("provided.al2023"), empty("java17"));
    assert_ne!(empty("provided.al2023"), empty("http"));
    assert_eq!(empty("deno"), empty("http"));
}
