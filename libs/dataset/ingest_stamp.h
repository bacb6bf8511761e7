// Whether a file is the one that was read before: by name, size and time of everything that the result depends on.
#pragma once

#include <string>

#include "libs/dataset/ingest_answer.h"

namespace amaes {

// CatalogueEntry::stamp of the item called `source`: changes with the file (and the data half of a pair, every file of a
// series, every companion), with the frame, with what the ingest demands, and with the contract; not with where the
// ingested folder or the volume store lies.
std::string StampOf(const std::string& source, const ReadRequest& request);

}  // namespace amaes
