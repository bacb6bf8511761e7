// Leaving volumes out of a dataset. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/dataset/catalogue.h"

namespace amaes {

// What a user names. An entry that any part fits is selected.
struct VolumeSelector {
  std::vector<std::string> subjects;  // as in the catalogue
  std::vector<std::string> files;     // shell patterns over CatalogueEntry::source; * also matches /
  std::vector<std::string> volumes;   // names of stored volumes, or at least their first eight digits
  std::string filter;                 // grammar: selection_filter.h

  bool empty() const { return subjects.empty() && files.empty() && volumes.empty() && filter.empty(); }
};

struct SelectedVolumes {
  std::vector<std::size_t> indices;    // into the entries, ascending
  std::vector<std::string> unmatched;  // parts that fit nothing, as "subject 'x'"
};

// - InvalidArgument: an empty selector, a volume of less than eight digits, or a filter that cannot be read; says where.
absl::StatusOr<SelectedVolumes> SelectVolumes(const DatasetVersion& version, const VolumeSelector& selector);

// Whether `exclusions` hold the subject.
bool IsExcluded(const std::vector<Exclusion>& exclusions, const std::string& subject);

// What is to be recorded so that no ingest brings the selected entries back: their subjects where the selector names
// subjects, their voxels else. What `version.exclusions` has already is left out. `time`: RFC 3339.
std::vector<Exclusion> ExclusionsFor(const DatasetVersion& version, const VolumeSelector& selector,
                                     const std::vector<std::size_t>& indices, const std::string& reason,
                                     const std::string& time);

// The next version: `base` without the entries that its own and the `added` exclusions name. Splits stay as they are.
// Entries and digest are finished; the number is 0.
DatasetVersion WithoutExcluded(const DatasetVersion& base, const std::vector<Exclusion>& added);

// The report of the next version: files that were volumes are skipped ones now. With `forget` they have no name any more,
// and neither do other files of the same subjects or that a duplicate was said to equal.
IngestReport ReportWithout(const IngestReport& base, const DatasetVersion& version, const DatasetVersion& next,
                           const std::string& reason, bool forget);

}  // namespace amaes
