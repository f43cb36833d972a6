//! The Java boot, compiled as the server does, on handlers compiled against interfaces of the same names as Lambda's.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use ebb_boot::LogLevel;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Function, Init, Instance, Interpreter, Outcome, REQUEST_ID, on_path, runtimes};

/// As the boot's own documentation says.
const OPTIONS: [&str; 8] = [
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "--add-opens",
    "java.base/java.io=ALL-UNNAMED",
    "--add-opens",
    "java.base/java.lang=ALL-UNNAMED",
    "--add-opens",
    "java.base/java.util=ALL-UNNAMED",
];

const API: [(&str, &str); 7] = [
    (
        "RequestHandler",
        "public interface RequestHandler<I, O> { O handleRequest(I input, Context context); }",
    ),
    (
        "RequestStreamHandler",
        "public interface RequestStreamHandler { void handleRequest(java.io.InputStream in, java.io.OutputStream out, \
         Context context) throws java.io.IOException; }",
    ),
    (
        "Context",
        "public interface Context { String getAwsRequestId(); String getLogGroupName(); String getLogStreamName(); \
         String getFunctionName(); String getFunctionVersion(); String getInvokedFunctionArn(); \
         CognitoIdentity getIdentity(); ClientContext getClientContext(); int getRemainingTimeInMillis(); \
         int getMemoryLimitInMB(); LambdaLogger getLogger(); default String getTenantId() { return \"none\"; } \
         default String later() { return \"default\"; } }",
    ),
    (
        "LambdaLogger",
        "public interface LambdaLogger { enum Level { INFO, ERROR } void log(String message); void log(byte[] message); \
         default void log(String message, Level level) {} }",
    ),
    (
        "ClientContext",
        "public interface ClientContext { Client getClient(); java.util.Map<String, String> getCustom(); \
         java.util.Map<String, String> getEnvironment(); }",
    ),
    ("Client", "public interface Client { String getAppTitle(); }"),
    (
        "CognitoIdentity",
        "public interface CognitoIdentity { String getIdentityId(); String getIdentityPoolId(); }",
    ),
];

const HANDLERS: &str = r#"
package example;
import com.amazonaws.services.lambda.runtime.*;
import java.io.*;
import java.util.*;

class Sad extends RuntimeException { Sad(String m, Throwable c) { super(m, c); } }

public class Handlers {
    public static class Echo implements RequestHandler<Map<String, Object>, Object> {
        public Object handleRequest(Map<String, Object> e, Context c) { return e; }
    }
    public static abstract class Base<T> implements RequestHandler<List<T>, String> {
        public String handleRequest(List<T> e, Context c) { return e.get(0).getClass().getSimpleName(); }
    }
    public static class Longs extends Base<Long> {}
    public static class Text implements RequestHandler<String, String> {
        public String handleRequest(String e, Context c) { return "got " + e; }
    }
    public static class Copy implements RequestStreamHandler {
        public void handleRequest(InputStream in, OutputStream out, Context c) throws IOException { in.transferTo(out); }
    }
    public enum Colour { RED, GREEN }
    public record Point(int x, Double y) {}
    public static class Order {
        private String name; private List<Point> points; private Colour colour; public boolean paid; private byte[] raw;
        public String getName() { return name; }
        public void setName(String name) { this.name = name; }
        public List<Point> getPoints() { return points; }
        public void setPoints(List<Point> points) { this.points = points; }
        public Colour getColour() { return colour; }
        public void setColour(Colour colour) { this.colour = colour; }
        public byte[] getRaw() { return raw; }
        public void setRaw(byte[] raw) { this.raw = raw; }
    }
    public Order order(Order o, Context c) { o.setName(o.getName().toUpperCase()); return o; }
    public int sum(List<Integer> all) { int sum = 0; for (int n : all) sum += n; return sum; }
    public void nothing() {}
    public static String fixed(Context c) { return c.getFunctionName(); }
    public void streams(InputStream in, OutputStream out) throws IOException { out.write(new byte[] {0, 1, 2}); }
    public Object loop() { List<Object> l = new ArrayList<>(); l.add(l); return l; }
    public Object fail(Map<String, Object> e) { throw new Sad("no luck", new IllegalStateException("deep")); }
    public Object error(Map<String, Object> e) { throw new AssertionError("odd"); }
    public Object exhaust(Map<String, Object> e) { throw new OutOfMemoryError("all gone"); }
    public Object exit(Integer code) { System.exit(code); return null; }
    public Object print(Object e) { System.out.println("näh"); System.err.print("bare"); return 1; }
    public Object log(Object e, Context c) {
        c.getLogger().log("two\nlines"); c.getLogger().log("bad", LambdaLogger.Level.ERROR);
        c.getLogger().log("fine".getBytes());
        return null;
    }
    public Map<String, Object> context(Object e, Context c) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("id", c.getAwsRequestId()); all.put("group", c.getLogGroupName()); all.put("stream", c.getLogStreamName());
        all.put("name", c.getFunctionName()); all.put("version", c.getFunctionVersion());
        all.put("arn", c.getInvokedFunctionArn()); all.put("mem", c.getMemoryLimitInMB());
        all.put("left", c.getRemainingTimeInMillis() > 5000); all.put("later", c.later()); all.put("tenant", c.getTenantId());
        all.put("identity", c.getIdentity().getIdentityId());
        all.put("client", c.getClientContext() == null ? null : c.getClientContext().getClient().getAppTitle());
        all.put("custom", c.getClientContext() == null ? null : c.getClientContext().getCustom());
        all.put("trace", System.getProperty("com.amazonaws.xray.traceHeader")); all.put("env", System.getenv("GREETING"));
        all.put("fd", System.getenv("EBB_BOOT_FD"));
        return all;
    }
    public static class Broken { static { if (true) throw new IllegalStateException("static"); } public void run() {} }
    public static class NoConstructor { NoConstructor(int n) {} public void run() {} }
}
"#;

struct Compiled {
    _folder: TempDir,
    java: Interpreter,
    task: PathBuf,
}

/// The boot and the handlers, compiled once.
fn compiled() -> Option<&'static Compiled> {
    static COMPILED: OnceLock<Option<Compiled>> = OnceLock::new();
    let compiled = COMPILED.get_or_init(|| {
        let (java, javac) = (on_path("java")?, on_path("javac")?);
        let folder = tempfile::tempdir().unwrap();
        let (classes, task, sources) =
            (folder.path().join("boot"), folder.path().join("task"), folder.path().join("src"));
        let boot = std::fs::read_dir(runtimes().join("java")).unwrap().map(|entry| entry.unwrap().path());
        compile(&javac, &classes, boot.collect());
        std::fs::create_dir(&sources).unwrap();
        let package = "package com.amazonaws.services.lambda.runtime;";
        let mut files = vec![sources.join("Handlers.java")];
        std::fs::write(&files[0], HANDLERS).unwrap();
        for (name, source) in API {
            files.push(sources.join(format!("{name}.java")));
            std::fs::write(&files[files.len() - 1], format!("{package} {source}")).unwrap();
        }
        compile(&javac, &task, files);
        let mut command = vec![java.to_str()?.to_owned()];
        command.extend(OPTIONS.map(str::to_owned));
        command.extend(["-cp".to_owned(), classes.to_str()?.to_owned(), "ebb.boot.Boot".to_owned()]);
        Some(Compiled { _folder: folder, java: Interpreter { name: "java".to_owned(), command }, task })
    });
    if compiled.is_none() {
        println!("skipped: no java and javac on PATH");
    }
    compiled.as_ref()
}

fn compile(javac: &Path, to: &Path, files: Vec<PathBuf>) {
    let out = Command::new(javac).arg("-d").arg(to).args(files).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

fn function(handler: &str) -> Option<Function> {
    let compiled = compiled()?;
    Some(Function::at(&compiled.task, &compiled.java, &format!("example.Handlers{handler}")))
}

fn start(handler: &str) -> Option<Instance> {
    let instance = function(handler)?.start();
    assert_eq!(instance.init, Some(Init::Ready), "{handler}");
    Some(instance)
}

fn check(handler: &str, event: &str, expected: &str) {
    let Some(function) = function(handler) else { return };
    assert_eq!(function.summary(event), expected, "{handler}");
}

#[test]
fn handlers_are_interfaces_and_methods() {
    let cases = [
        (
            "$Echo",
            r#"{"a":[1,2.5,null,true,"wörld",12345678901]}"#,
            r#"= {"a":[1,2.5,null,true,"wörld",12345678901]}"#,
        ),
        ("$Echo::handleRequest", "{}", "= {}"),
        ("$Longs", "[5]", r#"= "Long""#),
        ("$Text", r#""x""#, r#"= "got x""#),
        ("$Copy", "{ \"as\": 1 }", "= { \"as\": 1 }"),
        (
            "::order",
            r#"{"name":"n","points":[{"x":1,"y":2}],"colour":"GREEN","paid":true,"raw":"AAE=","other":1}"#,
            r#"= {"colour":"GREEN","name":"N","paid":true,"points":[{"x":1,"y":2.0}],"raw":"AAE="}"#,
        ),
        ("::sum", "[1, 2, 3]", "= 6"),
        ("::nothing", "{}", "= null"),
        ("::fixed", "{}", r#"= "fn""#),
        ("::streams", "{}", "= \0\u{1}\u{2}"),
    ];
    for (handler, event, expected) in cases {
        check(handler, event, expected);
    }
}

#[test]
fn failures_say_what_is_wrong() {
    let cases = [
        ("$Nope", "1", "init ! java.lang.ClassNotFoundException: Class not found: example.Handlers$Nope"),
        (
            "::nope",
            "1",
            "init ! java.lang.NoSuchMethodException: No public method named nope with appropriate method signature found \
             on class example.Handlers",
        ),
        (
            "",
            "1",
            "init ! java.lang.IllegalArgumentException: Class example.Handlers does not implement an appropriate handler \
             interface",
        ),
        (
            "$NoConstructor::run",
            "1",
            "init ! java.lang.NoSuchMethodException: Class example.Handlers$NoConstructor has no public zero-argument \
             constructor",
        ),
        ("$Broken::run", "1", "init ! java.lang.ExceptionInInitializerError: <none>"),
        (
            "::sum",
            "{\"a\": 1}",
            "! java.lang.IllegalArgumentException: An error occurred during JSON parsing",
        ),
        ("::sum", "[1,", "! ebb.boot.Json$SyntaxException: An error occurred during JSON parsing"),
        (
            "::loop",
            "1",
            "! java.lang.IllegalArgumentException: An error occurred during JSON serialization of response",
        ),
        ("::error", "{}", "! java.lang.AssertionError: odd"),
    ];
    for (handler, event, expected) in cases {
        check(handler, event, expected);
    }
    for (handler, event, expected, code) in
        [("::exit", "3", "exit", 3), ("::exhaust", "{}", "! java.lang.OutOfMemoryError: all gone", 1)]
    {
        let Some(mut instance) = start(handler) else { return };
        assert_eq!(instance.invoke(event).summary(), expected);
        assert_eq!(instance.end().code, code);
    }
}

#[test]
fn an_exception_has_its_frames_and_cause_and_is_logged() {
    let Some(mut instance) = start("::fail") else { return };
    let error = instance.invoke("{}").error().clone();
    assert_eq!((&error["errorType"], &error["errorMessage"]), (&json!("example.Sad"), &json!("no luck")));
    assert_eq!(error["stackTrace"].as_array().unwrap().len(), 1, "{error}");
    assert!(error["stackTrace"][0].as_str().unwrap().starts_with("example.Handlers.fail(Handlers.java:"));
    assert_eq!(error["cause"]["errorType"], "java.lang.IllegalStateException");
    let (level, id, text) = &instance.logs[0];
    assert_eq!((*level, *id), (Some(LogLevel::Error), 1));
    assert!(
        text.starts_with("no luck: example.Sad\nexample.Sad: no luck\n\tat example.Handlers.fail("),
        "{text}"
    );
    assert!(text.contains("\nCaused by: java.lang.IllegalStateException: deep\n"));
}

#[test]
fn the_context_has_everything() {
    let Some(function) = function("::context") else { return };
    let mut instance = function.env("GREETING", "hello").start();
    let bare = json!({
        "id": REQUEST_ID, "name": "fn", "version": "$LATEST", "mem": 256, "left": true, "later": "default",
        "arn": "arn:aws:lambda:us-east-1:000000000000:function:fn:live", "group": "/aws/lambda/fn", "stream": "stream",
        "tenant": null, "identity": null, "client": null, "custom": null, "env": "hello", "fd": null,
        "trace": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
    });
    assert_eq!(instance.invoke("{}").json(), bare);
    let full = instance.invoke_with("{}", |metadata| {
        metadata.client_context = Some(r#"{"client": {"app_title": "T"}, "custom": {"k": "v"}}"#.to_owned());
        metadata.cognito_identity = Some(r#"{"cognitoIdentityId": "i"}"#.to_owned());
    });
    let full = full.json();
    assert_eq!(
        (&full["client"], &full["custom"], &full["identity"]),
        (&json!("T"), &json!({"k": "v"}), &json!("i"))
    );
}

#[test]
fn logs_and_standard_streams() {
    let Some(mut instance) = start("::log") else { return };
    instance.invoke("1");
    let expected = [(None, 1, "two\nlines"), (Some(LogLevel::Error), 1, "bad"), (None, 1, "fine")];
    assert_eq!(instance.logs, expected.map(|(level, id, text)| (level, id, text.to_owned())));
    let Some(mut instance) = start("::print") else { return };
    assert_eq!(instance.invoke("1").summary(), "= 1");
    let remains = instance.end();
    assert_eq!((remains.code, remains.stdout.as_str(), remains.stderr.as_str()), (0, "näh\n", "bare"));
    let Some(function) = function("::log") else { return };
    let env = [("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", "WARN")];
    let mut instance = env.iter().fold(function, |function, (name, value)| function.env(name, value)).start();
    instance.invoke("1");
    let line: Value = serde_json::from_str(&instance.logs[1].2).unwrap();
    assert_eq!(
        (&line["level"], &line["message"], &line["AWSRequestId"]),
        (&json!("ERROR"), &json!("bad"), &json!(REQUEST_ID))
    );
}

#[test]
fn large_events_and_answers_pass_whole() {
    let Some(mut instance) = start("$Copy") else { return };
    let event = format!("\"{}\"", "x".repeat(6_000_000));
    for _ in 0..2 {
        let Outcome::Response(body) = instance.invoke(&event) else { panic!("no response") };
        assert!(body == event.as_bytes());
    }
}
