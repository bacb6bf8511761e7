#include "services/worker/check_script.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "libs/base/digest.h"
#include "libs/base/status_macros.h"
#include "libs/models/script_network.h"
#include "services/worker/worker.h"

namespace amaes {
namespace {

absl::StatusOr<nlohmann::json> Check(const ScriptOptions& options, const Shape3& patch) {
  AMAES_ASSIGN_OR_RETURN(const ScriptFacts facts, CheckScript(options, patch));
  AMAES_ASSIGN_OR_RETURN(const std::string sha256, Sha256OfFile(options.file));
  return nlohmann::json{
      {"sha256", sha256}, {"parameters", facts.parameters}, {"encoder_parameters", facts.encoder_parameters}};
}

}  // namespace

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
