// Where initial weights lie: the checkpoint of another job, or a file. No LibTorch here.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/checkpoint/init_plan.h"

namespace amaes {

// "job:NAME@WHICH" in its parts; WHICH: last (also where nothing is said), best, or a step.
struct JobSource {
  std::string job;
  std::string which = "last";
};
// - InvalidArgument: not of that form.
absl::StatusOr<JobSource> ParseJobSource(const std::string& from);

// A committed checkpoint of …/JOB/checkpoints. best: the one that the job watched for (checkpoint.best_metric), as the
// newest says; where none was watched, or it is gone, of the highest dice or else masked_r2 in their manifests, held out first.
//   - NotFound: no such checkpoint; says which there are.   - FailedPrecondition: `best`, and nothing to compare.
absl::StatusOr<FoundCheckpoint> ChooseCheckpoint(const std::filesystem::path& checkpoints, const std::string& which);

struct InitFile {
  std::filesystem::path path;  // of the .safetensors file
  std::string sha256;
  std::string spec_json;        // of the job that wrote it; "" for a file alone
  std::string contract_json{};  // of the volumes that job read; "" for a file alone
};
// Of a checkpoint's folder, or of a .safetensors file, which is read once for its hash. `weights`: as of WeightsFile; a file
// alone is what it is.
//   - FailedPrecondition: "average", and the checkpoint has none, or the place is a file.   - NotFound, DataLoss, Unavailable.
absl::StatusOr<InitFile> FindInitFile(const std::filesystem::path& place, const std::string& weights);
absl::StatusOr<InitFile> InitFileOf(const FoundCheckpoint& checkpoint, const std::string& weights);

// What tells an encoder from others by names and shapes of its tensors.
struct EncoderTraits {
  std::string prefix;        // of the names, with its dot
  std::int64_t filters = 0;  // of its first convolution; 0 = not known
  std::string mark{};        // a tensor that it has, of at least one axis; empty = none is known
  std::int64_t mark_size{};  // and its first axis
};

// Whether the file's header holds such an encoder; what is wrong, or "".
//   - NotFound, DataLoss, Unavailable: the file.
absl::StatusOr<std::string> EncoderDefect(const std::filesystem::path& path, const EncoderTraits& encoder);

// The same where every tensor of the network's encoder is known.
absl::StatusOr<std::string> EncoderMisfit(const std::filesystem::path& path, const std::string& encoder_prefix,
                                          const std::vector<TensorShape>& encoder);

}  // namespace amaes
