// Request ids: what makes a repeated call harmless.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "libs/store/store.h"

namespace amaes {

// - InvalidArgument, BAD_REQUEST_ID: none, or longer than 64 characters.
absl::Status CheckRequestId(const std::string& request_id);

// InvalidArgument, REQUEST_ID_REUSED: `known` is what the id was used for, with another body.
absl::Status RequestIdReused(const std::string& request_id, const StoreReader::RequestRecord& known);

}  // namespace amaes
