// The GPU module on any machine, with a GPU or without: it loads beside LibTorch, or says why not.
#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "libs/collective/make_communicator.h"
#include "tests/unit/collective/memory_store.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;

TEST(CudaModuleTest, AnAbsentModuleIsNotFound) {
  MemoryStore store;
  ASSERT_EQ(setenv("AMAES_MODULE_DIR", "/nowhere/at/all", 1), 0);
  const auto made = MakeNcclCommunicator({}, store);
  ASSERT_EQ(unsetenv("AMAES_MODULE_DIR"), 0);
  EXPECT_EQ(made.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(made.status().message()), HasSubstr("libamaes_cuda.so"));
}

TEST(CudaModuleTest, AGpuThatIsNotThereIsAFailedPrecondition) {
  MemoryStore store;
  CommunicatorOptions options;
  options.device_index = -1;
  const auto made = MakeNcclCommunicator(options, store);
#ifdef AMAES_HAS_CUDA_MODULE
  EXPECT_EQ(made.status().code(), absl::StatusCode::kFailedPrecondition) << made.status();
  EXPECT_THAT(std::string(made.status().message()), HasSubstr("GPU"));
#else
  EXPECT_EQ(made.status().code(), absl::StatusCode::kNotFound) << made.status();
#endif
  EXPECT_TRUE(store.values().empty());
  EXPECT_EQ(at::ones({3}).sum().item<float>(), 3.0f);
}

}  // namespace
}  // namespace amaes
