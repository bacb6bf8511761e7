#include "services/coordinator/job_pictures.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/picture/job_pictures.h"
#include "libs/rpc/errors.h"

namespace amaes {
namespace {

constexpr std::size_t kLargestPicture = std::size_t{32} << 20;

std::filesystem::path FolderOf(const std::filesystem::path& job_folder) { return job_folder / "pictures"; }

// In the order in which they are shown.
std::tuple<bool, std::int64_t, std::string> Place(const std::string& file) {
  const auto name = ParsePictureFileName(file);
  return {!name, name ? name->step : -1, file};
}

}  // namespace

std::vector<JobPicture> ListPictures(const std::filesystem::path& job_folder, const std::string& after) {
  std::vector<JobPicture> pictures;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(FolderOf(job_folder), error)) {
    JobPicture picture{.name = entry.path().filename().string()};
    if (const auto name = ParsePictureFileName(picture.name)) {
      picture.step = name->step;
      picture.split = name->split;
    } else if (picture.name != kRunPicture) {
      continue;
    }
    std::error_code gone;  // thinned out meanwhile
    picture.size = static_cast<std::int64_t>(entry.file_size(gone));
    if (!gone && (after.empty() || Place(after) < Place(picture.name))) pictures.push_back(std::move(picture));
  }
  std::sort(pictures.begin(), pictures.end(),
            [](const JobPicture& a, const JobPicture& b) { return Place(a.name) < Place(b.name); });
  return pictures;
}

absl::StatusOr<std::string> ReadPicture(const std::filesystem::path& job_folder, const std::string& name) {
  const bool known = name == kRunPicture || ParsePictureFileName(name).has_value();
  absl::StatusOr<std::string> png =
      known ? files::Read(FolderOf(job_folder) / name, kLargestPicture) : absl::NotFoundError("no picture");
  if (!absl::IsNotFound(png.status())) return png;
  return ErrorWithReason(absl::StatusCode::kNotFound, "PICTURE_NOT_FOUND",
                         absl::StrCat("there is no picture '", name, "': `amaes job pictures` lists them"),
                         {{"picture", name}});
}

}  // namespace amaes
