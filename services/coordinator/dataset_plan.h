// What a change of a dataset is to do. Planning reads the store and the catalogues and changes nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/dataset/catalogue.h"
#include "libs/dataset/exclusion.h"
#include "proto/amaes/v1/datasets.pb.h"
#include "services/coordinator/engine.h"

namespace amaes {

// Stored before the first file is touched; names no subject and no file.
struct DatasetPlan {
  std::string kind;  // exclude, forget, remove
  std::string dataset;
  std::int64_t base = 0;  // version that the new one is made of; 0: no new version
  std::string digest;     // of the new version
  std::vector<Exclusion> exclusions;
  std::string reason;
  std::vector<std::int64_t> retire;  // versions to give up
  std::vector<std::string> remove;   // stored volumes that nothing will need then
  bool operator==(const DatasetPlan&) const = default;

  bool nothing() const { return base == 0 && retire.empty(); }
};

std::string PlanJson(const DatasetPlan& plan);
// - DataLoss: names the field.
absl::StatusOr<DatasetPlan> ParsePlan(const std::string& json);

// The plan, and what it will have done. `out` names subjects and files in `selected` and `kept`, and there alone.
// Errors as the RPCs say, but for those of request ids.
absl::StatusOr<DatasetPlan> PlanExclude(Engine& engine, const v1::ChangeDatasetRequest& request, absl::Time now,
                                        v1::DatasetChange& out);
absl::StatusOr<DatasetPlan> PlanForget(Engine& engine, const v1::ChangeDatasetRequest& request, absl::Time now,
                                       v1::DatasetChange& out);
absl::StatusOr<DatasetPlan> PlanRemove(Engine& engine, const v1::RemoveDatasetRequest& request, v1::DatasetChange& out);

// Jobs that have not ended and read one of the versions.   - errors of the store.
absl::StatusOr<std::vector<std::string>> JobsInUse(StoreReader& store, const std::string& dataset,
                                                   const std::vector<std::int64_t>& versions);
// - FailedPrecondition, VERSION_IN_USE: unless `jobs` is empty.
absl::Status CheckNotInUse(const std::string& dataset, const std::vector<std::string>& jobs);

}  // namespace amaes
