#include "libs/dataset/leakage.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace amaes {
namespace {

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

struct SubjectScans {
  std::string name;  // as first written
  std::int64_t scans = 0;
};

// By normalised name; scans without a subject are left out.
std::map<std::string, SubjectScans> Subjects(absl::Span<const ScanIdentity> scans) {
  std::map<std::string, SubjectScans> out;
  for (const ScanIdentity& scan : scans) {
    const std::string key = NormalisedSubject(scan.subject);
    if (key.empty()) continue;
    SubjectScans& subject = out[key];
    if (subject.scans++ == 0) subject.name = scan.subject;
  }
  return out;
}

}  // namespace

std::vector<ScanIdentity> IdentitiesOf(const DatasetVersion& version) {
  std::vector<ScanIdentity> out;
  out.reserve(version.entries.size());
  for (const CatalogueEntry& entry : version.entries) out.push_back({entry.subject, entry.source, entry.voxel_digest});
  return out;
}

std::string NormalisedSubject(const std::string& subject) {
  const std::string lower = absl::AsciiStrToLower(subject);
  absl::string_view rest = lower;
  for (const char* prefix : {"subject-", "subject_", "sub-", "sub_"}) {
    if (absl::ConsumePrefix(&rest, prefix)) break;
  }
  std::string out;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const bool starts_number = IsDigit(rest[i]) && (i == 0 || !IsDigit(rest[i - 1]));
    // The last digit stays, also when it is a zero.
    while (starts_number && rest[i] == '0' && i + 1 < rest.size() && IsDigit(rest[i + 1])) ++i;
    out.push_back(rest[i]);
  }
  return out;
}

LeakageReport FindLeakage(absl::Span<const ScanIdentity> own, absl::Span<const ScanIdentity> other) {
  LeakageReport report;
  report.scans = static_cast<std::int64_t>(own.size());
  report.other_scans = static_cast<std::int64_t>(other.size());
  std::map<std::string, const ScanIdentity*> by_voxels;
  for (const ScanIdentity& scan : own) by_voxels.emplace(scan.voxel_digest, &scan);
  std::map<std::string, std::int64_t> shared;  // volumes by the own subject
  for (const ScanIdentity& scan : other) {
    const auto found = by_voxels.find(scan.voxel_digest);
    if (scan.voxel_digest.empty() || found == by_voxels.end()) continue;
    report.volumes.push_back({found->second->source, found->second->subject, scan.source, scan.subject});
    ++shared[NormalisedSubject(found->second->subject)];
  }
  std::sort(report.volumes.begin(), report.volumes.end(), [](const auto& a, const auto& b) {
    return std::tie(a.source, a.other_source) < std::tie(b.source, b.other_source);
  });
  const std::map<std::string, SubjectScans> subjects = Subjects(own), others = Subjects(other);
  report.subjects = static_cast<std::int64_t>(subjects.size());
  report.other_subjects = static_cast<std::int64_t>(others.size());
  for (const auto& [key, subject] : subjects) {
    const auto found = others.find(key);
    if (found == others.end()) continue;
    report.subjects_shared.push_back(
        {subject.name, found->second.name, subject.scans, found->second.scans, shared[key]});
  }
  return report;
}

}  // namespace amaes
