// What the GPU programs share: one rank that computes training steps on random samples, and its command line.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/collective/communicator.h"
#include "libs/evaluate/masked_objective.h"
#include "libs/loader/loader.h"
#include "libs/models/network.h"
#include "libs/train/adamw.h"
#include "libs/train/gradient_buckets.h"
#include "libs/train/train_step.h"

namespace amaes {

// --name value pairs, all optional.
class Flags {
 public:
  // `defaults` names every flag. Prints the usage and ends the process on anything else.
  Flags(int argc, char** argv, std::map<std::string, std::string> defaults);
  const std::string& Text(const std::string& name) const { return values_.at(name); }
  std::int64_t Number(const std::string& name) const;                // ends the process when it is none
  std::vector<std::int64_t> Numbers(const std::string& name) const;  // separated by commas
  std::vector<std::string> Words(const std::string& name) const;     // separated by commas

 private:
  std::map<std::string, std::string> values_;
};

struct StepSetup {
  std::string network = "unet_b";
  std::int64_t patch = 128, filters = 0;    // 0 = the name's own width
  std::int64_t batch = 2, micro_batch = 2;  // samples per step and per forward pass
  c10::ScalarType type = at::kFloat;
  bool bf16 = false;  // autocast
  c10::Device device = at::kCPU;
};

inline constexpr std::int64_t kToken = 4;
inline constexpr double kMaskRatio = 0.6;

// Noise in [0, 1) of 8 significant bits: bfloat16 holds it exactly, so all precisions see the same input. Of another strength in each
// eighth of the volume: else norms over the few voxels of the lowest level see almost no variance, and gradients are rounding.
std::vector<Sample> RandomSamples(std::int64_t count, std::int64_t patch);

// A network with its optimiser, as the training loop puts them together. `setup.network` is one of Networks(). Throws c10::Error.
class StepRig {
 public:
  StepRig(const StepSetup& setup, std::unique_ptr<Communicator> communicator);

  const StepSetup setup;
  const std::unique_ptr<Communicator> communicator;
  const std::unique_ptr<Network> network;
  const std::vector<BucketPlan> plan;
  AdamW optimizer;
  GradientBuckets buckets;
  const MaskedObjective objective;
  TrainStep step;
};

// That of --device, with --threads (0: as many as the machine has). Errors as OpenDevice of a name.
absl::StatusOr<c10::Device> OpenDevice(const Flags& flags);

// TF32 for float32 convolutions and products on a GPU.
void AllowTf32(bool allow);

struct PeakMemory {
  std::int64_t allocated = 0, reserved = 0;  // bytes
};
// Since the last call, of the GPU's allocator; on a CPU the process's resident memory so far. Begins anew.
PeakMemory TakePeakMemory(c10::Device device);

// Ends the process without destructors of libraries that hold a GPU.
[[noreturn]] void EndProcess(int code);

// `text` into the file, unless `path` is empty.
absl::Status WriteResult(const std::string& path, const std::string& text);

}  // namespace amaes
