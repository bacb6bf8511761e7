// scan → read → check → preprocess → write → version. Each file is read in a child process with memory and time limits, so
// that a file that crashes the reader is quarantined with its reason and the ingest goes on. Finished volumes are found
// again by name: an ingest that was killed goes on where it was.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/dataset/catalogue.h"

namespace amaes {

struct IngestOptions {
  std::string dataset;
  std::filesystem::path from;            // absolute
  std::string layout = "folder";
  Contract contract;
  std::filesystem::path volumes;         // the volume store
  std::filesystem::path staging;         // folder to write the version into; becomes datasets/NAME/VERSION by rename
  std::filesystem::path previous;        // folder of the version before, empty if none: its splits are kept
  int processes = 2;
  std::uint64_t memory_limit_bytes = std::uint64_t{4} << 30;
  absl::Duration time_limit = absl::Minutes(5);
  // The command that reads one file: the program that calls RunIngestChild.
  std::vector<std::string> child_command;
};

struct IngestProgress {
  std::int64_t files = 0, done = 0, volumes = 0, quarantined = 0, duplicates = 0, skipped = 0;
  std::int64_t voxels = 0;  // preprocessed by this run
};

struct IngestResult {
  DatasetVersion version;  // version number 0: the coordinator gives it
  IngestReport report;
};

// Blocks until all files are done. `on_progress` is called from this thread at the start, after every file and about
// once a second; returning false stops: the children are killed and the result is Cancelled. Call from a thread that
// lives on: a child dies with the thread that started it. Log lines and messages of the status name no scan; the report
// does. Files that were read by an earlier call with the same staging folder are not read again, unless their size or
// time changed.
//   - NotFound, InvalidArgument: of the layout.
//   - FailedPrecondition: no volume could be read (lists the most frequent reasons).
//   - ResourceExhausted: disk full, or no process can be started.   - Unavailable: the store cannot be written.
//   - Cancelled: stopped.   - DataLoss: `previous` is damaged.
absl::StatusOr<IngestResult> RunIngest(const IngestOptions& options, Clock& clock,
                                       const std::function<bool(const IngestProgress&)>& on_progress);

// The child: reads one file and writes its stored volume. Request and answer are JSON lines on stdin and stdout.
// Returns the process's exit code; never throws.
int RunIngestChild();

}  // namespace amaes
