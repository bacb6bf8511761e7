// Source "openmind": the folder as downloaded (openneuro_metadata.csv beside OpenMind/dsXXXXXX/sub-X/…), or one with
// nnssl's pretrain_data.json. Published sizes are rounded: 114 thousand scans, from 800 data sets of OpenNeuro.
#include "libs/dataset/source/openmind.h"

#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/layout/csv_layout.h"
#include "libs/dataset/layout/scan_name.h"
#include "libs/dataset/layout/tree.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kScans = 114000;
constexpr std::int64_t kRounding = 500;
constexpr std::size_t kDataSets = 800;
constexpr const char* kTable = "openneuro_metadata.csv";

// The table names scans below OpenMind/, or below its own folder.
absl::StatusOr<ScanList> ScanTable(const fs::path& folder) {
  std::error_code error;
  const fs::path inner = folder / "OpenMind";
  const fs::path base = fs::is_directory(inner, error) ? inner : folder;
  AMAES_ASSIGN_OR_RETURN(ScanList list, ScanCsv(folder, folder / kTable, base, "openmind"));
  for (ScanFile& file : list.files) {
    const fs::path below = file.path.lexically_relative(base);
    const std::vector<std::string> parts = FolderParts(below.string());
    if (parts.empty()) continue;
    file.collection = parts[0];
    file.subject = absl::StrCat(parts[0], "/", parts.size() > 1 ? parts[1] : file.subject);
  }
  return list;
}

}  // namespace

absl::StatusOr<ScanList> OpenMindSource::Scan(const fs::path& folder) {
  std::error_code error;
  absl::StatusOr<ScanList> list = absl::NotFoundError(absl::StrCat("no folder ", folder.string(), " on this machine"));
  if (!fs::is_directory(folder, error)) return list;
  if (fs::is_regular_file(folder / kTable, error)) {
    list = ScanTable(folder);
  } else {
    AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<Layout> layout, MakeLayout("nnssl"));
    if (layout->Recognise(folder).certainty == 0) {
      return absl::InvalidArgumentError(absl::StrCat("openmind: ", folder.string(), " holds neither ", kTable,
                                                     " (of the download) nor pretrain_data.json (of nnssl)"));
    }
    list = layout->Scan(folder);
  }
  if (!list.ok()) return list;
  std::set<std::string> data_sets;
  for (const ScanFile& file : list->files) data_sets.insert(file.collection);
  list->layout = "openmind";
  const Expectation expected{"OpenMind", kScans, kRounding, CountBasis::kKnown, false};
  list->findings = {CheckCollection(expected, ".", static_cast<std::int64_t>(list->files.size()))};
  std::string& difference = list->findings[0].difference;
  if (data_sets.size() != kDataSets) {
    absl::StrAppend(&difference, difference.empty() ? "" : "; ", data_sets.size(), " data sets of OpenNeuro, ",
                    kDataSets, " expected");
  }
  return list;
}

}  // namespace amaes
