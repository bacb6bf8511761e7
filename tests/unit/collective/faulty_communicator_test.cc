#include "libs/collective/testing/faulty_communicator.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "libs/collective/make_communicator.h"

namespace amaes {
namespace {

std::vector<std::unique_ptr<Communicator>> TwoWith(const CollectiveFault& fault, absl::Duration timeout) {
  auto out = MakeLocalCommunicators(2, timeout);
  for (auto& communicator : out) communicator = std::make_unique<FaultyCommunicator>(std::move(communicator), fault);
  return out;
}

absl::Status Sum(Communicator& communicator) {
  float value = 1.0f;
  return communicator.AllReduceSum({&value, 1, DataType::kFloat32});
}

absl::Status Share(Communicator& communicator) {
  float value = 1.0f;
  return communicator.Broadcast({&value, 1, DataType::kFloat32}, 0);
}

TEST(FaultyCommunicatorTest, FailsAtTheChosenCollectiveOfTheChosenRank) {
  CollectiveFault fault;
  fault.rank = 1;
  fault.collective = 2;
  fault.error = absl::UnavailableError("cable pulled");
  auto ranks = TwoWith(fault, absl::Seconds(60));
  std::thread other([&] {
    EXPECT_EQ(Sum(*ranks[1]), absl::OkStatus());
    EXPECT_EQ(Share(*ranks[1]), absl::OkStatus());
    EXPECT_EQ(Sum(*ranks[1]), fault.error);
    EXPECT_EQ(Share(*ranks[1]), fault.error);
    EXPECT_EQ(ranks[1]->Wait(0), fault.error);
    EXPECT_EQ(ranks[1]->Synchronize(), fault.error);
  });
  EXPECT_EQ(Sum(*ranks[0]), absl::OkStatus());
  EXPECT_EQ(Share(*ranks[0]), absl::OkStatus());
  EXPECT_EQ(Sum(*ranks[0]).code(), absl::StatusCode::kUnavailable);
  other.join();
}

TEST(FaultyCommunicatorTest, HangsUntilAborted) {
  CollectiveFault fault;
  fault.kind = CollectiveFault::Kind::kHang;
  fault.rank = 1;
  auto ranks = TwoWith(fault, absl::Milliseconds(50));
  std::thread other([&] { EXPECT_EQ(Sum(*ranks[1]).code(), absl::StatusCode::kAborted); });
  EXPECT_EQ(Sum(*ranks[0]).code(), absl::StatusCode::kDeadlineExceeded);  // the peer of a rank that hangs
  ranks[1]->Abort("enough");
  other.join();
  EXPECT_EQ(Share(*ranks[1]).code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace amaes
