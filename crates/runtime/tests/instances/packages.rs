//! What comes from the package registries: the SDK layers, and official clients as custom runtimes.

use std::path::PathBuf;

use ebb_runtime::sdk;

use crate::Case;
use crate::setup::{Function, Machine, answer};

pub(crate) const CASES: &[Case] = &[
    ("sdks_are_installed_once_and_can_be_imported", sdks_are_installed_once_and_can_be_imported),
    ("a_given_custom_runtime_answers", a_given_custom_runtime_answers),
];

fn sdks_are_installed_once_and_can_be_imported(machine: &Machine) {
    let mut steps = Vec::new();
    for name in sdk::available() {
        sdk::install(name, machine.data(), &mut |step| steps.push(step.to_owned())).expect("installed");
    }
    assert_eq!(sdk::installed(machine.data()), sdk::available());
    let told = steps.len();
    sdk::install("node-sdk", machine.data(), &mut |step| steps.push(step.to_owned())).expect("installed");
    assert!(steps.len() == told + 1 && steps[told].contains("already"), "{steps:?}");
    machine.run(async {
        let python = "import boto3\ns3 = boto3.client('s3')\ndef handler(e, c):\n    return s3.meta.endpoint_url\n";
        let function = Function::new("python3.11", &[("app.py", python)]);
        let instance = machine.start(&function).await.expect("started");
        assert_eq!(answer(&*instance, function.event("{}")).await, "\"http://127.0.0.1:9002\"");
        for (file, source) in [
            ("index.mjs", "import { S3Client } from '@aws-sdk/client-s3'; export const handler = async () => S3Client.name;"),
            ("index.js", "const { S3Client } = require('@aws-sdk/client-s3'); exports.handler = async () => S3Client.name;"),
            ("index.ts", "import { S3Client } from '@aws-sdk/client-s3';\nexport const handler = async (e: object): Promise<string> => S3Client.name;"),
        ] {
            let function = Function::new("nodejs20.x", &[(file, source)]);
            let instance = machine.start(&function).await.expect("started");
            assert_eq!(answer(&*instance, function.event("{}")).await, "\"S3Client\"", "{file}");
        }
    });
}

/// The package in the folder that `EBB_TEST_PACKAGE` names, which answers an event with something that holds it.
fn a_given_custom_runtime_answers(machine: &Machine) {
    let Some(code) = std::env::var_os("EBB_TEST_PACKAGE") else {
        eprintln!("skipped: EBB_TEST_PACKAGE names no folder");
        return;
    };
    machine.run(async {
        let function = Function::new("provided.al2023", &[]).with_code(PathBuf::from(code));
        let instance = machine.start(&function).await.expect("started");
        for n in 0..3 {
            let answer = answer(&*instance, function.event(&format!("{{\"number\":{n}}}"))).await;
            assert!(answer.contains(&format!("{n}")), "{answer}");
        }
        instance.shutdown("spindown").await;
    });
}
