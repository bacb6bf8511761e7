// Real NCCL at world size 1. Not part of ctest, which must pass without a GPU: run it by hand where there is one.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <vector>

#include "libs/collective/make_communicator.h"
#include "tests/unit/collective/memory_store.h"

namespace amaes {
namespace {

class NcclGpuCheck : public ::testing::Test {
 protected:
  void SetUp() override {
    CommunicatorOptions options;
    options.device_index = 0;
    auto made = MakeNcclCommunicator(options, store_);
    ASSERT_TRUE(made.ok()) << made.status();
    communicator_ = *std::move(made);
    ASSERT_EQ(cudaMalloc(&memory_, host_.size() * sizeof(float)), cudaSuccess);
    ASSERT_EQ(cudaMemcpy(memory_, host_.data(), host_.size() * sizeof(float), cudaMemcpyHostToDevice), cudaSuccess);
  }
  void TearDown() override { (void)cudaFree(memory_); }

  Buffer buffer() const { return {memory_, static_cast<std::int64_t>(host_.size()), DataType::kFloat32}; }

  MemoryStore store_;
  std::unique_ptr<Communicator> communicator_;
  const std::vector<float> host_ = std::vector<float>(1 << 20, 1.5f);
  void* memory_ = nullptr;
};

TEST_F(NcclGpuCheck, SumsAndBroadcastsAreTheIdentityAndEndInOrder) {
  ASSERT_EQ(communicator_->AllReduceSum(buffer()), absl::OkStatus());
  ASSERT_EQ(communicator_->Broadcast(buffer(), 0), absl::OkStatus());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(communicator_->StartAllReduceSum(buffer()).ok());
  ASSERT_EQ(communicator_->Synchronize(), absl::OkStatus());
  std::vector<float> back(host_.size());
  ASSERT_EQ(cudaMemcpy(back.data(), memory_, back.size() * sizeof(float), cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(back, host_);
  communicator_.reset();
}

TEST_F(NcclGpuCheck, AbortReturns) {
  ASSERT_TRUE(communicator_->StartAllReduceSum(buffer()).ok());
  communicator_->Abort("enough");
  EXPECT_EQ(communicator_->Synchronize().code(), absl::StatusCode::kAborted);
  communicator_.reset();
}

}  // namespace
}  // namespace amaes
