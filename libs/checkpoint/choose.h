// Which of a job's checkpoints somebody means. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/base/ids.h"

namespace amaes {

struct CheckpointChoice {
  std::int64_t step = 0;
  AttemptNumber attempt = 0;
  std::map<std::string, double> metrics{};
};

// "job:NAME[@WHICH]" in two.
struct JobReference {
  std::string job;
  std::string which = "last";
};
// - InvalidArgument: not such a text.
absl::StatusOr<JobReference> ParseJobReference(const std::string& text);

// Index of the one that `which` names. last: the highest step of the newest attempt. best: the highest metric "dice", where no
// checkpoint has one "masked_r2", where none has either the lowest "loss"; of equals the newest. A number: that step, of the
// newest attempt.
//   - NotFound: there is none; says which there are.
absl::StatusOr<std::size_t> ChooseCheckpoint(const std::vector<CheckpointChoice>& all, const std::string& which);

}  // namespace amaes
