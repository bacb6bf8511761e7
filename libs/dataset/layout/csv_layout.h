#pragma once

#include "libs/dataset/layout.h"

namespace amaes {

class CsvLayout final : public Layout {
 public:
  Recognition Recognise(const std::filesystem::path& folder) override;
  absl::StatusOr<ScanList> Scan(const std::filesystem::path& folder) override;
};

// As CsvLayout, of a list of any name whose relative paths begin at `base`.
absl::StatusOr<ScanList> ScanCsv(const std::filesystem::path& given, const std::filesystem::path& list,
                                 const std::filesystem::path& base, const std::string& layout);

}  // namespace amaes
