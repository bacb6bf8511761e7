#include "libs/augment/swin_views.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/rot90.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "libs/base/log.h"

namespace amaes {
namespace {

// A host tensor [B, 1, D, H, W], filled sample by sample, for an asynchronous copy to a GPU.
template <typename T>
class HostBatch {
 public:
  HostBatch(std::int64_t batch, const Shape3& patch, c10::ScalarType type, c10::Device device)
      : tensor_(at::empty({batch, 1, patch[0], patch[1], patch[2]},
                          at::TensorOptions(type).pinned_memory(device.is_cuda()))),
        next_(static_cast<T*>(tensor_.mutable_data_ptr())),
        count_(static_cast<std::size_t>(VoxelCount(patch))),
        device_(device) {}

  // Of an empty one: zeros.
  void Add(const std::vector<T>& values) {
    AMAES_CHECK(values.size() == count_ || values.empty());
    if (values.empty()) {
      std::fill_n(next_, count_, T{});
    } else {
      std::memcpy(next_, values.data(), count_ * sizeof(T));
    }
    next_ += count_;
  }
  at::Tensor OnDevice() const { return tensor_.to(device_, /*non_blocking=*/true); }

 private:
  const at::Tensor tensor_;
  T* next_;
  const std::size_t count_;
  const c10::Device device_;
};

// Index in `samples` of a member of sample b's group; b where it is not there.
std::int64_t IndexOf(absl::Span<const Sample* const> samples, std::int64_t b, std::int64_t member, std::int64_t group) {
  const std::int64_t position = samples[b]->position / group * group + member;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (samples[i]->position == position) return static_cast<std::int64_t>(i);
  }
  return b;
}

SwinSpoiling DrawSpoiling(absl::Span<const Sample* const> samples, int view, const SwinViewOptions& options,
                          c10::Device device) {
  const auto batch = static_cast<std::int64_t>(samples.size());
  const Shape3& patch = samples.front()->shape;
  HostBatch<float> noise(batch, patch, at::kFloat, device);
  HostBatch<std::uint8_t> noise_mask(batch, patch, at::kByte, device), copy_mask(batch, patch, at::kByte, device);
  SwinSpoiling spoiling;
  for (std::int64_t b = 0; b < batch; ++b) {
    const Sample& sample = *samples[b];
    const SwinDrawsFor use = sample.fixed ? SwinDrawsFor::kValidation : SwinDrawsFor::kTraining;
    const std::uint64_t seed = sample.fixed ? options.fixed_seed : options.draw_seed;
    const SwinViewDraw draw = DrawSwinView(seed, use, sample.position, view, options.group, patch);
    const SwinFill fill = DrawSwinFill(seed, use, sample.position, view, draw, patch);
    noise.Add(fill.noise);
    noise_mask.Add(fill.noise_mask);
    copy_mask.Add(fill.copy_mask);
    spoiling.turns.push_back(draw.quarter_turns);
    spoiling.sources.push_back(IndexOf(samples, b, draw.source, options.group));
  }
  spoiling.noise = noise.OnDevice();
  spoiling.noise_mask = noise_mask.OnDevice().to(at::kBool);
  spoiling.copy_mask = copy_mask.OnDevice().to(at::kBool);
  return spoiling;
}

at::Tensor OnDevice(const std::vector<int>& values, c10::Device device) {
  const at::Tensor host = at::empty({static_cast<std::int64_t>(values.size())}, at::kLong);
  for (std::size_t i = 0; i < values.size(); ++i) host.mutable_data_ptr<std::int64_t>()[i] = values[i];
  return host.to(device);
}

bool HasTarget(const Sample* sample) { return !sample->target.empty(); }

// [B, 1, D, H, W]: the patches before intensity augmentation; undefined where they are the inputs.
at::Tensor TargetsOf(absl::Span<const Sample* const> samples, c10::Device device) {
  if (std::none_of(samples.begin(), samples.end(), HasTarget)) return {};
  HostBatch<float> host(static_cast<std::int64_t>(samples.size()), samples.front()->shape, at::kFloat, device);
  for (const Sample* sample : samples) host.Add(HasTarget(sample) ? sample->target : sample->input);
  return host.OnDevice();
}

// [B, 1, D, H, W] bool; undefined where no sample has any.
at::Tensor ExcludedOf(absl::Span<const Sample* const> samples, c10::Device device) {
  if (std::all_of(samples.begin(), samples.end(), [](const Sample* sample) { return sample->excluded.empty(); }))
    return {};
  HostBatch<std::uint8_t> host(static_cast<std::int64_t>(samples.size()), samples.front()->shape, at::kByte, device);
  for (const Sample* sample : samples) host.Add(sample->excluded);
  return host.OnDevice().to(at::kBool);
}

std::vector<at::Tensor> Turned(const at::Tensor& patches, const std::vector<int>& turns) {
  std::vector<at::Tensor> turned;
  for (std::int64_t b = 0; b < patches.size(0); ++b)
    turned.push_back(at::rot90(patches[b], turns[b], {2, 3}).contiguous());
  return turned;
}

}  // namespace

SwinView ApplySwinSpoiling(const at::Tensor& patches, const SwinSpoiling& spoiling) {
  const std::int64_t batch = patches.size(0);
  const std::vector<at::Tensor> turned = Turned(patches, spoiling.turns);
  std::vector<at::Tensor> spoiled;
  for (std::int64_t b = 0; b < batch; ++b) {
    const std::int64_t source = spoiling.sources[b];
    at::Tensor view = at::where(spoiling.noise_mask[b], spoiling.noise[b], turned[b]);
    if (source != b) view = at::where(spoiling.copy_mask[b], source < b ? spoiled[source] : turned[source], view);
    spoiled.push_back(view);
  }
  return {at::stack(spoiled), at::stack(turned)};
}

SwinViews MakeSwinViews(absl::Span<const Sample* const> samples, const SwinViewOptions& options, c10::Device device) {
  AMAES_CHECK(!samples.empty());
  const Shape3& patch = samples.front()->shape;
  HostBatch<float> host(static_cast<std::int64_t>(samples.size()), patch, at::kFloat, device);
  for (const Sample* sample : samples) host.Add(sample->input);
  const at::Tensor patches = host.OnDevice(), before = TargetsOf(samples, device);
  const at::Tensor excluded = ExcludedOf(samples, device);
  std::vector<at::Tensor> inputs, targets, left_out;
  std::vector<int> turns;
  for (int view = 0; view < 2; ++view) {
    const SwinSpoiling spoiling = DrawSpoiling(samples, view, options, device);
    SwinView made = ApplySwinSpoiling(patches, spoiling);
    inputs.push_back(std::move(made.input));
    targets.push_back(before.defined() ? at::stack(Turned(before, spoiling.turns)) : std::move(made.target));
    turns.insert(turns.end(), spoiling.turns.begin(), spoiling.turns.end());
    if (excluded.defined()) left_out.push_back(at::stack(Turned(excluded, spoiling.turns)));
  }
  return {at::cat(inputs), at::cat(targets), OnDevice(turns, device),
          excluded.defined() ? at::cat(left_out) : at::Tensor()};
}

}  // namespace amaes
