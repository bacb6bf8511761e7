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

constexpr std::array<std::pair<Outcome, const char*>, 6> kOutcomes = {{{Outcome::kVolume, "volume"},
                                                                       {Outcome::kRefused, "refused"},
                                                                       {Outcome::kExcluded, "excluded"},
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

// Pairs of texts, under names that say what they are.
json PairsJson(const std::vector<std::pair<std::string, std::string>>& pairs, const char* first, const char* second) {
  json out = json::array();
  for (const auto& [a, b] : pairs) out.push_back({{first, a}, {second, b}});
  return out;
}

std::vector<std::pair<std::string, std::string>> Pairs(const json& object, const char* name, const char* first,
                                                       const char* second) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const json& item : Field<std::vector<json>>(object, name)) {
    out.emplace_back(Field<std::string>(item, first), Field<std::string>(item, second));
  }
  return out;
}

}  // namespace

std::string RequestJson(const ReadRequest& request) {
  std::vector<std::pair<std::string, std::string>> companions;
  for (const CompanionFile& file : request.companions) companions.emplace_back(file.role, file.path.string());
  return CanonicalJson({{"companions", PairsJson(companions, "role", "path")},
                        {"contract", json::parse(ContractJson(request.contract))},
                        {"dicom", request.dicom},
                        {"digest_only", request.digest_only},
                        {"exclusions", request.exclusions.string()},
                        {"frame", request.frame},
                        {"index", request.index},
                        {"member", request.member},
                        {"min_voxels_per_axis", request.demands.min_voxels_per_axis},
                        {"nonnegative", request.demands.nonnegative},
                        {"only_3d", request.demands.only_3d},
                        {"path", request.path.string()},
                        {"preprocessed", request.preprocessed},
                        {"refuse_frames", request.refuse_frames},
                        {"refuse_nonfinite", request.refuse_nonfinite},
                        {"stamp", request.stamp},
                        {"threads", request.threads},
                        {"volumes", request.volumes.string()}});
}

absl::StatusOr<ReadRequest> ParseRequest(const std::string& line) {
  ReadRequest request;
  AMAES_RETURN_IF_ERROR(WithJsonObject(line, [&](const json& object) -> absl::Status {
    request.index = Field<std::int64_t>(object, "index");
    request.stamp = Field<std::string>(object, "stamp");
    request.path = Field<std::string>(object, "path");
    request.member = Field<std::string>(object, "member");
    request.dicom = Field<bool>(object, "dicom");
    request.digest_only = Field<bool>(object, "digest_only");
    request.preprocessed = Field<bool>(object, "preprocessed");
    request.frame = Field<std::int64_t>(object, "frame");
    request.refuse_frames = Field<bool>(object, "refuse_frames");
    request.refuse_nonfinite = Field<bool>(object, "refuse_nonfinite");
    request.demands.min_voxels_per_axis = Field<std::int64_t>(object, "min_voxels_per_axis");
    request.demands.nonnegative = Field<bool>(object, "nonnegative");
    request.demands.only_3d = Field<bool>(object, "only_3d");
    for (auto& [role, path] : Pairs(object, "companions", "role", "path")) request.companions.push_back({role, path});
    request.volumes = Field<std::string>(object, "volumes");
    request.exclusions = Field<std::string>(object, "exclusions");
    request.threads = Field<int>(object, "threads");
    AMAES_ASSIGN_OR_RETURN(request.contract, ParseContract(CanonicalJson(Field<json>(object, "contract"))));
    return absl::OkStatus();
  }));
  return request;
}

std::string AnswerJson(const ReadAnswer& answer) {
  json object = {{"code", static_cast<int>(answer.code)},
                 {"companions", PairsJson(answer.companions, "role", "reason")},
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
    answer.companions = Pairs(object, "companions", "role", "reason");
    if (answer.outcome == Outcome::kVolume) {
      AMAES_ASSIGN_OR_RETURN(answer.entry, ParseEntry(CanonicalJson(Field<json>(object, "entry"))));
    }
    return absl::OkStatus();
  }));
  return answer;
}

}  // namespace amaes
