// RUN: seq-opt %s --split-input-file --verify-diagnostics

// expected-error@+1 {{does not end with seqc_tile.minimize, expected a cost (P1)}}
"seqc_tile.problem"() <{sym_name = "p", what = "it"}> ({
  %n = seqc_tile.knob "n" in 1 to 3
}) : () -> ()

// -----

seqc_tile.problem @p of "it" {
  %n = seqc_tile.knob "n" in 1 to 3
  // expected-error@+1 {{is in a problem, expected knobs, constraints, parts and arithmetic on index (P1)}}
  %x = arith.xori %n, %n : index
  seqc_tile.minimize %x per 1
}

// -----

seqc_tile.problem @p of "it" {
  %n = seqc_tile.knob "n" in 1 to 3
  // expected-error@+1 {{has a result of type 'i32' in a problem, expected index (P1)}}
  %x = arith.constant 3 : i32
  seqc_tile.minimize %n per 1
}

// -----

seqc_tile.problem @p of "it" {
  %n = seqc_tile.knob "n" in 1 to 3
  %c = arith.cmpi sle, %n, %n : index
  // expected-error@+1 {{compares 'i1' in a problem, expected index (P1)}}
  %d = arith.cmpi eq, %c, %c : i1
  seqc_tile.minimize %n per 1
}

// -----

seqc_tile.problem @p of "it" {
  %n = seqc_tile.knob "n" in 1 to 3
  // expected-error@+1 {{is the second one with the name 'n', expected another (P2)}}
  %m = seqc_tile.knob "n" in 1 to 3
  seqc_tile.minimize %n per 1
}

// -----

seqc_tile.problem @p of "it" {
  %n = seqc_tile.knob "n" in 1 to 3
  seqc_tile.constraint "c" %n le %n, "so"
  // expected-error@+1 {{is the second one with the name 'c', expected another (P2)}}
  seqc_tile.constraint "c" %n le %n, "so"
  seqc_tile.minimize %n per 1
}

// -----

// expected-error@+1 {{has the value 7 for the knob 'n' in its solution, expected one of its values (P3)}}
seqc_tile.problem @p of "it" solved {n = 7 : i64} {
  %n = seqc_tile.knob "n" in 1 to 3
  seqc_tile.minimize %n per 1
}

// -----

// expected-error@+1 {{has no value for the knob 'n' in its solution, expected one of its values (P3)}}
seqc_tile.problem @p of "it" solved {m = 1 : i64} {
  %n = seqc_tile.knob "n" in 1 to 3
  seqc_tile.minimize %n per 1
}

// -----

// expected-error@+1 {{has a solution with 2 values, expected one for each of 1 knobs (P3)}}
seqc_tile.problem @p of "it" solved {m = 1 : i64, n = 1 : i64} {
  %n = seqc_tile.knob "n" in 1 to 3
  seqc_tile.minimize %n per 1
}

// -----

seqc_tile.problem @p of "it" {
  // expected-error@+1 {{'n' has the value 2 twice, expected distinct ones from 0 to 2147483647 (P4)}}
  %n = seqc_tile.knob "n" in [1, 2, 2]
  seqc_tile.minimize %n per 1
}

// -----

seqc_tile.problem @p of "it" {
  // expected-error@+1 {{'n' has the value -1, expected distinct ones from 0 to 2147483647 (P4)}}
  %n = seqc_tile.knob "n" in [1, -1]
  seqc_tile.minimize %n per 1
}

// -----

seqc_tile.problem @p of "it" {
  // expected-error@+1 {{'n' has 0 values, expected 1 to 65536 (P4)}}
  %n = seqc_tile.knob "n" in []
  seqc_tile.minimize %n per 1
}

// -----

seqc_tile.problem @p of "it" {
  // expected-error@+1 {{'n' has values from 0 to 65536, expected at most 65536 from 0 to 2147483647 (P4)}}
  %n = seqc_tile.knob "n" in 0 to 65536
  seqc_tile.minimize %n per 1
}

// -----

seqc_tile.problem @p of "it" {
  // expected-error@+1 {{'n' has neither a table nor a range, or both, expected one of them (P4)}}
  %n = "seqc_tile.knob"() <{name = "n"}> : () -> index
  seqc_tile.minimize %n per 1
}

// -----

seqc_tile.problem @p of "it" {
  %n = seqc_tile.knob "n" in 1 to 3
  // expected-error@+1 {{'c' has no sentence, expected one for people (P5)}}
  seqc_tile.constraint "c" %n le %n, " "
  seqc_tile.minimize %n per 1
}

// -----

seqc_tile.problem @p of "it" {
  %n = seqc_tile.knob "n" in 1 to 3
  // expected-error@+1 {{'c' has the placeholder '{2}', expected {0} to {1}, or these with :bytes (P5)}}
  seqc_tile.constraint "c" %n le %n, "{0} and {2}"
  seqc_tile.minimize %n per 1
}

// -----

seqc_tile.problem @p of "it" {
  %n = seqc_tile.knob "n" in 1 to 3
  // expected-error@+1 {{has scale 0, expected a positive one (P6)}}
  seqc_tile.minimize %n per 0
}

// -----

seqc_tile.problem @p of "it" {
  %n = seqc_tile.knob "n" in 1 to 3
  // expected-error@+1 {{'floor' has scale -2, expected a positive one (P6)}}
  seqc_tile.part "floor" %n per -2
  seqc_tile.minimize %n per 1
}
