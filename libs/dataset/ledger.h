// What every rank actually read. One file per attempt and rank: fixed-size records, appended, flushed before a checkpoint
// commits; its length then goes into the manifest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"

namespace amaes {

struct LedgerRecord {
  std::int64_t position = 0;
  std::int64_t volume = 0;  // index into the training volumes
  bool skipped = false;     // damaged: weight 0 in its step
  bool operator==(const LedgerRecord&) const = default;
};

// Not thread-safe.
class LedgerWriter {
 public:
  // Creates `path` or goes on at `length` bytes (what follows is cut off: steps after the checkpoint are run again).
  //   - DataLoss: shorter than `length`, or a newer format.   - ResourceExhausted, Unavailable: I/O error.
  static absl::StatusOr<std::unique_ptr<LedgerWriter>> Open(const std::filesystem::path& path, std::int64_t length);
  virtual ~LedgerWriter() = default;
  virtual void Append(const LedgerRecord& record) = 0;  // buffered
  // Writes and flushes; returns the length in bytes.
  virtual absl::StatusOr<std::int64_t> Flush() = 0;
};

// The records in the first `length` bytes, as a manifest states them: each has to be whole. Without a length all
// records of the file; a torn last one is dropped.
//   - DataLoss: not a ledger, a newer format, shorter than `length`, or a torn record.   Else as files::Read.
absl::StatusOr<std::vector<LedgerRecord>> ReadLedger(const std::filesystem::path& path, std::int64_t length = -1);

}  // namespace amaes
