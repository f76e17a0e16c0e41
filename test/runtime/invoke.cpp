//===- invoke.cpp - Every refusal of seqc_rt_invoke, and its message ------===//

#include "../../runtime/internal.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace {

// f(x: f32[b, t, h/2 ], w: bf16[h], cu: i32[s+1] over t, y: f32[b, t, 4])
const char *symbolNames[] = {"b", "t", "h", "s"};
const seqc_dim xDims[] = {{0, 0, 1, 0}, {0, 1, 1, 0}, {0, 2, 2, 0}};
const seqc_dim wDims[] = {{0, 2, 1, 0}};
const seqc_dim cuDims[] = {{0, 3, 1, 1}};
const seqc_dim tokens = {0, 1, 1, 0};
const seqc_dim yDims[] = {{0, 0, 1, 0}, {0, 1, 1, 0}, {4, -1, 1, 0}};
const seqc_arg args[] = {
    {"x", xDims, 3, kDLFloat, 32, 0, 0, nullptr},
    {"w", wDims, 1, kDLBfloat, 16, 0, 0, nullptr},
    {"cu", cuDims, 1, kDLInt, 32, 0, 0, &tokens},
    {"y", yDims, 3, kDLFloat, 32, 1, 0, nullptr},
};
const seqc_entry entry = {SEQC_ABI_VERSION, 4, 4, 0, "f", args, symbolNames};

int calls;
int64_t seen[3];
void kernel(void **descriptors) {
  ++calls;
  auto *words = static_cast<int64_t *>(descriptors[0]);
  std::memcpy(seen, words + 3, sizeof seen);
}

struct Call : testing::Test {
  std::vector<float> x = std::vector<float>(2 * 5 * 3);
  std::vector<uint16_t> w = std::vector<uint16_t>(6);
  std::vector<int32_t> cu{0, 2, 2, 5};
  std::vector<float> y = std::vector<float>(2 * 5 * 4);
  int64_t xShape[3] = {2, 5, 3}, wShape[1] = {6}, cuShape[1] = {4},
          yShape[3] = {2, 5, 4};
  DLTensor tensors[4];
  const DLTensor *pointers[4];
  seqc_error error;

  void SetUp() override {
    calls = 0;
    std::memset(tensors, 0, sizeof tensors);
    set(0, x.data(), kDLFloat, 32, 3, xShape);
    set(1, w.data(), kDLBfloat, 16, 1, wShape);
    set(2, cu.data(), kDLInt, 32, 1, cuShape);
    set(3, y.data(), kDLFloat, 32, 3, yShape);
  }
  void set(int i, void *data, int code, int bits, int rank, int64_t *shape) {
    tensors[i].data = data;
    tensors[i].device = {kDLCPU, 0};
    tensors[i].dtype = {uint8_t(code), uint8_t(bits), 1};
    tensors[i].ndim = rank;
    tensors[i].shape = shape;
    pointers[i] = &tensors[i];
  }
  void expect(int code, const std::string &message) {
    EXPECT_EQ(seqc_rt_invoke(&entry, pointers, kernel, &error), code);
    EXPECT_EQ(error.code, code);
    EXPECT_EQ(std::string(error.message), message);
    EXPECT_EQ(calls, code == SEQC_OK);
  }
};

TEST_F(Call, Runs) {
  expect(SEQC_OK, "");
  EXPECT_EQ(seen[0], 2);
  EXPECT_EQ(seen[1], 5);
  EXPECT_EQ(seen[2], 3);
}
TEST_F(Call, WithoutAnErrorStruct) {
  EXPECT_EQ(seqc_rt_invoke(&entry, pointers, kernel, nullptr), SEQC_OK);
  pointers[0] = nullptr;
  EXPECT_EQ(seqc_rt_invoke(&entry, pointers, kernel, nullptr),
            SEQC_ERROR_NULL_ARGUMENT);
}
TEST_F(Call, NullTensor) {
  pointers[1] = nullptr;
  expect(SEQC_ERROR_NULL_ARGUMENT, "f: argument 'w' is null");
}
TEST_F(Call, NullData) {
  tensors[0].data = nullptr;
  expect(SEQC_ERROR_NULL_ARGUMENT, "f: argument 'x' has no data");
}
TEST_F(Call, Device) {
  tensors[0].device.device_type = static_cast<DLDeviceType>(2);
  expect(SEQC_ERROR_DEVICE,
         "f: argument 'x' is on device type 2, expected the CPU (1)");
}
TEST_F(Call, ElementType) {
  tensors[0].dtype.bits = 64;
  expect(SEQC_ERROR_DTYPE,
         "f: argument 'x' has elements float64 x 1, expected float32");
}
TEST_F(Call, Rank) {
  tensors[1].ndim = 0;
  expect(SEQC_ERROR_RANK, "f: argument 'w' has rank 0, expected 1");
}
TEST_F(Call, SymbolMismatch) {
  yShape[1] = 6;
  expect(SEQC_ERROR_SHAPE,
         "f: argument 'y': dimension 1 is 6, expected t = 5 (from 'x')");
}
TEST_F(Call, StaticMismatch) {
  yShape[2] = 3;
  expect(SEQC_ERROR_SHAPE, "f: argument 'y': dimension 2 is 3, expected 4");
}
TEST_F(Call, DividedMismatch) {
  wShape[0] = 4;
  expect(SEQC_ERROR_SHAPE,
         "f: argument 'x': dimension 2 is 3, expected h/2 = 2 (from 'w')");
}
TEST_F(Call, NotAMultiple) {
  wShape[0] = 5;
  expect(SEQC_ERROR_SHAPE, "f: argument 'x': dimension 2 needs h to be a "
                           "multiple of 2, it is 5 (from 'w')");
}
TEST_F(Call, Strides) {
  int64_t strides[] = {15, 1, 5};
  tensors[0].strides = strides;
  expect(SEQC_ERROR_STRIDES, "f: argument 'x': dimension 2 has stride 5, "
                             "expected 1 (row-major, no gaps)");
}
TEST_F(Call, ContiguousStridesAreFine) {
  int64_t strides[] = {15, 3, 1};
  tensors[0].strides = strides;
  expect(SEQC_OK, "");
}
TEST_F(Call, SegmentsStartAtZero) {
  cu[0] = 1;
  expect(SEQC_ERROR_SEGMENTS, "f: argument 'cu': entry 0 is 1, expected 0");
}
TEST_F(Call, SegmentsDoNotDecrease) {
  cu[1] = 3;
  expect(SEQC_ERROR_SEGMENTS, "f: argument 'cu': entry 2 is 2 after 3, expected "
                              "offsets that do not decrease");
}
TEST_F(Call, SegmentsStayInRange) {
  cu[3] = 9;
  expect(SEQC_ERROR_SEGMENTS, "f: argument 'cu': entry 3 is 9, beyond t = 5");
}
TEST_F(Call, SegmentsCoverAll) {
  cu[3] = 4;
  expect(SEQC_ERROR_SEGMENTS, "f: argument 'cu' ends at 4, expected t = 5");
}
TEST_F(Call, Overlap) {
  tensors[3].data = x.data() + 4;
  expect(SEQC_ERROR_ALIAS,
         "f: output 'y' overlaps argument 'x', expected memory of its own");
}
TEST_F(Call, HugeSizes) {
  xShape[0] = xShape[1] = INT64_C(1) << 40;
  expect(SEQC_ERROR_MEMORY,
         "f: argument 'x' has more bytes than 64 bits can count");
}
TEST_F(Call, Version) {
  seqc_entry other = entry;
  other.abi_version = 7;
  EXPECT_EQ(seqc_rt_invoke(&other, pointers, kernel, &error), SEQC_ERROR_ABI);
  EXPECT_EQ(std::string(error.message),
            "f: compiled for ABI version 7, this runtime has " + std::to_string(SEQC_ABI_VERSION));
}
TEST_F(Call, OnTheWrongDevice) {
  seqc_gpu_code gpu = {};
  seqc_entry other = entry;
  other.gpu = &gpu;
  seqc_cuda_kernel none = [](void **, seqc_cuda_call *call) {
    EXPECT_NE(seqc_rt_cuda_scratch(call, 1), nullptr);
    EXPECT_NE(seqc_rt_cuda_scratch(call, 300), nullptr);
  };
  EXPECT_EQ(seqc_rt_invoke_cuda(&other, pointers, none, nullptr, nullptr, &error),
            SEQC_ERROR_DEVICE);
  EXPECT_EQ(std::string(error.message),
            "f: argument 'x' is on device type 1, expected a CUDA device (2)");
  EXPECT_EQ(seqc_rt_invoke_cuda(&entry, pointers, none, nullptr, nullptr, &error),
            SEQC_ERROR_NULL_ARGUMENT);
}
TEST(Images, TheBestThatRunsThere) {
  const char code[] = "x";
  const seqc_gpu_image images[] = {{"sm_90a", code, code, 90, 1},
                                   {"sm_80", code, code, 80, 0},
                                   {"sm_90", nullptr, code, 90, 0},
                                   {"sm_100a", code, nullptr, 100, 1}};
  const seqc_gpu_code gpu = {images, 4, 0, nullptr, nullptr};
  auto found = [&](int capability, int ptx) -> std::string {
    const seqc_gpu_image *image = seqc_rt_cuda_image(&gpu, capability, ptx);
    return image ? image->arch : "none";
  };
  EXPECT_EQ(found(75, 0), "none"); // older than all
  EXPECT_EQ(found(75, 1), "none");
  EXPECT_EQ(found(80, 0), "sm_80");
  EXPECT_EQ(found(89, 0), "sm_80");
  EXPECT_EQ(found(90, 0), "sm_90a");
  EXPECT_EQ(found(90, 1), "sm_90a");
  EXPECT_EQ(found(100, 0), "sm_100a");
  EXPECT_EQ(found(100, 1), "sm_90"); // its own PTX is missing
  EXPECT_EQ(found(103, 0), "none");  // a letter is for its own devices
  EXPECT_EQ(found(120, 1), "sm_90");
}
TEST_F(Call, DeclaredRanges) {
  const double infinity = std::numeric_limits<double>::infinity();
  std::vector<seqc_arg> declared(args, args + 4);
  for (seqc_arg &arg : declared) {
    arg.low = -infinity;
    arg.high = infinity;
  }
  declared[0].high = 0;
  declared[1].low = -1; // w, in bf16
  seqc_entry checked = entry;
  checked.args = declared.data();
  x[17] = 0.25f;
  EXPECT_EQ(seqc_rt_invoke(&checked, pointers, kernel, &error), SEQC_OK);
  checked.flags = SEQC_ENTRY_CHECKED;
  EXPECT_EQ(seqc_rt_invoke(&checked, pointers, kernel, &error), SEQC_ERROR_RANGE);
  EXPECT_EQ(std::string(error.message),
            "f: argument 'x' at [b=1, t=0, h=2] is 0.25, declared at most 0");
  x[17] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(seqc_rt_invoke(&checked, pointers, kernel, &error), SEQC_ERROR_RANGE);
  x[17] = 0;
  w[5] = 0xc000; // -2
  EXPECT_EQ(seqc_rt_invoke(&checked, pointers, kernel, &error), SEQC_ERROR_RANGE);
  EXPECT_EQ(std::string(error.message),
            "f: argument 'w' at [h=5] is -2, declared at least -1");
  w[5] = 0xbf80; // -1
  EXPECT_EQ(seqc_rt_invoke(&checked, pointers, kernel, &error), SEQC_OK);
}

} // namespace
