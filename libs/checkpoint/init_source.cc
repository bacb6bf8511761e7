#include "libs/checkpoint/init_source.h"

#include <algorithm>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/file_ops.h"
#include "libs/checkpoint/init_plan.h"
#include "libs/checkpoint/safetensors.h"
#include "libs/checkpoint/weights_file.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShown = 5;

std::vector<FoundCheckpoint> Committed(const fs::path& checkpoints) {
  std::vector<FoundCheckpoint> out;
  std::error_code error;
  for (fs::directory_iterator i(checkpoints, error), end; !error && i != end; i.increment(error)) {
    if (!ParseCheckpointName(i->path().filename().string()).ok()) continue;
    absl::StatusOr<CheckpointManifest> manifest = ReadManifest(i->path());
    if (manifest.ok()) out.push_back({i->path(), *std::move(manifest)});
  }
  std::sort(out.begin(), out.end(), [](const FoundCheckpoint& a, const FoundCheckpoint& b) {
    return std::pair(a.manifest.step, a.manifest.attempt) < std::pair(b.manifest.step, b.manifest.attempt);
  });
  return out;
}

std::string NamesOf(const std::vector<FoundCheckpoint>& found) {
  std::vector<std::string> steps;
  for (std::size_t i = found.size() - std::min(found.size(), kShown); i < found.size(); ++i) {
    steps.push_back(absl::StrCat(found[i].manifest.step));
  }
  return absl::StrJoin(steps, ", ");
}

// Not empty, in order of steps.
absl::StatusOr<FoundCheckpoint> Best(const std::vector<FoundCheckpoint>& found) {
  const std::int64_t watched = found.back().manifest.best_step;
  for (auto one = found.rbegin(); watched >= 0 && one != found.rend(); ++one) {
    if (one->manifest.step == watched) return *one;
  }
  for (const char* name : {"held_out/dice", "held_out/masked_r2", "dice", "masked_r2"}) {
    const FoundCheckpoint* best = nullptr;
    for (const FoundCheckpoint& one : found) {
      const auto value = one.manifest.metrics.find(name);
      if (value == one.manifest.metrics.end()) continue;
      if (best == nullptr || value->second > best->manifest.metrics.at(name)) best = &one;
    }
    if (best != nullptr) return *best;
  }
  return absl::FailedPreconditionError(
      "no metric was watched (checkpoint.best_metric), and its checkpoints have no dice and no masked_r2 to tell the "
      "best by: take @last or @STEP");
}

}  // namespace

absl::StatusOr<JobSource> ParseJobSource(const std::string& from) {
  absl::string_view rest = from;
  JobSource out;
  if (!absl::ConsumePrefix(&rest, "job:")) return absl::InvalidArgumentError("does not begin with job:");
  const std::size_t at = rest.find('@');
  out.job = std::string(rest.substr(0, at));
  if (at != absl::string_view::npos) out.which = std::string(rest.substr(at + 1));
  std::int64_t step = 0;
  const bool known = out.which == "last" || out.which == "best" || (absl::SimpleAtoi(out.which, &step) && step >= 0);
  if (out.job.empty() || !known) {
    return absl::InvalidArgumentError("the form is job:NAME, job:NAME@last, job:NAME@best or job:NAME@STEP");
  }
  return out;
}

absl::StatusOr<FoundCheckpoint> ChooseCheckpoint(const fs::path& checkpoints, const std::string& which) {
  const std::vector<FoundCheckpoint> found = Committed(checkpoints);
  if (found.empty()) return absl::NotFoundError("it has no checkpoint yet");
  if (which == "last") return found.back();
  if (which == "best") return Best(found);
  std::int64_t step = -1;
  (void)absl::SimpleAtoi(which, &step);
  const auto place =
      std::find_if(found.rbegin(), found.rend(), [&](const auto& one) { return one.manifest.step == step; });
  if (place != found.rend()) return *place;
  return absl::NotFoundError(
      absl::StrCat("it has no checkpoint of step ", which, "; the newest are of steps ", NamesOf(found)));
}

absl::StatusOr<InitFile> InitFileOf(const FoundCheckpoint& checkpoint, const std::string& weights) {
  AMAES_ASSIGN_OR_RETURN(const std::string name, WeightsFile(weights, HoldsAverage(checkpoint.manifest)));
  for (const CheckpointFile& file : checkpoint.manifest.files) {
    if (file.name == name)
      return InitFile{checkpoint.folder / name, file.sha256, checkpoint.manifest.spec_json,
                      checkpoint.manifest.contract_json};
  }
  return absl::DataLossError(absl::StrCat(checkpoint.folder.string(), " holds no ", name));
}

absl::StatusOr<InitFile> FindInitFile(const fs::path& place, const std::string& weights) {
  std::error_code error;
  if (fs::is_directory(place, error)) {
    absl::StatusOr<CheckpointManifest> manifest = ReadManifest(place);
    if (!manifest.ok()) return Annotate(manifest.status(), absl::StrCat(place.string(), " is no committed checkpoint"));
    return InitFileOf({place, *std::move(manifest)}, weights);
  }
  if (!fs::is_regular_file(place, error)) return absl::NotFoundError(absl::StrCat("there is no file ", place.string()));
  if (place.extension() != ".safetensors") {
    return absl::NotFoundError(
        absl::StrCat(place.string(), " is neither a checkpoint's folder nor a .safetensors file"));
  }
  if (weights == "average") {
    return absl::FailedPreconditionError(
        absl::StrCat(place.string(), " is one file of weights: there is no average beside them to choose; take auto"));
  }
  AMAES_ASSIGN_OR_RETURN(const CheckpointFile file, DescribeFile(place));
  return InitFile{place, file.sha256, ""};
}

absl::StatusOr<std::string> EncoderDefect(const fs::path& path, const EncoderTraits& encoder) {
  AMAES_ASSIGN_OR_RETURN(const SafetensorsFile header, ReadSafetensorsHeader(path));
  bool any = false;
  const TensorView *stem = nullptr, *mark = nullptr;  // stem: the convolution with the fewest channels in
  for (const TensorView& tensor : header.tensors) {
    const std::string name = BareTensorName(tensor.name);
    if (!absl::StartsWith(name, encoder.prefix)) continue;
    any = true;
    if (name == encoder.mark && !tensor.shape.empty()) mark = &tensor;
    if (tensor.shape.size() != 5) continue;
    if (stem == nullptr || std::pair(tensor.shape[1], tensor.shape[0]) < std::pair(stem->shape[1], stem->shape[0]))
      stem = &tensor;
  }
  if (!any || (encoder.filters > 0 && stem == nullptr)) {
    return absl::StrCat("holds no encoder: none of its ", header.tensors.size(),
                        any ? " tensors is a convolution called " : " tensors is called ", encoder.prefix, "…");
  }
  if (encoder.filters > 0 && stem->shape[0] != encoder.filters) {
    return absl::StrCat("holds an encoder that begins with ", stem->shape[0], " channels (", stem->name,
                        "), this network's has ", encoder.filters);
  }
  if (encoder.mark.empty()) return std::string();
  if (mark == nullptr) {
    return absl::StrCat("holds the encoder of another network: this one's has a tensor ", encoder.mark);
  }
  if (mark->shape[0] == encoder.mark_size) return std::string();
  return absl::StrCat("holds the encoder of another network: its ", mark->name, " has ", mark->shape[0],
                      " channels, this one's ", encoder.mark_size);
}

absl::StatusOr<std::string> EncoderMisfit(const fs::path& path, const std::string& encoder_prefix,
                                          const std::vector<TensorShape>& encoder) {
  AMAES_ASSIGN_OR_RETURN(const SafetensorsFile header, ReadSafetensorsHeader(path));
  std::vector<TensorShape> sources;
  for (const TensorView& tensor : header.tensors) sources.push_back({tensor.name, tensor.shape});
  return Incompleteness(PlanInit(sources, encoder, {encoder_prefix, /*load_decoder=*/false}));
}

}  // namespace amaes
