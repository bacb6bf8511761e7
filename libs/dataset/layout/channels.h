// The channels of a dataset.json: nnU-Net's channel_names, and the older modality of MSD. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json_fwd.hpp"

namespace amaes {

// By their number: {"0": "T1", "1": "FLAIR"} or ["T1", "FLAIR"], from `channel_names`, else from `modality`; none if
// neither is there.   - InvalidArgument: numbers that are not 0, 1, 2, …; more than 1000.
absl::StatusOr<std::vector<std::string>> ChannelNames(const nlohmann::json& dataset);

// The modality that a channel's name means ("t1gd" → "T1w-Gd"), else the name as it is; "unknown" for "" and for names
// of a normalisation (noNorm, zscore, …), which nnU-Net allows there.
std::string ChannelModality(const std::string& name);

}  // namespace amaes
