// A checkpoint on disk: a folder …/JOB/checkpoints/STEP-ATTEMPT/ with model.safetensors (fp32),
// optimizer-R-of-W.safetensors (a share of the tensors per rank), manifest.json (sizes, SHA-256 and block hashes of
// every file, and all that a resume needs) and the commit marker COMMITTED, which holds the manifest's SHA-256: written
// last, removed first. The folder alone is enough: nothing else is needed to find, verify and use it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/base/ids.h"

namespace amaes {

inline constexpr std::int64_t kCheckpointBlockBytes = std::int64_t{1} << 20;

struct CheckpointFile {
  std::string name;
  std::int64_t size = 0;
  std::string sha256;
  std::vector<std::string> block_crc32c;  // hex, one per kCheckpointBlockBytes
  bool operator==(const CheckpointFile&) const = default;
};

struct CheckpointManifest {
  int format_version = 1;
  std::string job;
  AttemptNumber attempt = 0;
  std::int64_t step = 0;      // optimiser updates done
  std::int64_t position = 0;  // next position of the sample stream = step * global_batch
  int world_size = 1;
  int sampling_version = 0;
  std::string spec_json;  // complete spec
  std::string contract_json;
  std::string dataset, dataset_digest;
  std::int64_t dataset_version = 0;
  std::string dataset_selection;   // digest of the selected list; "" = every training volume once
  std::string parent;              // checkpoint this attempt resumed from, "" = from scratch
  std::string initialised_from{};  // what the run began with: "job:NAME@…" or a path, and its SHA-256; "" = random
  std::string software;            // "amaes 0.1.0"
  std::string written;             // RFC 3339, UTC
  std::map<std::string, double> metrics;               // e.g. loss_masked
  std::map<std::string, std::int64_t> ledger;          // ledger file name → length in bytes
  std::int64_t metrics_length = 0;                     // of metrics.jsonl, bytes
  std::int64_t best_step = -1;                         // of the best checkpoint so far; -1 = nothing is watched
  std::map<std::string, std::vector<double>> state{};  // other numbers that a resume needs, e.g. "guard"
  std::vector<std::string> citations;
  std::vector<CheckpointFile> files;
  bool operator==(const CheckpointManifest&) const = default;
};

std::string ManifestToJson(const CheckpointManifest& manifest);
// - DataLoss: damaged.   - FailedPrecondition: a newer format version, named.
absl::StatusOr<CheckpointManifest> ManifestFromJson(const std::string& json);

// "00000500-002": step, then attempt; sorts by step.
std::string CheckpointName(std::int64_t step, AttemptNumber attempt);

// The other way round.   - InvalidArgument: no checkpoint's name.
struct CheckpointId {
  std::int64_t step = 0;
  AttemptNumber attempt = 0;
};
absl::StatusOr<CheckpointId> ParseCheckpointName(const std::string& name);

// Size and hashes of one file of a checkpoint.   - NotFound, Unavailable.
absl::StatusOr<CheckpointFile> DescribeFile(const std::filesystem::path& path);

// Commits a folder `FOLDER.tmp` that holds the files of the manifest: manifest, flush, rename to FOLDER, verify (every
// file is read back and compared), then the marker. After a crash or an error at any point, `folder` either verifies or
// has no marker. What an earlier try left of `folder` without a marker is replaced.
//   - InvalidArgument: the manifest is not one that could be read back.   - AlreadyExists: `folder` is committed.
//   - DataLoss: a file does not fit the manifest.   - NotFound: no `FOLDER.tmp`.   - I/O errors.
absl::Status CommitCheckpoint(const std::filesystem::path& folder, const CheckpointManifest& manifest);

// Marker, manifest hash, every file's size and SHA-256.
//   - NotFound: no marker: not a committed checkpoint.   - DataLoss: names the file and what does not fit.
//   - FailedPrecondition: a newer format version.   - Unavailable: I/O error.
absl::StatusOr<CheckpointManifest> VerifyCheckpoint(const std::filesystem::path& folder);
// The same without reading the files' contents (sizes only).
absl::StatusOr<CheckpointManifest> ReadManifest(const std::filesystem::path& folder);

// Marker first, then the rest. A folder that is not there is no error.
absl::Status RemoveCheckpoint(const std::filesystem::path& folder);

// Removes what writers of attempts older than `before` left without a marker: FOLDER.tmp, and folders renamed but not
// committed. Best effort; names what it removed.
std::vector<std::string> RemoveLeftovers(const std::filesystem::path& checkpoints, AttemptNumber before);

struct FoundCheckpoint {
  std::filesystem::path folder;
  CheckpointManifest manifest;
};
struct RejectedCheckpoint {
  std::string name;
  std::string reason;
};
struct CheckpointSearch {
  // Newest attempt first, then highest step: what a stale worker of an older attempt wrote never wins.
  std::vector<FoundCheckpoint> verified;     // stops at the first that verifies when `first_only`
  std::vector<RejectedCheckpoint> rejected;  // committed, but damaged, unreadable or of a newer format
};
// Looks through `checkpoints` (…/JOB/checkpoints); a missing folder is an empty result.
CheckpointSearch FindCheckpoints(const std::filesystem::path& checkpoints, bool first_only);

// Which to delete so that the newest `keep` remain (order as in CheckpointSearch); never the newest, none of `best_step`, and
// nothing that is no checkpoint's name. Pure; input and output are names, input in any order.
std::vector<std::string> CheckpointsToDelete(const std::vector<std::string>& names, std::int64_t keep,
                                             std::int64_t best_step = -1);

}  // namespace amaes
