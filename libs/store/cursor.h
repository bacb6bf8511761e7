// Cursors of paged lists: the key of the last record and the list that it belongs to. Internal to libs/store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace amaes::store {

// `list` names the kind of list and its filter, e.g. "jobs|state=QUEUED".
std::string EncodeCursor(const std::string& list, std::int64_t key);
// Empty: no key.   - InvalidArgument: not a cursor, or one of another list.
absl::StatusOr<std::optional<std::int64_t>> DecodeCursor(const std::string& list, const std::string& cursor);

// 0 = 50, at most 1000.   - InvalidArgument: below 0.
absl::StatusOr<int> PageSize(int asked);

}  // namespace amaes::store
