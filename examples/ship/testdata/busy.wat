;; Uses globals, nested loops, a br_table, floats and memory: everything that metering must read over. Counts to n squared.
(module
  (memory 1)
  (global $count (mut i64) (i64.const 0))
  (global $unused f64 (f64.const 1e300))
  (func $step (param f32) (result f32) (f32.add (local.get 0) (f32.const 0.5)))
  (func (export "run") (param $n i64) (result i64) (local $i i64) (local $j i64)
    (block $done
      (loop $rows
        (br_if $done (i64.ge_s (local.get $i) (local.get $n)))
        (local.set $j (i64.const 0))
        (block $row
          (loop $columns
            (block $b (block $a (br_table $a $b $a (i32.wrap_i64 (local.get $j)))))
            (br_if $row (i64.ge_s (local.get $j) (local.get $n)))
            (global.set $count (i64.add (global.get $count) (i64.const 1)))
            (i64.store offset=8 (i32.const 16) (global.get $count))
            (drop (call $step (f32.const 1.5)))
            (local.set $j (i64.add (local.get $j) (i64.const 1)))
            (br $columns)))
        (local.set $i (i64.add (local.get $i) (i64.const 1)))
        (br $rows)))
    (i64.load offset=8 (i32.const 16))))
