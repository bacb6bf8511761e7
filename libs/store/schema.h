// The tables of the store and how older files become this version. Internal to libs/store.
#pragma once

#include "absl/status/status.h"
#include "libs/store/connection.h"

namespace amaes::store {

// Checks the file and brings it to kStoreSchemaVersion, each version in a transaction of its own.
//   - FailedPrecondition: newer (named), or another program's file.   - DataLoss: damaged.
absl::Status CheckAndMigrate(Connection& connection, const std::filesystem::path& path);

}  // namespace amaes::store
