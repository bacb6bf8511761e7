#include "tests/gpu/step_rig.h"

#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "libs/base/files.h"
#include "libs/base/rng.h"
#include "libs/draws/draws.h"
#include "libs/models/model_registry.h"
#include "libs/train/progress_meter.h"
#include "tests/gpu/test_device.h"

namespace amaes {
namespace {

[[noreturn]] void Usage(const char* program, const std::map<std::string, std::string>& defaults) {
  std::fprintf(stderr, "usage: %s [--NAME VALUE]…, with these defaults:\n", program);
  for (const auto& [name, value] : defaults) std::fprintf(stderr, "  --%s %s\n", name.c_str(), value.c_str());
  std::exit(2);
}

[[noreturn]] void NoNumber(const std::string& name, const std::string& value) {
  std::fprintf(stderr, "--%s: %s is no whole number\n", name.c_str(), value.c_str());
  std::exit(2);
}

std::unique_ptr<Network> MakeOn(const StepSetup& setup) {
  absl::StatusOr<std::unique_ptr<Network>> network =
      MakeNetwork({.name = setup.network, .filters = setup.filters, .seed = 3});
  TORCH_CHECK(network.ok(), network.status().ToString());
  (*network)->To(setup.device, setup.type);
  return *std::move(network);
}

std::vector<BucketPlan> PlanOf(const Network& network) {
  std::vector<std::int64_t> sizes;
  for (const NamedTensor& parameter : network.parameters()) sizes.push_back(parameter.tensor.numel());
  return PlanBuckets(sizes, {});
}

}  // namespace

Flags::Flags(int argc, char** argv, std::map<std::string, std::string> defaults) : values_(std::move(defaults)) {
  const std::map<std::string, std::string> known = values_;
  for (int i = 1; i < argc; i += 2) {
    const std::string word = argv[i];
    if (!word.starts_with("--") || !known.contains(word.substr(2)) || i + 1 == argc) Usage(argv[0], known);
    values_[word.substr(2)] = argv[i + 1];
  }
}

std::int64_t Flags::Number(const std::string& name) const {
  std::int64_t number = 0;
  if (!absl::SimpleAtoi(Text(name), &number)) NoNumber(name, Text(name));
  return number;
}

std::vector<std::int64_t> Flags::Numbers(const std::string& name) const {
  std::vector<std::int64_t> numbers;
  for (const absl::string_view part : absl::StrSplit(Text(name), ',')) {
    if (!absl::SimpleAtoi(part, &numbers.emplace_back())) NoNumber(name, Text(name));
  }
  return numbers;
}

std::vector<std::string> Flags::Words(const std::string& name) const { return absl::StrSplit(Text(name), ','); }

std::vector<Sample> RandomSamples(std::int64_t count, std::int64_t patch) {
  std::vector<Sample> samples(count);
  for (std::int64_t i = 0; i < count; ++i) {
    samples[i].position = i;
    samples[i].token_mask = DrawTokenMask(/*seed=*/1, i, Cube(patch), kToken, kMaskRatio);
    samples[i].shape = Cube(patch);
    samples[i].input.resize(VoxelCount(samples[i].shape));
    RandomStream stream(/*seed=*/1, Purpose::kPhantom, i);
    float* voxel = samples[i].input.data();
    for (std::int64_t place = 0; place < patch * patch * patch; ++place) {
      const std::int64_t half = patch / 2, x = place / (patch * patch), y = place / patch % patch, z = place % patch;
      const auto eighth = static_cast<int>(x / half * 4 + y / half * 2 + z / half);
      *voxel++ = std::ldexp(static_cast<float>(stream.NextUint32() >> 24), -8 - eighth % 5);
    }
  }
  return samples;
}

StepRig::StepRig(const StepSetup& setup_in, std::unique_ptr<Communicator> communicator_in)
    : setup(setup_in),
      communicator(std::move(communicator_in)),
      network(MakeOn(setup)),
      plan(PlanOf(*network)),
      optimizer(network->parameters(), plan, {}),
      buckets(network->parameters(), plan, *communicator, {}),
      objective({.token = kToken, .region = LossRegion::kWhole, .bf16 = setup.bf16, .device = setup.device}),
      step(objective, *network, buckets, optimizer, *communicator,
           {.global_batch = setup.batch,
            .micro_batch = setup.micro_batch,
            .lanes = setup.batch,
            .device = setup.device}) {}

absl::StatusOr<c10::Device> OpenDevice(const Flags& flags) {
  const std::int64_t threads = flags.Number("threads");
  return OpenDevice(flags.Text("device"), threads > 0 ? threads : std::max(1u, std::thread::hardware_concurrency()),
                    /*deterministic=*/false);
}

void AllowTf32(bool allow) {
  at::globalContext().setAllowTF32CuDNN(allow);
  at::globalContext().setAllowTF32CuBLAS(allow);
}

PeakMemory TakePeakMemory(c10::Device device) {
  if (device.is_cpu()) return {.allocated = PeakMemoryBytes(device), .reserved = PeakMemoryBytes(device)};
  const auto total = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  at::DeviceAllocator* const allocator = at::getDeviceAllocator(device.type());
  const auto stats = allocator->getDeviceStats(device.index());
  allocator->emptyCache();
  allocator->resetPeakStats(device.index());
  return {.allocated = stats.allocated_bytes[total].peak, .reserved = stats.reserved_bytes[total].peak};
}

void EndProcess(int code) {
  std::fflush(nullptr);
  _exit(code);
}

absl::Status WriteResult(const std::string& path, const std::string& text) {
  return path.empty() ? absl::OkStatus() : files::WriteAtomic(path, text);
}

}  // namespace amaes
