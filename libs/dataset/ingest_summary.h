// From what happened to each item to the version and the report. Pure.
#pragma once

#include <string>
#include <vector>

#include "libs/dataset/catalogue.h"
#include "libs/dataset/ingest_plan.h"

namespace amaes {

// `plan.answers` is full. Fills version.entries: the volumes of `previous` (null: none), and those of the plan that it has
// not. Of equal volumes the one of `previous` is kept, else the first source; an item that is a volume of `previous`
// under the same name replaces it, so that facts and companions are up to date.
IngestReport Summarise(const IngestPlan& plan, const DatasetVersion* previous, DatasetVersion& version);

// "3 files: RGB voxels; 1 file: …": the most frequent reasons, at most `limit`; names no file.
std::string FrequentReasons(const std::vector<IngestReport::Item>& items, std::size_t limit);

}  // namespace amaes
