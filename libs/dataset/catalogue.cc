#include "libs/dataset/catalogue.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/dataset/catalogue_json.h"
#include "libs/dataset/json_fields.h"
#include "libs/dataset/split.h"

namespace amaes {

std::vector<std::int64_t> DatasetVersion::Indices(Split split) const {
  std::vector<std::int64_t> indices;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].split == split) indices.push_back(static_cast<std::int64_t>(i));
  }
  return indices;
}

std::string VersionDigest(const DatasetVersion& version) {
  std::vector<std::string> lines;
  lines.reserve(version.entries.size());
  for (const CatalogueEntry& entry : version.entries) {
    lines.push_back(CanonicalJson({entry.voxel_digest, entry.subject, SplitName(entry.split)}));
  }
  std::sort(lines.begin(), lines.end());
  Sha256 sha;
  sha.Update(absl::StrCat("amaes-dataset/1\n", ContractJson(version.contract), "\n"));
  for (const std::string& line : lines) sha.Update(absl::StrCat(line, "\n"));
  return sha.Finish();
}

std::string SubjectKey(const std::string& subject) { return Sha256Hex(absl::StrCat("amaes-subject/1\n", subject)); }

void FinishVersion(DatasetVersion& version, const DatasetVersion* previous, double held_out_share) {
  std::sort(version.entries.begin(), version.entries.end(), [](const CatalogueEntry& a, const CatalogueEntry& b) {
    return std::tie(a.subject, a.session, a.modality, a.volume) < std::tie(b.subject, b.session, b.modality, b.volume);
  });
  std::set<std::string> subjects, held_out, training;
  for (const CatalogueEntry& entry : version.entries) subjects.insert(entry.subject);
  if (previous != nullptr) {
    for (const CatalogueEntry& entry : previous->entries) {
      (entry.split == Split::kHeldOut ? held_out : training).insert(entry.subject);
    }
  }
  const std::set<std::string> chosen = HeldOutSubjects(subjects, held_out, training, held_out_share);
  for (CatalogueEntry& entry : version.entries) {
    entry.split = chosen.contains(entry.subject) ? Split::kHeldOut : Split::kTrain;
  }
  version.digest = VersionDigest(version);
}

std::filesystem::path VolumePath(const std::filesystem::path& volumes, const std::string& volume) {
  return volumes / volume.substr(0, 2) / absl::StrCat(volume, ".b2nd");
}

}  // namespace amaes
