// scan → inspect → read → check → preprocess → write → version. Each file is read in a child process with memory and
// time limits, so that a file that crashes the reader is quarantined with its reason and the ingest goes on. What is
// finished is found again: an ingest that was killed or cancelled goes on where it was. Several ranks share the work.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/dataset/catalogue.h"

namespace amaes {

// The ranks of one ingest. They need one file system: requests and answers lie in the staging folder, which is also the
// truth; `tell` and `wait` only save time. Alone: the defaults.
struct IngestGang {
  int rank = 0, world_size = 1;
  std::int64_t attempt = 0;  // marks this gang's files
  std::function<void(const std::string& key)> tell;
  // Blocks until `key` is told or `timeout` has passed; both are OK.   - any error: the ingest ends with it.
  std::function<absl::Status(const std::string& key, absl::Duration timeout)> wait;
};

struct IngestOptions {
  std::string dataset;
  std::filesystem::path from;  // absolute
  std::string layout = "folder";
  std::string source;                      // a public collection (ScanList of it), empty = none
  Contract contract;                       // its spacing comes from `spacing`
  std::string spacing = "1";               // ParseSpacing
  std::string frames = "first";            // first | split | refuse
  std::string nonfinite = "repair";        // repair | quarantine
  bool labels = true;                      // take companions
  double held_out_share = 0;               // of the subjects; 0 = the rule (HeldOutSubjects)
  std::filesystem::path volumes;           // the volume store
  std::filesystem::path records;           // what is finished; may be shared by all ingests of this dataset
  std::filesystem::path staging;           // folder to write the version into; becomes datasets/NAME/VERSION by rename
  std::filesystem::path exchange;          // folder for the files of this gang
  std::filesystem::path previous;          // folder of the version before, empty if none
  std::optional<std::int64_t> free_bytes;  // of the volume store; unset: the file system is asked
  int processes = 2;                       // files read at once
  int cores = 2;                           // while fewer files than these are left, readers get the others as threads
  std::uint64_t memory_limit_bytes = std::uint64_t{4} << 30;
  absl::Duration time_limit = absl::Minutes(5);
  // The command that reads one file: the program that calls RunIngestChild.
  std::vector<std::string> child_command;
  IngestGang gang;
};

struct IngestProgress {
  std::string phase;  // scan, read, publish
  // Of this rank; of rank 0 with what nobody has to read. Summed over ranks, `files` is all and `done` = volumes +
  // quarantined + duplicates + skipped; duplicates between ranks are known at the end only.
  std::int64_t files = 0, done = 0, volumes = 0, quarantined = 0, duplicates = 0, skipped = 0;
  std::int64_t unchanged = 0;     // of `volumes`: not read again, as in the version before
  std::int64_t stored = 0;        // volumes that this run preprocessed and wrote
  std::int64_t voxels = 0;        // read by this run, of the sources
  std::int64_t total_voxels = 0;  // to be read by this run, as far as headers tell
  std::int64_t disk_bytes = 0;    // that the whole ingest will write, about; rank 0 only
  double voxels_per_second = 0;   // of this run so far; 0 = not known yet
  double estimated_seconds = 0;   // of reading, before it begins; rank 0 only
};

struct IngestResult {
  DatasetVersion version;  // version number 0: the coordinator gives it
  IngestReport report;
};

// Blocks until all files are done. `on_progress` is called from this thread at the start, after every file and about
// once a second; returning false stops: the children are killed and the result is Cancelled; what is finished stays.
// Call from a thread that lives on: a child dies with the thread that started it. Log lines and messages of the status
// name no scan; the report does. Files that were read by an earlier call with the same records are not read again,
// unless their size or time changed; nor are those whose stamp a volume of `previous` has. The volumes of `previous` are
// part of the new version, as are its exclusions. Ranks other than 0 return an empty result.
//   - NotFound, InvalidArgument: of the layout or an option.
//   - FailedPrecondition: no volume could be read (lists the most frequent reasons); another contract than `previous`
//     has; too little disk space for what the headers promise (says how much is needed).
//   - ResourceExhausted: disk full, or no process can be started.   - Unavailable: the store cannot be written.
//   - Cancelled: stopped.   - DataLoss: `previous` is damaged.
absl::StatusOr<IngestResult> RunIngest(const IngestOptions& options, Clock& clock,
                                       const std::function<bool(const IngestProgress&)>& on_progress);

// The child: reads one file and writes its stored volume. Request and answer are JSON lines on stdin and stdout.
// Returns the process's exit code; never throws.
int RunIngestChild();

}  // namespace amaes
