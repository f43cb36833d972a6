;; A component of the tests, without the code of its handler, which may call `say`, `print` and `end`.
(module
  (import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-response.body" (func $body (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-body.write" (func $write (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $flush (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop-stream (param i32)))
  (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "hello")
  (data (i32.const 1040) "a line\n")
  (global $the-body (mut i32) (i32.const 0))
  (global $the-stream (mut i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8192))

  ;; Sets the response, 200 without headers, and writes "hello".
  (func $say (param $out i32)
    (local $made i32)
    (local.set $made (call $response (call $fields)))
    (call $body (local.get $made) (i32.const 0))
    (global.set $the-body (i32.load (i32.const 4)))
    (call $set (local.get $out) (i32.const 0) (local.get $made)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $write (global.get $the-body) (i32.const 0))
    (global.set $the-stream (i32.load (i32.const 4)))
    (call $flush (global.get $the-stream) (i32.const 1024) (i32.const 5) (i32.const 0)))

  ;; Ends the body.
  (func $end
    (call $drop-stream (global.get $the-stream))
    (call $finish (global.get $the-body) (i32.const 0) (i32.const 0) (i32.const 0)))

  ;; Prints a line.
  (func $print
    (call $flush (call $stdout) (i32.const 1040) (i32.const 7) (i32.const 0)))

  (func $handle (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    HANDLE))
