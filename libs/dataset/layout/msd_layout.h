#pragma once

#include "libs/dataset/layout.h"

namespace amaes {

class MsdLayout final : public Layout {
 public:
  Recognition Recognise(const std::filesystem::path& folder) override;
  absl::StatusOr<ScanList> Scan(const std::filesystem::path& folder) override;
};

}  // namespace amaes
