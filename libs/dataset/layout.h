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
  bool only_3d = false;      // the file holds one volume
  bool operator==(const ScanDemands&) const = default;
};

struct ScanFile {
  // How catalogue and report name it, unique in the list: the path below the ingested folder; ARCHIVE.zip/MEMBER for a
  // member of an archive; the path as a list states it where the file lies elsewhere.
  std::string source;
  std::string subject, session, modality;
  std::filesystem::path path;  // what to open, absolute; empty = the ingested folder / source
  std::string member;          // name inside `path` when that is a zip archive (archive.h)
  bool dicom = false;          // `path` is a folder of DICOM files, `member` the series to convert (dicom_convert.h)
  bool preprocessed = false;   // .npy or .b2nd that a contract made already: stored as it is
  std::int64_t frame = -1;     // which volume of a 4D file; -1 = as the ingest's policy says
  std::string collection;      // part of a source ("OASIS3"), "" = none
  std::string case_id;         // channels of one case share it (nnU-Net raw, MSD), "" = none
  ScanDemands demands;
  std::vector<CompanionFile> companions;
  // What sidecars and tables say, under these keys only: manufacturer, scanner, field_strength_t, age_years, sex,
  // echo_time_ms, repetition_time_ms, quality. Values as they will be shown.
  std::map<std::string, std::string> info;
};

enum class CountBasis { kKnown, kDerived, kUnknown };

// One collection of a source on disk against what is known of it.
struct CollectionFinding {
  std::string collection;
  std::string folder;          // below the ingested folder; "" = there is none
  std::int64_t found = 0;      // scans listed
  std::int64_t expected = -1;  // -1 = not known
  CountBasis basis = CountBasis::kUnknown;
  std::string difference;  // in words, "" = as expected
};

struct ScanList {
  std::string layout;           // by which layout it was read
  std::vector<ScanFile> files;  // sorted by source
  // Files that are no scans by rule, with the rule: "not a scan: .json", "second half of a .hdr/.img pair", "label: …".
  std::vector<std::pair<std::string, std::string>> skipped;
  std::vector<CollectionFinding> findings;  // of a source (source/source.h), else empty
};

// How sure a layout is that a folder, or a list given in its place, is its own.
struct Recognition {
  int certainty = 0;   // 0 = not mine … 100 = holds a file that only this layout has
  std::string reason;  // in words
};

class Layout {
 public:
  virtual ~Layout() = default;
  // Looks at names, and at small texts at most. Never fails: what cannot be looked at is not recognised.
  virtual Recognition Recognise(const std::filesystem::path& folder) = 0;
  // Lists; opens no scan. Every file below the folder is in `files` (also as a companion or as a part of a series) or in
  // `skipped`; so is every file that a list names and that is not there. `folder` may be a list itself (nnssl, msd, csv).
  //   - NotFound: no such folder.   - InvalidArgument: nothing there that this layout can read, or a list with errors:
  //     says where and what.
  virtual absl::StatusOr<ScanList> Scan(const std::filesystem::path& folder) = 0;
};

// By name; docs/datasets.md describes each. "auto": the layout that is surest of the folder, "folder" if none is;
// ScanList.layout says which.   - NotFound: unknown name; lists the known ones.
absl::StatusOr<std::unique_ptr<Layout>> MakeLayout(const std::string& name);

// What every layout thinks of a folder, the surest first.
std::vector<std::pair<std::string, Recognition>> RecogniseLayouts(const std::filesystem::path& folder);

}  // namespace amaes
