#include "services/coordinator/script_check.h"

#include <sys/mman.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status_macros.h"
#include "libs/base/subprocess.h"

namespace amaes {
namespace {

constexpr std::size_t kLongestAnswer = 1 << 20;

absl::Status NotAsked(absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("network.script could not be checked: ", why));
}

std::string ReadFromStart(int file) {
  std::string text(kLongestAnswer, '\0');
  const ssize_t length = pread(file, text.data(), text.size(), 0);
  text.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  return text;
}

std::vector<TensorShape> TensorsOf(const nlohmann::json& list) {
  std::vector<TensorShape> tensors;
  for (const nlohmann::json& one : list) {
    tensors.push_back({one.value("name", ""), one.value("shape", std::vector<std::int64_t>())});
  }
  return tensors;
}

// What the child answered, if it is an answer.
absl::StatusOr<CheckedScript> Understand(const std::string& answer, const ExitStatus& exit) {
  const nlohmann::json json = nlohmann::json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return NotAsked(absl::StrCat("the program that looks at it ended with ", exit.ToString()));
  if (json.contains("error")) {
    const auto code = static_cast<absl::StatusCode>(json.value("code", 0));
    const std::string error = json.value("error", "");
    const bool its_own = code == absl::StatusCode::kInvalidArgument || code == absl::StatusCode::kNotFound;
    return its_own ? absl::Status(code, error) : NotAsked(error);
  }
  CheckedScript script{json.value("sha256", ""), json.value("parameters", std::int64_t{0}),
                       TensorsOf(json.value("encoder", nlohmann::json::array()))};
  if (!exit.success() || script.sha256.size() != 64) return NotAsked("its check gave no digest");
  return script;
}

absl::StatusOr<CheckedScript> Ask(const std::string& program, absl::Duration timeout, const NetworkOptions& network,
                                  const Shape3& patch) {
  const int answer = memfd_create("check-script", MFD_CLOEXEC);
  if (answer < 0) return NotAsked("no memory for its answer");
  const absl::Cleanup close_answer = [answer] { close(answer); };
  absl::StatusOr<Subprocess> child = Subprocess::Start({
      .arguments = {program, "check-script", network.script, network.encoder_prefix, absl::StrJoin(patch, "x"),
                    absl::StrCat(network.in_channels), absl::StrCat(network.out_channels)},
      .descriptors = {{answer, 1}, {2, 2}},
      .environment = {},
  });
  if (!child.ok()) {
    return NotAsked(
        absl::StrCat(child.status().message(), "; amaes-worker has to lie beside the coordinator's program"));
  }
  const absl::StatusOr<ExitStatus> exit = child->Wait(timeout);
  if (!exit.ok()) return NotAsked(absl::StrCat("no answer in ", absl::FormatDuration(timeout)));
  return Understand(ReadFromStart(answer), *exit);
}

}  // namespace

ScriptChecker CheckScriptsWith(std::string program, absl::Duration timeout) {
  return [program = std::move(program), timeout](const NetworkOptions& network, const Shape3& patch) {
    return Ask(program, timeout, network, SmallPatch(patch));
  };
}

Shape3 SmallPatch(const Shape3& patch) {
  Shape3 small = patch;
  for (std::int64_t& side : small) {
    if (side > 96) side = 64 + side % 64;
  }
  return small;
}

}  // namespace amaes
