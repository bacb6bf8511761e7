// The logic of the NCCL communicator, on the CPU against a stand-in for NCCL.
#include "libs/collective/nccl_communicator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/collective/fake_nccl.h"
#include "tests/unit/collective/memory_store.h"

namespace amaes {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

Buffer BufferOf(std::vector<float>& values) {
  return {values.data(), static_cast<std::int64_t>(values.size()), DataType::kFloat32};
}

class NcclCommunicatorTest : public ::testing::Test {
 protected:
  static CommunicatorOptions Options(int rank, int world_size) {
    CommunicatorOptions options;
    options.rank = rank;
    options.world_size = world_size;
    options.attempt = 3;
    options.device_index = rank;
    return options;
  }

  // Without a watchdog thread: tests call Poll.
  NcclEnvironment Environment(FakeNccl& nccl, int rank) {
    NcclEnvironment environment;
    environment.api = nccl.ApiOf(rank);
    environment.clock = &clock_;
    environment.pause = [] { std::this_thread::yield(); };
    environment.log_error = [this](absl::string_view line) { logged_ = std::string(line); };
    environment.watchdog_period = absl::ZeroDuration();
    environment.abort_timeout = absl::Minutes(10);
    return environment;
  }

  std::unique_ptr<NcclCommunicator> Make(FakeNccl& nccl, int rank, int world_size) {
    auto made = NcclCommunicator::Create(Options(rank, world_size), store_, Environment(nccl, rank));
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *std::move(made) : nullptr;
  }

  // Two ranks that have met.
  std::vector<std::unique_ptr<NcclCommunicator>> MakeTwo(FakeNccl& nccl) {
    std::vector<std::unique_ptr<NcclCommunicator>> out(2);
    std::thread other([&] { out[1] = Make(nccl, 1, 2); });
    out[0] = Make(nccl, 0, 2);
    other.join();
    return out;
  }

  FakeClock clock_;
  MemoryStore store_;
  std::string logged_;
};

TEST_F(NcclCommunicatorTest, OneRankFromStartToOrderlyEnd) {
  FakeNccl nccl(1);
  {
    auto communicator = Make(nccl, 0, 1);
    std::vector<float> values = {1, 2, 3};
    ASSERT_EQ(communicator->AllReduceSum(BufferOf(values)), absl::OkStatus());
    EXPECT_THAT(values, ElementsAre(1, 2, 3));
  }
  EXPECT_THAT(nccl.Calls(0), ElementsAre("init", "record on compute", "wait for compute", "record", "all-reduce",
                                         "record", "compute waits", "finalize", "destroy"));
  EXPECT_EQ(nccl.LiveEventsAndStreams(), 0);
  EXPECT_EQ(store_.values().count("attempt/3/nccl/id"), 1u);
}

TEST_F(NcclCommunicatorTest, TwoRanksSumAndBroadcast) {
  FakeNccl nccl(2);
  auto communicators = MakeTwo(nccl);
  const auto body = [&](int rank) {
    std::vector<float> first(5, static_cast<float>(rank + 1)), second(7, 10.0f * static_cast<float>(rank + 1));
    auto a = communicators[rank]->StartAllReduceSum(BufferOf(first));
    auto b = communicators[rank]->StartAllReduceSum(BufferOf(second));
    ASSERT_TRUE(a.ok() && b.ok());
    EXPECT_EQ(communicators[rank]->Wait(*b), absl::OkStatus());
    EXPECT_EQ(communicators[rank]->Wait(*a), absl::OkStatus());
    EXPECT_EQ(communicators[rank]->Synchronize(), absl::OkStatus());
    EXPECT_EQ(communicators[rank]->Wait(*a), absl::OkStatus());
    EXPECT_EQ(first[4], 3.0f);
    EXPECT_EQ(second[6], 30.0f);
    std::vector<float> weights(3, static_cast<float>(rank));
    EXPECT_EQ(communicators[rank]->Broadcast(BufferOf(weights), 1), absl::OkStatus());
    EXPECT_THAT(weights, ElementsAre(1, 1, 1));
  };
  std::thread other(body, 1);
  body(0);
  other.join();
}

TEST_F(NcclCommunicatorTest, RefusesBadArgumentsAndGoesOn) {
  FakeNccl nccl(1);
  auto communicator = Make(nccl, 0, 1);
  EXPECT_EQ(communicator->StartAllReduceSum({nullptr, 2, DataType::kFloat32}).status().code(),
            absl::StatusCode::kInvalidArgument);
  std::vector<float> values = {1};
  EXPECT_EQ(communicator->Broadcast(BufferOf(values), 1).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(communicator->Wait(0).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(communicator->AllReduceSum(BufferOf(values)), absl::OkStatus());
}

TEST_F(NcclCommunicatorTest, WaitDoesNotBlockTheHost) {
  FakeNccl nccl(2);
  auto communicators = MakeTwo(nccl);
  std::vector<float> values = {1};
  auto ticket = communicators[0]->StartAllReduceSum(BufferOf(values));  // rank 1 has not started it
  ASSERT_TRUE(ticket.ok());
  EXPECT_EQ(communicators[0]->Wait(*ticket), absl::OkStatus());
  EXPECT_THAT(nccl.Calls(0), Contains("compute waits"));
}

TEST_F(NcclCommunicatorTest, EventsAreUsedAgain) {
  FakeNccl nccl(1);
  auto communicator = Make(nccl, 0, 1);
  std::vector<float> values = {1};
  for (int i = 0; i < 50; ++i) ASSERT_EQ(communicator->AllReduceSum(BufferOf(values)), absl::OkStatus());
  EXPECT_EQ(nccl.LiveEventsAndStreams(), 3 + 1);
}

TEST_F(NcclCommunicatorTest, TimesOutFromWhenItBeganOnTheGpu) {
  FakeNccl nccl(2);
  auto communicators = MakeTwo(nccl);
  std::vector<float> values = {1};
  nccl.SetComputeBusy(0, true);  // the backward pass before it takes its time
  ASSERT_TRUE(communicators[0]->StartAllReduceSum(BufferOf(values)).ok());
  clock_.Advance(absl::Hours(1));
  communicators[0]->Poll();
  EXPECT_TRUE(communicators[0]->Wait(0).ok());
  nccl.SetComputeBusy(0, false);
  communicators[0]->Poll();
  clock_.Advance(absl::Seconds(29));
  communicators[0]->Poll();
  EXPECT_TRUE(communicators[0]->Wait(0).ok());
  clock_.Advance(absl::Seconds(1));
  communicators[0]->Poll();
  const absl::Status status = communicators[0]->Synchronize();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("all-reduce 0 (4 bytes)"));
  nccl.WaitForCall(0, "abort done");
  // Broken: the first error stays, although the abort has ended the kernel.
  EXPECT_EQ(communicators[0]->StartAllReduceSum(BufferOf(values)).status(), status);
  EXPECT_EQ(communicators[0]->Wait(0), status);
  EXPECT_EQ(communicators[0]->Broadcast(BufferOf(values), 0), status);
  communicators[0]->Abort("later");
  EXPECT_EQ(communicators[0]->Synchronize(), status);
  communicators[0].reset();
  const std::vector<std::string> calls = nccl.Calls(0);
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "abort"), 1);
  EXPECT_THAT(calls, Not(Contains(AnyOf("finalize", "destroy", "USE AFTER ABORT"))));
}

TEST_F(NcclCommunicatorTest, AsynchronousErrorBreaksAndAborts) {
  FakeNccl nccl(2);
  auto communicators = MakeTwo(nccl);
  std::vector<float> values = {1};
  auto ticket = communicators[0]->StartAllReduceSum(BufferOf(values));
  ASSERT_TRUE(ticket.ok());
  nccl.FailAsynchronously(0, absl::UnavailableError("remote process exited"));
  const absl::Status status = communicators[0]->Synchronize();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("remote process exited"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("all-reduce 0"));
  EXPECT_EQ(communicators[0]->Wait(*ticket), status);
  nccl.WaitForCall(0, "abort done");
}

TEST_F(NcclCommunicatorTest, FailedLaunchBreaks) {
  FakeNccl nccl(1);
  auto communicator = Make(nccl, 0, 1);
  nccl.FailLaunches(0, absl::InternalError("invalid usage"));
  std::vector<float> values = {1};
  const absl::Status status = communicator->AllReduceSum(BufferOf(values));
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(communicator->Synchronize(), status);
  nccl.WaitForCall(0, "abort done");
}

TEST_F(NcclCommunicatorTest, ConnectionsThatAreNeverMadeTimeOutInStart) {
  FakeNccl nccl(1);
  NcclEnvironment environment = Environment(nccl, 0);
  environment.pause = [this] { clock_.Advance(absl::Seconds(1)); };
  auto made = NcclCommunicator::Create(Options(0, 1), store_, environment);
  ASSERT_TRUE(made.ok());
  nccl.SetInProgress(0, true);
  std::vector<float> values = {1};
  EXPECT_EQ((*made)->StartAllReduceSum(BufferOf(values)).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(clock_.Monotonic(), absl::Seconds(30));
}

TEST_F(NcclCommunicatorTest, PeerMissingAtInitTimesOutAndAborts) {
  FakeNccl nccl(2);
  NcclEnvironment environment = Environment(nccl, 0);
  environment.pause = [this] { clock_.Advance(absl::Seconds(1)); };
  const auto made = NcclCommunicator::Create(Options(0, 2), store_, environment);
  EXPECT_EQ(made.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(made.status().message()), HasSubstr("to meet 2 ranks"));
  EXPECT_THAT(nccl.Calls(0), ElementsAre("init", "abort", "abort done"));
}

TEST_F(NcclCommunicatorTest, RankZeroMissingTimesOutInTheStore) {
  FakeNccl nccl(2);
  CommunicatorOptions options = Options(1, 2);
  options.start_timeout = absl::Milliseconds(20);
  const auto made = NcclCommunicator::Create(options, store_, Environment(nccl, 1));
  EXPECT_EQ(made.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(made.status().message()), HasSubstr("rank 0 did not come"));
  EXPECT_TRUE(nccl.Calls(1).empty());
  store_.EndAttempt();
  EXPECT_EQ(NcclCommunicator::Create(options, store_, Environment(nccl, 1)).status().code(),
            absl::StatusCode::kAborted);
}

TEST_F(NcclCommunicatorTest, AbortFromAnotherThreadEndsSynchronize) {
  FakeNccl nccl(2);
  auto communicators = MakeTwo(nccl);
  std::vector<float> values = {1};
  ASSERT_TRUE(communicators[0]->StartAllReduceSum(BufferOf(values)).ok());
  std::thread killer([&] { communicators[0]->Abort("enough"); });
  const absl::Status status = communicators[0]->Synchronize();
  killer.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("enough"));
}

TEST_F(NcclCommunicatorTest, AbortThatBlocksIsLeftBehindAndLogged) {
  FakeNccl nccl(2);
  nccl.SetAbortBlocks(0, true);
  NcclEnvironment environment = Environment(nccl, 0);
  environment.abort_timeout = absl::Milliseconds(20);
  std::unique_ptr<NcclCommunicator> other;
  std::thread peer([&] { other = Make(nccl, 1, 2); });
  auto made = NcclCommunicator::Create(Options(0, 2), store_, environment);
  peer.join();
  ASSERT_TRUE(made.ok()) << made.status();
  (*made)->Abort("stuck");  // returns although NCCL's abort does not
  EXPECT_EQ((*made)->Synchronize().code(), absl::StatusCode::kAborted);
  nccl.WaitForCall(0, "abort");
  made->reset();
  EXPECT_THAT(logged_, HasSubstr("abort did not return"));
  nccl.SetAbortBlocks(0, false);
  nccl.WaitForCall(0, "abort done");
}

TEST_F(NcclCommunicatorTest, DestroyedWithWorkInFlightAborts) {
  FakeNccl nccl(2);
  auto communicators = MakeTwo(nccl);
  std::vector<float> values = {1};
  ASSERT_TRUE(communicators[0]->StartAllReduceSum(BufferOf(values)).ok());
  communicators[0].reset();
  EXPECT_THAT(nccl.Calls(0), IsSupersetOf({"abort", "abort done"}));
  EXPECT_THAT(nccl.Calls(0), Not(Contains("destroy")));
}

TEST_F(NcclCommunicatorTest, WatchdogNoticesWithoutTheCaller) {
  FakeNccl nccl(2);
  NcclEnvironment environment = Environment(nccl, 0);
  environment.watchdog_period = absl::Milliseconds(1);
  std::unique_ptr<NcclCommunicator> other;
  std::thread peer([&] { other = Make(nccl, 1, 2); });
  auto made = NcclCommunicator::Create(Options(0, 2), store_, environment);
  peer.join();
  ASSERT_TRUE(made.ok()) << made.status();
  std::vector<float> values = {1};
  ASSERT_TRUE((*made)->StartAllReduceSum(BufferOf(values)).ok());
  nccl.FailAsynchronously(0, absl::UnavailableError("remote process exited"));
  nccl.WaitForCall(0, "abort done");  // the caller may be stuck on the GPU: the abort frees it
  EXPECT_EQ((*made)->Synchronize().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace amaes
