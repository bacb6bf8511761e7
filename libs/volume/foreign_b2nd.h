// Arrays that other software stored with blosc2, as nnU-Net and nnssl preprocess: .b2nd files of (channels, X, Y, Z). Our
// own format is libs/volume/stored_volume.h.
#pragma once

#include <filesystem>

#include "absl/status/statusor.h"
#include "libs/volume/array_volume.h"

namespace amaes {

// One channel. The order of the axes is the array's. Thread-safe. blosc2 itself parses the file: what hostile bytes could
// do to it is caught by reading in a child process.
//   - NotFound: no such file.
//   - InvalidArgument: refused; the message names the defect: "not a .b2nd file …", "a stored volume of amaes …",
//     "damaged: …", "unknown datatype …", "codec or filter …", or as PlanArrayVolume and FinishArrayVolume.
//   - ResourceExhausted: no memory.
absl::StatusOr<ArrayVolume> ReadForeignB2nd(const std::filesystem::path& path, const ArrayOptions& options = {});

}  // namespace amaes
