// Reads a share of an ingest's requests in child processes, several at once, and keeps what is finished.
#pragma once

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "libs/base/clock.h"
#include "libs/dataset/ingest.h"
#include "libs/dataset/ingest_files.h"

namespace amaes {

// Threads for the next reader: of `cores`, its share of those that running readers do not use (`used`), when `starting`
// readers can start now, this one included; at least 1. So the last files get the cores that no file waits for.
int ThreadsForReader(int cores, int used, std::int64_t starting);

// `on_answer` comes in the order in which readers end, after the answer is kept; `on_wait` about once a second. Both
// return an error to stop. Returning early kills the readers.   Errors: those of the callbacks, of the volume store, of
// starting a process, of keeping a record.
absl::Status ReadRequestsInChildren(const IngestOptions& options, const std::vector<ReadRequest>& requests,
                                    Clock& clock,
                                    const std::function<absl::Status(std::int64_t index, ReadAnswer answer)>& on_answer,
                                    const std::function<absl::Status()>& on_wait);

}  // namespace amaes
