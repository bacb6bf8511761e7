// Source "fomo-60k": 60,529 scans of 11,187 subjects in 13,900 sessions (huggingface.co/datasets/FOMO25/FOMO60K), in the
// layout "fomo".
#include "libs/dataset/source/fomo_60k.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"

namespace amaes {
namespace {

constexpr std::int64_t kScans = 60529;
constexpr std::int64_t kSubjects = 11187;
constexpr std::int64_t kSessions = 13900;
constexpr const char* kName = "FOMO60K";

}  // namespace

absl::StatusOr<ScanList> Fomo60kSource::Scan(const std::filesystem::path& folder) {
  AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<Layout> layout, MakeLayout("fomo"));
  AMAES_ASSIGN_OR_RETURN(ScanList list, layout->Scan(folder));
  std::set<std::string> subjects;
  std::set<std::pair<std::string, std::string>> sessions;
  for (ScanFile& file : list.files) {
    if (file.collection.empty()) file.collection = kName;
    file.subject = absl::StrCat(kName, "/", file.subject);
    subjects.insert(file.subject);
    sessions.emplace(file.subject, file.session);
  }
  list.layout = "fomo-60k";
  const auto count = [](const auto& items) { return static_cast<std::int64_t>(items.size()); };
  list.findings = {CheckCollection({kName, kScans, 0, CountBasis::kKnown, false}, ".", count(list.files))};
  std::string& difference = list.findings[0].difference;
  if (count(subjects) != kSubjects || count(sessions) != kSessions) {
    absl::StrAppend(&difference, difference.empty() ? "" : "; ", count(subjects), " subjects in ", count(sessions),
                    " sessions, ", kSubjects, " in ", kSessions, " expected");
  }
  return list;
}

}  // namespace amaes
