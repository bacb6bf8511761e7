// From what happened to each file to the version and the report. Pure.
#pragma once

#include <string>
#include <vector>

#include "libs/dataset/catalogue.h"
#include "libs/dataset/ingest_answer.h"
#include "libs/dataset/layout.h"

namespace amaes {

// `answers` belongs to list.files, one each. Of equal volumes the first source is kept. Fills version.entries only.
IngestReport Summarise(const ScanList& list, const std::vector<ReadAnswer>& answers, DatasetVersion& version);

// "3 files: RGB voxels; 1 file: …": the most frequent reasons, at most `limit`; names no file.
std::string FrequentReasons(const IngestReport& report, std::size_t limit);

}  // namespace amaes
