// RUN: seq-opt %s --seqc-solve-tiles --split-input-file --verify-diagnostics

// Constraints that have no part in it are not named.
// expected-error@+1 {{no tiles for the state of 256x256 f32: the state needs 64 KiB with 64 columns of it at a time; L1 has 48 KiB; slices of 32 columns are below the 64 that a product needs; nearest: columns=64 stages=1 breaks only 'cache'}}
seqc_tile.problem @state of "the state of 256x256 f32" {
  %columns = seqc_tile.knob "columns" in [256, 128, 64, 32, 16]
  %other = seqc_tile.knob "stages" in 1 to 4
  %row = arith.constant 1024 : index
  %bytes = arith.muli %columns, %row : index
  %l1 = arith.constant 49152 : index
  %least = arith.constant 64 : index
  %stages = arith.constant 9 : index
  seqc_tile.constraint "stages" %other le %stages, "{0} stages are too many"
  seqc_tile.constraint "cache" %bytes le %l1, "the state needs {0:bytes} with {2} columns of it at a time; L1 has {1:bytes}" of %columns
  seqc_tile.constraint "product" %least le %columns, "slices of {1} columns are below the {0} that a product needs"
  seqc_tile.minimize %columns per 1
}

// -----

// One constraint alone: by how much it is missed at least.
// expected-error@+1 {{no tiles for a ring: 4 KiB do not fit into 1000 bytes; nearest: stages=2}}
seqc_tile.problem @ring of "a ring" {
  %stages = seqc_tile.knob "stages" in 4 to 2
  %each = arith.constant 2048 : index
  %bytes = arith.muli %stages, %each : index
  %shared = arith.constant 1000 : index
  seqc_tile.constraint "shared" %bytes le %shared, "{0:bytes} do not fit into {1:bytes}"
  seqc_tile.minimize %stages per 1
}
