#include "services/coordinator/checkpoint_reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "tests/unit/checkpoint/small_checkpoint.h"

namespace amaes {
namespace {

using testing::HasSubstr;

class CheckpointReferenceTest : public testing::Test {
 protected:
  CheckpointReferenceTest() {
    auto store = Store::Open(home_.path() / "store" / "store.db");
    EXPECT_OK(store);
    store_ = *std::move(store);
    JobRecord job;
    job.id = JobId("job-1");
    job.name = "first";
    job.kind = "finetune";
    job.created = absl::FromUnixSeconds(1);
    EXPECT_OK(store_->Write([&](StoreTransaction& transaction) { return transaction.PutJob(job); }));
  }

  void Add(std::int64_t step, AttemptNumber attempt, MetricMap metrics) {
    ASSERT_OK(MakeCheckpoint(home_.path() / "jobs" / "job-1" / "checkpoints", step, attempt));
    CheckpointRecord record;
    record.job = JobId("job-1");
    record.name = CheckpointName(step, attempt);
    record.step = step;
    record.attempt = attempt;
    record.metrics = std::move(metrics);
    record.created = absl::FromUnixSeconds(step);
    ASSERT_OK(store_->Write([&](StoreTransaction& transaction) { return transaction.PutCheckpoint(record); }));
  }

  std::string Find(const std::string& reference) {
    const auto found = FindReferencedCheckpoint(*store_, home_.path(), reference);
    return found.ok() ? found->folder.filename().string() : std::string(found.status().message());
  }

  TempDir home_;
  std::unique_ptr<Store> store_;
};

TEST_F(CheckpointReferenceTest, LastStepAndBest) {
  Add(10, 1, {{"dice", 0.5}, {"loss", 1}});
  Add(20, 1, {{"dice", 0.7}, {"loss", 3}});
  Add(30, 1, {{"dice", std::nan("")}, {"loss", 0.1}});
  Add(20, 2, {{"dice", 0.6}, {"loss", 2}});
  EXPECT_EQ(Find("job:first"), "00000020-002");  // of the newest attempt
  EXPECT_EQ(Find("job:job-1@last"), "00000020-002");
  EXPECT_EQ(Find("job:first@best"), "00000020-001");
  EXPECT_EQ(Find("job:first@20"), "00000020-002");
  EXPECT_EQ(Find("job:first@30"), "00000030-001");
  EXPECT_EQ(Find((home_.path() / "jobs/job-1/checkpoints/00000010-001").string()), "00000010-001");
}

TEST_F(CheckpointReferenceTest, BestFallsBackOnTheLoss) {
  Add(10, 1, {{"loss", 2}});
  Add(20, 1, {{"loss", 1}});
  Add(30, 1, {{"loss", 3}});
  EXPECT_EQ(Find("job:first@best"), "00000020-001");
}

TEST_F(CheckpointReferenceTest, SaysWhatThereIs) {
  EXPECT_THAT(Find("job:first"), HasSubstr("job first is QUEUED: it has no checkpoint"));
  Add(10, 1, {});
  EXPECT_THAT(Find("job:other"), HasSubstr("there is no job 'other'"));
  EXPECT_THAT(Find("job:first@11"), HasSubstr("no checkpoint of step 11; there are 10"));
  EXPECT_THAT(Find("job:first@newest"), HasSubstr("'@newest' is none of @last, @best and @STEP"));
  EXPECT_THAT(Find("job:first@best"), HasSubstr("none of its checkpoints has a metric"));
  EXPECT_THAT(Find("first"), HasSubstr("neither job:NAME nor an absolute path"));
  EXPECT_THAT(FindReferencedCheckpoint(*store_, home_.path(), "/nowhere"), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace amaes
