#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/spec/fields.h"
#include "libs/spec/network_facts.h"
#include "libs/spec/probe.h"
#include "libs/spec/spec_io.h"
#include "libs/volume/spacing.h"

namespace amaes {
namespace {

using Problems = std::vector<SpecProblem>;

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsName(const std::string& text, std::size_t longest) {
  return !text.empty() && text.size() <= longest &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsLowerOrDigit(c) || c == '-'; });
}

bool IsHex64(const std::string& text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void CheckDatasetName(const std::string& field, const std::string& name, Problems& out) {
  if (name.empty()) {
    out.push_back({field, "is required: the name of a dataset"});
  } else if (!IsName(name, 63) || !IsLowerOrDigit(name[0])) {
    out.push_back({field, absl::StrCat(Quoted(name),
                                       " is no dataset name: lower-case letters, digits and -, at most 63, "
                                       "a letter or digit first")});
  }
}

void CheckScript(const TrainingSpec::Network& network, Problems& out) {
  if (network.name != kScriptNetwork) {
    for (const auto& [field, text] :
         {std::pair{"network.script", &network.script}, {"network.encoder_prefix", &network.encoder_prefix}}) {
      if (!text->empty()) out.push_back({field, absl::StrCat("is of network script, not of ", network.name)});
    }
    return;
  }
  if (network.script.empty()) {
    out.push_back({"network.script", "is required for network script: the absolute path of a TorchScript file"});
  } else if (network.script[0] != '/' || network.script.find('\0') != std::string::npos) {
    out.push_back(
        {"network.script", absl::StrCat(Quoted(network.script), " is not an absolute path: it must begin with /")});
  }
  if (network.filters != 0) out.push_back({"network.filters", "a script has its own widths: leave it out"});
  if (network.decoder != "auto") out.push_back({"network.decoder", "a script has its own decoder: leave it out"});
  if (network.skips != "auto") out.push_back({"network.skips", "a script has its own decoder: leave it out"});
}

void CheckNetwork(const TrainingSpec& spec, Problems& out) {
  CheckScript(spec.network, out);
  const NetworkFacts* network = FindNetwork(spec.network.name);
  if (network == nullptr) return;  // a script, or said by the choices
  const std::int64_t filters = spec.network.filters;
  if (network->filters == 0 && filters == 0) {
    out.push_back({"network.filters",
                   absl::StrCat("is required for network ", network->name, ": channels of the first level, e.g. 16")});
  } else if (filters > 0 && !TakesFilters(*network, filters)) {
    const std::string other =
        network->widths > 0 ? absl::StrCat("give a multiple of ", network->widths) : std::string("use network unet");
    out.push_back({"network.filters", absl::StrCat(filters, " does not fit network ", network->name, ", which has ",
                                                   network->filters, "; leave it out, or ", other)});
  }
}

// What the network has no such form of.
void CheckForms(const JobSpec& spec, Problems& out) {
  const TrainingSpec::Network& network = spec.training().network;
  const NetworkFacts* facts = FindNetwork(network.name);
  const bool segments = spec.kind == JobKind::kFinetune;
  if (segments && spec.finetune.outputs.deep_supervision &&
      (facts == nullptr ? network.name == kScriptNetwork : !facts->deep_supervision)) {
    out.push_back(
        {"network.deep_supervision", absl::StrCat("network ", network.name, " has one output: leave it out")});
  }
  if (facts == nullptr) return;  // a script, or said by the choices
  const NetworkOptions options = NetworkOptionsOf(spec);
  if (options.decoder == Decoder::kHeads) {
    for (const auto& [field, value] :
         {std::pair{"network.decoder", &network.decoder}, {"network.skips", &network.skips}}) {
      if (*value != "auto") out.push_back({field, "objective swinunetr has heads, and no decoder: leave it out"});
    }
  } else if (facts->forms == DecoderForms::kOne && network.decoder == (segments ? "light" : "standard")) {
    out.push_back({"network.decoder", absl::StrCat("network ", network.name,
                                                   " has one decoder, of one convolution per level: leave it out")});
  } else if (facts->forms == DecoderForms::kTied && options.skips != (options.decoder == Decoder::kStandard)) {
    out.push_back({"network.skips", absl::StrCat("network ", network.name,
                                                 " has skips with the standard decoder, and none with the light one: "
                                                 "leave it out, or choose network.decoder")});
  }
}

void CheckPatch(const TrainingSpec& spec, Problems& out) {
  const NetworkFacts* network = FindNetwork(spec.network.name);
  if (network == nullptr) return;  // a script, or said by the choices
  for (const std::int64_t side : spec.patch) {
    if (side % network->multiple == 0 && side >= network->smallest) continue;
    out.push_back({"patch", absl::StrCat(ShapeText(spec.patch), " does not fit network ", network->name,
                                         ": multiples of ", network->multiple, ", at least ", network->smallest)});
    return;
  }
}

void CheckMask(const PretrainSpec& spec, Problems& out) {
  const std::int64_t token = spec.mask.token;
  double tokens = 1;
  for (const std::int64_t side : spec.patch) {
    if (token < 1 || side < 1 || side > 4096) return;  // said by the ranges
    if (side % token != 0) {
      out.push_back({"mask.token", absl::StrCat(token, " does not divide patch ", ShapeText(spec.patch))});
      return;
    }
    const std::int64_t along = side / token;
    tokens *= static_cast<double>(along);
  }
  const double visible = std::floor(tokens * (1 - spec.mask.ratio));
  if (spec.mask.ratio > 0 && spec.mask.ratio < 1 && (visible < 1 || visible >= tokens)) {
    out.push_back({"mask.ratio", absl::StrCat("of the ", tokens,
                                              " tokens of a patch at least one must be masked and one "
                                              "visible; mask.ratio ",
                                              spec.mask.ratio, " leaves ", visible, " visible")});
  }
}

void CheckBatch(const TrainingSpec& spec, Problems& out) {
  if (spec.micro_batch > spec.global_batch) {
    out.push_back({"micro_batch", absl::StrCat(spec.micro_batch, " is more than global_batch ", spec.global_batch)});
  }
  if (spec.workers > spec.global_batch) {
    out.push_back({"workers", absl::StrCat(spec.workers, " is more than global_batch ", spec.global_batch,
                                           ": every worker needs at least one sample per step")});
  }
}

// What the objective would not look at.
void CheckForeignFields(const JobSpec& spec, Problems& out) {
  const bool swin = spec.pretrain.objective.name == "swinunetr";
  JobSpec defaults;
  defaults.kind = JobKind::kPretrain;
  for (const Field& field : SpecFields()) {
    const bool masked = absl::StartsWith(field.path, "mask.") || field.path == "loss.region";
    if (!(swin ? masked : field.path == "objective.group")) continue;
    if (FieldValueJson(field, spec) == FieldValueJson(field, defaults)) continue;
    out.push_back({field.path, swin ? "is of objective masked, not of swinunetr: leave it out"
                                    : "is of objective swinunetr, not of masked: leave it out"});
  }
}

// SwinUNETR's own pretraining: heads that only its network has, quarter turns, groups that stay together.
void CheckObjective(const PretrainSpec& spec, Problems& out) {
  if (spec.objective.name != "swinunetr") return;
  constexpr char kName[] = "objective.name";
  if (spec.network.name != "swin_unetr") {
    out.push_back({kName, absl::StrCat("swinunetr needs network swin_unetr, not ", spec.network.name)});
  } else if (spec.patch[1] != spec.patch[2]) {
    out.push_back(
        {kName, absl::StrCat("swinunetr turns patches by quarters in the plane of y and z: the two must be equal, not ",
                             ShapeText(spec.patch))});
  } else if (VoxelCount(spec.patch) < 2 * 32 * 32 * 32) {
    out.push_back({kName, absl::StrCat("swinunetr reads two tokens of 32x32x32 voxels: a patch of ",
                                       ShapeText(spec.patch), " has one; take at least 64x32x32")});
  }
  const std::int64_t group = spec.objective.group;
  if (group < 1) return;  // said by the range
  if (spec.global_batch % group != 0) {
    out.push_back({"objective.group", absl::StrCat(group, " does not divide global_batch ", spec.global_batch)});
  } else if (spec.workers > spec.global_batch / group) {
    out.push_back(
        {"workers", absl::StrCat(spec.workers, " is more than the ", spec.global_batch / group, " groups of ", group,
                                 " samples in global_batch ", spec.global_batch, ": a group stays on one worker")});
  }
  if (spec.micro_batch == 0) {
    out.push_back(
        {"micro_batch",
         absl::StrCat("0 (as many as fit) is for objective masked: give a multiple of objective.group ", group)});
  } else if (spec.micro_batch % group != 0) {
    out.push_back({"micro_batch", absl::StrCat(spec.micro_batch, " is no multiple of objective.group ", group,
                                               ": a group goes through the network at once")});
  }
}

// LibTorch 2.11 reads uninitialised memory in the bf16 weight gradient of a 3³ convolution on a 2³ grid on the CPU, which
// is what a patch of 32 has at its lowest level (docs/adr/0013); four of what a network's sides are multiples of leave 4³.
void CheckPrecision(const TrainingSpec& spec, Problems& out) {
  const NetworkFacts* network = FindNetwork(spec.network.name);
  // How often a script halves a patch is not known: most do so four times.
  const std::int64_t multiple = network != nullptr ? network->multiple : spec.network.name == kScriptNetwork ? 16 : 0;
  const std::int64_t smallest = 4 * multiple;
  const std::int64_t side = *std::min_element(spec.patch.begin(), spec.patch.end());
  if (spec.precision == "bf16" && spec.device != "gpu" && side < smallest) {
    out.push_back({"precision", absl::StrCat("bf16 on the CPU needs a patch of at least ", smallest, ", not ",
                                             ShapeText(spec.patch), ": take fp32, a larger patch, or device gpu")});
  }
}

void CheckTraining(const TrainingSpec& spec, Problems& out) {
  CheckDatasetName("dataset.name", spec.dataset.name, out);
  for (const auto& [field, digest] : {std::pair{"dataset.digest", &spec.dataset.digest},
                                      {"dataset.selection", &spec.dataset.selection},
                                      {"network.script_digest", &spec.network.script_digest}}) {
    if (digest->empty() || IsHex64(*digest)) continue;
    out.push_back({field, absl::StrCat(Quoted(*digest), " is not 64 hexadecimal digits")});
  }
  CheckNetwork(spec, out);
  CheckPatch(spec, out);
  if (spec.schedule.steps > 0 && spec.schedule.warmup_steps > spec.schedule.steps) {
    out.push_back({"schedule.warmup_steps",
                   absl::StrCat(spec.schedule.warmup_steps, " is more than schedule.steps ", spec.schedule.steps)});
  }
  CheckBatch(spec, out);
  CheckPrecision(spec, out);
  if (!spec.checkpoint.best_metric.empty() && spec.checkpoint.best_metric != kProbeMetric &&
      spec.validation.every_steps == 0) {
    out.push_back({"checkpoint.best_metric", absl::StrCat(Quoted(spec.checkpoint.best_metric),
                                                          " is never measured: validation.every_steps is 0")});
  }
}

// What is never measured in this kind of job.
void CheckBestMetric(const JobSpec& spec, Problems& out) {
  const std::string& metric = spec.training().checkpoint.best_metric;
  const auto refuse = [&](absl::string_view why) {
    out.push_back({"checkpoint.best_metric", absl::StrCat(Quoted(metric), why)});
  };
  const bool of_masking = metric == "loss_masked" || metric == "masked_r2";
  if (spec.kind == JobKind::kFinetune) {
    if (of_masking || metric == kProbeMetric) refuse(" is no metric of a finetune job: loss or dice");
  } else if (metric == kProbeMetric) {
    if (!HasProbe(spec)) refuse(" is of a probe, and there is none: set probe.every_passes");
  } else if (of_masking && spec.pretrain.objective.name == "swinunetr") {
    refuse(" is no metric of objective swinunetr: loss, or probe_dice with a probe");
  } else if (metric == "dice") {
    refuse(" is no metric of a pretrain job: loss, loss_masked, masked_r2, or probe_dice with a probe");
  }
}

void CheckProbeOf(const JobSpec& spec, Problems& out) {
  for (const SpecProblem& problem : CheckProbe(spec)) out.push_back(problem);
  const PretrainSpec::Probe& probe = spec.pretrain.probe;
  if (!probe.dataset.empty()) CheckDatasetName("probe.dataset", probe.dataset, out);
  if (!probe.digest.empty() && !IsHex64(probe.digest)) {
    out.push_back({"probe.digest", absl::StrCat(Quoted(probe.digest), " is not 64 hexadecimal digits")});
  }
}

void CheckFinetune(const FinetuneSpec& spec, Problems& out) {
  if (!spec.dataset.repeats.empty()) {
    out.push_back({"dataset.repeats", "is of pretraining: in a pass of finetuning every case comes once"});
  }
  const FinetuneSpec::Init& init = spec.init;
  const bool named = !init.from.empty();
  if (named && init.from[0] != '/' && !absl::StartsWith(init.from, "job:")) {
    out.push_back({"init.from", absl::StrCat(Quoted(init.from), " is neither job:NAME nor an absolute path")});
  }
  // From scratch the freeze does not count (ResolveSpec).
  if (init.freeze_encoder_steps > 0 && !init.scratch) {
    const std::int64_t steps =
        spec.schedule.steps > 0 ? spec.schedule.steps : spec.epochs.epochs * spec.epochs.epoch_steps;
    if (!named) {
      out.push_back({"init.freeze_encoder_steps", "a random encoder must train: give init.from, or 0"});
    } else if (init.freeze_encoder_steps >= steps) {
      out.push_back({"init.freeze_encoder_steps",
                     absl::StrCat(init.freeze_encoder_steps, " of ", steps,
                                  " steps: the encoder would never train; give less than the job's steps")});
    }
  }
  if (!init.sha256.empty() && !IsHex64(init.sha256)) {
    out.push_back({"init.sha256", absl::StrCat(Quoted(init.sha256), " is not 64 hexadecimal digits")});
  }
}

void CheckEvaluate(const EvaluateSpec& spec, Problems& out) {
  CheckDatasetName("dataset.name", spec.dataset.name, out);
  const std::string& from = spec.checkpoint.from;
  if (from.empty()) {
    out.push_back(
        {"checkpoint.from", "is required: job:NAME of a finetuning, or the absolute path of a checkpoint folder"});
  } else if (from[0] != '/' && from.rfind("job:", 0) != 0) {
    out.push_back({"checkpoint.from", absl::StrCat(Quoted(from), " is neither job:NAME nor an absolute path")});
  }
  const Shape3& patch = spec.window.patch;
  const auto zeros = std::count(patch.begin(), patch.end(), 0);
  if (zeros != 0 && zeros != 3) {
    out.push_back({"window.patch",
                   absl::StrCat(ShapeText(patch), " has a side of 0: name all three, or 0 for the checkpoint's")});
  }
  const std::string& moved = spec.dataset.moved;
  const std::size_t equals = moved.find('=');
  if (!moved.empty() && (moved[0] != '/' || equals == std::string::npos || moved.compare(equals, 2, "=/") != 0)) {
    out.push_back({"dataset.moved", absl::StrCat(Quoted(moved), " is not FROM=TO, two absolute folders")});
  }
  for (const auto& [field, digest] :
       {std::pair{"dataset.digest", &spec.dataset.digest}, {"checkpoint.sha256", &spec.checkpoint.sha256}}) {
    if (!digest->empty() && !IsHex64(*digest)) {
      out.push_back({field, absl::StrCat(Quoted(*digest), " is not 64 hexadecimal digits")});
    }
  }
}

void CheckIngest(const IngestSpec& spec, Problems& out) {
  CheckDatasetName("dataset", spec.dataset, out);
  if (spec.from.empty()) {
    out.push_back({"from", "is required: an absolute folder on the agent's node"});
  } else if (spec.from[0] != '/') {
    out.push_back({"from", absl::StrCat(Quoted(spec.from), " is not an absolute path: it must begin with /")});
  } else if (spec.from.find('\0') != std::string::npos) {
    out.push_back({"from", "has a zero byte"});
  }
  const absl::StatusOr<SpacingChoice> spacing = ParseSpacing(spec.spacing);
  if (spec.reference_crop && spec.contract != "amaes") {
    out.push_back({"reference_crop", absl::StrCat("is of the contract amaes, not of ", spec.contract)});
  }
  if (!spacing.ok()) out.push_back({"spacing", std::string(spacing.status().message())});
}

}  // namespace

std::vector<SpecProblem> ValidateSpec(const JobSpec& spec) {
  Problems crossing;
  if (!spec.name.empty() && !IsName(spec.name, 63)) {
    crossing.push_back(
        {"name", absl::StrCat(Quoted(spec.name), " is no job name: lower-case letters, digits and -, at most 63")});
  }
  if (spec.trains()) {
    CheckTraining(spec.training(), crossing);
    CheckForms(spec, crossing);
    CheckBestMetric(spec, crossing);
  }
  if (spec.kind == JobKind::kPretrain) {
    CheckMask(spec.pretrain, crossing);
    CheckObjective(spec.pretrain, crossing);
    CheckForeignFields(spec, crossing);
    CheckProbeOf(spec, crossing);
  }
  if (spec.kind == JobKind::kFinetune) CheckFinetune(spec.finetune, crossing);
  if (spec.kind == JobKind::kEvaluate) CheckEvaluate(spec.evaluate, crossing);
  if (spec.kind == JobKind::kIngest) CheckIngest(spec.ingest, crossing);
  Problems out;
  for (const Field& field : SpecFields()) {
    if (!field.kinds.contains(spec.kind)) continue;
    const std::string wrong = CheckFieldRange(field, spec);
    if (!wrong.empty()) out.push_back({field.path, wrong});
    for (const SpecProblem& problem : crossing) {
      // One message per field: out of range says enough.
      if (problem.field == field.path && wrong.empty()) out.push_back(problem);
    }
  }
  return out;
}

}  // namespace amaes
