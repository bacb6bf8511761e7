// A child process for the tests of libs/base:
//   log KEY VALUE              writes one debug, info, warning and error line each
//   fault POINT STEP RANK ATTEMPT   passes the fault point, then exits with 0
//   parent FD PROGRAM…         starts PROGRAM with FD as descriptor 3, writes "started\n" to FD, waits for its end, exits with 0
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "libs/base/fault.h"
#include "libs/base/log.h"
#include "libs/base/subprocess.h"

namespace {

using amaes::LogField;

int LogAtEveryLevel(const std::vector<std::string>& arguments) {
  for (const auto severity :
       {amaes::Severity::kDebug, amaes::Severity::kInfo, amaes::Severity::kWarning, amaes::Severity::kError}) {
    amaes::Log(severity, "test", "message", {LogField(arguments[1], arguments[2]), {"number", 7}});
  }
  return 0;
}

int PassFaultPoint(const std::vector<std::string>& arguments) {
  amaes::FaultAddress address;
  AMAES_CHECK(absl::SimpleAtoi(arguments[2], &address.step) && absl::SimpleAtoi(arguments[3], &address.rank) &&
              absl::SimpleAtoi(arguments[4], &address.attempt));
  amaes::FaultPoint(arguments[1], address);
  return 0;
}

int BeParent(const std::vector<std::string>& arguments) {
  int fd = -1;
  AMAES_CHECK(absl::SimpleAtoi(arguments[1], &fd));
  amaes::SubprocessOptions options;
  options.arguments.assign(arguments.begin() + 2, arguments.end());
  options.descriptors = {{fd, 3}};
  auto child = amaes::Subprocess::Start(options);
  if (!child.ok()) return 1;
  if (write(fd, "started\n", 8) != 8) return 2;
  close(fd);
  return child->Wait(absl::InfiniteDuration()).ok() ? 0 : 3;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 3 && arguments[0] == "log") return LogAtEveryLevel(arguments);
  if (arguments.size() == 5 && arguments[0] == "fault") return PassFaultPoint(arguments);
  if (arguments.size() >= 3 && arguments[0] == "parent") return BeParent(arguments);
  return 64;
}
