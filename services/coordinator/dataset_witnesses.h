// Which jobs and checkpoints have seen volumes of a dataset version, as far as lineage and ledgers tell.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/amaes/v1/datasets.pb.h"
#include "services/coordinator/engine.h"

namespace amaes {

struct SeenVolumes {
  std::set<std::int64_t> training;  // indices into the version's training volumes
  bool held_out = false;            // some are held out
};

// For every job that trains on NAME@VERSION: the job, then its checkpoints that were not deleted.   - errors of the store.
absl::StatusOr<std::vector<v1::DatasetChange::Witness>> FindWitnesses(Engine& engine,
                                                                      const std::string& name_at_version,
                                                                      const SeenVolumes& seen);

// Jobs that trained on a version whose catalogue is gone: nobody can tell.
absl::StatusOr<std::vector<v1::DatasetChange::Witness>> UnknownWitnesses(Engine& engine,
                                                                         const std::string& name_at_version);

}  // namespace amaes
