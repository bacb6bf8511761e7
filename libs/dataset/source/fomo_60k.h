#pragma once

#include "libs/dataset/source/source.h"

namespace amaes {

class Fomo60kSource final : public Source {
 public:
  absl::StatusOr<ScanList> Scan(const std::filesystem::path& folder) override;
};

}  // namespace amaes
