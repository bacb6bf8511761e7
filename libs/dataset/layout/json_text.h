// JSON files that come with scans, parsed with care: bounded depth, no exceptions, no UTF-8 accidents. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"

namespace amaes {

// Nested at most 64 deep. A byte order mark is allowed.
//   - InvalidArgument: not JSON; says at which byte.
absl::StatusOr<nlohmann::json> ParseJsonText(absl::string_view text);

// An object's fields as texts, in the order of their names: numbers as short as they can be read back, true and false,
// null as "".   - InvalidArgument: no object, or a value that is an object or a list.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> FlatJsonObject(absl::string_view text);

// A text, number or boolean as text; "" for everything else and for what is not there.
std::string JsonText(const nlohmann::json& object, const char* name);

// The member, or a null if there is none or `object` is no object.
const nlohmann::json& JsonMember(const nlohmann::json& object, const char* name);

}  // namespace amaes
