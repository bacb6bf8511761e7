// What the store keeps. Times are wall-clock, UTC.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/base/ids.h"
#include "libs/base/metric_map.h"
#include "libs/scheduler/job_state.h"
#include "libs/scheduler/placement.h"
#include "libs/scheduler/restart_policy.h"

namespace amaes {

struct JobRecord {
  JobId id{};
  std::string name{}, kind{};  // kind: pretrain, ingest
  std::string spec_json{};     // complete
  JobState state = JobState::kQueued;
  std::string reason{}, message{};
  int priority = 50;
  AttemptNumber attempt = 0;  // newest
  RestartBudget budget{};
  absl::Time not_before = absl::InfinitePast();
  bool cancel_requested = false;
  absl::Time created{}, started = absl::InfinitePast(), ended = absl::InfinitePast();
  std::string dataset{};        // NAME@VERSION read or made; empty = none yet
  std::string progress_json{};  // last known training or ingest progress (services/coordinator/progress.h)
  std::int64_t revision = 0;    // raised by every PutJob
};

struct AttemptRecord {
  JobId job{};
  AttemptNumber number = 0;
  std::vector<SlotRef> ranks{};
  absl::Time started{}, ended = absl::InfinitePast();
  std::string cause{}, message{};  // how it ended; empty while it lives
  int first_failed_rank = -1;
};

enum class CheckpointState { kCommitted, kCorrupt, kDeleted };
struct CheckpointRecord {
  JobId job{};
  std::string name{};
  std::int64_t step = 0;
  AttemptNumber attempt = 0;
  CheckpointState state = CheckpointState::kCommitted;
  std::string message{};
  std::int64_t size_bytes = 0;
  std::string manifest_sha256{};
  std::string parent{};
  std::string dataset{}, dataset_digest{};  // dataset: NAME@VERSION
  MetricMap metrics{};                      // NaN survives
  absl::Time created{};
};

struct DatasetRecord {
  std::string name{};
  std::int64_t version = 0;
  std::string digest{}, contract_json{};
  std::int64_t volumes = 0, training_volumes = 0, held_out_volumes = 0, subjects = 0, held_out_subjects = 0;
  std::int64_t quarantined = 0, duplicates = 0, skipped = 0, stored_bytes = 0;
  JobId job{};  // the ingest that made it; empty when a change did
  absl::Time created{};
  std::string made_by = "ingest";             // ingest, exclude, forget
  absl::Time retired = absl::InfinitePast();  // when its files were given up; the record stays for the lineage

  bool is_retired() const { return retired != absl::InfinitePast(); }
};

// Something that is to be done to the versions of a dataset, stored before the first file is touched.
struct DatasetChangeRecord {
  std::string request_id{};
  std::string dataset{}, kind{};  // kind: exclude, forget, remove
  enum class State { kPlanned, kPublished, kDone } state = State::kPlanned;
  std::string plan_json{};    // what is left to do; names no subject and no file
  std::string result_json{};  // for the answer; names none either
  absl::Time created{};
};

struct EventRecord {
  std::int64_t sequence = 0;  // given by the store
  JobId job{};
  absl::Time time{};
  std::string kind{}, message{};
};

}  // namespace amaes
