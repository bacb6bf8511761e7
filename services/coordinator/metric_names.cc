#include "services/coordinator/metric_names.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace amaes {

std::string CauseLabel(const std::string& cause) {
  static constexpr const char* kCauses[] = {"FINISHED",        "CANCELLED",
                                            "STOPPED",         "ENDED",
                                            "KILLED",          "FAILED",
                                            "NEVER_STARTED",   "NODE_LOST",
                                            "NODE_DRAINED",    "COORDINATOR_LOST",
                                            "OUT_OF_MEMORY",   "DATA_DAMAGED",
                                            "PEER_LOST",       "COLLECTIVE_TIMEOUT",
                                            "NON_FINITE_LOSS", "BAD_SPEC",
                                            "DISK_FULL",       "PUBLISH_FAILED"};
  const bool known = std::find(std::begin(kCauses), std::end(kCauses), cause) != std::end(kCauses);
  return known ? absl::AsciiStrToLower(cause) : "other";
}

}  // namespace amaes
