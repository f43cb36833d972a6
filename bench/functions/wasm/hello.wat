;; The benchmark's handler as the module of a component of wasi:http: what a compiler makes of the smallest handler, without
;; a language's own runtime. VERSION is that of the interfaces.
(module
  (import "wasi:http/types@VERSION" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@VERSION" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@VERSION" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
  (import "wasi:http/types@VERSION" "[method]outgoing-response.body" (func $body (param i32 i32)))
  (import "wasi:http/types@VERSION" "[method]outgoing-body.write" (func $write (param i32 i32)))
  (import "wasi:http/types@VERSION" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
  (import "wasi:http/types@VERSION" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:io/streams@VERSION" "[method]output-stream.blocking-write-and-flush"
    (func $flush (param i32 i32 i32 i32)))
  (import "wasi:io/streams@VERSION" "[resource-drop]output-stream" (func $drop-stream (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "content-type")
  (data (i32.const 1040) "text/plain")
  (data (i32.const 1056) "hello")
  ;; Nothing is given to it that takes memory.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)

  (func (export "wasi:http/incoming-handler@VERSION#handle") (param $request i32) (param $out i32)
    (local $headers i32) (local $made i32) (local $bytes i32) (local $stream i32)
    (local.set $headers (call $fields))
    (call $append (local.get $headers)
      (i32.const 1024) (i32.const 12) (i32.const 1040) (i32.const 10) (i32.const 0))
    (local.set $made (call $response (local.get $headers)))
    ;; Each result lies at address 0: whether it failed, then what it is.
    (call $body (local.get $made) (i32.const 0))
    (local.set $bytes (i32.load (i32.const 4)))
    (call $set (local.get $out) (i32.const 0) (local.get $made)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $write (local.get $bytes) (i32.const 0))
    (local.set $stream (i32.load (i32.const 4)))
    (call $flush (local.get $stream) (i32.const 1056) (i32.const 5) (i32.const 0))
    (call $drop-stream (local.get $stream))
    (call $finish (local.get $bytes) (i32.const 0) (i32.const 0) (i32.const 0))))
