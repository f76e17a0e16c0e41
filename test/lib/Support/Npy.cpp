//===- Npy.cpp - .npy files survive, broken ones are refused --------------===//

#include "seqc/lib/Support/Npy.h"

#include "llvm/Support/FileSystem.h"

#include <gtest/gtest.h>

using namespace seqc;

namespace {

std::string path(const char *name) { return testing::TempDir() + name; }

std::string failure(const std::string &file, const std::string &bytes) {
  llvm::cantFail(writeFileAtomically(file, bytes));
  auto array = readNpy(file);
  EXPECT_FALSE(bool(array));
  return array ? "" : llvm::toString(array.takeError());
}

std::string valid() {
  std::string file = path("valid.npy");
  llvm::cantFail(writeNpy(file, {"<f4", {2, 3}, std::string(24, 'x')}));
  auto data = llvm::cantFail(readNpy(file));
  EXPECT_EQ(data.bytes, std::string(24, 'x'));
  std::string header = "\x93NUMPY\x01" + std::string(1, '\0') + "\x76" +
                       std::string(1, '\0');
  std::string dict =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  dict.resize(117, ' ');
  return header + dict + "\n" + std::string(24, 'y');
}

TEST(Npy, RoundTrip) {
  std::string file = path("a.npy");
  NpyArray array{"<i8", {1, 2}, std::string(16, 'q')};
  llvm::cantFail(writeNpy(file, array));
  auto back = llvm::cantFail(readNpy(file));
  EXPECT_EQ(back.descr, "<i8");
  EXPECT_EQ(back.shape, array.shape);
  EXPECT_EQ(back.bytes, array.bytes);
}
TEST(Npy, Scalar) {
  std::string file = path("s.npy");
  llvm::cantFail(writeNpy(file, {"<f4", {}, "abcd"}));
  auto back = llvm::cantFail(readNpy(file));
  EXPECT_TRUE(back.shape.empty());
  EXPECT_EQ(back.bytes, "abcd");
}
TEST(Npy, RefusesOtherFiles) {
  EXPECT_NE(failure(path("b.npy"), "hello world").find("magic string"),
            std::string::npos);
}
TEST(Npy, RefusesTruncatedHeader) {
  EXPECT_NE(failure(path("c.npy"), valid().substr(0, 40)).find("the header has"),
            std::string::npos);
}
TEST(Npy, RefusesTruncatedData) {
  EXPECT_NE(failure(path("d.npy"), valid().substr(0, 140)).find("truncated"),
            std::string::npos);
}
TEST(Npy, RefusesFortranOrder) {
  std::string bytes = valid();
  bytes.replace(bytes.find("False"), 5, "True ");
  EXPECT_NE(failure(path("e.npy"), bytes).find("Fortran"), std::string::npos);
}
TEST(Npy, RefusesOverflow) {
  std::string bytes = valid();
  bytes.replace(bytes.find("(2, 3), }"), 44,
                "(4611686018427387904, 4611686018427387904) }");
  EXPECT_NE(failure(path("f.npy"), bytes).find("overflow"), std::string::npos);
}
TEST(Npy, LeavesNoPartialFile) {
  llvm::Error error = writeFileAtomically("/nonexistent/x.npy", "data");
  EXPECT_TRUE(bool(error));
  llvm::consumeError(std::move(error));
  EXPECT_FALSE(llvm::sys::fs::exists("/nonexistent/x.npy"));
}

} // namespace
