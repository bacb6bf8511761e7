// What two collections of scans share. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "libs/dataset/catalogue.h"

namespace amaes {

// One scan of either side.
struct ScanIdentity {
  std::string subject, source;
  std::string voxel_digest;  // as CatalogueEntry::voxel_digest
};

std::vector<ScanIdentity> IdentitiesOf(const DatasetVersion& version);

// The name by which subjects are compared: lower case, without a leading "sub-", "sub_" or "subject-", and without the
// leading zeros of every number in it: "sub-0042", "SUB-42" and "42" are one. Names that were given independently may be
// equal by chance: a shared subject is a question, shared voxels are an answer.
std::string NormalisedSubject(const std::string& subject);

struct LeakageReport {
  struct SharedVolume {
    std::string source, subject;  // first in the list, where several are equal
    std::string other_source, other_subject;
    bool operator==(const SharedVolume&) const = default;
  };
  struct SharedSubject {
    std::string subject, other_subject;  // as each side writes it
    std::int64_t scans = 0, other_scans = 0;
    std::int64_t shared_volumes = 0;  // of these scans, with equal voxels
    bool operator==(const SharedSubject&) const = default;
  };
  std::string other;  // what was compared with
  std::int64_t scans = 0, other_scans = 0, subjects = 0, other_subjects = 0;
  std::vector<SharedVolume> volumes;           // equal voxels, by source
  std::vector<SharedSubject> subjects_shared;  // equal names, by name
  std::vector<IngestReport::Item> unread;      // scans of the other side that could not be compared, with the reason

  bool leaks() const { return !volumes.empty() || !subjects_shared.empty(); }
};

LeakageReport FindLeakage(absl::Span<const ScanIdentity> own, absl::Span<const ScanIdentity> other);

}  // namespace amaes
