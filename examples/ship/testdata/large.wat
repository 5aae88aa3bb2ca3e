;; More memory than there is to have, from the beginning.
(module
  (memory 1000)
  (func (export "run") (param i64) (result i64) (i64.const 0)))
