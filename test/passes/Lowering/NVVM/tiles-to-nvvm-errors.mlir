// RUN: seq-opt %s -seqc-tiles-to-nvvm --split-input-file --verify-diagnostics

gpu.module @kernels {
  // expected-error@+1 {{has tiles, expected a known block size of whole warps in one dimension}}
  gpu.func @size() kernel {
    seqc_tile.commit
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @warps(%x: f32) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    // expected-error@+1 {{in a kernel of 2 warps, expected as many}}
    %f = seqc_tile.splat %x : f32 -> !seqc_tile.fragment<64x64xf32, acc, 4>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @foreign(%x: f32) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    %f = seqc_tile.splat %x : f32 -> !seqc_tile.fragment<32x64xf32, acc, 2>
    // expected-error@+1 {{expected arithmetic element by element or an operation of seqc_tile}}
    %g = builtin.unrealized_conversion_cast %f : !seqc_tile.fragment<32x64xf32, acc, 2> to i32
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @team() kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    // expected-error@+1 {{has warps up to 8 in a kernel of 4, expected some that there are}}
    seqc_tile.team of 4 from 4 {
      seqc_tile.meet
    }
    gpu.return
  }
}
