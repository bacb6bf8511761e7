// Opens what a request names, wherever it lies: a file, a member of an archive, a DICOM series, a preprocessed array.
#pragma once

#include "absl/status/statusor.h"
#include "libs/dataset/ingest_answer.h"
#include "libs/volume/nifti.h"

namespace amaes {

// The frame of `request` as ReadNifti gives it. Scratch files lie in `request.volumes` meanwhile (NAME.tmp-PID-N).
//   - as ReadNifti.   - DataLoss, Unavailable: a damaged archive, a converter that failed.
absl::StatusOr<NiftiVolume> ReadSource(const ReadRequest& request);

// The same for its header.   - FailedPrecondition: only a conversion would tell.
absl::StatusOr<NiftiInfo> InspectSource(const ReadRequest& request);

}  // namespace amaes
