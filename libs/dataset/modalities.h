// Kinds of scans apart: what losses are told for. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "libs/dataset/catalogue.h"

namespace amaes {

// More are one group, "other".
inline constexpr std::size_t kMostModalities = 8;

// The modalities of a version's volumes, the most frequent first (of equals by name), as the names of metrics allow: letters,
// digits, "_" and "-". None where all volumes are of one: there is nothing to tell apart.
std::vector<std::string> ModalityGroups(const DatasetVersion& version);

// Index into `groups`; -1 where there are none.
std::int32_t GroupOf(absl::Span<const std::string> groups, absl::string_view modality);

}  // namespace amaes
