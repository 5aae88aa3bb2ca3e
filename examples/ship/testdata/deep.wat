;; Calls itself n times.
(module
  (func $run (export "run") (param $n i64) (result i64)
    (if (result i64) (i64.eqz (local.get $n))
      (then (i64.const 0))
      (else (call $run (i64.sub (local.get $n) (i64.const 1)))))))
