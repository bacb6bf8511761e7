#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace amaes {

// The header of a NIfTI or ANALYZE file, and the axes that follow from it.
void FuzzNiftiHeader(absl::string_view input);
std::vector<std::string> NiftiHeaderSeeds();

// The frame of a stored volume: as it is, and with its checksum made right.
void FuzzStoredFrame(absl::string_view input);
std::vector<std::string> StoredFrameSeeds();

// A .npy file.
void FuzzNpy(absl::string_view input);
std::vector<std::string> NpySeeds();

// A pickle, and where it says that its array lies.
void FuzzPickle(absl::string_view input);
std::vector<std::string> PickleSeeds();

}  // namespace amaes
