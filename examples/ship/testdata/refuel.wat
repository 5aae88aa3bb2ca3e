;; Is not valid: it has no global 0. What metering adds must not be it.
(module
  (func (export "run") (param i64) (result i64)
    (global.set 0 (i64.const 1000000))
    (i64.const 0)))
