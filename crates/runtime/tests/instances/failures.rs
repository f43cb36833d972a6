//! Ways for an instance to fail, each told as what it is.

use ebb_invoker::{Ending, ExitCause, InitFailure, StartError};

use crate::Case;
use crate::setup::{Function, Machine, answer, failure, invoke};

pub(crate) const CASES: &[Case] = &[
    ("a_handler_that_is_not_there_fails_the_start", a_handler_that_is_not_there_fails_the_start),
    ("an_exit_while_it_starts_is_an_exit", an_exit_while_it_starts_is_an_exit),
    ("a_package_without_a_bootstrap_says_so", a_package_without_a_bootstrap_says_so),
    ("a_bootstrap_that_cannot_be_executed_says_why", a_bootstrap_that_cannot_be_executed_says_why),
    ("a_custom_runtime_reports_that_it_cannot_start", a_custom_runtime_reports_that_it_cannot_start),
    ("an_exit_during_an_event_is_an_exit", an_exit_during_an_event_is_an_exit),
    ("an_answer_before_the_exit_counts", an_answer_before_the_exit_counts),
    ("an_answer_larger_than_a_frame_is_too_large", an_answer_larger_than_a_frame_is_too_large),
    ("an_answer_that_breaks_off_is_a_failure", an_answer_that_breaks_off_is_a_failure),
    ("memory_that_runs_out_is_told_as_that", memory_that_runs_out_is_told_as_that),
    ("a_child_out_of_memory_is_not_the_end", a_child_out_of_memory_is_not_the_end),
    ("a_start_that_is_given_up_leaves_nothing", a_start_that_is_given_up_leaves_nothing),
];

async fn start_failure(machine: &Machine, function: &Function) -> InitFailure {
    match machine.start(function).await.map(|_| ()) {
        Err(StartError::Init(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

async fn reported(machine: &Machine, function: &Function) -> String {
    match start_failure(machine, function).await {
        InitFailure::Reported(object) => String::from_utf8_lossy(&object).into_owned(),
        InitFailure::Diagnosed { error_type, message } => format!("{error_type}: {message}"),
        other => panic!("{other:?}"),
    }
}

fn a_handler_that_is_not_there_fails_the_start(machine: &Machine) {
    machine.run(async {
        let function = Function::new("python3.11", &[("app.py", "print('loading')\n")]);
        let object = reported(machine, &function).await;
        assert!(object.contains("Runtime.HandlerNotFound"), "{object}");
        assert_eq!(machine.logged(&function).await[0], "loading");
        let function = Function::new("nodejs20.x", &[("index.mjs", "throw new TypeError('early')")]);
        let object = reported(machine, &function).await;
        assert!(object.contains("TypeError") && object.contains("early"), "{object}");
    });
}

fn an_exit_while_it_starts_is_an_exit(machine: &Machine) {
    machine.run(async {
        let function = Function::new("python3.11", &[("app.py", "import os\nos._exit(5)\n")]);
        assert_eq!(start_failure(machine, &function).await, InitFailure::Exited(ExitCause::Status(5)));
        let function = Function::new("provided.al2", &[("bootstrap", "#!/bin/sh\necho no; exit 7\n")]);
        assert_eq!(start_failure(machine, &function).await, InitFailure::Exited(ExitCause::Status(7)));
        assert_eq!(machine.logged(&function).await, ["no"]);
    });
}

fn a_package_without_a_bootstrap_says_so(machine: &Machine) {
    machine.run(async {
        let object = reported(machine, &Function::new("provided.al2023", &[("x", "")])).await;
        assert!(object.contains("Runtime.InvalidEntrypoint"), "{object}");
        assert!(
            object.contains("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"),
            "{object}"
        );
    });
}

fn a_bootstrap_that_cannot_be_executed_says_why(machine: &Machine) {
    machine.run(async {
        for (content, why) in [
            ("plain text", "permission denied"),
            ("#!/no/such/interpreter\n", "no such file or directory"),
            ("\u{7f}ELF and nothing else", "exec format error"),
        ] {
            let object =
                reported(machine, &Function::new("provided.al2023", &[("bootstrap", content)])).await;
            let expected = format!("fork/exec /var/task/bootstrap: {why}");
            assert!(object.contains("Runtime.InvalidEntrypoint") && object.contains(&expected), "{object}");
        }
    });
}

fn a_custom_runtime_reports_that_it_cannot_start(machine: &Machine) {
    machine.run(async {
        let source = "#!/bin/sh
curl -sS -X POST -H 'Lambda-Runtime-Function-Error-Type: Runtime.NoSuchHandler' \
  \"http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/init/error\" \
  -d '{\"errorType\":\"Runtime.NoSuchHandler\",\"errorMessage\":\"m\"}'
exit 1
";
        let function = Function::new("provided.al2023", &[("bootstrap", source)]);
        let object = reported(machine, &function).await;
        assert_eq!(object, r#"{"errorType":"Runtime.NoSuchHandler","errorMessage":"m"}"#);
        assert_eq!(machine.logged(&function).await, [r#"{"status":"OK"}"#]);
    });
}

const EXITS: &str = "import os\ndef handler(e, c):\n    print('last words', flush=True)\n    os._exit(e)\n";

fn an_exit_during_an_event_is_an_exit(machine: &Machine) {
    machine.run(async {
        for status in [0, 3] {
            let function = Function::new("python3.11", &[("app.py", EXITS)]);
            let instance = machine.start(&function).await.expect("started");
            let (ending, _) = invoke(&*instance, function.event(&status.to_string())).await;
            assert_eq!(ending, Ending::Exited(ExitCause::Status(status)));
            assert_eq!(instance.exited().await, ExitCause::Status(status));
            assert_eq!(instance.settle().await, Err(ExitCause::Status(status)));
            assert_eq!(machine.logged(&function).await, ["last words"]);
        }
    });
}

fn an_answer_before_the_exit_counts(machine: &Machine) {
    machine.run(async {
        let source =
            "exports.handler = async () => { setImmediate(() => process.exit(2)); return 'answered'; };";
        let function = Function::new("nodejs20.x", &[("index.js", source)]);
        let instance = machine.start(&function).await.expect("started");
        let (ending, answer) = invoke(&*instance, function.event("{}")).await;
        assert_eq!((ending, answer.as_str()), (Ending::Answered, "\"answered\""));
        assert_eq!(instance.exited().await, ExitCause::Status(2));
    });
}

fn an_answer_larger_than_a_frame_is_too_large(machine: &Machine) {
    machine.run(async {
        let source = "def handler(e, c):\n    return 'x' * e\n";
        let function = Function::new("python3.11", &[("app.py", source)]);
        let instance = machine.start(&function).await.expect("started");
        for size in [7_000_000, 20_000_000] {
            let (ending, _) = invoke(&*instance, function.event(&size.to_string())).await;
            assert_eq!(ending, Ending::TooLarge { size: size + 2 });
            instance.settle().await.expect("it lives on");
        }
        assert_eq!(answer(&*instance, function.event("1")).await, "\"x\"");
    });
}

fn an_answer_that_breaks_off_is_a_failure(machine: &Machine) {
    machine.run(async {
        let source = "#!/usr/bin/python3
import http.client, os, socket
host, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')
while True:
    c = http.client.HTTPConnection(host, int(port))
    c.request('GET', '/2018-06-01/runtime/invocation/next')
    request_id = c.getresponse().headers['Lambda-Runtime-Aws-Request-Id']
    s = socket.create_connection((host, int(port)))
    path = f'/2018-06-01/runtime/invocation/{request_id}/response'
    s.sendall(f'POST {path} HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 100\\r\\n\\r\\nhalf'.encode())
    s.close()
";
        let function = Function::new("provided.al2023", &[("bootstrap", source)]);
        let instance = machine.start(&function).await.expect("started");
        let object = failure(&*instance, function.event("{}")).await;
        assert!(object.contains("Runtime.TruncatedResponse"), "{object}");
        instance.settle().await.expect("it lives on");
    });
}

fn memory_that_runs_out_is_told_as_that(machine: &Machine) {
    machine.run(async {
        let source = "def handler(e, c):\n    return len(bytearray(e * 1024 * 1024))\n";
        let function =
            Function::new("python3.11", &[("app.py", source)]).with(|settings| settings.memory_mib = 128);
        let instance = machine.start(&function).await.expect("started");
        assert_eq!(answer(&*instance, function.event("20")).await, "20971520");
        let (ending, _) = invoke(&*instance, function.event("700")).await;
        assert_eq!(ending, Ending::Exited(ExitCause::OutOfMemory));
    });
}

fn a_child_out_of_memory_is_not_the_end(machine: &Machine) {
    machine.run(async {
        let source = "import subprocess, sys
def handler(e, c):
    return subprocess.run([sys.executable, '-c', 'bytearray(700 * 1024 * 1024)']).returncode
";
        let function =
            Function::new("python3.11", &[("app.py", source)]).with(|settings| settings.memory_mib = 128);
        let instance = machine.start(&function).await.expect("started");
        assert_eq!(answer(&*instance, function.event("{}")).await, "-9");
        assert_eq!(answer(&*instance, function.event("{}")).await, "-9");
    });
}

fn a_start_that_is_given_up_leaves_nothing(machine: &Machine) {
    machine.run(async {
        let function = Function::new("python3.11", &[("app.py", "import time\ntime.sleep(600)\n")]);
        let mark = format!("AWS_LAMBDA_FUNCTION_NAME={}", function.version.name);
        {
            let mut started = Box::pin(machine.start(&function));
            while alive(&mark) == 0 {
                let step = std::time::Duration::from_millis(10);
                assert!(tokio::time::timeout(step, &mut started).await.is_err(), "it cannot start");
            }
        }
        // The end is not part of giving up: it follows at once.
        while alive(&mark) > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
}

/// Processes that have this variable.
fn alive(variable: &str) -> usize {
    let processes = std::fs::read_dir("/proc").expect("proc").flatten();
    processes
        .filter_map(|entry| std::fs::read(entry.path().join("environ")).ok())
        .filter(|environ| environ.split(|byte| *byte == 0).any(|found| found == variable.as_bytes()))
        .count()
}
