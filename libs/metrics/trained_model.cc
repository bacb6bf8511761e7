#include "libs/metrics/trained_model.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/json_fields.h"
#include "libs/volume/volume.h"

namespace amaes {
namespace {

using nlohmann::json;

template <typename T>
T FieldOr(const json& object, const char* name, T otherwise) {
  return object.contains(name) ? Field<T>(object, name) : otherwise;
}

absl::Status ReadPatch(const json& value, Shape3& out) {
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  return ParseShape(text, out) ? absl::OkStatus() : absl::DataLossError(absl::StrCat("patch ", text));
}

absl::Status Read(const json& spec, TrainedModel& out) {
  const std::string kind = Field<std::string>(spec, "kind");
  if (kind != "finetune") {
    return absl::FailedPreconditionError(absl::StrCat(
        "it is of a job of kind ", kind, ", whose network marks no labels: finetune it for segmentation first"));
  }
  const json network = Field<json>(spec, "network"), dataset = Field<json>(spec, "dataset"),
             labels = Field<json>(spec, "labels");
  AMAES_ASSIGN_OR_RETURN(out.labels,
                         ParseLabels(Field<std::string>(labels, "classes"), FieldOr(labels, "regions", false),
                                     FieldOr(labels, "background", std::string())));
  AMAES_RETURN_IF_ERROR(ReadPatch(Field<json>(spec, "patch"), out.patch));
  out.network.name = Field<std::string>(network, "name");
  out.network.filters = Field<std::int64_t>(network, "filters");
  out.network.seed = Field<std::uint64_t>(spec, "seed");
  for (const absl::string_view channel :
       absl::StrSplit(FieldOr(dataset, "channels", std::string()), ',', absl::SkipWhitespace())) {
    out.cases.channels.emplace_back(absl::StripAsciiWhitespace(channel));
  }
  out.network.in_channels = std::max<std::int64_t>(1, static_cast<std::int64_t>(out.cases.channels.size()));
  out.network.out_channels = out.labels.outputs();
  out.network.decoder = Decoder::kStandard;
  out.network.skips = true;
  out.network.deep_supervision = FieldOr(network, "deep_supervision", false);
  out.network.head = Head::kSegmentation;
  out.cases.train_cases = FieldOr<std::int64_t>(dataset, "train_cases", 0);
  out.cases.validation_share = FieldOr(dataset, "validation_share", out.cases.validation_share);
  const auto seed = FieldOr<std::int64_t>(dataset, "case_seed", -1);
  out.cases.seed = seed < 0 ? out.network.seed : static_cast<std::uint64_t>(seed);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TrainedModel> TrainedModelOf(const CheckpointManifest& manifest) {
  TrainedModel out;
  AMAES_RETURN_IF_ERROR(
      Annotate(WithJsonObject(manifest.spec_json, [&](const json& spec) { return Read(spec, out); }), "its spec"));
  return out;
}

}  // namespace amaes
