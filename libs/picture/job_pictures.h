// The pictures of a training job's validations: their names in jobs/JOB/pictures, and which of them are kept. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace amaes {

// Of one split: more are thinned out.
inline constexpr std::int64_t kMostPicturesOfASplit = 64;

struct PictureName {
  std::int64_t step = 0;
  std::string split;  // [a-z0-9_]
  bool operator==(const PictureName&) const = default;
};

// "00000500-held_out.png"; sorts as steps do.
std::string PictureFileName(const PictureName& name);
// Nothing for any other file.
std::optional<PictureName> ParsePictureFileName(absl::string_view file);

// Which of `files` go, so that about kMostPicturesOfASplit of a split stay, evenly spaced over the run: those at multiples of
// every_steps · 2^k, k the smallest that is enough for the newest step; and always the newest one. Other files stay.
// Deleting one after the other as the run goes on ends in the same set.
std::vector<std::string> PicturesToDelete(const std::vector<std::string>& files, std::int64_t every_steps);

}  // namespace amaes
