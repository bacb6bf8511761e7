// A DICOM series becomes a NIfTI file through dcm2niix, a program of its own (Debian package dcm2niix). What the ingest
// child calls. Blocks; thread-safe as long as each call has its own work folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace amaes {

// The program's path, found in `search_path` (the form of $PATH).
//   - FailedPrecondition: not installed; names the package.
absl::StatusOr<std::filesystem::path> FindDcm2niix(const std::string& search_path);

struct DicomVolume {
  std::filesystem::path volume;     // .nii in the work folder
  std::vector<std::string> others;  // names of further volumes that dcm2niix made of the series (echoes, phases, …)
};

// Converts the files of `series_uid` that lie directly in `folder`; if that is empty, those whose series cannot be told.
// `work`: an existing empty folder, which the caller removes. The program's output goes into a file there, never to ours.
//   - FailedPrecondition: the program cannot be started.   - InvalidArgument: no such series; or dcm2niix refuses it, with
//     its words.   - DeadlineExceeded: it took longer than `time_limit`.   - Unavailable, ResourceExhausted: I/O error.
absl::StatusOr<DicomVolume> ConvertDicomSeries(const std::filesystem::path& program,
                                               const std::filesystem::path& folder, const std::string& series_uid,
                                               const std::filesystem::path& work, absl::Duration time_limit);

}  // namespace amaes
