#include "libs/dataset/source/source.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/dataset/source/brains_45k.h"
#include "libs/dataset/source/fomo_60k.h"
#include "libs/dataset/source/openmind.h"

namespace amaes {
namespace {

using SourcePtr = std::unique_ptr<Source>;

struct Entry {
  const char* name;
  SourcePtr (*make)();
};
constexpr Entry kSources[] = {
    {"brains-45k", [] { return SourcePtr(std::make_unique<Brains45kSource>()); }},
    {"fomo-60k", [] { return SourcePtr(std::make_unique<Fomo60kSource>()); }},
    {"openmind", [] { return SourcePtr(std::make_unique<OpenMindSource>()); }},
};

const char* BasisText(CountBasis basis) {
  switch (basis) {
    case CountBasis::kKnown:
      return "known";
    case CountBasis::kDerived:
      return "derived";
    case CountBasis::kUnknown:
      break;
  }
  return "unknown";
}

}  // namespace

absl::StatusOr<SourcePtr> MakeSource(const std::string& name) {
  std::string known;
  for (const Entry& entry : kSources) {
    if (name == entry.name) return entry.make();
    absl::StrAppend(&known, known.empty() ? "" : ", ", entry.name);
  }
  return absl::NotFoundError(absl::StrCat("no source '", name, "'; known: ", known));
}

CollectionFinding CheckCollection(const Expectation& expected, const std::string& folder, std::int64_t found) {
  CollectionFinding finding{expected.collection, folder, found, expected.scans, expected.basis, ""};
  if (folder.empty() && found == 0) {
    finding.difference = "missing";
  } else if (found == 0) {
    finding.difference = "no scan";
  } else if (expected.scans < 0) {
    return finding;
  } else if (found < expected.scans - expected.tolerance) {
    finding.difference = absl::StrCat(expected.scans - found, " fewer");
  } else if (found > expected.scans + expected.tolerance) {
    finding.difference = absl::StrCat(found - expected.scans, " more");
    if (expected.before_demands) absl::StrAppend(&finding.difference, ", before the voxels are looked at");
  }
  return finding;
}

std::string FindingText(const CollectionFinding& finding) {
  std::string text = absl::StrCat(finding.collection, ": ", finding.found, finding.found == 1 ? " scan" : " scans");
  if (!finding.folder.empty()) absl::StrAppend(&text, " in ", finding.folder);
  if (finding.expected >= 0) {
    absl::StrAppend(&text, ", ", finding.expected, " expected (", BasisText(finding.basis), ")");
  } else {
    absl::StrAppend(&text, ", number not known");
  }
  return absl::StrCat(text, ": ", finding.difference.empty() ? "as expected" : finding.difference);
}

}  // namespace amaes
