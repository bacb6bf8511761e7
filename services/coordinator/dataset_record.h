// Records of dataset versions and the files behind them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "libs/dataset/catalogue.h"
#include "libs/store/store.h"

namespace amaes {

// The counts; name, number, job and time are left to the caller. Pure.
DatasetRecord DescribeVersion(const DatasetVersion& version, const IngestReport& report);

// version 0: the newest that is not retired.   - NotFound, DATASET_NOT_FOUND.   - errors of the store.
absl::StatusOr<DatasetRecord> FindDataset(StoreReader& store, const std::string& name, std::int64_t version);
// - FailedPrecondition, VERSION_RETIRED.
absl::Status CheckNotRetired(const DatasetRecord& record);
// The catalogue in `folder`, with checksums.   - FailedPrecondition, VERSION_RETIRED.   - DataLoss, CATALOGUE_DAMAGED.
absl::StatusOr<DatasetVersion> ReadCatalogue(const DatasetRecord& record, const std::filesystem::path& folder);

}  // namespace amaes
