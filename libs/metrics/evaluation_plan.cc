#include "libs/metrics/evaluation_plan.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/checkpoint/weights_file.h"
#include "libs/dataset/selection_filter.h"
#include "libs/volume/contract.h"

namespace amaes {
namespace {

using Problems = std::vector<SpecProblem>;

void CheckContract(const CheckpointManifest& checkpoint, const DatasetVersion& version, Problems& out) {
  const absl::StatusOr<Contract> trained = ParseContract(checkpoint.contract_json);
  if (!trained.ok()) {
    out.push_back({"checkpoint.from", absl::StrCat("its contract cannot be read: ", trained.status().message())});
  } else if (*trained != version.contract) {
    out.push_back(
        {"dataset.name", absl::StrCat("its volumes were prepared under the contract ", ContractJson(version.contract),
                                      ", the network was trained under ", ContractJson(*trained),
                                      ": add the scans to a dataset of that contract")});
  }
}

void CheckPatch(const TrainedModel& model, const Shape3& patch, Problems& out) {
  if (model.network.name == kScriptNetwork) return;  // what it takes is known to those who can run it
  const NetworkFacts* network = FindNetwork(model.network.name);
  if (network == nullptr) {
    out.push_back({"checkpoint.from", absl::StrCat("this program has no network ", model.network.name)});
    return;
  }
  for (const std::int64_t side : patch) {
    if (side % network->multiple == 0 && side >= network->smallest) continue;
    out.push_back({"window.patch", absl::StrCat(side, " is no multiple of ", network->multiple, " of at least ",
                                                network->smallest, ", which network ", network->name, " needs")});
    return;
  }
}

std::vector<LabelledCase> Chosen(LabelledCases& found, const std::string& split) {
  std::vector<LabelledCase> out;
  for (const auto& [name, cases] :
       {std::pair{"train", &found.train}, {"validation", &found.validation}, {"held_out", &found.test}}) {
    if (split == "all" || split == name) out.insert(out.end(), cases->begin(), cases->end());
  }
  // "all" in the order of the catalogue, whatever the division.
  std::stable_sort(out.begin(), out.end(), [](const LabelledCase& a, const LabelledCase& b) {
    return a.channels[0].entry < b.channels[0].entry;
  });
  return out;
}

void FindTheCases(const EvaluateSpec& spec, const CheckpointManifest& checkpoint, const DatasetVersion& version,
                  EvaluationPlan& plan, Problems& out) {
  const absl::StatusOr<EntryFilter> filter = EntryFilter::Parse(spec.dataset.filter);
  absl::Status filtering = filter.status();
  if (filtering.ok()) filtering = filter->CheckKeys(version.entries);
  if (!filtering.ok()) {
    out.push_back({"dataset.filter", std::string(filtering.message())});
    return;
  }
  // Training and validation were divided among what the training's filter left: that must stay as it was.
  const bool as_divided = checkpoint.dataset_digest == version.digest &&
                          (spec.dataset.split == "train" || spec.dataset.split == "validation");
  CaseOptions options = plan.model.cases;
  options.for_training = false;
  if (!as_divided) options.filter = spec.dataset.filter;
  // Few of them were trained on; of another dataset there are none.
  if (!as_divided || spec.dataset.split != "train") options.train_cases = 0;
  absl::StatusOr<LabelledCases> found = FindCases(version, options);
  if (!found.ok()) {
    out.push_back({"dataset.name", std::string(found.status().message())});
    return;
  }
  plan.notes = found->notes;
  plan.cases = Chosen(*found, spec.dataset.split);
  std::erase_if(plan.cases, [&](const LabelledCase& one) {
    return !filter->Matches(version.entries[static_cast<std::size_t>(one.channels[0].entry)]);
  });
  if (!plan.cases.empty()) return;
  out.push_back({"dataset.split",
                 absl::StrCat("no labelled case is in split ", spec.dataset.split, ": of those there are, ",
                              found->train.size(), " are training, ", found->validation.size(), " validation and ",
                              found->test.size(), " held-out cases; take another split, or all")});
}

// As far as the catalogue knows what label maps hold.
void CheckLabels(const DatasetVersion& version, const EvaluationPlan& plan, Problems& out) {
  std::map<double, std::int64_t> undeclared;  // value to number of cases
  std::int64_t lost = 0;
  for (const LabelledCase& one : plan.cases) {
    const Companion& label = LabelOf(version, one);
    lost += label.path.empty() ? 1 : 0;
    for (const LabelValue& value : label.values) {
      const bool whole = value.value == std::rint(value.value);
      if (value.value != 0 && !(whole && plan.scoring.codes.contains(std::llround(value.value))))
        ++undeclared[value.value];
    }
  }
  if (lost > 0) {
    out.push_back({"dataset.name", absl::StrCat("its catalogue does not say where the label files of ", lost,
                                                " cases lie: it was written by an older program; add the folder to the "
                                                "dataset again, which reads nothing twice")});
  }
  if (undeclared.empty()) return;
  out.push_back({"scoring.background", absl::StrCat("label maps have values that the network does not know: ",
                                                    absl::StrJoin(undeclared, ", ",
                                                                  [](std::string* text, const auto& item) {
                                                                    absl::StrAppend(
                                                                        text, item.first, " (in ", item.second,
                                                                        item.second == 1 ? " case)" : " cases)");
                                                                  }),
                                                    "; it knows ", plan.model.labels.ClassesText(),
                                                    "; name here those that count as background")});
}

}  // namespace

std::vector<SpecProblem> PlanEvaluation(const EvaluateSpec& spec, const CheckpointManifest& checkpoint,
                                        const DatasetVersion& version, EvaluationPlan& out) {
  Problems problems;
  absl::StatusOr<TrainedModel> model = TrainedModelOf(checkpoint);
  if (!model.ok()) return {{"checkpoint.from", std::string(model.status().message())}};
  out.model = *std::move(model);
  out.patch = VoxelCount(spec.window.patch) > 0 ? spec.window.patch : out.model.patch;
  const absl::StatusOr<std::string> weights =
      WeightsFile(spec.checkpoint.weights, checkpoint.files.empty() ? out.model.averaged : HoldsAverage(checkpoint));
  if (!weights.ok()) problems.push_back({"checkpoint.weights", std::string(weights.status().message())});
  out.weights = weights.value_or("");
  CheckContract(checkpoint, version, problems);
  CheckPatch(out.model, out.patch, problems);
  absl::StatusOr<Scoring> scoring = PlanScoring(out.model.labels, spec.scoring.regions, "");
  const bool regions = scoring.ok();
  if (regions) scoring = PlanScoring(out.model.labels, spec.scoring.regions, spec.scoring.background);
  if (!scoring.ok()) {
    problems.push_back({regions ? "scoring.background" : "scoring.regions", std::string(scoring.status().message())});
    return problems;
  }
  out.scoring = *std::move(scoring);
  FindTheCases(spec, checkpoint, version, out, problems);
  CheckLabels(version, out, problems);
  return problems;
}

}  // namespace amaes
