// The JSON form of catalogue entries and reports. One canonical line per entry.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "libs/dataset/catalogue.h"

namespace amaes {

std::string SplitName(Split split);

std::string EntryJson(const CatalogueEntry& entry);
// - DataLoss: names the field.
absl::StatusOr<CatalogueEntry> ParseEntry(const std::string& line);

std::string ReportJson(const IngestReport& report);
// - DataLoss: names the field.
absl::StatusOr<IngestReport> ParseReport(const std::string& text);

}  // namespace amaes
