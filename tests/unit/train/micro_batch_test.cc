#include "libs/train/micro_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/spec/probe.h"
#include "libs/train/trainee.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;

class MapStore final : public RendezvousStore {
 public:
  absl::Status Set(const std::string& key, const std::string& value) override {
    values[key] = value;
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> Wait(const std::string& key, absl::Duration) override { return values.at(key); }
  std::map<std::string, std::string> values;
};

TEST(LargestThatFitsTest, HalvesUntilItFits) {
  std::vector<std::int64_t> tried;
  const auto fits = [&](std::int64_t size) -> absl::Status {
    tried.push_back(size);
    return size > 3 ? absl::ResourceExhaustedError("out of memory") : absl::OkStatus();
  };
  EXPECT_EQ(LargestThatFits(11, fits).value(), 3);
  EXPECT_THAT(tried, ElementsAre(11, 6, 3));
  EXPECT_EQ(LargestThatFits(2, fits).value(), 2);
}

TEST(LargestThatFitsTest, NotEvenOneOrAnotherErrorIsAnError) {
  const auto never = [](std::int64_t) { return absl::ResourceExhaustedError("out of memory"); };
  EXPECT_THAT(LargestThatFits(4, never).status(), StatusIs(absl::StatusCode::kResourceExhausted));
  int calls = 0;
  const auto broken = [&](std::int64_t) {
    ++calls;
    return absl::InternalError("a bug");
  };
  EXPECT_THAT(LargestThatFits(4, broken).status(), StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(calls, 1);
}

TEST(MicroBatchOnCpuTest, FollowsTheEstimate) {
  JobSpec spec;
  EXPECT_EQ(MicroBatchOnCpu(spec, 16, std::int64_t{1} << 40), 2);
  EXPECT_EQ(MicroBatchOnCpu(spec, 1, std::int64_t{1} << 40), 1);
  EXPECT_EQ(MicroBatchOnCpu(spec, 16, 0), 1);
  EXPECT_GT(MemoryForOneWorker(2), 1 << 20);
  EXPECT_GT(MemoryForOneWorker(1), MemoryForOneWorker(4));
}

TEST(ReserveOfTest, HasRoomForTheProbesNetworkAndWhatTrainsIt) {
  JobSpec job;
  job.pretrain.network = {.name = "unet", .filters = 4};
  EXPECT_EQ(ReserveOf(job), 0);
  job.pretrain.probe.every_passes = 1;
  job.pretrain.probe.in_channels = 2;
  job.pretrain.probe.out_channels = 3;
  ASSERT_OK_AND_ASSIGN(const auto network, NewNetwork(ProbeJob(job.pretrain), at::kCPU));
  EXPECT_EQ(ReserveOf(job), 16 * ParameterCount(*network)) << "weights, gradient, two moments";
  ASSERT_OK_AND_ASSIGN(const auto own, NewNetwork(job, at::kCPU));
  EXPECT_GT(ReserveOf(job), 16 * ParameterCount(*own)) << "the decoder for segmentation";
}

TEST(AgreeOnMicroBatchTest, IsSettledOnceForAllRanksAndAttempts) {
  TempDir job;
  MapStore store;
  int chosen = 0;
  const auto choose = [&]() -> absl::StatusOr<std::int64_t> { return 3 + chosen++; };
  EXPECT_EQ(AgreeOnMicroBatch(job.path(), 0, store, absl::Seconds(1), choose).value(), 3);
  EXPECT_EQ(AgreeOnMicroBatch(job.path(), 1, store, absl::Seconds(1), choose).value(), 3);
  MapStore next_attempt;
  EXPECT_EQ(AgreeOnMicroBatch(job.path(), 0, next_attempt, absl::Seconds(1), choose).value(), 3);
  EXPECT_EQ(next_attempt.values.at("micro_batch"), "3");
  EXPECT_EQ(chosen, 1);
}

TEST(AgreeOnMicroBatchTest, ADamagedFileIsNotGuessedAt) {
  TempDir job;
  MapStore store;
  ASSERT_OK(files::WriteAtomic(job.path() / "micro_batch.json", "{\"micro_batch\": 0}"));
  const auto choose = []() -> absl::StatusOr<std::int64_t> { return 1; };
  EXPECT_THAT(AgreeOnMicroBatch(job.path(), 0, store, absl::Seconds(1), choose).status(),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_TRUE(store.values.empty());
}

}  // namespace
}  // namespace amaes
