// Changes of datasets: exclude, forget, remove. Thread-safe; one change at a time.
//
// What is to be done is stored before the first file is touched (PLANNED). Then the new version's folder is put in its
// place; one transaction records it and retires the old ones (PUBLISHED); then catalogues and volumes are removed (DONE).
// Each step may be done again: what a crash interrupts is finished by FinishPending.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "proto/amaes/v1/datasets.pb.h"
#include "services/coordinator/dataset_plan.h"
#include "services/coordinator/engine.h"

namespace amaes {

class DatasetChanges {
 public:
  // Holds ingests back if a change is pending.
  DatasetChanges(Engine& engine, Clock& clock);

  // Errors as the RPCs say.
  absl::StatusOr<v1::DatasetChange> Exclude(const v1::ChangeDatasetRequest& request) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<v1::DatasetChange> Forget(const v1::ChangeDatasetRequest& request) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<v1::DatasetChange> Remove(const v1::RemoveDatasetRequest& request) ABSL_LOCKS_EXCLUDED(mutex_);

  // Finishes what an earlier coordinator, or a failing disk, left undone. Costs nothing when there is nothing.
  // Errors of the store and of files: it stays pending.
  absl::Status FinishPending() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Call {
    std::string kind, dataset, request_id, body_digest;
    bool validate_only = false, all_ingests = false;
    std::function<absl::StatusOr<DatasetPlan>(v1::DatasetChange& out)> plan;
  };
  absl::StatusOr<v1::DatasetChange> Run(const Call& call) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<v1::DatasetChange> Replay(const StoreReader::RequestRecord& known, const Call& call);
  absl::Status FinishAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // From whatever state it is in to DONE.
  absl::Status Carry(DatasetChangeRecord change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Publish(const DatasetPlan& plan, DatasetChangeRecord& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<DatasetRecord> PlaceVersion(const DatasetPlan& plan, const std::string& request_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status RemoveFiles(const DatasetPlan& plan) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Engine& engine_;
  Clock& clock_;
  Mutex mutex_;
  std::atomic<bool> pending_ = true;  // there may be something to finish; written with the lock held
};

}  // namespace amaes
