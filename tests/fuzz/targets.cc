#include "tests/fuzz/targets.h"

#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/dataset_targets.h"
#include "tests/fuzz/volume_targets.h"

namespace amaes {

const std::vector<FuzzTarget>& FuzzTargets() {
  static const std::vector<FuzzTarget> targets = {
      {"nifti_header", FuzzNiftiHeader, NiftiHeaderSeeds},
      {"stored_frame", FuzzStoredFrame, StoredFrameSeeds},
      {"table", FuzzTable, TableSeeds},
      {"json", FuzzJson, JsonSeeds},
      {"list", FuzzList, ListSeeds},
      {"scan_name", FuzzScanName, ScanNameSeeds},
      {"archive", FuzzArchive, ArchiveSeeds},
      {"dicom_header", FuzzDicomHeader, DicomHeaderSeeds},
      {"npy", FuzzNpy, NpySeeds},
      {"pickle", FuzzPickle, PickleSeeds},
  };
  return targets;
}

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "promise broken: %s\n", what);
  std::abort();
}

}  // namespace amaes
