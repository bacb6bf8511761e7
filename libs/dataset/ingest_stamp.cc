#include "libs/dataset/ingest_stamp.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "libs/base/digest.h"
#include "libs/dataset/json_fields.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

// Size and time of a file, "-" if there is none.
std::string FileStamp(const fs::path& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return "-";
  return absl::StrCat(info.st_size, " ", info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec);
}

// The data half of a .hdr, by its name; the path itself for every other file.
fs::path DataHalf(const fs::path& path) {
  return path.parent_path() / absl::StrReplaceAll(path.filename().string(), {{".hdr", ".img"}, {".HDR", ".IMG"}});
}

std::vector<std::string> FolderStamp(const fs::path& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator i(folder, error), end; !error && i != end; i.increment(error)) {
    out.push_back(absl::StrCat(i->path().filename().string(), " ", FileStamp(i->path())));
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::string StampOf(const std::string& source, const ReadRequest& request) {
  std::vector<std::string> parts = {
      "amaes-ingest-file/3", source, request.member,
      absl::StrCat(request.frame, " ", request.dicom, " ", request.preprocessed, " ", request.refuse_frames, " ",
                   request.refuse_nonfinite, " ", request.demands.min_voxels_per_axis, " ", request.demands.nonnegative,
                   " ", request.demands.only_3d),
      ContractJson(request.contract)};
  if (request.dicom) {
    const std::vector<std::string> files = FolderStamp(request.path);
    parts.insert(parts.end(), files.begin(), files.end());
  } else {
    parts.push_back(FileStamp(request.path));
    parts.push_back(FileStamp(DataHalf(request.path)));
  }
  for (const CompanionFile& companion : request.companions) {
    parts.push_back(absl::StrCat(companion.role, " ", companion.path.filename().string()));
    parts.push_back(FileStamp(companion.path));
    parts.push_back(FileStamp(DataHalf(companion.path)));
  }
  return Sha256Hex(CanonicalJson(parts));
}

}  // namespace amaes
