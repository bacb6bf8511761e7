#include "libs/train/train_step.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/models/torch_errors.h"
#include "libs/train/failure.h"
#include "libs/train/tensor_buffer.h"

namespace amaes {
namespace {

// After the objective's sums.
constexpr int kFlags = 3;  // skipped, stop, unfinished
// As torch.nn.utils.clip_grad_norm_.
constexpr double kClipEpsilon = 1e-6;

}  // namespace

TrainStep::TrainStep(const Objective& objective, const Network& network, GradientBuckets& buckets, AdamW& optimizer,
                     Communicator& communicator, const TrainStepOptions& options, WeightAverage* average)
    : objective_(objective),
      network_(network),
      buckets_(buckets),
      optimizer_(optimizer),
      communicator_(communicator),
      options_(options),
      average_(average) {}

absl::Status TrainStep::ComputeGradients(std::int64_t update, NextSample next_sample, const StepFlags& flags) {
  AMAES_RETURN_IF_ERROR(TensorFailure(CatchTorch("begin of step", [&] {
    buckets_.BeginStep(update);
    statistics_ = at::zeros({objective_.sums() + kFlags}, at::TensorOptions(at::kDouble).device(options_.device));
  })));
  skipped_ = 0;
  std::int64_t lanes_left = options_.lanes;
  AMAES_ASSIGN_OR_RETURN(std::vector<Sample> samples, NextMicroBatch(next_sample, lanes_left));
  while (!samples.empty()) {
    // One micro-batch ahead, for only the last backward may start the all-reduce.
    AMAES_ASSIGN_OR_RETURN(std::vector<Sample> following, NextMicroBatch(next_sample, lanes_left));
    if (following.empty()) buckets_.ExpectLastBackward();
    AMAES_RETURN_IF_ERROR(Backward(samples));
    samples = std::move(following);
  }
  AMAES_RETURN_IF_ERROR(CollectiveFailure(buckets_.FinishBackward()));
  return ShareStatistics(flags);
}

absl::StatusOr<std::vector<Sample>> TrainStep::NextMicroBatch(NextSample next_sample, std::int64_t& lanes_left) {
  std::vector<Sample> samples;
  while (lanes_left > 0 && samples.empty()) {
    for (std::int64_t i = std::min(options_.micro_batch, lanes_left); i > 0; --i) {
      absl::StatusOr<Sample> sample = next_sample();
      if (!sample.ok()) return DataFailure(sample.status());
      --lanes_left;
      if (sample->skipped) {
        ++skipped_;
      } else {
        samples.push_back(*std::move(sample));
      }
    }
  }
  return samples;
}

absl::Status TrainStep::Backward(const std::vector<Sample>& samples) {
  at::Tensor loss;
  AMAES_RETURN_IF_ERROR(TensorFailure(CatchTorch("forward", [&] {
    std::vector<const Sample*> pointers;
    for (const Sample& sample : samples) pointers.push_back(&sample);
    const ObjectiveResult result = objective_.Compute(network_, pointers);
    statistics_.narrow(0, 0, objective_.sums()) += result.sums;
    loss = result.loss / static_cast<double>(options_.global_batch);
  })));
  return TensorFailure(CatchTorch("backward", [&] { loss.backward(); }));
}

absl::Status TrainStep::ShareStatistics(const StepFlags& flags) {
  AMAES_RETURN_IF_ERROR(TensorFailure(CatchTorch("statistics", [&] {
    const double own[] = {static_cast<double>(skipped_), flags.stop ? 1.0 : 0.0,
                          flags.checkpoint_unfinished ? 1.0 : 0.0};
    statistics_.narrow(0, objective_.sums(), kFlags).copy_(at::tensor(c10::ArrayRef<double>(own)));
  })));
  const absl::StatusOr<Communicator::Ticket> ticket = communicator_.StartAllReduceSum(BufferOf(statistics_));
  AMAES_RETURN_IF_ERROR(CollectiveFailure(ticket.status()));
  AMAES_RETURN_IF_ERROR(CollectiveFailure(buckets_.Wait()));
  AMAES_RETURN_IF_ERROR(CollectiveFailure(communicator_.Wait(*ticket)));
  return ShareSquares();
}

// Bucket b's is computed by rank b mod W alone and summed with the zeros of the others: every rank has the same bits, and they
// do not depend on W.
absl::Status TrainStep::ShareSquares() {
  AMAES_RETURN_IF_ERROR(TensorFailure(CatchTorch("gradient norm", [&] {
    const c10::AutoGradMode no_gradients(false);
    const std::vector<at::Tensor>& flat = buckets_.flat();
    squares_ = at::zeros({static_cast<std::int64_t>(flat.size())}, statistics_.options());
    for (std::size_t i = communicator_.rank(); i < flat.size(); i += communicator_.world_size()) {
      squares_[static_cast<std::int64_t>(i)].copy_(at::linalg_vector_norm(flat[i], 2, {}, false, at::kDouble).square());
    }
  })));
  const absl::StatusOr<Communicator::Ticket> ticket = communicator_.StartAllReduceSum(BufferOf(squares_));
  AMAES_RETURN_IF_ERROR(CollectiveFailure(ticket.status()));
  return CollectiveFailure(communicator_.Wait(*ticket));
}

absl::StatusOr<StepReport> TrainStep::Update(std::int64_t update, double learning_rate, const UpdateLimits& limits) {
  const double all = static_cast<double>(options_.global_batch);
  const int sums = objective_.sums();
  at::Tensor decided;  // [2] float64: norm, 1 where the update is left out
  AMAES_RETURN_IF_ERROR(TensorFailure(CatchTorch("update", [&] {
    const c10::AutoGradMode no_gradients(false);
    const at::Tensor taken = all - statistics_[sums];
    const at::Tensor share = taken.clamp_min(1) / all;
    const at::Tensor norm = squares_.sum().sqrt() / share;
    const at::Tensor loss = statistics_[Objective::kLoss] / statistics_[Objective::kSamples].clamp_min(1);
    // A comparison with NaN is false.
    const at::Tensor good = at::isfinite(loss)
                                .logical_and(at::isfinite(norm))
                                .logical_and(loss <= limits.loss)
                                .logical_and(norm <= limits.norm);
    at::Tensor divisor = share;
    if (options_.clip_norm > 0) divisor = share / (options_.clip_norm / (norm + kClipEpsilon)).clamp_max(1);
    const at::Tensor skip = good.logical_and(taken > 0).logical_not().to(at::kFloat);
    optimizer_.Step(buckets_.flat(), learning_rate, update, divisor.to(at::kFloat), skip);
    if (average_ != nullptr) average_->Update(optimizer_.parameters_flat(), update, skip);
    decided = at::stack({norm, good.logical_not().to(at::kDouble)});
  })));
  // The only wait for a GPU in a step; the update is under way by then.
  AMAES_RETURN_IF_ERROR(CollectiveFailure(communicator_.Synchronize()));
  StepReport report;
  AMAES_RETURN_IF_ERROR(TensorFailure(CatchTorch("statistics", [&] {
    const at::Tensor host = at::cat({statistics_, decided}).to(at::kCPU);
    const double* values = host.const_data_ptr<double>();
    report.sums.assign(values, values + sums);
    values += sums;
    report.skipped = std::llround(values[0]);
    report.stop_requests = std::llround(values[1]);
    report.checkpoints_unfinished = std::llround(values[2]);
    report.gradient_norm = values[kFlags];
    report.left_out = values[kFlags + 1] != 0;
  })));
  return report;
}

}  // namespace amaes
