// Ledgers as files of a job's ledger/ folder, read from front to back without being held in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/base/ids.h"
#include "libs/dataset/ledger.h"

namespace amaes {

// "2-0.ledger": attempt, rank. As manifests name it.
struct LedgerId {
  AttemptNumber attempt = 0;
  int rank = 0;
  auto operator<=>(const LedgerId&) const = default;
};
std::string LedgerName(const LedgerId& id);
// None: no ledger's name.
std::optional<LedgerId> ParseLedgerName(const std::string& name);

// Length of a ledger of `records` records, in bytes; and the other way round, none where no whole number gives it.
std::int64_t LedgerLength(std::int64_t records);
std::optional<std::int64_t> LedgerRecords(std::int64_t length);

// Not thread-safe.
class LedgerReader {
 public:
  // Reads record `first` and on, up to byte `length`; without one, as far as whole records go.
  //   - NotFound.   - DataLoss: no ledger, a newer format, shorter than `length`.   - Unavailable: I/O error.
  static absl::StatusOr<std::unique_ptr<LedgerReader>> Open(const std::filesystem::path& path, std::int64_t first = 0,
                                                            std::int64_t length = -1);
  virtual ~LedgerReader() = default;
  // None at the end.   - DataLoss: a damaged record; says at which byte.   - Unavailable: I/O error.
  virtual absl::StatusOr<std::optional<LedgerRecord>> Next() = 0;
};

// Positions from `first` on that attempts before `before` skipped beyond what a checkpoint holds (`kept`: file → length).
// Those steps are run again, and what was skipped then is skipped again, so that the divisor is the same. Ascending. A
// rank flushes its ledger whenever it skips: beyond a damaged record there is no skip that any step has counted.
//   - Unavailable: I/O error.
absl::StatusOr<std::vector<std::int64_t>> SkippedBeyond(const std::filesystem::path& folder,
                                                        const std::map<std::string, std::int64_t>& kept,
                                                        AttemptNumber before, std::int64_t first);

}  // namespace amaes
