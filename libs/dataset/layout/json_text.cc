#include "libs/dataset/layout/json_text.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/utf8.h"
#include "nlohmann/json.hpp"

namespace amaes {
namespace {

constexpr int kMaxDepth = 64;

// Whether brackets outside strings nest deeper than `kMaxDepth`: recursion anywhere behind the parser stays bounded.
bool IsTooDeep(absl::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

std::string ScalarText(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  return {};
}

}  // namespace

absl::StatusOr<nlohmann::json> ParseJsonText(absl::string_view text) {
  if (!IsUtf8(text)) return absl::InvalidArgumentError("not UTF-8");
  if (IsTooDeep(text)) {
    return absl::InvalidArgumentError(absl::StrCat("not a list of scans: nested deeper than ", kMaxDepth));
  }
  try {
    return nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::parse_error& error) {
    return absl::InvalidArgumentError(absl::StrCat("not JSON: an error at byte ", error.byte));
  } catch (const nlohmann::json::exception&) {
    return absl::InvalidArgumentError("not JSON: a number is out of range");
  }
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> FlatJsonObject(absl::string_view text) {
  absl::StatusOr<nlohmann::json> object = ParseJsonText(text);
  if (!object.ok()) return object.status();
  if (!object->is_object()) return absl::InvalidArgumentError("not a JSON object");
  std::vector<std::pair<std::string, std::string>> fields;
  for (const auto& [key, value] : object->items()) {
    if (value.is_structured()) {
      return absl::InvalidArgumentError(absl::StrCat("the value of '", key, "' is no text, number or boolean"));
    }
    fields.emplace_back(key, ScalarText(value));
  }
  return fields;
}

const nlohmann::json& JsonMember(const nlohmann::json& object, const char* name) {
  static const nlohmann::json null;
  if (!object.is_object()) return null;
  const auto found = object.find(name);
  return found == object.end() ? null : *found;
}

std::string JsonText(const nlohmann::json& object, const char* name) { return ScalarText(JsonMember(object, name)); }

}  // namespace amaes
