#pragma once

#include "absl/strings/string_view.h"
#include "libs/dataset/layout.h"

namespace amaes {

class NpyLayout final : public Layout {
 public:
  Recognition Recognise(const std::filesystem::path& folder) override;
  absl::StatusOr<ScanList> Scan(const std::filesystem::path& folder) override;
};

// Whether a file is an array that somebody preprocessed, by its name: .npy or .b2nd.
bool IsPreparedArray(absl::string_view name);

// Subject, session and modality of a preprocessed file's stem, by the conventions of those who write such files:
// "sub_1_ses_2_t1" and "sub-1_ses-2_T1w" (FOMO25), "PPMI_#_3102_#_T1-anatomical_#_20110301_#_I1_#_x" (BRAINS-45K);
// else as the layout "folder" does.
void ReadPreprocessedName(const std::vector<std::string>& folders, const std::string& stem, ScanFile& file);

}  // namespace amaes
