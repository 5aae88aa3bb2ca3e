;; Calls the nth reference, which nobody gave it.
(module
  (import "vat" "call" (func $call (param i32 i32 i32 i64) (result i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "entry")
  (func (export "run") (param $n i64) (result i64)
    (call $call (i32.wrap_i64 (local.get $n)) (i32.const 0) (i32.const 5) (i64.const 0))))
