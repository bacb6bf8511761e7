#include "libs/train/gradient_buckets.h"

#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <utility>

#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/train/flat_view.h"
#include "libs/train/tensor_buffer.h"

namespace amaes {

struct GradientBuckets::State {
  State(std::vector<NamedTensor> parameter_list, std::vector<BucketPlan> bucket_plan, Communicator& comm,
        const FaultAddress& fault_address)
      : parameters(std::move(parameter_list)),
        plan(std::move(bucket_plan)),
        communicator(comm),
        address(fault_address) {}

  // Called inside backward: must not throw, so that errors wait for FinishBackward.
  void GradientReady(std::size_t bucket) {
    if (!last_backward || !error.ok()) return;
    if (!in_backward) {
      in_backward = true;
      FaultPoint("backward", address);
    }
    AMAES_CHECK(missing[bucket] > 0);
    --missing[bucket];
    while (error.ok() && started < plan.size() && missing[started] == 0) error = StartNext();
  }

  absl::Status StartNext() {
    AMAES_ASSIGN_OR_RETURN(const Communicator::Ticket ticket, communicator.StartAllReduceSum(BufferOf(flat[started])));
    tickets.push_back(ticket);
    if (started++ == 0) FaultPoint("all_reduce", address);
    return absl::OkStatus();
  }

  const std::vector<NamedTensor> parameters;
  const std::vector<BucketPlan> plan;
  Communicator& communicator;
  FaultAddress address;
  std::vector<at::Tensor> flat;
  std::vector<std::size_t> missing;  // per bucket: gradients that the last backward has yet to finish
  std::size_t started = 0;           // buckets [0, started) are with the communicator
  std::vector<Communicator::Ticket> tickets;
  bool last_backward = false;
  bool in_backward = false;
  absl::Status error;
};

class GradientBuckets::Hook final : public torch::autograd::PostAccumulateGradHook {
 public:
  Hook(State& state, std::size_t bucket) : state_(state), bucket_(bucket) {}
  void operator()(const at::Tensor&) override { state_.GradientReady(bucket_); }

 private:
  State& state_;
  const std::size_t bucket_;
};

GradientBuckets::GradientBuckets(const std::vector<NamedTensor>& parameters, std::vector<BucketPlan> plan,
                                 Communicator& communicator, const FaultAddress& address)
    : state_(std::make_unique<State>(parameters, std::move(plan), communicator, address)) {
  for (std::size_t bucket = 0; bucket < state_->plan.size(); ++bucket) {
    const BucketPlan& layout = state_->plan[bucket];
    const at::Tensor& first = parameters[layout.slots.front().parameter].tensor;
    state_->flat.push_back(at::zeros({layout.elements}, first.options().requires_grad(false)));
    for (const BucketSlot& slot : layout.slots) {
      const at::Tensor& parameter = parameters[slot.parameter].tensor;
      parameter.mutable_grad() = FlatView(state_->flat.back(), slot, parameter);
      torch::autograd::impl::set_post_acc_grad_hooks(parameter, std::make_unique<Hook>(*state_, bucket));
    }
  }
}

GradientBuckets::~GradientBuckets() {
  for (const NamedTensor& parameter : state_->parameters) {
    torch::autograd::impl::set_post_acc_grad_hooks(parameter.tensor, nullptr);
    parameter.tensor.mutable_grad().reset();
  }
}

void GradientBuckets::BeginStep(std::int64_t step) {
  State& state = *state_;
  for (at::Tensor& flat : state.flat) flat.zero_();
  state.missing.clear();
  for (const BucketPlan& bucket : state.plan) state.missing.push_back(bucket.slots.size());
  state.address.step = step;
  state.started = 0;
  state.tickets.clear();
  state.last_backward = false;
  state.in_backward = false;
  state.error = absl::OkStatus();
}

void GradientBuckets::ExpectLastBackward() { state_->last_backward = true; }

absl::Status GradientBuckets::FinishBackward() {
  State& state = *state_;
  while (state.error.ok() && state.started < state.plan.size()) state.error = state.StartNext();
  return state.error;
}

absl::Status GradientBuckets::Wait() {
  AMAES_RETURN_IF_ERROR(state_->error);
  for (const Communicator::Ticket ticket : state_->tickets) {
    AMAES_RETURN_IF_ERROR(state_->communicator.Wait(ticket));
  }
  return absl::OkStatus();
}

const std::vector<at::Tensor>& GradientBuckets::flat() const { return state_->flat; }
const std::vector<BucketPlan>& GradientBuckets::plan() const { return state_->plan; }

}  // namespace amaes
