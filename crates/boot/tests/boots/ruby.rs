//! The Ruby boot.

use ebb_boot::LogLevel;
use serde_json::json;

use crate::harness::{Function, Init, Instance, Interpreter, Outcome, REQUEST_ID, on_path, runtimes};

fn ruby() -> Option<Interpreter> {
    let Some(program) = on_path("ruby") else {
        println!("skipped: no ruby on PATH");
        return None;
    };
    let boot = runtimes().join("ruby/boot.rb").to_str()?.to_owned();
    Some(Interpreter { name: "ruby".to_owned(), command: vec![program.to_str()?.to_owned(), boot] })
}

fn start(source: &str) -> Option<Instance> {
    let instance = Function::new(&ruby()?, "app.handler", &[("app.rb", source)]).start();
    assert_eq!(instance.init, Some(Init::Ready), "{source}");
    Some(instance)
}

fn check(source: &str, handler: &str, event: &str, expected: &str) {
    let Some(ruby) = ruby() else { return };
    let seen = Function::new(&ruby, handler, &[("app.rb", source), ("lib/deep.rb", source)]).summary(event);
    assert_eq!(seen, expected, "{handler} of {source}");
}

#[test]
fn handlers_are_methods_and_class_methods() {
    let method = "def handler(event:, context:) = event\n";
    let class =
        "module App\n  class Web\n    def self.process(event:, context:) = event['n'] + 1\n  end\nend\n";
    let cases = [
        (method, "app.handler", r#"{"a":[1,2.5,null,true,"wörld"]}"#, r#"= {"a":[1,2.5,null,true,"wörld"]}"#),
        (method, "lib/deep.handler", "1", "= 1"),
        (class, "app.App::Web.process", r#"{"n": 1}"#, "= 2"),
        ("def handler(event:, context:) = StringIO.new(\"\\0raw\")", "app.handler", "1", "= \0raw"),
        ("def handler(event:, context:) = nil", "app.handler", "1", "= null"),
        (
            "def handler(event:, context:) = raise(ArgumentError, 'no')",
            "app.handler",
            "1",
            "! Function<ArgumentError>: no",
        ),
        ("raise 'early'", "app.handler", "1", "init ! Init<RuntimeError>: early"),
        ("", "none.handler", "1", "init ! Init<LoadError>: cannot load such file -- none"),
        (
            "",
            "app",
            "1",
            "init ! Init<ArgumentError>: Invalid handler app: it must be FILE.METHOD or FILE.CLASS.METHOD",
        ),
    ];
    for (source, handler, event, expected) in cases {
        check(source, handler, event, expected);
    }
}

#[test]
fn errors_have_a_trace_and_critical_ones_end_the_process() {
    let Some(mut instance) = start("def handler(event:, context:)\n  raise 'no luck'\nend\n") else { return };
    let error = instance.invoke("{}").error().clone();
    assert_eq!(
        (&error["errorType"], &error["errorMessage"]),
        (&json!("Function<RuntimeError>"), &json!("no luck"))
    );
    assert_eq!(error["stackTrace"].as_array().unwrap().len(), 1, "{error}");
    assert!(error["stackTrace"][0].as_str().unwrap().contains("app.rb:2:in "));
    assert_eq!(instance.logs[0].0, Some(LogLevel::Error));
    assert!(instance.logs[0].2.starts_with("Error raised from handler method\n{\n"));
    assert_eq!(instance.invoke("{}").error()["errorMessage"], "no luck");
    for (statement, kind) in [("exit(3)", "SystemExit"), ("nil.nope", "NoMethodError"), ("nope", "NameError")]
    {
        let source = format!("def handler(event:, context:)\n  {statement}\nend\n");
        let Some(mut instance) = start(&source) else { return };
        assert_eq!(instance.invoke("1").error()["errorType"], format!("Function<{kind}>"));
        assert_eq!(instance.end().code, 255);
    }
}

#[test]
fn the_context_has_everything() {
    let source = "def handler(event:, context:)
      { id: context.aws_request_id, arn: context.invoked_function_arn, name: context.function_name, left: context.get_remaining_time_in_millis > 5000,
        mem: context.memory_limit_in_mb, version: context.function_version, group: context.log_group_name, client: context.client_context,
        identity: context.identity, trace: ENV['_X_AMZN_TRACE_ID'], fd: ENV['EBB_BOOT_FD'] }
    end";
    let Some(mut instance) = start(source) else { return };
    let seen = instance.invoke_with("{}", |metadata| {
        metadata.client_context = Some(r#"{"custom": {"k": "v"}}"#.to_owned());
    });
    let expected = json!({
        "id": REQUEST_ID, "arn": "arn:aws:lambda:us-east-1:000000000000:function:fn:live", "name": "fn", "left": true,
        "mem": "256", "version": "$LATEST", "group": "/aws/lambda/fn", "client": {"custom": {"k": "v"}}, "identity": null,
        "trace": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0", "fd": null,
    });
    assert_eq!(seen.json(), expected);
}

#[test]
fn puts_and_loggers_make_one_event_of_one_call() {
    let source = "require 'logger'\ndef handler(event:, context:)\n  puts 'a', ['b']\n  Logger.new($stdout).warn('careful')\n  \
                  print 'raw'\n  $stderr.puts 'bare'\n  1\nend\n";
    let Some(mut instance) = start(source) else { return };
    assert_eq!(instance.invoke("{}").summary(), "= 1");
    assert_eq!(instance.logs[0], (None, 1, "a\nb\n".to_owned()));
    let (level, _, text) = &instance.logs[1];
    assert_eq!(*level, Some(LogLevel::Warn));
    assert!(
        text.starts_with("W, [") && text.ends_with(&format!("]  WARN {REQUEST_ID} -- : careful\n")),
        "{text}"
    );
    let remains = instance.end();
    assert_eq!((remains.code, remains.stdout.as_str(), remains.stderr.as_str()), (0, "raw", "bare\n"));
}

#[test]
fn children_of_the_function_do_not_hold_the_socket() {
    let source = "def handler(event:, context:)
      child = fork { exit!(Dir.children('/proc/self/fd').any? { |n| File.readlink(\"/proc/self/fd/#{n}\").start_with?('socket') rescue false } ? 10 : 11) }
      [`ls -l /proc/self/fd`.include?('socket'), Process.wait2(child)[1].exitstatus]
    end";
    check(source, "app.handler", "{}", "= [false,11]");
}

#[test]
fn large_events_and_answers_pass_whole() {
    let Some(mut instance) = start("def handler(event:, context:) = event") else { return };
    let event = format!("\"{}\"", "x".repeat(6_000_000));
    for _ in 0..2 {
        let Outcome::Response(body) = instance.invoke(&event) else { panic!("no response") };
        assert!(body == event.as_bytes());
    }
}
