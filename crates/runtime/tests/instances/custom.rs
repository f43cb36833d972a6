//! Custom runtimes: whatever speaks the Runtime API.

use ebb_invoker::Ending;

use crate::Case;
use crate::setup::{Function, Machine, answer, failure, invoke};

pub(crate) const CASES: &[Case] = &[
    ("a_shell_script_with_curl_is_a_runtime", a_shell_script_with_curl_is_a_runtime),
    ("every_header_of_the_runtime_api_is_sent", every_header_of_the_runtime_api_is_sent),
    ("errors_of_the_runtime_api_are_the_documented_ones", errors_of_the_runtime_api_are_the_documented_ones),
    ("a_custom_runtime_reports_errors", a_custom_runtime_reports_errors),
    ("an_answer_that_is_too_large_is_refused", an_answer_that_is_too_large_is_refused),
    (
        "a_custom_runtime_streams_and_fails_in_its_trailers",
        a_custom_runtime_streams_and_fails_in_its_trailers,
    ),
];

/// A runtime in shell: `handle ID FILE` answers the event in `$FILE`, whose headers are in `$H`.
pub(crate) fn shell(handle: &str) -> String {
    format!(
        "#!/bin/sh
API=\"http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime\"
while true; do
  H=$(mktemp); FILE=$(mktemp); curl -sS -o \"$FILE\" -D \"$H\" \"$API/invocation/next\"
  ID=$(tr -d '\\r' <\"$H\" | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: *//p')
  R=\"$API/invocation/$ID\"
  {handle}
done
"
    )
}

fn custom(handle: &str) -> Function {
    Function::new("provided.al2023", &[("bootstrap", &shell(handle))])
}

fn a_shell_script_with_curl_is_a_runtime(machine: &Machine) {
    machine.run(async {
        let function = custom(r#"curl -sS -o /dev/null "$R/response" -d "{\"shell\": $(cat $FILE)}""#);
        let instance = machine.start(&function).await.expect("started");
        for n in 0..3 {
            assert_eq!(
                answer(&*instance, function.event(&n.to_string())).await,
                format!("{{\"shell\": {n}}}")
            );
        }
    });
}

fn every_header_of_the_runtime_api_is_sent(machine: &Machine) {
    machine.run(async {
        let function = custom(r#"curl -sS -o /dev/null "$R/response" --data-binary "@$H""#);
        let instance = machine.start(&function).await.expect("started");
        let mut event = function.event("{}");
        event.client_context = Some(r#"{"custom":{"k":"v"}}"#.into());
        event.cognito_identity = Some(r#"{"cognitoIdentityId":"i"}"#.into());
        let headers = answer(&*instance, event.clone()).await.to_lowercase();
        for (name, value) in [
            ("aws-request-id", event.id.to_string()),
            ("deadline-ms", event.deadline.millis().to_string()),
            ("invoked-function-arn", format!("{}", event.arn)),
            ("trace-id", event.trace.0),
            ("client-context", r#"{"custom":{"k":"v"}}"#.into()),
            ("cognito-identity", r#"{"cognitoIdentityId":"i"}"#.into()),
        ] {
            let line = format!("lambda-runtime-{name}: {value}").to_lowercase();
            assert!(headers.contains(&line), "{line} in {headers}");
        }
        assert!(event.arn.to_string().ends_with(":live"), "the qualifier is there");
    });
}

fn errors_of_the_runtime_api_are_the_documented_ones(machine: &Machine) {
    machine.run(async {
        let function = custom(
            r#"{
    curl -sS -w '%{http_code}\n' "$API/invocation/nobody/response" -d x
    curl -sS -w '%{http_code}\n' -X POST "$API/init/error" -d '{}'
    curl -sS -w '%{http_code}\n' "$API/restore/next"
    curl -sS -w '%{http_code}\n' "$API/nothing"
    curl -sS -w '%{http_code}\n' "http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension/event/next"
    curl -sS -w '%{http_code}\n' -X PUT "http://$AWS_LAMBDA_RUNTIME_API/2022-07-01/telemetry" -d '{}'
  } >/tmp/out 2>&1
  curl -sS "$R/response" --data-binary @/tmp/out; curl -sS "$R/response" -d again"#,
        );
        let instance = machine.start(&function).await.expect("started");
        let seen = answer(&*instance, function.event("{}")).await;
        let lines: Vec<_> = seen.lines().collect();
        let check = |line: usize, kind: &str, status: &str| {
            let line = lines[line];
            assert!(line.contains(&format!("\"errorType\":\"{kind}\"")) && line.ends_with(status), "{line}");
        };
        check(0, "InvalidRequestID", "400");
        check(1, "InvalidStateTransition", "403");
        check(2, "Restore.NotSupported", "404");
        check(3, "NotFound", "404");
        check(4, "Extension.MissingExtensionIdentifier", "403");
        check(5, "Telemetry.NotSupported", "202");
        let printed = machine.logged(&function).await.concat();
        assert!(printed.contains(r#"{"status":"OK"}"#), "{printed}");
        assert!(printed.contains(r#""errorType":"InvalidStateTransition""#), "answered twice: {printed}");
    });
}

fn a_custom_runtime_reports_errors(machine: &Machine) {
    machine.run(async {
        let function =
            custom(r#"curl -sS -o /dev/null "$R/error" -d '{"errorType":"Bad","errorMessage":"m"}'"#);
        let instance = machine.start(&function).await.expect("started");
        let object = failure(&*instance, function.event("{}")).await;
        assert_eq!(object, r#"{"errorType":"Bad","errorMessage":"m"}"#);
        instance.settle().await.expect("it lives on");
    });
}

fn an_answer_that_is_too_large_is_refused(machine: &Machine) {
    machine.run(async {
        let function = custom(
            r#"head -c 7000000 /dev/zero >/tmp/big; curl -sS "$R/response" --data-binary @/tmp/big; echo"#,
        );
        let instance = machine.start(&function).await.expect("started");
        assert_eq!(invoke(&*instance, function.event("{}")).await.0, Ending::TooLarge { size: 7_000_000 });
        instance.settle().await.expect("it lives on");
        let printed = machine.logged(&function).await.concat();
        assert!(printed.contains("Exceeded maximum allowed payload size (6291556 bytes)."), "{printed}");
    });
}

fn a_custom_runtime_streams_and_fails_in_its_trailers(machine: &Machine) {
    machine.run(async {
        // curl sends no trailers: a few lines of Python do.
        let source = r#"#!/usr/bin/python3
import os, socket, http.client, base64
host, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')
def post(request_id, chunks, trailers):
    s = socket.create_connection((host, int(port)))
    s.sendall(f'POST /2018-06-01/runtime/invocation/{request_id}/response HTTP/1.1\r\nHost: x\r\n'
              'Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n'
              'Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n'.encode())
    for chunk in chunks:
        s.sendall(b'%x\r\n%s\r\n' % (len(chunk), chunk))
    s.sendall(b'0\r\n' + b''.join(b'%s: %s\r\n' % t for t in trailers) + b'\r\n')
    return s.recv(1000)
while True:
    c = http.client.HTTPConnection(host, int(port))
    c.request('GET', '/2018-06-01/runtime/invocation/next')
    r = c.getresponse()
    late = r.read() == b'"late"'
    error = [(b'Lambda-Runtime-Function-Error-Type', b'Function.Late'),
             (b'Lambda-Runtime-Function-Error-Body', base64.b64encode(b'{"late": true}'))]
    post(r.headers['Lambda-Runtime-Aws-Request-Id'], [b'a', b'bc'], error if late else [])
"#;
        let function = Function::new("provided.al2023", &[("bootstrap", source)]);
        let instance = machine.start(&function).await.expect("started");
        assert_eq!(answer(&*instance, function.event("1")).await, "abc");
        assert_eq!(failure(&*instance, function.event("\"late\"")).await, r#"{"late": true}"#);
        instance.settle().await.expect("it lives on");
    });
}
