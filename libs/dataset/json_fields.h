// Typed access to the fields of a JSON object, with the field's name in every message.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace amaes {

// The value of `name`. Throws JsonFieldError.
struct JsonFieldError {
  std::string message;
};

template <typename T>
T Field(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) throw JsonFieldError{absl::StrCat("field '", name, "' is missing")};
  try {
    return found->get<T>();
  } catch (const nlohmann::json::exception&) {
    throw JsonFieldError{absl::StrCat("field '", name, "' has the wrong type")};
  }
}

// Parses one object and hands it to `read`, which may use Field.   - DataLoss: with what was wrong.
template <typename Read>
absl::Status WithJsonObject(const std::string& text, Read&& read) {
  const nlohmann::json object = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return absl::DataLossError("not a JSON object");
  try {
    return read(object);
  } catch (const JsonFieldError& error) {
    return absl::DataLossError(error.message);
  }
}

// One line, keys sorted, numbers as short as they can be read back; bytes that are not UTF-8 are replaced.
inline std::string CanonicalJson(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace amaes
