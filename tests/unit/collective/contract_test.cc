// What every communicator promises, over the kinds that run without a GPU. Ranks are threads.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cmath>
#include <cstring>
#include <future>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "libs/collective/buffers.h"
#include "libs/collective/make_communicator.h"
#include "tests/unit/collective/memory_store.h"

namespace amaes {
namespace {

enum class Kind { kLocal, kGloo };

struct Case {
  Kind kind;
  int world_size;
};

class ContractTest : public ::testing::TestWithParam<Case> {
 protected:
  static int world_size() { return GetParam().world_size; }

  // One thread per rank; returns when all are done.
  template <typename Body>
  void RunRanks(Body body, absl::Duration collective_timeout = absl::Seconds(60)) {
    std::vector<std::unique_ptr<Communicator>> communicators;
    if (GetParam().kind == Kind::kLocal) communicators = MakeLocalCommunicators(world_size(), collective_timeout);
    communicators.resize(world_size());
    MemoryStore store;
    std::vector<std::thread> threads;
    for (int rank = 0; rank < world_size(); ++rank) {
      threads.emplace_back([&, rank] {
        if (communicators[rank] == nullptr) {
          CommunicatorOptions options;
          options.rank = rank;
          options.world_size = world_size();
          options.bind_address = "127.0.0.1";
          options.collective_timeout = collective_timeout;
          auto made = MakeGlooCommunicator(options, store);
          ASSERT_TRUE(made.ok()) << made.status();
          communicators[rank] = *std::move(made);
        }
        body(rank, communicators[rank]);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
};

// Values whose sum depends on the order of summation.
template <typename T>
std::vector<T> Values(int rank, std::int64_t count) {
  std::vector<T> out(count);
  for (std::int64_t i = 0; i < count; ++i) {
    out[i] = static_cast<T>(std::sin(0.37 * static_cast<double>(i) + rank) * std::pow(10.0, (i + 3 * rank) % 7));
  }
  return out;
}

template <typename T>
std::vector<T> SumOf(int world_size, std::int64_t count) {
  std::vector<T> sum = Values<T>(0, count);
  for (int rank = 1; rank < world_size; ++rank) {
    const std::vector<T> next = Values<T>(rank, count);
    for (std::int64_t i = 0; i < count; ++i) sum[i] = sum[i] + next[i];
  }
  return sum;
}

template <typename T>
Buffer BufferOf(std::vector<T>& values) {
  const DataType type = std::is_same_v<T, float>    ? DataType::kFloat32
                        : std::is_same_v<T, double> ? DataType::kFloat64
                                                    : DataType::kBFloat16;
  return {values.data(), static_cast<std::int64_t>(values.size()), type};
}

TEST_P(ContractTest, KnowsRankAndWorldSize) {
  RunRanks([&](int rank, std::unique_ptr<Communicator>& communicator) {
    EXPECT_EQ(communicator->rank(), rank);
    EXPECT_EQ(communicator->world_size(), world_size());
  });
}

TEST_P(ContractTest, SumsInRankOrderBitForBit) {
  RunRanks([&](int rank, std::unique_ptr<Communicator>& communicator) {
    for (const std::int64_t count : {0, 1, 2, 3, 5, 1000, 100003}) {
      std::vector<float> single = Values<float>(rank, count);
      ASSERT_EQ(communicator->AllReduceSum(BufferOf(single)), absl::OkStatus());
      EXPECT_EQ(single, SumOf<float>(world_size(), count)) << count;
      std::vector<double> twice = Values<double>(rank, count);
      ASSERT_EQ(communicator->AllReduceSum(BufferOf(twice)), absl::OkStatus());
      EXPECT_EQ(twice, SumOf<double>(world_size(), count)) << count;
    }
  });
}

TEST_P(ContractTest, SumsBFloat16InFloatAndRoundsOnce) {
  constexpr std::int64_t kCount = 4099;
  RunRanks([&](int rank, std::unique_ptr<Communicator>& communicator) {
    const auto stored = [](int of_rank) {
      std::vector<std::uint16_t> out;
      for (const float value : Values<float>(of_rank, kCount)) out.push_back(BFloat16FromFloat(value));
      return out;
    };
    std::vector<std::uint16_t> values = stored(rank), expected = stored(0);
    std::vector<float> sum(kCount, 0.0f);
    for (int other = 0; other < world_size(); ++other) {
      const std::vector<std::uint16_t> theirs = stored(other);
      for (std::int64_t i = 0; i < kCount; ++i) sum[i] += FloatFromBFloat16(theirs[i]);
    }
    for (std::int64_t i = 0; i < kCount; ++i) expected[i] = BFloat16FromFloat(sum[i]);
    ASSERT_EQ(communicator->AllReduceSum(BufferOf(values)), absl::OkStatus());
    EXPECT_EQ(values, expected);
  });
}

TEST_P(ContractTest, SumsMoreThanSocketsHold) {
  constexpr std::int64_t kCount = 5'000'011;
  RunRanks([&](int rank, std::unique_ptr<Communicator>& communicator) {
    std::vector<float> values(kCount);
    for (std::int64_t i = 0; i < kCount; ++i) values[i] = static_cast<float>(i % 1024 + rank);
    ASSERT_EQ(communicator->AllReduceSum(BufferOf(values)), absl::OkStatus());
    const std::int64_t ranks = world_size() * (world_size() - 1) / 2;  // their sum
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < kCount; ++i) {
      wrong += values[i] != static_cast<float>(world_size() * (i % 1024) + ranks);
    }
    EXPECT_EQ(wrong, 0);
  });
}

TEST_P(ContractTest, StartDoesNotWaitForPeersAndManyAreInFlight) {
  constexpr int kBuckets = 9;
  std::promise<void> rank_0_started;
  std::shared_future<void> started = rank_0_started.get_future().share();
  RunRanks([&](int rank, std::unique_ptr<Communicator>& communicator) {
    if (rank != 0) started.wait();
    std::vector<std::vector<float>> buckets;
    for (int bucket = 0; bucket < kBuckets; ++bucket) buckets.push_back(Values<float>(rank, 1000 * bucket + 7));
    std::vector<Communicator::Ticket> tickets;
    for (std::vector<float>& bucket : buckets) {
      auto ticket = communicator->StartAllReduceSum(BufferOf(bucket));
      ASSERT_TRUE(ticket.ok()) << ticket.status();
      tickets.push_back(*ticket);
    }
    if (rank == 0) rank_0_started.set_value();
    for (const int bucket : {4, 0, 8, 3, 4, 1}) EXPECT_EQ(communicator->Wait(tickets[bucket]), absl::OkStatus());
    EXPECT_EQ(communicator->Synchronize(), absl::OkStatus());
    for (std::vector<float>& bucket : buckets) {
      EXPECT_EQ(bucket, SumOf<float>(world_size(), static_cast<std::int64_t>(bucket.size())));
    }
  });
}

TEST_P(ContractTest, RunsInTheOrderOfStarting) {
  RunRanks([&](int, std::unique_ptr<Communicator>& communicator) {
    std::vector<float> value = {1.0f};  // the same memory three times: each sum starts from the one before
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(communicator->StartAllReduceSum(BufferOf(value)).ok());
    ASSERT_EQ(communicator->Synchronize(), absl::OkStatus());
    EXPECT_EQ(value[0], std::pow(static_cast<float>(world_size()), 3.0f));
  });
}

TEST_P(ContractTest, BroadcastsFromEveryRoot) {
  RunRanks([&](int rank, std::unique_ptr<Communicator>& communicator) {
    for (int root = 0; root < world_size(); ++root) {
      std::vector<double> values = Values<double>(rank, 3001);
      ASSERT_EQ(communicator->Broadcast(BufferOf(values), root), absl::OkStatus());
      EXPECT_EQ(values, Values<double>(root, 3001));
    }
  });
}

TEST_P(ContractTest, RefusesBadArgumentsAndGoesOn) {
  RunRanks([&](int, std::unique_ptr<Communicator>& communicator) {
    std::vector<float> value = {1.0f};
    EXPECT_EQ(communicator->AllReduceSum({nullptr, 1, DataType::kFloat32}).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(communicator->AllReduceSum({value.data(), -1, DataType::kFloat32}).code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(communicator->Broadcast(BufferOf(value), world_size()).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(communicator->Broadcast(BufferOf(value), -1).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(communicator->AllReduceSum(BufferOf(value)), absl::OkStatus());
    EXPECT_EQ(value[0], static_cast<float>(world_size()));
  });
}

// After an error each call gives that error, whatever else is wrong.
void ExpectBroken(Communicator& communicator, const absl::Status& first) {
  std::vector<float> value = {1.0f};
  EXPECT_EQ(communicator.StartAllReduceSum(BufferOf(value)).status(), first);
  EXPECT_EQ(communicator.Wait(0), first);
  EXPECT_EQ(communicator.Synchronize(), first);
  EXPECT_EQ(communicator.Broadcast(BufferOf(value), 0), first);
  communicator.Abort("later");
  EXPECT_EQ(communicator.Synchronize(), first);
  EXPECT_EQ(value[0], 1.0f);
}

TEST_P(ContractTest, AbortFromAnotherThreadEndsWaitAndReachesPeers) {
  std::promise<void> rank_0_done;
  std::shared_future<void> done = rank_0_done.get_future().share();
  RunRanks([&](int rank, std::unique_ptr<Communicator>& communicator) {
    std::vector<float> values(100'000, 1.0f);
    if (rank == 0) {
      std::thread killer([&] { communicator->Abort("enough"); });
      absl::Status status;  // world size 1 goes on until the abort comes
      while (status.ok()) status = communicator->AllReduceSum(BufferOf(values));
      killer.join();
      EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
      EXPECT_TRUE(absl::StrContains(status.message(), "enough")) << status;
      ExpectBroken(*communicator, status);
      rank_0_done.set_value();
    } else {
      done.wait();
      const absl::Status status = communicator->AllReduceSum(BufferOf(values));
      EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
      ExpectBroken(*communicator, status);
    }
  });
}

TEST_P(ContractTest, MissingPeerTimesOut) {
  if (world_size() == 1) return;  // nobody to wait for
  std::promise<void> rank_0_done;
  std::shared_future<void> done = rank_0_done.get_future().share();
  RunRanks(
      [&](int rank, std::unique_ptr<Communicator>& communicator) {
        std::vector<float> first(100'000, 1.0f), second(10, 1.0f);
        if (rank == 0) {
          auto ticket = communicator->StartAllReduceSum(BufferOf(first));
          auto later = communicator->StartAllReduceSum(BufferOf(second));
          ASSERT_TRUE(ticket.ok() && later.ok());
          const absl::Status status = communicator->Wait(*later);
          EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
          EXPECT_TRUE(absl::StrContains(status.message(), "rank 1")) << status;
          EXPECT_EQ(communicator->Wait(*ticket), status);
          ExpectBroken(*communicator, status);
          rank_0_done.set_value();
        } else {
          done.wait();
          const absl::Status status = communicator->AllReduceSum(BufferOf(first));
          EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
          ExpectBroken(*communicator, status);
        }
      },
      absl::Milliseconds(100));
}

TEST_P(ContractTest, PeerThatGoesAwayIsNoticedAtOnce) {
  if (world_size() == 1) return;  // nobody to lose
  RunRanks([&](int rank, std::unique_ptr<Communicator>& communicator) {
    std::vector<float> values(100'000, 1.0f);
    ASSERT_EQ(communicator->AllReduceSum(BufferOf(values)), absl::OkStatus());
    if (rank == world_size() - 1) {
      communicator.reset();
      return;
    }
    const absl::Status status = communicator->AllReduceSum(BufferOf(values));
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "rank")) << status;
    ExpectBroken(*communicator, status);
  });
}

TEST_P(ContractTest, CanBeDestroyedWithCollectivesInFlight) {
  RunRanks([&](int rank, std::unique_ptr<Communicator>& communicator) {
    std::vector<float> values(1'000'000, 1.0f);
    if (rank == 0) (void)communicator->StartAllReduceSum(BufferOf(values));  // fails where the peers went first
    communicator.reset();
  });
}

std::string Name(const ::testing::TestParamInfo<Case>& info) {
  return (info.param.kind == Kind::kLocal ? "Local" : "Gloo") + std::to_string(info.param.world_size);
}

INSTANTIATE_TEST_SUITE_P(All, ContractTest,
                         ::testing::Values(Case{Kind::kLocal, 1}, Case{Kind::kLocal, 2}, Case{Kind::kLocal, 3},
                                           Case{Kind::kGloo, 1}, Case{Kind::kGloo, 2}, Case{Kind::kGloo, 3}),
                         Name);

TEST(SingleCommunicatorTest, EveryCollectiveIsTheIdentity) {
  auto communicator = MakeSingleCommunicator();
  EXPECT_EQ(communicator->rank(), 0);
  EXPECT_EQ(communicator->world_size(), 1);
  std::vector<float> values = {1.5f, -0.0f};
  EXPECT_EQ(communicator->AllReduceSum(BufferOf(values)), absl::OkStatus());
  EXPECT_EQ(communicator->Broadcast(BufferOf(values), 0), absl::OkStatus());
  EXPECT_EQ(values[0], 1.5f);
  EXPECT_TRUE(std::signbit(values[1]));
}

// One GPU: the buffers are the GPU's, and the host cannot read them.
TEST(SingleCommunicatorTest, LeavesBuffersAlone) {
  constexpr std::size_t kBytes = 4096;
  void* const page = mmap(nullptr, kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  const Buffer buffer{.data = page, .count = kBytes / sizeof(float), .type = DataType::kFloat32};
  auto communicator = MakeSingleCommunicator();
  EXPECT_EQ(communicator->AllReduceSum(buffer), absl::OkStatus());
  EXPECT_EQ(communicator->Broadcast(buffer, 0), absl::OkStatus());
  EXPECT_EQ(communicator->Synchronize(), absl::OkStatus());
  munmap(page, kBytes);
}

TEST(LocalCommunicatorTest, DifferentCollectivesAreOurMistake) {
  auto communicators = MakeLocalCommunicators(2, absl::Seconds(60));
  std::vector<float> one(1), two(2);
  ASSERT_TRUE(communicators[0]->StartAllReduceSum(BufferOf(one)).ok());
  EXPECT_EQ(communicators[1]->StartAllReduceSum(BufferOf(two)).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(communicators[0]->Synchronize().code(), absl::StatusCode::kInternal);
}

TEST(BFloat16Test, RoundsToNearestEven) {
  EXPECT_EQ(BFloat16FromFloat(1.0f), 0x3f80);
  EXPECT_EQ(BFloat16FromFloat(1.00390625f), 0x3f80);  // halfway: to the even neighbour below
  EXPECT_EQ(BFloat16FromFloat(1.01171875f), 0x3f82);  // halfway: to the even neighbour above
  EXPECT_EQ(BFloat16FromFloat(1.0040f), 0x3f81);
  EXPECT_EQ(BFloat16FromFloat(std::numeric_limits<float>::infinity()), 0x7f80);
  EXPECT_EQ(BFloat16FromFloat(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_TRUE(std::isnan(FloatFromBFloat16(BFloat16FromFloat(std::numeric_limits<float>::quiet_NaN()))));
  std::uint32_t low_nan_bits = 0x7f800001u;  // only low bits set: cutting them off would make an infinity
  float low_nan;
  std::memcpy(&low_nan, &low_nan_bits, sizeof low_nan);
  EXPECT_TRUE(std::isnan(FloatFromBFloat16(BFloat16FromFloat(low_nan))));
  EXPECT_EQ(FloatFromBFloat16(0xc2f7), -123.5f);
}

}  // namespace
}  // namespace amaes
