//! The Python boot.

use std::path::PathBuf;

use ebb_boot::LogLevel;
use serde_json::json;

use crate::harness::{Files, Function, Init, Instance, Interpreter, Outcome, REQUEST_ID, on_path, runtimes};

/// Every Python 3.9 or later that this machine has, one of each version.
fn pythons() -> Vec<Interpreter> {
    let boot = runtimes().join("python/boot.py").to_str().unwrap().to_owned();
    let found: Vec<_> = (9..=14)
        .filter_map(|minor| {
            let program = installed(minor)?;
            let command = vec![program.to_str()?.to_owned(), "-SB".to_owned(), boot.clone()];
            Some(Interpreter { name: format!("python3.{minor}"), command })
        })
        .collect();
    if found.is_empty() {
        println!("skipped: no python3.9 or later on PATH or under ~/.pyenv");
    }
    found
}

/// The interpreter itself, not the shim of a version manager.
fn installed(minor: u32) -> Option<PathBuf> {
    let name = format!("python3.{minor}");
    let versions = std::env::home_dir()?.join(".pyenv/versions");
    let managed = std::fs::read_dir(versions).into_iter().flatten().flatten();
    let managed = managed.map(|version| version.path().join("bin").join(&name)).find(|file| file.is_file());
    managed.or_else(|| on_path(&name).filter(|file| !file.to_string_lossy().contains("shims")))
}

/// Runs `app.handler` of this source on every Python and compares the summary.
fn check(source: &str, event: &str, expected: &str) {
    check_files(&[("app.py", source)], "app.handler", event, expected);
}

fn check_files(files: Files<'_>, handler: &str, event: &str, expected: &str) {
    for python in pythons() {
        let seen = Function::new(&python, handler, files).summary(event);
        assert_eq!(seen, expected, "{} {handler} of {files:?}", python.name);
    }
}

/// Starts `app.handler` on every Python and hands the running instance to `test`.
fn each(source: &str, env: &[(&str, &str)], test: impl Fn(Instance)) {
    for python in pythons() {
        println!("{}", python.name);
        let function = Function::new(&python, "app.handler", &[("app.py", source)]);
        let function = env.iter().fold(function, |function, (name, value)| function.env(name, value));
        let instance = function.start();
        assert_eq!(instance.init, Some(Init::Ready), "{}", python.name);
        test(instance);
    }
}

#[test]
fn answers_are_encoded_as_on_lambda() {
    let cases = [
        ("return e", r#"{"a": [1, 2.5, null, true]}"#, r#"= {"a": [1, 2.5, null, true]}"#),
        ("return e", r#""wörld""#, r#"= "w\u00f6rld""#),
        ("return None", "{}", "= null"),
        ("return (1, 2)", "{}", "= [1, 2]"),
        ("return b'\\x00raw'", "{}", "= \0raw"),
        ("return {'t': b'text', b'k': 1}", "{}", r#"= {"t": "text", "k": 1}"#),
        (
            "return bytearray()",
            "{}",
            "! Runtime.MarshalError: Unable to marshal response: Object of type bytearray is not JSON serializable",
        ),
        ("return {1: 'a', None: 2, False: 3}", "{}", r#"= {"1": "a", "null": 2, "false": 3}"#),
        (
            "from decimal import Decimal as D; return [D('1.50'), D('NaN'), D('-3')]",
            "{}",
            "= [1.50, NaN, -3]",
        ),
        (
            "from collections import namedtuple as n; return {'p': n('P', 'x y')(1, (2,))}",
            "{}",
            r#"= {"p": {"x": 1, "y": [2]}}"#,
        ),
        (
            "return {1, 2}",
            "{}",
            "! Runtime.MarshalError: Unable to marshal response: Object of type set is not JSON serializable",
        ),
        (
            "a = []; a.append(a); return a",
            "{}",
            "! Runtime.MarshalError: Unable to marshal response: Circular reference detected",
        ),
        (
            "return (x for x in e)",
            "{}",
            "! Runtime.MarshalError: Unable to marshal response: Object of type generator is not JSON serializable",
        ),
        (
            "return {(1,): 2}",
            "{}",
            "! Runtime.MarshalError: Unable to marshal response: keys must be str, int, float, bool or None, not tuple",
        ),
        (
            "return 1",
            "{nope",
            "! Runtime.UnmarshalError: Unable to unmarshal input: Expecting property name enclosed in double quotes: \
             line 1 column 2 (char 1)",
        ),
    ];
    for (body, event, expected) in cases {
        check(&format!("def handler(e, c):\n    {body}\n"), event, expected);
    }
    check(
        "async def handler(e, c):\n    return 1\n",
        "{}",
        "! Runtime.MarshalError: Unable to marshal response: Object of type coroutine is not JSON serializable",
    );
}

#[test]
fn characters_pass_unescaped_since_python_3_12() {
    for (env, expected) in
        [("AWS_Lambda_python3.11", r#"= "w\u00f6""#), ("AWS_Lambda_python3.13", "= \"wö\"")]
    {
        each("def handler(e, c): return e", &[("AWS_EXECUTION_ENV", env)], |mut instance| {
            assert_eq!(instance.invoke("\"wö\"").summary(), expected);
        });
    }
}

#[test]
fn handlers_are_found_where_lambda_finds_them() {
    let echo = "def go(e, c):\n    return __name__\n";
    let cases: [(Files<'_>, &str, &str); 8] = [
        (&[("app.py", echo)], "app.go", r#"= "app""#),
        (&[("pkg/mod.py", echo)], "pkg/mod.go", r#"= "pkg.mod""#),
        (&[("pkg/mod.py", echo), ("pkg/__init__.py", "")], "pkg.mod.go", r#"= "pkg.mod""#),
        (&[("app.py", "class A:\n    def __call__(self, e, c): return 5\nh = A()")], "app.h", "= 5"),
        (
            &[("app.py", echo)],
            "app.nope",
            "init ! Runtime.HandlerNotFound: Handler 'nope' missing on module 'app'",
        ),
        (
            &[("app.py", echo)],
            "app",
            "init ! Runtime.MalformedHandlerName: Bad handler 'app': not enough values to unpack (expected 2, got 1)",
        ),
        (
            &[("app.py", echo)],
            "other.go",
            "init ! Runtime.ImportModuleError: Unable to import module 'other': No module named 'other'",
        ),
        (
            &[("app.py", echo)],
            "sys.go",
            "init ! Runtime.BuiltInModuleConflict: Cannot use built-in module sys as a handler module",
        ),
    ];
    for (files, handler, expected) in cases {
        check_files(files, handler, "{}", expected);
    }
}

#[test]
fn failures_of_initialisation_say_what_is_wrong() {
    let cases = [
        (
            "import not_there",
            "init ! Runtime.ImportModuleError: Unable to import module 'app': No module named 'not_there'",
        ),
        ("raise KeyError('k')", "init ! KeyError: 'k'"),
        ("import sys\nsys.exit(4)", "init exit 4"),
        ("import os\nos._exit(5)", "init exit 5"),
    ];
    for (source, expected) in cases {
        check(source, "{}", expected);
    }
    for python in pythons() {
        let mut instance =
            Function::new(&python, "app.handler", &[("app.py", "def handler(e, c:\n")]).start();
        let Some(Init::Failed(error)) = instance.init.take() else { panic!("{:?}", instance.init) };
        assert_eq!(error["errorType"], "Runtime.UserCodeSyntaxError");
        let message = error["errorMessage"].as_str().unwrap();
        assert!(message.starts_with("Syntax error in module 'app': "), "{message}");
        assert!(error["stackTrace"][0].as_str().unwrap().contains("/app.py\" Line 1\n    def handler(e, c:"));
        assert!(instance.log_texts()[0].starts_with("[ERROR] Runtime.UserCodeSyntaxError: Syntax error in"));
        assert_eq!(instance.end().code, 1);
    }
}

#[test]
fn an_exception_is_answered_and_logged_with_the_functions_own_frames() {
    let source = "class Sad(Exception): pass\ndef deeper():\n    raise Sad('no luck')\ndef handler(e, c):\n    deeper()\n";
    each(source, &[], |mut instance| {
        let error = instance.invoke("{}").error().clone();
        let stack: Vec<_> =
            error["stackTrace"].as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
        assert_eq!(stack.len(), 2, "{stack:?}");
        assert!(stack[0].ends_with("app.py\", line 5, in handler\n    deeper()\n"), "{stack:?}");
        assert!(stack[1].ends_with("app.py\", line 3, in deeper\n    raise Sad('no luck')\n"), "{stack:?}");
        assert_eq!(
            error,
            json!({"errorMessage": "no luck", "errorType": "Sad", "requestId": REQUEST_ID, "stackTrace": stack})
        );
        let (level, _, text) = &instance.logs[0];
        assert_eq!(*level, Some(LogLevel::Error));
        let start = "[ERROR] Sad: no luck\nTraceback (most recent call last):\n\u{a0}\u{a0}File \"";
        assert!(text.starts_with(start), "{text}");
        // It lives on.
        assert_eq!(instance.invoke("{}").error()["errorType"], "Sad");
    });
}

#[test]
fn leaving_the_process_is_left_to_the_platform() {
    for (body, code) in [("sys.exit(3)", 3), ("os._exit(7)", 7), ("exit(9)", 9), ("sys.exit('why')", 1)] {
        each(&format!("import os, sys\ndef handler(e, c):\n    {body}\n"), &[], |mut instance| {
            assert_eq!(instance.invoke("{}").summary(), "exit");
            let remains = instance.end();
            assert_eq!(remains.code, code, "{remains:?}");
        });
    }
}

#[test]
fn the_context_has_everything() {
    let source = r#"
import os
def handler(e, c):
    x = c.client_context
    return dict(
        id=c.aws_request_id, name=c.function_name, version=c.function_version, mem=c.memory_limit_in_mb,
        arn=c.invoked_function_arn, group=c.log_group_name, stream=c.log_stream_name, tenant=c.tenant_id,
        left=9000 < c.get_remaining_time_in_millis() <= 10000, pool=c.identity.cognito_identity_pool_id,
        identity=c.identity.cognito_identity_id, custom=x and x.custom, env=x and x.env,
        title=x and x.client and x.client.app_title, shown=repr(c).startswith('LambdaContext([aws_request_id='),
        trace=os.environ.get('_X_AMZN_TRACE_ID'), fd=os.environ.get('EBB_BOOT_FD'), cwd=os.getcwd() == e['cwd'])
"#;
    each(source, &[], |mut instance| {
        let bare = instance.invoke(r#"{"cwd": "/"}"#).json();
        let expected = json!({
            "id": REQUEST_ID, "name": "fn", "version": "$LATEST", "mem": "256",
            "arn": "arn:aws:lambda:us-east-1:000000000000:function:fn:live", "group": "/aws/lambda/fn",
            "stream": "stream", "tenant": null, "left": true, "pool": null, "identity": null, "custom": null,
            "env": null, "title": null, "shown": true, "cwd": false, "fd": null,
            "trace": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
        });
        assert_eq!(bare, expected);
        let full = instance.invoke_with(r#"{"cwd": "/"}"#, |metadata| {
            metadata.trace_id.clear();
            metadata.client_context =
                Some(r#"{"client": {"app_title": "T"}, "custom": {"k": "v"}, "env": {"x": 1}}"#.to_owned());
            metadata.cognito_identity =
                Some(r#"{"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"}"#.to_owned());
        });
        let full = full.json();
        for (key, value) in [("custom", json!({"k": "v"})), ("env", json!({"x": 1})), ("title", json!("T"))] {
            assert_eq!(full[key], value);
        }
        assert_eq!(
            (&full["identity"], &full["pool"], &full["trace"]),
            (&json!("i"), &json!("p"), &json!(null))
        );
        let bad = instance.invoke_with("{}", |metadata| metadata.client_context = Some("{".to_owned()));
        assert_eq!(bad.error()["errorType"], "Runtime.LambdaContextUnmarshalError");
    });
}

#[test]
fn the_logger_makes_one_event_of_one_call() {
    let source = "import logging\nlog = logging.getLogger()\nlog.setLevel('INFO')\ndef handler(e, c):\n    \
                  log.debug('hidden')\n    log.info('two\\nlines')\n    log.warning('careful %d', 5)\n    c.log('plain')\n";
    each(source, &[], |mut instance| {
        instance.invoke("{}");
        let shapes: Vec<_> = instance
            .logs
            .iter()
            .map(|(level, id, text)| (*level, *id, text.replace(char::is_numeric, "0")))
            .collect();
        let request = REQUEST_ID.replace(char::is_numeric, "0");
        let line =
            |level: &str, text: &str| format!("[{level}]\t0000-00-00T00:00:00.000Z\t{request}\t{text}\n");
        assert_eq!(
            shapes,
            [
                (Some(LogLevel::Info), 1, line("INFO", "two\nlines")),
                (Some(LogLevel::Warn), 1, line("WARNING", "careful 0")),
                (None, 1, "plain".to_owned()),
            ]
        );
    });
}

#[test]
fn the_json_format_has_the_documented_keys() {
    let source = "import logging\nlog = logging.getLogger('mine')\ndef handler(e, c):\n    log.debug('d', extra={'k': [1]})\n    \
                  try: 1 / 0\n    except Exception: log.exception('oh')\n    log.error({'a': 1})\n    raise ValueError('bad')\n";
    let env = [("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", "DEBUG")];
    each(source, &env, |mut instance| {
        instance.invoke("{}");
        let mut logs: Vec<serde_json::Value> =
            instance.log_texts().iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        for log in &mut logs {
            let time = log.as_object_mut().unwrap().remove("timestamp").unwrap();
            assert_eq!(time.as_str().unwrap().replace(char::is_numeric, "0"), "0000-00-00T00:00:00Z");
        }
        assert_eq!(
            logs[0],
            json!({"level": "DEBUG", "message": "d", "logger": "mine", "requestId": REQUEST_ID, "k": [1]})
        );
        assert_eq!((&logs[1]["errorType"], &logs[1]["message"]), (&json!("ZeroDivisionError"), &json!("oh")));
        assert_eq!(logs[1]["errorMessage"], "division by zero");
        assert!(logs[1]["stackTrace"][0].as_str().unwrap().contains("1 / 0"));
        assert!(logs[1]["location"].as_str().unwrap().ends_with("app.py:handler:6"), "{}", logs[1]);
        assert_eq!(logs[2]["message"], json!({"a": 1}));
        assert_eq!((&logs[3]["level"], &logs[3]["errorType"]), (&json!("ERROR"), &json!("ValueError")));
        assert_eq!(logs[3]["requestId"], REQUEST_ID);
    });
}

#[test]
fn what_is_printed_leaves_at_once() {
    let source = "import sys\ndef handler(e, c):\n    print('one')\n    print('zwei: ü', file=sys.stderr)\n    \
                  print('no end', end='')\n    return 1\n";
    each(source, &[], |mut instance| {
        assert_eq!(instance.invoke("{}").summary(), "= 1");
        let remains = instance.end();
        assert_eq!((remains.stdout.as_str(), remains.stderr.as_str()), ("one\nno end", "zwei: ü\n"));
        assert_eq!(remains.code, 0);
    });
}

#[test]
fn children_of_the_function_do_not_hold_the_socket() {
    let source = r#"
import logging, os, subprocess, sys
def handler(e, c):
    listing = subprocess.run(['ls', '-l', '/proc/self/fd'], close_fds=False, capture_output=True, text=True).stdout
    child = os.fork()
    if child == 0:
        logging.getLogger().error('from the child')
        held = any('socket' in os.readlink('/proc/self/fd/' + f) for f in os.listdir('/proc/self/fd')
                   if os.path.lexists('/proc/self/fd/' + f))
        os._exit(10 if held else 11)
    return ['socket' in listing, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]
"#;
    each(source, &[], |mut instance| {
        assert_eq!(instance.invoke("{}").summary(), "= [false, 11]");
        assert!(instance.end().stdout.contains("from the child"));
    });
}

#[test]
fn a_child_that_returns_does_not_answer() {
    each("import os\ndef handler(e, c):\n    os.fork()\n    return e\n", &[], |mut instance| {
        for event in ["1", "2", "3"] {
            assert_eq!(instance.invoke(event).summary(), format!("= {event}"));
        }
    });
}

#[test]
fn the_search_path_begins_with_the_package_and_ends_with_the_sdk() {
    let source = "import sys\ndef handler(e, c):\n    return sys.path\n";
    each(source, &[("PYTHONPATH", "$ROOT/vendored")], |mut instance| {
        let path = instance.invoke("{}").json();
        let path: Vec<_> = path.as_array().unwrap().iter().map(|entry| entry.as_str().unwrap()).collect();
        assert!(
            path[1].starts_with("/opt/python/lib/python3.") && path[1].ends_with("/site-packages"),
            "{path:?}"
        );
        assert_eq!(path[2], "/opt/python");
        assert_eq!(path[3], format!("{}/vendored", path[0]));
        let (last, others) = path.split_last().unwrap();
        assert!(last.ends_with("/runtimes/python/library"), "{path:?}");
        assert_eq!(others.last(), Some(&"/var/runtime/python"));
        let foreign = |entry: &&str| entry.contains("runtimes/python") || entry.contains("dist-packages");
        assert!(!others.iter().any(foreign));
    });
}

const HOOKS: &str = "import os
from snapshot_restore_py import register_after_restore, register_before_snapshot
ran = []
register_before_snapshot(ran.append, 'before 1')
@register_before_snapshot
def second():
    ran.append('before 2')
@register_after_restore
def restored():
    ran.append('after 1')
    if 'FAIL' in os.environ:
        raise ValueError('cannot be restored')
register_after_restore(ran.append, 'after 2')
def handler(e, c):
    return ran
";

#[test]
fn hooks_run_around_the_wait_for_the_first_event() {
    each(HOOKS, &[("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")], |mut instance| {
        let expected = json!(["before 2", "before 1", "after 1", "after 2"]);
        assert_eq!(instance.invoke("{}").json(), expected);
        assert_eq!(instance.invoke("{}").json(), expected, "once");
    });
    each(HOOKS, &[("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")], |mut instance| {
        assert_eq!(instance.invoke("{}").json(), json!([]));
    });
}

#[test]
fn an_event_whose_instance_cannot_be_restored_fails() {
    each(HOOKS, &[("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start"), ("FAIL", "1")], |mut instance| {
        let Outcome::Failure(object) = instance.invoke("{}") else { panic!("it ran") };
        assert_eq!(object["errorMessage"], "cannot be restored");
    });
}

#[test]
fn large_events_and_answers_pass_whole() {
    each("def handler(e, c): return e", &[], |mut instance| {
        let event = format!("\"{}\"", "x".repeat(6_000_000));
        for _ in 0..2 {
            let Outcome::Response(body) = instance.invoke(&event) else { panic!("no response") };
            assert!(body == event.as_bytes());
        }
    });
}

#[test]
fn threads_log_while_nothing_runs() {
    let source = "import logging, threading\ngo = threading.Event()\n\
                  def work():\n    go.wait(); logging.getLogger().error('late')\n\
                  threading.Thread(target=work, daemon=True).start()\ndef handler(e, c): go.set()\n";
    each(source, &[], |mut instance| {
        assert_eq!(instance.invoke("{}").summary(), "= null");
        while instance.logs.is_empty() {
            instance.invoke("{}");
        }
        assert!(instance.log_texts()[0].ends_with("\tlate\n"));
    });
}
