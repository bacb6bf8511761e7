// amaes-worker: started by an agent (descriptor 3 is the socket to it) or, to look at a script, by the coordinator.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "libs/base/clock.h"
#include "libs/base/log.h"
#include "libs/base/version.h"
#include "libs/worker_protocol/channel.h"
#include "services/worker/check_script.h"
#include "services/worker/worker.h"

int main(int argc, char** argv) {
  using namespace amaes;
  if (argc == 2 && std::string(argv[1]) == "--version") {
    std::puts(kSoftware);
    return kExitFinished;
  }
  if (argc > 1 && std::string(argv[1]) == "check-script") return CheckScriptCommand({argv + 2, argv + argc});
  if (argc != 1 || fcntl(kWorkerSocket, F_GETFD) < 0) {
    std::fprintf(stderr,
                 "amaes-worker is started by an amaes agent, which gives it a socket as descriptor %d.\n"
                 "To train, use `amaes submit` or `amaes run`.\n",
                 kWorkerSocket);
    return kExitUsage;
  }
  fcntl(kWorkerSocket, F_SETFD, FD_CLOEXEC);
  std::unique_ptr<AgentLink> link = AgentLink::Create(kWorkerSocket, [] {
    LogError("worker", "the agent is gone");
    _exit(kExitAgentGone);
  });
  link->Report(WorkerHello{.protocol_version = kWorkerProtocolVersion, .software = kSoftware});
  const int code = RunWorker(*link, SystemClock());
  link.reset();  // sends what is queued
  // Not exit(): destructors of libraries that hold a GPU or a network may hang when a peer is gone.
  std::fflush(nullptr);
  _exit(code);
}
