;; A table of a hundred million entries.
(module
  (table 100000000 funcref)
  (func (export "run") (param i64) (result i64) (i64.const 0)))
