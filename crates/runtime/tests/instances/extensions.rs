//! External and internal extensions.

use ebb_invoker::{InitFailure, StartError};

use crate::Case;
use crate::custom::shell;
use crate::setup::{Function, Machine, answer, invoke};

pub(crate) const CASES: &[Case] = &[
    ("an_extension_hears_of_each_event_and_of_the_end", an_extension_hears_of_each_event_and_of_the_end),
    (
        "an_extension_that_reports_an_error_fails_the_start",
        an_extension_that_reports_an_error_fails_the_start,
    ),
    ("an_extension_that_ends_fails_the_start", an_extension_that_ends_fails_the_start),
    ("an_extension_that_crashes_later_ends_the_instance", an_extension_that_crashes_later_ends_the_instance),
    ("an_internal_extension_registers_while_the_runtime_starts", an_internal_extension),
];

/// An extension in shell that registers for both events and then does `body`, with `$NEXT` waiting for an event.
fn extension(body: &str) -> String {
    format!(
        "#!/bin/sh
API=\"http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension\"
curl -sS -D /tmp/ext.headers -o /tmp/ext.body -H 'Lambda-Extension-Name: watcher' \
  -H 'Lambda-Extension-Accept-Feature: accountId' \"$API/register\" -d '{{\"events\": [\"INVOKE\", \"SHUTDOWN\"]}}'
ID=$(tr -d '\\r' </tmp/ext.headers | sed -n 's/^[Ll]ambda-[Ee]xtension-[Ii]dentifier: *//p')
next() {{ curl -sS -H \"Lambda-Extension-Identifier: $ID\" \"$API/event/next\"; }}
{body}
"
    )
}

fn with_extension(body: &str) -> Function {
    let runtime = shell(r#"curl -sS -o /dev/null "$R/response" -d ok"#);
    Function::new("provided.al2023", &[("bootstrap", &runtime)])
        .layer(&[("extensions/watcher", &extension(body))])
}

fn an_extension_hears_of_each_event_and_of_the_end(machine: &Machine) {
    machine.run(async {
        let function = with_extension(
            "cat /tmp/ext.body; echo; while true; do E=$(next); echo \"$E\"; \
             case \"$E\" in *SHUTDOWN*) echo bye; exit 0;; esac; done",
        );
        let instance = machine.start(&function).await.expect("started");
        let event = function.event("{}");
        assert_eq!(answer(&*instance, event.clone()).await, "ok");
        instance.shutdown("spindown").await;
        let logged = machine.logged(&function).await;
        let has = |parts: &[&str]| {
            let found = logged.iter().any(|line| parts.iter().all(|part| line.contains(part)));
            assert!(found, "{parts:?} in {logged:#?}");
        };
        has(&["\"functionName\":\"f-", "\"functionVersion\":\"$LATEST\"", "\"accountId\":\"000000000000\""]);
        has(&["EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]"]);
        has(&[
            "\"eventType\":\"INVOKE\"",
            &event.id.to_string(),
            "\"X-Amzn-Trace-Id\"",
            &event.arn.to_string(),
        ]);
        has(&["\"eventType\":\"SHUTDOWN\"", "\"shutdownReason\":\"spindown\"", "\"deadlineMs\":"]);
        has(&["bye"]);
    });
}

async fn start_failure(machine: &Machine, function: &Function) -> String {
    match machine.start(function).await.map(|_| ()) {
        Err(StartError::Init(InitFailure::Reported(object))) => String::from_utf8_lossy(&object).into_owned(),
        Err(StartError::Init(InitFailure::Diagnosed { error_type, message })) => {
            format!("{error_type}: {message}")
        }
        other => panic!("{other:?}"),
    }
}

fn an_extension_that_reports_an_error_fails_the_start(machine: &Machine) {
    machine.run(async {
        let function = with_extension(
            "curl -sS -H \"Lambda-Extension-Identifier: $ID\" -H 'Lambda-Extension-Function-Error-Type: \
             Extension.NoConfig' \"$API/init/error\" -d '{\"errorMessage\": \"no configuration\"}'; sleep 1",
        );
        let object = start_failure(machine, &function).await;
        assert!(
            object.contains("Extension.InitError") && object.contains("Extension.NoConfig: no configuration")
        );
    });
}

fn an_extension_that_ends_fails_the_start(machine: &Machine) {
    machine.run(async {
        let object = start_failure(machine, &with_extension("exit 3")).await;
        assert!(object.contains("Extension.Crash") && object.contains("exit status 3"), "{object}");
    });
}

fn an_extension_that_crashes_later_ends_the_instance(machine: &Machine) {
    machine.run(async {
        let function = with_extension("next; exit 4");
        let instance = machine.start(&function).await.expect("started");
        // The answer may be there before the crash or not; the instance is gone in either case.
        invoke(&*instance, function.event("{}")).await;
        instance.settle().await.expect_err("it ended");
        instance.exited().await;
    });
}

fn an_internal_extension(machine: &Machine) {
    machine.run(async {
        let runtime = shell(r#"curl -sS -o /dev/null "$R/response" -d "$REGISTERED""#).replace(
            "while true",
            "E=http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension/register
REGISTERED=$(curl -sS -H 'Lambda-Extension-Name: inner' $E -d '{\"events\": [\"SHUTDOWN\"]}')
while true",
        );
        let function = Function::new("provided.al2023", &[("bootstrap", &runtime)]);
        let instance = machine.start(&function).await.expect("started");
        let seen = answer(&*instance, function.event("{}")).await;
        assert!(seen.contains("Extension.InvalidEventType") && seen.contains("SHUTDOWN"), "{seen}");
    });
}
