// Tensors to files of a checkpoint and back. Parameters and buffers: model.safetensors, float32 (indices
// int64), bare names; their moving average, where one is kept, under the same names: ema.safetensors. Optimiser state:
// optimizer-R-of-W.safetensors, each holding both moments of a share of the tensors; any world size can load any other's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/checkpoint/weights_file.h"
#include "libs/models/network.h"
#include "libs/train/adamw.h"
#include "libs/train/weight_average.h"

namespace amaes {

std::string OptimizerFile(int rank, int world_size);

// The rank that writes each tensor's moments: contiguous shares of about equal size. Pure.
std::vector<int> OptimizerOwners(absl::Span<const std::int64_t> sizes, int world_size);

// What one rank writes, copied to host memory: training may go on. Tensors are contiguous, on the CPU.
struct CheckpointShare {
  int rank = 0, world_size = 1;
  std::vector<NamedTensor> model;      // rank 0 only
  std::vector<NamedTensor> average;    // rank 0 only; empty where none is kept
  std::vector<NamedTensor> optimizer;  // "exp_avg.NAME", "exp_avg_sq.NAME"
};

// `average`: null where none is kept.   - ResourceExhausted: out of memory.   - Internal: error of the tensor library.
absl::StatusOr<CheckpointShare> CopyShare(const Network& network, const AdamW& optimizer, const WeightAverage* average,
                                          int rank, int world_size);

// Writes the share's files into an existing folder, flushed, and describes them: the optimiser's, then rank 0's weights.
// Uses no tensor operation: for a thread of its own. Errors as WriteSafetensors and DescribeFile.
absl::StatusOr<std::vector<CheckpointFile>> WriteShare(const std::filesystem::path& folder,
                                                       const CheckpointShare& share);

// Fills the parameters and buffers in place from a model.safetensors, or from an average. Nothing is changed unless everything
// fits. Errors as LoadState.
absl::Status LoadModel(const std::filesystem::path& file, const Network& network);

// Fills the parameters, buffers, both moments and the average (null: none is kept) in place from a verified checkpoint. Nothing is changed unless everything fits.
//   - FailedPrecondition: tensors are missing, unknown, of another shape or type; the message names them.
//   - DataLoss, NotFound: as ReadSafetensors.   - Internal: error of the tensor library.
absl::Status LoadState(const std::filesystem::path& folder, const CheckpointManifest& manifest, const Network& network,
                       const AdamW& optimizer, const WeightAverage* average = nullptr);

}  // namespace amaes
