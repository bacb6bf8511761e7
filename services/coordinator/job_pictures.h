// The pictures in a job's folder, for the API and the pages.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace amaes {

// The picture of the whole run.
inline constexpr char kRunPicture[] = "run.png";

struct JobPicture {
  std::string name;        // of the file
  std::int64_t step = -1;  // -1: of the whole run
  std::string split{};
  std::int64_t size = 0;  // bytes
};

// In the order of steps, kRunPicture last: those that come after the file `after`, all when it is empty. None where there is
// no folder.
std::vector<JobPicture> ListPictures(const std::filesystem::path& job_folder, const std::string& after = "");

// A PNG's bytes.   - NotFound, PICTURE_NOT_FOUND: no such picture, or a name that is none.   - as files::Read.
absl::StatusOr<std::string> ReadPicture(const std::filesystem::path& job_folder, const std::string& name);

}  // namespace amaes
