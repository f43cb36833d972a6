//! Servers that listen on `$PORT`.

use ebb_invoker::{Delivery, Ending, ExitCause, InitFailure, Instance, ResponseSink, StartError, StreamPart};
use ebb_model::ServerSettings;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Case;
use super::setup::{Function, Machine, answer, invoke};

pub(crate) const CASES: &[Case] = &[
    ("servers_answer_requests", servers_answer_requests),
    ("servers_know_where_they_are", servers_know_where_they_are),
    ("servers_take_several_events_at_once", servers_take_several_events_at_once),
    ("answers_of_servers_are_streamed_with_a_prelude", answers_are_streamed),
    ("servers_see_that_the_client_left", servers_see_that_the_client_left),
    ("events_that_are_no_requests_are_posted", events_are_posted),
    ("servers_that_end_before_they_listen_failed", servers_that_end_early_failed),
    ("servers_that_end_during_an_event_are_told_of", servers_that_end_are_told_of),
    ("servers_go_on_after_a_freeze", servers_go_on_after_a_freeze),
    ("an_answer_ends_when_the_server_has_settled", an_answer_ends_when_settled),
    ("events_come_with_a_header_that_requests_cannot_have", events_are_marked),
];

const SERVER: &str = r#"
const http = require('node:http');
let waiting = [], aborted = 0;
http.createServer((req, res) => {
  const url = new URL(req.url, 'http://x');
  let body = '';
  req.on('data', (c) => body += c).on('end', () => {
    if (url.pathname === '/env') return res.end(JSON.stringify(process.env));
    if (url.pathname === '/crash') process.exit(7);
    if (url.pathname === '/together') {
      waiting.push(res);
      if (waiting.length === 3) waiting.splice(0).forEach((r) => r.end('all three'));
      return;
    }
    if (url.pathname === '/hang') { res.on('close', () => aborted++); console.log('hanging'); return; }
    if (url.pathname === '/aborted') return res.end(String(aborted));
    if (url.pathname === '/fail') { res.statusCode = 500; return res.end('no'); }
    res.setHeader('x-a', ['1', '2']);
    res.setHeader('set-cookie', ['a=1', 'b=2']);
    res.setHeader('content-type', 'application/json');
    res.statusCode = 201;
    console.log('handled', req.url);
    res.end(JSON.stringify({ line: `${req.method} ${req.url}`, type: req.headers['content-type'], cookie: req.headers.cookie, body }));
  });
}).listen(process.env.PORT);
"#;

fn server() -> Function {
    Function::new("http", &[("server.js", SERVER)]).with(|settings| {
        settings.handler = "node server.js".into();
        settings.server = Some(ServerSettings::default());
    })
}

fn request(path: &str) -> String {
    let event = json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "q=1",
        "cookies": ["c=d"],
        "headers": { "host": "a.localhost", "content-type": "text/plain" },
        "requestContext": { "http": { "method": "POST" } },
        "body": "aGk=",
        "isBase64Encoded": true,
    });
    event.to_string()
}

fn object(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn servers_answer_requests(machine: &Machine) {
    let function = server();
    machine.run(async {
        let instance = machine.start(&function).await.expect("it starts");
        answers_requests(&*instance, &function).await;
        instance.shutdown("spindown").await;
        assert_eq!(machine.logged(&function).await, ["handled /a/b?q=1"; 2]);
        let stocked = machine.start_from_stock(&function).await.expect("it starts");
        answers_requests(&*stocked, &function).await;
    });
}

async fn answers_requests(instance: &dyn Instance, function: &Function) {
    for _ in 0..2 {
        let answer = object(&answer(instance, function.event(&request("/a/b"))).await);
        assert_eq!(answer["statusCode"], 201);
        assert_eq!(answer["headers"]["x-a"], "1, 2");
        assert_eq!(answer["cookies"], json!(["a=1", "b=2"]));
        assert_eq!(answer["isBase64Encoded"], false);
        let expected =
            json!({ "line": "POST /a/b?q=1", "type": "text/plain", "cookie": "c=d", "body": "hi" });
        assert_eq!(object(answer["body"].as_str().expect("text")), expected);
    }
}

fn servers_know_where_they_are(machine: &Machine) {
    let function = server().with(|settings| {
        settings.environment.insert("OWN".into(), "1".into());
        settings.environment.insert("PORT".into(), "1".into());
    });
    machine.run(async {
        let instance = machine.start(&function).await.expect("it starts");
        let answer = object(&answer(&*instance, function.event(&request("/env"))).await);
        let environment = object(answer["body"].as_str().expect("text"));
        let name = function.version.name.as_str();
        let check =
            |variable: &str, expected: Value| assert_eq!(environment[variable], expected, "{variable}");
        check("PORT", json!("8080"));
        check("OWN", json!("1"));
        check("K_SERVICE", json!(name));
        check("K_REVISION", json!(format!("{name}-latest")));
        check("AWS_ENDPOINT_URL", json!("http://127.0.0.1:9002"));
        check("AWS_ACCESS_KEY_ID", json!("ASIAEXAMPLE"));
        check("AWS_LAMBDA_RUNTIME_API", Value::Null);
    });
}

fn servers_take_several_events_at_once(machine: &Machine) {
    let function = server();
    machine.run(async {
        let instance = machine.start(&function).await.expect("it starts");
        let event = || function.event(&request("/together"));
        let (first, second, third) = tokio::join!(
            invoke(&*instance, event()),
            invoke(&*instance, event()),
            invoke(&*instance, event())
        );
        for (ending, answer) in [first, second, third] {
            assert_eq!(ending, Ending::Answered);
            assert_eq!(object(&answer)["body"], "all three");
        }
    });
}

fn answers_are_streamed(machine: &Machine) {
    let function = server();
    machine.run(async {
        let instance = machine.start(&function).await.expect("it starts");
        let (sender, mut parts) = mpsc::channel(64);
        let mut sink = ResponseSink::new(Delivery::Stream(sender), 1024 * 1024);
        assert_eq!(instance.invoke(function.event(&request("/x")), &mut sink).await, Ending::Answered);
        drop(sink);
        let Some(StreamPart::Head { content_type: Some(kind) }) = parts.recv().await else {
            panic!("a head")
        };
        assert_eq!(kind, "application/vnd.awslambda.http-integration-response");
        let mut whole = Vec::new();
        while let Some(StreamPart::Chunk(bytes)) = parts.recv().await {
            whole.extend_from_slice(&bytes);
        }
        let end = whole.windows(8).position(|bytes| bytes == [0; 8]).expect("a delimiter");
        let head: Value = serde_json::from_slice(&whole[..end]).expect("JSON");
        assert_eq!((&head["statusCode"], &head["cookies"]), (&json!(201), &json!(["a=1", "b=2"])));
        assert!(String::from_utf8_lossy(&whole[end + 8..]).contains("POST /x?q=1"));
    });
}

fn servers_see_that_the_client_left(machine: &Machine) {
    let function = server();
    machine.run(async {
        let instance = machine.start(&function).await.expect("it starts");
        let (sender, parts) = mpsc::channel(1);
        let mut sink = ResponseSink::new(Delivery::Stream(sender), 1024);
        let invoking = instance.invoke(function.event(&request("/hang")), &mut sink);
        let leaving = async {
            while !machine.logged(&function).await.iter().any(|line| line == "hanging") {
                tokio::task::yield_now().await;
            }
            drop(parts);
        };
        assert_eq!(tokio::join!(invoking, leaving).0, Ending::Disconnected);
        // Bounded by the patience that every case has.
        while object(&answer(&*instance, function.event(&request("/aborted"))).await)["body"] != "1" {
            tokio::task::yield_now().await;
        }
    });
}

fn events_are_posted(machine: &Machine) {
    let function = server();
    machine.run(async {
        let instance = machine.start(&function).await.expect("it starts");
        let answered = object(&answer(&*instance, function.event(r#"{"k":1}"#)).await);
        assert_eq!(answered["line"], "POST /");
        assert_eq!(
            (&answered["type"], &answered["body"]),
            (&json!("application/json"), &json!(r#"{"k":1}"#))
        );
    });
    let failing = Function::new(
        "http",
        &[("s.js", "require('http').createServer((q, s) => { s.statusCode = 503; s.end('busy') }).listen(process.env.PORT)")],
    )
    .with(|settings| settings.handler = "node s.js".into());
    machine.run(async {
        let instance = machine.start(&failing).await.expect("it starts");
        let (ending, _) = invoke(&*instance, failing.event("{}")).await;
        let Ending::Failed(error) = ending else { panic!("{ending:?} is no failure") };
        assert_eq!(object(&String::from_utf8_lossy(&error))["errorType"], "HttpStatus.503");
    });
}

fn servers_that_end_early_failed(machine: &Machine) {
    let check = |command: &str, expected: ExitCause, line: &str| {
        let function = Function::new("http", &[]).with(|settings| settings.handler = command.into());
        machine.run(async {
            let Err(StartError::Init(InitFailure::Exited(cause))) = machine.start(&function).await else {
                panic!("{command} must fail");
            };
            assert_eq!(cause, expected);
            let logged = machine.logged(&function).await;
            assert!(logged.iter().any(|logged| logged.contains(line)), "{logged:?}");
        });
    };
    check("sh -c 'echo broken; exit 3'", ExitCause::Status(3), "broken");
    check("no-such-program", ExitCause::Status(127), "not found");
}

fn servers_that_end_are_told_of(machine: &Machine) {
    let function = server();
    machine.run(async {
        let instance = machine.start(&function).await.expect("it starts");
        let (ending, _) = invoke(&*instance, function.event(&request("/crash"))).await;
        assert_eq!(ending, Ending::Exited(ExitCause::Status(7)));
        assert_eq!(instance.settle().await, Err(ExitCause::Status(7)));
    });
}

fn servers_go_on_after_a_freeze(machine: &Machine) {
    let function = server();
    machine.run(async {
        let instance = machine.start(&function).await.expect("it starts");
        for _ in 0..2 {
            let answered = object(&answer(&*instance, function.event(&request("/"))).await);
            assert_eq!(answered["statusCode"], 201);
            instance.freeze().await;
            instance.thaw().await;
        }
    });
}

fn an_answer_ends_when_settled(machine: &Machine) {
    let source = r#"
        let going = 0, done = 0;
        require('node:http').createServer((req, res) => {
          if (req.headers['ebb-event'] === 'settled') {
            const wait = () => (going > 0 ? setTimeout(wait, 5) : res.end());
            return wait();
          }
          going += 1;
          setTimeout(() => { going -= 1; done += 1; console.log('done', done); }, 50);
          res.end(String(done));
        }).listen(process.env.PORT);
    "#;
    let function = Function::new("http", &[("s.js", source)]).with(|settings| {
        settings.handler = "node s.js".into();
        settings.server = Some(ServerSettings { settles: true, ..ServerSettings::default() });
    });
    machine.run(async {
        let instance = machine.start(&function).await.expect("it starts");
        for expected in ["0", "1"] {
            let answered = object(&answer(&*instance, function.event(&request("/"))).await);
            assert_eq!(answered["body"], expected);
        }
    });
}

fn events_are_marked(machine: &Machine) {
    let source =
        "require('http').createServer((q, s) => s.end(JSON.stringify(q.headers))).listen(process.env.PORT)";
    let function =
        Function::new("http", &[("s.js", source)]).with(|settings| settings.handler = "node s.js".into());
    machine.run(async {
        let instance = machine.start(&function).await.expect("it starts");
        let told = object(&answer(&*instance, function.event("{}")).await);
        assert_eq!(told["ebb-event"], "1");
        let mut forged = object(&request("/"));
        forged["headers"]["EBB-Event"] = json!("1");
        let answered = object(&answer(&*instance, function.event(&forged.to_string())).await);
        let headers = object(answered["body"].as_str().expect("text"));
        assert_eq!(headers["ebb-event"], Value::Null);
    });
}
