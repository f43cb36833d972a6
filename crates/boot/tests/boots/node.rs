//! The Node boot.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use ebb_boot::{LogLevel, ToBoot};
use serde_json::{Value, json};

use crate::harness::{Files, Function, Init, Instance, Interpreter, Outcome, REQUEST_ID, on_path, runtimes};

/// The Node.js that `EBB_TEST_NODE` names, else the one on PATH.
fn node() -> Option<Interpreter> {
    let named = std::env::var_os("EBB_TEST_NODE").map(PathBuf::from);
    let Some(program) = named.or_else(|| on_path("node")) else {
        println!("skipped: no node on PATH");
        return None;
    };
    let boot = runtimes().join("node/boot.cjs").to_str()?.to_owned();
    Some(Interpreter { name: "node".to_owned(), command: vec![program.to_str()?.to_owned(), boot] })
}

/// Runs `index.handler` of an ES module and compares the summary.
fn check(source: &str, event: &str, expected: &str) {
    check_files(&[("index.mjs", source)], "index.handler", event, expected);
}

fn check_files(files: Files<'_>, handler: &str, event: &str, expected: &str) {
    let Some(node) = node() else { return };
    let seen = Function::new(&node, handler, files).summary(event);
    assert_eq!(seen, expected, "{handler} of {files:?}");
}

fn start(files: Files<'_>, env: &[(&str, &str)]) -> Option<Instance> {
    let function = Function::new(&node()?, "index.handler", files);
    let instance = env.iter().fold(function, |function, (name, value)| function.env(name, value)).start();
    assert_eq!(instance.init, Some(Init::Ready), "{files:?}");
    Some(instance)
}

fn start_module(source: &str) -> Option<Instance> {
    start(&[("index.mjs", source)], &[])
}

#[test]
fn handlers_are_found_where_lambda_finds_them() {
    let cjs =
        "exports.run = async () => __filename.split('/').pop(); exports.deep = {er: {run: exports.run}}";
    let esm =
        "export const run = async () => import.meta.url.split('/').pop(); export const deep = {er: {run}};";
    let module = ("package.json", r#"{"type": "module"}"#);
    let cases: &[(Files<'_>, &str, &str)] = &[
        (&[("index.js", cjs)], "index.run", r#"= "index.js""#),
        (&[("src/api.js", cjs)], "src/api.run", r#"= "api.js""#),
        (&[("src/api.js", cjs)], "src/api.deep.er.run", r#"= "api.js""#),
        (&[("index.cjs", cjs)], "index.run", r#"= "index.cjs""#),
        (&[("index.mjs", esm)], "index.run", r#"= "index.mjs""#),
        (&[("index.mjs", esm)], "index.deep.er.run", r#"= "index.mjs""#),
        (&[("index.js", esm), module], "index.run", r#"= "index.js""#),
        (&[("a/b/index.js", esm), module], "a/b/index.run", r#"= "index.js""#),
        (&[("index.mjs", "const x = await 5; export const h = async () => x")], "index.h", "= 5"),
        (&[("index.mjs", "export default {h: async () => 6}")], "index.h", "= 6"),
        (&[("index/index.js", cjs)], "index.run", r#"= "index.js""#),
        (&[("node_modules/lib/index.js", cjs)], "lib.run", r#"= "index.js""#),
    ];
    for (files, handler, expected) in cases {
        check_files(files, handler, "{}", expected);
    }
}

#[test]
fn what_a_boot_does_while_it_waits_is_not_seen_by_its_function() {
    let Some(node) = node() else { return };
    let source = "
        import { createRequire } from 'node:module';
        const { cache } = createRequire(import.meta.url);
        const seen = () => [process.cwd() === import.meta.dirname, Object.keys(process.env), Object.keys(globalThis),
            Object.keys(cache).map((path) => path.split('/').pop()), process.eventNames().map(String), process.exitCode];
        const atStart = seen();
        export const handler = async () => [atStart, seen()];";
    let seen = |after: u64| {
        let function = Function::new(&node, "index.handler", &[("index.mjs", source)]);
        function.comes_after(Duration::from_millis(after)).summary("{}")
    };
    let at_once = seen(0);
    assert!(at_once.contains("boot.cjs"), "{at_once}");
    assert_eq!(at_once, seen(500));
    // While it is at it.
    for after in [5, 8, 12] {
        assert_eq!(at_once, seen(after), "{after} ms");
    }
}

#[test]
fn failures_of_initialisation_say_what_is_wrong() {
    let cases: &[(&str, &str, &str, &str)] = &[
        ("index.js", "", "index.h", "init ! Runtime.HandlerNotFound: index.h is undefined or not exported"),
        ("index.js", "exports.h = 5", "index.h", "init ! Runtime.HandlerNotFound: index.h is not a function"),
        ("index.js", "", "index", "init ! Runtime.MalformedHandlerName: Bad handler"),
        (
            "index.js",
            "",
            "../index.h",
            "init ! Runtime.MalformedHandlerName: '../index.h' is not a valid handler name. Use absolute paths when \
             specifying root directories in handler names.",
        ),
        (
            "index.js",
            "x(",
            "index.h",
            "init ! Runtime.UserCodeSyntaxError: SyntaxError: Unexpected end of input",
        ),
        (
            "index.mjs",
            "x(",
            "index.h",
            "init ! Runtime.UserCodeSyntaxError: SyntaxError: Unexpected end of input",
        ),
        ("index.js", "throw new TypeError('early')", "index.h", "init ! TypeError: early"),
        (
            "index.js",
            "Promise.reject(new Error('loose')); exports.h = async () => 1",
            "index.h",
            "init ! Runtime.UnhandledPromiseRejection: Error: loose",
        ),
        ("index.js", "process.exit(4)", "index.h", "init exit 4"),
        ("index.mjs", "await new Promise(() => {})", "index.h", "init exit 13"),
        (
            "index.mjs",
            "throw undefined",
            "index.h",
            "init ! handled: callback called with Error argument, but there was \
             a problem while retrieving one or more of its message, name, and stack",
        ),
    ];
    for (file, source, handler, expected) in cases {
        check_files(&[(file, source)], handler, "{}", expected);
    }
    let Some(node) = node() else { return };
    let missing = Function::new(&node, "index.h", &[("index.js", "require('not-there')")]).summary("{}");
    assert!(
        missing.starts_with(
            "init ! Runtime.ImportModuleError: Error: Cannot find module 'not-there'\nRequire stack:"
        ),
        "{missing}"
    );
    let mut instance = Function::new(&node, "index.h", &[("index.mjs", "import 'not-there'")]).start();
    let Some(Init::Failed(error)) = instance.init.take() else { panic!("it started") };
    assert!(
        error["errorMessage"].as_str().unwrap().starts_with("Cannot find package 'not-there' imported from ")
    );
    let text = &instance.logs[0].2;
    assert!(text.contains("\tundefined\tERROR\tUncaught Exception \t{\"errorType\":\"Error\""), "{text}");
    assert_eq!(instance.end().code, 129);
}

#[test]
fn answers_come_from_promises_callbacks_and_the_context() {
    let cases = [
        ("async (e) => e", r#"{"a": [1, 2.5, null, "wörld"]}"#, r#"= {"a":[1,2.5,null,"wörld"]}"#),
        ("async () => {}", "{}", "= null"),
        ("async () => undefined", "{}", "= null"),
        ("(e) => Promise.resolve(e)", "7", "= 7"),
        ("(e) => ({ then: (ok) => ok('thenable') })", "7", r#"= "thenable""#),
        ("(e, c, cb) => cb(null, e + 1)", "7", "= 8"),
        ("(e, c, cb) => { setTimeout(() => cb(null, 'late'), 20) }", "7", r#"= "late""#),
        ("(e, c) => c.succeed('s')", "7", r#"= "s""#),
        ("(e, c) => c.done(null, 'd')", "7", r#"= "d""#),
        ("(e, c) => c.fail(new RangeError('f'))", "7", "! RangeError: f"),
        ("(e, c) => c.fail()", "7", "! string: handled"),
        ("(e, c, cb) => { cb(null, 1); cb(null, 2); c.succeed(3) }", "7", "= 1"),
        ("(e, c, cb) => cb(new Error('no'))", "7", "! Error: no"),
        ("(e, c, cb) => cb('text')", "7", "! string: text"),
        ("(e, c, cb) => cb({ a: 1 })", "7", "! object: [object Object]"),
        ("() => 5", "7", "= null"),
        ("async () => new Promise(() => {})", "7", "= null"),
        ("async () => { throw new RangeError('too far') }", "7", "! RangeError: too far"),
        ("() => { throw new RangeError('too far') }", "7", "! RangeError: too far"),
        ("async () => { throw 'text' }", "7", "! string: text"),
        ("async () => ({ n: 1n })", "7", "! Error: Unable to stringify response body"),
        (
            "async () => { const a = {}; a.a = a; return a }",
            "7",
            "! Error: Unable to stringify response body",
        ),
        ("async () => () => {}", "7", "= null"),
    ];
    for (handler, event, expected) in cases {
        check(&format!("export const handler = {handler};"), event, expected);
    }
    let Some(mut instance) = start_module("export const handler = async (e) => e;") else { return };
    let bad = instance.invoke("{nope").summary();
    assert!(bad.starts_with("! SyntaxError: ") && bad.contains("in JSON at position 1"), "{bad}");
}

#[test]
fn a_callbacks_answer_waits_for_the_event_loop_unless_told_not_to() {
    let source = "let done = false;
        export const handler = (e, c, cb) => {
            c.callbackWaitsForEmptyEventLoop = e.waits;
            if (e.ask) return cb(null, done);
            done = false;
            const answer = {};
            setTimeout(() => { answer.late = true; }, 100);
            cb(null, answer);
        };";
    let Some(mut instance) = start_module(source) else { return };
    assert_eq!(instance.invoke(r#"{"waits": true}"#).summary(), r#"= {"late":true}"#);
    assert_eq!(instance.invoke(r#"{"waits": false}"#).summary(), "= {}");
    // A promise's answer never waits.
    check("export const handler = async () => { setInterval(() => {}, 1000); return 1 };", "{}", "= 1");
}

#[test]
fn errors_have_a_trace_and_are_logged_with_their_fields() {
    let source = "class Sad extends Error { constructor(m) { super(m); this.name = 'Sad'; this.code = 'E1'; this.extra = {k: 1}; } }
        export const handler = async () => { throw new Sad('no luck') };";
    let Some(mut instance) = start_module(source) else { return };
    let error = instance.invoke("{}").error().clone();
    assert_eq!((&error["errorType"], &error["errorMessage"]), (&json!("Sad"), &json!("no luck")));
    assert_eq!(error["trace"][0], "Sad: no luck");
    let frame = error["trace"][1].as_str().unwrap();
    assert!(
        frame.starts_with("    at Runtime.handler (file:///") && frame.contains("index.mjs:2:"),
        "{frame}"
    );
    assert_eq!(error.as_object().unwrap().len(), 3);
    let (level, id, text) = &instance.logs[0];
    assert_eq!((*level, *id), (Some(LogLevel::Error), 1));
    let (head, fields) = text.split_once("\tERROR\tInvoke Error \t").unwrap();
    assert!(head.ends_with(&format!("Z\t{REQUEST_ID}")), "{head}");
    let fields: Value = serde_json::from_str(fields).unwrap();
    assert_eq!((&fields["code"], &fields["extra"]), (&json!("E1"), &json!({"k": 1})));
    assert!(fields["stack"].is_array());
    assert_eq!(instance.invoke("{}").summary(), "! Sad: no luck");
}

#[test]
fn what_nobody_catches_fails_the_event_and_ends_the_process() {
    let cases = [
        ("setTimeout(() => { throw new TypeError('loose') }, 5)", "! TypeError: loose", 129),
        (
            "Promise.reject(new TypeError('loose'))",
            "! Runtime.UnhandledPromiseRejection: TypeError: loose",
            128,
        ),
        ("process.exit(3)", "exit", 3),
    ];
    for (statement, expected, code) in cases {
        let source = format!(
            "export const handler = async () => {{ {statement}; await new Promise(r => setTimeout(r, 9000)) }}"
        );
        let Some(mut instance) = start_module(&source) else { return };
        assert_eq!(instance.invoke("{}").summary(), expected);
        assert_eq!(instance.end().code, code, "{statement}");
    }
}

#[test]
fn the_context_has_everything() {
    let source = "export const handler = async (e, c) => ({ ...c, left: c.getRemainingTimeInMillis() > 9000,
        trace: process.env._X_AMZN_TRACE_ID, fd: process.env.EBB_BOOT_FD ?? null, root: process.cwd() === e.root })";
    let Some(mut instance) = start_module(source) else { return };
    let expected = json!({
        "functionVersion": "$LATEST", "functionName": "fn", "memoryLimitInMB": "256", "left": true, "root": false,
        "logGroupName": "/aws/lambda/fn", "logStreamName": "stream", "awsRequestId": REQUEST_ID, "fd": null,
        "invokedFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:fn:live",
        "callbackWaitsForEmptyEventLoop": true,
        "trace": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
    });
    assert_eq!(instance.invoke("{}").json(), expected);
    let full = instance.invoke_with("{}", |metadata| {
        metadata.client_context = Some(r#"{"custom": {"k": "v"}}"#.to_owned());
        metadata.cognito_identity = Some(r#"{"cognitoIdentityId": "i"}"#.to_owned());
    });
    let full = full.json();
    assert_eq!(full["clientContext"], json!({"custom": {"k": "v"}}));
    assert_eq!(full["identity"], json!({"cognitoIdentityId": "i"}));
    let bad = instance.invoke_with("{}", |metadata| metadata.client_context = Some("{".to_owned()));
    assert!(bad.summary().starts_with("! Error: Cannot parse ClientContext as json: "));
}

#[test]
fn the_console_makes_one_event_of_one_call() {
    let source = "export const handler = async () => {
        console.log('needle', 'alpha', { a: 1 }); console.error('to\\nstderr'); console.warn('w'); console.debug('d');
        console.trace('t'); console.info('%s is %d', 'x', 5); process.stdout.write('raw\\n'); process.stderr.write('bare\\n');
    }";
    let Some(mut instance) = start_module(source) else { return };
    instance.invoke("{}");
    let shapes: Vec<_> =
        instance.logs.iter().map(|(level, id, text)| (*level, *id, digitless(text))).collect();
    let line = |level: &str, text: &str| {
        format!("0000-00-00T00:00:00.000Z\t{}\t{level}\t{text}\n", digitless(REQUEST_ID))
    };
    let expected = [
        (LogLevel::Info, line("INFO", "needle alpha { a: 0 }")),
        (LogLevel::Error, line("ERROR", "to\nstderr")),
        (LogLevel::Warn, line("WARN", "w")),
        (LogLevel::Debug, line("DEBUG", "d")),
        (LogLevel::Trace, line("TRACE", "t")),
        (LogLevel::Info, line("INFO", "x is 0")),
    ];
    assert_eq!(shapes, expected.map(|(level, text)| (Some(level), 1, text)));
    let remains = instance.end();
    assert_eq!((remains.stdout.as_str(), remains.stderr.as_str()), ("raw\n", "bare\n"));
}

fn digitless(text: &str) -> String {
    text.replace(char::is_numeric, "0")
}

#[test]
fn the_json_format_has_the_documented_keys_and_filters_levels() {
    let source = "export const handler = async () => {
        console.debug('hidden'); console.info({ a: 1 }); console.warn('a %d', 1);
        console.error('oh', new RangeError('r')); console.error(new RangeError('alone')); throw new TypeError('bad');
    }";
    let env = [("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", "info")];
    let Some(mut instance) = start(&[("index.mjs", source)], &env) else { return };
    instance.invoke("{}");
    let logs: Vec<Value> =
        instance.log_texts().iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert_eq!(logs.len(), 5);
    assert!(
        logs.iter()
            .all(|log| log["requestId"] == REQUEST_ID && log["timestamp"].as_str().unwrap().ends_with('Z'))
    );
    assert_eq!((&logs[0]["level"], &logs[0]["message"]), (&json!("INFO"), &json!({"a": 1})));
    assert_eq!((&logs[1]["level"], &logs[1]["message"]), (&json!("WARN"), &json!("a 1")));
    assert_eq!((&logs[2]["errorType"], &logs[2]["errorMessage"]), (&json!("RangeError"), &json!("r")));
    assert!(logs[2]["message"].as_str().unwrap().starts_with("oh RangeError: r\n"));
    assert!(logs[2]["stackTrace"].is_array());
    assert_eq!(logs[3]["message"]["errorMessage"], "alone");
    assert_eq!((&logs[4]["level"], &logs[4]["message"]["errorType"]), (&json!("ERROR"), &json!("TypeError")));
}

#[test]
fn what_is_logged_before_an_endless_loop_arrives() {
    let source = "export const handler = async () => { console.log('x'.repeat(300000)); console.log('last'); while (true); }";
    let Some(mut instance) = start_module(source) else { return };
    instance.begin("{}", |_| {});
    for _ in 0..2 {
        assert!(matches!(instance.receive(), Some(ebb_boot::FromBoot::Log { .. })));
    }
}

#[test]
fn children_of_the_function_do_not_hold_the_socket() {
    let source = "import { execFileSync } from 'node:child_process';
        export const handler = async () => / 3 -> socket/.test(execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' }))";
    check(source, "{}", "= false");
}

#[test]
fn large_events_and_answers_pass_whole() {
    let Some(mut instance) = start_module("export const handler = async (e) => e") else { return };
    let event = format!("\"{}\"", "x".repeat(6_000_000));
    for _ in 0..2 {
        let Outcome::Response(body) = instance.invoke(&event) else { panic!("no response") };
        assert!(body == event.as_bytes());
    }
    assert_eq!(instance.invoke("1").summary(), "= 1");
}

const STREAM_TYPE: &str = "application/vnd.awslambda.http-integration-response";

#[test]
fn streams_arrive_as_written() {
    let cases = [
        ("out.write('a'); out.write(Buffer.from('b')); out.end('c')", "~ abc"),
        ("out.write({ k: 1 }); out.end()", r#"~ {"k":1}"#),
        ("out.end()", "~ "),
        ("out.write('a'); out.end(); out.write('b')", "~ a"),
        ("await pipeline(Readable.from(['p', 'q']), out)", "~ pq"),
        ("out.write('a'); throw new RangeError('mid')", "~ a ! RangeError: mid"),
        ("out.end('a'); await new Promise((r) => setTimeout(r, 20)); throw new RangeError('late')", "~ a"),
        ("throw new RangeError('before')", "! RangeError: before"),
        ("out.write('a')", "~ a ! string: Response stream is not finished."),
        ("out.write('a'); setTimeout(() => out.end('later'), 20)", "~ alater"),
        (
            "await pipeline(async function* () { yield 'p'; throw new TypeError('source') }, out)",
            "~ p ! TypeError: source",
        ),
        (
            "out = awslambda.HttpResponseStream.from(out, { statusCode: 201, headers: { a: 'b' } }); out.write('x'); out.end()",
            "~ {\"statusCode\":201,\"headers\":{\"a\":\"b\"}}\0\0\0\0\0\0\0\0x",
        ),
        (
            "out = awslambda.HttpResponseStream.from(out, { statusCode: 204 }); out.end()",
            "~ {\"statusCode\":204}\0\0\0\0\0\0\0\0",
        ),
        (
            "out.write('a'); out.setContentType('text/plain')",
            "~ a ! Runtime.InvalidStreamingOperation: Cannot set content-type, too late.",
        ),
        (
            "out.write('a'); setTimeout(() => { throw new TypeError('loose') }, 5); await new Promise(r => setTimeout(r, 9000))",
            "~ a ! TypeError: loose",
        ),
    ];
    for (body, expected) in cases {
        check(&streaming(body), "{}", expected);
    }
    check(
        "export const handler = awslambda.streamifyResponse((e, out) => { out.end('x') })",
        "{}",
        "~ x ! string: Streaming does not support non-async handlers.",
    );
}

fn streaming(body: &str) -> String {
    format!(
        "import {{ pipeline }} from 'node:stream/promises'; import {{ Readable }} from 'node:stream';
         export const handler = awslambda.streamifyResponse(async (event, out, context) => {{ {body} }});"
    )
}

#[test]
fn a_stream_has_a_content_type() {
    let cases = [
        ("out.end('x')", "application/octet-stream"),
        ("out.setContentType('text/html'); out.end('x')", "text/html"),
        ("awslambda.HttpResponseStream.from(out, {}).end('x')", STREAM_TYPE),
    ];
    for (body, expected) in cases {
        let Some(mut instance) = start_module(&streaming(body)) else { return };
        let Outcome::Stream { head, .. } = instance.invoke("{}") else { panic!("no stream") };
        assert_eq!(head.content_type.as_deref(), Some(expected));
    }
}

#[test]
fn a_stream_pushes_back_and_goes_on_when_drained() {
    let body = "const piece = 'y'.repeat(100_000);
        for (let i = 0; i < 40; i++) if (!out.write(piece)) { writeFileSync('full', ''); await new Promise((go) => out.once('drain', go)) }
        out.end()";
    let source = format!("import {{ writeFileSync }} from 'node:fs'; {}", streaming(body));
    let Some(mut instance) = start_module(&source) else { return };
    let id = instance.begin("{}", |_| {});
    // Nothing is read until the socket is full.
    instance.wait_for_file("full");
    let Outcome::Stream { chunks, error, .. } = instance.outcome(id) else { panic!("no stream") };
    assert_eq!((chunks.concat().len(), error), (4_000_000, None));
    assert!(matches!(instance.invoke("{}"), Outcome::Stream { .. }), "it lives on");
}

#[test]
fn logging_does_not_wait_for_the_reader_of_a_stream() {
    let body = "out.write('y'.repeat(4_000_000)); console.log('behind'); writeFileSync('logged', '');
        await new Promise((go) => out.end(go)); process.exit(6)";
    let source = format!("import {{ writeFileSync }} from 'node:fs'; {}", streaming(body));
    let Some(mut instance) = start_module(&source) else { return };
    let id = instance.begin("{}", |_| {});
    instance.wait_for_file("logged");
    assert!(matches!(instance.outcome(id), Outcome::Ended));
    assert!(instance.log_texts()[0].ends_with("\tbehind\n"));
    assert_eq!(instance.end().code, 6);
}

#[test]
fn a_cancelled_stream_still_ends() {
    let body = "out.write('a'); while (!existsSync('go')) await new Promise((go) => setTimeout(go, 1));
        for (let i = 0; i < 100; i++) await new Promise((go) => out.write('x'.repeat(100_000), go));
        out.end()";
    let source = format!("import {{ existsSync }} from 'node:fs'; {}", streaming(body));
    let Some(mut instance) = start_module(&source) else { return };
    let id = instance.begin("{}", |_| {});
    instance.send(ToBoot::Cancel { id });
    instance.make_file("go");
    let Outcome::Stream { error, .. } = instance.outcome(id) else { panic!("no stream") };
    assert_eq!(error, None);
}

#[test]
fn what_is_written_after_a_failure_does_not_reach_the_next_event() {
    for first in ["", "out.write('a');"] {
        let body = format!(
            "if (event === 2) {{ globalThis.go(); await new Promise((r) => setTimeout(r, 20)); return void out.end('b') }}
             {first} globalThis.go = () => {{ out.write('stray'); out.end() }}; throw new Error('no')"
        );
        let Some(mut instance) = start_module(&streaming(&body)) else { return };
        assert!(instance.invoke("1").summary().ends_with("! Error: no"));
        assert_eq!(instance.invoke("2").summary(), "~ b");
    }
}

#[test]
fn one_write_larger_than_a_frame_is_cut() {
    let Some(mut instance) = start_module(&streaming("out.end(Buffer.alloc(20_000_000, 'z'))")) else {
        return;
    };
    let Outcome::Stream { chunks, error, .. } = instance.invoke("{}") else { panic!("no stream") };
    assert_eq!((chunks.iter().map(bytes::Bytes::len).sum::<usize>(), error), (20_000_000, None));
}

#[test]
fn from_node_24_on_handlers_answer_by_return_only() {
    let env = [("AWS_EXECUTION_ENV", "AWS_Lambda_nodejs24.x")];
    let source = "export const handler = (e, c) => [c.done === undefined, c.callbackWaitsForEmptyEventLoop === undefined]";
    let Some(mut instance) = start(&[("index.mjs", source)], &env) else { return };
    assert_eq!(instance.invoke("{}").summary(), "= [true,true]");
    let Some(node) = node() else { return };
    let callback = [("index.mjs", "export const handler = (e, c, cb) => cb()")];
    let seen = Function::new(&node, "index.handler", &callback).env(env[0].0, env[0].1).summary("{}");
    assert!(seen.starts_with("init ! Runtime.CallbackHandlerDeprecated: "), "{seen}");
}

#[test]
fn packages_on_the_search_path_are_found_by_require_and_import() {
    let package = [
        (
            "sdk/node_modules/@x/lib/package.json",
            r#"{"name": "@x/lib", "exports": {"import": "./e.mjs", "require": "./c.js"}}"#,
        ),
        ("sdk/node_modules/@x/lib/e.mjs", "export const how = 'imported'"),
        ("sdk/node_modules/@x/lib/c.js", "exports.how = 'required'"),
    ];
    let cases: &[(Files<'_>, &str)] = &[
        (&[("index.js", "exports.handler = async () => require('@x/lib').how")], r#"= "required""#),
        (
            &[("index.mjs", "import { how } from '@x/lib'; export const handler = async () => how")],
            r#"= "imported""#,
        ),
        (
            &[
                ("index.mjs", "export * from './lib/a.mjs'"),
                ("lib/a.mjs", "import{how}from\"@x/lib\";export const handler=async()=>how"),
            ],
            r#"= "imported""#,
        ),
        (&[("index.js", "exports.handler = async () => (await import('@x/lib')).how")], r#"= "imported""#),
        (
            &[(
                "index.mjs",
                "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); export const handler = async () => require('@x/lib').how",
            )],
            r#"= "required""#,
        ),
    ];
    let Some(node) = node() else { return };
    for (files, expected) in cases {
        let all: Vec<_> = files.iter().chain(&package).copied().collect();
        let function =
            Function::new(&node, "index.handler", &all).env("NODE_PATH", "/nowhere:$ROOT/sdk/node_modules");
        assert_eq!(function.summary("{}"), *expected, "{files:?}");
    }
}

#[test]
fn typescript_runs_with_its_types_stripped_or_says_what_is_missing() {
    let Some(node) = node() else { return };
    let amaro = std::env::var("EBB_TEST_AMARO").unwrap_or_default();
    let cases: &[(Files<'_>, &str)] = &[
        (
            &[(
                "index.ts",
                "type E = { n: number }; export const handler = async (e: E): Promise<number> => e.n as number",
            )],
            "= 5",
        ),
        (&[("index.mts", "export const handler = async (e: { n: number }) => e.n")], "= 5"),
        (
            &[("index.cts", "const f = (e: { n: number }) => e.n; exports.handler = async (e: any) => f(e)")],
            "= 5",
        ),
        (
            &[("index.ts", "const f = (e: any): number => e.n; exports.handler = async (e: any) => f(e)")],
            "= 5",
        ),
        (
            &[
                (
                    "index.ts",
                    "import { pick } from './pick'; export const handler = async (e: any) => pick(e)",
                ),
                ("pick.ts", "export const pick = (e: any): number => e.n"),
            ],
            "= 5",
        ),
        (
            &[("index.ts", "export const handler = async (e: { n: number ) => e.n")],
            "init ! Runtime.UserCodeSyntaxError",
        ),
    ];
    let mut kinds = HashSet::new();
    for (files, expected) in cases {
        let seen =
            Function::new(&node, "index.handler", files).env("NODE_PATH", &amaro).summary(r#"{"n": 5}"#);
        if seen.contains("runs only with the npm package 'amaro'") {
            kinds.insert("missing");
            assert!(seen.starts_with("init ! Runtime.ImportModuleError: "), "{seen}");
            continue;
        }
        kinds.insert("stripped");
        assert!(seen.starts_with(expected), "{files:?}: {seen}");
    }
    assert_eq!(kinds.len(), 1, "either all or none");
}
