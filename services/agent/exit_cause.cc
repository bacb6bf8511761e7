#include "services/agent/exit_cause.h"

#include <signal.h>

#include "absl/strings/str_cat.h"

namespace amaes {

ExitCause ClassifyExit(const ExitStatus& status, const WorkerLastWords& words, bool ended_by_agent) {
  if (status.success() && words.finished()) {
    return words.finished()->complete
               ? ExitCause{"FINISHED", "", false}
               : ExitCause{"STOPPED", absl::StrCat("stopped at step ", words.finished()->step), true};
  }
  if (words.failed()) return {words.failed()->reason, words.failed()->message, words.failed()->retryable};
  if (ended_by_agent) return {"ENDED", absl::StrCat("ended by its agent (", status.ToString(), ")"), true};
  if (status.signal == SIGKILL) {
    return {"KILLED", "killed by signal 9 (Killed): by a person, or by the kernel for lack of memory (see dmesg)",
            true};
  }
  if (status.signal != 0) return {"KILLED", status.ToString(), true};
  return {"FAILED", absl::StrCat("ended without a report (", status.ToString(), "); its log may say why"), true};
}

}  // namespace amaes
