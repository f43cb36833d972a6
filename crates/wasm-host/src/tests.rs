//! Whole requests against small components.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tokio::time::timeout;
use wasmtime::component::{Component, Linker};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::compile::{Refused, compiled};
use crate::epoch::Epoch;
use crate::loaded::Loaded;
use crate::response::Answer;
use crate::state::State;
use crate::{engine, state};

/// Anything that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const MEBIBYTES: &str = "64";

/// A component whose code is this.
fn component(code: &str) -> Vec<u8> {
    let text = include_str!("tests/handler.wat").replace("HANDLE", code);
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    let package = resolve.push_str("world.wit", include_str!("tests/world.wit")).unwrap();
    let world = resolve.select_world(&[package], Some("handler")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}

/// A server of one component, and what that prints.
struct Server {
    loaded: Arc<Loaded>,
    printed: Arc<Mutex<String>>,
}

/// An answer to its end.
struct Whole {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
    failure: Option<String>,
}

impl Server {
    fn of(code: &str) -> Self {
        let engine = engine::running().unwrap();
        let linker: Linker<State> = state::linker(&engine).unwrap();
        let compiled = compiled(&component(code)).unwrap_or_else(|refused| panic!("{refused}"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("component.cwasm");
        std::fs::write(&path, compiled).unwrap();
        let environment =
            BTreeMap::from([("AWS_LAMBDA_FUNCTION_MEMORY_SIZE".to_owned(), MEBIBYTES.to_owned())]);
        let printed = Arc::<Mutex<String>>::default();
        let seen = Arc::clone(&printed);
        let output =
            Arc::new(move |lines: &[u8]| seen.lock().unwrap().push_str(&String::from_utf8_lossy(lines)));
        let epoch = Epoch::start(&engine).unwrap();
        let loaded = Loaded::from_file(&linker, &path, folder.path(), environment, epoch, output).unwrap();
        Self { loaded: Arc::new(loaded), printed }
    }

    async fn begin(&self, method: Method) -> Response<Answer> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = method;
        request.headers_mut().insert("host", "x".parse().unwrap());
        timeout(PATIENCE, Arc::clone(&self.loaded).answer(request)).await.unwrap()
    }

    async fn get(&self) -> Whole {
        let (parts, body) = self.begin(Method::GET).await.into_parts();
        let whole = timeout(PATIENCE, body.collect()).await.unwrap().unwrap();
        let of = |headers: &HeaderMap| headers.get(ebb_boot::FAILURE_HEADER).cloned();
        let failure = whole.trailers().and_then(of).or_else(|| of(&parts.headers));
        Whole {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(whole.to_bytes().to_vec()).unwrap(),
            failure: failure.map(|value| value.to_str().unwrap().to_owned()),
        }
    }

    /// Waits until every place is free again.
    async fn idle(&self) {
        let all = Arc::clone(&self.loaded.places);
        let places = u32::try_from(self.loaded.most).unwrap();
        drop(timeout(PATIENCE, all.acquire_many(places)).await.unwrap().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_answers_and_each_request_has_an_instance_of_its_own() {
    // The second look at its memory would find the first one's.
    let code =
        "(if (i32.load (i32.const 2048)) (then unreachable)) (i32.store (i32.const 2048) (i32.const 1))
        (call $print) (call $say (local.get $out)) (call $end)";
    let server = Server::of(code);
    for _ in 0..3 {
        let answer = server.get().await;
        assert_eq!((answer.status, answer.body.as_str(), answer.failure), (StatusCode::OK, "hello", None));
        assert!(!answer.headers.contains_key(ebb_boot::FAILURE_HEADER));
    }
    server.idle().await;
    assert_eq!(*server.printed.lock().unwrap(), "a line\n".repeat(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_told_to_the_platform_whenever_they_happen() {
    let check = async |code: &str, status: u16, body: &str, words: &str| {
        let answer = Server::of(code).get().await;
        let failure = answer.failure.unwrap_or_default();
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (status, body), "{code}: {failure}");
        assert!(failure.contains(words), "{code}: {failure}");
    };
    check("unreachable", 500, "", r#""errorType":"Runtime.Trap""#).await;
    check("(call $say (local.get $out)) unreachable", 200, "hello", "unreachable").await;
    check("nop", 500, "", "Runtime.NoResponse").await;
    let error = "(call $set (local.get $out) (i32.const 1) (i32.const 36)
        (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))";
    check(error, 500, "", "Runtime.HandlerError").await;
    let recursion = "(call $handle (local.get $request) (local.get $out))";
    check(recursion, 500, "", "Runtime.Trap").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_gets_no_more_memory_than_its_function_has() {
    let grow = |pages: u32| {
        format!(
            "(if (i32.eq (memory.grow (i32.const {pages})) (i32.const -1)) (then unreachable))
            (call $say (local.get $out)) (call $end)"
        )
    };
    assert_eq!(Server::of(&grow(500)).get().await.failure, None);
    let failure = Server::of(&grow(1000)).get().await.failure.unwrap_or_default();
    assert!(failure.contains("Runtime.OutOfMemory"), "{failure}");
}

#[tokio::test]
async fn a_busy_component_leaves_room_for_others_and_ends_with_its_request() {
    let server = Server::of("(loop $again (br $again))");
    // On one thread: it would never be left if the component did not give way.
    let request = server.begin(Method::GET);
    assert!(timeout(Duration::from_millis(50), request).await.is_err());
    server.idle().await;
}

#[tokio::test]
async fn a_component_ends_when_nobody_reads_its_answer_any_more() {
    let server = Server::of("(call $say (local.get $out)) (loop $again (br $again))");
    let mut answer = server.begin(Method::GET).await.into_body();
    let frame = poll_fn(|context| Pin::new(&mut answer).poll_frame(context)).await;
    assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "hello");
    drop(answer);
    server.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_whose_answer_has_no_body_runs_to_its_end() {
    let server = Server::of("(call $say (local.get $out)) (call $end) (call $print)");
    drop(server.begin(Method::HEAD).await);
    server.idle().await;
    assert_eq!(*server.printed.lock().unwrap(), "a line\n");
}

#[test]
fn what_cannot_be_served_is_refused_with_what_to_do() {
    let check = |bytes: &[u8], words: &str| {
        let refused = compiled(bytes).unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}");
    };
    let text = |text: &str| wat::parse_str(text).unwrap();
    check(b"", "not a WebAssembly component");
    check(&text("(module)"), "wasm32-wasip2");
    check(&text("(component)"), "exports no wasi:http/incoming-handler@0.2.x");
    let exporting =
        |name: &str| text(&format!(r#"(component (instance $i) (export "{name}" (instance $i)))"#));
    check(&exporting("wasi:cli/run@0.2.0"), "command line");
    check(&exporting("wasi:http/incoming-handler@0.3.0"), "another version");
    check(&exporting("wasi:http/handler@0.3.0"), "does not run yet");
    check(&exporting("a:b/c@1.0.0"), "but a:b/c@1.0.0");
    check(&exporting("wasi:http/incoming-handler@0.2.0"), "cannot be linked");
    let mut broken = component("nop");
    broken.truncate(broken.len() / 2);
    assert!(matches!(compiled(&broken), Err(Refused::Invalid(_))));
    let importing = r#"(component (import "other:host/thing@1.0.0" (instance (export "f" (func))))
        (instance $i) (export "wasi:http/incoming-handler@0.2.0" (instance $i)))"#;
    check(&text(importing), "other:host/thing@1.0.0");
}

#[test]
fn compiled_components_fit_the_engine_that_runs_them() {
    let engine = engine::running().unwrap();
    let compiled = compiled(&component("nop")).unwrap();
    assert!(wasmtime::Engine::detect_precompiled(&compiled).is_some());
    assert!(!crate::compatibility().unwrap().is_empty());
    drop(Component::new(&engine, component("nop")).unwrap());
}
