// Records without a field at its default, and a store in a folder of its own.
#pragma once

#include <limits>
#include <memory>
#include <string>

#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/store/store.h"

namespace amaes {

// With a fraction that only nanoseconds hold.
inline absl::Time SampleTime(int seconds) {
  return absl::FromUnixSeconds(1'800'000'000 + seconds) + absl::Nanoseconds(123'456'789);
}

inline JobRecord SampleJob(const std::string& id, JobState state = JobState::kRunning) {
  return {.id = JobId(id),
          .name = "nightly",
          .kind = "pretrain",
          .spec_json = R"({"patch":128})",
          .state = state,
          .reason = "RESTARTING",
          .message = "häufig \"quoted\" 'text'",
          .priority = 70,
          .attempt = 3,
          .budget = {.restarts = 2, .without_progress = 1, .max_restarts = 7, .no_progress_limit = 4},
          .not_before = SampleTime(5),
          .cancel_requested = true,
          .created = SampleTime(0),
          .started = SampleTime(1),
          .ended = absl::InfiniteFuture(),
          .dataset = "brains@2",
          .progress_json = R"({"step":5})",
          .revision = 1};
}

inline CheckpointRecord SampleCheckpoint(const std::string& job, const std::string& name) {
  return {.job = JobId(job),
          .name = name,
          .step = 500,
          .attempt = 2,
          .state = CheckpointState::kCorrupt,
          .message = "block 3 differs",
          .size_bytes = std::int64_t{1} << 40,
          .manifest_sha256 = std::string(64, 'a'),
          .parent = "000400-1",
          .dataset = "brains@2",
          .dataset_digest = std::string(64, 'b'),
          .metrics = {{"loss_masked", 0.1}},
          .created = SampleTime(9)};
}

inline DatasetRecord SampleDataset(const std::string& name, std::int64_t version) {
  return {.name = name,
          .version = version,
          .digest = std::string(64, 'c'),
          .contract_json = R"({"spacing":1})",
          .volumes = 45'000,
          .training_volumes = 44'000,
          .held_out_volumes = 1000,
          .subjects = 20'000,
          .held_out_subjects = 200,
          .quarantined = 3,
          .duplicates = 4,
          .skipped = 5,
          .stored_bytes = 1 << 30,
          .job = JobId("job-9"),
          .created = SampleTime(10),
          .made_by = "forget",
          .retired = SampleTime(11)};
}

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }
  void Reopen() {
    store_.reset();
    ASSERT_OK_AND_ASSIGN(store_, Store::Open(path()));
  }
  std::filesystem::path path() const { return folder_.path() / "store" / "store.sqlite"; }
  absl::Status PutJob(const JobRecord& job) {
    return store_->Write([&](StoreTransaction& transaction) { return transaction.PutJob(job); });
  }

  TempDir folder_;
  std::unique_ptr<Store> store_;
};

}  // namespace amaes
