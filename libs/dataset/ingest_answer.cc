#include "libs/dataset/ingest_answer.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/catalogue_json.h"
#include "libs/dataset/json_fields.h"

namespace amaes {
namespace {

using nlohmann::json;
using Outcome = ReadAnswer::Outcome;

constexpr std::array<std::pair<Outcome, const char*>, 5> kOutcomes = {{{Outcome::kVolume, "volume"},
                                                                       {Outcome::kRefused, "refused"},
                                                                       {Outcome::kFailed, "failed"},
                                                                       {Outcome::kMemory, "memory"},
                                                                       {Outcome::kStore, "store"}}};

std::string OutcomeName(Outcome outcome) {
  for (const auto& [known, name] : kOutcomes) {
    if (known == outcome) return name;
  }
  return "";
}

Outcome ParseOutcome(const std::string& text) {
  for (const auto& [outcome, name] : kOutcomes) {
    if (text == name) return outcome;
  }
  throw JsonFieldError{absl::StrCat("field 'outcome' is '", text, "'")};
}

}  // namespace

std::string RequestJson(const ReadRequest& request) {
  return CanonicalJson({{"contract", json::parse(ContractJson(request.contract))},
                        {"index", request.index},
                        {"path", request.path.string()},
                        {"volumes", request.volumes.string()}});
}

absl::StatusOr<ReadRequest> ParseRequest(const std::string& line) {
  ReadRequest request;
  AMAES_RETURN_IF_ERROR(WithJsonObject(line, [&](const json& object) -> absl::Status {
    request.index = Field<std::int64_t>(object, "index");
    request.path = Field<std::string>(object, "path");
    request.volumes = Field<std::string>(object, "volumes");
    AMAES_ASSIGN_OR_RETURN(request.contract, ParseContract(CanonicalJson(Field<json>(object, "contract"))));
    return absl::OkStatus();
  }));
  return request;
}

std::string AnswerJson(const ReadAnswer& answer) {
  json object = {{"code", static_cast<int>(answer.code)},
                 {"outcome", OutcomeName(answer.outcome)},
                 {"reason", answer.reason},
                 {"reused", answer.reused}};
  if (answer.outcome == Outcome::kVolume) object["entry"] = json::parse(EntryJson(answer.entry));
  return CanonicalJson(object);
}

absl::StatusOr<ReadAnswer> ParseAnswer(const std::string& line) {
  ReadAnswer answer;
  AMAES_RETURN_IF_ERROR(WithJsonObject(line, [&](const json& object) -> absl::Status {
    answer.outcome = ParseOutcome(Field<std::string>(object, "outcome"));
    answer.reason = Field<std::string>(object, "reason");
    answer.code = static_cast<absl::StatusCode>(Field<int>(object, "code"));
    answer.reused = Field<bool>(object, "reused");
    if (answer.outcome == Outcome::kVolume) {
      AMAES_ASSIGN_OR_RETURN(answer.entry, ParseEntry(CanonicalJson(Field<json>(object, "entry"))));
    }
    return absl::OkStatus();
  }));
  return answer;
}

}  // namespace amaes
