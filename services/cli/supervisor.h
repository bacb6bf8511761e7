// Coordinator and agent of one machine, as children that are started again when they die. What `up` and `run` stand on.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/subprocess.h"
#include "services/coordinator/coordinator.h"

namespace amaes {

struct SupervisorOptions {
  std::filesystem::path home;
  std::string listen = "127.0.0.1:7070";
  std::string http = "127.0.0.1:7071";
  std::string slots = "auto";
  bool insecure = false;
  int max_quick_deaths = 5;  // in a row, each within ten seconds of its start: then give up
};

// Not thread-safe; use from the thread that lives longest, for children die with it.
class Supervisor {
 public:
  // Starts both and waits until the coordinator serves.
  //   - FailedPrecondition: a coordinator runs in this home already.   - DeadlineExceeded: it did not come up; the message
  //     ends with the last lines of its log.
  static absl::StatusOr<std::unique_ptr<Supervisor>> Start(const SupervisorOptions& options, Clock& clock);
  ~Supervisor();  // Stop, if it was not called

  // Starts again what has died. Blocks for at most `timeout`.
  //   - Unavailable: one of them dies again and again; the message ends with the last lines of its log.
  absl::Status Watch(absl::Duration timeout);
  // The agent first (its workers write a checkpoint), then the coordinator.
  void Stop();

  const CoordinatorAddresses& coordinator() const { return running_; }

 private:
  struct Child {
    std::string name;
    std::unique_ptr<Subprocess> process;
    absl::Duration started;
    int quick_deaths = 0;
  };
  Supervisor(const SupervisorOptions& options, Clock& clock) : options_(options), clock_(clock) {}
  absl::Status Launch(Child& child, const std::vector<std::string>& arguments);
  absl::Status StartCoordinator();
  absl::Status StartAgent();
  absl::Status Revive(Child& child);
  std::string LastLines(const std::string& name) const;

  SupervisorOptions options_;
  Clock& clock_;
  Child coordinator_{"coordinator", nullptr, {}, 0};
  Child agent_{"agent", nullptr, {}, 0};
  CoordinatorAddresses running_;
};

}  // namespace amaes
