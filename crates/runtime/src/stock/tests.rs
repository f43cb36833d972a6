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
    Kind::of(&version.settings, &managed(language))
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
    let runtime = RuntimeName::parse("python3.12").expect("known");
    let usual = |managed: &Managed, tmp_mib| Kind::usual(runtime, managed, tmp_mib);
    let python = managed(Language::Python);
    assert_eq!(usual(&python, 512), usual(&python, 512));
    assert_ne!(usual(&python, 512), usual(&python, 1024));
    let with_sdk = Managed { sdk: Some(("/sdk".into(), "/var/runtime/python")), ..python.clone() };
    assert_ne!(usual(&python, 512), usual(&with_sdk, 512));
    assert_eq!(usual(&managed(Language::Java), 512), None, "its heap is sized as it starts");
}
