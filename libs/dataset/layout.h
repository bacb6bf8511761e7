// How scans lie on disk. One file per layout in layout/, all listed in MakeLayout.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace amaes {

// A file that belongs to a scan and lies on its grid: a label map, or a mask.
struct CompanionFile {
  std::string role;            // label | anonymisation_mask | anatomy_mask
  std::filesystem::path path;  // absolute
};

// What a collection demands of a scan beyond that it can be read.
struct ScanDemands {
  std::int64_t min_voxels_per_axis = 0;
  bool nonnegative = false;  // no voxel below 0 in the file
  bool operator==(const ScanDemands&) const = default;
};

struct ScanFile {
  // How catalogue and report name it, unique in the list: the path below the ingested folder; ARCHIVE.zip/MEMBER for a
  // member of an archive; the path as a list states it where the file lies elsewhere.
  std::string source;
  std::string subject, session, modality;
  std::filesystem::path path;  // what to open, absolute; empty = the ingested folder / source
  std::string member;          // name inside `path` when that is a zip archive
  std::int64_t frame = -1;     // which volume of a 4D file; -1 = as the ingest's policy says
  std::string collection;      // part of a source ("OASIS3"), "" = none
  std::string case_id;         // channels of one case share it (nnU-Net raw, MSD), "" = none
  ScanDemands demands;
  std::vector<CompanionFile> companions;
  // What sidecars and tables say, under these keys only: manufacturer, scanner, field_strength_t, age_years, sex,
  // echo_time_ms, repetition_time_ms, quality. Values as they will be shown.
  std::map<std::string, std::string> info;
};

struct ScanList {
  std::string layout;           // by which layout it was read
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
// "auto": whichever layout recognises the folder, "folder" if none does.
//   - NotFound: unknown name; lists the known ones.
absl::StatusOr<std::unique_ptr<Layout>> MakeLayout(const std::string& name);

}  // namespace amaes
