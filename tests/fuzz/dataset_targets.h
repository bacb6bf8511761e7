#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace amaes {

// CSV, TSV and JSON lines, and the facts in their columns. The first byte chooses.
void FuzzTable(absl::string_view input);
std::vector<std::string> TableSeeds();

// JSON texts: sidecars, channel names.
void FuzzJson(absl::string_view input);
std::vector<std::string> JsonSeeds();

// Whole lists through their layouts: CSV, TSV, JSON lines, MSD, nnssl, nnU-Net, BIDS tables. The first byte chooses.
void FuzzList(absl::string_view input);
std::vector<std::string> ListSeeds();

// Names of files and folders.
void FuzzScanName(absl::string_view input);
std::vector<std::string> ScanNameSeeds();

// A zip archive's table of members, and one member out of it.
void FuzzArchive(absl::string_view input);
std::vector<std::string> ArchiveSeeds();

// The first bytes of a DICOM file.
void FuzzDicomHeader(absl::string_view input);
std::vector<std::string> DicomHeaderSeeds();

}  // namespace amaes
