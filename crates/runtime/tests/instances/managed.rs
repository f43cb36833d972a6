//! Managed runtimes: our boots, their environment, their logs.

use std::time::Duration;

use ebb_invoker::{Delivery, Ending, ExitCause, ResponseSink, Runtime, StartError, StreamPart};
use ebb_model::{LogFormat, RuntimeFamily, RuntimeName};
use tokio::sync::mpsc;

use crate::Case;
use crate::setup::{Function, Machine, answer, failure, invoke};

pub(crate) const CASES: &[Case] = &[
    ("python_answers_and_keeps_its_state", python_answers_and_keeps_its_state),
    ("node_answers_and_fails_and_lives_on", node_answers_and_fails_and_lives_on),
    ("node_streams_its_answer", node_streams_its_answer),
    ("the_environment_is_given_at_exec", the_environment_is_given_at_exec),
    ("what_an_event_logs_is_logged_when_it_has_settled", what_an_event_logs_is_logged_when_it_has_settled),
    ("layers_lie_in_opt", layers_lie_in_opt),
    ("a_wrapper_script_starts_the_runtime", a_wrapper_script_starts_the_runtime),
    ("the_control_api_is_at_the_endpoint_url", the_control_api_is_at_the_endpoint_url),
    ("a_frozen_instance_stands_still", a_frozen_instance_stands_still),
    ("every_runtime_that_the_machine_has_answers", every_runtime_that_the_machine_has_answers),
    ("java_answers", java_answers),
    ("node_takes_several_events_at_once", node_takes_several_events_at_once),
    ("python_takes_several_events_at_once", python_takes_several_events_at_once),
    ("several_answers_are_streamed_at_once", several_answers_are_streamed_at_once),
    ("what_ends_a_shared_instance_ends_its_events", what_ends_a_shared_instance_ends_its_events),
];

const COUNTER: &str =
    "n = 0\ndef handler(event, context):\n    global n\n    n += 1\n    return [n, event]\n";

fn python_answers_and_keeps_its_state(machine: &Machine) {
    machine.run(async {
        let function = Function::new("python3.11", &[("app.py", COUNTER)]);
        let instance = machine.start(&function).await.expect("started");
        for n in 1..4 {
            let answer = answer(&*instance, function.event(r#"{"a": "b"}"#)).await;
            assert_eq!(answer, format!("[{n}, {{\"a\": \"b\"}}]"));
        }
        // Without a memory cgroup it is sampled now and then.
        while instance.max_memory_mib() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        instance.shutdown("spindown").await;
    });
}

fn node_answers_and_fails_and_lives_on(machine: &Machine) {
    machine.run(async {
        let source =
            "export const handler = async (e) => { if (e.bad) throw new RangeError('far'); return e; };";
        let function = Function::new("nodejs20.x", &[("index.mjs", source)]);
        let instance = machine.start(&function).await.expect("started");
        let object = failure(&*instance, function.event(r#"{"bad":true}"#)).await;
        assert!(object.contains(r#""errorType":"RangeError""#), "{object}");
        instance.settle().await.expect("it lives on");
        assert_eq!(answer(&*instance, function.event(r#"{"x":1}"#)).await, r#"{"x":1}"#);
    });
}

fn node_streams_its_answer(machine: &Machine) {
    machine.run(async {
        let source = "export const handler = awslambda.streamifyResponse(async (e, out) => {
            out.setContentType('text/x'); out.write('a'); out.write('b'); out.end(); });";
        let function = Function::new("nodejs20.x", &[("index.mjs", source)]);
        let instance = machine.start(&function).await.expect("started");
        let (sender, mut parts) = mpsc::channel(16);
        let mut sink = ResponseSink::new(Delivery::Stream(sender), 1024);
        assert_eq!(instance.invoke(function.event("{}"), &mut sink).await, Ending::Answered);
        drop(sink);
        let mut seen = String::new();
        while let Some(part) = parts.recv().await {
            match part {
                StreamPart::Head { content_type } => seen += &format!("{content_type:?}:"),
                StreamPart::Chunk(bytes) => seen += &String::from_utf8_lossy(&bytes),
            }
        }
        assert_eq!(seen, "Some(\"text/x\"):ab");
    });
}

fn the_environment_is_given_at_exec(machine: &Machine) {
    machine.run(async {
        let source = "def handler(event, context):
    at_exec = open('/proc/self/environ').read().split('\\0')
    import os
    return ['MINE=a = b' in at_exec, '_HANDLER=app.handler' in at_exec, os.getcwd(), 'EBB_BOOT_FD' in os.environ,
            os.path.exists('/var/lang/bin/python3'), os.environ['AWS_EXECUTION_ENV']]
";
        let function = Function::new("python3.11", &[("app.py", source)])
            .with(|settings| drop(settings.environment.insert("MINE".into(), "a = b".into())));
        let instance = machine.start(&function).await.expect("started");
        let answer = answer(&*instance, function.event("{}")).await;
        assert_eq!(answer, r#"[true, true, "/var/task", false, true, "AWS_Lambda_python3.11"]"#);
    });
}

fn what_an_event_logs_is_logged_when_it_has_settled(machine: &Machine) {
    machine.run(async {
        let source = "import os, sys, subprocess
print('at init')
def handler(event, context):
    print('printed')
    print('to stderr', file=sys.stderr)
    subprocess.run(['sh', '-c', 'echo from a child'])
    os.write(1, b'no newline')
";
        let function = Function::new("python3.11", &[("app.py", source)]);
        let instance = machine.start(&function).await.expect("started");
        assert_eq!(machine.logged(&function).await, ["at init"]);
        answer(&*instance, function.event("{}")).await;
        let expected = ["at init", "printed", "to stderr", "from a child", "no newline"];
        assert_eq!(machine.logged(&function).await, expected);
    });
}

fn layers_lie_in_opt(machine: &Machine) {
    machine.run(async {
        let source = "import greet\ndef handler(e, c):\n    return greet.WORD + open('/opt/data').read()\n";
        let function = Function::new("python3.11", &[("app.py", source)])
            .layer(&[("python/greet.py", "WORD = 'lower'\n"), ("data", "lower")])
            .layer(&[("data", "upper")]);
        let instance = machine.start(&function).await.expect("started");
        assert_eq!(answer(&*instance, function.event("{}")).await, "\"lowerupper\"");
    });
}

fn a_wrapper_script_starts_the_runtime(machine: &Machine) {
    machine.run(async {
        let source = "import os\ndef handler(e, c):\n    return os.environ['WRAPPED']\n";
        let function = Function::new("python3.11", &[("app.py", source)])
            .layer(&[("wrap", "#!/bin/sh\nexport WRAPPED=yes\nexec \"$@\"\n")])
            .with(|settings| {
                drop(settings.environment.insert("AWS_LAMBDA_EXEC_WRAPPER".into(), "/opt/wrap".into()));
            });
        let instance = machine.start(&function).await.expect("started");
        assert_eq!(answer(&*instance, function.event("{}")).await, "\"yes\"");
    });
}

fn the_control_api_is_at_the_endpoint_url(machine: &Machine) {
    machine.run(async {
        let source = "import os, urllib.request
def handler(e, c):
    return urllib.request.urlopen(os.environ['AWS_ENDPOINT_URL']).read().decode()
";
        let function = Function::new("python3.11", &[("app.py", source)]);
        let instance = machine.start(&function).await.expect("started");
        assert_eq!(answer(&*instance, function.event("{}")).await, "\"hello\"");
    });
}

fn a_frozen_instance_stands_still(machine: &Machine) {
    machine.run(async {
        let source = "import threading, time
ticks = 0
def tick():
    global ticks
    while True:
        ticks += 1
        time.sleep(0.001)
threading.Thread(target=tick, daemon=True).start()
def handler(event, context):
    return ticks
";
        let function = Function::new("python3.11", &[("app.py", source)])
            .with(|settings| settings.logging.format = LogFormat::Json);
        let instance = machine.start(&function).await.expect("started");
        let ticks =
            async || -> u64 { answer(&*instance, function.event("{}")).await.parse().expect("a number") };
        let before = ticks().await;
        instance.freeze().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        instance.thaw().await;
        let after = ticks().await;
        assert!(after >= before && after - before < 250, "{before} to {after}");
    });
}

fn every_runtime_that_the_machine_has_answers(machine: &Machine) {
    machine.run(async {
        let node = "exports.handler = async () => process.execPath;";
        let python = "import sys\ndef handler(e, c):\n    return sys.executable\n";
        let ruby = "def handler(event:, context:)\n  RbConfig.ruby\nend\n";
        for runtime in RuntimeName::all() {
            let (file, source) = match runtime.family() {
                RuntimeFamily::Node(_) => ("index.js", node),
                RuntimeFamily::Python(_) => ("app.py", python),
                RuntimeFamily::Ruby(_) => ("app.rb", ruby),
                RuntimeFamily::Java(_)
                | RuntimeFamily::Custom
                | RuntimeFamily::Http
                | RuntimeFamily::Deno
                | RuntimeFamily::Workerd
                | RuntimeFamily::Wasm => continue,
            };
            let function = Function::new(runtime.as_str(), &[(file, source)]);
            match (machine.engine().check(runtime), machine.start(&function).await) {
                (Ok(()), Ok(instance)) => {
                    let path = answer(&*instance, function.event("{}")).await;
                    assert!(path.contains("/bin/"), "{runtime}: {path}");
                }
                (Err(missing), Err(StartError::Unavailable(_))) => {
                    assert!(!missing.hint.is_empty(), "{runtime}");
                }
                (check, started) => panic!("{runtime}: {check:?}, {:?}", started.map(|_| ())),
            }
        }
    });
}

fn java_answers(machine: &Machine) {
    machine.run(async {
        let runtime = RuntimeName::parse("java21").expect("known");
        let source = "package app;
public class Main { public String handle(java.util.Map<String, Object> event) { return \"java \" + event.get(\"x\"); } }
";
        let function = Function::new(runtime.as_str(), &[("app/Main.java", source)])
            .with(|settings| (settings.handler, settings.memory_mib) = ("app.Main::handle".into(), 512));
        let compiled = std::process::Command::new("javac")
            .args(["--release", "17"])
            .arg(function.code().join("app/Main.java"))
            .status();
        if machine.engine().check(runtime).is_err() || !compiled.is_ok_and(|status| status.success()) {
            eprintln!("skipped: there is no Java with a compiler");
            return;
        }
        let instance = machine.start(&function).await.expect("started");
        assert_eq!(answer(&*instance, function.event(r#"{"x": 7}"#)).await, "\"java 7\"");
    });
}

/// Waits for two others, says who it is, and fails where it is told to.
const TOGETHER_NODE: &str = "let waiting = [];
export const handler = async (e) => {
  await new Promise((go) => { waiting.push(go); if (waiting.length === 3) waiting.forEach((next) => next()); });
  console.log('with', e.n);
  if (e.n === 2) throw new RangeError('two');
  return e.n;
};";

const TOGETHER_PYTHON: &str = "import logging, threading
together = threading.Barrier(3)
def handler(event, context):
    together.wait(10)
    logging.getLogger().error('with %s', event['n'])
    if event['n'] == 2:
        raise ValueError('two')
    return event['n']
";

fn shared(runtime: &str, files: &[(&str, &str)]) -> Function {
    Function::new(runtime, files).with(|settings| settings.instance_concurrency = 3)
}

fn node_takes_several_events_at_once(machine: &Machine) {
    takes_several_events(machine, &shared("nodejs20.x", &[("index.mjs", TOGETHER_NODE)]), "RangeError");
}

fn python_takes_several_events_at_once(machine: &Machine) {
    takes_several_events(machine, &shared("python3.11", &[("app.py", TOGETHER_PYTHON)]), "ValueError");
}

fn takes_several_events(machine: &Machine, function: &Function, error: &str) {
    machine.run(async {
        let instance = machine.start(function).await.expect("started");
        let events = [1, 2, 3].map(|n| function.event(&format!(r#"{{"n":{n}}}"#)));
        let ids = events.each_ref().map(|event| event.id.to_string());
        let [first, second, third] = events;
        let (first, second, third) =
            tokio::join!(invoke(&*instance, first), invoke(&*instance, second), invoke(&*instance, third));
        assert_eq!([first, third], [1, 3].map(|n| (Ending::Answered, n.to_string())));
        let (Ending::Failed(object), _) = second else { panic!("{second:?}") };
        let object = String::from_utf8_lossy(&object).into_owned();
        assert!(object.contains(error), "{object}");
        instance.settle().await.expect("it lives on");
        instance.shutdown("spindown").await;
        let logged = machine.logged(function).await;
        for (n, id) in (1..).zip(ids) {
            let own = logged.iter().filter(|line| line.contains(&format!("with {n}")));
            assert!(own.clone().count() == 1 && own.clone().all(|line| line.contains(&id)), "{logged:?}");
        }
    });
}

fn several_answers_are_streamed_at_once(machine: &Machine) {
    machine.run(async {
        let source = "let waiting = [];
            export const handler = awslambda.streamifyResponse(async (e, out) => {
              out.write('<' + e);
              await new Promise((go) => { waiting.push(go); if (waiting.length === 2) waiting.forEach((next) => next()); });
              out.write('>'); out.end(); });";
        let function = shared("nodejs20.x", &[("index.mjs", source)]);
        let instance = machine.start(&function).await.expect("started");
        let (first, second) = tokio::join!(
            invoke(&*instance, function.event("1")),
            invoke(&*instance, function.event("2"))
        );
        assert_eq!([first, second], ["<1>", "<2>"].map(|text| (Ending::Answered, text.to_owned())));
    });
}

fn what_ends_a_shared_instance_ends_its_events(machine: &Machine) {
    let node = "export const handler = (e) => new Promise(() => { if (e.end) process.exit(3); setInterval(() => {}, 9); });";
    let python = "import sys, time\ndef handler(event, context):\n    sys.exit(3) if event.get('end') else time.sleep(9)\n";
    for function in
        [shared("nodejs20.x", &[("index.mjs", node)]), shared("python3.11", &[("app.py", python)])]
    {
        machine.run(async {
            let instance = machine.start(&function).await.expect("started");
            let (first, second) = tokio::join!(
                invoke(&*instance, function.event("{}")),
                invoke(&*instance, function.event(r#"{"end":true}"#))
            );
            for (ending, _) in [first, second] {
                assert_eq!(ending, Ending::Exited(ExitCause::Status(3)));
            }
        });
    }
}
