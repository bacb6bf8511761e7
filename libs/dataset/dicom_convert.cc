#include "libs/dataset/dicom_convert.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/base/subprocess.h"
#include "libs/dataset/dicom_file.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxOutputBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxMessageBytes = 200;
constexpr const char* kBaseName = "volume";

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : number_(open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  int number() const { return number_; }

 private:
  const int number_;
};

// Links to the series' files, so that dcm2niix sees nothing else.
absl::Status LinkSeries(const fs::path& folder, const std::string& series_uid, const fs::path& input) {
  AMAES_RETURN_IF_ERROR(files::MakeFolders(input));
  std::error_code error;
  std::vector<fs::path> found;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    std::error_code ignored;
    if (!entry->is_regular_file(ignored)) continue;
    const absl::StatusOr<DicomHeader> header = ReadDicomHeader(entry->path());
    if (header.ok() && header->series_uid == series_uid) found.push_back(entry->path());
  }
  if (error) return files::ErrnoStatus(error.value(), "cannot list", folder);
  if (found.empty()) return absl::InvalidArgumentError("no file of this DICOM series is left in its folder");
  std::sort(found.begin(), found.end());
  for (std::size_t i = 0; i < found.size(); ++i) {
    fs::create_symlink(fs::absolute(found[i], error), input / absl::StrFormat("%06d.dcm", i), error);
    if (error) return files::ErrnoStatus(error.value(), "cannot link a DICOM file into", input);
  }
  return absl::OkStatus();
}

// The last line in which dcm2niix complains, without names of folders.
std::string Complaint(const fs::path& log, const fs::path& work) {
  const absl::StatusOr<std::string> text = files::Read(log, kMaxOutputBytes);
  std::string complaint = "it made no volume";
  if (!text.ok()) return complaint;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (absl::StrContains(line, "Error") || absl::StrContains(line, "Unable")) complaint = std::string(line);
  }
  complaint = absl::StrReplaceAll(complaint, {{work.string(), "…"}});
  return complaint.substr(0, kMaxMessageBytes);
}

// The volumes made, the plain one first: no phase, real, imaginary or region-of-interest images, shortest name first.
std::vector<fs::path> Volumes(const fs::path& output) {
  std::vector<fs::path> volumes;
  std::error_code error;
  for (fs::directory_iterator entry(output, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (entry->path().extension() == ".nii") volumes.push_back(entry->path());
  }
  const auto rank = [](const fs::path& path) {
    const std::string name = path.stem().string();
    const bool special = absl::StrContains(name, "_ph") || absl::StrContains(name, "_real") ||
                         absl::StrContains(name, "_imaginary") || absl::StrContains(name, "_ROI");
    return std::tuple(special, name.size(), name);
  };
  std::sort(volumes.begin(), volumes.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return volumes;
}

}  // namespace

absl::StatusOr<fs::path> FindDcm2niix(const std::string& search_path) {
  for (const std::string& folder : std::vector<std::string>(absl::StrSplit(search_path, ':'))) {
    if (folder.empty() || folder.front() != '/') continue;
    fs::path program = fs::path(folder) / "dcm2niix";
    if (access(program.c_str(), X_OK) == 0) return program;
  }
  return absl::FailedPreconditionError(
      "DICOM is converted by dcm2niix, which is not installed here: apt-get install dcm2niix");
}

absl::StatusOr<DicomVolume> ConvertDicomSeries(const fs::path& program, const fs::path& folder,
                                               const std::string& series_uid, const fs::path& work,
                                               absl::Duration time_limit) {
  const fs::path input = work / "in", output = work / "out", log = work / "dcm2niix.log";
  AMAES_RETURN_IF_ERROR(LinkSeries(folder, series_uid, input));
  AMAES_RETURN_IF_ERROR(files::MakeFolders(output));
  const Descriptor nothing("/dev/null", O_RDONLY), words(log, O_WRONLY | O_CREAT | O_TRUNC);
  if (nothing.number() < 0 || words.number() < 0) return files::ErrnoStatus(errno, "cannot write", log);
  SubprocessOptions options;
  options.arguments = {
      program.string(), "-b",          "n", "-d", "0", "-g", "i", "-x", "i", "-z", "n", "-f", kBaseName, "-o",
      output.string(),  input.string()};
  options.descriptors = {{nothing.number(), 0}, {words.number(), 1}, {words.number(), 2}};
  absl::StatusOr<Subprocess> process = Subprocess::Start(options);
  if (!process.ok()) return absl::FailedPreconditionError(absl::StrCat("dcm2niix: ", process.status().message()));
  const absl::StatusOr<ExitStatus> end = process->Wait(time_limit);
  if (!end.ok()) {
    return absl::DeadlineExceededError(
        absl::StrCat("dcm2niix took longer than ", absl::FormatDuration(time_limit), " for this series"));
  }
  const std::vector<fs::path> volumes = Volumes(output);
  if (volumes.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("dcm2niix cannot convert this series (", end->ToString(), "): ", Complaint(log, work)));
  }
  DicomVolume result{volumes[0], {}};
  for (std::size_t i = 1; i < volumes.size(); ++i) result.others.push_back(volumes[i].filename().string());
  return result;
}

}  // namespace amaes
