// Lists: page sizes, page tokens and filters. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace amaes {

inline constexpr int kDefaultPageSize = 50;
inline constexpr int kMaxPageSize = 1000;

struct PageRequest {
  int page_size = kDefaultPageSize;
  std::string cursor;  // of the store; empty = the first page
};

// page_size 0 means 50; above 1000 means 1000. `scope` names the list and its filter: a token is good for it alone.
//   - InvalidArgument, BAD_PAGE_SIZE: negative.   - InvalidArgument, BAD_PAGE_TOKEN.
absl::StatusOr<PageRequest> ParsePage(int page_size, const std::string& page_token, const std::string& scope);

// "" for an empty cursor.
std::string MakePageToken(const std::string& cursor, const std::string& scope);

using Filter = std::map<std::string, std::string>;
// "key=value,key=value"; spaces around a part are dropped.
//   - InvalidArgument, BAD_FILTER: a part without "=", a key not in `keys`, or one that stands there twice; lists the keys.
absl::StatusOr<Filter> ParseFilter(const std::string& text, const std::vector<std::string>& keys);

// - InvalidArgument, BAD_FILTER: `value` is none that `key` can have; `allowed` says what is.
absl::Status BadFilterValue(const std::string& key, const std::string& value, const std::string& allowed);

}  // namespace amaes
