// A source: what a public collection of scans should look like on disk, and how what is there differs from it. Lists as a
// layout does; nothing is downloaded. docs/datasets.md says how each collection is obtained, and on what terms.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "libs/dataset/layout.h"

namespace amaes {

class Source {
 public:
  virtual ~Source() = default;
  // Lists the collections below `folder`; opens no scan. ScanFile.collection and demands are set; what the source's rules
  // reject is skipped with the rule; ScanList.findings has one entry per collection, also for one that is not there, and
  // for sums that are known. A subject's name begins with its collection.
  //   - NotFound: no such folder.   - InvalidArgument: no scan of any collection there.
  virtual absl::StatusOr<ScanList> Scan(const std::filesystem::path& folder) = 0;
};

// "brains-45k", "fomo-60k", "openmind".   - NotFound: unknown name; lists the known ones.
absl::StatusOr<std::unique_ptr<Source>> MakeSource(const std::string& name);

// What is known of a collection's size.
struct Expectation {
  std::string collection;
  std::int64_t scans = -1;     // -1 = not known
  std::int64_t tolerance = 0;  // the figure is published rounded
  CountBasis basis = CountBasis::kUnknown;
  bool before_demands = false;  // counted after voxels were looked at, so that more files than scans are no surprise
};

// Pure. `folder`: where it was found, "" = nowhere.
CollectionFinding CheckCollection(const Expectation& expected, const std::string& folder, std::int64_t found);

// One line: "ISLES22: 749 scans in ISLES-2022, 750 expected (derived): 1 fewer".
std::string FindingText(const CollectionFinding& finding);

}  // namespace amaes
