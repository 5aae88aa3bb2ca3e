;; Wants somebody else's memory.
(module
  (import "vat" "memory" (memory 1))
  (func (export "run") (param i64) (result i64) (i64.const 0)))
