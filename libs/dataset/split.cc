#include "libs/dataset/split.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"

namespace amaes {
namespace {

// The key is fixed: every installation holds out the same subjects of the same dataset.
std::string KeyedHash(const std::string& subject) { return Sha256Hex(absl::StrCat("amaes-split/1\n", subject)); }

std::size_t HeldOutCount(std::size_t subjects, double share) {
  if (share > 0) return static_cast<std::size_t>(std::ceil(share * static_cast<double>(subjects)));
  if (subjects < 5) return 0;
  return std::min(std::clamp<std::size_t>(subjects / 100, 5, 1000), subjects / 5);
}

}  // namespace

std::set<std::string> HeldOutSubjects(const std::set<std::string>& subjects,
                                      const std::set<std::string>& already_held_out,
                                      const std::set<std::string>& already_training, double share) {
  std::set<std::string> held_out;
  std::vector<std::pair<std::string, std::string>> candidates;  // (hash, subject)
  for (const std::string& subject : subjects) {
    if (already_held_out.contains(subject)) {
      held_out.insert(subject);
    } else if (!already_training.contains(subject)) {
      candidates.emplace_back(KeyedHash(subject), subject);
    }
  }
  std::sort(candidates.begin(), candidates.end());
  const std::size_t wanted = HeldOutCount(subjects.size(), share);
  for (const auto& [hash, subject] : candidates) {
    if (held_out.size() >= wanted) break;
    held_out.insert(subject);
  }
  return held_out;
}

}  // namespace amaes
