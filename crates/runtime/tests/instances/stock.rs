//! Instances that were booted before they had a function: they must not differ from any other.

use ebb_invoker::{Ending, ExitCause, InitFailure, StartError};

use crate::Case;
use crate::custom::shell;
use crate::setup::{Function, Machine, answer, invoke};

pub(crate) const CASES: &[Case] = &[
    ("a_stocked_instance_is_as_one_started_by_itself", a_stocked_instance_is_as_one_started_by_itself),
    ("a_stocked_node_is_as_one_started_by_itself", a_stocked_node_is_as_one_started_by_itself),
    ("an_empty_sandbox_is_as_one_made_for_the_function", an_empty_sandbox_is_as_one_made_for_the_function),
    ("programs_of_the_function_run_in_an_empty_sandbox", programs_of_the_function_run_in_an_empty_sandbox),
    ("two_versions_never_share_a_stocked_instance", two_versions_never_share_a_stocked_instance),
    ("a_stocked_instance_has_the_memory_of_its_function", a_stocked_instance_has_the_memory_of_its_function),
    ("what_fails_to_initialise_in_a_stocked_instance_says_so", what_fails_to_initialise_says_so),
];

/// What a function can see of its surroundings.
const LOOK: &str = "import os, resource, socket, sys, time
def tree(top):
    return sorted(os.path.join(f, n) for f, d, ns in os.walk(top) for n in ns)
def ro(path):
    try:
        open(path + '/x', 'w')
    except OSError as e:
        return e.errno
def status(*names):
    lines = dict(line.split(':', 1) for line in open('/proc/self/status') if ':' in line)
    return [lines[name].split() for name in names]
seen = dict(os.environ)
print('at init')
def handler(event, context):
    volatile = {'AWS_LAMBDA_LOG_STREAM_NAME', '_X_AMZN_TRACE_ID'}
    return {
        'code': tree('/var/task'), 'layers': tree('/opt'), 'read-only': [ro(p) for p in ('/var/task', '/opt', '/etc')],
        'environment': {k: v for k, v in sorted(seen.items()) if k not in volatile},
        'names': [socket.gethostname(), open('/etc/hosts').read(), open('/etc/hostname').read()],
        'folder': os.getcwd(), 'path': sys.path, 'argv': sys.argv, 'flags': str(sys.flags),
        'status': status('Uid', 'Gid', 'CapEff', 'CapBnd', 'NoNewPrivs', 'Seccomp', 'Threads'),
        'limits': [resource.getrlimit(r) for r in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_DATA)],
        'processes': sorted(p for p in os.listdir('/proc') if p.isdigit() and int(p) != 1) == [str(os.getpid())],
        'descriptors': sorted(os.readlink('/proc/self/fd/' + n).split(':')[0] for n in os.listdir('/proc/self/fd') if n != '4'),
        'tmp': [os.statvfs('/tmp').f_blocks * os.statvfs('/tmp').f_frsize, os.listdir('/tmp')],
        'mounts': sorted(line.split()[4] for line in open('/proc/self/mountinfo')),
        'encoding': [sys.stdout.encoding, sys.getfilesystemencoding(), time.tzname],
    }
";

fn looking(name: &str) -> Function {
    Function::new("python3.11", &[("app.py", LOOK), ("lib/x", name)])
        .layer(&[("python/below.py", "1"), ("both", "1")])
        .layer(&[("python/above.py", "1"), ("both", "2")])
        .with(|settings| {
            settings.environment.insert("MINE".into(), "a = b".into());
            settings.memory_mib = 300;
        })
}

fn a_stocked_instance_is_as_one_started_by_itself(machine: &Machine) {
    is_as_one_started_by_itself(machine, &looking("one"));
}

fn an_empty_sandbox_is_as_one_made_for_the_function(machine: &Machine) {
    let function = looking("two").with(|settings| {
        // Its interpreter has to start with this.
        settings.environment.insert("PYTHONHASHSEED".into(), "7".into());
    });
    is_as_one_started_by_itself(machine, &function);
}

fn programs_of_the_function_run_in_an_empty_sandbox(machine: &Machine) {
    machine.run(async {
        let answering = shell(r#"curl -sS -o /dev/null "$R/response" -d "[\"$(hostname)\", $(cat $FILE)]""#);
        let custom = Function::new("provided.al2023", &[("bootstrap", &answering)]);
        let instance = machine.start_from_stock(&custom).await.expect("started");
        let host = format!("ebb-{}", custom.version.name);
        assert_eq!(answer(&*instance, custom.event("1")).await, format!(r#"["{host}", 1]"#));
        let broken = Function::new("provided.al2023", &[("bootstrap", "#!/bin/sh\nexit 3")]);
        match machine.start_from_stock(&broken).await.map(|_| ()) {
            Err(StartError::Init(InitFailure::Exited(ExitCause::Status(3)))) => {}
            other => panic!("{other:?}"),
        }
    });
}

fn is_as_one_started_by_itself(machine: &Machine, function: &Function) {
    machine.run(async {
        let alone = machine.start(function).await.expect("started");
        let stocked = machine.start_from_stock(function).await.expect("started");
        let (expected, seen) =
            (answer(&*alone, function.event("{}")).await, answer(&*stocked, function.event("{}")).await);
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        let (expected, seen) = (parse(&expected), parse(&seen));
        for (what, value) in expected.as_object().expect("an object") {
            assert_eq!(&seen[what], value, "{what}");
        }
        assert_eq!(seen["layers"].as_array().map(Vec::len), Some(3));
        assert_eq!(machine.logged(function).await, ["at init", "at init"]);
        stocked.freeze().await;
        stocked.thaw().await;
        assert!(stocked.max_memory_mib() > 0);
        stocked.shutdown("spindown").await;
    });
}

fn a_stocked_node_is_as_one_started_by_itself(machine: &Machine) {
    machine.run(async {
        let source = "import fs from 'node:fs';\nimport os from 'node:os';\nimport layer from 'in-layer';
const seen = { ...process.env };
export const handler = async () => {
  for (const name of ['AWS_LAMBDA_LOG_STREAM_NAME', '_X_AMZN_TRACE_ID']) delete seen[name];
  return [Object.entries(seen).sort(), os.hostname(), process.cwd(), process.argv, process.execArgv, layer,
    fs.readdirSync('/var/task').sort(), fs.readdirSync('/opt').sort(), fs.readdirSync('/proc').filter((n) => n > '0' && n < 'a').length];
};";
        let function = Function::new("nodejs20.x", &[("index.mjs", source)])
            .layer(&[("nodejs/node_modules/in-layer/index.js", "module.exports = 'found'")]);
        let alone = machine.start(&function).await.expect("started");
        let stocked = machine.start_from_stock(&function).await.expect("started");
        let expected = answer(&*alone, function.event("{}")).await;
        assert!(expected.contains("found"), "{expected}");
        assert_eq!(answer(&*stocked, function.event("{}")).await, expected);
    });
}

fn two_versions_never_share_a_stocked_instance(machine: &Machine) {
    machine.run(async {
        let source = "import os\ndef handler(e, c):
    before = os.path.exists('/tmp/mark')
    open('/tmp/mark', 'w').write(e['secret'])
    return [before, os.environ.get('SECRET'), open('/var/task/lib/x').read()]";
        let mut last = None;
        for name in ["one", "two", "three"] {
            let function = Function::new("python3.11", &[("app.py", source), ("lib/x", name)])
                .with(|settings| drop(settings.environment.insert("SECRET".into(), name.into())));
            let instance = machine.start_from_stock(&function).await.expect("started");
            let event = function.event(r#"{"secret": "s"}"#);
            assert_eq!(answer(&*instance, event).await, format!(r#"[false, "{name}", "{name}"]"#));
            if let Some(earlier) = last.replace(instance) {
                drop::<std::sync::Arc<dyn ebb_invoker::Instance>>(earlier);
            }
        }
    });
}

fn a_stocked_instance_has_the_memory_of_its_function(machine: &Machine) {
    machine.run(async {
        let source = "def handler(e, c):
    kept = []
    for _ in range(e['mib']):
        kept.append(bytearray(b'x') * (1 << 20))
    return len(kept)";
        let check = async |memory_mib, takes_mib, expected: Ending| {
            let function = Function::new("python3.11", &[("app.py", source)])
                .with(|settings| settings.memory_mib = memory_mib);
            let instance = machine.start_from_stock(&function).await.expect("started");
            let event = function.event(&format!(r#"{{"mib": {takes_mib}}}"#));
            assert_eq!(invoke(&*instance, event).await.0, expected, "{takes_mib} of {memory_mib} MiB");
        };
        // Below and above what the stock itself has.
        check(128, 180, Ending::Exited(ExitCause::OutOfMemory)).await;
        check(400, 320, Ending::Answered).await;
    });
}

fn what_fails_to_initialise_says_so(machine: &Machine) {
    machine.run(async {
        let function = Function::new("python3.11", &[("app.py", "raise ValueError('no')")]);
        match machine.start_from_stock(&function).await.map(|_| ()) {
            Err(StartError::Init(InitFailure::Reported(object))) => {
                assert!(String::from_utf8_lossy(&object).contains("ValueError"), "{object:?}");
            }
            other => panic!("{other:?}"),
        }
        assert!(machine.logged(&function).await.iter().any(|line| line.contains("[ERROR] ValueError: no")));
    });
}
