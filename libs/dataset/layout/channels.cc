#include "libs/dataset/layout/channels.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/dataset/layout/json_text.h"
#include "libs/dataset/layout/scan_name.h"
#include "nlohmann/json.hpp"

namespace amaes {
namespace {

constexpr std::size_t kMaxChannels = 1000;

}  // namespace

absl::StatusOr<std::vector<std::string>> ChannelNames(const nlohmann::json& dataset) {
  const char* field = "channel_names";
  if (JsonMember(dataset, field).is_null()) field = "modality";
  const nlohmann::json& names = JsonMember(dataset, field);
  if (names.is_null()) return std::vector<std::string>();
  if (!names.is_structured()) return absl::InvalidArgumentError(absl::StrCat("'", field, "' is no object"));
  if (names.size() > kMaxChannels) {
    return absl::InvalidArgumentError(absl::StrCat("'", field, "' has more than ", kMaxChannels, " entries"));
  }
  std::vector<std::string> channels;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const nlohmann::json* name = nullptr;
    if (names.is_array()) {
      name = &names[i];
    } else if (const auto found = names.find(absl::StrCat(i)); found != names.end()) {
      name = &*found;
    }
    if (name == nullptr || !name->is_string()) {
      return absl::InvalidArgumentError(absl::StrCat("'", field, "' has no name for channel ", i));
    }
    channels.push_back(name->get<std::string>());
  }
  return channels;
}

std::string ChannelModality(const std::string& name) {
  for (const char* normalisation :
       {"", "noNorm", "zscore", "rescale_to_0_1", "rgb_to_0_1", "rescale_0_1", "MRI", "MR"}) {
    if (absl::EqualsIgnoreCase(name, normalisation)) return "unknown";
  }
  std::string modality = ModalityOf(name);
  return modality.empty() ? name : modality;
}

}  // namespace amaes
