;; Asks for n pages of memory, of 64 KiB each, and returns what it was told: how many there were before, or -1.
(module
  (memory 1)
  (func (export "run") (param $n i64) (result i64)
    (i64.extend_i32_s (memory.grow (i32.wrap_i64 (local.get $n))))))
