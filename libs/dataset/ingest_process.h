// What the child of an ingest does with one scan: read, check, preprocess, store, with the companions that lie on its grid.
#pragma once

#include <string>
#include <vector>

#include "libs/dataset/ingest_answer.h"
#include "libs/volume/nifti.h"

namespace amaes {

// Never throws. Messages of the answer name no file.
ReadAnswer ProcessScan(const ReadRequest& request);

// What is unusual about a volume, sorted. Of the source: "4d" (its file holds several volumes), "anisotropic" (largest
// spacing more than 3 times the smallest), "few-slices" (fewer than 16 voxels along an axis), "negative" (voxels below
// 0), "nonfinite" (NaN or infinities, stored as 0), "oblique" (an axis more than 5 degrees off the scanner's). Of the
// stored volume: "mostly-background" (fewer than 5 % of its voxels above its minimum).
std::vector<std::string> VolumeFlags(const NiftiVolume& scan, double stored_foreground_share);

}  // namespace amaes
