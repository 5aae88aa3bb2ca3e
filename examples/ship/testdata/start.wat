;; Does not end, before anybody has called it.
(module
  (func $start (loop $again (br $again)))
  (func (export "run") (param i64) (result i64) (i64.const 0))
  (start $start))
