// The nine collections of BRAINS-45K: where each lies, how its folders are read, what is taken. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "libs/dataset/layout.h"
#include "libs/dataset/source/source.h"

namespace amaes {

// A scan file inside a collection, its folders below the collection's own.
struct CollectionPath {
  std::vector<std::string> folders;
  std::string stem, ending;  // "FLAIR", ".nii.gz"
};

// What a rule says: the scan's description (one per frame), or the rule by which it is none.
struct CollectionVerdict {
  std::string rule;
  std::vector<ScanFile> scans;  // subject without the collection; source, path and collection are not filled
};

struct CollectionRules {
  absl::string_view name;
  std::vector<absl::string_view> folders;  // names of its folder below --from, upper and lower case alike
  std::vector<absl::string_view> inner;    // folders that are stepped over at the top, if they are there
  Expectation expected;
  ScanDemands demands;
  CollectionVerdict (*judge)(const CollectionPath& path);
};

const std::vector<CollectionRules>& Brains45kCollections();

// "" if the series is taken, else why not. A word counts anywhere in the name, upper and lower case alike.
std::string SeriesRule(const std::string& series, absl::Span<const absl::string_view> accepted,
                       absl::Span<const absl::string_view> rejected);

}  // namespace amaes
