#include "services/worker/check_script.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "libs/base/digest.h"
#include "libs/base/status_macros.h"
#include "libs/models/script_network.h"
#include "libs/train/failure.h"
#include "services/worker/worker.h"

namespace amaes {
namespace {

absl::StatusOr<nlohmann::json> Check(const ScriptOptions& options, const Shape3& patch) {
  AMAES_ASSIGN_OR_RETURN(const ScriptFacts facts, CheckScript(options, patch));
  AMAES_ASSIGN_OR_RETURN(const std::string sha256, Sha256OfFile(options.file));
  nlohmann::json encoder = nlohmann::json::array();
  for (const auto& [name, shape] : facts.encoder) encoder.push_back({{"name", name}, {"shape", shape}});
  return nlohmann::json{{"sha256", sha256}, {"parameters", facts.parameters}, {"encoder", std::move(encoder)}};
}

}  // namespace

absl::Status CheckScriptUnchanged(const NetworkOptions& network, const std::string& digest) {
  if (network.name != kScriptNetwork) return absl::OkStatus();
  const absl::StatusOr<std::string> now = Sha256OfFile(network.script);
  if (!now.ok()) return WithReason(Annotate(now.status(), "network.script"), "BAD_SPEC", /*retryable=*/false);
  if (*now == digest) return absl::OkStatus();
  return WithReason(absl::FailedPreconditionError(absl::StrCat(
                        "network.script ", network.script,
                        " is not the file that was checked at submit: put that one back, or submit again")),
                    "BAD_SPEC", /*retryable=*/false);
}

int CheckScriptCommand(const std::vector<std::string>& arguments) {
  ScriptOptions options;
  Shape3 patch{};
  if (arguments.size() != 5 || std::sscanf(arguments[2].c_str(), "%ldx%ldx%ld", &patch[0], &patch[1], &patch[2]) != 3 ||
      !absl::SimpleAtoi(arguments[3], &options.in_channels) || !absl::SimpleAtoi(arguments[4], &options.out_channels)) {
    std::fputs("usage: amaes-worker check-script FILE PREFIX DxHxW IN OUT\n", stderr);
    return kExitUsage;
  }
  options.file = arguments[0];
  options.encoder_prefix = arguments[1];
  const absl::StatusOr<nlohmann::json> facts = Check(options, patch);
  const nlohmann::json answer = facts.ok() ? *facts
                                           : nlohmann::json{{"code", static_cast<int>(facts.status().code())},
                                                            {"error", std::string(facts.status().message())}};
  std::puts(answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  return facts.ok() ? kExitFinished : kExitFailed;
}

}  // namespace amaes
