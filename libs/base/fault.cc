#include "libs/base/fault.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libs/base/files.h"
#include "libs/base/log.h"

namespace amaes {

#ifdef AMAES_WITH_FAULTS
namespace {

struct Fault {
  std::string point;
  std::string victim;
  FaultAddress address;
};

std::optional<Fault> FromEnvironment() {
  const char* text = std::getenv("AMAES_FAULT");
  if (text == nullptr || *text == '\0') return std::nullopt;
  Fault fault;
  for (absl::string_view field : absl::StrSplit(text, ',')) {
    const std::pair<absl::string_view, absl::string_view> kv = absl::StrSplit(field, absl::MaxSplits('=', 1));
    bool known = true;
    if (kv.first == "point") {
      fault.point = std::string(kv.second);
    } else if (kv.first == "kill") {
      fault.victim = std::string(kv.second);
    } else if (kv.first == "step") {
      known = absl::SimpleAtoi(kv.second, &fault.address.step);
    } else if (kv.first == "rank") {
      known = absl::SimpleAtoi(kv.second, &fault.address.rank);
    } else if (kv.first == "attempt") {
      known = absl::SimpleAtoi(kv.second, &fault.address.attempt);
    } else {
      known = false;
    }
    if (!known) {
      LogError("fault", "AMAES_FAULT has a field that cannot be read", {{"field", field}});
      std::abort();
    }
  }
  return fault;
}

bool Matches(std::int64_t wanted, std::int64_t actual) { return wanted < 0 || wanted == actual; }

}  // namespace

void FaultPoint(absl::string_view point, const FaultAddress& address) {
  static const std::optional<Fault> fault = FromEnvironment();
  static std::atomic<bool> fired{false};
  if (!fault || fault->point != point || !Matches(fault->address.step, address.step) ||
      !Matches(fault->address.rank, address.rank) || !Matches(fault->address.attempt, address.attempt) ||
      fired.exchange(true)) {
    return;
  }
  pid_t victim = getpid();
  if (fault->victim == "parent") {
    victim = getppid();
  } else if (fault->victim != "self") {
    const auto content = files::Read(fault->victim, 64);
    int number = 0;
    if (!content.ok() || !absl::SimpleAtoi(absl::StripAsciiWhitespace(*content), &number) || number <= 1) {
      LogError("fault", "no process id in the file named by kill=", {{"file", fault->victim}});
      std::abort();
    }
    victim = number;
  }
  LogWarning("fault", "killing", {{"point", point}, {"step", address.step}, {"pid", victim}});
  kill(victim, SIGKILL);
}
#else
void FaultPoint(absl::string_view, const FaultAddress&) {}
#endif

}  // namespace amaes
