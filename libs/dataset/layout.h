// How scans lie on disk. One file per layout in layout/, all listed in MakeLayout.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace amaes {

struct ScanFile {
  std::string source;  // relative to the ingested folder
  std::string subject, session, modality;
};

struct ScanList {
  std::vector<ScanFile> files;  // sorted by source
  // Files that are no scans by rule, with the rule: "not a scan: .json", "second half of a .hdr/.img pair", "label: …".
  std::vector<std::pair<std::string, std::string>> skipped;
};

class Layout {
 public:
  virtual ~Layout() = default;
  // Lists; opens no scan.   - NotFound: no such folder.   - InvalidArgument: nothing there that this layout can read.
  virtual absl::StatusOr<ScanList> Scan(const std::filesystem::path& folder) = 0;
};

// "folder": every .nii, .nii.gz, .hdr/.img below the folder. Subject: a path part or file-name part "sub-X", else the
// file name up to the first modality word or visit word, else the whole stem; session: "ses-X", "visit…", "study…"; modality:
// first known word in the name (T1w, T2w, FLAIR, PDw, DWI, ADC, SWI, BOLD, …), else "unknown". Documented in folder_layout.cc.
//   - NotFound: unknown name; lists the known ones.
absl::StatusOr<std::unique_ptr<Layout>> MakeLayout(const std::string& name);

}  // namespace amaes
