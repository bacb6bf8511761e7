#include "libs/picture/job_pictures.h"

#include <algorithm>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace amaes {
namespace {

bool IsSplit(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

std::string PictureFileName(const PictureName& name) { return absl::StrFormat("%08d-%s.png", name.step, name.split); }

std::optional<PictureName> ParsePictureFileName(absl::string_view file) {
  absl::string_view rest = file;
  const std::size_t dash = rest.find('-');
  if (!absl::ConsumeSuffix(&rest, ".png") || dash == absl::string_view::npos || dash > rest.size()) return std::nullopt;
  PictureName name;
  name.split = std::string(rest.substr(dash + 1));
  if (!absl::SimpleAtoi(rest.substr(0, dash), &name.step) || !IsSplit(name.split)) return std::nullopt;
  // Only what is written here, not "+5" or " 5".
  if (PictureFileName(name) != file) return std::nullopt;
  return name;
}

std::vector<std::string> PicturesToDelete(const std::vector<std::string>& files, std::int64_t every_steps) {
  if (every_steps <= 0) return {};
  std::map<std::string, std::int64_t> newest;
  for (const std::string& file : files) {
    if (const auto name = ParsePictureFileName(file)) newest[name->split] = std::max(newest[name->split], name->step);
  }
  std::vector<std::string> deleted;
  for (const std::string& file : files) {
    const auto name = ParsePictureFileName(file);
    if (!name) continue;
    const std::int64_t last = newest[name->split];
    std::int64_t spacing = every_steps;
    while (last / spacing > kMostPicturesOfASplit) spacing *= 2;
    if (name->step % spacing != 0 && name->step != last) deleted.push_back(file);
  }
  return deleted;
}

}  // namespace amaes
