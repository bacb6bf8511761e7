// Proves from what every rank wrote down that a run read what it was to read: up to its newest checkpoint every position of
// the stream once, by the rank that the shard plan of its attempt names, of the volume that the stream names, and every
// pass each selected volume as often as it repeats. Pure: ledgers come through an interface.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/base/ids.h"
#include "libs/dataset/ledger_reader.h"
#include "libs/dataset/selection.h"

namespace amaes {

struct AuditPlan {
  std::uint64_t seed = 1;
  std::int64_t global_batch = 1;
  std::int64_t group = 1;  // lanes that stay on one rank
  std::int64_t steps = 0;  // of the whole job
  bool may_skip = false;   // loader.on_damage is skip
  std::string dataset_digest;
  Selection selection;
  // What a checkpoint says: steps done, and how many bytes of which ledger led to it.
  struct Checkpoint {
    std::string name;
    std::int64_t step = 0;
    std::map<std::string, std::int64_t> ledger;
  };
  Checkpoint newest;
  std::vector<Checkpoint> before;  // those that it goes back to and that are still there
  std::map<AttemptNumber, std::int64_t>
      began_at;  // step of the checkpoint that an attempt went on from, as far as known
  std::map<AttemptNumber, std::int64_t> world_size;  // of every attempt of the job
};

class LedgerSource {
 public:
  virtual ~LedgerSource() = default;
  // Names of all ledgers that are there, in any order.
  virtual absl::StatusOr<std::vector<std::string>> List() = 0;
  // As LedgerReader::Open.
  virtual absl::StatusOr<std::unique_ptr<LedgerReader>> Open(const std::string& name, std::int64_t first,
                                                             std::int64_t length) = 0;
};

// The ledgers of one folder.
std::unique_ptr<LedgerSource> FolderLedgers(std::filesystem::path folder);

// Something that contradicts the plan. -1: does not apply.
struct AuditFinding {
  std::string what;
  std::int64_t position = -1;
  AttemptNumber attempt = -1;
  int rank = -1;
};

struct AuditReport {
  struct Attempt {
    AttemptNumber number = 0;
    std::int64_t world_size = 0;
    std::int64_t first_step = 0, steps = 0;  // that count: up to the checkpoint from which the next one went on
    std::int64_t read_again = 0;             // samples that it read and a later attempt read again, as far as recorded
  };
  struct Skip {
    std::int64_t position = 0, volume = 0;
    AttemptNumber attempt = 0;
    int rank = 0;
  };
  std::string checkpoint;
  std::int64_t step = 0, steps = 0;    // audited, of the job
  std::int64_t samples = 0;            // records that count
  std::int64_t skipped = 0;            // of them
  std::int64_t read_again = 0;         // of all attempts
  std::int64_t not_in_checkpoint = 0;  // read beyond the newest checkpoint
  std::int64_t volumes = 0, pass_length = 0, whole_passes = 0;
  std::vector<Attempt> attempts;
  std::vector<Skip> skips;             // the first kMaxListed
  std::vector<AuditFinding> findings;  // the first kMaxListed
  std::int64_t finding_count = 0;
  std::vector<std::string> notes;  // what could not be read and proves nothing either way

  bool proved() const { return finding_count == 0; }
};
inline constexpr std::size_t kMaxListed = 100;

// Reads every ledger once; memory is bounded by the volumes of the selection.
//   - Unavailable: I/O error. What is missing or damaged is a finding, not an error.
absl::StatusOr<AuditReport> Audit(const AuditPlan& plan, LedgerSource& ledgers);

}  // namespace amaes
