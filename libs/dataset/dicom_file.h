// The header of one DICOM file on disk.
#pragma once

#include <filesystem>

#include "absl/status/statusor.h"
#include "libs/dataset/dicom_header.h"

namespace amaes {

// Reads no more than the first kDicomGlanceBytes.   - InvalidArgument: no DICOM file.   - NotFound, Unavailable: I/O error.
absl::StatusOr<DicomHeader> ReadDicomHeader(const std::filesystem::path& path);

}  // namespace amaes
